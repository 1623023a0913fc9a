// Command driver puts the Go SDK behind the protocol of tests/conformance/driver.md.
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

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
)

const longestLine = 64 << 20

// request is any of the requests, with what each may hold.
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
}

// call holds the arguments of a record or a log, by the names of the event's fields.
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
	Message     string         `json:"message"`
	Level       string         `json:"level"`
}

type reply map[string]any

type driver struct {
	client *ekausage.Client
	output sync.Mutex
}

func main() {
	var d driver
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		d.answer(lines.Bytes())
	}
}

func (d *driver) say(line reply) {
	text, err := json.Marshal(line)
	if err != nil {
		text = []byte(fmt.Sprintf(`{"fault":%q}`, err))
	}
	d.output.Lock()
	defer d.output.Unlock()
	_, _ = os.Stdout.Write(append(text, '\n'))
}

// answer answers one request; a request that makes no sense is a fault.
func (d *driver) answer(line []byte) {
	var r request
	made, err := reply(nil), error(nil)
	reader := json.NewDecoder(bytes.NewReader(line))
	reader.DisallowUnknownFields()
	reader.UseNumber()
	if err = reader.Decode(&r); err == nil {
		made, err = d.do(&r)
	}
	if err != nil {
		made = reply{"fault": err.Error()}
	}
	made["id"] = r.ID
	d.say(made)
}

func (d *driver) do(r *request) (reply, error) {
	if d.client == nil && r.Do != "new" && r.Do != "exit" {
		return nil, errors.New("there is no client yet")
	}
	switch r.Do {
	case "new":
		return d.new(r)
	case "record":
		return repeat(func() (string, error) { return d.record(&r.Call) }, number(r.Times, 1), number(r.Threads, 1)), nil
	case "log":
		return repeat(func() (string, error) { return d.log(&r.Call) }, 1, 1), nil
	case "flush":
		return d.flush(number(r.Timeout, 0)), nil
	case "stats":
		s := d.client.Stats()
		return reply{
			"accepted": s.Accepted, "delivered": s.Delivered, "failed": s.Failed, "queued": s.Queued,
			"spooled": s.Spooled, "adopted": s.Adopted, "replayed": s.Replayed,
			"dead_lettered": s.DeadLettered, "oldest_spooled_ms": s.OldestSpooledMs,
			"rejected": s.Rejected,
		}, nil
	case "shutdown":
		return d.shutdown(r.Timeout), nil
	case "exit", "halt":
		os.Exit(r.Code)
	case "throw":
		panic("nobody recovers from this")
	case "hog":
		hog()
	case "handle":
		return reply{}, d.handle(r.Signal)
	case "stream":
		pause := time.Duration(number(r.Pause, 0)) * time.Millisecond
		return d.stream(&r.Call, number(r.Times, 0), pause), nil
	}
	return nil, fmt.Errorf("%q is not supported", r.Do)
}

// found is what the driver's own environment says of settings.
var found = map[string]string{}

// new says the settings by their variables, which takes any of them by its name.
func (d *driver) new(r *request) (reply, error) {
	variables := map[string]string{}
	for _, setting := range ekausage.Settings() {
		variables[setting.Name] = setting.Variable
		if _, known := found[setting.Variable]; !known {
			found[setting.Variable] = os.Getenv(setting.Variable)
		}
		_ = os.Setenv(setting.Variable, found[setting.Variable])
	}
	for name, value := range r.Settings {
		variable, known := variables[name]
		if !known {
			return nil, fmt.Errorf("there is no setting %q", name)
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
	offset := time.Duration(number(r.ClockOffset, 0)) * time.Millisecond
	client, err := ekausage.New(service, ekausage.WithOnError(func(err error, context map[string]any) {
		d.heard(context)
		if r.OnError == "throw" {
			panic(err)
		}
	}), ekausage.WithClock(func() time.Time { return time.Now().Add(offset) }))
	if err != nil {
		return nil, err
	}
	d.client = client
	return reply{"instance_id": client.InstanceID()}, nil
}

func (d *driver) heard(context map[string]any) {
	told := reply{}
	for _, name := range []string{"code", "field", "reason", "event_id"} {
		if told[name] = context[name]; told[name] == "" {
			told[name] = nil
		}
	}
	d.say(reply{"error": told})
}

func (d *driver) record(c *call) (string, error) {
	var opts []ekausage.RecordOption
	if c.EventID != nil {
		opts = append(opts, ekausage.WithEventID(*c.EventID))
	}
	if c.OccurredAt != nil {
		opts = append(opts, ekausage.WithOccurredAtText(*c.OccurredAt))
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

// handle ends the process as a service does that defers Shutdown.
func (d *driver) handle(name string) error {
	number, known := map[string]os.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT}[name]
	if !known {
		return fmt.Errorf("there is no signal %q here", name)
	}
	received := make(chan os.Signal, 1)
	signal.Notify(received, number)
	go func() {
		<-received
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

// stream records, and says of each event at once that it was accepted.
func (d *driver) stream(c *call, times int, pause time.Duration) reply {
	streamed := 0
	for done := 0; times == 0 || done < times; done++ {
		id, err := d.record(c)
		if err != nil {
			time.Sleep(time.Millisecond) // it was refused, and what refuses it takes its time
			continue
		}
		streamed++
		_, _ = os.Stdout.WriteString(`{"accepted": "` + id + `"}` + "\n")
		time.Sleep(pause)
	}
	return reply{"streamed": streamed}
}

func (d *driver) flush(timeout int) reply {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(timeout)*time.Millisecond)
	defer cancel()
	started := time.Now()
	_ = d.client.Flush(ctx) // what it says, the books say too
	took := milliseconds(time.Since(started))
	s := d.client.Stats()
	return reply{"took": took, "queued": s.Queued + s.Spooled}
}

func (d *driver) shutdown(timeout *int) reply {
	started := time.Now()
	var undelivered int
	if timeout == nil {
		undelivered = d.client.Shutdown()
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(*timeout)*time.Millisecond)
		defer cancel()
		undelivered = d.client.ShutdownContext(ctx)
	}
	return reply{"took": milliseconds(time.Since(started)), "undelivered": undelivered}
}

// repeat calls in each thread that many times.
func repeat(call func() (string, error), times, threads int) reply {
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
	return reply{"accepted": ids, "refused": times*threads - len(ids), "slowest": milliseconds(longest)}
}

func number(given *int, otherwise int) int {
	if given == nil {
		return otherwise
	}
	return *given
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
