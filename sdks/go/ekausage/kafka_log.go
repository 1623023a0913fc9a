package ekausage

import (
	"fmt"
	"log/slog"
	"strings"

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
	var line strings.Builder
	line.WriteString("kafka: " + message)
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(&line, " %v=%v", pairs[i], pairs[i+1])
	}
	l.log.write(slog.LevelWarn, "kafka "+message, l.hide(line.String()))
}
