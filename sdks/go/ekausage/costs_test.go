package ekausage_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

const (
	largeSize = 300_000
	// What grows with the size took from 20 ms, of a slice in a struct, to seconds, of an integer.
	costLimit = 100 * time.Millisecond
	// A busy machine disturbs a few calls, and what grows with the size is slow each time.
	costAttempts = 20
)

type details struct{ Value any }

// largeValues are values of metadata, by the type that holds the size.
func largeValues() map[string]any {
	long := strings.Repeat("x", largeSize)
	members := make(map[string]any, largeSize)
	numbers := make(map[int]int, largeSize)
	prefixed := map[string]any{}
	for i := range largeSize {
		members[fmt.Sprint(i)], numbers[i] = i, i
	}
	for i := range 64 {
		prefixed[long+fmt.Sprint(i)] = i
	}
	return map[string]any{
		"text":               long,
		"wide text":          strings.Repeat("é", largeSize),
		"invalid text":       strings.Repeat("\xff", largeSize),
		"bytes":              []byte(long),
		"JSON number":        json.Number(strings.Repeat("1", largeSize)),
		"JSON exponent":      json.Number("1e" + strings.Repeat("0", largeSize) + "1"),
		"raw JSON":           json.RawMessage(`"` + long + `"`),
		"integer":            new(big.Int).Lsh(big.NewInt(1), 4*largeSize),
		"integer by value":   *new(big.Int).Lsh(big.NewInt(1), 4*largeSize),
		"float":              new(big.Float).SetInt(new(big.Int).Lsh(big.NewInt(1), 4*largeSize)),
		"rational":           new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 4*largeSize)),
		"slice":              make([]any, largeSize),
		"slice of slices":    make([][]int, largeSize),
		"array":              [largeSize]byte{},
		"map":                members,
		"map of integers":    numbers,
		"long keys":          prefixed,
		"struct":             details{long},
		"struct of a slice":  details{make([]int, largeSize)},
		"struct of a map":    details{members},
		"pointer to structs": &details{make([]details, largeSize)},
		"error":              errors.New(long),
	}
}

// costOf returns the time of a call, of the first within the limit or the best of all attempts.
func costOf(t *testing.T, call func(*ekausage.Client)) time.Duration {
	t.Helper()
	client, _ := ekausagetest.New(t, quiet)
	best := time.Hour
	for attempt := 0; attempt < costAttempts && best > costLimit; attempt++ {
		begin := time.Now()
		call(client)
		best = min(best, time.Since(begin))
	}
	return best
}

// No argument costs the caller time that grows with its size, whatever its type.
func TestCosts(t *testing.T) {
	for name, value := range largeValues() {
		t.Run(name, func(t *testing.T) {
			places := map[string]map[string]any{
				"value":      {"a": value},
				"deep value": {"a": []any{map[string]any{"b": []any{value}}}},
			}
			if members, ok := value.(map[string]any); ok {
				places["metadata"] = members
			}
			for place, metadata := range places {
				took := costOf(t, func(client *ekausage.Client) {
					_, _ = client.Record("ws", "api", "api_call", 1, "", nil, metadata)
					_, _ = client.Log("ws", "api", "api_call", "m", "", metadata)
				})
				if took > costLimit {
					t.Errorf("as a %s of metadata it takes %v", place, took)
				}
			}
		})
	}

	for name, text := range map[string]string{
		"text": strings.Repeat("x", largeSize), "wide text": strings.Repeat("é", largeSize),
		"invalid text": strings.Repeat("\xff", largeSize), "controls": strings.Repeat("\n", largeSize),
	} {
		t.Run(name+" as an argument", func(t *testing.T) {
			valid := ekausage.Usage{WorkspaceID: "ws", Product: "api", MetricType: "api_call"}
			for field, set := range map[string]func(*ekausage.Usage){
				"WorkspaceID": func(u *ekausage.Usage) { u.WorkspaceID = text },
				"Product":     func(u *ekausage.Usage) { u.Product = text },
				"MetricType":  func(u *ekausage.Usage) { u.MetricType = text },
				"Status":      func(u *ekausage.Usage) { u.Status = text },
				"EventID":     func(u *ekausage.Usage) { u.EventID = text },
			} {
				usage := valid
				set(&usage)
				if took := costOf(t, func(client *ekausage.Client) { _, _ = client.RecordUsage(usage) }); took > costLimit {
					t.Errorf("%s takes %v", field, took)
				}
			}
			took := costOf(t, func(client *ekausage.Client) {
				_, _ = client.Log("ws", "api", "api_call", text, text, nil)
				_, _ = client.Record("ws", "api", "api_call", 1, "", nil, nil, ekausage.WithOccurredAtText(text))
			})
			if took > costLimit {
				t.Errorf("Log and WithOccurredAtText take %v", took)
			}
		})
	}
}
