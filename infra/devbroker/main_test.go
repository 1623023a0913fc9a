package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The test binary runs as the broker itself, or as a process that starts one and waits, so that
// signals and kills hit real processes.
const roleVariable = "DEVBROKER_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "broker":
		main()
	case "parent":
		broker := command("broker", os.Args[1:]...)
		broker.Stdout = os.Stdout
		if err := broker.Run(); err != nil {
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

func command(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// process is a started broker, or the parent of one; stdout ends with the broker.
type process struct {
	*exec.Cmd
	ready  ready
	stdout *bufio.Reader
}

func startProcess(t *testing.T, role string, args ...string) *process {
	t.Helper()
	cmd := command(role, args...)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	p := &process{Cmd: cmd, stdout: bufio.NewReader(pipe)}
	line, err := p.stdout.ReadBytes('\n')
	if err != nil {
		t.Fatalf("no ready line: %v", err)
	}
	if err := json.Unmarshal(line, &p.ready); err != nil {
		t.Fatalf("the ready line %q is not JSON: %v", line, err)
	}
	return p
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// rest returns what follows on stdout until the broker has ended.
func (p *process) rest(t *testing.T) string {
	t.Helper()
	ended := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(p.stdout)
		ended <- string(text)
	}()
	select {
	case text := <-ended:
		return text
	case <-time.After(10 * time.Second):
		t.Fatal("the broker is still running after 10 s")
		return ""
	}
}

func newClient(t *testing.T, bootstrap string, opts ...kgo.Opt) (context.Context, *kgo.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(bootstrap))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return ctx, client
}

func TestBroker(t *testing.T) {
	t.Run("the ready line lists the catalog's topics, and nothing follows it", func(t *testing.T) {
		p := startProcess(t, "broker")
		for _, topic := range topics {
			if p.ready.Topics[topic.name] != topic.partitions {
				t.Errorf("%s: %d partitions in the ready line, want %d",
					topic.name, p.ready.Topics[topic.name], topic.partitions)
			}
		}
		if len(p.ready.Topics) != len(topics) {
			t.Errorf("ready line has topics %v, want exactly %v", p.ready.Topics, topics)
		}
		p.signal(t, syscall.SIGTERM)
		if more := p.rest(t); more != "" {
			t.Errorf("stdout continues with %q", more)
		}
	})

	t.Run("the topics exist with their partitions, and no others", func(t *testing.T) {
		p := startProcess(t, "broker")
		ctx, client := newClient(t, p.ready.Bootstrap)
		found, err := kadm.NewClient(client).ListTopics(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range topics {
			if n := len(found[topic.name].Partitions); n != int(topic.partitions) {
				t.Errorf("%s has %d partitions, want %d", topic.name, n, topic.partitions)
			}
		}
		if len(found) != len(topics) {
			t.Errorf("the broker has topics %v, want %v", found.Names(), topics)
		}
	})

	t.Run("SIGTERM and SIGINT stop it with exit code 0", func(t *testing.T) {
		for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			p := startProcess(t, "broker")
			p.signal(t, s)
			p.rest(t)
			if err := p.Wait(); err != nil {
				t.Errorf("after %v: %v", s, err)
			}
		}
	})

	t.Run("acknowledged records survive kill -9", func(t *testing.T) {
		const records = 50
		dir := t.TempDir()
		p := startProcess(t, "broker", "--data-dir", dir)
		ctx, producer := newClient(t, p.ready.Bootstrap, kgo.DefaultProduceTopic(topics[0].name))
		for i := range records {
			value := kgo.StringRecord(fmt.Sprint(i))
			if err := producer.ProduceSync(ctx, value).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		p.signal(t, syscall.SIGKILL)
		p.rest(t)

		p = startProcess(t, "broker", "--data-dir", dir)
		ctx, consumer := newClient(t, p.ready.Bootstrap, kgo.ConsumeTopics(topics[0].name))
		seen := map[string]bool{}
		for len(seen) < records {
			fetches := consumer.PollFetches(ctx)
			if err := fetches.Err(); err != nil {
				t.Fatalf("%d of %d records read: %v", len(seen), records, err)
			}
			fetches.EachRecord(func(r *kgo.Record) { seen[string(r.Value)] = true })
		}
	})

	t.Run("it stops when its parent is killed", func(t *testing.T) {
		p := startProcess(t, "parent")
		p.signal(t, syscall.SIGKILL)
		p.rest(t)
	})

	t.Run("a port in use is reported with a remedy", func(t *testing.T) {
		first := startProcess(t, "broker")
		code, _, stderr := runHere("--listen", first.ready.Bootstrap)
		want := "devbroker: " + first.ready.Bootstrap + " is already in use"
		if code != exitFailed || !strings.HasPrefix(stderr, want) {
			t.Errorf("exit %d, %q; want %d and %q", code, stderr, exitFailed, want)
		}
	})

	t.Run("a data directory with other partitions is rejected", func(t *testing.T) {
		dir := t.TempDir()
		catalog := topics
		t.Cleanup(func() { topics = catalog })
		topics = []topic{{name: catalog[0].name, partitions: catalog[0].partitions + 1}}
		if code, _, stderr := runHere("--data-dir", dir); code != 0 {
			t.Fatalf("exit %d: %s", code, stderr)
		}
		topics = catalog
		code, _, stderr := runHere("--data-dir", dir)
		if code != exitFailed || !strings.Contains(stderr, "choose another --data-dir") {
			t.Errorf("exit %d, %q", code, stderr)
		}
	})
}

func TestCommandLine(t *testing.T) {
	t.Run("invalid usage exits with 2 and explains why", func(t *testing.T) {
		for _, c := range []struct{ args, want string }{
			{"--lisen x", "not defined: -lisen"},
			{"--listen 9092", `"9092" is not HOST:PORT`},
			{"--listen 0.0.0.0:9092", "not on a loopback address"},
			{"--listen 127.0.0.1:99999", "no valid port"},
			{"start", `unexpected argument "start"`},
		} {
			code, _, stderr := runHere(strings.Fields(c.args)...)
			if code != exitUsage || !strings.Contains(stderr, c.want) {
				t.Errorf("%s: exit %d, %q; want %d and %q", c.args, code, stderr, exitUsage, c.want)
			}
		}
	})

	t.Run("the help lists every flag", func(t *testing.T) {
		code, stdout, _ := runHere("--help")
		for _, name := range []string{"--listen", "--data-dir"} {
			if code != 0 || !strings.Contains(stdout, name) {
				t.Errorf("exit %d, no %s in %q", code, name, stdout)
			}
		}
	})
}

// runHere runs the command in this process, for one second at most.
func runHere(args ...string) (code int, stdout, stderr string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var out, errs strings.Builder
	code = run(ctx, args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}
