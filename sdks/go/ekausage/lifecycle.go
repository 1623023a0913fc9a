package ekausage

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// terminated is the exit code of a process that SIGTERM ended, where it cannot send that to itself.
const terminated = 128 + 15

// sigterm looks after the clients that send what is queued when the process is told to end.
var sigterm termination

type termination struct {
	mu      sync.Mutex
	clients map[*Client]struct{}
	signals chan os.Signal
}

// adopt looks after a client until it is released.
func (t *termination) adopt(c *Client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.clients) == 0 {
		t.clients = map[*Client]struct{}{}
		t.signals = make(chan os.Signal, 1)
		signal.Notify(t.signals, syscall.SIGTERM)
		go t.wait(t.signals)
	}
	t.clients[c] = struct{}{}
}

// release forgets a client that is shut down.
func (t *termination) release(c *Client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, adopted := t.clients[c]; !adopted {
		return
	}
	if delete(t.clients, c); len(t.clients) == 0 {
		signal.Stop(t.signals)
		close(t.signals)
	}
}

func (t *termination) wait(signals chan os.Signal) {
	if _, told := <-signals; !told {
		return
	}
	t.flush()
	if t.forget() {
		// The process still ends by the signal, as its parent expects.
		self, err := os.FindProcess(os.Getpid())
		if err != nil || self.Signal(syscall.SIGTERM) != nil {
			os.Exit(terminated)
		}
	}
}

// flush sends what all clients have, at the same time. They stay open: a service with a handler of
// its own may be about to record its last.
func (t *termination) flush() {
	var flushed sync.WaitGroup
	t.mu.Lock()
	for c := range t.clients {
		flushed.Go(c.flushAtEnd)
	}
	t.mu.Unlock()
	flushed.Wait()
}

// forget leaves the signal to others. It reports whether a client was not shut down, which a service
// that handles the signal would have done.
func (t *termination) forget() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := len(t.clients)
	if left > 0 {
		signal.Stop(t.signals)
		clear(t.clients)
	}
	return left > 0
}
