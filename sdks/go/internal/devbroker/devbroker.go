// Package devbroker runs the embedded broker of infra/devbroker as a child process, for the tests of the
// modules in sdks/go.
package devbroker

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

// source is relative to the folder of a package whose tests run, such as sdks/go/ekausage.
const source = "../../../infra/devbroker"

// BuildDir is where the program is built. TestMain sets it, and removes it after the tests.
var BuildDir string

var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(BuildDir, "devbroker")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Dir, build.Stderr = source, os.Stderr
	return path, build.Run()
})

// A Broker is one running broker.
type Broker struct {
	// Bootstrap is its address.
	Bootstrap string

	t        testing.TB
	dataDir  string // empty: it keeps its data in memory
	process  *exec.Cmd
	requests *json.Encoder
	replies  *bufio.Reader
}

// Start starts a broker, which is killed when the test ends. It keeps its data in a directory, or in
// memory if dataDir is empty.
func Start(t testing.TB, dataDir string) *Broker {
	t.Helper()
	b := &Broker{t: t, dataDir: dataDir}
	b.start("127.0.0.1:0")
	t.Cleanup(b.Kill)
	return b
}

func (b *Broker) start(listen string) {
	b.t.Helper()
	path, err := program()
	if err != nil {
		b.t.Fatalf("the embedded broker does not build: %v", err)
	}
	arguments := []string{"--listen", listen}
	if b.dataDir != "" {
		arguments = append(arguments, "--data-dir", b.dataDir)
	}
	b.process = exec.Command(path, arguments...)
	b.process.Stderr = os.Stderr
	input, err := b.process.StdinPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	output, err := b.process.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	b.requests, b.replies = json.NewEncoder(input), bufio.NewReader(output)
	if err := b.process.Start(); err != nil {
		b.t.Fatal(err)
	}
	var ready struct{ Bootstrap string }
	b.read(&ready)
	b.Bootstrap = ready.Bootstrap
}

func (b *Broker) read(into any) {
	b.t.Helper()
	line, err := b.replies.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, into)
	}
	if err != nil {
		b.t.Fatalf("the embedded broker does not reply: %v", err)
	}
}

// Fail answers so many produce requests with an error of Kafka's protocol; -1 answers all of them.
func (b *Broker) Fail(name string, times int) {
	b.t.Helper()
	if err := b.requests.Encode(map[string]any{"do": "fail", "error": name, "times": times}); err != nil {
		b.t.Fatal(err)
	}
	var reply struct{ Fault string }
	if b.read(&reply); reply.Fault != "" {
		b.t.Fatal(reply.Fault)
	}
}

// Kill ends the broker as a crash does.
func (b *Broker) Kill() {
	if b.process == nil {
		return
	}
	_ = b.process.Process.Signal(syscall.SIGKILL)
	_ = b.process.Wait()
	b.process = nil
}

// Restart starts the broker again, on the same address and with its data.
func (b *Broker) Restart() {
	b.t.Helper()
	b.Kill()
	b.start(b.Bootstrap)
}
