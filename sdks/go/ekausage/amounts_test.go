package ekausage_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

func TestRecordAmounts(t *testing.T) {
	amount := func(metric ekausage.Metric, quantity float64) ekausage.MetricAmount {
		return ekausage.MetricAmount{Metric: metric, Quantity: ekausage.AmountOf(quantity)}
	}

	t.Run("each amount is an event of the same id, with what they have in common and a cost of its own", func(t *testing.T) {
		client, producer := ekausagetest.New(t)
		input := amount(ekausage.MetricAgentInputToken, 1830)
		input.Cost = ekausage.AmountOf(0.004)
		ids, err := client.RecordAmounts("w", []ekausage.MetricAmount{
			input,
			amount(ekausage.MetricAgentToolCall, 0),
			{Product: "agent", MetricType: "output_token", Quantity: ekausage.Exactly(ekausage.Decimal{})},
			{Product: "comms", MetricType: "sms"},
		}, "answer-7", ekausage.WithModel("m-3"), ekausage.WithMetadata(map[string]any{"k": 1}), ekausage.WithEventID("ignored"))
		if err != nil || fmt.Sprint(ids) != "[answer-7 answer-7]" {
			t.Fatal(ids, err)
		}
		for i, want := range []string{"input_token 1830 0.004", "sms 1 "} {
			event := producer.Events()[i]
			if got := fmt.Sprintf("%s %s %s", event.MetricType, event.Quantity, event.Cost); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if event.EventID != "answer-7" || event.Model != "m-3" || event.Metadata != `{"k":1}` || event.Seq != uint64(i+1) {
				t.Errorf("%+v", event)
			}
		}
	})

	t.Run("amounts that are all zero record nothing", func(t *testing.T) {
		client, producer := ekausagetest.New(t)
		for _, amounts := range [][]ekausage.MetricAmount{nil, {amount(ekausage.MetricCommsSMS, 0)}} {
			if ids, err := client.RecordAmounts("w", amounts, "e"); ids == nil || len(ids) > 0 || err != nil {
				t.Error(ids, err)
			}
		}
		if s := client.Stats(); s.Accepted != 0 || len(s.Rejected) > 0 || len(producer.Events()) > 0 {
			t.Errorf("%+v", s)
		}
	})

	t.Run("one that is wrong rejects all", func(t *testing.T) {
		client, producer := ekausagetest.New(t, quiet)
		good := amount(ekausage.MetricCommsSMS, 2)
		dear := amount(ekausage.MetricCommsEmail, 2)
		dear.Cost = ekausage.AmountOf(-1)
		for name, c := range map[string]struct {
			amounts []ekausage.MetricAmount
			id      string
			code    ekausage.ErrorCode
		}{
			"a blank id":         {[]ekausage.MetricAmount{good}, " ", ekausage.CodeEventIDInvalid},
			"a blank id, zero":   {[]ekausage.MetricAmount{amount(ekausage.MetricCommsSMS, 0)}, " ", ekausage.CodeEventIDInvalid},
			"no id":              {[]ekausage.MetricAmount{good}, "", ekausage.CodeEventIDInvalid},
			"a negative amount":  {[]ekausage.MetricAmount{good, amount(ekausage.MetricCommsEmail, -1)}, "e", ekausage.CodeQuantityInvalid},
			"a metric twice":     {[]ekausage.MetricAmount{good, {Product: "comms", MetricType: "sms"}}, "e", ekausage.CodeBatchInvalid},
			"twice, and zero":    {[]ekausage.MetricAmount{good, amount(ekausage.MetricCommsSMS, 0)}, "e", ekausage.CodeBatchInvalid},
			"no metric":          {[]ekausage.MetricAmount{good, {}}, "e", ekausage.CodeProductUnknown},
			"no metric, of zero": {[]ekausage.MetricAmount{good, amount(0, 0)}, "e", ekausage.CodeProductUnknown},
			"an unknown metric":  {[]ekausage.MetricAmount{{Product: "comms", MetricType: "fax"}}, "e", ekausage.CodeMetricTypeUnknown},
			"too many, all zero": {slices.Repeat([]ekausage.MetricAmount{amount(ekausage.MetricCommsSMS, 0)}, 501), "e", ekausage.CodeBatchInvalid},
			"a negative cost":    {[]ekausage.MetricAmount{good, dear}, "e", ekausage.CodeCostInvalid},
		} {
			if ids, err := client.RecordAmounts("w", c.amounts, c.id); ids != nil || !errors.Is(err, c.code) {
				t.Errorf("%s: %v, %v", name, ids, err)
			}
		}
		if s := client.Stats(); s.Accepted != 0 || len(producer.Events()) > 0 {
			t.Errorf("%+v", s)
		}
	})

	t.Run("after Shutdown none is accepted", func(t *testing.T) {
		client, _ := ekausagetest.New(t, quiet)
		client.Shutdown()
		for _, quantity := range []float64{2, -1} {
			_, err := client.RecordAmounts("w", []ekausage.MetricAmount{amount(ekausage.MetricCommsSMS, quantity)}, "e")
			if !errors.Is(err, ekausage.ErrClosed) {
				t.Error(err)
			}
		}
	})
}
