// The program sends amounts through billing-client, unchanged, as a service does that has it.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	billing "github.com/weaveworks/billing-client"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run sends so many reports of two amounts each to the address.
func run(address, reports string) error {
	count, err := strconv.Atoi(reports)
	if err != nil {
		return err
	}
	billing.MustRegisterMetrics()
	client, err := billing.NewClient(billing.Config{
		MaxBufferedEvents: 1024,
		RetryDelay:        10 * time.Millisecond,
		IngesterHostPort:  address,
	})
	if err != nil {
		return err
	}
	for report := range count {
		err := client.AddAmounts(
			fmt.Sprintf("report-%d", report),
			"1234",
			time.Now(),
			billing.Amounts{billing.ContainerSeconds: 1200, billing.NodeSeconds: 60, billing.Samples: 0},
			map[string]string{"cluster": "c-1"},
		)
		if err != nil {
			return err
		}
	}
	// Close gives up what could not be written at once, also because there is no connection yet.
	for written() < 2*count {
		time.Sleep(time.Millisecond)
	}
	return client.Close()
}

// written returns how many amounts the client has written.
func written() int {
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		panic(err)
	}
	total := 0.0
	for _, family := range families {
		if family.GetName() != "billing_client_events_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetValue() == "success" {
					total += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return int(total)
}
