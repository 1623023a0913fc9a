package ekausage

// Void takes back one event, by the id that Record returned: usage and invoices leave it out, and both stay
// for the audit. The reason is required. It returns the id of the void, which is an event of its own; voided
// itself, the first event counts again.
func (c *Client) Void(workspaceID string, metric Metric, eventID, reason string) (voidID string, err error) {
	c = c.present()
	void := call{WorkspaceID: workspaceID, ByMetric: true, Metric: uint32(metric)}
	if bound := c.defaults; bound != nil {
		if workspaceID == "" {
			void.WorkspaceID = bound.WorkspaceID
		}
		void.ServiceName, void.Trace = bound.ServiceName, bound.Trace
	}
	i := c.instance.Load()
	if rejection := void.MakeVoid(eventID, reason); rejection != nil {
		return "", i.outcomes.rejected(&void, invalid(rejection))
	}
	return i.record(&void)
}

// NewEventID returns a new event id, for events that refer to each other by their ids.
func (c *Client) NewEventID() string { return c.present().instance.Load().encoder.NewEventID() }
