package spool

import (
	"errors"
	"os"
	"slices"
)

// tidy marks what is done, removes segments that are, and keeps one ahead where that is wanted.
func (j *journal) tidy() error {
	j.mu.Lock()
	failed := j.releaseIdle()
	var removed []*page
	j.pages = slices.DeleteFunc(j.pages, func(p *page) bool {
		acked := p.popAcked()
		if !p.done() || !p.sealed {
			if acked > 0 {
				failed = errors.Join(failed, p.writeAckedOffset(acked))
			}
			return false
		}
		removed = append(removed, p)
		return true
	})
	wanted := j.durable && j.current != nil && j.preallocated == nil && !j.released
	j.mu.Unlock()
	for _, p := range removed {
		p.remove()
	}
	if len(removed) > 0 {
		j.trouble.Store(nil)
	}
	if wanted && j.trouble.Load() == nil {
		_ = j.preallocate(true) // whoever finds no room tries again, and says why
	}
	return failed
}

// releaseIdle gives back the room of a client that needs the disk only now and then.
func (j *journal) releaseIdle() error {
	if j.durable || j.behind.Load() || j.current != nil && !j.current.done() {
		return nil
	}
	j.discardPreallocated()
	j.lowHeadroom.Store(true)
	p := j.current
	if j.current = nil; p == nil {
		return nil
	}
	return p.seal()
}

// beat shows that the owner is alive, and forgets what somebody else took.
func (j *journal) beat() error {
	j.mu.Lock()
	if p := j.current; p != nil && len(p.groups) > 0 {
		p.groups[len(p.groups)-1].full.Store(true)
	}
	pages, preallocated := slices.Clone(j.pages), j.preallocated
	j.mu.Unlock()
	var failed error
	if preallocated != nil {
		failed = ignoreClosed(preallocated.beat())
	}
	for _, p := range pages {
		if p.there() {
			failed = errors.Join(failed, ignoreClosed(p.beat()))
			j.rest(p)
		} else {
			failed = errors.Join(failed, j.lose(p))
		}
	}
	return failed
}

// rest lets go of the memory of a segment that takes its time.
func (j *journal) rest(p *page) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if p.sealed {
		p.memory.release()
	}
}

// lose forgets a segment that somebody else took; whoever has it delivers what waits in it.
func (j *journal) lose(p *page) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := slices.Index(j.pages, p)
	if at < 0 {
		return nil
	}
	j.pages = slices.Delete(j.pages, at, at+1)
	if j.current == p {
		j.current = nil
	}
	p.lost = true
	j.waiting -= p.waiting
	failed := p.seal()
	p.memory.release()
	return errors.Join(failed, p.file.Close())
}

// ignoreClosed leaves out that a file was done, and removed, meanwhile.
func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// sync waits until the disk has what was written.
func (j *journal) sync() error {
	j.mu.Lock()
	pages := slices.Clone(j.pages)
	ends := make([]int64, len(pages))
	for i, p := range pages {
		ends[i] = p.end
	}
	j.mu.Unlock()
	var failed error
	for i, p := range pages {
		failed = errors.Join(failed, ignoreClosed(p.sync(ends[i])))
	}
	return failed
}

// release leaves what is not done to whoever comes first.
func (j *journal) release() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.released = true
	j.current = nil
	j.discardPreallocated()
	var failed error
	for _, p := range j.pages {
		failed = errors.Join(failed, p.seal())
		p.popAcked()
		switch {
		case p.done():
			p.remove()
		case !p.there():
			p.memory.release()
			_ = p.file.Close()
		default:
			failed = errors.Join(failed, p.release(p.end))
		}
	}
	j.pages = nil
	return failed
}
