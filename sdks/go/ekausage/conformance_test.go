package ekausage_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

const vectorFolder = "../../../tests/conformance/vectors"

type vectorFile struct {
	Schema  string `json:"$schema"`
	Comment string `json:"$comment"`
	Given   struct {
		ServiceName string `json:"service_name"`
		Hostname    string `json:"hostname"`
		Clock       string `json:"clock"`
		InstanceID  string `json:"instance_id"`
		EventID     string `json:"event_id"`
	} `json:"given"`
	Call  map[string]any `json:"call"`
	Event orderedTexts   `json:"event"`
	Cases []vectorCase   `json:"cases"`
}

type vectorCase struct {
	ID     string            `json:"id"`
	Call   map[string]any    `json:"call"`
	Client map[string]string `json:"client"`
	Expect struct {
		Event     map[string]string `json:"event"`
		Partition *int              `json:"partition"`
		Degraded  bool              `json:"degraded"`
		Code      string            `json:"code"`
		Field     string            `json:"field"`
		Says      string            `json:"says"`
	} `json:"expect"`
	Cannot map[string]string `json:"cannot"`
}

// orderedTexts is an object of texts whose order matters.
type orderedTexts struct {
	names []string
	texts map[string]string
}

func (o *orderedTexts) UnmarshalJSON(text []byte) error {
	reader := json.NewDecoder(bytes.NewReader(text))
	if _, err := reader.Token(); err != nil {
		return err
	}
	for reader.More() {
		name, err := reader.Token()
		if err != nil {
			return err
		}
		if _, err := reader.Token(); err != nil {
			return err
		}
		o.names = append(o.names, name.(string))
	}
	return json.Unmarshal(text, &o.texts)
}

func TestVectors(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(vectorFolder, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no vectors in %s: %v", vectorFolder, err)
	}
	var ran []string
	usages := 0
	for _, path := range paths {
		file := readVectors(t, path)
		if len(file.Cases) == 0 {
			t.Errorf("%s has no cases", path)
		}
		for i := range file.Cases {
			c := &file.Cases[i]
			if _, cannot := c.Cannot["go"]; cannot {
				ran = append(ran, c.ID+"\tcannot")
				continue
			}
			call := arguments(t, file.Call, c.Call)
			if !needsAmounts(call) {
				t.Run(c.ID, func(t *testing.T) {
					runVector(t, file, c, func(client *ekausage.Client) (string, error) { return recordVector(t, client, call) })
				})
			}
			if usage, ok := usageOf(t, call); ok {
				usages++
				t.Run(c.ID+" by RecordUsage", func(t *testing.T) {
					runVector(t, file, c, func(client *ekausage.Client) (string, error) { return client.RecordUsage(usage) })
				})
			}
			ran = append(ran, c.ID)
		}
	}
	if usages < len(ran)/2 {
		t.Errorf("only %d of %d vectors have a Usage", usages, len(ran))
	}
	if report := os.Getenv("CONFORMANCE_REPORT"); report != "" {
		if err := os.WriteFile(report, []byte(strings.Join(ran, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func readVectors(t *testing.T, path string) *vectorFile {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	reader := json.NewDecoder(bytes.NewReader(text))
	reader.DisallowUnknownFields()
	reader.UseNumber()
	var file vectorFile
	if err := reader.Decode(&file); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return &file
}

func runVector(
	t *testing.T, file *vectorFile, c *vectorCase, record func(*ekausage.Client) (string, error),
) {
	now, err := time.Parse(time.RFC3339Nano, file.Given.Clock)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{file.Given.InstanceID, file.Given.EventID}
	degraded := false
	producer := &ekausagetest.Producer{}
	options := []ekausage.Option{
		ekausage.WithProducer(producer),
		ekausage.WithHostname(file.Given.Hostname),
		ekausage.WithClock(ekausagetest.NewClock(now).Now),
		ekausage.WithNewID(func() string {
			id := ids[0]
			ids = ids[len(ids)-1:]
			return id
		}),
		ekausage.WithOnError(func(err error, _ map[string]any) {
			degraded = degraded || errors.Is(err, ekausage.CodeMetadataDegraded)
		}),
	}
	for name, value := range c.Client {
		options = append(options, clientOptions[name](value))
	}
	client, err := ekausage.New(file.Given.ServiceName, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Shutdown()
	_, err = record(client)
	if c.Expect.Code != "" {
		expectRejection(t, err, c)
		if stats := client.Stats(); stats.Accepted != 0 || len(producer.Messages()) != 0 {
			t.Errorf("the event was rejected and accepted: %+v", stats)
		}
		return
	}
	if err != nil {
		t.Fatalf("rejected: %v", err)
	}
	messages := producer.Messages()
	if len(messages) != 1 {
		t.Fatalf("%d messages", len(messages))
	}
	if want := expectedEvent(t, file, c); string(messages[0].Value) != want {
		t.Errorf("got  %s\nwant %s", short(string(messages[0].Value)), short(want))
	}
	if degraded != c.Expect.Degraded {
		t.Errorf("degraded: %v, want %v", degraded, c.Expect.Degraded)
	}
	if c.Expect.Partition != nil {
		partitioner := kgo.StickyKeyPartitioner(nil).ForTopic(ekausage.UsageTopic)
		record := &kgo.Record{Key: messages[0].Key}
		if got := partitioner.Partition(record, partitions); got != *c.Expect.Partition {
			t.Errorf("key %q goes to partition %d, want %d", messages[0].Key, got, *c.Expect.Partition)
		}
	}
}

func expectRejection(t *testing.T, err error, c *vectorCase) {
	t.Helper()
	var rejection *ekausage.Error
	if !errors.As(err, &rejection) {
		t.Fatalf("error %v, want %s", err, c.Expect.Code)
	}
	if string(rejection.Code) != c.Expect.Code || rejection.Field != c.Expect.Field {
		t.Errorf("%s of %s, want %s of %s: %v",
			rejection.Code, rejection.Field, c.Expect.Code, c.Expect.Field, err)
	}
	if strings.ContainsFunc(err.Error(), unicode.IsControl) || strings.ContainsAny(err.Error(), "\u2028\u202e") {
		t.Errorf("%q has hidden characters", err)
	}
	if !strings.HasSuffix(err.Error(), c.Expect.Says) {
		t.Errorf("%v does not end with %q", err, c.Expect.Says)
	}
	if !errors.Is(err, rejection.Code) {
		t.Errorf("%v does not match its own code", err)
	}
}

func expectedEvent(t *testing.T, file *vectorFile, c *vectorCase) string {
	t.Helper()
	for name := range c.Expect.Event {
		if !slices.Contains(file.Event.names, name) {
			t.Fatalf("unknown field %q", name)
		}
	}
	var members []string
	for _, name := range file.Event.names {
		text, changed := c.Expect.Event[name]
		if !changed {
			text = file.Event.texts[name]
		}
		text = strings.NewReplacer(
			"$sdk_language", "go",
			"$sdk_version", ekausage.SDKVersion,
			"$catalog_version", ekausage.CatalogVersion,
		).Replace(text)
		if text != "" {
			members = append(members, strconv.Quote(name)+":"+text)
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// arguments returns those of the base call, overridden by those of the case.
func arguments(t *testing.T, base, changed map[string]any) map[string]any {
	t.Helper()
	merged := map[string]any{}
	for _, call := range []map[string]any{base, changed} {
		for name, value := range call {
			if special, ok := value.(map[string]any); ok && special["$"] == "absent" {
				delete(merged, name)
				continue
			}
			merged[name] = plain(t, value)
		}
	}
	return merged
}

func recordVector(t *testing.T, client *ekausage.Client, call map[string]any) (string, error) {
	t.Helper()
	var opts []ekausage.RecordOption
	var cost *float64
	quantity := 1.0
	var metadata map[string]any
	texts := map[string]string{}
	for name, value := range call {
		switch name {
		case "workspace_id", "product", "metric_type", "status":
			texts[name] = value.(string)
		case "quantity":
			quantity = float(t, value)
		case "unit_cost":
			if value != nil {
				given := float(t, value)
				cost = &given
			}
		case "metadata":
			metadata, _ = value.(map[string]any)
			if value != nil && metadata == nil {
				t.Fatalf("metadata %v has no Go form", value)
			}
		case "event_id":
			if value != nil {
				opts = append(opts, ekausage.WithEventID(value.(string)))
			}
		case "occurred_at":
			switch at := value.(type) {
			case nil:
			case int64:
				opts = append(opts, ekausage.WithOccurredAtMillis(at))
			default:
				opts = append(opts, ekausage.WithOccurredAtText(at.(string)))
			}
		default:
			option := fieldOptions[name]
			if option == nil {
				t.Fatalf("unknown argument %q", name)
			}
			if value != nil {
				opts = append(opts, option(t, value))
			}
		}
	}
	return client.Record(texts["workspace_id"], texts["product"], texts["metric_type"], quantity,
		texts["status"], cost, metadata, opts...)
}

// usageOf returns a call as a Usage, by Metric if the catalog has it. It reports false if the Usage would
// be another call: an empty event id is none there, and a time is not a text.
func usageOf(t *testing.T, call map[string]any) (usage ekausage.Usage, ok bool) {
	t.Helper()
	usage.WorkspaceID, _ = call["workspace_id"].(string)
	usage.Product, _ = call["product"].(string)
	usage.MetricType, _ = call["metric_type"].(string)
	if metric, known := ekausage.FindMetric(usage.Product, usage.MetricType); known {
		usage.Metric, usage.Product, usage.MetricType = metric, "", ""
	}
	if quantity := call["quantity"]; quantity != nil {
		usage.Quantity = amount(t, quantity)
	}
	if cost := call["unit_cost"]; cost != nil {
		usage.UnitCost = amount(t, cost)
	}
	usage.Status, _ = call["status"].(string)
	usage.Metadata, _ = call["metadata"].(map[string]any)
	if id := call["event_id"]; id != nil {
		if usage.EventID = id.(string); usage.EventID == "" {
			return usage, false
		}
	}
	if at, ok := call["occurred_at"].(int64); ok {
		usage.OccurredAt = time.UnixMilli(at)
	} else if text := call["occurred_at"]; text != nil {
		var err error
		usage.OccurredAt, err = time.Parse(time.RFC3339Nano, text.(string))
		_, offset := usage.OccurredAt.Zone()
		// time.Parse accepts more: fractions after a comma, and offsets of a day.
		if err != nil || usage.OccurredAt.Format(time.RFC3339Nano) != text || max(offset, -offset) == 24*60*60 {
			return usage, false
		}
	}
	for name, set := range fieldMembers {
		if value := call[name]; value == "" {
			return usage, false
		} else if value != nil {
			set(t, &usage, value)
		}
	}
	return usage, true
}

// needsAmounts reports whether a number of a call is exact only as an Amount.
func needsAmounts(call map[string]any) bool {
	for _, value := range call {
		switch value := value.(type) {
		case json.Number, *big.Int:
			return true
		case int64:
			if value != int64(float64(value)) {
				return true
			}
		}
	}
	return false
}

// amount returns the amount of a value of a vector, exactly where a float64 is not exact.
func amount(t *testing.T, value any) ekausage.Amount {
	t.Helper()
	switch value := value.(type) {
	case json.Number:
		return ekausage.Exactly(value)
	case *big.Int:
		return ekausage.Exactly(value)
	case int64:
		return ekausage.Exactly(big.NewInt(value))
	}
	return ekausage.AmountOf(float(t, value))
}

func float(t *testing.T, value any) float64 {
	t.Helper()
	number, err := strconv.ParseFloat(fmt.Sprint(value), 64)
	if err != nil {
		t.Fatalf("%v has no float64", value)
	}
	return number
}

func short(text string) string {
	const most = 1200
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}
