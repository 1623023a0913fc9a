package ekausage

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
)

const (
	// Pauses between attempts double from the first to the last, as in librdkafka.
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = time.Second
	// metadataInterval paces requests for the leaders of partitions.
	metadataInterval = 500 * time.Millisecond
	// largestBatch is what a broker accepts by default.
	largestBatch = 1_000_012
)

// kafkaOptions translates the settings to options of franz-go. The outbox bounds the queue instead of
// franz-go.
func kafkaOptions(s *settings) ([]kgo.Opt, error) {
	options := []kgo.Opt{
		kgo.SeedBrokers(s.list(settingKafkaBrokers)...),
		kgo.ClientID("eka-usage"),
		kgo.SoftwareNameAndVersion("eka-usage-go", SDKVersion),
		kgo.DisableClientMetrics(),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.MaxBufferedRecords(math.MaxInt32),
		kgo.ProducerLinger(s.milliseconds(settingKafkaLingerMs)),
		kgo.ProducerBatchMaxBytes(int32(min(max(s.integer(settingKafkaBatchSize), encode.LargestEvent), largestBatch))),
		kgo.ProducerBatchCompression(codecs[s.text(settingKafkaCompressionType)]()),
		kgo.RecordRetries(int(s.integer(settingKafkaRetries))),
		kgo.RetryBackoffFn(backoff),
		kgo.MetadataMinAge(metadataInterval),
	}
	if s.text(settingKafkaAcks) == "all" {
		// An event fails on time even if a broker may have stored it: its id deduplicates.
		options = append(options, kgo.RequiredAcks(kgo.AllISRAcks()), kgo.AllowIdempotentProduceCancellation())
	} else {
		options = append(options, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	}
	security, err := securityOptions(s)
	return slices.Concat(options, security, s.kafka), err
}

var codecs = map[string]func() kgo.CompressionCodec{
	"none":   kgo.NoCompression,
	"gzip":   kgo.GzipCompression,
	"snappy": kgo.SnappyCompression,
	"lz4":    kgo.Lz4Compression,
	"zstd":   kgo.ZstdCompression,
}

func backoff(tries int) time.Duration {
	wait := lastBackoff
	if shift := tries - 1; shift < 10 {
		wait = min(lastBackoff, firstBackoff<<max(0, shift))
	}
	return time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64()))
}

func securityOptions(s *settings) ([]kgo.Opt, error) {
	var options []kgo.Opt
	protocol := s.text(settingKafkaSecurityProtocol)
	if strings.HasSuffix(protocol, "SSL") {
		config, err := tlsConfig(s)
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.DialTLSConfig(config))
	}
	if strings.HasPrefix(protocol, "SASL") {
		mechanism, err := saslMechanism(s)
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.SASL(mechanism))
	}
	return options, nil
}

func tlsConfig(s *settings) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if config.Certificates, err = clientCertificates(s); err != nil {
		return nil, err
	}
	location := s.text(settingKafkaSSLCALocation)
	if location == "" {
		return config, nil
	}
	pem, err := os.ReadFile(location)
	if err == nil {
		config.RootCAs = x509.NewCertPool()
		if config.RootCAs.AppendCertsFromPEM(pem) {
			return config, nil
		}
	}
	return nil, s.misconfigured(settingKafkaSSLCALocation, "a readable PEM file of certificates")
}

// clientCertificates returns the certificate for mutual TLS; none where none is configured.
func clientCertificates(s *settings) ([]tls.Certificate, error) {
	certificate, key := s.text(settingKafkaSSLCertificateLocation), s.text(settingKafkaSSLKeyLocation)
	switch {
	case certificate == "" && key == "":
		return nil, nil
	case certificate == "":
		return nil, s.misconfigured(settingKafkaSSLCertificateLocation, "a PEM file, since there is a key")
	case key == "":
		return nil, s.misconfigured(settingKafkaSSLKeyLocation, "a PEM file, since there is a certificate")
	}
	if _, err := os.ReadFile(key); err != nil {
		return nil, s.misconfigured(settingKafkaSSLKeyLocation, "a readable PEM file of a private key")
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		expected := fmt.Sprintf("a readable PEM file of the certificate of the key in %s: %v", key, err)
		return nil, s.misconfigured(settingKafkaSSLCertificateLocation, expected)
	}
	return []tls.Certificate{pair}, nil
}

func saslMechanism(s *settings) (sasl.Mechanism, error) {
	for _, row := range []int{settingKafkaSASLMechanism, settingKafkaSASLUsername, settingKafkaSASLPassword} {
		if s.text(row) == "" {
			return nil, s.misconfigured(row, "a value, since the security protocol uses SASL")
		}
	}
	user, password := s.text(settingKafkaSASLUsername), s.text(settingKafkaSASLPassword)
	switch s.text(settingKafkaSASLMechanism) {
	case "SCRAM-SHA-256":
		return scram.Auth{User: user, Pass: password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: user, Pass: password}.AsSha512Mechanism(), nil
	default:
		return plain.Auth{User: user, Pass: password}.AsMechanism(), nil
	}
}
