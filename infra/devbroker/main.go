// Command devbroker is a Kafka broker in one small process, for tests, demos and a laptop.
//
// It has the catalog's topics and no others, and says where it listens in one JSON line:
//
//	{"bootstrap":"127.0.0.1:41873","topics":{"eka.usage.events":10,"eka.usage.events.dlq":3}}
//
// It stops on SIGTERM, on SIGINT and when the process that started it is gone. Until then it makes
// produce requests fail, or counts them, as standard input asks; each line there is answered by one.
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
	"syscall"
)

const usage = `Usage: devbroker [--listen HOST:PORT] [--data-dir DIR]

A Kafka broker in one process, with the topics of the usage catalog. When it is ready it prints one
JSON line with its address; it stops on Ctrl-C, SIGTERM, or when the process that started it is gone.

  --listen HOST:PORT  where clients reach it (default 127.0.0.1:0, a free port). The host must be a
                      loopback address: there are no passwords here.
  --data-dir DIR      keep everything in DIR, synced before a produce is answered, so that it
                      survives kill -9. Without it everything is in memory.

Commands on standard input, one JSON object a line, each answered by one line:

  {"do":"fail","error":"NOT_LEADER_FOR_PARTITION","times":3}   so many produce requests fail, -1: all
  {"do":"heal"}                                                no more do
  {"do":"count"}                                               {"requests":7}: produce requests so far
`

const (
	exitFailed = 1
	exitUsage  = 2
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
		fmt.Fprintf(stderr, "devbroker: nobody reads the ready line: %v\n", err)
		return exitFailed
	}
	go b.obey(stdin, stdout)
	<-ctx.Done()
	return 0
}

// parse reads the command line; its errors are the caller's wrong use.
func parse(args []string) (config, error) {
	var cfg config
	flags := flag.NewFlagSet("devbroker", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&cfg.listen, "listen", "127.0.0.1:0", "")
	flags.StringVar(&cfg.dataDir, "data-dir", "", "")
	if err := flags.Parse(args); err != nil {
		return cfg, err
	}
	if flags.NArg() > 0 {
		return cfg, fmt.Errorf("unexpected argument %q: it takes flags only", flags.Arg(0))
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
