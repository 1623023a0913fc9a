package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
)

// usageRequest is one call of a UsageClient.
type usageRequest struct {
	Client struct {
		BaseURL    string `json:"base_url"`
		Origin     string `json:"origin"`
		TimeoutMs  int    `json:"timeout_ms"`
		MaxRetries int    `json:"max_retries"`
		CALocation string `json:"ca_location"`
	} `json:"client"`
	Method string          `json:"method"`
	Token  string          `json:"token"`
	Given  json.RawMessage `json:"given"`
}

// usageInput is an event by the names of the wire.
type usageInput struct {
	WorkspaceID string         `json:"workspace_id"`
	EventType   string         `json:"event_type"`
	Product     string         `json:"product"`
	MetricType  string         `json:"metric_type"`
	Origin      string         `json:"origin"`
	EventID     string         `json:"event_id"`
	Quantity    *float64       `json:"quantity"`
	Metadata    map[string]any `json:"metadata"`
}

func (u *usageInput) input() ekausage.UsageEventInput {
	input := ekausage.UsageEventInput{EventType: u.EventType, Origin: u.Origin}
	input.WorkspaceID, input.Product, input.MetricType = u.WorkspaceID, u.Product, u.MetricType
	input.EventID, input.Metadata = u.EventID, u.Metadata
	if u.Quantity != nil {
		input.Quantity = ekausage.AmountOf(*u.Quantity)
	}
	return input
}

// usageClient makes one call, on a clock that does not wait.
func usageClient(r *usageRequest) (response, error) {
	var slept []int64
	var logged bytes.Buffer
	client, err := ekausage.NewUsageClient(ekausage.UsageClientConfig{
		BaseURL:    r.Client.BaseURL,
		Origin:     r.Client.Origin,
		Timeout:    time.Duration(r.Client.TimeoutMs) * time.Millisecond,
		MaxRetries: r.Client.MaxRetries,
		CALocation: r.Client.CALocation,
		Logger:     slog.New(slog.NewTextHandler(&logged, nil)),
		Sleep:      func(_ context.Context, pause time.Duration) { slept = append(slept, pause.Milliseconds()) },
	})
	var result any
	if err == nil {
		defer client.Close()
		result, err = callUsageClient(client, r)
	}
	var refused *ekausage.UsageError
	if err != nil && !errors.As(err, &refused) {
		return nil, err
	}
	var thrown any
	if refused != nil {
		thrown = response{
			"status": refused.Status, "code": refused.Code, "details": refused.Details, "message": refused.Error(),
		}
	}
	lines := strings.FieldsFunc(logged.String(), func(r rune) bool { return r == '\n' })
	return response{"result": result, "thrown": thrown, "slept": append([]int64{}, slept...), "logged": append([]string{}, lines...)}, nil
}

func callUsageClient(client *ekausage.UsageClient, r *usageRequest) (any, error) {
	ctx := context.Background()
	switch r.Method {
	case "emit":
		var event usageInput
		if err := json.Unmarshal(r.Given, &event); err != nil {
			return nil, err
		}
		id, err := client.Emit(ctx, r.Token, event.input())
		if id == "" {
			return nil, err
		}
		return id, err
	case "emit_many":
		var events []usageInput
		if err := json.Unmarshal(r.Given, &events); err != nil {
			return nil, err
		}
		inputs := make([]ekausage.UsageEventInput, len(events))
		for i := range events {
			inputs[i] = events[i].input()
		}
		ids, err := client.EmitMany(ctx, r.Token, inputs)
		if ids == nil {
			return nil, err
		}
		return ids, err
	case "list_events":
		var query ekausage.ListEventsQuery
		if err := fill(&query, r.Given); err != nil {
			return nil, err
		}
		return answered(client.ListEvents(ctx, r.Token, query))
	case "usage":
		var query ekausage.UsageQuery
		if err := fill(&query, r.Given); err != nil {
			return nil, err
		}
		return answered(client.Usage(ctx, r.Token, query))
	}
	return nil, fmt.Errorf("no method %q", r.Method)
}

func answered(answer map[string]any, err error) (any, error) {
	if answer == nil {
		return nil, err
	}
	return answer, err
}

// fill sets the members of a query by their names on the wire.
func fill(query any, given json.RawMessage) error {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(given, &values); err != nil {
		return err
	}
	members := reflect.ValueOf(query).Elem()
	for name, value := range values {
		wanted := strings.ReplaceAll(name, "_", "")
		member := members.FieldByNameFunc(func(member string) bool { return strings.EqualFold(member, wanted) })
		if !member.IsValid() {
			return fmt.Errorf("no member for %q", name)
		}
		if member.Kind() == reflect.Slice && value[0] != '[' {
			value = fmt.Appendf(nil, "[%s]", value)
		}
		if err := json.Unmarshal(value, member.Addr().Interface()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
