package ekausage

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	limitedPause = 5 * time.Second
	mostLimited  = 3
)

var wholeSeconds = regexp.MustCompile(`^[0-9]{1,6}$`)

// A UsageError is returned by a UsageClient where the server refuses a request for good, or its arguments are
// invalid.
type UsageError struct {
	// Status is that of HTTP, 0 if nothing was sent or answered.
	Status int
	// Code is one of docs/errors.md, empty if there is none.
	Code string
	// Details are what is wrong with each event: index, field, code and message, as far as they are known.
	Details []map[string]any

	message string
}

// Error returns the message.
func (e *UsageError) Error() string { return e.message }

// usageProblem is an argument that is not sent; an index of -1 is none.
type usageProblem struct {
	field, text string
	index       int
}

func localUsageError(problems ...usageProblem) *UsageError {
	err := &UsageError{}
	for _, p := range problems {
		detail := map[string]any{"field": p.field, "message": p.text}
		if p.index >= 0 {
			detail["index"] = p.index
		}
		err.Details = append(err.Details, detail)
	}
	place := ""
	if problems[0].index >= 0 {
		place = fmt.Sprintf("event %d: ", problems[0].index)
	}
	err.message = fmt.Sprintf("ekausage: %sinvalid %s: %s", place, problems[0].field, problems[0].text)
	return err
}

// usageAnswer is an answer of the HTTP API, or why there is none.
type usageAnswer struct {
	status     int
	retryAfter string
	body       []byte
	reason     string
}

func (a *usageAnswer) String() string {
	if a.reason != "" {
		return a.reason
	}
	return fmt.Sprintf("HTTP %d", a.status)
}

// canPass reports whether another attempt may succeed.
func (a *usageAnswer) canPass() bool {
	return a.reason != "" || a.status == http.StatusTooManyRequests || a.status >= http.StatusInternalServerError
}

// usageAttempts counts the attempts of one request, besides those that are answered 429.
type usageAttempts struct{ most, failed, limited int }

// pause returns how long to wait before the next attempt, and reports whether there is one.
func (a *usageAttempts) pause(answer *usageAnswer) (time.Duration, bool) {
	if answer.status == http.StatusTooManyRequests {
		a.limited++
		pause := limitedPause
		if given := strings.TrimSpace(answer.retryAfter); wholeSeconds.MatchString(given) {
			seconds, _ := strconv.Atoi(given)
			pause = time.Duration(seconds) * time.Second
		}
		return pause, a.limited < mostLimited
	}
	a.limited = 0
	a.failed++
	return time.Second << min(a.failed-1, 20), a.failed < a.most
}

// read returns the document of an answer; an error if it is an error, events were left out, or it is not of
// the API.
func (a *usageAnswer) read() (map[string]any, error) {
	var document map[string]any
	malformed := json.Unmarshal(a.body, &document) != nil || document == nil
	if a.status >= http.StatusBadRequest {
		return nil, a.refusal(document)
	}
	if malformed || a.status < 200 || a.status >= 300 {
		text := fmt.Sprintf("ekausage: HTTP %d: the answer is not the API's", a.status)
		return nil, &UsageError{Status: a.status, message: text}
	}
	for _, name := range []string{"rejected", "quarantined"} {
		if details := objectsOf(document[name]); len(details) > 0 {
			text := fmt.Sprintf("ekausage: %d events are %s", len(details), name)
			return nil, &UsageError{Status: a.status, Details: details, message: text}
		}
	}
	return document, nil
}

func (a *usageAnswer) refusal(document map[string]any) *UsageError {
	found, _ := document["error"].(map[string]any)
	err := &UsageError{Status: a.status, Details: objectsOf(found["details"])}
	err.message = fmt.Sprintf("ekausage: HTTP %d", a.status)
	if err.Code, _ = found["code"].(string); err.Code != "" {
		err.message += fmt.Sprintf(" %s: %v", err.Code, found["message"])
	}
	if err.Details == nil && found != nil {
		err.Details = []map[string]any{found}
	}
	return err
}

func objectsOf(value any) (objects []map[string]any) {
	items, _ := value.([]any)
	for _, item := range items {
		object, ok := item.(map[string]any)
		if !ok {
			object = map[string]any{"message": item}
		}
		objects = append(objects, object)
	}
	return objects
}
