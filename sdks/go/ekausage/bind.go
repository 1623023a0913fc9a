package ekausage

import (
	"maps"
	"slices"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
)

// Bind returns a client whose calls have this workspace, and what the options set, unless they give it
// themselves; an empty workspace binds none. Metadata is merged, and a call's own keys win. Options that
// set the status, the unit cost, the event id or the time have no effect.
//
// The client shares everything else with the one that it is made from: queue, spool, counters, Shutdown.
// It costs nothing to make, so that a request or a job may have its own.
func (c *Client) Bind(workspaceID string, opts ...RecordOption) *Client {
	c = c.present()
	given := call{WorkspaceID: workspaceID}
	applyTo(&given, opts)
	c.fill(&given)
	given.Metadata = maps.Clone(given.Metadata)
	return &Client{core: c.core, defaults: &given}
}

// fill adds what the client is bound to, as far as a call does not give it.
func (c *Client) fill(call *call) {
	bound := c.defaults
	if bound == nil {
		return
	}
	if call.WorkspaceID == "" {
		call.WorkspaceID = bound.WorkspaceID
	}
	if call.ServiceName == "" {
		call.ServiceName = bound.ServiceName
	}
	if call.Trace == (encode.Trace{}) {
		call.Trace = bound.Trace
	}
	if len(bound.Metadata) > 0 {
		merged := maps.Clone(bound.Metadata)
		maps.Copy(merged, call.Metadata)
		call.Metadata = merged
	}
	if len(bound.Fields) == 0 {
		return
	}
	call.Fields = slices.Clone(call.Fields)
	for _, field := range bound.Fields {
		if !slices.ContainsFunc(call.Fields, func(own encode.FieldValue) bool { return own.Field == field.Field }) {
			call.SetField(field.Field, field.Value)
		}
	}
}
