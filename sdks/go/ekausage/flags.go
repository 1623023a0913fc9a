package ekausage

import (
	"flag"
	"fmt"
	"strings"
)

// RegisterFlags defines a flag for each setting, except for secrets, and returns an Option for a New that
// follows the parsing of the flags. A flag is named after its environment variable, takes the values
// that the variable takes, and overrides it; options override flags. An empty value is not set.
//
// Every user of a machine can read the flags of its processes, so a secret is given by its variable or
// in a file.
func RegisterFlags(flags *flag.FlagSet) Option {
	given := newConfig()
	for row := range settingTable {
		setting := &settingTable[row]
		if setting.Secret {
			continue
		}
		name := setting.flag()
		flags.Func(name, setting.usage(), func(value string) error {
			delete(given.settings, row)
			if value != "" {
				given.settings[row] = configured{value, "--" + name}
			}
			return nil
		})
	}
	return given.add
}

// flag returns the name of the setting's flag, which is its variable in the form of a flag.
func (s *Setting) flag() string {
	return strings.ReplaceAll(strings.ToLower(s.Variable), "_", "-")
}

func (s *Setting) usage() string {
	byDefault := ""
	if s.Default != "" {
		byDefault = fmt.Sprintf(", %s by default", s.Default)
	}
	return fmt.Sprintf("%s [%s%s]", s.Description, s.Variable, byDefault)
}
