package spool

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a spool is told.
type Config struct {
	Folder   string
	MaxBytes int64
	// Durable keeps a segment ahead, as every event goes through one.
	Durable bool
	// Sync is how much of the latest a loss of power may take; 0: nothing.
	Sync        time.Duration
	Destination Destination
	InstanceID  string
	Now         func() time.Time
	// SeqOf is the number of an event.
	SeqOf  func(event []byte) uint64
	Tuning Tuning
}

// A Host is the client whose events are kept.
type Host interface {
	// Drained reports whether nothing is in memory that came before what is on disk.
	Drained() bool
	// Quiet reports whether there is time to send what others left behind.
	Quiet() bool
	// Carrier makes what sends records.
	Carrier() (Carrier, error)
	// Final reports whether an error of a carrier would only come again.
	Final(error) bool
	// Delivered hears that so many of its own events were delivered from disk.
	Delivered(events int)
	// Refused hears that an event is refused for good, its own or that of a client that is gone.
	Refused(event []byte, why error, own bool)
	// Warn tells people something.
	Warn(about, text string)
}

// Stats says what became of events by way of the disk.
type Stats struct {
	// Adopted events are those taken over from other clients, Replayed those of them that are
	// delivered, DeadLettered those of anybody that were refused for good.
	Adopted, Replayed, DeadLettered int64
	// Age is that of the oldest segment that has an event for this client to deliver; 0 where none has.
	Age time.Duration
}

// A Spool keeps the events of one client.
type Spool struct {
	host     Host
	tuning   Tuning
	syncs    time.Duration
	returned *journal // of events that were in memory, all accepted before those that wait in events
	events   *journal
	dead     *journal
	heir     *heir
	wake     chan struct{}
	tidy     chan struct{}
	dirt     chan struct{}
	dirty    atomic.Bool
	stop     context.CancelFunc
	running  sync.WaitGroup
	adopted  atomic.Int64
	replayed atomic.Int64
	buried   atomic.Int64
}

// Open makes a spool in a folder. An error says why the folder cannot be used.
func Open(c Config, host Host) (*Spool, error) {
	w := &writer{Config: c, folder: &folder{path: c.Folder, maxBytes: c.MaxBytes}}
	if err := w.folder.prepare(); err != nil {
		return nil, err
	}
	_, _ = rand.Read(w.id[:]) // it never fails
	w.origin = hex.EncodeToString(w.id[:])
	s := &Spool{
		host:   host,
		tuning: c.Tuning,
		syncs:  c.Sync,
		heir:   newHeir(w, host.Warn),
		wake:   make(chan struct{}, 1),
		tidy:   make(chan struct{}, 1),
		dirt:   make(chan struct{}, 1),
	}
	done := func() { nudge(s.tidy) }
	s.events = newJournal(w, kindEvents, done, s.wrote)
	s.events.durable = c.Durable
	s.returned = newJournal(w, kindEvents, done, s.wrote)
	s.returned.first = true
	s.dead = newJournal(w, kindDead, done, s.wrote)
	r := &replayer{
		tuning:  c.Tuning,
		next:    s.next,
		carrier: host.Carrier,
		final:   host.Final,
		outcome: s.outcome,
		failed:  s.trouble,
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.running.Go(func() { r.run(ctx, s.wake) })
	s.running.Go(func() { s.keep(ctx) })
	s.running.Go(func() { s.sync(ctx) })
	return s, nil
}

// Behind reports whether events wait on disk, so that later ones have to wait there too.
func (s *Spool) Behind() bool { return s.events.behind.Load() || s.returned.behind.Load() }

// EnsureHeadroom says why one more event may find no room; nil where it finds some.
func (s *Spool) EnsureHeadroom() error { return s.events.ensureHeadroom() }

// Keep writes an event that is delivered from memory. Where it returns no group, the event is
// delivered from disk instead, as others wait there.
func (s *Spool) Keep(key, event []byte) (*AckGroup, error) { return s.events.append(key, event, true) }

// Defer writes an event that is delivered from disk.
func (s *Spool) Defer(key, event []byte) error {
	_, err := s.events.append(key, event, false)
	return err
}

// TakeBack writes an event that was not delivered from memory, and goes before those that were deferred
// meanwhile; after them only where there is no room for one more segment.
func (s *Spool) TakeBack(key, event []byte) error {
	if _, err := s.returned.append(key, event, false); err == nil {
		return nil
	}
	return s.Defer(key, event)
}

// Hold makes every later event wait on disk, as the process may end at any moment.
func (s *Spool) Hold() { s.events.hold() }

// Bury writes an event that is refused for good, for people to look at.
func (s *Spool) Bury(key, event []byte) {
	if _, err := s.dead.append(key, event, false); err != nil {
		s.trouble(err)
		return
	}
	s.buried.Add(1)
}

// Wake says that memory is empty, so that what waits on disk may go.
func (s *Spool) Wake() { nudge(s.wake) }

// Waiting is how many events wait to be delivered from disk by this client.
func (s *Spool) Waiting() int { return s.returned.left() + s.events.left() }

// Stats says what became of events by way of the disk.
func (s *Spool) Stats() Stats {
	var oldest time.Time
	for _, made := range []time.Time{s.returned.oldest(), s.events.oldest(), s.heir.oldest()} {
		if !made.IsZero() && (oldest.IsZero() || made.Before(oldest)) {
			oldest = made
		}
	}
	age := time.Duration(0)
	if !oldest.IsZero() {
		age = max(0, s.events.Now().Sub(oldest))
	}
	return Stats{s.adopted.Load(), s.replayed.Load(), s.buried.Load(), age}
}

// Folder is where events are kept.
func (s *Spool) Folder() string { return s.events.Folder }

// Release leaves what is on disk to the next client, at once.
func (s *Spool) Release() {
	s.stop()
	s.running.Wait()
	if err := errors.Join(s.returned.release(), s.events.release(), s.dead.release(), s.heir.release()); err != nil {
		s.trouble(err)
	}
}

// keep shows that the client is alive, and looks after its files.
func (s *Spool) keep(ctx context.Context) {
	beats := time.NewTicker(s.tuning.Heartbeat)
	defer beats.Stop()
	s.look()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-beats.C:
			err = errors.Join(s.returned.beat(), s.events.beat(), s.dead.beat(), s.heir.beat(), s.clear())
			s.look()
		case <-s.tidy:
			err = s.clear()
		}
		if err != nil {
			s.trouble(err)
		}
	}
}

// clear removes what is done.
func (s *Spool) clear() error { return errors.Join(s.returned.tidy(), s.events.tidy()) }

// sync lets the disk have what was written. It waits for that apart from everything else, which goes
// on meanwhile.
func (s *Spool) sync(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.dirt:
		}
		pause(ctx, s.syncs)
		s.dirty.Store(false)
		if err := errors.Join(s.returned.sync(), s.events.sync(), s.dead.sync()); err != nil {
			s.trouble(err)
		}
	}
}

// wrote says that something is not on disk yet.
func (s *Spool) wrote() {
	if !s.dirty.Load() && !s.dirty.Swap(true) {
		nudge(s.dirt)
	}
}

func (s *Spool) look() {
	if err := s.heir.look(); err != nil {
		s.trouble(err)
	}
	s.Wake()
}

// next is what to send: its own events before those of others.
func (s *Spool) next() (*lot, error) {
	if s.Behind() {
		if !s.host.Drained() {
			return nil, nil
		}
		for _, j := range []*journal{s.returned, s.events} {
			if own, err := j.next(); own != nil || err != nil {
				return own, err
			}
		}
	}
	if !s.host.Quiet() {
		return nil, nil
	}
	return s.heir.next(func(events int) { s.adopted.Add(int64(events)) })
}

func (s *Spool) outcome(l *lot, delivered int, refused []refusal) {
	if l.own {
		s.host.Delivered(delivered)
	} else {
		s.replayed.Add(int64(delivered))
	}
	for _, r := range refused {
		s.Bury(r.Key, r.Event)
		s.host.Refused(r.Event, r.why, l.own)
	}
	nudge(s.tidy)
}

func (s *Spool) trouble(err error) {
	s.host.Warn("spool", "the spool has trouble: "+err.Error())
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
