package spool

import (
	"testing"
	"time"
)

// newDirectory returns an empty directory, and an origin that writes to it.
func newDirectory(t *testing.T) (*Directory, *origin) {
	t.Helper()
	d := opened(t, folderOf(t))
	d.maxBytes = 64 << 20
	return d, newOrigin(&Config{Now: time.Now})
}

func TestRename(t *testing.T) {
	t.Run("a segment never gets the name of another", func(t *testing.T) {
		t.Parallel()
		d, o := newDirectory(t)
		name := o.nextName("events")
		taken := name
		taken.owner = unowned
		s, err := d.create(name)
		if err != nil {
			t.Fatal(err)
		}
		other, err := d.create(taken)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.file.WriteAt([]byte("other"), 0); err != nil {
			t.Fatal(err)
		}
		if transferred, err := s.transferTo(unowned); transferred || err != nil || !s.exists() {
			t.Error(transferred, err)
		}
		if content, err := d.root.Load().ReadFile(other.name.String()); err != nil || string(content[:5]) != "other" {
			t.Error("it was replaced", err)
		}
		other.remove()
		if transferred, err := s.transferTo(unowned); !transferred || err != nil {
			t.Error(transferred, err)
		}
		s.remove()
		expectEmpty(t, d.path)
	})

	t.Run("logs of one origin, as in copies of a process, keep every event", func(t *testing.T) {
		t.Parallel()
		folder := folderOf(t)
		h := &host{fault: errAway}
		one, other := open(t, h, folder, durable), open(t, h, folder, durable)
		other.events.id, other.events.name, other.events.salt = one.events.id, one.events.name, one.events.salt
		for i := range 60 {
			appendAll(t, one, numbered(i+1, 1, 100_000))
			appendAll(t, other, numbered(i+1, 1, 100_000))
		}
		one.crash()
		other.crash()
		h.set(func() { h.fault = nil })
		open(t, h, folder, nil)
		eventually(t, "every event is delivered", func() bool { return len(h.received()) >= 120 })
	})
}
