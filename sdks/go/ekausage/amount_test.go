package ekausage_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

// foreignDecimal is a decimal type of another package.
type foreignDecimal struct{ digits string }

func (d *foreignDecimal) String() string { return d.digits }

func TestExactAmounts(t *testing.T) {
	longest := strings.Repeat("1234567890", 4)[:38]
	parsed := func(text string) ekausage.Decimal {
		d, err := ekausage.ParseDecimal(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	price := parsed("0." + longest)

	t.Run("quantity, unit cost and cost have all digits of what they are given as", func(t *testing.T) {
		client, producer := ekausagetest.New(t)
		for _, usage := range []ekausage.Usage{
			{Quantity: ekausage.Exactly(price), UnitCost: ekausage.Exactly(&foreignDecimal{"0.10"})},
			{Quantity: ekausage.Exactly(big.NewInt(999_999_999_999_999_999)), Cost: ekausage.Exactly(json.Number("1e-7"))},
			{Quantity: ekausage.Exactly(ekausage.Decimal{})},
		} {
			usage.WorkspaceID, usage.Metric = "w", ekausage.MetricCommsSMS
			if _, err := client.RecordUsage(usage); err != nil {
				t.Fatal(err)
			}
		}
		events := producer.Events()
		if q := events[0].Quantity; q != json.Number("0."+longest) || *events[0].UnitCost != "0.1" {
			t.Errorf("%s at %s", q, *events[0].UnitCost)
		}
		if q := events[1].Quantity; q != "999999999999999999" || events[1].Cost != "1e-7" || events[1].UnitCost != nil {
			t.Errorf("%s for %s", q, events[1].Cost)
		}
		if q := events[2].Quantity; q != "0" {
			t.Errorf("the zero Decimal is %s", q)
		}
	})

	t.Run("what is not a decimal number is rejected with the code of its amount", func(t *testing.T) {
		client, producer := ekausagetest.New(t)
		for _, text := range []string{"", "1/3", "NaN", "0x1", "1 ", "-1", longest + "1", strings.Repeat("0", 2000), "1e1000001"} {
			_, err := client.RecordUsage(ekausage.Usage{
				WorkspaceID: "w", Metric: ekausage.MetricCommsSMS, Quantity: ekausage.Exactly(&foreignDecimal{text}),
			})
			if !errors.Is(err, ekausage.CodeQuantityInvalid) {
				t.Errorf("quantity %q: %v", text, err)
			}
			_, err = client.RecordUsage(ekausage.Usage{
				WorkspaceID: "w", Metric: ekausage.MetricCommsSMS, UnitCost: ekausage.Exactly(&foreignDecimal{text}),
			})
			if !errors.Is(err, ekausage.CodeUnitCostInvalid) {
				t.Errorf("unit cost %q: %v", text, err)
			}
			_, err = client.RecordUsage(ekausage.Usage{
				WorkspaceID: "w", Metric: ekausage.MetricCommsSMS, Cost: ekausage.Exactly(&foreignDecimal{text}),
			})
			if !errors.Is(err, ekausage.CodeCostInvalid) {
				t.Errorf("cost %q: %v", text, err)
			}
		}
		var missing *foreignDecimal
		for _, nothing := range []ekausage.Amount{ekausage.Exactly(missing), ekausage.Exactly(nil)} {
			_, err := client.RecordUsage(ekausage.Usage{WorkspaceID: "w", Metric: ekausage.MetricCommsSMS, Quantity: nothing})
			if !errors.Is(err, ekausage.CodeQuantityInvalid) {
				t.Errorf("nil: %v", err)
			}
		}
		if len(producer.Messages()) > 0 {
			t.Error("an event was accepted")
		}
	})

	t.Run("ParseDecimal accepts decimal notation and up to 38 digits", func(t *testing.T) {
		for text, want := range map[string]string{
			"0.10": "0.1", "+7": "7", "007.50": "7.5", "1E+2": "100", ".5": "0.5", "5.": "5", "-0": "0", "1e-7": "1e-7",
			longest: longest[:1] + "." + longest[1:] + "e+37",
		} {
			if got := parsed(text).String(); got != want {
				t.Errorf("%s became %s, want %s", text, got, want)
			}
		}
		for _, text := range []string{"", ".", "e1", "1e", "Inf", "1,5", "1_0", longest + "1"} {
			if d, err := ekausage.ParseDecimal(text); err == nil {
				t.Errorf("%q is %s", text, d)
			}
		}
	})
}
