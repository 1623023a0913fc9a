package ekausage_test

import (
	"errors"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

func TestErrors(t *testing.T) {
	t.Run("every code of a rejection matches its error", func(t *testing.T) {
		client, _ := ekausagetest.New(t, quiet)
		minus := -1.0
		for code, call := range map[ekausage.ErrorCode]func() (string, error){
			ekausage.CodeWorkspaceIDInvalid: func() (string, error) { return client.Record(" ", "api", "api_call", 1, "", nil, nil) },
			ekausage.CodeProductUnknown:     func() (string, error) { return client.Record("w", "apis", "api_call", 1, "", nil, nil) },
			ekausage.CodeMetricTypeUnknown:  func() (string, error) { return client.Record("w", "api", "api_cal", 1, "", nil, nil) },
			ekausage.CodeStatusUnknown:      func() (string, error) { return client.Record("w", "api", "api_call", 1, "okay", nil, nil) },
			ekausage.CodeQuantityInvalid:    func() (string, error) { return client.Record("w", "api", "api_call", -1, "", nil, nil) },
			ekausage.CodeUnitCostInvalid:    func() (string, error) { return client.Record("w", "api", "api_call", 1, "", &minus, nil) },
			ekausage.CodeEventIDInvalid: func() (string, error) {
				return client.RecordMetric("w", ekausage.MetricAPIAPICall, 1, ekausage.WithEventID(""))
			},
			ekausage.CodeOccurredAtInvalid: func() (string, error) {
				return client.RecordMetric("w", ekausage.MetricAPIAPICall, 1, ekausage.WithOccurredAt(time.Time{}))
			},
		} {
			id, err := call()
			var detail *ekausage.Error
			var wrong *ekausage.ValidationError
			var found ekausage.ErrorCode
			if id != "" || !errors.Is(err, code) || !errors.As(err, &detail) || !errors.As(err, &wrong) || !errors.As(err, &found) {
				t.Errorf("%s: %q, %v", code, id, err)
				continue
			}
			if detail.Code != code || wrong.Code != code || found != code || detail.Field != code.Field() || wrong.Field != code.Field() || detail.Reason != string(code) {
				t.Errorf("%s: %+v, %+v, %s", code, detail, wrong, found)
			}
			if client.Stats().Rejected[code] != 1 {
				t.Errorf("%s is not counted: %v", code, client.Stats().Rejected)
			}
		}
	})

	t.Run("every other code matches its error", func(t *testing.T) {
		client, producer := ekausagetest.New(t, quiet, ekausage.WithBufferSize(2))
		producer.SetFull(true)
		mustRecord(t, client, 1)
		_, full := record(client)
		client.ShutdownContext(expired())
		_, closed := record(client)
		_, config := ekausage.New("", ekausage.WithProducer(producer))
		for code, err := range map[ekausage.ErrorCode]error{
			ekausage.CodeQueueFull:     full,
			ekausage.CodeClientClosed:  closed,
			ekausage.CodeConfigInvalid: config,
		} {
			var wrong *ekausage.ValidationError
			if !errors.Is(err, code) || errors.As(err, &wrong) {
				t.Errorf("%s: %v", code, err)
			}
		}
		if !errors.Is(full, ekausage.ErrBufferFull) || !errors.Is(closed, ekausage.ErrClosed) || errors.Is(full, ekausage.ErrClosed) {
			t.Errorf("%v, %v", full, closed)
		}
		var detail *ekausage.Error
		if !errors.As(full, &detail) || detail.Reason != "local_queue_full" {
			t.Errorf("the reason is %+v", detail)
		}
	})

	t.Run("messages name the argument and the closest name", func(t *testing.T) {
		client, _ := ekausagetest.New(t, quiet)
		for want, call := range map[string]func() (string, error){
			`invalid metricType "api_cal" for product "api": did you mean "api_call"?`: func() (string, error) {
				return client.Record("w", "api", "api_cal", 1, "", nil, nil)
			},
			`invalid metricType "zebra" for product "api": expected one of "api_call", "api_error"`: func() (string, error) {
				return client.Record("w", "api", "zebra", 1, "", nil, nil)
			},
			`invalid workspaceID "": expected a non-blank string of 1 to 256 characters`: func() (string, error) {
				return client.Record("", "api", "api_call", 1, "", nil, nil)
			},
			`invalid quantity -1: expected a finite number from 0 to 1000000000000000000; to take an event back, use Void`: func() (string, error) {
				return client.Record("w", "api", "api_call", -1, "", nil, nil)
			},
			`invalid metric 0: expected a generated constant, such as those that Metrics() lists`: func() (string, error) {
				return client.RecordMetric("w", 0, 1)
			},
			`invalid occurredAt "yesterday": expected an RFC 3339 time with an offset, at most 5m ahead and 35d behind; import older work by ` + "`usage-sink import`": func() (string, error) {
				return client.RecordMetric("w", ekausage.MetricAPIAPICall, 1, ekausage.WithOccurredAtText("yesterday"))
			},
		} {
			if _, err := call(); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
	})
}
