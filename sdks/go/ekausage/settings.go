package ekausage

import (
	"fmt"
	"net"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// settings are what every setting is for one client, by its row in the table.
type settings struct {
	values [len(settingTable)]any    // int64, bool, string or []string; nil: not set
	names  [len(settingTable)]string // as they were given
	given  [len(settingTable)]bool   // not by default
}

// given is what a caller said of a setting, by an option or as a property.
type given map[int]any

// resolveSettings takes properties over arguments over variables over defaults; an empty variable
// is not set.
func resolveSettings(
	properties map[string]any, arguments given, environment func(string) string, needsBrokers bool,
) (*settings, error) {
	s := new(settings)
	byProperty, err := rowsOf(properties)
	if err != nil {
		return nil, err
	}
	for row := range settingTable {
		setting := &settingTable[row]
		value, name := byProperty[row], setting.Property
		if value == nil {
			value, name = arguments[row], setting.Option
		}
		if value == nil {
			value, name = notEmpty(environment(setting.Variable)), setting.Variable
		}
		s.given[row] = value != nil
		if value == nil && setting.Required && needsBrokers {
			return nil, missing(setting)
		}
		if value == nil {
			value, name = notEmpty(setting.Default), setting.Option
		}
		s.names[row] = name
		if value == nil {
			continue
		}
		read, expected := setting.read(value)
		if read == nil {
			return nil, misconfigured(name, setting.shown(value), expected)
		}
		s.values[row] = read
	}
	return s, nil
}

// rowsOf finds the settings that properties of librdkafka set.
func rowsOf(properties map[string]any) (given, error) {
	found := given{}
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
			hint := "a property that sets one of the settings; " + nearest(property, names)
			return nil, misconfigured("WithKafkaConfig", shown(property), hint)
		}
		if value == nil {
			value = ""
		}
		found[row] = value
	}
	return found, nil
}

func notEmpty(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func missing(setting *Setting) error {
	err := newError(CodeConfigInvalid, words{})
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

// misconfigured is the error of a setting that does not go with the others.
func (s *settings) misconfigured(row int, expected string) error {
	value := s.values[row]
	if value == nil {
		value = ""
	}
	return misconfigured(s.names[row], settingTable[row].shown(value), expected)
}

// hideSecrets replaces the value of every secret setting.
func (s *settings) hideSecrets(text string) string {
	for row := range settingTable {
		if value := s.text(row); settingTable[row].Secret && value != "" {
			text = strings.ReplaceAll(text, value, "***")
		}
	}
	return text
}

func (s *Setting) shown(value any) string {
	if s.Secret {
		return "a secret"
	}
	if items, ok := value.([]string); ok {
		return shown(strings.Join(items, ","))
	}
	return shown(value)
}

// read is the value of a setting, nil where it is none, and what was expected.
func (s *Setting) read(value any) (any, string) {
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
		return readAddresses(value)
	default:
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

func readAddresses(value any) (any, string) {
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
	var read []string
	for _, address := range addresses {
		if address = withoutListener(strings.TrimSpace(address)); address == "" {
			continue
		}
		if !isAddress(address) {
			return nil, expected
		}
		read = append(read, address)
	}
	if read == nil {
		return nil, expected
	}
	return read, expected
}

// withoutListener is an address without the name that Kafka's own settings have in front of it, such as
// PLAINTEXT://.
func withoutListener(address string) string {
	if listener, rest, found := strings.Cut(address, "://"); found && listener != "" && rest != "" {
		return rest
	}
	return address
}

// isAddress takes host, host:port and [IPv6]:port.
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
