package match

import (
	"slices"
	"testing"
)

// TestSuffixes: their order is the same whatever the order of the entries, and only DNS suffixes count.
func TestSuffixes(t *testing.T) {
	var entries []Entry
	for _, e := range []struct {
		destination, owner string
		broad              bool
	}{
		{".quick.eu.corp.example", "q", true}, {".corp.example", "q", true}, {".b.example", "a", false}, {".eu.corp.example", "a", false},
		{".corp.example", "b", false}, {"*.wild.example", "a", false}, {"host.example", "a", false}, {"10.0.0.0/8", "a", false}, {".a.example", "b", false},
	} {
		s, _, err := ParseSegment(e.destination, "22", "tcp")
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, Entry{Segment: s, Owner: e.owner, Broad: e.broad})
	}
	for owner, want := range map[string][]string{
		"":  {"eu.corp.example", "a.example", "b.example", "corp.example", "quick.eu.corp.example"},
		"b": {"a.example", "corp.example"},
		"c": nil,
	} {
		if got := NewTable(entries).Suffixes(owner); !slices.Equal(got, want) {
			t.Errorf("of %q: %q, want %q", owner, got, want)
		}
		slices.Reverse(entries)
	}
}
