package ekausage_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestWrongCalls expects each commented line of testdata/wrong to fail with the error in its comment, and
// no other line to fail.
func TestWrongCalls(t *testing.T) {
	const file = "testdata/wrong/metric.go"
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	expected := map[int]string{}
	for i, line := range strings.Split(string(source), "\n") {
		if _, comment, found := strings.Cut(line, " // "); found {
			expected[i+1] = comment
		}
	}
	if len(expected) == 0 {
		t.Fatal("nothing is expected to fail")
	}
	output, err := exec.Command("go", "build", "-gcflags=-e", "./testdata/wrong").CombinedOutput()
	if err == nil {
		t.Fatal("it compiles")
	}
	for _, match := range regexp.MustCompile(`metric\.go:(\d+):\d+: (.*)`).FindAllStringSubmatch(string(output), -1) {
		line, _ := strconv.Atoi(match[1])
		if want, known := expected[line]; !known || !strings.Contains(match[2], want) {
			t.Errorf("line %d: %s, want %q", line, match[2], want)
		}
		delete(expected, line)
	}
	for line, want := range expected {
		t.Errorf("line %d compiles, want %q", line, want)
	}
}
