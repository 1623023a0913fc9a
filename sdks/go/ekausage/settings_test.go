package ekausage

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"time"
)

func resolve(properties map[string]any, arguments []Option, environment map[string]string) (*settings, error) {
	o := applyOptions(arguments)
	if properties != nil {
		o.properties = properties
	}
	return resolveSettings(o, func(name string) string { return environment[name] }, true)
}

func TestSettings(t *testing.T) {
	t.Run("a property overrides an option, a variable and the default", func(t *testing.T) {
		brokers := map[string]string{"EKA_KAFKA_BROKERS": "b:1"}
		linger := map[string]string{"EKA_KAFKA_BROKERS": "b:1", "EKA_KAFKA_LINGER_MS": "7"}
		for want, given := range map[int64]struct {
			properties  map[string]any
			arguments   []Option
			environment map[string]string
		}{
			50: {nil, nil, brokers},
			7:  {nil, nil, linger},
			8:  {nil, []Option{WithLinger(8 * time.Millisecond)}, linger},
			9:  {map[string]any{"linger.ms": "9"}, []Option{WithLinger(8 * time.Millisecond)}, linger},
		} {
			s, err := resolve(given.properties, given.arguments, given.environment)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.integer(settingKafkaLingerMs); got != want {
				t.Errorf("linger is %d, want %d", got, want)
			}
		}
	})

	t.Run("every setting has an option, and its property takes effect", func(t *testing.T) {
		functions := exportedFunctions(t)
		for row := range settingTable {
			setting := &settingTable[row]
			if !functions[setting.Option] {
				t.Errorf("%s has no option %s", setting.Name, setting.Option)
			}
		}
		for name, option := range map[int]Option{
			settingKafkaBrokers:                WithKafkaBrokers("a:1"),
			settingKafkaLingerMs:               WithLinger(time.Second),
			settingKafkaBatchSize:              WithBatchSize(1000),
			settingKafkaCompressionType:        WithCompression("zstd"),
			settingKafkaAcks:                   WithAcks("all"),
			settingKafkaRetries:                WithRetries(1000),
			settingKafkaSecurityProtocol:       WithSecurityProtocol("ssl"),
			settingKafkaSASLMechanism:          WithSASLMechanism("plain"),
			settingKafkaSASLUsername:           WithSASLUsername("u"),
			settingKafkaSASLPassword:           WithSASLPassword("p"),
			settingKafkaSASLPasswordFile:       WithSASLPasswordFile("f"),
			settingKafkaSSLCALocation:          WithSSLCALocation("f"),
			settingKafkaSSLCertificateLocation: WithSSLCertificateLocation("f"),
			settingKafkaSSLKeyLocation:         WithSSLKeyLocation("f"),
			settingDisabled:                    WithDisabled(true),
			settingMaxQueueEvents:              WithBufferSize(1000),
			settingMaxQueueBytes:               WithMaxQueueBytes(2000000),
			settingDeliveryTimeoutMs:           WithDeliveryTimeout(time.Second),
			settingShutdownTimeoutMs:           WithShutdownTimeout(time.Second),
			settingFlushOnSigterm:              WithFlushOnSigterm(true),
			settingSpool:                       WithSpool("off"),
			settingSpoolDir:                    WithSpoolDir("d"),
			settingSpoolMaxBytes:               WithSpoolMaxBytes(5000000),
			settingSpoolSyncMs:                 WithSpoolSync(time.Second),
		} {
			plain, _ := resolve(nil, []Option{WithKafkaBrokers("b:1")}, nil)
			changed, err := resolve(nil, []Option{WithKafkaBrokers("b:1"), option}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for row := range settingTable {
				differs := fmt.Sprint(plain.values[row]) != fmt.Sprint(changed.values[row])
				if differs != (row == name) {
					t.Errorf("%s changes %s: %v", settingTable[name].Option, settingTable[row].Name, differs)
				}
			}
		}
	})

	t.Run("an invalid setting is named as it was given", func(t *testing.T) {
		brokers := WithKafkaBrokers("b:1")
		for want, given := range map[string]struct {
			properties  map[string]any
			arguments   []Option
			environment map[string]string
		}{
			"kafka brokers not configured: pass WithKafkaBrokers or set EKA_KAFKA_BROKERS": {},
			`invalid WithKafkaBrokers "": expected addresses host:port, separated by commas`: {
				nil, []Option{WithKafkaBrokers()}, nil,
			},
			`invalid EKA_KAFKA_BROKERS "a b:1": expected addresses host:port, separated by commas`: {
				nil, nil, map[string]string{"EKA_KAFKA_BROKERS": "a b:1"},
			},
			`invalid EKA_KAFKA_LINGER_MS "fast": expected an integer from 0 to 900000`: {
				nil, []Option{brokers}, map[string]string{"EKA_KAFKA_LINGER_MS": "fast"},
			},
			`invalid WithRetries -1: expected an integer from 0 to 2147483647`: {
				nil, []Option{brokers, WithRetries(-1)}, nil,
			},
			`invalid WithCompression "lz5": expected one of "none", "gzip", "snappy", "lz4", "zstd"`: {
				nil, []Option{brokers, WithCompression("lz5")}, nil,
			},
			`invalid EKA_FLUSH_ON_SIGTERM "maybe": expected true or false`: {
				nil, []Option{brokers}, map[string]string{"EKA_FLUSH_ON_SIGTERM": "maybe"},
			},
			`invalid linger.ms of type []int: expected an integer from 0 to 900000`: {
				map[string]any{"linger.ms": []int{1}}, []Option{brokers}, nil,
			},
			`invalid WithKafkaConfig "linger": expected a property that sets one of the settings; did you mean "linger.ms"?`: {
				map[string]any{"linger": 1}, []Option{brokers}, nil,
			},
		} {
			_, err := resolve(given.properties, given.arguments, given.environment)
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if !errors.Is(err, CodeConfigInvalid) {
				t.Errorf("%v has another code", err)
			}
		}
	})

	t.Run("an empty variable counts as not set", func(t *testing.T) {
		s, err := resolve(nil, []Option{WithKafkaBrokers("b:1")}, map[string]string{"EKA_KAFKA_ACKS": ""})
		if err != nil || s.text(settingKafkaAcks) != "1" {
			t.Errorf("acks %q, %v", s.text(settingKafkaAcks), err)
		}
	})

	t.Run("addresses are accepted as other clients accept them", func(t *testing.T) {
		good := []string{"a", "a:1", "10.0.0.1:65535", "[::1]:9092", "[::1]", "PLAINTEXT://a:1", "a_b.c-d:9"}
		for _, address := range good {
			if parsed, _ := parseAddresses(address); parsed == nil {
				t.Errorf("%q is rejected", address)
			}
		}
		bad := []string{"", ":1", "a:", "a:0", "a:65536", "a:x", "::1", "://a:1", "b://", "a://b://c", "a:1:2", "[x]:1", "a b"}
		for _, address := range bad {
			if parsed, _ := parseAddresses(address); parsed != nil {
				t.Errorf("%q is accepted", address)
			}
		}
	})

	t.Run("conflicting settings are rejected", func(t *testing.T) {
		for want, opts := range map[string][]Option{
			`invalid WithSASLMechanism "": expected a value, since the security protocol uses SASL`: {
				WithSecurityProtocol("SASL_SSL"),
			},
			`invalid WithSASLPassword a secret: expected a value, since the security protocol uses SASL`: {
				WithSecurityProtocol("SASL_PLAINTEXT"), WithSASLMechanism("PLAIN"), WithSASLUsername("u"),
			},
			`invalid WithSSLCALocation "/nowhere": expected a readable PEM file of certificates`: {
				WithSecurityProtocol("SSL"), WithSSLCALocation("/nowhere"),
			},
			`invalid WithSSLKeyLocation "": expected a PEM file, since there is a certificate`: {
				WithSecurityProtocol("SSL"), WithSSLCertificateLocation("/nowhere"),
			},
			`invalid WithSSLCertificateLocation "": expected a PEM file, since there is a key`: {
				WithSecurityProtocol("SSL"), WithSSLKeyLocation("/nowhere"),
			},
			`invalid WithSSLKeyLocation "/nowhere": expected a readable PEM file of a private key`: {
				WithSecurityProtocol("SSL"), WithSSLCertificateLocation("/nowhere"), WithSSLKeyLocation("/nowhere"),
			},
		} {
			_, err := New("test", append(opts, WithKafkaBrokers("b:1"))...)
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
	})

	t.Run("every value of a choice creates a client", func(t *testing.T) {
		for row := range settingTable {
			for _, choice := range settingTable[row].Choices {
				opts := []Option{WithKafkaBrokers("b:1"), WithHTTPURL("http://127.0.0.1:1"), WithHTTPToken("k")}
				if settingTable[row].Protocol != "" || strings.HasPrefix(choice, "SASL") {
					opts = append(opts, WithSecurityProtocol("SASL_SSL"), WithSASLMechanism("SCRAM-SHA-256"),
						WithSASLUsername("u"), WithSASLPassword("p"))
				}
				client, err := New("test", append(opts, withSetting(row, choice))...)
				if err != nil {
					t.Errorf("%s %s: %v", settingTable[row].Name, choice, err)
					continue
				}
				client.Shutdown()
			}
		}
	})

	t.Run("KafkaProperties returns the settings as properties of librdkafka", func(t *testing.T) {
		t.Setenv("EKA_KAFKA_RETRIES", "7")
		properties, err := KafkaProperties(WithKafkaBrokers("a:1", "b:2"), WithAcks("all"), WithBufferSize(5))
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]any{
			"bootstrap.servers": "a:1,b:2", "acks": "all", "retries": 7, "linger.ms": 50, "security.protocol": "PLAINTEXT",
		} {
			if properties[name] != want {
				t.Errorf("%s is %v, want %v", name, properties[name], want)
			}
		}
		if _, set := properties["sasl.password"]; set || properties[""] != nil {
			t.Errorf("%v", properties)
		}
		if _, err := KafkaProperties(); !errors.Is(err, CodeConfigInvalid) {
			t.Errorf("without brokers: %v", err)
		}
	})
}

func exportedFunctions(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && function.Recv == nil {
				found[function.Name.Name] = true
			}
		}
	}
	return found
}
