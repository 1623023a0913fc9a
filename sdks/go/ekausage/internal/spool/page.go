package spool

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// An AckGroup is records in a row that are marked as done together.
type AckGroup struct {
	journal *journal
	unacked atomic.Int32
	full    atomic.Bool
	size    int
	end     int64
}

// MarkAcked says that one of its records is done.
func (g *AckGroup) MarkAcked() {
	if g.unacked.Add(-1) == 0 && g.full.Load() {
		g.journal.nudge()
	}
}

func (g *AckGroup) isAcked() bool { return g.unacked.Load() == 0 }

// page is a segment of a journal. Its journal's lock guards it, but for the disk's part.
type page struct {
	*segment
	made    time.Time
	end     int64
	sealed  bool
	lost    bool        // somebody else took it
	groups  []*AckGroup // of records that are delivered from memory
	waiting int         // records that are delivered from here
	from    int64       // where the first of these begins

	syncing sync.Mutex
	synced  int64
}

// join adds a record that was just written to the group that is open.
func (p *page) join(j *journal) *AckGroup {
	g := (*AckGroup)(nil)
	if last := len(p.groups) - 1; last >= 0 && !p.groups[last].full.Load() {
		g = p.groups[last]
	} else {
		g = &AckGroup{journal: j}
		p.groups = append(p.groups, g)
	}
	g.unacked.Add(1)
	g.end = p.end
	if g.size++; g.size == groupEvents {
		g.full.Store(true)
	}
	return g
}

// wait notes that the record which was just written from an offset on is delivered from here.
func (p *page) wait(from int64) {
	if last := len(p.groups) - 1; last >= 0 {
		p.groups[last].full.Store(true)
	}
	if p.waiting == 0 {
		p.from = from
	}
	p.waiting++
}

// popAcked drops the groups that are done, and returns up to where everything is done; 0 where that
// has not changed.
func (p *page) popAcked() (acked int64) {
	for len(p.groups) > 0 && p.groups[0].isAcked() {
		acked = p.groups[0].end
		p.groups = p.groups[1:]
	}
	return acked
}

// isAcked reports whether each of its records is done.
func (p *page) isAcked() bool {
	return p.waiting == 0 && !slices.ContainsFunc(p.groups, func(g *AckGroup) bool { return !g.isAcked() })
}

func (p *page) done() bool { return p.waiting == 0 && len(p.groups) == 0 }

// seal ends appends.
func (p *page) seal() error {
	if p.sealed {
		return nil
	}
	p.sealed = true
	if last := len(p.groups) - 1; last >= 0 {
		p.groups[last].full.Store(true)
	}
	return p.fence()
}

// sync waits until the disk has everything up to an offset.
func (p *page) sync(end int64) error {
	p.syncing.Lock()
	defer p.syncing.Unlock()
	if p.synced >= end {
		return nil
	}
	if p.synced == 0 {
		if err := p.folder.sync(); err != nil {
			return err
		}
	}
	if err := syncData(p.file); err != nil {
		return err
	}
	p.synced = end
	return nil
}
