package ekausage

import "time"

// WithKafkaBrokers gives the addresses of Kafka brokers, host:port, each or several separated by
// commas. Required, unless EKA_KAFKA_BROKERS says them or WithProducer takes the place of Kafka.
func WithKafkaBrokers(addresses ...string) Option {
	return withSetting(settingKafkaBrokers, append([]string{}, addresses...))
}

// WithLinger says how long an event may wait for others, so that they are sent together; 50 ms by
// default, in whole milliseconds. Flush and Shutdown do not wait for it.
func WithLinger(linger time.Duration) Option {
	return withSetting(settingKafkaLingerMs, linger.Milliseconds())
}

// WithBatchSize gives the size in bytes at which a batch is sent without waiting any longer; 65536
// by default. It counts as no less than the largest event takes, about 72 KiB, and no more than
// brokers take, 1 MB.
func WithBatchSize(bytes int) Option { return withSetting(settingKafkaBatchSize, bytes) }

// WithCompression says how batches are compressed: none, gzip, snappy, lz4 or zstd; lz4 by default.
func WithCompression(codec string) Option { return withSetting(settingKafkaCompressionType, codec) }

// WithAcks says who must have a batch before it counts as delivered: "1", the partition's leader,
// the default; "all", every replica in sync, which also turns idempotence on.
func WithAcks(acks string) Option { return withSetting(settingKafkaAcks, acks) }

// WithRetries says how often a batch that a broker refused is sent again; 5 by default. A broker that
// cannot be reached is tried until the time of WithDeliveryTimeout is over.
func WithRetries(retries int) Option { return withSetting(settingKafkaRetries, retries) }

// WithSecurityProtocol says whether brokers are spoken to in the clear or by TLS, with or without
// SASL: PLAINTEXT, the default, SSL, SASL_PLAINTEXT or SASL_SSL. Those with SASL need
// WithSASLMechanism, WithSASLUsername and WithSASLPassword.
func WithSecurityProtocol(protocol string) Option {
	return withSetting(settingKafkaSecurityProtocol, protocol)
}

// WithSASLMechanism says how the client proves who it is: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. It
// counts only with WithSecurityProtocol.
func WithSASLMechanism(mechanism string) Option {
	return withSetting(settingKafkaSASLMechanism, mechanism)
}

// WithSASLUsername gives the SASL user.
func WithSASLUsername(user string) Option { return withSetting(settingKafkaSASLUsername, user) }

// WithSASLPassword gives the SASL user's password, which is never shown in a log or an error.
func WithSASLPassword(password string) Option {
	return withSetting(settingKafkaSASLPassword, password)
}

// WithSSLCALocation gives a PEM file of the certificate authorities to trust; by default the
// machine's own. It counts only with WithSecurityProtocol.
func WithSSLCALocation(file string) Option { return withSetting(settingKafkaSSLCALocation, file) }

// WithBufferSize says how many accepted events may wait for Kafka; 100000 by default. One more is
// refused with ErrBufferFull, as WithMaxQueueBytes refuses it.
func WithBufferSize(events int) Option { return withSetting(settingMaxQueueEvents, events) }

// WithMaxQueueBytes says how many bytes of accepted events may wait for Kafka; 64 MiB by default.
// More are refused with ErrBufferFull, as WithBufferSize refuses them.
func WithMaxQueueBytes(bytes int) Option { return withSetting(settingMaxQueueBytes, bytes) }

// WithDeliveryTimeout says how long an accepted event may stay undelivered before it fails with
// delivery.failed; 5 minutes by default, in whole milliseconds.
func WithDeliveryTimeout(timeout time.Duration) Option {
	return withSetting(settingDeliveryTimeoutMs, timeout.Milliseconds())
}

// WithShutdownTimeout says how long Shutdown, and SIGTERM, may wait for what is not yet delivered;
// 10 seconds by default, in whole milliseconds. ShutdownContext has a time of its own.
func WithShutdownTimeout(timeout time.Duration) Option {
	return withSetting(settingShutdownTimeoutMs, timeout.Milliseconds())
}

// WithFlushOnSigterm says whether SIGTERM sends what is queued, for as long as WithShutdownTimeout
// allows, before it ends the process; true by default.
//
// A Go program cannot see whether another part of it handles SIGTERM too. A service that does must
// say false here and call Shutdown when it is done: otherwise it gets the signal once more after the
// events are sent, unless all clients were shut down by then.
func WithFlushOnSigterm(flush bool) Option { return withSetting(settingFlushOnSigterm, flush) }

// WithSpool says what the disk is for: "off", nothing; "spill", the default, events that cannot be
// delivered or queued; "durable", every event, before Record returns.
func WithSpool(mode string) Option { return withSetting(settingSpool, mode) }

// WithSpoolDir names the folder of the spool, which processes of one machine may share; by default
// eka-usage-UID in /var/tmp.
func WithSpoolDir(folder string) Option { return withSetting(settingSpoolDir, folder) }

// WithSpoolMaxBytes says how much of the disk the folder of the spool may take; 256 MiB by default.
// One more event is refused with spool.full.
func WithSpoolMaxBytes(bytes int) Option { return withSetting(settingSpoolMaxBytes, bytes) }

// WithSpoolSync says how much of the latest a loss of power may take from the spool; 50 ms by default,
// in whole milliseconds. 0 waits for the disk at each event.
func WithSpoolSync(interval time.Duration) Option {
	return withSetting(settingSpoolSyncMs, interval.Milliseconds())
}

func withSetting(row int, value any) Option {
	return func(o *options) { o.arguments[row] = value }
}
