package main

import (
	"context"
	"os"
	"time"
)

// parentPoll is how long the broker may outlive its parent. A signal from the kernel instead is available
// on Linux only, and tied to the parent's thread, not to its process.
const parentPoll = 200 * time.Millisecond

// untilOrphaned returns a context that also ends when the parent process is gone: a killed test run leaves
// no broker behind.
func untilOrphaned(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	go func() {
		defer cancel()
		ticker := time.NewTicker(parentPoll)
		defer ticker.Stop()
		for os.Getppid() == parent {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	return ctx
}
