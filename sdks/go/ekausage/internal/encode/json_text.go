package encode

import "unicode/utf8"

const (
	hexDigits   = "0123456789abcdef"
	replacement = "\uFFFD"
)

// isPlain reports whether a string needs no change in JSON: it is ASCII with nothing to escape.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// escaped returns a string as it stands between the quotes of a JSON string.
func escaped(text string) string {
	if isPlain(text) {
		return text
	}
	return string(appendEscaped(nil, text))
}

// appendEscaped appends a string with the minimal escapes of RFC 8785; what is not valid UTF-8
// becomes U+FFFD.
func appendEscaped(b []byte, text string) []byte {
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c < ' ' || c == '"' || c == '\\' {
				b = append(b, text[start:i]...)
				b = appendEscape(b, c)
				start = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(b, text[start:i]...)
			b = append(b, replacement...)
			start = i + 1
		}
		i += size
	}
	return append(b, text[start:]...)
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\t':
		return append(b, '\\', 't')
	case '\n':
		return append(b, '\\', 'n')
	case '\f':
		return append(b, '\\', 'f')
	case '\r':
		return append(b, '\\', 'r')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xF])
}

// appendEscapedJSON is appendEscaped for text that is JSON already: its control characters are escaped
// and it is valid UTF-8.
func appendEscapedJSON(b, text []byte) []byte {
	start := 0
	for i, c := range text {
		if c == '"' || c == '\\' {
			b = append(b, text[start:i]...)
			b = append(b, '\\')
			start = i
		}
	}
	return append(b, text[start:]...)
}
