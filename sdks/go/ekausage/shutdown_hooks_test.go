package ekausage_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
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
	if kind == "graceful" {
		serveGracefully()
		return
	}
	client, err := ekausage.New("child",
		ekausage.WithLinger(time.Minute),
		ekausage.WithFlushOnSigterm(kind != "off"),
	)
	if err != nil {
		panic(err)
	}
	terminated, stop := context.WithCancel(context.Background())
	if kind != "none" {
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

// serveGracefully is a service whose last request is being served when SIGTERM arrives, with a client
// that leaves the signal to it by default, and an event that is still queued.
func serveGracefully() {
	terminated, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	client, err := ekausage.New("child", ekausage.WithLinger(time.Minute))
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		first, _ := client.Record("ws-1", "api", "api_call", 1, "", nil, nil)
		fmt.Println("serving")
		<-terminated.Done()
		time.Sleep(time.Second)
		last, _ := client.Record("ws-1", "api", "api_call", 1, "", nil, nil)
		_, _ = fmt.Fprint(w, first, " ", last)
	})}
	go func() { _ = server.Serve(listener) }()
	fmt.Println("http://" + listener.Addr().String())
	<-terminated.Done()
	stop()
	if err := server.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	os.Exit(ownExit + client.Shutdown())
}

func TestGracefulShutdown(t *testing.T) {
	t.Parallel()
	broker := devbroker.Start(t, t.TempDir())
	child, lines := startChild(t, "graceful", broker)
	lines.Scan()
	address := lines.Text()
	served := make(chan string, 1)
	go func() {
		var ids []byte
		if response, err := http.Get(address); err == nil {
			ids, _ = io.ReadAll(response.Body)
			_ = response.Body.Close()
		}
		served <- string(ids)
	}()
	if lines.Scan(); lines.Text() != "serving" {
		t.Fatalf("the service printed %q", lines.Text())
	}
	_ = child.Process.Signal(syscall.SIGTERM)
	ids := strings.Fields(<-served)
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.ExitCode() != ownExit {
		t.Errorf("the process ended with %v", err)
	}
	if len(ids) != 2 {
		t.Fatal("the request was cut off")
	}
	expectOnceEach(t, consume(t, broker.Bootstrap, 2), ids)
}

// startChild starts a process that runs runChild, and returns its output.
func startChild(t *testing.T, kind string, broker *devbroker.Broker) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	child := exec.CommandContext(within(t, time.Minute), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+kind, "EKA_KAFKA_BROKERS="+broker.Bootstrap)
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return child, bufio.NewScanner(output)
}

func TestShutdownHooks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind, name string
		end        func(syscall.WaitStatus) bool
	}{
		{"none", "SIGTERM delivers, and the process ends by it", func(s syscall.WaitStatus) bool { return s.Signaled() && s.Signal() == syscall.SIGTERM }},
		{"off", "events are delivered if the service alone handles SIGTERM", func(s syscall.WaitStatus) bool { return s.ExitStatus() == ownExit }},
		{"both", "events are delivered if the service handles SIGTERM too, and calls Shutdown", func(s syscall.WaitStatus) bool { return s.ExitStatus() == ownExit }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			broker := devbroker.Start(t, t.TempDir())
			child, lines := startChild(t, c.kind, broker)
			var accepted []string
			for len(accepted) < 10 && lines.Scan() {
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
