package ekausage

import (
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

// An Option configures New; nil sets nothing. The options that set one of the settings override its environment
// variable; docs/settings.md lists them.
type Option func(*options)

type options struct {
	settings   givenSettings
	config     config
	properties map[string]any
	onError    OnError
	debug      bool
	producer   Producer
	kafka      []kgo.Opt
	logger     *slog.Logger
	now        func() time.Time
	monotonic  func() time.Duration
	beforeSend func(map[string]any) map[string]any
	newID      func() string
	hostname   *string
	tuning     spool.Tuning
}

func applyOptions(opts []Option) *options {
	o := &options{settings: givenSettings{}, config: newConfig(), tuning: spool.DefaultTuning()}
	for _, option := range opts {
		if option != nil {
			option(o)
		}
	}
	return o
}

func withSetting(row int, value any) Option {
	return func(o *options) { o.settings[row] = value }
}

// WithKafkaBrokers sets the addresses of Kafka brokers, host:port, one per argument or several
// separated by commas. It is required unless EKA_KAFKA_BROKERS is set or WithProducer replaces Kafka.
func WithKafkaBrokers(addresses ...string) Option {
	return withSetting(settingKafkaBrokers, append([]string{}, addresses...))
}

// WithTransport sets how events leave the process: "kafka", the default, to Kafka's brokers; "http", to the
// HTTP API, which requires WithHTTPURL and WithHTTPToken or WithHTTPTokenFile, and no brokers. WithLinger,
// WithBatchSize and WithRetryDelay apply to its requests, and the other settings of Kafka have no effect.
func WithTransport(name string) Option { return withSetting(settingTransport, name) }

// WithHTTPURL sets the address of the HTTP API, as in https://usage.example.com.
func WithHTTPURL(address string) Option { return withSetting(settingHTTPURL, address) }

// WithHTTPToken sets the API key for the HTTP API, which never appears in a log or an error.
func WithHTTPToken(key string) Option { return withSetting(settingHTTPToken, newSecret(key)) }

// WithHTTPTokenFile sets a file that contains the API key, in place of WithHTTPToken. It is read again when
// the server refuses the key, so that a rotated one needs no restart.
func WithHTTPTokenFile(file string) Option { return withSetting(settingHTTPTokenFile, file) }

// WithHTTPCALocation sets a PEM file of the certificate authorities of the HTTP API to trust, overriding the
// system's.
func WithHTTPCALocation(file string) Option { return withSetting(settingHTTPCALocation, file) }

// WithLinger sets how long an event may wait for others to be sent in one batch, overriding the
// default of 50ms, in whole milliseconds. Flush and Shutdown do not wait for it.
func WithLinger(linger time.Duration) Option {
	return withSetting(settingKafkaLingerMs, linger.Milliseconds())
}

// WithBatchSize sets the size in bytes at which a batch is sent without lingering, overriding the
// default of 65536. It is raised to the size of the largest event, about 125 KiB, and capped at what
// brokers accept, 1 MB.
func WithBatchSize(bytes int) Option { return withSetting(settingKafkaBatchSize, bytes) }

// WithCompression sets the compression of batches, overriding the default of lz4: none, gzip, snappy,
// lz4 or zstd.
func WithCompression(codec string) Option { return withSetting(settingKafkaCompressionType, codec) }

// WithAcks sets who must acknowledge a batch before it counts as delivered: "1", the default, the
// partition's leader; "all", every in-sync replica, which also enables idempotence.
func WithAcks(acks string) Option { return withSetting(settingKafkaAcks, acks) }

// WithRetries sets how often a batch that a broker rejected is sent again, overriding the default of 5.
// A broker that cannot be reached is retried until WithDeliveryTimeout is over.
func WithRetries(retries int) Option { return withSetting(settingKafkaRetries, retries) }

// WithRetryDelay sets the pause before a batch that failed is sent again, overriding the default of
// 100ms, in whole milliseconds. It doubles from one attempt to the next, up to a second, or stays as it
// is if it is longer.
func WithRetryDelay(delay time.Duration) Option {
	return withSetting(settingKafkaRetryDelayMs, delay.Milliseconds())
}

// WithSecurityProtocol sets how to connect to brokers: PLAINTEXT, the default, SSL, SASL_PLAINTEXT or
// SASL_SSL. The protocols with SASL require WithSASLMechanism, WithSASLUsername and a password.
func WithSecurityProtocol(protocol string) Option {
	return withSetting(settingKafkaSecurityProtocol, protocol)
}

// WithSASLMechanism sets how the client authenticates: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. It
// requires that WithSecurityProtocol selects SASL.
func WithSASLMechanism(mechanism string) Option {
	return withSetting(settingKafkaSASLMechanism, mechanism)
}

// WithSASLUsername sets the SASL user name.
func WithSASLUsername(user string) Option { return withSetting(settingKafkaSASLUsername, user) }

// WithSASLPassword sets the SASL password, which never appears in a log or an error.
func WithSASLPassword(password string) Option {
	return withSetting(settingKafkaSASLPassword, newSecret(password))
}

// WithSASLPasswordFile sets a file that contains the SASL password, in place of WithSASLPassword. It is
// read for each connection, so that a rotated password needs no restart.
func WithSASLPasswordFile(file string) Option { return withSetting(settingKafkaSASLPasswordFile, file) }

// WithSSLCALocation sets a PEM file of the certificate authorities to trust, overriding the system's
// own. It requires that WithSecurityProtocol selects SSL.
func WithSSLCALocation(file string) Option { return withSetting(settingKafkaSSLCALocation, file) }

// WithSSLCertificateLocation sets a PEM file of the client's certificate and its chain, for brokers that
// require mutual TLS. It requires WithSSLKeyLocation, and that WithSecurityProtocol selects SSL.
func WithSSLCertificateLocation(file string) Option {
	return withSetting(settingKafkaSSLCertificateLocation, file)
}

// WithSSLKeyLocation sets a PEM file of the private key of the client's certificate, not encrypted.
func WithSSLKeyLocation(file string) Option { return withSetting(settingKafkaSSLKeyLocation, file) }

// WithBufferSize sets how many accepted events may wait for Kafka, overriding the default of 100000.
// Record rejects further events with ErrBufferFull. WithMaxQueueBytes bounds the same queue in bytes.
func WithBufferSize(events int) Option { return withSetting(settingMaxQueueEvents, events) }

// WithMaxQueueBytes sets how many bytes of accepted events may wait for Kafka, overriding the default
// of 64 MiB. Record rejects further events with ErrBufferFull. WithBufferSize bounds the same queue in
// events.
func WithMaxQueueBytes(bytes int) Option { return withSetting(settingMaxQueueBytes, bytes) }

// WithDeliveryTimeout sets how long an accepted event may stay undelivered before it fails with
// delivery.failed, overriding the default of 5 minutes, in whole milliseconds.
func WithDeliveryTimeout(timeout time.Duration) Option {
	return withSetting(settingDeliveryTimeoutMs, timeout.Milliseconds())
}

// WithShutdownTimeout sets how long Shutdown, and SIGTERM, may wait for undelivered events, overriding
// the default of 10 seconds, in whole milliseconds. ShutdownContext ignores it.
func WithShutdownTimeout(timeout time.Duration) Option {
	return withSetting(settingShutdownTimeoutMs, timeout.Milliseconds())
}

// WithFlushOnSigterm sets whether SIGTERM flushes the queue, for up to WithShutdownTimeout, before it
// ends the process. The default is false: the client leaves the signal alone, and a service calls
// Shutdown at the end of its own graceful shutdown.
//
// True is for a service that does not handle SIGTERM. A Go program cannot detect whether another part
// of it does: once the events are sent, the client sends the signal to the process again, which ends
// one that has called stop of signal.NotifyContext, in the middle of its graceful shutdown.
func WithFlushOnSigterm(flush bool) Option { return withSetting(settingFlushOnSigterm, flush) }

// WithDisabled sets whether recording is off: Record checks its arguments and returns ids, but nothing
// is sent, written to disk or connected to, and brokers are not required. The default is false.
func WithDisabled(disabled bool) Option { return withSetting(settingDisabled, disabled) }

// WithTraceMetadata sets whether an event has the ids of the OpenTelemetry span that its call was given, by
// WithSpan of package opentelemetry or by WithTrace, in its metadata. The default is false.
func WithTraceMetadata(traces bool) Option { return withSetting(settingTraceMetadata, traces) }

// WithSpool sets what is written to disk: "off", nothing; "spill", the default, events that cannot be
// delivered or queued; "durable", every event, before Record returns.
func WithSpool(mode string) Option { return withSetting(settingSpool, mode) }

// WithSpoolDir sets the directory of the spool, which processes of one machine may share, overriding
// the default of /var/tmp/eka-usage-UID. In a directory that other users share too, such as a mounted
// volume, the spool is in eka-usage-UID.
func WithSpoolDir(directory string) Option { return withSetting(settingSpoolDir, directory) }

// WithSpoolMaxBytes sets how much disk space the spool's directory may use, overriding the default of
// 256 MiB. Record rejects further events with spool.full.
func WithSpoolMaxBytes(bytes int) Option { return withSetting(settingSpoolMaxBytes, bytes) }

// WithSpoolSync sets how often the spool calls fsync, and so how much a power failure may lose,
// overriding the default of 50ms, in whole milliseconds. 0 calls fsync for each event.
func WithSpoolSync(interval time.Duration) Option {
	return withSetting(settingSpoolSyncMs, interval.Milliseconds())
}

// WithKafkaConfig sets properties by librdkafka's names, such as linger.ms, overriding both options and
// environment. It accepts those that set one of the settings and rejects others, since the default
// client is not librdkafka.
func WithKafkaConfig(properties map[string]any) Option {
	copied := hideProperties(properties)
	return func(o *options) { o.properties = copied }
}

// WithKafkaOptions passes options to the Kafka client, franz-go, such as kgo.Dialer, or kgo.SASL
// with OAUTHBEARER or AWS MSK IAM. They are applied after those that the settings
// determine, and override them.
func WithKafkaOptions(opts ...kgo.Opt) Option {
	return func(o *options) { o.kafka = append(o.kafka, opts...) }
}

// WithLogger sets the logger of warnings and, without WithOnError, of errors, which have the attributes
// code, field and event_id. The default is slog.Default.
func WithLogger(logger *slog.Logger) Option { return func(o *options) { o.logger = logger } }

// WithOnError sets the error handler, which is called from the caller's goroutine or the client's own
// and must not block. Record returns its errors as well. Without a handler, errors are logged by
// log/slog, one line per second for each code.
func WithOnError(handler func(err error, context map[string]any)) Option {
	return func(o *options) { o.onError = handler }
}

// WithBeforeSend sets a function that every event's metadata goes through before it is encoded, written to disk
// or sent: it returns the metadata without what must not leave the process, or with other values. It
// receives a map of its own, whose values it must not change, from the goroutine that records. If it
// panics, the event is recorded with the metadata {"_before_send_failed":true}, and CodeMetadataDegraded
// is reported.
func WithBeforeSend(change func(metadata map[string]any) map[string]any) Option {
	return func(o *options) { o.beforeSend = change }
}

// WithDebug sets whether every accepted event is logged by log/slog, at level Debug.
func WithDebug(debug bool) Option { return func(o *options) { o.debug = debug } }

// WithProducer replaces Kafka with the caller's own producer, which Shutdown closes. The settings of
// Kafka have no effect then, and WithKafkaBrokers is not required. Package ekausagetest has a producer
// that keeps events in memory.
func WithProducer(producer Producer) Option { return func(o *options) { o.producer = producer } }

// WithClock replaces time.Now, for tests. Where it panics, or returns a year that no event can have, time.Now is
// used, and the log says so.
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// WithMonotonicClock replaces the clock that a Session is measured by, for tests. It may panic, as WithClock.
func WithMonotonicClock(now func() time.Duration) Option {
	return func(o *options) { o.monotonic = now }
}

// WithNewID replaces the function that mints ids, UUIDv7 by default, for tests. It is called for the
// instance id first, then for each event id. Where it panics, a UUIDv7 is used, and the log says so.
func WithNewID(mint func() string) Option { return func(o *options) { o.newID = mint } }

// WithHostname overrides the machine's name.
func WithHostname(name string) Option { return func(o *options) { o.hostname = &name } }

// Usage is one event for RecordUsage. WorkspaceID is required, and either Metric or Product and
// MetricType.
type Usage struct {
	// WorkspaceID is whom to bill.
	WorkspaceID string
	// Metric is a generated constant, such as MetricAPIAPICall, in place of Product and MetricType. An
	// event with both or with neither is rejected with CodeProductUnknown.
	Metric Metric
	// Product and MetricType name the metric, for names that are known at run time only.
	Product, MetricType string
	// Quantity is how much, in the metric's unit: AmountOf a float64, or Exactly a decimal number. Unset, it
	// is 1; AmountOf(0) is 0.
	Quantity Amount
	// UnitCost is what one unit cost. Unset, the cost is unknown.
	UnitCost Amount
	// Status is how the work ended, one of the catalog's statuses; empty means DefaultStatus.
	Status string
	// Metadata has further details, as in WithMetadata.
	Metadata map[string]any
	// EventID is an idempotency key: two events of one id count once. If it is empty, the client mints
	// a UUIDv7.
	EventID string
	// ServiceName is the service that reports the usage, in place of the client's own.
	ServiceName string
	// OccurredAt is when the usage happened, at most 5 minutes ahead and 35 days behind; the zero time
	// means now.
	OccurredAt time.Time
	// generated: fields
	// Vendor: The provider that was paid for the work.
	Vendor string
	// Model: The provider's model that did the work.
	Model string
	// Cost: What the whole event costs, if known; in place of unit_cost.
	Cost Amount
	// RunID: The run of a workflow that the event belongs to.
	RunID string
	// StepID: The step of the run that the event belongs to.
	StepID string
	// ParentRunID: The run that started this run.
	ParentRunID string
	// RootRunID: The first run of the chain of runs that this run belongs to.
	RootRunID string
	// ParentEventID: The event that this event belongs to.
	ParentEventID string
	// ChildEventIDs: The events that this event sums up.
	ChildEventIDs []string
	// Tags: Words to find and group events by.
	Tags []string
	// /generated
}

// call returns the arguments that the usage stands for.
func (u *Usage) call() call {
	quantity := u.Quantity
	if !quantity.given {
		quantity.value = encode.DefaultQuantity
	}
	return call{
		WorkspaceID:   u.WorkspaceID,
		ByUsage:       true,
		ByMetric:      u.Metric != 0,
		Metric:        uint32(u.Metric),
		Product:       u.Product,
		MetricType:    u.MetricType,
		Quantity:      quantity.value,
		ExactQuantity: quantity.exact,
		Status:        u.Status,
		UnitCost:      u.UnitCost.value,
		ExactUnitCost: u.UnitCost.exact,
		HasUnitCost:   u.UnitCost.given,
		Metadata:      u.Metadata,
		EventID:       u.EventID,
		HasEventID:    u.EventID != "",
		OccurredAt:    encode.OccurrenceTime{Given: !u.OccurredAt.IsZero(), At: u.OccurredAt},
		Fields:        u.fields(),
		ServiceName:   u.ServiceName,
	}
}

// A RecordOption adds to one event, unless it is nil, what the arguments of Record and RecordMetric leave out.
type RecordOption func(*call)

type call = encode.Call

// WithStatus sets how the work ended, one of the catalog's statuses. It overrides the argument of
// Record; RecordMetric defaults to DefaultStatus.
func WithStatus(status string) RecordOption {
	return func(c *call) { c.Status = status }
}

// WithUnitCost sets what one unit cost. Without it, the cost is unknown.
func WithUnitCost(cost float64) RecordOption {
	return func(c *call) { c.UnitCost, c.ExactUnitCost, c.HasUnitCost = cost, "", true }
}

// WithMetadata sets further details. What JSON cannot express becomes a string and more than 32 KiB is
// cut, either of which is reported to the error handler as metadata.degraded.
func WithMetadata(metadata map[string]any) RecordOption {
	return func(c *call) { c.Metadata = metadata }
}

// WithEventID sets an idempotency key: two events of one id count once. Without it, the client mints a
// UUIDv7.
func WithEventID(id string) RecordOption {
	return func(c *call) { c.EventID, c.HasEventID = id, true }
}

// WithServiceName sets the service that reports the usage, in place of the client's own, so that one client
// serves many services.
func WithServiceName(name string) RecordOption {
	return func(c *call) { c.ServiceName = name }
}

// WithOccurredAt sets when the usage happened, at most 5 minutes ahead and 35 days behind. Without it,
// usage happened now.
func WithOccurredAt(at time.Time) RecordOption {
	return func(c *call) { c.OccurredAt = encode.OccurrenceTime{Given: true, At: at} }
}

// WithOccurredAtText is WithOccurredAt for a time in RFC 3339, with its offset from UTC.
func WithOccurredAtText(text string) RecordOption {
	return func(c *call) { c.OccurredAt = encode.OccurrenceTime{Given: true, IsText: true, Text: text} }
}

// WithOccurredAtMillis is WithOccurredAt for milliseconds since 1970.
func WithOccurredAtMillis(milliseconds int64) RecordOption {
	return WithOccurredAt(time.UnixMilli(milliseconds))
}
