package trafficlog

import (
	"bytes"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"postern/internal/wire"
)

// TestErase: what tells of a user goes from all segments and from what is still to come, and nothing else does.
func TestErase(t *testing.T) {
	dir := t.TempDir()
	small := func(c *Config) { c.Limits.Block, c.Limits.Segment = 2000, 6000 }
	l := start(t, dir, small)
	l.add(0, 200)
	l.Record(record(203)) // waits
	if upto, err := l.Erased(t.Context()); err != nil || upto != 0 {
		t.Errorf("%d, %v", upto, err)
	}
	if err := l.Erase(t.Context(), Erasure{Users: []string{"usr_3"}, Upto: 77}); err != nil {
		t.Fatal(err)
	}
	l.add(208, 209) // of a request that was under way
	check := func(when string) {
		t.Helper()
		found := l.all(wire.TrafficFilter{}, 50)
		if len(found) != 202 {
			t.Fatalf("%s: %d records", when, len(found))
		}
		places(t, found)
		for i := range found[2:] {
			n := 199 - i
			want := record(n)
			if n%5 == 3 {
				anonymise(&want)
			}
			if diff := cmp.Diff(want, found[2+i].Record); diff != "" {
				t.Fatal(when, diff)
			}
		}
		if l.all(wire.TrafficFilter{User: "usr_3"}, 50)[0].Client != "" || len(l.all(wire.TrafficFilter{User: "usr_3"}, 50)) != 42 {
			t.Errorf("%s: %+v", when, l.all(wire.TrafficFilter{User: "usr_3"}, 1))
		}
	}
	check("at once")
	l.stop()
	l = start(t, dir, small)
	l.flush()
	check("after a restart")
	if upto, err := l.Erased(t.Context()); err != nil || upto != 77 {
		t.Errorf("%d, %v", upto, err)
	}
	l.stop()
	for _, path := range files(t, dir, "*.seg") {
		s, _, err := openSegment(path)
		if err != nil || !s.closed {
			t.Fatal(path, err)
		}
		if raw := unpacked(t, s); bytes.Contains(raw, []byte("user3")) {
			t.Errorf("%s tells of the user", path)
		}
	}
}

// unpacked gives the bytes of all blocks of a segment.
func unpacked(t *testing.T, s *segment) (all []byte) {
	t.Helper()
	data, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	blocks, ok := readIndex(bytes.NewReader(data), int64(len(data)))
	dec, err := zstd.NewReader(nil)
	if err != nil || !ok {
		t.Fatal(err)
	}
	defer dec.Close()
	for _, m := range blocks {
		if all, err = dec.DecodeAll(data[m.dataAt():m.offset+m.size()], all); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestSparseSegmentsArePacked: seconds with one request each do not cost a block each for ever.
func TestSparseSegmentsArePacked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := start(t, dir)
		for n := range 300 {
			l.Record(record(n))
			time.Sleep(time.Second)
			synctest.Wait()
		}
		loose := bytesIn(t, dir)
		l.stop()
		if packed := bytesIn(t, dir); packed > loose/4 {
			t.Errorf("%d bytes of %d", packed, loose)
		}
		l = start(t, dir)
		l.flush()
		found := l.all(wire.TrafficFilter{}, 7)
		places(t, found)
		if len(found) != 300 || !cmp.Equal(found[0].Record, record(299)) || !cmp.Equal(found[299].Record, record(0)) {
			t.Errorf("%d records", len(found))
		}
		l.stop()
	})
}

// TestFollow gives each record once, in order, to who remembers the last place.
func TestFollow(t *testing.T) {
	l := start(t, t.TempDir(), func(c *Config) { c.Limits.Block, c.Limits.Segment = 2000, 6000 })
	l.add(0, 300)
	for _, limit := range []int{1, 13, 500} {
		var after uint64
		n := 0
		for {
			list, err := l.After(after, limit, 20_000)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				break
			}
			for _, r := range list {
				if r.Place != after+1 || !cmp.Equal(r.Record, record(n)) {
					t.Fatalf("place %d behind %d", r.Place, after)
				}
				after = r.Place
				n++
			}
		}
		if synced, _ := l.Synced(); n != 300 || synced != 300 {
			t.Errorf("%d at a time: %d records of %d", limit, n, synced)
		}
	}
	_, news := l.Synced()
	l.Record(record(300))
	<-news
	if list, err := l.After(300, 9, 9999); err != nil || len(list) != 1 {
		t.Errorf("%d records, %v", len(list), err)
	}
	for since, want := range map[time.Time]uint64{began.Add(-time.Hour): 0, record(300).Time.Add(time.Hour): 301} {
		if got := l.PlaceAt(since); got != want {
			t.Errorf("since %v: %d, want %d", since, got, want)
		}
	}
	if got := l.PlaceAt(record(150).Time); got > 150 || got < 100 {
		t.Errorf("from the middle: %d", got)
	}
}

func FuzzSegment(f *testing.F) {
	build, err := newBuilder()
	if err != nil {
		f.Fatal(err)
	}
	s := &segment{first: 1, size: segmentHead}
	file := headOfSegment(1, began)
	for n := range 3 {
		r := record(n)
		build.add(&r, uint64(n+1))
		block, m := build.seal()
		m.offset = int64(len(file))
		s = s.with(m)
		file = append(file, block...)
	}
	f.Add(file)
	f.Add(append(bytes.Clone(file), indexOf(s.blocks)...))
	f.Add(append(headOfSegment(1, began), indexOf(nil)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := t.TempDir() + "/x.seg"
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, _, err := openSegment(path)
		if err == nil && (s.closed || len(s.blocks) > 0) {
			readAll(t, s)
		}
		var r wire.Record
		_, _ = decode(data, &r, 0) // anything but a panic is good
	})
}
