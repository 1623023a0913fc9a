package ekausage

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	eventsPath, usagePath       = "/v1/events", "/v1/usage"
	defaultUsageTimeout         = 5 * time.Second
	defaultUsageAttempts        = 3
	longestUsageAnswer    int64 = 64 << 20
	// What timers of every language can wait for: 24 days.
	longestUsageTimeout = math.MaxInt32 * time.Millisecond
)

// UsageClientConfig configures a UsageClient.
type UsageClientConfig struct {
	// BaseURL is the address of the HTTP API, such as https://usage.example.com.
	BaseURL string
	// Origin is the name of the service, which each event gets.
	Origin string
	// Timeout is how long one attempt may take, at most 24 days; 0 is 5 seconds, as there is no attempt without
	// an end.
	Timeout time.Duration
	// MaxRetries is how many attempts there are in all, those answered 429 not counted; 0 is 3. For no second
	// attempt it is 1.
	MaxRetries int
	// CALocation is a PEM file of the certificate authorities to trust instead of the system's.
	CALocation string
	// Logger receives an error where events are given up; nil is slog.Default.
	Logger *slog.Logger
	// Sleep waits between attempts, for tests; nil waits on the machine's clock.
	Sleep func(ctx context.Context, pause time.Duration)
}

// A UsageClient sends events to the HTTP API, and asks it, for programs without the SDK's own delivery.
//
// A call waits for its answer. What cannot be sent after all attempts is logged and lost: use a Client with
// WithTransport("http") where no event may be. The API key is given to each call. All methods are safe for
// concurrent use.
type UsageClient struct {
	config UsageClientConfig
	http   *http.Client
}

// NewUsageClient returns a client. An error is a *UsageError, and names what is invalid.
func NewUsageClient(config UsageClientConfig) (*UsageClient, error) {
	if !isHTTPURL(config.BaseURL) {
		return nil, localUsageError(usageProblem{"BaseURL", "expected http://host or https://host, without a user, a query or a fragment", -1})
	}
	if strings.TrimSpace(config.Origin) == "" {
		return nil, localUsageError(usageProblem{"Origin", "expected the name of the service, got nothing", -1})
	}
	if config.Timeout < 0 || config.Timeout > longestUsageTimeout {
		text := fmt.Sprintf("expected more than 0, and at most %v, got %v", longestUsageTimeout, config.Timeout)
		return nil, localUsageError(usageProblem{"Timeout", text, -1})
	}
	if config.MaxRetries < 0 {
		text := fmt.Sprintf("expected an integer of at least 1, got %d", config.MaxRetries)
		return nil, localUsageError(usageProblem{"MaxRetries", text, -1})
	}
	config.BaseURL = strings.TrimRight(config.BaseURL, "/")
	if config.Timeout == 0 {
		config.Timeout = defaultUsageTimeout
	}
	if config.MaxRetries == 0 {
		config.MaxRetries = defaultUsageAttempts
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Sleep == nil {
		config.Sleep = func(ctx context.Context, pause time.Duration) { wait(ctx, pause, nil) }
	}
	trusted, err := authorities(config.CALocation)
	if err != nil {
		return nil, localUsageError(usageProblem{"CALocation", "expected " + readableAuthorities + ": " + err.Error(), -1})
	}
	return &UsageClient{config, newHTTPClient(trusted, 0)}, nil
}

// Emit sends one event and returns its id, "" if it was given up, which is logged. An error is a *UsageError,
// or that of the context.
func (c *UsageClient) Emit(ctx context.Context, token string, event UsageEventInput) (string, error) {
	answer, err := c.post(ctx, token, []UsageEventInput{event}, true)
	id, _ := answer["id"].(string)
	return id, err
}

// EmitMany sends 1 to 500 events, all or none, and returns their ids, nil if they were given up, which is
// logged. An error is a *UsageError whose Details name each event, or that of the context.
func (c *UsageClient) EmitMany(ctx context.Context, token string, events []UsageEventInput) ([]string, error) {
	answer, err := c.post(ctx, token, events, false)
	var ids []string
	found, _ := answer["ids"].([]any)
	for _, id := range found {
		text, _ := id.(string)
		ids = append(ids, text)
	}
	return ids, err
}

// ListEvents returns events and what became of them, as docs/http-api.md describes.
func (c *UsageClient) ListEvents(ctx context.Context, token string, filters ListEventsQuery) (map[string]any, error) {
	return c.send(ctx, token, eventsPath, "", filters.values(), nil)
}

// Usage returns what was used, as docs/http-api.md describes.
func (c *UsageClient) Usage(ctx context.Context, token string, query UsageQuery) (map[string]any, error) {
	return c.send(ctx, token, usagePath, "", query.values(), nil)
}

// Close closes idle connections.
func (c *UsageClient) Close() { c.http.CloseIdleConnections() }

func (c *UsageClient) post(ctx context.Context, token string, events []UsageEventInput, single bool) (map[string]any, error) {
	body, err := encodeInputs(events, c.config.Origin, single)
	if err != nil {
		return nil, err
	}
	expected := "ids"
	if single {
		expected = "id"
	}
	return c.send(ctx, token, eventsPath, expected, nil, body)
}

func (c *UsageClient) send(ctx context.Context, token, path, expected string, query url.Values, body []byte) (map[string]any, error) {
	if !apiKey.MatchString(token) {
		return nil, localUsageError(usageProblem{"token", "expected an API key", -1})
	}
	attempts := usageAttempts{most: c.config.MaxRetries}
	for {
		answer := c.try(ctx, newSecret(token), path, query, body)
		if !answer.canPass() {
			return answer.read(expected)
		}
		pause, again := attempts.pause(answer)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !again && body == nil {
			return nil, &UsageError{Status: answer.status, message: "ekausage: no answer: " + answer.String()}
		}
		if !again {
			c.config.Logger.Error("ekausage: events not sent, given up: " + answer.String() + " (token " + hiddenSecret + ")")
			return nil, nil
		}
		c.config.Sleep(ctx, pause)
	}
}

func (c *UsageClient) try(ctx context.Context, token secret, path string, query url.Values, body []byte) *usageAnswer {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	address := c.config.BaseURL + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	failed := func(err error) *usageAnswer { return &usageAnswer{reason: hideToken(err.Error(), token)} }
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return failed(err)
	}
	request.Header.Set("Authorization", "Bearer "+token.reveal())
	request.Header.Set("User-Agent", clientName)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, longestUsageAnswer))
	if err != nil {
		return failed(err)
	}
	return &usageAnswer{status: response.StatusCode, retryAfter: response.Header.Get("Retry-After"), body: text}
}
