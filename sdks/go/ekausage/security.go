package ekausage

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const (
	readableAuthorities = "a readable PEM file of certificates"
	unreadablePassword  = "a file that contains the password: "
	passwordInClear     = "the password is sent in the clear: the security protocol is SASL_PLAINTEXT and the " +
		"mechanism PLAIN; use SASL_SSL, or a SCRAM mechanism"
)

// checkSecurity returns an error if a credential or a certificate is missing, or has no effect: without
// the protocol for it, everything would be sent in the clear.
func (s *settings) checkSecurity() error {
	protocol := s.text(settingKafkaSecurityProtocol)
	for row := range settingTable {
		if needed := settingTable[row].Protocol; s.given[row] && needed != "" && !strings.Contains(protocol, needed) {
			return s.withoutEffect(row, needed, protocol)
		}
	}
	if !strings.HasPrefix(protocol, "SASL") || hasSASL(s.kafka) {
		return nil
	}
	for _, row := range []int{settingKafkaSASLMechanism, settingKafkaSASLUsername} {
		if s.text(row) == "" {
			return s.misconfigured(row, "a value, since the security protocol uses SASL")
		}
	}
	return s.checkPassword()
}

func (s *settings) checkPassword() error {
	_, given := s.values[settingKafkaSASLPassword].(secret)
	if s.passwordFile == nil {
		if !given {
			return s.misconfigured(settingKafkaSASLPassword, "a value, since the security protocol uses SASL")
		}
		return nil
	}
	if given {
		return s.misconfigured(settingKafkaSASLPasswordFile, "no file, as there is "+s.names[settingKafkaSASLPassword])
	}
	if _, err := s.passwordFile.read(); err != nil {
		return s.misconfigured(settingKafkaSASLPasswordFile, unreadablePassword+err.Error())
	}
	return nil
}

func (s *settings) withoutEffect(row int, needed, protocol string) error {
	choice := &settingTable[settingKafkaSecurityProtocol]
	var usable []string
	for _, name := range choice.Choices {
		if strings.Contains(name, needed) {
			usable = append(usable, name)
		}
	}
	return s.misconfigured(row, fmt.Sprintf("%s or %s to be %s, as %s does not use it",
		choice.Option, choice.Variable, strings.Join(usable, " or "), protocol))
}

// sendsInClear returns what to warn of if anybody on the network can read a credential; "" if nobody can.
func (s *settings) sendsInClear() string {
	switch {
	case s.usesHTTP() && s.sendsTokenInClear():
		return tokenInClear
	case !s.usesHTTP() && s.sendsPasswordInClear():
		return passwordInClear
	}
	return ""
}

// sendsPasswordInClear reports whether anybody on the network can read the password.
func (s *settings) sendsPasswordInClear() bool {
	return s.text(settingKafkaSecurityProtocol) == "SASL_PLAINTEXT" &&
		s.text(settingKafkaSASLMechanism) == "PLAIN" && !hasSASL(s.kafka)
}

// hasSASL reports whether options of the caller's authenticate, by a mechanism that may need other things.
func hasSASL(options []kgo.Opt) bool {
	if len(options) == 0 {
		return false
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return false // reported when the client itself is created
	}
	defer client.Close()
	mechanisms, _ := client.OptValue(kgo.SASL).([]sasl.Mechanism)
	return len(mechanisms) > 0
}

func securityOptions(s *settings, log kgo.Logger) ([]kgo.Opt, error) {
	if err := s.checkSecurity(); err != nil {
		return nil, err
	}
	var options []kgo.Opt
	protocol := s.text(settingKafkaSecurityProtocol)
	if strings.HasSuffix(protocol, "SSL") {
		config, err := tlsConfig(s)
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.DialTLSConfig(config))
	}
	if strings.HasPrefix(protocol, "SASL") && !hasSASL(s.kafka) {
		options = append(options, kgo.SASL(saslMechanism(s, log)))
	}
	return options, nil
}

func tlsConfig(s *settings) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if config.Certificates, err = clientCertificates(s); err != nil {
		return nil, err
	}
	if config.RootCAs, err = authorities(s.text(settingKafkaSSLCALocation)); err != nil {
		return nil, s.misconfigured(settingKafkaSSLCALocation, readableAuthorities)
	}
	return config, nil
}

// authorities returns the certificate authorities of a PEM file, nil where there is no file: the system's.
func authorities(location string) (*x509.CertPool, error) {
	if location == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(location)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("it has no certificate")
	}
	return pool, nil
}

// clientCertificates returns the certificate for mutual TLS; none where none is configured.
func clientCertificates(s *settings) ([]tls.Certificate, error) {
	certificate, key := s.text(settingKafkaSSLCertificateLocation), s.text(settingKafkaSSLKeyLocation)
	switch {
	case certificate == "" && key == "":
		return nil, nil
	case certificate == "":
		return nil, s.misconfigured(settingKafkaSSLCertificateLocation, "a PEM file, since there is a key")
	case key == "":
		return nil, s.misconfigured(settingKafkaSSLKeyLocation, "a PEM file, since there is a certificate")
	}
	if _, err := os.ReadFile(key); err != nil {
		return nil, s.misconfigured(settingKafkaSSLKeyLocation, "a readable PEM file of a private key")
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		expected := fmt.Sprintf("a readable PEM file of the certificate of the key in %s: %v", key, err)
		return nil, s.misconfigured(settingKafkaSSLCertificateLocation, expected)
	}
	return []tls.Certificate{pair}, nil
}

// saslMechanism authenticates by the settings. It reads a password file for each connection, so that a
// password which was rotated is used as soon as a broker refuses the one before.
func saslMechanism(s *settings, log kgo.Logger) sasl.Mechanism {
	user := s.text(settingKafkaSASLUsername)
	password := func() (string, error) {
		if s.passwordFile == nil {
			return s.values[settingKafkaSASLPassword].(secret).reveal(), nil
		}
		latest, err := s.passwordFile.latest()
		if latest.reveal == nil {
			return "", err
		}
		if err != nil {
			log.Log(kgo.LogLevelWarn, "the password file cannot be read", "error", err)
		}
		return latest.reveal(), nil
	}
	scrammed := func(context.Context) (scram.Auth, error) {
		text, err := password()
		return scram.Auth{User: user, Pass: text}, err
	}
	switch s.text(settingKafkaSASLMechanism) {
	case "SCRAM-SHA-256":
		return scram.Sha256(scrammed)
	case "SCRAM-SHA-512":
		return scram.Sha512(scrammed)
	default:
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			text, err := password()
			return plain.Auth{User: user, Pass: text}, err
		})
	}
}
