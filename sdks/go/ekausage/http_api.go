package ekausage

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

const (
	encodedPath = "/v1/events/encoded"
	// The server itself waits up to 30 s for Kafka.
	longestRequest = 40 * time.Second
	// An answer is short; what is longer comes from something else.
	longestAnswer     = 64 << 10
	longestReason     = 300
	longestRetryAfter = 300 * time.Second
)

// httpAPI posts events to the HTTP API over one connection. It follows no redirect: the API key is for this
// server alone.
type httpAPI struct {
	client  *http.Client
	address string
	token   func() (secret, error)
	renew   func() bool // reads the key's file again, and reports whether it has another key
	timeout time.Duration
}

// httpAnswer is why the server did not take the events of a request.
type httpAnswer struct {
	reason     string
	final      bool
	index      int // of the one event that it refuses; -1 if it does not say
	retryAfter time.Duration
}

func (a *httpAnswer) Error() string { return a.reason }

func newHTTPAPI(s *settings, log *limitedLog) *httpAPI {
	// checkHTTP has read the file; without authorities, should it be gone, no server is trusted.
	trusted, err := authorities(s.text(settingHTTPCALocation))
	if err != nil {
		trusted = x509.NewCertPool()
	}
	a := &httpAPI{
		client:  newHTTPClient(trusted, 1),
		address: strings.TrimRight(s.text(settingHTTPURL), "/") + encodedPath,
		timeout: min(longestRequest, s.milliseconds(settingDeliveryTimeoutMs)),
		renew:   func() bool { return false },
	}
	if s.tokenFile == nil {
		token, _ := s.values[settingHTTPToken].(secret)
		a.token = func() (secret, error) { return token, nil }
		return a
	}
	a.token = s.tokenFile.lastRead
	a.renew = func() bool {
		before, err := s.tokenFile.lastRead()
		latest, readErr := s.tokenFile.latest()
		if readErr != nil {
			log.write(slog.LevelWarn, "http_token_file", fmt.Sprintf("the file of the API key cannot be read: %v", readErr))
			return false
		}
		return err != nil || before.reveal() != latest.reveal()
	}
	return a
}

// newHTTPClient returns a client that trusts these authorities, nil for the system's. It uses no proxy and
// follows no redirect.
func newHTTPClient(trusted *x509.CertPool, connections int) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost, transport.Proxy = connections, nil
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (a *httpAPI) close() { a.client.CloseIdleConnections() }

// post returns nil once the server has all events, else why not.
func (a *httpAPI) post(ctx context.Context, events [][]byte) *httpAnswer {
	answer, refused := a.try(ctx, events)
	if refused && a.renew() {
		answer, _ = a.try(ctx, events)
	}
	return answer
}

// try reports as well whether the server refused the API key.
func (a *httpAPI) try(ctx context.Context, events [][]byte) (answer *httpAnswer, refused bool) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	token, err := a.token()
	if err == nil && !apiKey.MatchString(token.reveal()) {
		err = errors.New("the file does not contain an API key")
	}
	if err != nil {
		return &httpAnswer{reason: err.Error(), index: -1}, false
	}
	status, header, text, err := a.exchange(ctx, token, bytes.Join(events, []byte("\n")))
	if err != nil {
		return &httpAnswer{reason: hideToken(err.Error(), token), index: -1}, false
	}
	return readAnswer(status, header, text, token, len(events)), status == http.StatusUnauthorized
}

func (a *httpAPI) exchange(ctx context.Context, token secret, body []byte) (int, http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.address, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	request.Header.Set("Authorization", "Bearer "+token.reveal())
	request.Header.Set("User-Agent", clientName)
	// An event counts once however often it is sent, so net/http may send it again where the server has
	// closed an idle connection.
	request.Header["Idempotency-Key"] = nil
	response, err := a.client.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, longestAnswer))
	return response.StatusCode, response.Header, text, err
}

func readAnswer(status int, header http.Header, text []byte, token secret, events int) *httpAnswer {
	var document struct {
		Events *int `json:"events"`
		Error  struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			Index   *int   `json:"index"`
		} `json:"error"`
	}
	malformed := json.Unmarshal(text, &document) != nil
	if status == http.StatusOK && !malformed && document.Events != nil && *document.Events == events {
		return nil
	}
	answer := &httpAnswer{reason: fmt.Sprintf("HTTP %d", status), index: -1, final: spool.IsFinalStatus(status)}
	if status == http.StatusOK {
		answer.reason += ", but not by the API"
		return answer
	}
	if found := &document.Error; !malformed && found.Code != "" {
		answer.reason = fmt.Sprintf("HTTP %d %s: %s", status, found.Code, found.Message)
		if found.Index != nil && 0 <= *found.Index && *found.Index < events {
			answer.index = *found.Index
		}
	}
	if len(answer.reason) > longestReason {
		answer.reason = strings.ToValidUTF8(answer.reason[:longestReason], "")
	}
	answer.reason = hideToken(answer.reason, token)
	seconds, err := strconv.ParseUint(strings.TrimSpace(header.Get("Retry-After")), 10, 16)
	if err == nil {
		answer.retryAfter = min(longestRetryAfter, time.Duration(seconds)*time.Second)
	}
	return answer
}

func hideToken(text string, token secret) string {
	return strings.ReplaceAll(text, token.reveal(), hiddenSecret)
}

// deliver posts events and reports the outcome of each to settled, by its place, until one attempt fails
// that can pass. It then returns why, and the events that are left have no outcome yet.
func (a *httpAPI) deliver(ctx context.Context, events [][]byte, settled func(place int, err error)) *httpAnswer {
	for from := 0; from < len(events); {
		to := requestEnd(events, from)
		if answer := a.deliverRequest(ctx, events[from:to], func(i int, err error) { settled(from+i, err) }); answer != nil {
			return answer
		}
		from = to
	}
	return nil
}

// requestEnd returns where a request ends that begins at an event.
func requestEnd(events [][]byte, from int) int {
	size, to := len(events[from]), from+1
	for to < len(events) && to-from < encode.BatchMaxEvents && size+1+len(events[to]) <= encode.BatchMaxBytes {
		size += 1 + len(events[to])
		to++
	}
	return to
}

func (a *httpAPI) deliverRequest(ctx context.Context, events [][]byte, settled func(int, error)) *httpAnswer {
	places := make([]int, len(events))
	for i := range places {
		places[i] = i
	}
	for len(events) > 0 {
		answer := a.post(ctx, events)
		switch {
		case answer == nil:
			for _, place := range places {
				settled(place, nil)
			}
			return nil
		case !answer.final:
			return answer
		case len(events) == 1:
			settled(places[0], answer)
			return nil
		case answer.index < 0: // halves, until the one that is refused is found
			half := len(events) / 2
			if first := a.deliverRequest(ctx, events[:half], func(i int, err error) { settled(places[i], err) }); first != nil {
				return first
			}
			events, places = events[half:], places[half:]
		default:
			settled(places[answer.index], answer)
			events, places = without(events, answer.index), without(places, answer.index)
		}
	}
	return nil
}

func without[T any](items []T, i int) []T {
	return append(items[:i:i], items[i+1:]...)
}
