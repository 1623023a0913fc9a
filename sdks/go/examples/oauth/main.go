// Command oauth records one event by OAUTHBEARER, with a token from the file that TOKEN_FILE names. In place
// of a file, a service asks its identity provider. The other settings are variables, among them
// EKA_KAFKA_SECURITY_PROTOCOL=SASL_SSL.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/oauth"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
)

// token is called for each connection.
func token(context.Context) (oauth.Auth, error) {
	text, err := os.ReadFile(os.Getenv("TOKEN_FILE"))
	return oauth.Auth{Token: strings.TrimSpace(string(text))}, err
}

func main() {
	client, err := ekausage.New("go-oauth", ekausage.WithKafkaOptions(kgo.SASL(oauth.Oauth(token))))
	if err != nil {
		log.Fatal(err)
	}
	eventID, err := client.RecordMetric("workspace-1", ekausage.MetricAPIAPICall, 1)
	if err != nil {
		log.Fatal(err)
	}
	client.Shutdown()
	fmt.Println(eventID, client.Stats().Delivered)
}
