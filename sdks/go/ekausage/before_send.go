package ekausage

import (
	"fmt"
	"maps"
)

// beforeSendFailed is the key of metadata that WithBeforeSend's function did not return.
const beforeSendFailed = "_before_send_failed"

// filter adds the span of a call to its metadata, passes that through the caller's function, and returns what was lost by that; "" if
// nothing was. The function decides what may leave the process: if it fails, nothing does.
func (i *instance) filter(call *call) (lost string) {
	i.addTrace(call)
	if i.beforeSend == nil {
		return ""
	}
	given := maps.Clone(call.Metadata)
	if given == nil {
		given = map[string]any{}
	}
	defer func() {
		if raised := recover(); raised != nil {
			call.Metadata, call.AnyMetadata = map[string]any{beforeSendFailed: true}, true
			// Its text may have what must not leave the process.
			lost = fmt.Sprintf("it was dropped, as the function of WithBeforeSend panicked with %T", raised)
		}
	}()
	call.Metadata = i.beforeSend(given)
	return ""
}

// joined returns what was lost of the metadata in two steps.
func joined(first, second string) string {
	if first == "" || second == "" {
		return first + second
	}
	return first + "; " + second
}
