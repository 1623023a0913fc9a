package ekausage

import (
	"fmt"
	"maps"
	"net"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
)

// A Setting is one value that configures a client, by an option or by an environment variable.
type Setting struct {
	// Name is the setting's name in every SDK.
	Name string
	// Variable is its environment variable.
	Variable string
	// Option is the function that sets it in code and overrides the variable.
	Option string
	// Type is string, integer, boolean, choice or list.
	Type string
	// Unit is what a number counts, empty if it needs none.
	Unit string
	// Default is the default as written in the environment, empty if there is none.
	Default string
	// Required reports that New fails without it.
	Required bool
	// Secret reports that its value is never shown.
	Secret bool
	// Protocol is what the security protocol must include, SASL or SSL, empty if it need not.
	Protocol string
	// Minimum and Maximum bound an integer, or the length of a string in characters; 0 is no bound.
	Minimum, Maximum int64
	// Choices are the values of a choice.
	Choices []string
	// Property is the key of WithKafkaConfig that sets it, empty if there is none.
	Property string
	// Description describes what it does.
	Description string
}

// Settings lists everything that configures a client.
func Settings() []Setting { return append([]Setting(nil), settingTable[:]...) }

// settings are the values of one client, by the setting's row in the table.
type settings struct {
	values [len(settingTable)]any    // int64, bool, string or []string; nil: not set
	names  [len(settingTable)]string // of what set them: a property, an option or a variable
	given  [len(settingTable)]bool   // not by default
	kafka  []kgo.Opt                 // that override what the values determine

	passwordFile *passwordFile // nil if there is none
	tokenFile    *passwordFile // of the HTTP API; nil if there is none
}

// givenSettings are the values that a caller passes, by options or as properties.
type givenSettings map[int]any

// resolveSettings prefers properties to options to flags and configurations to variables to defaults.
// An empty variable counts as not set.
func resolveSettings(o *options, environment func(string) string, needsBrokers bool) (*settings, error) {
	s := new(settings)
	byProperty, err := rowsOf(o.properties)
	if err != nil {
		return nil, err
	}
	if o.config.invalid != nil {
		return nil, o.config.invalid
	}
	for row := range settingTable {
		setting := &settingTable[row]
		value, name := byProperty[row], setting.Property
		if value == nil {
			value, name = o.settings[row], setting.Option
		}
		if configured := o.config.settings[row]; value == nil {
			value, name = configured.value, configured.name
		}
		if value == nil {
			value, name = notEmpty(environment(setting.Variable)), setting.Variable
		}
		s.given[row] = value != nil
		if value == nil {
			value, name = notEmpty(setting.Default), setting.Option
		}
		s.names[row] = name
		if value == nil {
			continue
		}
		parsed, expected := setting.parse(setting.hide(value))
		if parsed == nil {
			return nil, misconfigured(name, setting.describe(value), expected)
		}
		s.values[row] = parsed
	}
	for row := range settingTable {
		needed := needsBrokers && !s.boolean(settingDisabled) && !s.usesHTTP()
		if settingTable[row].Required && s.values[row] == nil && needed {
			return nil, missing(&settingTable[row])
		}
	}
	if path := s.text(settingKafkaSASLPasswordFile); path != "" {
		s.passwordFile = &passwordFile{path: path}
	}
	if path := s.text(settingHTTPTokenFile); path != "" {
		s.tokenFile = &passwordFile{path: path}
	}
	if s.text(settingSpool) == "durable" && !s.given[settingKafkaAcks] {
		// A broker alone may lose what it acknowledged, and then the disk no longer has it.
		s.values[settingKafkaAcks] = "all"
	}
	return s, nil
}

// rowsOf returns the settings that properties of librdkafka set.
func rowsOf(properties map[string]any) (givenSettings, error) {
	found := givenSettings{}
	known := map[string]int{}
	var names []string
	for row := range settingTable {
		if property := settingTable[row].Property; property != "" {
			known[property] = row
			names = append(names, property)
		}
	}
	for property, value := range properties {
		row, ok := known[property]
		if !ok {
			hint := "a property that sets one of the settings; " + encode.Suggest(property, names)
			return nil, misconfigured("WithKafkaConfig", encode.DescribeValue(property), hint)
		}
		if value == nil {
			value = ""
		}
		found[row] = value
	}
	return found, nil
}

// hideProperties returns a copy of properties with their secrets hidden.
func hideProperties(properties map[string]any) map[string]any {
	copied := maps.Clone(properties)
	for row := range settingTable {
		if value, ok := copied[settingTable[row].Property]; ok {
			copied[settingTable[row].Property] = settingTable[row].hide(value)
		}
	}
	return copied
}

// hide returns a text as a secret if the setting is one.
func (s *Setting) hide(value any) any {
	if text, ok := value.(string); ok && s.Secret {
		return newSecret(text)
	}
	return value
}

func notEmpty(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func missing(setting *Setting) *Error {
	err := newError(encode.Rejection{Code: string(CodeConfigInvalid)})
	err.message = fmt.Sprintf("%s not configured: pass %s or set %s",
		strings.ReplaceAll(setting.Name, "_", " "), setting.Option, setting.Variable)
	return err
}

func (s *settings) integer(row int) int64 { value, _ := s.values[row].(int64); return value }

func (s *settings) text(row int) string { value, _ := s.values[row].(string); return value }

func (s *settings) boolean(row int) bool { value, _ := s.values[row].(bool); return value }

func (s *settings) list(row int) []string { value, _ := s.values[row].([]string); return value }

func (s *settings) milliseconds(row int) time.Duration {
	return time.Duration(s.integer(row)) * time.Millisecond
}

// misconfigured returns the error of a setting that does not fit the others.
func (s *settings) misconfigured(row int, expected string) error {
	value := s.values[row]
	if value == nil {
		value = ""
	}
	return misconfigured(s.names[row], settingTable[row].describe(value), expected)
}

// hideSecrets replaces the value of every secret setting in a text.
func (s *settings) hideSecrets(text string) string {
	for row := range settingTable {
		if value, ok := s.values[row].(secret); ok {
			text = strings.ReplaceAll(text, value.reveal(), hiddenSecret)
		}
	}
	return text
}

func (s *Setting) describe(value any) string {
	if s.Secret {
		return "a secret"
	}
	if items, ok := value.([]string); ok {
		return encode.DescribeValue(strings.Join(items, ","))
	}
	return encode.DescribeValue(value)
}

// parse returns the value of a setting, or nil and what is expected.
func (s *Setting) parse(value any) (any, string) {
	if hidden, ok := value.(secret); ok {
		if strings.TrimSpace(hidden.reveal()) == "" {
			return nil, "a string"
		}
		return hidden, ""
	}
	text := strings.TrimSpace(fmt.Sprint(value))
	kind := reflect.ValueOf(value)
	isText := kind.Kind() == reflect.String
	switch s.Type {
	case "integer":
		expected := fmt.Sprintf("an integer from %d to %d", s.Minimum, s.Maximum)
		number, err := strconv.ParseInt(text, 10, 64)
		if isNumber := isText || kind.CanInt() || kind.CanUint(); !isNumber || err != nil ||
			strings.HasPrefix(text, "+") || number < s.Minimum || number > s.Maximum {
			return nil, expected
		}
		return number, expected
	case "boolean":
		switch strings.ToLower(text) {
		case "true", "1":
			return true, ""
		case "false", "0":
			return false, ""
		}
		return nil, "true or false"
	case "choice":
		return s.choice(text)
	case "list":
		return parseAddresses(value)
	default:
		if s.Maximum > 0 {
			hint := fmt.Sprintf("a non-blank string of %d to %d characters", s.Minimum, s.Maximum)
			if !isText || !encode.IsText(kind.String(), int(s.Minimum), int(s.Maximum)) {
				return nil, hint
			}
			return kind.String(), ""
		}
		if !isText || text == "" {
			return nil, "a string"
		}
		return kind.String(), ""
	}
}

func (s *Setting) choice(text string) (any, string) {
	quoted := make([]string, len(s.Choices))
	for i, choice := range s.Choices {
		if strings.EqualFold(choice, text) {
			return choice, ""
		}
		quoted[i] = strconv.Quote(choice)
	}
	return nil, "one of " + strings.Join(quoted, ", ")
}

func parseAddresses(value any) (any, string) {
	const expected = "addresses host:port, separated by commas"
	var addresses []string
	switch value := value.(type) {
	case string:
		addresses = strings.Split(value, ",")
	case []string:
		addresses = strings.Split(strings.Join(value, ","), ",")
	default:
		return nil, expected
	}
	var parsed []string
	for _, address := range addresses {
		if address = withoutListener(strings.TrimSpace(address)); address == "" {
			continue
		}
		if !isAddress(address) {
			return nil, expected
		}
		parsed = append(parsed, address)
	}
	if parsed == nil {
		return nil, expected
	}
	return parsed, expected
}

// withoutListener returns an address without the listener's name that Kafka's own settings put in front
// of it, such as PLAINTEXT://.
func withoutListener(address string) string {
	if listener, rest, found := strings.Cut(address, "://"); found && listener != "" && rest != "" {
		return rest
	}
	return address
}

// isAddress reports whether a text is host, host:port and [IPv6]:port.
func isAddress(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port, err = net.SplitHostPort(address + ":1")
	}
	if err != nil || host == "" || strings.ContainsAny(host, " \t/,[]") {
		return false
	}
	if strings.HasPrefix(address, "[") && net.ParseIP(host) == nil {
		return false
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return err == nil && number > 0
}
