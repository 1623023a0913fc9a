package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

const (
	topicsTimeout = 10 * time.Second
	saslPlain     = "PLAIN"
)

// topic is one topic of the catalog; the generated table lists them all.
type topic struct {
	name        string
	partitions  int32
	retentionMs string
	// timestamps is the type of the messages' timestamps, or empty for the broker's default.
	timestamps string
}

type config struct {
	listen  string
	dataDir string
	kafka3  bool
	// sasl is USER:PASSWORD, or empty if clients need not authenticate.
	sasl string
	// replicas is how many brokers there are, each with a replica of every partition.
	replicas int
}

// broker is the one running broker.
type broker struct {
	cluster  *kfake.Cluster
	produced *kfake.FaultHandle
	faults   []*kfake.FaultHandle
	acks     atomic.Int32
	logins   atomic.Int32
}

// ready is the line that states the broker's address and topics.
type ready struct {
	Bootstrap string           `json:"bootstrap"`
	Topics    map[string]int32 `json:"topics"`
}

func start(ctx context.Context, cfg config) (*broker, error) {
	opts := []kfake.Opt{
		kfake.NumBrokers(max(1, cfg.replicas)),
		// A member that crashed is gone after a second, not after Kafka's 45.
		kfake.BrokerConfigs(map[string]string{
			"group.consumer.session.timeout.ms":    "1000",
			"group.consumer.heartbeat.interval.ms": "250",
		}),
		kfake.WithLogger(kfake.BasicLogger(os.Stderr, kfake.LogLevelError)),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			return net.Listen(network, cfg.listen)
		}),
	}
	if cfg.dataDir != "" {
		opts = append(opts, kfake.DataDir(cfg.dataDir), kfake.SyncWrites())
	}
	if cfg.kafka3 {
		opts = append(opts, kfake.MaxVersions(kversion.V3_5_0()))
	}
	if user, password, ok := strings.Cut(cfg.sasl, ":"); ok {
		opts = append(opts, kfake.EnableSASL())
		for _, mechanism := range []string{saslPlain, "SCRAM-SHA-256", "SCRAM-SHA-512"} {
			opts = append(opts, kfake.Superuser(mechanism, user, password))
		}
	}
	cluster, err := kfake.NewCluster(opts...)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is already in use: stop the process that listens there, "+
			"or pass --listen 127.0.0.1:0 for a free port", cfg.listen)
	case err != nil && cfg.dataDir != "":
		return nil, fmt.Errorf("cannot start on %s with --data-dir %s: %w", cfg.listen, cfg.dataDir, err)
	case err != nil:
		return nil, fmt.Errorf("cannot start on %s: %w", cfg.listen, err)
	}
	b := &broker{cluster: cluster, produced: countProduced(cluster)}
	b.noteAcks()
	b.refuseLogins(cfg.sasl)
	if err := b.prepare(ctx, cfg); err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

func (b *broker) stop() { b.cluster.Close() }

func (b *broker) bootstrap() string { return b.cluster.ListenAddrs()[0] }

func (b *broker) ready() ready {
	line := ready{Bootstrap: b.bootstrap(), Topics: make(map[string]int32, len(topics))}
	for _, t := range topics {
		line.Topics[t.name] = t.partitions
	}
	return line
}

// prepare makes a new or a restored broker ready for clients, as a client itself.
func (b *broker) prepare(ctx context.Context, cfg config) error {
	ctx, cancel := context.WithTimeout(ctx, topicsTimeout)
	defer cancel()
	opts := []kgo.Opt{kgo.SeedBrokers(b.bootstrap())}
	if user, password, ok := strings.Cut(cfg.sasl, ":"); ok {
		opts = append(opts, kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("cannot connect to itself: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if err := renewGroups(ctx, admin); err != nil {
		return fmt.Errorf("cannot restore groups: %w", err)
	}
	return createTopics(ctx, admin, cfg)
}

// renewGroups makes each group anew, with the offsets that it committed: a restored group of the consumer
// protocol never assigns its partitions.
func renewGroups(ctx context.Context, admin *kadm.Client) error {
	groups, err := admin.ListGroups(ctx)
	if err != nil {
		return err
	}
	for _, group := range groups.Groups() {
		committed, err := admin.FetchOffsets(ctx, group)
		if err != nil {
			return err
		}
		// A member that was faster keeps it.
		if _, err := admin.DeleteGroup(ctx, group); errors.Is(err, kerr.NonEmptyGroup) {
			continue
		} else if err != nil {
			return err
		}
		if err := admin.CommitAllOffsets(ctx, group, committed.Offsets()); err != nil {
			return err
		}
	}
	return nil
}

// createTopics uses the protocol because kfake's own seeding does nothing to a data directory that was
// used before, which may be older than the catalog.
func createTopics(ctx context.Context, admin *kadm.Client, cfg config) error {
	for _, t := range topics {
		configs := map[string]*string{"retention.ms": &t.retentionMs}
		if t.timestamps != "" {
			configs["message.timestamp.type"] = &t.timestamps
		}
		_, err := admin.CreateTopic(ctx, t.partitions, int16(max(1, cfg.replicas)), configs, t.name)
		if errors.Is(err, kerr.TopicAlreadyExists) {
			err = checkPartitions(ctx, admin, t)
		}
		if err != nil {
			return fmt.Errorf("cannot create topic %s: %w", t.name, err)
		}
	}
	return nil
}

func checkPartitions(ctx context.Context, admin *kadm.Client, want topic) error {
	found, err := admin.ListTopics(ctx, want.name)
	if err != nil {
		return err
	}
	if n := len(found[want.name].Partitions); n != int(want.partitions) {
		return fmt.Errorf("the data directory has %d partitions, the catalog %d: "+
			"choose another --data-dir or remove this one", n, want.partitions)
	}
	return nil
}
