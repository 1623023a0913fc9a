package ekausage

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
)

const (
	// Pauses between attempts double up to this, as in librdkafka; one that is longer stays as it is.
	lastBackoff = time.Second
	// metadataInterval paces requests for the leaders of partitions.
	metadataInterval = 500 * time.Millisecond
	// A broker that does not respond is left after these, as in TypeScript: a connection after one, a request
	// after one, and a batch after two, of which the broker has the first to reach its replicas. By
	// default franz-go waits twice as long, and needs two or more waits to reach another broker.
	brokerTimeout  = 5 * time.Second
	produceTimeout = 5 * time.Second
	// largestBatch is what a broker accepts by default.
	largestBatch = 1_000_012
)

// kafkaOptions translates the settings to options of franz-go. The outbox bounds the queue instead of
// franz-go.
func kafkaOptions(s *settings, log kgo.Logger) ([]kgo.Opt, error) {
	options := []kgo.Opt{
		kgo.SeedBrokers(s.list(settingKafkaBrokers)...),
		kgo.ClientID(clientName),
		kgo.SoftwareNameAndVersion(clientName+"-go", SDKVersion),
		kgo.DisableClientMetrics(),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.MaxBufferedRecords(math.MaxInt32),
		kgo.ProducerLinger(s.milliseconds(settingKafkaLingerMs)),
		kgo.ProducerBatchMaxBytes(int32(min(max(s.integer(settingKafkaBatchSize), encode.LargestEvent), largestBatch))),
		kgo.ProducerBatchCompression(codecs[s.text(settingKafkaCompressionType)]()),
		kgo.RecordRetries(recordRetries(s)),
		kgo.AlwaysRetryEOF(),
		kgo.RetryBackoffFn(backoff(s.milliseconds(settingKafkaRetryDelayMs))),
		kgo.MetadataMinAge(metadataInterval),
		kgo.DialTimeout(brokerTimeout),
		kgo.RequestTimeoutOverhead(brokerTimeout),
		kgo.ProduceRequestTimeout(produceTimeout),
	}
	if s.text(settingKafkaAcks) == "all" {
		// An event fails on time even if a broker may have stored it: its id deduplicates.
		options = append(options, kgo.RequiredAcks(kgo.AllISRAcks()), kgo.AllowIdempotentProduceCancellation())
	} else {
		options = append(options, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	}
	security, err := securityOptions(s, log)
	return slices.Concat(options, security, s.kafka), err
}

// recordRetries returns how often a batch is sent again. franz-go counts an unreachable broker too, and then
// fails all records of the partition, which are produced again behind what was recorded meanwhile.
// So that an outage does not change the order, attempts are limited only if the caller limits them.
// Otherwise the delivery timeout does. For the same reason AlwaysRetryEOF is given: without it, franz-go fails
// the records when a new connection is closed at once, as a load balancer without a broker does.
func recordRetries(s *settings) int {
	if s.given[settingKafkaRetries] {
		return int(s.integer(settingKafkaRetries))
	}
	return math.MaxInt
}

var codecs = map[string]func() kgo.CompressionCodec{
	"none":   kgo.NoCompression,
	"gzip":   kgo.GzipCompression,
	"snappy": kgo.SnappyCompression,
	"lz4":    kgo.Lz4Compression,
	"zstd":   kgo.ZstdCompression,
}

// backoff returns the function from the number of attempts so far to the pause before the next.
func backoff(first time.Duration) func(tries int) time.Duration {
	last := max(first, lastBackoff)
	return func(tries int) time.Duration {
		wait := last
		if shift := tries - 1; shift < 10 {
			wait = min(last, first<<max(0, shift))
		}
		return time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64()))
	}
}
