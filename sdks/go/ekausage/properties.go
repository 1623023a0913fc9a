package ekausage

import (
	"os"
	"strings"
)

// KafkaProperties are the settings of Kafka as New resolves them from options and the environment,
// under librdkafka's names. They are for a producer that is made with that library and given to
// WithProducer, such as the one in the module confluent.
func KafkaProperties(opts ...Option) (map[string]any, error) {
	o := applied(opts)
	s, err := resolveSettings(o.properties, o.arguments, os.Getenv, true)
	if err != nil {
		return nil, err
	}
	properties := map[string]any{}
	for row := range settingTable {
		value := s.values[row]
		if settingTable[row].Property == "" || value == nil {
			continue
		}
		switch value := value.(type) {
		case []string:
			properties[settingTable[row].Property] = strings.Join(value, ",")
		case int64:
			properties[settingTable[row].Property] = int(value)
		default:
			properties[settingTable[row].Property] = value
		}
	}
	return properties, nil
}
