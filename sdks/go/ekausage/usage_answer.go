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
	redirected   = "it redirects, and the key is for this server alone: use the address it redirects to"
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

// read returns the document of an answer, which has what is expected, "id" or "ids"; an error if it is an
// error, events were left out, or it is not of the API.
func (a *usageAnswer) read(expected string) (map[string]any, error) {
	var document map[string]any
	malformed := json.Unmarshal(a.body, &document) != nil || document == nil
	if a.status >= http.StatusBadRequest {
		return nil, a.refusal(document)
	}
	if a.status >= http.StatusMultipleChoices {
		return nil, &UsageError{Status: a.status, message: fmt.Sprintf("ekausage: HTTP %d: %s", a.status, redirected)}
	}
	if malformed || a.status < http.StatusOK {
		return nil, a.notOfTheAPI()
	}
	for _, name := range []string{"rejected", "quarantined"} {
		if details := problemsOf(document[name]); len(details) > 0 {
			text := fmt.Sprintf("ekausage: %d events are %s", len(details), name)
			return nil, &UsageError{Status: a.status, Details: details, message: text}
		}
	}
	_, isID := document["id"].(string)
	_, areIDs := document["ids"].([]any)
	if expected == "id" && !isID || expected == "ids" && !areIDs {
		return nil, a.notOfTheAPI()
	}
	return document, nil
}

func (a *usageAnswer) notOfTheAPI() *UsageError {
	text := fmt.Sprintf("ekausage: HTTP %d: the answer is not the API's", a.status)
	return &UsageError{Status: a.status, message: text}
}

func (a *usageAnswer) refusal(document map[string]any) *UsageError {
	found, _ := document["error"].(map[string]any)
	err := &UsageError{Status: a.status, Details: problemsOf(found["details"])}
	err.message = fmt.Sprintf("ekausage: HTTP %d", a.status)
	if err.Code, _ = found["code"].(string); err.Code != "" {
		err.message += fmt.Sprintf(" %s: %v", err.Code, found["message"])
	}
	if err.Details == nil && found != nil {
		err.Details = []map[string]any{found}
	}
	return err
}

// problemsOf returns what is wrong with events, in whatever form it is answered.
func problemsOf(value any) (problems []map[string]any) {
	items, ok := value.([]any)
	if !ok && value != nil && value != false && value != "" && value != 0.0 {
		items = []any{value}
	}
	for _, item := range items {
		problem, ok := item.(map[string]any)
		if !ok {
			problem = map[string]any{"message": item}
		}
		problems = append(problems, problem)
	}
	return problems
}
