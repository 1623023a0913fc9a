package spool

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const fixtures = "../../../../../tests/spool/fixtures"

// go test ./ekausage/internal/spool -run Fixtures -update rewrites Go's segments.
var update = flag.Bool("update", false, "rewrite this language's fixtures")

const (
	fixtureOrigin  = "6d1e0f3a6d1e0f3a6d1e0f3a6d1e0f3a"
	fixtureAdopter = "0badcafe0badcafe0badcafe0badcafe"
)

// described is what a reader finds in a segment, in the form of expected.json.
type described struct {
	Header  *describedHeader `json:"header"`
	Events  [][2]string      `json:"events"`
	Damaged int              `json:"damaged"`
}

type describedHeader struct {
	Version     uint32 `json:"version"`
	Sound       bool   `json:"sound"`
	FirstSeq    uint64 `json:"first_seq"`
	CreatedAt   uint64 `json:"created_at"`
	Destination string `json:"destination"`
	InstanceID  string `json:"instance_id"`
	Heartbeat   uint64 `json:"heartbeat"`
	Acked       uint64 `json:"acked"`
	Closed      bool   `json:"closed"`
}

func describe(t *testing.T, file string, content []byte) described {
	t.Helper()
	n, ok := parseSegmentName(file)
	if !ok {
		t.Fatalf("%s is not a segment's name", file)
	}
	h := decodeHeader(content)
	records, damaged := readRecords(content[min(headerBytes, len(content)):], recordSalt(n.origin), headerBytes)
	found := described{Events: [][2]string{}, Damaged: damaged}
	for _, record := range unackedRecords(records, int64(h.ackedOffset)) {
		found.Events = append(found.Events, [2]string{string(record.Key), string(record.Event)})
	}
	if !h.blank {
		found.Header = &describedHeader{
			h.version, h.sound, h.firstSeq, h.createdAt, hex.EncodeToString(h.destination[:]),
			h.instanceID, h.heartbeat, h.ackedOffset, h.fenced,
		}
	}
	return found
}

func TestFixtures(t *testing.T) {
	t.Run("the segments of every language are read", func(t *testing.T) {
		languages, err := os.ReadDir(fixtures)
		if err != nil || len(languages) == 0 {
			t.Fatal("there are no fixtures", err)
		}
		for _, language := range languages {
			t.Run(language.Name(), func(t *testing.T) {
				folder := filepath.Join(fixtures, language.Name())
				text, err := os.ReadFile(filepath.Join(folder, "expected.json"))
				if err != nil {
					t.Fatal(err)
				}
				var expected map[string]described
				if err := json.Unmarshal(text, &expected); err != nil {
					t.Fatal(err)
				}
				for file, want := range expected {
					digits, err := os.ReadFile(filepath.Join(folder, file+".hex"))
					if err != nil {
						t.Fatal(err)
					}
					content, err := hex.DecodeString(strings.Join(strings.Fields(string(digits)), ""))
					if err != nil {
						t.Fatal(err)
					}
					if got := describe(t, file, content); !reflect.DeepEqual(got, want) {
						t.Errorf("%s\ngot  %+v %+v\nwant %+v %+v", file, got, got.Header, want, want.Header)
					}
				}
			})
		}
	})

	t.Run("the committed segments are what Go writes", func(t *testing.T) {
		folder := filepath.Join(fixtures, "go")
		made := map[string]string{}
		expected := map[string]described{}
		for file, content := range written(t) {
			var lines strings.Builder
			for line := range slices.Chunk([]byte(hex.EncodeToString(content)), 64) {
				lines.Write(append(line, '\n'))
			}
			made[file+".hex"] = lines.String()
			expected[file] = describe(t, file, content)
		}
		var text bytes.Buffer
		writer := json.NewEncoder(&text)
		writer.SetEscapeHTML(false)
		writer.SetIndent("", "  ")
		if err := writer.Encode(expected); err != nil {
			t.Fatal(err)
		}
		made["expected.json"] = text.String()
		for file, want := range made {
			path := filepath.Join(folder, file)
			if *update {
				if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != want {
				t.Errorf("%s is out of date: run with -update (%v)", file, err)
			}
		}
		if found, _ := os.ReadDir(folder); len(found) != len(made) {
			t.Errorf("there are %d files, want %d", len(found), len(made))
		}
	})
}

// written returns Go's segments by name: sound ones, and each kind of damage.
func written(t *testing.T) map[string][]byte {
	t.Helper()
	sound := fixture(t, version, 0)
	records, _ := readRecords(sound[headerBytes:], recordSalt(fixtureOrigin), headerBytes)
	torn := sound[:len(sound)-5]
	rotten, badHeader := bytes.Clone(sound), bytes.Clone(sound)
	rotten[records[1].start+20] ^= 4
	badHeader[20] ^= 1
	segments := map[string][]byte{}
	owners := []string{unowned, fixtureOrigin, fixtureAdopter}
	for i, content := range [][]byte{
		sound,
		fixture(t, version, records[0].end),
		fixture(t, version, records[0].end+1),
		torn,
		rotten,
		badHeader,
		fixture(t, version+1, 0),
		make([]byte, headerBytes),
		withGroup(fixture(t, version, 0)),
		withGroup(fixture(t, version, records[2].end)),
		withGroup(sound)[:len(sound)+100],
	} {
		n := segmentName{kindEvents, fixtureOrigin, 42, uint64(i + 1), owners[(i+1)%len(owners)]}
		segments[n.String()] = content
	}
	return segments
}

// withGroup returns a segment with a group of three events after its records.
func withGroup(content []byte) []byte {
	g := NewGroup(GroupSize(0, 0))
	for _, event := range [][2]string{
		{"ws-1", `{"event_id":"four","seq":45}`}, {"कार्य", `{"event_id":"five","seq":46}`}, {"ws-1", "{\"event_id\":\"\x1eEKA\",\"seq\":47}"},
	} {
		g.Add(event[0], func(b []byte) []byte { return append(b, event[1]...) })
	}
	return slices.Concat(content, g.encode(recordSalt(fixtureOrigin)).head)
}

// fixture returns a segment that was sealed and released, as a segment log writes it.
func fixture(t *testing.T, version uint32, acked int64) []byte {
	t.Helper()
	id, err := hex.DecodeString(fixtureOrigin)
	if err != nil {
		t.Fatal(err)
	}
	s := &segment{directory: opened(t, t.TempDir()), heartbeats: 6}
	s.directory.maxBytes = segmentBytes
	if s, err = s.directory.create(segmentName{kindEvents, fixtureOrigin, 42, 1, fixtureOrigin}); err != nil {
		t.Fatal(err)
	}
	s.heartbeats = 6
	h := header{
		version:     version,
		origin:      [16]byte(id),
		firstSeq:    42,
		createdAt:   1_769_851_800_123,
		destination: DestinationOf("eka.usage.events", []string{"Kafka-1:9092", "kafka-0"}),
		instanceID:  "0198f0c2-7d5e-7abc-8def-instance-1",
	}
	m, err := newMapping(s.file)
	if err != nil {
		t.Fatal(err)
	}
	end := int64(headerBytes)
	for _, event := range [][2]string{
		{"ws-1", `{"event_id":"one","workspace_id":"ws-1","seq":42}`},
		{"कार्य", `{"event_id":"two","metadata":"{\"é\":1}","seq":43}`},
		{"ws-1", "{\"event_id\":\"\x1eEKA\",\"seq\":44}"},
	} {
		key, value := []byte(event[0]), []byte(event[1])
		head := newRecordHead(recordSalt(fixtureOrigin), key, value)
		if err := m.write(end, head[:], key, value); err != nil {
			t.Fatal(err)
		}
		end += recordSize(key, value)
	}
	m.unmap()
	content, err := []byte(nil), s.writeHeader(&h)
	for _, step := range []func() error{
		func() error { return s.heartbeat() },
		func() error { return s.writeAckedOffset(acked) },
		func() error { return s.release(end) },
		func() error { content, err = s.directory.root.Load().ReadFile(s.name.String()); return err },
	} {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return content
}
