// Command devbroker is a Kafka broker in one small process, for tests, demos and laptops.
//
// It has the catalog's topics and no others, and prints its address in one JSON line:
//
//	{"bootstrap":"127.0.0.1:41873","topics":{"eka.usage.events":10,"eka.usage.events.dlq":3}}
//
// It stops on SIGTERM, on SIGINT and when the process that started it is gone. Requests on standard input
// make produce requests fail, or count them; it responds to each line with one line.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const usage = `Usage: devbroker [--listen HOST:PORT] [--data-dir DIR] [--kafka-3] [--sasl USER:PASSWORD]
                 [--replicas N]

Run a Kafka broker in one process, with the topics of the usage catalog. Once it is ready, it prints
one JSON line with its address. It stops on Ctrl-C, on SIGTERM, and when its parent process is gone.

  --listen HOST:PORT  Listen on this address (default 127.0.0.1:0, a free port). The host must be a
                      loopback address, since there is no encryption.
  --data-dir DIR      Keep records in DIR, synced before each produce is acknowledged, so that they
                      survive kill -9. The default is to keep them in memory.
  --kafka-3           Support what Kafka 3.5 does, such as the classic group protocol only.
  --sasl USER:PASSWORD
                      Require SASL, by PLAIN or SCRAM. The default is no authentication.
  --replicas N        Run N brokers, 1 to 9, each with a replica of every partition (default 1). Several
                      need port 0, and the ready line has the first one's address.

Requests on standard input, one JSON object per line, each with a response of one line:

  {"do":"fail","error":"NOT_LEADER_FOR_PARTITION","times":3}   Fail so many produce requests; -1: all
  {"do":"heal"}                                                Fail no more
  {"do":"count"}                                               Produce requests and logins so far
`

const (
	exitFailed = 1
	exitUsage  = 2

	mostReplicas = 9
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(untilOrphaned(ctx), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	cfg, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "devbroker: %v; see devbroker --help\n", err)
		return exitUsage
	}
	b, err := start(ctx, cfg)
	if err != nil {
		fmt.Fprintf(stderr, "devbroker: %v\n", err)
		return exitFailed
	}
	defer b.stop()
	if err := json.NewEncoder(stdout).Encode(b.ready()); err != nil {
		fmt.Fprintf(stderr, "devbroker: cannot write the ready line: %v\n", err)
		return exitFailed
	}
	go b.serve(stdin, stdout)
	<-ctx.Done()
	return 0
}

// parse parses the command line. An error means invalid usage.
func parse(args []string) (config, error) {
	var cfg config
	flags := flag.NewFlagSet("devbroker", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&cfg.listen, "listen", "127.0.0.1:0", "")
	flags.StringVar(&cfg.dataDir, "data-dir", "", "")
	flags.BoolVar(&cfg.kafka3, "kafka-3", false, "")
	flags.StringVar(&cfg.sasl, "sasl", "", "")
	flags.IntVar(&cfg.replicas, "replicas", 1, "")
	if err := flags.Parse(args); err != nil {
		return cfg, err
	}
	if flags.NArg() > 0 {
		return cfg, fmt.Errorf("unexpected argument %q: only flags are accepted", flags.Arg(0))
	}
	if user, password, _ := strings.Cut(cfg.sasl, ":"); cfg.sasl != "" && (user == "" || password == "") {
		return cfg, errors.New("--sasl is not USER:PASSWORD") // without its value, which has a password
	}
	if cfg.replicas < 1 || cfg.replicas > mostReplicas {
		return cfg, fmt.Errorf("--replicas %d is not 1 to %d", cfg.replicas, mostReplicas)
	}
	return cfg, checkListen(cfg.listen)
}

func checkListen(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--listen %q is not HOST:PORT, such as 127.0.0.1:9092", address)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--listen %q is not on a loopback address, such as 127.0.0.1", address)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Errorf("--listen %q has no valid port: 0 to 65535, 0 for a free one", address)
	}
	return nil
}
