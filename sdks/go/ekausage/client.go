package ekausage

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

// A Client reports usage to Kafka without blocking its caller. Create one per process, keep it, and
// call Shutdown when the process ends, at SIGTERM too, which sends what is still queued. All methods are safe for
// concurrent use.
type Client struct {
	encoder      *encode.Encoder
	outbox       outbox
	outcomes     outcomes
	debug        bool
	disabled     bool
	shutdownTime time.Duration
	shutdown     sync.Mutex
	finished     bool
}

// New returns a client. serviceName is part of every event. No connection is made yet. An error has
// the code config.invalid and names the option or variable that cannot be used.
func New(serviceName string, opts ...Option) (*Client, error) {
	o := applyOptions(opts)
	s, err := resolveSettings(o.properties, o.settings, os.Getenv, o.producer == nil)
	if err != nil {
		return nil, err
	}
	if rejection := encode.CheckServiceName(serviceName); rejection != nil {
		return nil, newError(*rejection)
	}
	hostname := machineName()
	if o.hostname != nil {
		hostname = *o.hostname
		if rejection := encode.CheckHostname(hostname); rejection != nil {
			return nil, newError(*rejection)
		}
	}
	c := &Client{
		encoder: encode.NewEncoder(&encode.Config{
			ServiceName:    serviceName,
			Hostname:       hostname,
			SDKVersion:     SDKVersion,
			CatalogVersion: CatalogVersion,
			Now:            o.now,
			NewID:          o.newID,
		}),
		debug:        o.debug,
		shutdownTime: s.milliseconds(settingShutdownTimeoutMs),
	}
	c.outcomes.reporter.onError = o.onError
	c.outbox.outcomes = &c.outcomes
	c.outbox.maxEvents = s.integer(settingMaxQueueEvents)
	c.outbox.maxBytes = s.integer(settingMaxQueueBytes)
	if c.disabled = s.boolean(settingDisabled); c.disabled {
		c.outbox.transport = disabledTransport{o.producer, c.outbox.settled}
		return c, nil
	}
	openReplay, err := c.connect(s, o.producer)
	if err != nil {
		return nil, err
	}
	if c.outbox.spool, err = openSpool(c, s, o, openReplay); err != nil {
		c.outbox.transport.close()
		return nil, err
	}
	c.outbox.durable = c.outbox.spool != nil && s.text(settingSpool) == spoolDurable
	if s.boolean(settingFlushOnSigterm) {
		sigterm.register(c)
	}
	return c, nil
}

// connect creates the transport for events in memory, and returns what opens the one for events on
// disk.
func (c *Client) connect(s *settings, producer Producer) (openReplayTransport, error) {
	if producer != nil {
		c.outbox.transport = newInjectedTransport(producer, c.outbox.settled)
		return func() (spool.ReplayTransport, error) { return sharedTransport{producer}, nil }, nil
	}
	log := &kafkaLog{&c.outcomes.reporter.log, s.hideSecrets}
	var err error
	c.outbox.transport, err = newKafkaTransport(s, log, c.outbox.settled)
	return func() (spool.ReplayTransport, error) { return newKafkaReplayTransport(s, log) }, err
}

// Record reports one event of usage and returns its id. It never blocks on the network. An empty
// status means DefaultStatus, a nil unitCost that the cost is unknown. An error means that the event
// was not accepted; it is reported to the error handler as well.
func (c *Client) Record(
	workspaceID, product, metricType string,
	quantity float64,
	status string,
	unitCost *float64,
	metadata map[string]any,
	opts ...RecordOption,
) (eventID string, err error) {
	return c.apply(call{
		WorkspaceID: workspaceID,
		Product:     product,
		MetricType:  metricType,
		Quantity:    quantity,
		Status:      status,
		UnitCost:    unitCost,
		Metadata:    metadata,
	}, opts)
}

// RecordMetric is Record with a generated constant in place of product and metric type, so that a pair
// which the catalog lacks does not compile.
func (c *Client) RecordMetric(
	workspaceID string, metric Metric, quantity float64, opts ...RecordOption,
) (eventID string, err error) {
	return c.apply(call{
		WorkspaceID: workspaceID, ByMetric: true, Metric: uint32(metric), Quantity: quantity,
	}, opts)
}

// Log reports one failure: an event with the catalog's status for failures, whose metadata has the
// message and its level, one of LogLevels. An empty level means DefaultLogLevel.
func (c *Client) Log(
	workspaceID, product, metricType, message, level string, metadata map[string]any,
) (eventID string, err error) {
	known := DefaultLogLevel
	if slices.Contains(encode.LogLevels[:], level) {
		known = level
	}
	eventID, err = c.record(&call{
		WorkspaceID: workspaceID,
		Product:     product,
		MetricType:  metricType,
		Quantity:    encode.DefaultQuantity,
		Status:      encode.Statuses[encode.LogStatus].Name,
		Metadata:    encode.LogMetadata(metadata, known, message),
	})
	if err == nil && level != "" && known != level {
		lost := fmt.Sprintf("level %s: %s", encode.DescribeValue(level), encode.Suggest(level, encode.LogLevels[:]))
		c.outcomes.degraded(lost, eventID)
	}
	return eventID, err
}

// apply keeps the arguments of a call without options on the stack.
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
	if reason := c.outbox.rejectReason(); reason != "" {
		return "", c.outcomes.rejected(call, c.outbox.rejection(reason))
	}
	s := encode.GetScratch()
	defer s.Release()
	checked, rejection := c.encoder.Encode(s, call)
	if rejection != nil {
		return "", c.outcomes.rejected(call, invalid(rejection))
	}
	size := checked.Size() + len(call.WorkspaceID)
	queued, reason := c.outbox.enter(int64(size))
	if reason != "" {
		return "", c.outcomes.rejected(call, c.outbox.rejection(reason))
	}
	text := checked.Append(s.Carve(size), c.outbox.nextSeq())
	length := len(text)
	text = s.Keep(append(text, call.WorkspaceID...))
	e := event{key: text[length:], value: text[:length:length], at: checked.At}
	if err := c.outbox.send(e, queued); err != nil {
		c.notSpooled(err)
	}
	if c.debug {
		slog.Debug("ekausage: accepted", "event", string(text[:length]))
	}
	if checked.Lost != "" {
		c.outcomes.degraded(checked.Lost, checked.EventID)
	}
	return checked.EventID, nil
}

// Flush waits until every accepted event is delivered or has failed, or the context is done. The error
// then states how many are still queued.
func (c *Client) Flush(ctx context.Context) error { return c.outbox.flush(ctx, 0) }

// Stats returns the counters of this client.
func (c *Client) Stats() Stats {
	stats := c.withSpoolCounters(c.outcomes.ledger.stats())
	stats.Disabled = c.disabled
	return stats
}

// InstanceID returns the id of this client, which is part of every event.
func (c *Client) InstanceID() string { return c.encoder.InstanceID() }

// Shutdown sends what is queued, for up to WithShutdownTimeout, and gives up the rest. It returns how
// many events that were, each of which is reported to the error handler as shutdown.timeout. Record
// then fails with ErrClosed. Further calls do nothing.
func (c *Client) Shutdown() int {
	ctx, cancel := context.WithTimeout(context.Background(), c.shutdownTime)
	defer cancel()
	return c.ShutdownContext(ctx)
}

// ShutdownContext is Shutdown with a context in place of WithShutdownTimeout.
func (c *Client) ShutdownContext(ctx context.Context) int {
	c.shutdown.Lock()
	defer c.shutdown.Unlock()
	if c.finished {
		return 0
	}
	c.outbox.closed.Store(true)
	_ = c.outbox.flush(ctx, c.patience())
	c.outbox.transport.close()
	c.releaseSpool()
	c.outcomes.reporter.log.close()
	sigterm.unregister(c)
	c.finished = true
	return int(c.outcomes.givenUp.Load())
}

// String describes the client without its secrets.
func (c *Client) String() string {
	return fmt.Sprintf("ekausage.Client(topic=%s, instance_id=%s)", UsageTopic, c.InstanceID())
}

// flushAtExit sends what is queued, for up to the shutdown timeout, and spills the rest.
func (c *Client) flushAtExit() {
	ctx, cancel := context.WithTimeout(context.Background(), c.shutdownTime)
	defer cancel()
	_ = c.outbox.flush(ctx, c.patience())
	c.outbox.spillAll()
}
