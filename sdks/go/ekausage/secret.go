package ekausage

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"unicode/utf8"
)

// A secret is a text that no format verb, encoder or debugger of values shows. It is held by a function,
// since fmt prints the fields of a struct without calling the methods of their types.
type secret struct{ reveal func() string }

func newSecret(text string) secret { return secret{func() string { return text }} }

const hiddenSecret = "***"

// Format prints a secret as ***, by every verb.
func (secret) Format(state fmt.State, _ rune) { _, _ = fmt.Fprint(state, hiddenSecret) }

// MarshalText encodes a secret as ***.
func (secret) MarshalText() ([]byte, error) { return []byte(hiddenSecret), nil }

// A passwordFile contains a password, and may be replaced by one with another. Its path is fixed.
type passwordFile struct {
	path string
	mu   sync.Mutex
	last *secret
}

// read returns the password that the file contains, without the end of its line.
func (f *passwordFile) read() (secret, error) {
	content, err := os.ReadFile(f.path)
	if err != nil {
		return secret{}, err
	}
	text := strings.TrimRight(string(content), "\r\n")
	if text == "" || !utf8.ValidString(text) {
		return secret{}, errors.New("it is empty or not UTF-8")
	}
	password := newSecret(text)
	f.mu.Lock()
	f.last = &password
	f.mu.Unlock()
	return password, nil
}

// lastRead returns the password that was read last, and reads it if none was.
func (f *passwordFile) lastRead() (secret, error) {
	f.mu.Lock()
	last := f.last
	f.mu.Unlock()
	if last != nil {
		return *last, nil
	}
	return f.read()
}

// latest returns the password, or the one before and an error if the file cannot be read just now.
func (f *passwordFile) latest() (secret, error) {
	password, err := f.read()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.last != nil {
		return *f.last, err
	}
	return password, err
}
