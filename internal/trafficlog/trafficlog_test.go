package trafficlog

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/wire"
)

// TestWhatIsRecordedIsFound: every field survives, in order, over a restart and however many segments there are.
func TestWhatIsRecordedIsFound(t *testing.T) {
	dir := t.TempDir()
	full := record(0)
	full.Via, full.Reason, full.Hop, full.Policy, full.Condition, full.BreakGlass = "gwy_2", "x", "backend", "pol_1", "network", "pol_2"
	full.Open, full.Count, full.ApplicationName, full.ConnectorName, full.ConnectorGroup, full.Destination = time.Second, 7, "Wiki", "site", "Default", "wiki.corp:443"
	full.Reports = []wire.PolicyReport{{Policy: "pol_3", Condition: "time"}, {Policy: "pol_4"}}
	small := func(c *Config) { c.Limits.Block, c.Limits.Segment = 2000, 4000 }
	l := start(t, dir, small)
	l.Record(full)
	l.add(1, 300)
	check := func(when string) {
		t.Helper()
		for _, limit := range []int{1, 7, 1000} {
			found := l.all(wire.TrafficFilter{}, limit)
			if len(found) != 300 {
				t.Fatalf("%s, in pages of %d: %d records", when, limit, len(found))
			}
			places(t, found)
			if diff := cmp.Diff(full, found[299].Record); diff != "" {
				t.Fatal(when, diff)
			}
			if diff := cmp.Diff(record(42), found[257].Record); diff != "" {
				t.Fatal(when, diff)
			}
		}
	}
	check("while it is written")
	if n := len(files(t, dir, "*.seg")); n < 3 {
		t.Errorf("%d segments", n)
	}
	id := l.ID()
	l.stop()
	l = start(t, dir, small)
	l.flush()
	check("after a restart")
	if l.ID() != id {
		t.Errorf("the log was %s and is %s", id, l.ID())
	}
	l.add(300, 301)
	if found := l.all(wire.TrafficFilter{}, 1000); len(found) != 301 || found[0].Place != 301 || found[300].Place != 1 {
		t.Errorf("%d records, from %d to %d", len(found), found[len(found)-1].Place, found[0].Place)
	}
	for _, path := range files(t, dir, "*") {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestFilters(t *testing.T) {
	l := start(t, t.TempDir(), func(c *Config) { c.Limits.Block = 3000 })
	odd := record(500)
	odd.Method, odd.Host, odd.Reason, odd.Hop, odd.Action, odd.Status, odd.Duration = "POST", "other.example.com", "connect", "backend", "deny", 502, time.Minute
	odd.Connector, odd.Gateway, odd.Client = "con_2", "gwy_2", "[2001:db8::7]:99"
	odd.Device, odd.DeviceName, odd.Process, odd.Segment = "dev_2", "laptop", "psql", "db.test:5432/tcp"
	odd.Outcome, odd.Policy, odd.BreakGlass = wire.OutcomeFailed, "pol_denied", "pol_passed"
	odd.Reports = []wire.PolicyReport{{Policy: "pol_other"}, {Policy: "pol_told"}}
	for n := range 500 {
		l.Record(record(n))
	}
	l.Record(odd)
	l.add(501, 600)
	count := func(want func(*wire.Record) bool) (n int) {
		for i := range 600 {
			r := record(i)
			if i == 500 {
				r = odd
			}
			if want(&r) {
				n++
			}
		}
		return n
	}
	tests := []struct {
		name   string
		filter wire.TrafficFilter
		want   int
	}{
		{"everything", wire.TrafficFilter{}, 600},
		{"user", wire.TrafficFilter{User: "usr_3"}, count(func(r *wire.Record) bool { return r.UserID == "usr_3" })},
		{"nobody", wire.TrafficFilter{User: "usr_9"}, 0},
		{"application", wire.TrafficFilter{Application: "app_2"}, count(func(r *wire.Record) bool { return r.Application == "app_2" })},
		{"connector", wire.TrafficFilter{Connector: "con_2"}, 1},
		{"device", wire.TrafficFilter{Device: "dev_2"}, 1},
		{"no such device", wire.TrafficFilter{Device: "dev_3"}, 0},
		{"gateway", wire.TrafficFilter{Gateway: "gwy_2"}, 1},
		{"address", wire.TrafficFilter{Client: "203.0.9.9"}, 3},
		{"address without its neighbours", wire.TrafficFilter{Client: "203.0.9.8"}, 0},
		{"small network", wire.TrafficFilter{Client: "203.0.9.0/24"}, 3},
		{"tiny network", wire.TrafficFilter{Client: "203.0.9.8/31"}, 3},
		{"large network", wire.TrafficFilter{Client: "203.0.0.0/16"}, 599},
		{"IPv6", wire.TrafficFilter{Client: "2001:db8::/32"}, 1},
		{"IPv6 address", wire.TrafficFilter{Client: "2001:db8::7"}, 1},
		{"host", wire.TrafficFilter{Host: "other.example.com"}, 1},
		{"path", wire.TrafficFilter{Path: "/pages/12"}, 11},
		{"method", wire.TrafficFilter{Method: "POST"}, 1},
		{"status", wire.TrafficFilter{Status: 404}, count(func(r *wire.Record) bool { return r.Status == 404 })},
		{"class", wire.TrafficFilter{Status: 5}, 1},
		{"outcome", wire.TrafficFilter{Outcome: wire.OutcomeFailed}, 1},
		{"action", wire.TrafficFilter{Action: "deny"}, 1},
		{"reason", wire.TrafficFilter{Reason: "connect"}, 1},
		{"hop", wire.TrafficFilter{Hop: "backend"}, 1},
		{"request", wire.TrafficFilter{Request: "req000321"}, 1},
		{"duration", wire.TrafficFilter{MinDuration: time.Second}, 1},
		{"policy that denied", wire.TrafficFilter{Policy: "pol_denied"}, 1},
		{"policy that only reports", wire.TrafficFilter{Policy: "pol_told"}, 1},
		{"policy that was passed by breaking the glass", wire.TrafficFilter{Policy: "pol_passed"}, 1},
		{"policy that everybody met", wire.TrafficFilter{Policy: "pol_met"}, 0},
		{"from", wire.TrafficFilter{From: record(590).Time}, 10},
		{"to", wire.TrafficFilter{To: record(9).Time}, 10},
		{"between", wire.TrafficFilter{From: record(100).Time, To: record(104).Time}, 5},
		{"both", wire.TrafficFilter{User: "usr_3", Path: "/pages/12"}, 2},
	}
	for _, test := range tests {
		for _, limit := range []int{2, 1000} {
			if found := l.all(test.filter, limit); len(found) != test.want {
				t.Errorf("%s, in pages of %d: %d records, want %d", test.name, limit, len(found), test.want)
			}
		}
	}
	if _, err := l.Search(t.Context(), wire.AskTraffic{Filter: wire.TrafficFilter{Client: "here"}, Limit: 1}); !fault.Is(err, fault.KindInvalid) {
		t.Errorf("a client that is none: %v", err)
	}
	if out, err := l.Search(t.Context(), wire.AskTraffic{Before: map[string]uint64{"tlg_other": 9}, Limit: 9}); err != nil || len(out.Records) > 0 {
		t.Errorf("another log's cursor: %d records, %v", len(out.Records), err)
	}
}

// TestCutAnywhere cuts a segment that a crash left at each of its bytes, and damages it at each: what was written whole before is
// there, nothing that was not recorded appears, and the log goes on.
func TestCutAnywhere(t *testing.T) {
	made := t.TempDir()
	l := start(t, made)
	for n := range 4 { // four blocks
		l.add(n*3, n*3+3)
	}
	open, err := os.ReadFile(files(t, made, "*.seg")[0])
	if err != nil {
		t.Fatal(err)
	}
	l.stop()
	state, err := os.ReadFile(filepath.Join(made, stateFile))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, segmentName(1))
	write := func(content []byte) {
		t.Helper()
		for name, data := range map[string][]byte{path: content, filepath.Join(dir, stateFile): state} {
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	// look reads what is left, as a start does.
	look := func(what string, at int, content []byte) int {
		t.Helper()
		write(content)
		s, _, err := openSegment(path)
		if at < segmentHead && what == "cut" {
			if !errors.Is(err, errNoSegment) {
				t.Fatalf("cut at %d: %v", at, err)
			}
			return 0
		}
		if err != nil {
			t.Fatalf("%s at %d: %v", what, at, err)
		}
		found := readAll(t, s)
		for _, r := range found {
			if !cmp.Equal(r.Record, record(int(r.Place)-1)) {
				t.Fatalf("%s at %d: place %d has %+v", what, at, r.Place, r.Record)
			}
		}
		return len(found)
	}
	// goOn starts a log on it and goes on.
	goOn := func(what string, at int) {
		t.Helper()
		l := start(t, dir)
		l.add(100, 102)
		found := l.all(wire.TrafficFilter{}, 1000)
		places(t, found)
		if n := len(found) - 2; n < 0 || n%3 != 0 || !cmp.Equal(found[0].Record, record(101)) || !cmp.Equal(found[1].Record, record(100)) {
			t.Fatalf("%s at %d: %d records", what, at, len(found))
		}
		l.stop()
		for _, path := range files(t, dir, "*") {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	last := 0
	for at := range len(open) + 1 {
		n := look("cut", at, open[:at])
		if n < last || n%3 != 0 {
			t.Fatalf("cut at %d: %d records, and %d with less", at, n, last)
		}
		last = n
		if at%97 == 0 {
			goOn("cut", at)
		}
	}
	if last != 12 {
		t.Errorf("whole: %d records", last)
	}
	for at := segmentHead; at < len(open); at++ {
		bad := slices.Clone(open)
		bad[at] ^= 0x5a
		if n := look("damaged", at, bad); n != 9 {
			t.Fatalf("damaged at %d: %d records are left", at, n)
		}
		if at%97 == 0 {
			goOn("damaged", at)
		}
	}
}

// readAll reads all records of a segment.
func readAll(t *testing.T, s *segment) (found []wire.TrafficRecord) {
	t.Helper()
	file, err := os.Open(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	blocks, err := s.index(file)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := newDecoder()
	if err != nil {
		t.Fatal(err)
	}
	defer dec.close()
	for i := range blocks {
		list, err := dec.read(file, &blocks[i])
		if err != nil {
			continue
		}
		for place := blocks[i].first; ; place++ {
			var r wire.Record
			if more, err := list.next(&r); err != nil || !more {
				break
			}
			found = append(found, wire.TrafficRecord{Place: place, Record: r})
		}
	}
	return found
}

// TestDamageOfOneBlock costs that block and no other, also in a segment that was ended.
func TestDamageOfOneBlock(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir)
	for n := range 4 {
		l.add(n*3, n*3+3)
	}
	l.stop()
	path := files(t, dir, "*.seg")[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := segmentHead; at < len(whole); at++ {
		bad := slices.Clone(whole)
		bad[at] ^= 0x5a
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s, _, err := openSegment(path)
		if err != nil {
			t.Fatalf("damaged at %d: %v", at, err)
		}
		if found := readAll(t, s); len(found) < 9 {
			t.Fatalf("damaged at %d: %d records", at, len(found))
		}
	}
}

// TestForeignFiles: what is not ours is left alone, what is of no use is removed.
func TestForeignFiles(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"notes.txt": "mine", "00000000000000000009.seg": "", "00000000000000000005.seg.tmp": "half"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := start(t, dir)
	l.add(0, 1)
	var names []string
	for _, path := range files(t, dir, "*") {
		names = append(names, filepath.Base(path))
	}
	if got := strings.Join(names, " "); got != segmentName(1)+" lock notes.txt state.json" {
		t.Error(got)
	}
}

// TestTwoProcesses: a second one waits until the first lets go, and loses nothing meanwhile.
func TestTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir)
	first.add(0, 10)
	second := start(t, dir)
	for n := range 5 {
		second.Record(record(10 + n))
	}
	if err := second.Flush(t.Context()); err == nil || second.Problem() == nil {
		t.Fatal("two write one log")
	}
	first.stop()
	second.flush()
	if found := second.all(wire.TrafficFilter{}, 100); len(found) != 15 || second.Problem() != nil {
		t.Errorf("%d records, %v", len(found), second.Problem())
	}
}

// TestDamagedState is told and not written over.
func TestDamagedState(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, stateFile)
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := start(t, dir)
	if err := l.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l.add(0, 1)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
