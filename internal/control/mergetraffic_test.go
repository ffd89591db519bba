package control

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/wire"
)

// TestMergeTraffic: records come in one order as long as it is sure that nothing is between them, and what is not taken is not lost.
func TestMergeTraffic(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	part := func(log string, before uint64, reached int, seconds ...int) *trafficPart {
		p := &trafficPart{Traffic: wire.Traffic{Log: log, Before: before}}
		if before > 0 {
			p.Reached = at(reached)
		}
		for i, s := range seconds {
			p.Records = append(p.Records, wire.TrafficRecord{Place: uint64(100 - i), Log: log, Record: wire.Record{Time: at(s), Request: log}})
		}
		return p
	}
	broken := part("c", 9, 99, 98)
	broken.err = errors.New("away")
	tests := []struct {
		name  string
		parts []*trafficPart
		limit int
		want  string            // of which log, in order
		next  map[string]uint64 // where they go on
	}{
		{"nobody", nil, 10, "", map[string]uint64{}},
		{"one", []*trafficPart{part("a", 0, 0, 9, 8, 7)}, 10, "aaa", map[string]uint64{"a": 0}},
		{"one, cut", []*trafficPart{part("a", 0, 0, 9, 8, 7)}, 2, "aa", map[string]uint64{"a": 99}},
		{"two", []*trafficPart{part("a", 0, 0, 9, 7, 5), part("b", 0, 0, 8, 6)}, 10, "ababa", map[string]uint64{"a": 0, "b": 0}},
		{"two, cut", []*trafficPart{part("a", 0, 0, 9, 7, 5), part("b", 0, 0, 8, 6)}, 3, "aba", map[string]uint64{"a": 99, "b": 100}},
		{"one has more, newer than the other's", []*trafficPart{part("a", 50, 6, 9, 7), part("b", 0, 0, 8, 5)}, 10, "aba", map[string]uint64{"a": 50, "b": 100}},
		{"one searches on", []*trafficPart{part("a", 50, 3), part("b", 0, 0, 8, 5, 2)}, 10, "bb", map[string]uint64{"a": 50, "b": 99}},
		{"both search on", []*trafficPart{part("a", 50, 3), part("b", 70, 9)}, 10, "", map[string]uint64{"a": 50, "b": 70}},
		{"a clock that jumped", []*trafficPart{part("a", 0, 0, 9, 99, 5), part("b", 0, 0, 8)}, 10, "aaba", map[string]uint64{"a": 0, "b": 0}},
		{"one is away", []*trafficPart{part("a", 0, 0, 9), broken}, 10, "a", map[string]uint64{"a": 0}},
	}
	for _, test := range tests {
		got := ""
		for _, r := range mergeTraffic(test.parts, test.limit) {
			got += r.Log
		}
		next := map[string]uint64{}
		for _, p := range test.parts {
			if p.err == nil {
				next[p.Log] = p.position()
			}
		}
		if got != test.want || !cmp.Equal(next, test.next) {
			t.Errorf("%s: %q, then %v; want %q, then %v", test.name, got, next, test.want, test.next)
		}
	}
}
