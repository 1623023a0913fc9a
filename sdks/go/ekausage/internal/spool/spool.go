package spool

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// What fails is logged in these words, in each SDK.
const (
	syncFailed         = "spool sync failed, a power failure may lose events"
	replayFailed       = "spool replay failed, retrying"
	housekeepingFailed = "spool housekeeping failed, retrying"
)

// A Host is the client whose events are spooled.
type Host interface {
	// Drained reports whether no event is in memory that precedes the backlog.
	Drained() bool
	// HasCapacity reports whether adopted events may be sent without delaying the client's own.
	HasCapacity() bool
	// OpenReplayTransport connects to what records are sent to.
	OpenReplayTransport() (ReplayTransport, error)
	// IsFinal reports whether a record that failed with this error would fail the same way again.
	IsFinal(error) bool
	// Delivered is called with how many of the client's own events were delivered from disk.
	Delivered(events int)
	// DeadLettered is called for each event that is permanently rejected; own is false for an adopted one.
	DeadLettered(event []byte, err error, own bool)
	// Lost is called for each event whose file was removed, and that cannot be written anew nor delivered by
	// this client; own is false for an adopted one.
	Lost(event []byte, own bool)
	// Warn logs a message, at a limited rate for each key.
	Warn(key, message string)
}

// A Spool keeps the events of one client on disk.
type Spool struct {
	host     Host
	requeued *segmentLog // of events that were in memory, all accepted before those in events
	events   *segmentLog
	dead     *segmentLog
	adopter  *adopter
	wake     chan struct{} // the replayer
	tidy     chan struct{} // the housekeeper
	stop     context.CancelFunc
	running  sync.WaitGroup
	adopted  atomic.Int64
	replayed atomic.Int64
	// deadLettered counts own and adopted events.
	deadLettered atomic.Int64
}

// Open opens a spool.
func Open(c Config, host Host) *Spool {
	d := c.Directory
	d.maxBytes = c.MaxBytes
	o := newOrigin(&c)
	s := &Spool{host: host, wake: make(chan struct{}, 1), tidy: make(chan struct{}, 1)}
	s.adopter = &adopter{
		origin: o, directory: d, tuning: c.Tuning, warn: host.Warn, reported: map[segmentName]bool{},
	}
	disk := &syncer{interval: c.SyncInterval, onError: s.failed(syncFailed), wake: make(chan struct{}, 1)}
	newLog := func(kind string) *segmentLog {
		log := &segmentLog{
			origin: o, directory: d, tuning: c.Tuning, kind: kind, salt: recordSalt(o.name),
			fsyncEach: c.SyncInterval == 0, wakeHousekeeper: func() { notify(s.tidy) }, markDirty: disk.markDirty,
			onError: s.failed(syncFailed),
		}
		disk.logs = append(disk.logs, log)
		return log
	}
	s.requeued, s.events, s.dead = newLog(kindEvents), newLog(kindEvents), newLog(kindDead)
	s.requeued.goesFirst = true
	s.events.keepsAhead = c.Durable
	housekeeping := &housekeeper{
		interval: c.Tuning.Heartbeat, logs: []*segmentLog{s.requeued, s.events}, dead: s.dead,
		adopter: s.adopter, wake: s.tidy, scanned: s.Wake, onError: s.failed(housekeepingFailed),
	}
	replay := &replayer{
		tuning: c.Tuning, next: s.nextBatch, openTransport: host.OpenReplayTransport,
		isFinal: host.IsFinal, onOutcome: s.outcome, onError: s.failed(replayFailed),
	}
	if risk := parentRisk(d.path); risk != "" {
		host.Warn("spool parent", risk)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.running.Go(func() { replay.run(ctx, s.wake) })
	s.running.Go(func() { housekeeping.run(ctx) })
	s.running.Go(func() { disk.run(ctx) })
	return s
}

// HasBacklog reports whether events are pending on disk, so that later ones have to follow them there.
func (s *Spool) HasBacklog() bool {
	return s.events.backlog.active.Load() || s.requeued.backlog.active.Load()
}

// EnsureHeadroom returns why one more event may find no space; nil if it finds some.
func (s *Spool) EnsureHeadroom() error { return s.events.ensureHeadroom(1) }

// Reserve makes sure that an event and its key, of at most so many bytes, find space. It returns what to
// pass to Append, Spill or Unreserve, or why there is no space.
func (s *Spool) Reserve(size int64) (reserved int64, err error) {
	return s.events.reserve(size + int64(len(recordHead{})))
}

// ReserveGroup is Reserve for a group, of at most so many bytes, and AppendGroup or SpillGroup.
func (s *Spool) ReserveGroup(size int64) (reserved int64, err error) { return s.events.reserve(size) }

// Unreserve gives back what was reserved for an event that is not written.
func (s *Spool) Unreserve(reserved int64) { s.events.unreserve(reserved) }

// Append writes an event that is delivered from memory. If it returns no group, the event is
// delivered from disk instead, since others are pending there.
func (s *Spool) Append(key, event []byte, reserved int64) (*AckGroup, error) {
	return s.events.append(key, event, true, reserved)
}

// Spill writes an event that is delivered from disk.
func (s *Spool) Spill(key, event []byte, reserved int64) error {
	_, err := s.events.append(key, event, false, reserved)
	return err
}

// AppendGroup is Append for several events, which a crash leaves all or none of. Each of them is
// acknowledged by itself.
func (s *Spool) AppendGroup(g *Group, reserved int64) (*AckGroup, error) {
	return s.events.appendGroup(g, true, reserved)
}

// SpillGroup is Spill for several events, which a crash leaves all or none of.
func (s *Spool) SpillGroup(g *Group, reserved int64) error {
	_, err := s.events.appendGroup(g, false, reserved)
	return err
}

// Requeue writes an event that was not delivered from memory. It precedes those that were spilled
// meanwhile, and follows them only if there is no space for one more segment.
func (s *Spool) Requeue(key, event []byte) error {
	if _, err := s.requeued.append(key, event, false, 0); err == nil {
		return nil
	}
	reserved, err := s.Reserve(int64(len(key) + len(event)))
	if err != nil {
		return err
	}
	return s.Spill(key, event, reserved)
}

// SpillAll delivers every later event from disk, since the process may end at any moment.
func (s *Spool) SpillAll() { s.events.spillAll() }

// DeadLetter writes an event that is permanently rejected, for inspection.
func (s *Spool) DeadLetter(key, event []byte) {
	if _, err := s.dead.append(key, event, false, 0); err != nil {
		s.warn(err)
		return
	}
	s.deadLettered.Add(1)
}

// Wake reports that memory is drained, so that the backlog may be sent.
func (s *Spool) Wake() { notify(s.wake) }

// Pending returns how many of this client's events are to be delivered from disk.
func (s *Spool) Pending() int { return s.requeued.pendingRecords() + s.events.pendingRecords() }

// Counters returns how many events were adopted, how many of those are delivered, and how many events,
// own ones too, are dead letters.
func (s *Spool) Counters() (adopted, replayed, deadLettered int64) {
	return s.adopted.Load(), s.replayed.Load(), s.deadLettered.Load()
}

// OldestAge returns the age of the oldest segment that has an event for this client to deliver; 0
// if none has.
func (s *Spool) OldestAge() time.Duration {
	var oldest time.Time
	for _, createdAt := range []time.Time{s.requeued.oldest(), s.events.oldest(), s.adopter.oldest()} {
		if !createdAt.IsZero() && (oldest.IsZero() || createdAt.Before(oldest)) {
			oldest = createdAt
		}
	}
	if oldest.IsZero() {
		return 0
	}
	return max(0, s.events.now().Sub(oldest))
}

// Directory returns where events are kept.
func (s *Spool) Directory() string { return s.events.directory.path }

// UsedBytes returns the space that the segments in the directory take, whoever owns them; 0 if it cannot be read.
func (s *Spool) UsedBytes() int64 {
	used, err := s.events.directory.usedBytes()
	if err != nil {
		return 0
	}
	return used
}

// IsInPlace reports whether the path still leads to the directory, so that the next client finds it.
func (s *Spool) IsInPlace() bool { return s.events.directory.isInPlace() }

// Restore writes segments anew whose files were removed, as far as the disk can be written.
func (s *Spool) Restore() {
	if err := errors.Join(
		s.requeued.restore(), s.events.restore(), s.dead.restore(), s.adopter.restore(),
	); err != nil {
		s.warn(err)
	}
}

// Release leaves what is on disk to the next client, at once.
func (s *Spool) Release() {
	s.stop()
	s.running.Wait()
	for _, log := range []*segmentLog{s.requeued, s.events} {
		for _, record := range log.lostRecords() {
			s.host.Lost(record.Event, true)
		}
	}
	for _, record := range s.adopter.lostRecords() {
		s.host.Lost(record.Event, false)
	}
	if err := errors.Join(
		s.requeued.release(), s.events.release(), s.dead.release(), s.adopter.release(), s.events.directory.close(),
	); err != nil {
		s.warn(err)
	}
}

// nextBatch returns what to send: the client's own events before adopted ones.
func (s *Spool) nextBatch() (*replayBatch, error) {
	if s.HasBacklog() {
		if !s.host.Drained() {
			return nil, nil
		}
		for _, log := range []*segmentLog{s.requeued, s.events} {
			if batch, err := log.nextBatch(); batch != nil || err != nil {
				return batch, err
			}
		}
	}
	if !s.host.HasCapacity() {
		return nil, nil
	}
	return s.adopter.nextBatch(func(events int) { s.adopted.Add(int64(events)) }), nil
}

func (s *Spool) outcome(b *replayBatch, delivered int, rejected []rejection) {
	if b.own {
		s.host.Delivered(delivered)
	} else {
		s.replayed.Add(int64(delivered))
	}
	for _, r := range rejected {
		s.DeadLetter(r.Key, r.Event)
		s.host.DeadLettered(r.Event, r.err, b.own)
	}
	notify(s.tidy)
}

// warn logs that the directory cannot be written.
func (s *Spool) warn(err error) { s.failed("spool write failed, make room in " + s.Directory())(err) }

// failed returns what logs an error after the event and what follows from it.
func (s *Spool) failed(event string) func(error) {
	return func(err error) { s.host.Warn(event, event+": "+err.Error()) }
}

// notify wakes whoever receives from the channel, once however often it is called before.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func sleep(ctx context.Context, duration time.Duration) {
	if duration <= 0 {
		return
	}
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
