package encode

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	longestDescription = 80
	mostListed         = 12
)

// DescribeValue returns a value as an error message shows it: short, on one line, and never failing.
func DescribeValue(value any) string {
	switch value := value.(type) {
	case nil:
		return "nil"
	case string:
		return describeText(value)
	case bool:
		return strconv.FormatBool(value)
	}
	switch v := reflect.ValueOf(value); {
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10)
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	}
	return fmt.Sprintf("of type %T", value)
}

func describeText(text string) string {
	cut := beginning(text, longestDescription)
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(cut)
	if len(cut) < len(text) {
		return `"` + Printable(quoted) + `"…`
	}
	return `"` + Printable(quoted) + `"`
}

// Printable returns foreign text without what could forge a line, hide or reorder text in an output.
func Printable(text string) string {
	if strings.IndexFunc(text, isHidden) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case isHidden(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], replacement):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isHidden reports whether a character is a control, a C1 control, a line separator, or changes the
// direction of text.
func isHidden(r rune) bool {
	switch {
	case r < ' ', 0x7f <= r && r <= 0x9f, 0x2028 <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069:
		return true
	}
	return r == 0x061c || r == 0x200e || r == 0x200f
}

// Suggest returns `did you mean "api_call"?` if a name is close, and otherwise what is allowed.
func Suggest(given string, allowed []string) string {
	if best := closest(given, allowed); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	listed := make([]string, 0, mostListed)
	for _, name := range allowed[:min(len(allowed), mostListed)] {
		listed = append(listed, strconv.Quote(name))
	}
	text := "expected one of " + strings.Join(listed, ", ")
	if more := len(allowed) - mostListed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// closest returns the name that takes the fewest edits to reach, or "" if all take too many.
func closest(given string, allowed []string) string {
	given = strings.ToLower(given[:min(len(given), longestDescription)])
	best, fewest := "", len(given)/3+1
	for _, name := range allowed {
		if edits := distance(given, name); edits <= fewest && edits < len(name) {
			best, fewest = name, edits-1
		}
	}
	return best
}

// distance counts the letters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			edits := diagonal
			if a[i] != b[j] {
				edits = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], edits
		}
	}
	return row[len(b)]
}
