package ekausage_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/internal/devbroker"
)

const (
	childVariable = "EKAUSAGE_TEST_CHILD"
	ownExit       = 3
)

// TestMain is also the main function of the processes that tests start.
func TestMain(m *testing.M) {
	if kind := os.Getenv(childVariable); kind != "" {
		runChild(kind)
		return
	}
	os.Exit(runApart(m))
}

// runApart runs the tests apart from the settings and the spool of this machine.
func runApart(m *testing.M) int {
	folder, err := os.MkdirTemp("", "eka-usage-tests-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	devbroker.BuildDir = folder
	for _, setting := range ekausage.Settings() { // of the shell that runs the tests
		_ = os.Unsetenv(setting.Variable)
	}
	_ = os.Setenv("EKA_SPOOL", "off")
	_ = os.Setenv("EKA_SPOOL_DIR", folder)
	return m.Run()
}

// runChild is a service that records ten events, which linger, and then keeps running.
func runChild(kind string) {
	client, err := ekausage.New("child",
		ekausage.WithLinger(time.Minute),
		ekausage.WithFlushOnSigterm(kind != "off"),
	)
	if err != nil {
		panic(err)
	}
	terminated, stop := context.WithCancel(context.Background())
	if kind != "default" {
		terminated, stop = signal.NotifyContext(terminated, syscall.SIGTERM)
	}
	defer stop()
	for range 10 {
		id, err := client.Record("ws-1", "api", "api_call", 1, "", nil, nil)
		if err != nil {
			panic(err)
		}
		fmt.Println(id)
	}
	<-terminated.Done()
	client.Shutdown()
	os.Exit(ownExit)
}

func TestShutdownHooks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind, name string
		end        func(syscall.WaitStatus) bool
	}{
		{"default", "SIGTERM delivers, and the process ends by it", func(s syscall.WaitStatus) bool { return s.Signaled() && s.Signal() == syscall.SIGTERM }},
		{"off", "events are delivered if the service alone handles SIGTERM", func(s syscall.WaitStatus) bool { return s.ExitStatus() == ownExit }},
		{"both", "events are delivered if the service handles SIGTERM too, and calls Shutdown", func(s syscall.WaitStatus) bool { return s.ExitStatus() == ownExit }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			broker := devbroker.Start(t, t.TempDir())
			child := exec.CommandContext(within(t, time.Minute), os.Args[0])
			child.Env = append(os.Environ(), childVariable+"="+c.kind, "EKA_KAFKA_BROKERS="+broker.Bootstrap)
			child.Stderr = os.Stderr
			output, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			var accepted []string
			for lines := bufio.NewScanner(output); len(accepted) < 10 && lines.Scan(); {
				accepted = append(accepted, lines.Text())
			}
			_ = child.Process.Signal(syscall.SIGTERM)
			var exit *exec.ExitError
			if err := child.Wait(); !errors.As(err, &exit) || !c.end(exit.Sys().(syscall.WaitStatus)) {
				t.Errorf("the process ended with %v", err)
			}
			expectOnceEach(t, consume(t, broker.Bootstrap, 10), accepted)
		})
	}
}
