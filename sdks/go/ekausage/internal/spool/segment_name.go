package spool

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
)

const (
	kindEvents = "events"
	kindDead   = "dead"
	// unowned is the owner of a segment that may be adopted at once.
	unowned = "00000000000000000000000000000000"
)

// segmentName is the name of a segment's file, taken apart.
type segmentName struct {
	kind, origin     string
	firstSeq, number uint64
	owner            string
}

var segmentNamePattern = regexp.MustCompile(
	`^(events|dead)-([0-9a-f]{32})-([0-9]{20})-([0-9]{6,})\.([0-9a-f]{32})$`)

// parseSegmentName reports false if a file is not a segment.
func parseSegmentName(file string) (segmentName, bool) {
	parts := segmentNamePattern.FindStringSubmatch(file)
	if parts == nil {
		return segmentName{}, false
	}
	firstSeq, firstSeqErr := strconv.ParseUint(parts[3], 10, 64)
	number, numberErr := strconv.ParseUint(parts[4], 10, 64)
	if firstSeqErr != nil || numberErr != nil {
		return segmentName{}, false
	}
	return segmentName{parts[1], parts[2], firstSeq, number, parts[5]}, true
}

func (n segmentName) String() string {
	return fmt.Sprintf("%s-%s-%020d-%06d.%s", n.kind, n.origin, n.firstSeq, n.number, n.owner)
}

// compareSegmentNames sorts the segments of an origin in the order in which they were begun.
func compareSegmentNames(a, b segmentName) int {
	return cmp.Or(
		cmp.Compare(a.origin, b.origin),
		cmp.Compare(a.firstSeq, b.firstSeq),
		cmp.Compare(a.number, b.number),
	)
}
