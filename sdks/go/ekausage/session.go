package ekausage

import (
	"fmt"
	"sync"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
)

// SessionStart reports the start of a session that other processes may continue and end, by its id. Its
// options may set the time, in place of now, an event id, metadata and the fields of an event. The unit of
// the metric type must be one of time, such as minutes; any other is rejected with CodeSessionInvalid.
func (c *Client) SessionStart(
	workspaceID string, metric Metric, sessionID string, opts ...RecordOption,
) (eventID string, err error) {
	return c.boundary(encode.SessionStart, workspaceID, metric, sessionID, opts)
}

// SessionBeat reports that a session goes on. One that is never ended counts up to its last beat and a timeout.
func (c *Client) SessionBeat(
	workspaceID string, metric Metric, sessionID string, opts ...RecordOption,
) (eventID string, err error) {
	return c.boundary(encode.SessionBeat, workspaceID, metric, sessionID, opts)
}

// SessionEnd reports the end of a session, which is charged from its start to now if its status is.
func (c *Client) SessionEnd(
	workspaceID string, metric Metric, sessionID string, opts ...RecordOption,
) (eventID string, err error) {
	return c.boundary(encode.SessionEnd, workspaceID, metric, sessionID, opts)
}

func (c *Client) boundary(
	boundary, workspaceID string, metric Metric, sessionID string, opts []RecordOption,
) (string, error) {
	c = c.present()
	call := call{WorkspaceID: workspaceID, ByMetric: true, Metric: uint32(metric)}
	applyTo(&call, opts)
	c.fill(&call)
	i := c.instance.Load()
	if rejection := call.MakeBoundary(sessionID, boundary); rejection != nil {
		return "", i.outcomes.rejected(&call, invalid(rejection))
	}
	return i.record(&call)
}

// A Session is a running clock, which becomes one event when it is ended. Several goroutines may use it.
type Session struct {
	client    *Client
	call      call
	startedAt time.Time
	started   time.Duration
	invalid   error // why it measures nothing

	mu     sync.Mutex
	ended  bool
	failed bool
}

// Session starts a clock. End it, or nothing is charged and Shutdown reports CodeSessionUnfinished:
//
//	session := client.Session("ws-42", ekausage.MetricEkascribeTranscriptionMinute)
//	defer session.End()
//
// The quantity is the time between, in units of the metric type, by a clock that nobody sets; never more
// than what the machine's clock shows. The event occurs at the start. The unit must be one of time: any
// other is reported as CodeSessionInvalid, and the session records nothing.
func (c *Client) Session(workspaceID string, metric Metric, opts ...RecordOption) *Session {
	c = c.present()
	s := &Session{client: c, call: call{WorkspaceID: workspaceID, ByMetric: true, Metric: uint32(metric)}}
	applyTo(&s.call, opts)
	c.fill(&s.call)
	if rejection := encode.CheckTimed(&s.call); rejection != nil {
		s.invalid = c.instance.Load().outcomes.rejected(&s.call, invalid(rejection))
		return s
	}
	if i := c.instance.Load(); i.outbox.missing {
		s.invalid = i.outcomes.rejected(&s.call, missingError())
		return s
	}
	c.sessions.start(s)
	return s
}

// Fail makes the status of the session that of failures, which is not charged.
func (s *Session) Fail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = true
}

// End stops the clock and records its time; further calls do nothing. Deferred, it marks the session as
// failed if the function panics, and lets the panic go on.
func (s *Session) End() (eventID string, err error) {
	if panicked := recover(); panicked != nil {
		defer panic(panicked)
		s.Fail()
	}
	s.mu.Lock()
	first, failed := !s.ended, s.failed
	s.ended = true
	s.mu.Unlock()
	if !first || s.invalid != nil {
		return "", s.invalid
	}
	call := s.call
	call.ExactQuantity = s.client.sessions.end(s)
	call.OccurredAt = encode.OccurrenceTime{Given: true, At: s.occurredAt()}
	if failed {
		call.Status = encode.Statuses[encode.LogStatus].Name
	}
	return s.client.instance.Load().record(&call)
}

// occurredAt returns the start; now, if the machine's clock was set back behind it since.
func (s *Session) occurredAt() time.Time {
	if now := s.client.sessions.now(); now.Before(s.startedAt) {
		return now
	}
	return s.startedAt
}

// sessions are the sessions of a client that are not ended.
type sessions struct {
	now       func() time.Time
	monotonic func() time.Duration

	mu      sync.Mutex
	running map[*Session]struct{}
}

func (all *sessions) start(s *Session) {
	s.startedAt, s.started = all.now(), all.monotonic()
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.running == nil {
		all.running = map[*Session]struct{}{}
	}
	all.running[s] = struct{}{}
}

// end returns the time of a session, in units of its metric type.
func (all *sessions) end(s *Session) encode.Decimal {
	elapsed := all.monotonic() - s.started
	if wall := all.now().Round(0).Sub(s.startedAt.Round(0)); wall > 0 {
		elapsed = min(elapsed, wall)
	}
	all.mu.Lock()
	delete(all.running, s)
	all.mu.Unlock()
	return encode.Units(s.call.Metric, elapsed)
}

// abandon reports the sessions that were never ended.
func (all *sessions) abandon(i *instance) {
	all.mu.Lock()
	running := all.running
	all.running = nil
	all.mu.Unlock()
	for s := range running {
		hint := fmt.Sprintf("of %s, started at %s, nothing was recorded for it",
			Metric(s.call.Metric), s.startedAt.UTC().Format(time.RFC3339))
		_ = i.outcomes.rejected(&s.call, newError(encode.Rejection{Code: string(CodeSessionUnfinished), Hint: hint}))
	}
}

// clocks returns the clock of the machine and the one that sessions are measured by.
func (o *options) clocks() (now func() time.Time, monotonic func() time.Duration) {
	if now = o.now; now == nil {
		now = time.Now
	}
	if monotonic = o.monotonic; monotonic == nil {
		origin := time.Now()
		monotonic = func() time.Duration { return time.Since(origin) }
	}
	return now, monotonic
}
