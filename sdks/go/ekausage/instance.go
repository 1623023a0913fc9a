package ekausage

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

// An instance is what a client is until it is reset: an id, numbers from 1, counters and a queue.
type instance struct {
	encoder  *encode.Encoder
	outbox   outbox
	outcomes outcomes
	debug    bool
	// What metadata goes through first; nil: nothing.
	beforeSend func(map[string]any) map[string]any
	// Whether metadata has the ids of a call's span.
	traces bool
	// Why there is no spool, though the setting wants one.
	spoolError string
	// Whether it was shut down, guarded by its client.
	finished bool
}

// newInstance returns an instance of a client with these settings.
func newInstance(serviceName, hostname string, s *settings, o *options) (*instance, error) {
	i := &instance{
		encoder: encode.NewEncoder(&encode.Config{
			ServiceName:    serviceName,
			Hostname:       hostname,
			SDKVersion:     SDKVersion,
			CatalogVersion: CatalogVersion,
			Now:            o.now,
			NewID:          o.newID,
			Fields:         s.clientFields(),
		}),
		debug:      o.debug,
		beforeSend: o.beforeSend,
		traces:     s.boolean(settingTraceMetadata),
	}
	i.outcomes.reporter.onError = o.onError
	i.outcomes.reporter.log.logger = o.logger
	i.outbox.outcomes = &i.outcomes
	i.outbox.maxEvents = s.integer(settingMaxQueueEvents)
	i.outbox.maxBytes = s.integer(settingMaxQueueBytes)
	if s.boolean(settingDisabled) {
		i.outbox.transport = disabledTransport{o.producer, i.outbox.settled}
		return i, nil
	}
	openReplay, err := i.connect(s, o.producer)
	if err != nil {
		return nil, err
	}
	if i.outbox.spool, err = openSpool(i, s, o, openReplay); err != nil {
		i.outbox.transport.close()
		return nil, err
	}
	i.outbox.durable = i.outbox.spool != nil && s.text(settingSpool) == spoolDurable
	return i, nil
}

// connect creates the transport for events in memory, and returns what opens the one for events on
// disk.
func (i *instance) connect(s *settings, producer Producer) (openReplayTransport, error) {
	if producer != nil {
		i.outbox.transport = newInjectedTransport(producer, i.outbox.settled)
		return func() (spool.ReplayTransport, error) { return sharedTransport{producer}, nil }, nil
	}
	if s.usesHTTP() {
		if err := s.checkHTTP(); err != nil {
			return nil, err
		}
		log := &i.outcomes.reporter.log
		i.outbox.transport = newHTTPTransport(s, log, i.outbox.settled)
		return func() (spool.ReplayTransport, error) { return &httpReplayTransport{newHTTPAPI(s, log)}, nil }, nil
	}
	log := &kafkaLog{&i.outcomes.reporter.log, s.hideSecrets}
	var err error
	i.outbox.transport, err = newKafkaTransport(s, log, &i.outcomes.reporter.log, i.outbox.settled)
	return func() (spool.ReplayTransport, error) { return newKafkaReplayTransport(s, log) }, err
}

// record records a call, and reports to the error handler what becomes of it.
func (i *instance) record(call *call) (string, error) {
	eventID, lost, err := i.tryRecord(call)
	if err != nil {
		i.outcomes.reportRejected(call, err)
		return "", err
	}
	if lost != "" {
		i.outcomes.degraded(lost, eventID)
	}
	return eventID, nil
}

// tryRecord records a call and counts its outcome, which it leaves to the caller to report: the id and what was
// lost of the metadata, or the error.
func (i *instance) tryRecord(call *call) (eventID, lost string, err error) {
	if why := i.outbox.rejectReason(); why.code != "" {
		return "", "", i.outcomes.countRejected(call, i.outbox.rejection(why))
	}
	lost = i.filter(call)
	s := encode.GetScratch()
	defer s.Release()
	checked, rejection := i.encoder.Encode(s, call, time.Now())
	if rejection != nil {
		return "", "", i.outcomes.countRejected(call, invalid(rejection))
	}
	size := checked.Size() + len(call.WorkspaceID)
	place, why := i.outbox.enter(int64(size))
	if why.code != "" {
		return "", "", i.outcomes.countRejected(call, i.outbox.rejection(why))
	}
	text := checked.Append(s.Carve(size), i.outbox.nextSeq())
	length := len(text)
	text = s.Keep(append(text, call.WorkspaceID...))
	e := event{key: text[length:], value: text[:length:length], at: checked.At}
	if err := i.outbox.send(e, place); err != nil {
		i.notSpooled(err)
	}
	if counts := i.outcomes.counts.Load(); counts != nil {
		counts.accept(&checked, call.Amount())
	}
	if i.debug {
		i.logAccepted(text[:length])
	}
	return checked.EventID, joined(lost, checked.Lost), nil
}

// logAccepted logs the ids of an event. Its metadata may be about persons, and logs are kept elsewhere and
// longer.
func (i *instance) logAccepted(encoded []byte) {
	var e UsageEvent
	_ = json.Unmarshal(encoded, &e) // this client encoded it
	i.outcomes.reporter.log.line(slog.LevelDebug, "accepted "+e.EventID, "event_id", e.EventID,
		"workspace_id", e.WorkspaceID, "product", e.Product, "metric_type", e.MetricType, "status", e.Status)
}

func (i *instance) stats() Stats { return i.withSpoolCounters(i.outcomes.ledger.stats()) }

// shutdown sends what is queued and gives up the rest. It returns how many events that were; further
// calls return 0.
func (i *instance) shutdown(ctx context.Context) int {
	if i.finished {
		return 0
	}
	i.outbox.closed.Store(true)
	_ = i.outbox.flush(ctx, i.patience())
	if i.outbox.spool != nil {
		i.outbox.spool.Restore()
	}
	i.outbox.transport.close()
	i.releaseSpool()
	i.outcomes.reporter.log.close()
	i.finished = true
	return int(i.outcomes.givenUp.Load())
}
