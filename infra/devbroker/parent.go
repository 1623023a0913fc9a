package main

import (
	"context"
	"os"
	"time"
)

// parentPoll is how long an orphan may live. Asking the kernel to signal us instead is Linux only,
// and tied to the parent's thread, not to its process.
const parentPoll = 200 * time.Millisecond

// untilOrphaned is ctx, ended also when the process that started this one is gone: a test run that
// was killed leaves no broker behind.
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
