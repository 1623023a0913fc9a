package ekausage

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
)

// terminated is the exit code of a process ended by SIGTERM, if it cannot send itself the signal.
const terminated = 128 + 15

// sigterm flushes the registered clients when the process receives SIGTERM.
var sigterm shutdownHooks

type shutdownHooks struct {
	mu      sync.Mutex
	clients map[*Client]struct{}
	signals chan os.Signal
}

// register flushes a client on SIGTERM until it is unregistered.
func (h *shutdownHooks) register(c *Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.clients) == 0 {
		h.clients = map[*Client]struct{}{}
		h.signals = make(chan os.Signal, 1)
		signal.Notify(h.signals, syscall.SIGTERM)
		go h.wait(h.signals)
	}
	h.clients[c] = struct{}{}
}

// unregister drops a client that is shut down.
func (h *shutdownHooks) unregister(c *Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, registered := h.clients[c]; !registered {
		return
	}
	if delete(h.clients, c); len(h.clients) == 0 {
		signal.Stop(h.signals)
		close(h.signals)
	}
}

func (h *shutdownHooks) wait(signals chan os.Signal) {
	if _, received := <-signals; !received {
		return
	}
	h.flush()
	if h.forget() {
		// The process still ends by the signal, as its parent expects.
		self, err := os.FindProcess(os.Getpid())
		if err != nil || self.Signal(syscall.SIGTERM) != nil {
			os.Exit(terminated)
		}
	}
}

// flush flushes all clients concurrently. They stay open: a service with a handler of its own may be
// about to record its last events.
func (h *shutdownHooks) flush() {
	var flushed sync.WaitGroup
	h.mu.Lock()
	for c := range h.clients {
		flushed.Go(c.flushAtExit)
	}
	h.mu.Unlock()
	flushed.Wait()
}

// forget stops handling the signal. It reports whether a client was not shut down, as a service that
// handles the signal itself would have done.
func (h *shutdownHooks) forget() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	left := len(h.clients)
	if left > 0 {
		signal.Stop(h.signals)
		clear(h.clients)
	}
	return left > 0
}

// manyClients is how many open clients are logged, once.
const manyClients = 32

var (
	openClients atomic.Int64
	reportMany  sync.Once
)

// opened counts a client that New returns.
func (c *Client) opened(log *limitedLog) {
	if open := openClients.Add(1); open >= manyClients {
		reportMany.Do(func() {
			log.line(slog.LevelWarn, fmt.Sprintf("%d clients are open in this process, each with goroutines and "+
				"connections of its own: share one, and give what differs to Bind", open))
		})
	}
}

// ended counts a client that was shut down.
func (c *Client) ended() { openClients.Add(-1) }
