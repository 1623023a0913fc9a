package ekausage

import (
	"crypto/sha256"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

const (
	transportHTTP   = "http"
	unreadableToken = "a file that contains the API key: "
	tokenInClear    = "the API key is sent in the clear: the address of the HTTP API is http; use https, unless a " +
		"proxy encrypts"
)

// apiKey is what an HTTP header can have.
var apiKey = regexp.MustCompile(`^[\x21-\x7e]+$`)

// usesHTTP reports whether events go to the HTTP API instead of to Kafka.
func (s *settings) usesHTTP() bool { return s.text(settingTransport) == transportHTTP }

// checkHTTP returns an error if the address of the HTTP API or the API key is missing, or if one of its settings
// cannot be used.
func (s *settings) checkHTTP() error {
	for _, row := range []int{settingHTTPURL, settingHTTPToken} {
		if s.values[row] == nil && (row == settingHTTPURL || s.tokenFile == nil) {
			err := missing(&settingTable[row])
			err.message += ", as the transport is http"
			return err
		}
	}
	if address := s.text(settingHTTPURL); !isHTTPURL(address) {
		if strings.Contains(address, "@") {
			s.values[settingHTTPURL] = "" // it may have a password
		}
		return s.misconfigured(settingHTTPURL,
			"an address http://host or https://host, without a user, a query or a fragment")
	}
	token, given := s.values[settingHTTPToken].(secret)
	switch {
	case s.tokenFile != nil && given:
		return s.misconfigured(settingHTTPTokenFile, "no file, as there is "+s.names[settingHTTPToken])
	case s.tokenFile != nil:
		read, err := s.tokenFile.read()
		if err != nil {
			return s.misconfigured(settingHTTPTokenFile, unreadableToken+err.Error())
		}
		if !apiKey.MatchString(read.reveal()) {
			return s.misconfigured(settingHTTPTokenFile, unreadableToken+"it is not one")
		}
	case !apiKey.MatchString(token.reveal()):
		return s.misconfigured(settingHTTPToken, "an API key")
	}
	if _, err := authorities(s.text(settingHTTPCALocation)); err != nil {
		return s.misconfigured(settingHTTPCALocation, readableAuthorities)
	}
	return nil
}

func isHTTPURL(text string) bool {
	address, err := url.Parse(text)
	return err == nil && (address.Scheme == "http" || address.Scheme == "https") && address.Hostname() != "" &&
		address.User == nil && !strings.ContainsAny(text, "?#") && encode.IsText(text, 1, len(text)) &&
		apiKey.MatchString(text) && isPort(address.Port())
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && port != 0
}

// sendsTokenInClear reports whether anybody on the network can read the API key.
func (s *settings) sendsTokenInClear() bool {
	address, err := url.Parse(s.text(settingHTTPURL))
	if err != nil || address.Scheme == "https" {
		return false
	}
	host := address.Hostname()
	return host != "localhost" && host != "::1" && !strings.HasPrefix(host, "127.")
}

// httpDestination identifies the server of the HTTP API as the destination of a spool.
func httpDestination(address string) spool.Destination {
	sum := sha256.Sum256([]byte(UsageTopic + "\n" + strings.TrimRight(address, "/")))
	return spool.Destination(sum[:])
}
