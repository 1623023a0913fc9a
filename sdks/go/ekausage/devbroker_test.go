package ekausage_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

const devbrokerSource = "../../../infra/devbroker"

// devbroker is the embedded broker as a child process.
type devbroker struct {
	t         testing.TB
	folder    string // where it keeps its data, empty for memory
	bootstrap string
	process   *exec.Cmd
	orders    *json.Encoder
	replies   *bufio.Reader
}

var devbrokerProgram = sync.OnceValues(func() (string, error) {
	program := filepath.Join(testFolder, "devbroker")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = devbrokerSource
	build.Stderr = os.Stderr
	return program, build.Run()
})

// startBroker starts a broker that keeps its data, and is gone when the test ends.
func startBroker(t testing.TB) *devbroker {
	t.Helper()
	return startBrokerIn(t, t.TempDir())
}

func startBrokerIn(t testing.TB, folder string) *devbroker {
	t.Helper()
	b := &devbroker{t: t, folder: folder}
	b.start("127.0.0.1:0")
	t.Cleanup(b.kill)
	return b
}

func (b *devbroker) start(listen string) {
	b.t.Helper()
	program, err := devbrokerProgram()
	if err != nil {
		b.t.Fatalf("the embedded broker does not build: %v", err)
	}
	arguments := []string{"--listen", listen}
	if b.folder != "" {
		arguments = append(arguments, "--data-dir", b.folder)
	}
	b.process = exec.Command(program, arguments...)
	b.process.Stderr = os.Stderr
	input, err := b.process.StdinPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	output, err := b.process.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	b.orders, b.replies = json.NewEncoder(input), bufio.NewReader(output)
	if err := b.process.Start(); err != nil {
		b.t.Fatal(err)
	}
	var ready struct{ Bootstrap string }
	b.read(&ready)
	b.bootstrap = ready.Bootstrap
}

func (b *devbroker) read(into any) {
	b.t.Helper()
	line, err := b.replies.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, into)
	}
	if err != nil {
		b.t.Fatalf("the embedded broker says nothing: %v", err)
	}
}

// fail answers so many produce requests with an error of Kafka's; -1: all.
func (b *devbroker) fail(name string, times int) {
	b.t.Helper()
	order := map[string]any{"do": "fail", "error": name, "times": times}
	if err := b.orders.Encode(order); err != nil {
		b.t.Fatal(err)
	}
	var reply struct{ Fault string }
	if b.read(&reply); reply.Fault != "" {
		b.t.Fatal(reply.Fault)
	}
}

// kill ends it as a crash would.
func (b *devbroker) kill() {
	if b.process == nil {
		return
	}
	_ = b.process.Process.Signal(syscall.SIGKILL)
	_ = b.process.Wait()
	b.process = nil
}

// restart starts it again, on the same address and with its data.
func (b *devbroker) restart() {
	b.t.Helper()
	b.kill()
	b.start(b.bootstrap)
}
