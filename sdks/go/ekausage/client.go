package ekausage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
)

// A Client reports usage to Kafka without blocking its caller. Create one per process, keep it, and
// call Shutdown when the process ends, at SIGTERM too, which sends what is still queued. All methods are safe for
// concurrent use.
//
// The methods of a nil *Client, as New returns one with an error, do not panic: those that record reject each event
// with CodeConfigInvalid, which is logged, Flush and ResetAfterRestore return that error, and Shutdown does nothing.
type Client struct {
	*core
	defaults *call // of a client that Bind returned; nil: none
}

// core is what a client shares with those that Bind returns.
type core struct {
	// What the client is, until ResetAfterRestore.
	instance    atomic.Pointer[instance]
	newInstance func() (*instance, error)
	// Held while the client is reset or shut down.
	ending       sync.Mutex
	disabled     bool
	counting     atomic.Bool // whether EventCounts counts
	shutdownTime time.Duration
	origin       *Client // the one that New returned
	sessions     sessions
}

// New returns a client. serviceName is part of every event. No connection is made yet. An error has
// the code config.invalid and names the option or variable that cannot be used.
func New(serviceName string, opts ...Option) (*Client, error) {
	o := applyOptions(opts)
	o.guardHooks()
	s, err := resolveSettings(o, os.Getenv, o.producer == nil)
	if err != nil {
		return nil, err
	}
	s.kafka = o.kafka
	if serviceName == "" {
		serviceName = o.config.serviceName
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
	c := &Client{core: &core{
		newInstance:  func() (*instance, error) { return newInstance(serviceName, hostname, s, o) },
		shutdownTime: s.milliseconds(settingShutdownTimeoutMs),
		disabled:     s.boolean(settingDisabled),
	}}
	c.origin = c
	c.sessions.now, c.sessions.monotonic = o.clocks()
	first, err := c.newInstance()
	if err != nil {
		return nil, err
	}
	c.instance.Store(first)
	c.opened(&first.outcomes.reporter.log)
	if inClear := s.sendsInClear(); inClear != "" && !c.disabled && o.producer == nil {
		first.outcomes.reporter.log.write(slog.LevelWarn, "password", inClear)
	}
	if !c.disabled && s.boolean(settingFlushOnSigterm) {
		sigterm.register(c)
	}
	return c, nil
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
	cost := Amount{}
	if unitCost != nil {
		cost = AmountOf(*unitCost)
	}
	return c.apply(call{
		WorkspaceID: workspaceID,
		Product:     product,
		MetricType:  metricType,
		Quantity:    quantity,
		Status:      status,
		UnitCost:    cost.value,
		HasUnitCost: cost.given,
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

// RecordUsage is Record with its arguments by name. What is not set has a default.
func (c *Client) RecordUsage(usage Usage) (eventID string, err error) {
	c = c.present()
	call := usage.call()
	c.fill(&call)
	return c.instance.Load().record(&call)
}

// Log reports one failure: an event with the catalog's status for failures, whose metadata has the
// message and its level, one of LogLevels. An empty level means DefaultLogLevel. Of the options, those
// that set status, unit cost or metadata have no effect.
func (c *Client) Log(
	workspaceID, product, metricType, message, level string, metadata map[string]any, opts ...RecordOption,
) (eventID string, err error) {
	c = c.present()
	known := DefaultLogLevel
	if slices.Contains(encode.LogLevels[:], level) {
		known = level
	}
	i := c.instance.Load()
	logged := call{
		WorkspaceID: workspaceID,
		Product:     product,
		MetricType:  metricType,
		Quantity:    encode.DefaultQuantity,
	}
	applyTo(&logged, opts)
	logged.Metadata = metadata
	c.fill(&logged)
	logged.Status = encode.Statuses[encode.LogStatus].Name
	logged.HasUnitCost = false
	logged.Metadata = encode.LogMetadata(logged.Metadata, known, message)
	eventID, err = i.record(&logged)
	if err == nil && level != "" && known != level {
		lost := fmt.Sprintf("level %s: %s", encode.DescribeValue(level), encode.Suggest(level, encode.LogLevels[:]))
		i.outcomes.degraded(lost, eventID)
	}
	return eventID, err
}

// apply keeps the arguments of a call without options on the stack.
func (c *Client) apply(call call, opts []RecordOption) (string, error) {
	c = c.present()
	if len(opts) == 0 && c.defaults == nil {
		return c.instance.Load().record(&call)
	}
	changed := call
	applyTo(&changed, opts)
	c.fill(&changed)
	return c.instance.Load().record(&changed)
}

func applyTo(call *call, opts []RecordOption) {
	for _, option := range opts {
		if option != nil {
			option(call)
		}
	}
}

// Flush waits until every accepted event is delivered or has failed, or the context is done. The error
// then states how many are still queued. In the error handler of an event that was not delivered, Flush
// fails at once, since it would wait for that event.
func (c *Client) Flush(ctx context.Context) error {
	i := c.present().instance.Load()
	if i.outbox.missing {
		return missingError()
	}
	if i.outcomes.reporter.isSettling() {
		return errors.New("ekausage: Flush in the error handler would wait for the handler's own event")
	}
	return i.outbox.flush(ctx, 0)
}

// Stats returns the counters of this client.
func (c *Client) Stats() Stats {
	c = c.present()
	stats := c.instance.Load().stats()
	stats.Disabled = c.disabled
	return stats
}

// InstanceID returns the id of this client, which is part of every event.
func (c *Client) InstanceID() string { return c.present().instance.Load().encoder.InstanceID() }

// Shutdown sends what is queued, for up to WithShutdownTimeout, and gives up the rest. It returns how
// many events that were, each of which is reported to the error handler as shutdown.timeout. Record
// then fails with ErrClosed. Further calls do nothing.
//
// In the error handler of an event that was not delivered, Shutdown returns 0 at once and goes on in the
// background, since it would wait for that event. A further call waits until that has ended.
func (c *Client) Shutdown() int {
	ctx, cancel := context.WithTimeout(context.Background(), c.present().shutdownTime)
	defer cancel()
	return c.ShutdownContext(ctx)
}

// ShutdownContext is Shutdown with a context in place of WithShutdownTimeout.
func (c *Client) ShutdownContext(ctx context.Context) int {
	c = c.present()
	if i := c.instance.Load(); i.outbox.missing {
		return 0
	} else if i.outcomes.reporter.isSettling() {
		i.outbox.closed.Store(true)
		left := c.shutdownTime
		if deadline, ok := ctx.Deadline(); ok {
			left = time.Until(deadline)
		}
		go func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), left)
			defer cancel()
			c.ShutdownContext(ctx)
		}()
		return 0
	}
	c.ending.Lock()
	defer c.ending.Unlock()
	i := c.instance.Load()
	if !i.finished {
		c.sessions.abandon(i)
		c.ended()
	}
	undelivered := i.shutdown(ctx)
	sigterm.unregister(c.origin)
	return undelivered
}

// ResetAfterRestore makes the client a new instance, in a process restored from a snapshot of its
// memory. Call it in each process that is restored, before it records: otherwise all copies have one
// instance id, the same sequence numbers and the same files on disk. Each copy sends what was queued
// in the snapshot, until the context is done; it counts once. The result is that of Shutdown. An error
// means that the client is as it was. A client that was shut down or is disabled stays so.
func (c *Client) ResetAfterRestore(ctx context.Context) (int, error) {
	c = c.present()
	if c.instance.Load().outbox.missing {
		return 0, missingError()
	}
	c.ending.Lock()
	defer c.ending.Unlock()
	before := c.instance.Load()
	if before.finished || c.disabled {
		return 0, nil
	}
	next, err := c.newInstance()
	if err != nil {
		return 0, err
	}
	if c.counting.Load() {
		next.outcomes.startCounting()
	}
	c.instance.Store(next)
	if c.counting.Load() { // CountEvents may have counted with the instance before
		next.outcomes.startCounting()
	}
	if injected, ok := before.outbox.transport.(*injectedTransport); ok {
		injected.keepsProducer = true
	}
	return before.shutdown(ctx), nil
}

// String describes the client without its secrets.
func (c *Client) String() string {
	if c == nil || c.core == nil {
		return "<nil>"
	}
	return fmt.Sprintf("ekausage.Client(topic=%s, instance_id=%s)", UsageTopic, c.InstanceID())
}

// flushAtExit sends what is queued, for up to the shutdown timeout, and spills the rest.
func (c *Client) flushAtExit() {
	ctx, cancel := context.WithTimeout(context.Background(), c.shutdownTime)
	defer cancel()
	i := c.instance.Load()
	_ = i.outbox.flush(ctx, i.patience())
	i.outbox.spillAll()
}
