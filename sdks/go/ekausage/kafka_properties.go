package ekausage

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
)

// Properties are settings of Kafka under librdkafka's names. They include the password, as a plain text;
// fmt and encoding/json show it as ***.
type Properties map[string]any

// Format prints the properties with *** in place of secrets.
func (p Properties) Format(state fmt.State, verb rune) {
	_, _ = fmt.Fprintf(state, fmt.FormatString(state, verb), p.hidden())
}

// MarshalJSON encodes the properties with *** in place of secrets.
func (p Properties) MarshalJSON() ([]byte, error) { return json.Marshal(p.hidden()) }

func (p Properties) hidden() map[string]any {
	shown := maps.Clone(map[string]any(p))
	for row := range settingTable {
		if property := settingTable[row].Property; settingTable[row].Secret && shown[property] != nil {
			shown[property] = hiddenSecret
		}
	}
	return shown
}

// KafkaProperties returns the settings of Kafka, resolved as by New, under librdkafka's names. They are
// for a producer that is built on that library and passed to WithProducer, such as the one in the
// module confluent.
func KafkaProperties(opts ...Option) (Properties, error) {
	o := applyOptions(opts)
	s, err := resolveSettings(o, os.Getenv, true)
	if err != nil {
		return nil, err
	}
	if err := s.checkSecurity(); err != nil {
		return nil, err
	}
	properties := Properties{}
	for row := range settingTable {
		property := settingTable[row].Property
		if property == "" || s.values[row] == nil {
			continue
		}
		switch value := s.values[row].(type) {
		case []string:
			properties[property] = strings.Join(value, ",")
		case int64:
			properties[property] = int(value)
		case secret:
			properties[property] = value.reveal()
		default:
			properties[property] = value
		}
	}
	if s.passwordFile != nil {
		password, err := s.passwordFile.read()
		if err != nil {
			return nil, s.misconfigured(settingKafkaSASLPasswordFile, unreadablePassword+err.Error())
		}
		properties[settingTable[settingKafkaSASLPassword].Property] = password.reveal()
	}
	return properties, nil
}
