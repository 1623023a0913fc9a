package ekausage

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

const (
	spoolOff     = "off"
	spoolDurable = "durable"
	// Adopted events wait while more than this part of the queue is taken.
	busyPart = 4
)

// spoolHost is the interface of a client to its spool.
type spoolHost struct {
	client     *instance
	openReplay openReplayTransport
}

type openReplayTransport = func() (spool.ReplayTransport, error)

// openSpool opens the spool that the settings configure; nil if they configure none. A directory that
// cannot be used is an error if it was configured, and otherwise a warning.
func openSpool(i *instance, s *settings, o *options, openReplay openReplayTransport) (*spool.Spool, error) {
	_, configured := o.settings[settingSpool]
	if s.text(settingSpool) == spoolOff || o.producer != nil && !configured {
		return nil, nil
	}
	config := spool.Config{
		MaxBytes:     s.integer(settingSpoolMaxBytes),
		Durable:      s.text(settingSpool) == spoolDurable,
		SyncInterval: s.milliseconds(settingSpoolSyncMs),
		Destination:  destination(s, o.producer),
		InstanceID:   i.encoder.InstanceID(),
		Now:          o.now,
		SeqOf:        seqOf,
		Tuning:       o.tuning,
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	var err error
	if config.Directory, err = spool.Locate(s.text(settingSpoolDir)); err == nil {
		return spool.Open(config, &spoolHost{i, openReplay}), nil
	}
	for _, row := range []int{settingSpoolDir, settingSpool} {
		if s.given[row] {
			return nil, s.misconfigured(row, fmt.Sprintf("a usable directory: %v", err))
		}
	}
	i.spoolError = err.Error()
	i.outcomes.reporter.log.write(slog.LevelWarn, "spool", fmt.Sprintf(
		"no spool, undelivered events are lost when this process ends; set %s to a usable directory, or %s=%s: %v",
		settingTable[settingSpoolDir].Variable, settingTable[settingSpool].Variable, spoolOff, err))
	return nil, nil
}

// patience returns how long shutdown waits while nothing is delivered, if the spool keeps what is
// left. 0 means until the context is done.
func (i *instance) patience() time.Duration {
	if i.outbox.spool == nil {
		return 0
	}
	return spool.Patience
}

// releaseSpool leaves what is on disk to the next client.
func (i *instance) releaseSpool() {
	if i.outbox.spool == nil {
		return
	}
	text := "%d events are not delivered yet; they are kept in %s for the next process"
	if !i.outbox.spool.IsInPlace() {
		text = "%d events are not delivered yet; their directory is no longer at %s: move it back for the next process"
	}
	i.outbox.spool.Release()
	if left := i.outcomes.ledger.stats().Spooled; left > 0 {
		i.outcomes.reporter.log.line(slog.LevelWarn, fmt.Sprintf(text, left, i.outbox.spool.Directory()))
	}
}

func (i *instance) withSpoolCounters(s Stats) Stats {
	s.SpoolError = i.spoolError
	if i.outbox.spool == nil {
		return s
	}
	s.Adopted, s.Replayed, s.DeadLettered = i.outbox.spool.Counters()
	s.SpoolBytes = i.outbox.spool.UsedBytes()
	s.OldestSpooledMs = i.outbox.spool.OldestAge().Milliseconds()
	return s
}

// notSpooled logs why an accepted event is in memory only.
func (i *instance) notSpooled(err error) {
	i.outcomes.reporter.log.write(slog.LevelError, "unwritten", fmt.Sprintf(
		"spool write failed, make room in %s: %v", i.outbox.spool.Directory(), err))
}

func destination(s *settings, producer Producer) spool.Destination {
	if producer != nil {
		return spool.DestinationOf(UsageTopic, nil)
	}
	if s.usesHTTP() {
		return httpDestination(s.text(settingHTTPURL))
	}
	return spool.DestinationOf(UsageTopic, s.list(settingKafkaBrokers))
}

func seqOf(text []byte) uint64 {
	var e UsageEvent
	_ = json.Unmarshal(text, &e) // this client encoded it
	return e.Seq
}

// isFinal reports whether no retry helps against the error of a delivery.
func isFinal(err error) bool {
	var refusal *httpAnswer
	if errors.As(err, &refusal) {
		return refusal.final
	}
	var answer *kerr.Error
	return errors.As(err, &answer) && spool.IsFinal(answer.Code)
}

// Drained reports whether no event is in memory that precedes the backlog.
func (h *spoolHost) Drained() bool { return h.client.outbox.events.Load() == 0 }

// HasCapacity reports whether adopted events may be sent without delaying the client's own.
func (h *spoolHost) HasCapacity() bool {
	o := &h.client.outbox
	return o.events.Load() <= o.maxEvents/busyPart && o.bytes.Load() <= o.maxBytes/busyPart
}

// OpenReplayTransport connects to what records are sent to.
func (h *spoolHost) OpenReplayTransport() (spool.ReplayTransport, error) { return h.openReplay() }

// IsFinal reports whether no retry helps against an error.
func (h *spoolHost) IsFinal(err error) bool { return isFinal(err) }

// Delivered counts own events that were delivered from disk.
func (h *spoolHost) Delivered(events int) { h.client.outcomes.ledger.settleSpooled(int64(events), nil) }

// DeadLettered counts and reports an event on disk that is permanently rejected.
func (h *spoolHost) DeadLettered(event []byte, err error, own bool) {
	if own {
		h.client.outcomes.ledger.settleSpooled(1, err)
	}
	h.client.outcomes.undelivered(event, err, own)
}

// Lost counts and reports an event on disk whose file was removed.
func (h *spoolHost) Lost(event []byte, own bool) {
	if own {
		h.client.outcomes.ledger.settleSpooled(1, errGivenUp)
	}
	h.client.outcomes.undelivered(event, h.client.outbox.lostError(errGivenUp), own)
}

// Warn logs a message.
func (h *spoolHost) Warn(key, message string) {
	h.client.outcomes.reporter.log.write(slog.LevelWarn, key, message)
}
