package ekausage

import (
	"bytes"
	"flag"
	"strconv"
	"strings"
	"testing"
	"time"
)

// parseFlags returns the option of flags, beside a flag of the host's.
func parseFlags(t *testing.T, arguments ...string) Option {
	t.Helper()
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	flags.String("disabled", "", "the host's")
	option := RegisterFlags(flags)
	if err := flags.Parse(arguments); err != nil {
		t.Fatal(err)
	}
	return option
}

// written returns a valid text, which is not the default if there are several.
func written(setting *Setting) string {
	switch {
	case setting.Type == "boolean" && setting.Default == "true":
		return "false"
	case setting.Type == "boolean":
		return "true"
	case setting.Type == "integer":
		return strconv.FormatInt(setting.Minimum, 10)
	case setting.Choices != nil:
		return setting.Choices[len(setting.Choices)-1]
	}
	return "c:3"
}

func TestFlags(t *testing.T) {
	t.Parallel()
	t.Run("a flag sets what its variable sets", func(t *testing.T) {
		t.Parallel()
		for row := range settingTable {
			setting := &settingTable[row]
			text := written(setting)
			if setting.Secret {
				continue
			}
			brokers := WithConfig(map[string]any{settingTable[settingKafkaBrokers].Name: "a:1"})
			byVariable := func(name string) string { return map[string]string{setting.Variable: text}[name] }
			want, err := resolveSettings(applyOptions(nil), byVariable, false)
			if err != nil {
				t.Fatal(err)
			}
			option := parseFlags(t, "--"+setting.flag(), text)
			got, err := resolveSettings(applyOptions([]Option{brokers, option}), none, true)
			if err != nil || !got.given[row] || setting.describe(got.values[row]) != setting.describe(want.values[row]) {
				t.Errorf("%s: %v, not %v: %v", setting.flag(), got.values[row], want.values[row], err)
			}
		}
	})

	t.Run("an option overrides a flag, which overrides a variable", func(t *testing.T) {
		t.Parallel()
		linger := &settingTable[settingKafkaLingerMs]
		variables := func(name string) string { return map[string]string{linger.Variable: "7"}[name] }
		name := "--" + linger.flag()
		ten := WithLinger(10 * time.Millisecond)
		for _, c := range []struct {
			want    int64
			options []Option
		}{
			{7, []Option{parseFlags(t)}},
			{7, []Option{parseFlags(t, name+"=")}},
			{8, []Option{parseFlags(t, name, "8")}},
			{8, []Option{parseFlags(t, name+"=9", name+"=8")}},
			{10, []Option{parseFlags(t, name+"=8"), ten}},
			{10, []Option{ten, parseFlags(t, name+"=8")}},
			{8, []Option{WithConfig(map[string]any{linger.Name: 8})}},
			{10, []Option{ten, WithConfig(map[string]any{linger.Name: 8})}},
			{7, []Option{WithConfig(map[string]any{linger.Name: nil})}},
		} {
			s, err := resolveSettings(applyOptions(c.options), variables, false)
			if err != nil || s.integer(settingKafkaLingerMs) != c.want {
				t.Errorf("linger is not %d: %v", c.want, err)
			}
		}
	})

	t.Run("a secret has no flag but may be configured", func(t *testing.T) {
		t.Parallel()
		var help bytes.Buffer
		flags := flag.NewFlagSet("test", flag.ContinueOnError)
		flags.SetOutput(&help)
		RegisterFlags(flags)
		flags.PrintDefaults()
		for row := range settingTable {
			setting := &settingTable[row]
			if flags.Lookup(setting.flag()) == nil != setting.Secret {
				t.Errorf("%s: a flag, or not, as it must not be", setting.Name)
			}
			if !setting.Secret && !strings.Contains(help.String(), setting.Variable) {
				t.Errorf("the help lacks %s", setting.Variable)
			}
		}
		password := settingTable[settingKafkaSASLPassword].Name
		o := applyOptions([]Option{WithConfig(map[string]any{password: hush})})
		if _, hidden := o.config.settings[settingKafkaSASLPassword].value.(secret); !hidden {
			t.Error("the password is not hidden")
		}
	})

	t.Run("an error names what was configured", func(t *testing.T) {
		t.Parallel()
		linger := &settingTable[settingKafkaLingerMs]
		unknown := `invalid config "kafka_broker": expected the name of a setting: did you mean "kafka_brokers"?`
		for want, option := range map[string]Option{
			unknown:                                  WithConfig(map[string]any{"kafka_broker": hush}),
			"invalid " + linger.Name + ` "soon"`:     WithConfig(map[string]any{linger.Name: "soon"}),
			"invalid --" + linger.flag() + ` "soon"`: parseFlags(t, "--"+linger.flag(), "soon"),
			"invalid service_name 7":                 WithConfig(map[string]any{"service_name": 7}),
		} {
			_, err := New("tests", option, WithDisabled(true))
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), hush) {
				t.Errorf("%v does not have %s", err, want)
			}
		}
	})

	t.Run("a configuration alone creates a client", func(t *testing.T) {
		t.Parallel()
		config := map[string]any{"service_name": "checkout", "disabled": true}
		client, err := New("", WithConfig(config))
		if err != nil {
			t.Fatal(err)
		}
		client.Shutdown()
		if _, err := New("", WithDisabled(true)); err == nil {
			t.Error("a client has no service")
		}
	})
}

func none(string) string { return "" }
