package ekausage

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// kafkaLog writes what franz-go warns of, a line a second for each kind.
type kafkaLog struct {
	log  *limitedLog
	hide func(string) string
}

// Level is what franz-go need not call Log for.
func (l *kafkaLog) Level() kgo.LogLevel { return kgo.LogLevelWarn }

// Log is called by franz-go.
func (l *kafkaLog) Log(_ kgo.LogLevel, message string, pairs ...any) {
	var line strings.Builder
	line.WriteString("kafka: " + message)
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(&line, " %v=%v", pairs[i], pairs[i+1])
	}
	l.log.write(slog.LevelWarn, "kafka "+message, l.hide(line.String()))
}
