package ekausage

import (
	"maps"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

// An Option tells New something. Those that set one of the settings override its environment
// variable; docs/settings.md lists them.
type Option func(*options)

type options struct {
	arguments  given
	properties map[string]any
	onError    OnError
	debug      bool
	producer   Producer
	clock      func() time.Time
	newID      func() string
	hostname   *string
	tuning     spool.Tuning
}

func applied(opts []Option) *options {
	o := &options{arguments: given{}, tuning: spool.DefaultTuning()}
	for _, option := range opts {
		option(o)
	}
	return o
}

// WithKafkaConfig takes properties under librdkafka's names, such as linger.ms, and overrides both
// options and environment with them. It knows those that set one of the settings and refuses others,
// as the default client is not librdkafka.
func WithKafkaConfig(properties map[string]any) Option {
	copied := maps.Clone(properties)
	return func(o *options) { o.properties = copied }
}

// WithOnError gives the handler of errors, called from the caller's goroutine or the client's own;
// it must not block. Record returns its errors too. Without a handler they are logged by log/slog, a
// line a second for each code.
func WithOnError(handler func(err error, context map[string]any)) Option {
	return func(o *options) { o.onError = handler }
}

// WithDebug logs every accepted event by log/slog, at level Debug.
func WithDebug(debug bool) Option { return func(o *options) { o.debug = debug } }

// WithProducer sends by a producer of the caller's own in place of Kafka; the settings of Kafka then
// do nothing, and WithKafkaBrokers is not required. Shutdown closes it. Package ekausagetest has one
// that keeps events in memory.
func WithProducer(producer Producer) Option { return func(o *options) { o.producer = producer } }

// WithClock replaces time.Now, for tests.
func WithClock(now func() time.Time) Option { return func(o *options) { o.clock = now } }

// WithNewID replaces what mints ids, UUIDv7 by default, for tests: first the instance id, then event
// ids.
func WithNewID(mint func() string) Option { return func(o *options) { o.newID = mint } }

// WithHostname replaces the machine's name.
func WithHostname(name string) Option { return func(o *options) { o.hostname = &name } }
