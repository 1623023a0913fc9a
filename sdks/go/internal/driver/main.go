// Command driver exposes the Go SDK by the protocol of tests/conformance/driver.md.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	exposition "github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/prometheus"
)

const longestLine = 64 << 20

// request holds the fields of all requests.
type request struct {
	ID          json.Number                `json:"id"`
	Do          string                     `json:"do"`
	Settings    map[string]json.RawMessage `json:"settings"`
	ServiceName string                     `json:"service_name"`
	OnError     string                     `json:"on_error"`
	Call        call                       `json:"call"`
	Times       *int                       `json:"times"`
	Threads     *int                       `json:"threads"`
	Timeout     *int                       `json:"timeout"`
	Code        int                        `json:"code"`
	Signal      string                     `json:"signal"`
	Pause       *int                       `json:"pause"`
	ClockOffset *int                       `json:"clock_offset"`
	Calls       []call                     `json:"calls"`
	Amounts     []amount                   `json:"amounts"`
	Elapsed     int                        `json:"elapsed"`
	Wall        *int                       `json:"wall"`
	Fails       bool                       `json:"fails"`
	Ends        *int                       `json:"ends"`
	Boundary    string                     `json:"boundary"`
	SessionID   string                     `json:"session_id"`
	At          any                        `json:"at"`
	Metrics     bool                       `json:"metrics"`
	TraceID     string                     `json:"trace_id"`
	SpanID      string                     `json:"span_id"`
	usageRequest
}

// call holds the arguments of record or log, by the names of the event's fields.
type call struct {
	WorkspaceID string         `json:"workspace_id"`
	Product     string         `json:"product"`
	MetricType  string         `json:"metric_type"`
	Quantity    *float64       `json:"quantity"`
	Status      string         `json:"status"`
	UnitCost    *float64       `json:"unit_cost"`
	Metadata    map[string]any `json:"metadata"`
	EventID     *string        `json:"event_id"`
	OccurredAt  *string        `json:"occurred_at"`
	ServiceName string         `json:"service_name"`
	Reason      string         `json:"reason"`
	Message     string         `json:"message"`
	Level       string         `json:"level"`
}

type response map[string]any

type driver struct {
	client   *ekausage.Client
	registry *prometheus.Registry // of the client
	clocks   clocks
	output   sync.Mutex
}

func main() {
	var d driver
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		d.handleLine(lines.Bytes())
	}
}

func (d *driver) write(line response) {
	text, err := json.Marshal(line)
	if err != nil {
		text = []byte(fmt.Sprintf(`{"fault":%q}`, err))
	}
	d.output.Lock()
	defer d.output.Unlock()
	_, _ = os.Stdout.Write(append(text, '\n'))
}

// handleLine responds to one request, to an invalid one with a fault.
func (d *driver) handleLine(line []byte) {
	var r request
	result, err := response(nil), error(nil)
	reader := json.NewDecoder(bytes.NewReader(line))
	reader.DisallowUnknownFields()
	reader.UseNumber()
	if err = reader.Decode(&r); err == nil {
		result, err = d.do(&r)
	}
	if err != nil {
		result = response{"fault": err.Error()}
	}
	result["id"] = r.ID
	d.write(result)
}

func (d *driver) do(r *request) (response, error) {
	if d.client == nil && r.Do != "new" && r.Do != "exit" && r.Do != "usage_client" {
		return nil, errors.New("there is no client yet")
	}
	switch r.Do {
	case "new":
		return d.new(r)
	case "record":
		return repeat(func() (string, error) { return d.record(&r.Call) }, number(r.Times, 1), number(r.Threads, 1)), nil
	case "log":
		return repeat(func() (string, error) { return d.log(&r.Call) }, 1, 1), nil
	case "record_many":
		return d.recordMany(r), nil
	case "record_amounts":
		return d.recordAmounts(r), nil
	case "void":
		return repeat(func() (string, error) { return d.void(&r.Call) }, 1, 1), nil
	case "session":
		return d.session(r), nil
	case "session_boundary":
		return d.boundary(r)
	case "flush":
		return d.flush(number(r.Timeout, 0)), nil
	case "stats":
		s := d.client.Stats()
		return response{
			"accepted": s.Accepted, "delivered": s.Delivered, "failed": s.Failed, "queued": s.Queued,
			"spooled": s.Spooled, "adopted": s.Adopted, "replayed": s.Replayed,
			"dead_lettered": s.DeadLettered, "oldest_spooled_ms": s.OldestSpooledMs,
			"rejected": s.Rejected, "disabled": s.Disabled, "spool_error": s.SpoolError,
			"spooled_total": s.SpooledTotal, "retried": s.Retried, "spool_bytes": s.SpoolBytes,
		}, nil
	case "span":
		return d.span(r.TraceID, r.SpanID)
	case "usage_client":
		return usageClient(&r.usageRequest)
	case "metrics":
		return d.metrics()
	case "shutdown":
		return d.shutdown(r.Timeout), nil
	case "exit", "halt":
		os.Exit(r.Code)
	case "throw":
		panic("unhandled, as requested")
	case "hog":
		hog()
	case "handle":
		return response{}, d.handle(r.Signal)
	case "stream":
		pause := time.Duration(number(r.Pause, 0)) * time.Millisecond
		return d.stream(&r.Call, number(r.Times, 0), pause), nil
	}
	return nil, fmt.Errorf("%q is not supported", r.Do)
}

// inherited holds the variables that the driver was started with.
var inherited = map[string]string{}

// new sets the settings through their variables, which covers each of them by its name.
func (d *driver) new(r *request) (response, error) {
	variables := map[string]string{}
	for _, setting := range ekausage.Settings() {
		variables[setting.Name] = setting.Variable
		if _, known := inherited[setting.Variable]; !known {
			inherited[setting.Variable] = os.Getenv(setting.Variable)
		}
		_ = os.Setenv(setting.Variable, inherited[setting.Variable])
	}
	for name, value := range r.Settings {
		variable, known := variables[name]
		if !known {
			return nil, fmt.Errorf("unknown setting %q", name)
		}
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		_ = os.Setenv(variable, text)
	}
	service := r.ServiceName
	if service == "" {
		service = "driver"
	}
	d.clocks.set(time.Duration(number(r.ClockOffset, 0)) * time.Millisecond)
	client, err := ekausage.New(service, ekausage.WithOnError(func(err error, context map[string]any) {
		d.writeError(context)
		if r.OnError == "throw" {
			panic(err)
		}
	}), ekausage.WithClock(d.clocks.now), ekausage.WithMonotonicClock(d.clocks.monotonic))
	if err != nil {
		return nil, err
	}
	d.client, d.registry = client, prometheus.NewRegistry()
	if r.Metrics {
		err = exposition.Register(d.registry, client)
	}
	if err != nil {
		return nil, err
	}
	return response{"instance_id": client.InstanceID()}, nil
}

func (d *driver) writeError(context map[string]any) {
	fields := response{}
	for _, name := range []string{"code", "field", "reason", "event_id", "index"} {
		if fields[name] = context[name]; fields[name] == "" {
			fields[name] = nil
		}
	}
	d.write(response{"error": fields})
}

func (d *driver) record(c *call) (string, error) {
	var opts []ekausage.RecordOption
	if c.EventID != nil {
		opts = append(opts, ekausage.WithEventID(*c.EventID))
	}
	if c.OccurredAt != nil {
		opts = append(opts, ekausage.WithOccurredAtText(*c.OccurredAt))
	}
	if c.ServiceName != "" {
		opts = append(opts, ekausage.WithServiceName(c.ServiceName))
	}
	quantity := 1.0
	if c.Quantity != nil {
		quantity = *c.Quantity
	}
	return d.client.Record(c.WorkspaceID, c.Product, c.MetricType, quantity, c.Status, c.UnitCost, c.Metadata, opts...)
}

func (d *driver) log(c *call) (string, error) {
	return d.client.Log(c.WorkspaceID, c.Product, c.MetricType, c.Message, c.Level, c.Metadata)
}

// handle ends the process on a signal as a service does at the end of its graceful shutdown.
func (d *driver) handle(name string) error {
	number, known := map[string]os.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT}[name]
	if !known {
		return fmt.Errorf("unknown signal %q", name)
	}
	ctx, stop := signal.NotifyContext(context.Background(), number)
	go func() {
		<-ctx.Done()
		stop()
		d.client.Shutdown()
		os.Exit(0)
	}()
	return nil
}

var hogged [][]byte

// hog allocates memory, and touches it, until there is none.
func hog() {
	for {
		piece := make([]byte, 1<<24)
		for i := 0; i < len(piece); i += 4096 {
			piece[i] = 1
		}
		hogged = append(hogged, piece)
	}
}

// stream records, and writes a line for each event as soon as it is accepted.
func (d *driver) stream(c *call, times int, pause time.Duration) response {
	streamed := 0
	for done := 0; times == 0 || done < times; done++ {
		id, err := d.record(c)
		if err != nil {
			time.Sleep(time.Millisecond) // rejected: wait for what may change that
			continue
		}
		streamed++
		_, _ = os.Stdout.WriteString(`{"accepted": "` + id + `"}` + "\n")
		time.Sleep(pause)
	}
	return response{"streamed": streamed}
}

func (d *driver) flush(timeout int) response {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(timeout)*time.Millisecond)
	defer cancel()
	started := time.Now()
	_ = d.client.Flush(ctx) // the counters below state the same
	took := milliseconds(time.Since(started))
	s := d.client.Stats()
	return response{"took": took, "queued": s.Queued + s.Spooled}
}

func (d *driver) shutdown(timeout *int) response {
	started := time.Now()
	var undelivered int
	if timeout == nil {
		undelivered = d.client.Shutdown()
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(*timeout)*time.Millisecond)
		defer cancel()
		undelivered = d.client.ShutdownContext(ctx)
	}
	return response{"took": milliseconds(time.Since(started)), "undelivered": undelivered}
}

// repeat calls so many times in each thread.
func repeat(call func() (string, error), times, threads int) response {
	accepted := make([][]string, threads)
	slowest := make([]time.Duration, threads)
	var running sync.WaitGroup
	for thread := range threads {
		running.Go(func() {
			for range times {
				started := time.Now()
				id, err := call()
				slowest[thread] = max(slowest[thread], time.Since(started))
				if err == nil {
					accepted[thread] = append(accepted[thread], id)
				}
			}
		})
	}
	running.Wait()
	ids := []string{}
	longest := time.Duration(0)
	for thread := range threads {
		ids = append(ids, accepted[thread]...)
		longest = max(longest, slowest[thread])
	}
	return response{"accepted": ids, "rejected": times*threads - len(ids), "slowest": milliseconds(longest)}
}

func number(given *int, otherwise int) int {
	if given == nil {
		return otherwise
	}
	return *given
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
