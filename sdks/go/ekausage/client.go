package ekausage

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

// A Client reports usage to Kafka without making its caller wait. Make one a process, keep it, and
// shut it down when the process ends: what is queued then is sent, which nothing else does. All
// methods may be called by many goroutines.
type Client struct {
	encoder      *eventEncoder
	outbox       outbox
	books        ledger
	reporter     reporter
	debug        bool
	shutdownTime time.Duration
	shutdown     sync.Mutex
	finished     bool
	givenUp      atomic.Int64
}

// New makes a client. serviceName stands in every event. An error has the code config.invalid and
// says which option or variable cannot be used, and why; no connection is made yet.
func New(serviceName string, opts ...Option) (*Client, error) {
	o := applied(opts)
	s, err := resolveSettings(o.properties, o.arguments, os.Getenv, o.producer == nil)
	if err != nil {
		return nil, err
	}
	if err := checkServiceName(serviceName); err != nil {
		return nil, err
	}
	hostname := machine()
	if o.hostname != nil {
		if hostname = *o.hostname; checkHostname(hostname) != nil {
			return nil, checkHostname(hostname)
		}
	}
	c := &Client{
		encoder:      newEventEncoder(serviceName, hostname, o.clock, o.newID),
		debug:        o.debug,
		shutdownTime: s.milliseconds(settingShutdownTimeoutMs),
	}
	c.reporter.onError = o.onError
	c.outbox.books = &c.books
	c.outbox.maxEvents = s.integer(settingMaxQueueEvents)
	c.outbox.maxBytes = s.integer(settingMaxQueueBytes)
	replay, err := c.connect(s, o.producer)
	if err != nil {
		return nil, err
	}
	if c.outbox.spool, err = openSpool(c, s, o, replay); err != nil {
		c.outbox.transport.close()
		return nil, err
	}
	c.outbox.durable = c.outbox.spool != nil && s.text(settingSpool) == spoolDurable
	if s.boolean(settingFlushOnSigterm) {
		sigterm.adopt(c)
	}
	return c, nil
}

// connect makes what events leave by, from memory and, apart from that, from disk.
func (c *Client) connect(s *settings, producer Producer) (openReplayTransport, error) {
	if producer != nil {
		c.outbox.transport = newInjectedTransport(producer, c.settled)
		return func() (spool.ReplayTransport, error) { return sharedTransport{producer}, nil }, nil
	}
	log := &kafkaLog{&c.reporter.log, s.hideSecrets}
	var err error
	c.outbox.transport, err = newKafkaTransport(s, log, c.settled)
	return func() (spool.ReplayTransport, error) { return newKafkaReplayTransport(s, log) }, err
}

// Record reports one event of usage and returns its id. It never waits. An empty status means
// DefaultStatus, a nil unitCost that the cost is unknown. An error says that the event was not
// accepted; the error handler hears it too.
func (c *Client) Record(
	workspaceID, product, metricType string,
	quantity float64,
	status string,
	unitCost *float64,
	metadata map[string]any,
	opts ...RecordOption,
) (eventID string, err error) {
	return c.apply(call{
		workspaceID: workspaceID,
		product:     product,
		metricType:  metricType,
		quantity:    quantity,
		status:      status,
		unitCost:    unitCost,
		metadata:    metadata,
	}, opts)
}

// RecordMetric is Record with one of the generated constants in place of product and metric type, so
// that no wrong pair can be said.
func (c *Client) RecordMetric(
	workspaceID string, metric Metric, quantity float64, opts ...RecordOption,
) (eventID string, err error) {
	return c.apply(call{workspaceID: workspaceID, byMetric: true, metric: metric, quantity: quantity}, opts)
}

// Log reports one failure: an event whose status is the catalog's for failures, and whose metadata
// has the message and its level, one of LogLevels. An empty level means DefaultLogLevel.
func (c *Client) Log(
	workspaceID, product, metricType, message, level string, metadata map[string]any,
) (eventID string, err error) {
	known := knownLevel(level)
	eventID, err = c.record(&call{
		workspaceID: workspaceID,
		product:     product,
		metricType:  metricType,
		quantity:    quantityDefault,
		status:      statusTable[logStatus].name,
		metadata:    logMetadata(metadata, known, message),
	})
	if err == nil && level != "" && known != level {
		c.degraded(fmt.Sprintf("level %s: %s", shown(level), nearest(level, logLevels[:])), eventID)
	}
	return eventID, err
}

// apply keeps calls without options from needing memory for them.
func (c *Client) apply(call call, opts []RecordOption) (string, error) {
	if len(opts) == 0 {
		return c.record(&call)
	}
	changed := call
	for _, option := range opts {
		option(&changed)
	}
	return c.record(&changed)
}

func (c *Client) record(call *call) (string, error) {
	if refused := c.outbox.rejectReason(); refused != "" {
		return "", c.refused(call, refused)
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	made, err := c.encoder.encode(s, call)
	if err != nil {
		return "", c.rejected(call, err)
	}
	size := made.parts.size(&made.values) + len(call.workspaceID)
	queued, refused := c.outbox.enter(int64(size))
	if refused != "" {
		return "", c.refused(call, refused)
	}
	made.values.seq = c.outbox.number()
	text := made.parts.append(s.carve(size), &made.values)
	length := len(text)
	text = s.keep(append(text, call.workspaceID...))
	e := event{key: text[length:], value: text[:length:length], at: made.at}
	if err := c.outbox.send(e, queued); err != nil {
		c.unwritten(err)
	}
	if c.debug {
		slog.Debug("ekausage: accepted", "event", string(text[:length]))
	}
	if made.lost != "" {
		c.degraded(made.lost, made.eventID)
	}
	return made.eventID, nil
}

// Flush waits until every accepted event is delivered or has failed, or the context is done; the
// error then says how many are still queued.
func (c *Client) Flush(ctx context.Context) error { return c.outbox.flush(ctx, 0) }

// Stats says what became of the events of this client.
func (c *Client) Stats() Stats { return c.withDisk(c.books.stats()) }

// InstanceID identifies this client; it stands in every event.
func (c *Client) InstanceID() string { return c.encoder.instanceID }

// Shutdown sends what is queued, for as long as WithShutdownTimeout allows, and gives up the rest.
// It returns how many events that were; the error handler heard shutdown.timeout of each. Record is
// refused with ErrClosed afterwards. Further calls do nothing.
func (c *Client) Shutdown() int {
	ctx, cancel := context.WithTimeout(context.Background(), c.shutdownTime)
	defer cancel()
	return c.ShutdownContext(ctx)
}

// ShutdownContext is Shutdown that waits until the context is done.
func (c *Client) ShutdownContext(ctx context.Context) int {
	c.shutdown.Lock()
	defer c.shutdown.Unlock()
	if c.finished {
		return 0
	}
	c.outbox.closed.Store(true)
	_ = c.outbox.flush(ctx, c.patience())
	c.outbox.transport.close()
	c.leaveDisk()
	c.reporter.log.close()
	sigterm.release(c)
	c.finished = true
	return int(c.givenUp.Load())
}

// String names the client without its secrets.
func (c *Client) String() string {
	return fmt.Sprintf("ekausage.Client(topic=%s, instance_id=%s)", UsageTopic, c.InstanceID())
}

func (c *Client) flushAtEnd() {
	ctx, cancel := context.WithTimeout(context.Background(), c.shutdownTime)
	defer cancel()
	_ = c.outbox.flush(ctx, c.patience())
	c.outbox.toDisk()
}

// machine is the machine's name, as far as it can stand in an event.
func machine() string {
	name, err := os.Hostname()
	if err != nil || !isText(name, 1, longestHostname) || !utf8.ValidString(name) {
		return "unknown"
	}
	return name
}
