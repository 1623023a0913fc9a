package ekausage

import (
	"maps"
	"slices"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
)

const serviceNameKey = "service_name"

// config is what flags and WithConfig give, which options override.
type config struct {
	settings    map[int]configured
	serviceName string
	invalid     error // of the first name or value that cannot be used
}

// configured is the value of a setting, and the name that it was given by.
type configured struct {
	value any
	name  string
}

func newConfig() config { return config{settings: map[int]configured{}} }

// WithConfig sets settings by their names in docs/settings.md, such as from a file, and service_name for
// a New without one. They override environment variables, and options override them. Nil and "" are not
// set. New fails with config.invalid if a name is not that of a setting.
func WithConfig(values map[string]any) Option {
	rows := map[string]int{}
	names := []string{serviceNameKey}
	for row := range settingTable {
		rows[settingTable[row].Name] = row
		names = append(names, settingTable[row].Name)
	}
	read := newConfig()
	for _, name := range slices.Sorted(maps.Keys(values)) { // so that always the same error is first
		value := values[name]
		row, ok := rows[name]
		if !ok && name != serviceNameKey {
			hint := "the name of a setting: " + encode.Suggest(name, names)
			read.invalid = misconfigured("config", encode.DescribeValue(name), hint)
			break
		}
		if value == nil || value == "" {
			continue
		}
		if !ok {
			text, isText := value.(string)
			if !isText {
				read.invalid = misconfigured(name, encode.DescribeValue(value), "a string")
			}
			read.serviceName = text
			continue
		}
		read.settings[row] = configured{settingTable[row].hide(value), name}
	}
	return read.add
}

// add is an Option.
func (c *config) add(o *options) {
	for row, value := range c.settings {
		o.config.settings[row] = value
	}
	if c.serviceName != "" {
		o.config.serviceName = c.serviceName
	}
	if o.config.invalid == nil {
		o.config.invalid = c.invalid
	}
}
