package ekausage

import (
	"os"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
)

// machineName returns the machine's name, or unknown if it cannot stand in an event.
func machineName() string {
	name, err := os.Hostname()
	if err != nil || encode.CheckHostname(name) != nil {
		return "unknown"
	}
	return name
}
