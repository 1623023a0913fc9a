package ekausage

import (
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"
)

// kafkaLog logs the warnings of franz-go, one line per second for each message.
type kafkaLog struct {
	log  *limitedLog
	hide func(string) string
}

// Level returns the lowest level that franz-go calls Log for.
func (l *kafkaLog) Level() kgo.LogLevel { return kgo.LogLevelWarn }

// Log logs one warning.
func (l *kafkaLog) Log(_ kgo.LogLevel, message string, pairs ...any) {
	attributes := make([]any, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		attributes = append(attributes, fmt.Sprint(pairs[i]), l.attribute(pairs[i+1]))
	}
	l.log.write(slog.LevelWarn, "kafka "+message, "kafka: "+l.hide(message), attributes...)
}

// attribute returns a value without a secret: numbers and booleans as they are, others as a text.
func (l *kafkaLog) attribute(value any) any {
	switch value.(type) {
	case bool, int, int16, int32, int64:
		return value
	}
	return l.hide(fmt.Sprint(value))
}
