package ekausage

import (
	"sync"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
)

// noClient is what a nil *Client, and one that New has not returned, stands for: it accepts nothing.
var noClient = sync.OnceValue(func() *Client {
	o := applyOptions([]Option{WithDisabled(true)})
	// No variable of the environment is read, so that nothing can be wrong with it.
	s, err := resolveSettings(o, func(string) string { return "" }, false)
	if err != nil {
		panic(err)
	}
	c := &Client{core: &core{disabled: true}}
	c.origin = c
	c.newInstance = func() (*instance, error) { return newInstance("none", "none", s, o) }
	c.sessions.now, c.sessions.monotonic = o.clocks()
	i, err := c.newInstance()
	if err != nil {
		panic(err)
	}
	i.outbox.missing = true
	i.outbox.closed.Store(true)
	c.instance.Store(i)
	return c
})

// present returns the client itself, if New or Bind has returned it.
func (c *Client) present() *Client {
	if c == nil || c.core == nil {
		return noClient()
	}
	return c
}

// missingError returns the error of each call of a client that is not there.
func missingError() *Error {
	return newError(encode.Rejection{
		Code: string(CodeConfigInvalid), Parameter: "Client", Given: "nil",
		Hint: "the one that New returned; handle the error that it returned in its place",
	})
}
