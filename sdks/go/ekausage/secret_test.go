package ekausage

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const hush = "hunter2-hunter2"

func TestSecret(t *testing.T) {
	sasl := []Option{
		WithKafkaBrokers("127.0.0.1:1"), WithSpool("off"), WithSecurityProtocol("SASL_SSL"),
		WithSASLMechanism("SCRAM-SHA-512"), WithSASLUsername("u"), nil,
	}

	t.Run("no verb and no encoder shows it", func(t *testing.T) {
		byOption, byProperty := WithSASLPassword(hush), WithKafkaConfig(map[string]any{"sasl.password": hush})
		for _, password := range []Option{byOption, byProperty} {
			sasl[len(sasl)-1] = password
			o := applyOptions(sasl)
			s, err := resolveSettings(o, func(string) string { return "" }, true)
			if err != nil {
				t.Fatal(err)
			}
			client, err := New("test", sasl...)
			if err != nil {
				t.Fatal(err)
			}
			properties, err := KafkaProperties(sasl...)
			if err != nil || properties["sasl.password"] != hush {
				t.Fatal("the properties have no password", err)
			}
			for _, value := range []any{
				*o, o, *s, s, client, properties, map[string]any{"p": properties}, newSecret(hush), []any{newSecret(hush)},
			} {
				encoded, _ := json.Marshal(value)
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
					shown := fmt.Sprintf(verb, value) + string(encoded)
					if strings.Contains(shown, hush) || strings.Contains(shown, fmt.Sprintf("%x", hush)) {
						t.Errorf("%s of %T shows it", verb, value)
					}
				}
			}
			client.Shutdown()
		}
	})

	t.Run("a nil client has a text", func(t *testing.T) {
		if shown := fmt.Sprintf("%v", (*Client)(nil)); shown != "<nil>" {
			t.Error(shown)
		}
	})

	t.Run("a password file that cannot be read just now keeps its last password", func(t *testing.T) {
		file := &passwordFile{path: filepath.Join(t.TempDir(), "password")}
		if _, err := file.latest(); err == nil {
			t.Fatal("there is no file")
		}
		if err := os.WriteFile(file.path, []byte(" "+hush+" \r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if password, err := file.latest(); err != nil || password.reveal() != " "+hush+" " {
			t.Error(err)
		}
		if err := os.Remove(file.path); err != nil {
			t.Fatal(err)
		}
		if password, err := file.latest(); err == nil || password.reveal() != " "+hush+" " {
			t.Error("the error is lost, or the password")
		}
	})
}
