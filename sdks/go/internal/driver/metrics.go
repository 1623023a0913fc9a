package main

import (
	"bytes"

	"github.com/prometheus/common/expfmt"
)

// metrics returns the text of the client's metrics.
func (d *driver) metrics() (response, error) {
	families, err := d.registry.Gather()
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	encoder := expfmt.NewEncoder(&text, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return nil, err
		}
	}
	return response{"text": text.String()}, nil
}
