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
	// Others' events wait while more than this part of the queue is taken.
	busyPart = 4
)

// spoolHost is what a client's spool sees of the client.
type spoolHost struct {
	client              *Client
	openReplayTransport openReplayTransport
}

type openReplayTransport = func() (spool.ReplayTransport, error)

// openSpool opens what the settings ask for; nil where there is none. A folder that cannot be used
// is an error if somebody asked for it, and otherwise a warning.
func openSpool(c *Client, s *settings, o *options, replay openReplayTransport) (*spool.Spool, error) {
	_, asked := o.arguments[settingSpool]
	if s.text(settingSpool) == spoolOff || o.producer != nil && !asked {
		return nil, nil
	}
	config := spool.Config{
		Directory:    s.text(settingSpoolDir),
		MaxBytes:     s.integer(settingSpoolMaxBytes),
		Durable:      s.text(settingSpool) == spoolDurable,
		SyncInterval: s.milliseconds(settingSpoolSyncMs),
		Destination:  destination(s, o.producer),
		InstanceID:   c.InstanceID(),
		Now:          o.clock,
		SeqOf:        seqOf,
		Tuning:       o.tuning,
	}
	if config.Directory == "" {
		config.Directory = spool.DefaultDirectory()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	opened, err := spool.Open(config, &spoolHost{c, replay})
	if err == nil {
		return opened, nil
	}
	const hint = "a folder that can be used: %s: %v"
	for _, row := range []int{settingSpoolDir, settingSpool} {
		if s.given[row] {
			return nil, s.misconfigured(row, fmt.Sprintf(hint, config.Directory, err))
		}
	}
	c.reporter.log.write(slog.LevelWarn, "spool", fmt.Sprintf(
		"events that cannot be delivered are lost when this process ends, since they cannot be kept in %s: %v; "+
			"name another folder by %s, or set %s=%s",
		config.Directory, err, settingTable[settingSpoolDir].Variable, settingTable[settingSpool].Variable, spoolOff))
	return nil, nil
}

// patience is how long an end waits while nothing is delivered: what is safe on disk need not be
// waited for. 0 is for ever.
func (c *Client) patience() time.Duration {
	if c.outbox.spool == nil {
		return 0
	}
	return spool.Patience
}

// leaveDisk leaves what is on disk to the next client.
func (c *Client) leaveDisk() {
	if c.outbox.spool == nil {
		return
	}
	c.outbox.spool.Release()
	if left := c.books.stats().Spooled; left > 0 {
		logLine(slog.LevelWarn, fmt.Sprintf(
			"%d events are not delivered yet; they are kept in %s for the next process on this machine",
			left, c.outbox.spool.Directory()))
	}
}

// withDisk adds what became of events by way of the disk.
func (c *Client) withDisk(s Stats) Stats {
	if c.outbox.spool == nil {
		return s
	}
	s.Adopted, s.Replayed, s.DeadLettered = c.outbox.spool.Counters()
	s.OldestSpooledMs = c.outbox.spool.OldestAge().Milliseconds()
	return s
}

// unwritten says that an event is in memory only.
func (c *Client) unwritten(err error) {
	c.reporter.log.write(slog.LevelError, "unwritten", fmt.Sprintf("an accepted event is in memory only: %v", err))
}

func destination(s *settings, producer Producer) spool.Destination {
	if producer != nil {
		return spool.DestinationOf(UsageTopic, nil)
	}
	return spool.DestinationOf(UsageTopic, s.list(settingKafkaBrokers))
}

func seqOf(text []byte) uint64 {
	var e UsageEvent
	_ = json.Unmarshal(text, &e) // it is our own
	return e.Seq
}

// isFinal reports whether a delivery failed with what no retry mends.
func isFinal(err error) bool {
	var answer *kerr.Error
	return errors.As(err, &answer) && spool.IsFinal(answer.Code)
}

// Drained reports whether nothing is in memory that came before what is on disk.
func (h *spoolHost) Drained() bool { return h.client.outbox.events.Load() == 0 }

// HasCapacity reports whether adopted events may be sent without delaying the client's own.
func (h *spoolHost) HasCapacity() bool {
	o := &h.client.outbox
	return o.events.Load() <= o.maxEvents/busyPart && o.bytes.Load() <= o.maxBytes/busyPart
}

// OpenReplayTransport connects to what events are sent to from disk.
func (h *spoolHost) OpenReplayTransport() (spool.ReplayTransport, error) {
	return h.openReplayTransport()
}

// IsFinal reports whether an error would only come again.
func (h *spoolHost) IsFinal(err error) bool { return isFinal(err) }

// Delivered counts own events that were delivered from disk.
func (h *spoolHost) Delivered(events int) { h.client.books.fromDisk(int64(events), nil) }

// DeadLettered counts and reports an event that was on disk and is refused for good.
func (h *spoolHost) DeadLettered(event []byte, why error, own bool) {
	if own {
		h.client.books.fromDisk(1, why)
	}
	h.client.undelivered(event, why)
}

// Warn writes to the host's log.
func (h *spoolHost) Warn(about, text string) {
	h.client.reporter.log.write(slog.LevelWarn, about, text)
}
