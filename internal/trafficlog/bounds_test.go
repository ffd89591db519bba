package trafficlog

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/wire"
	"postern/test/size"
)

// TestHostileRequestsDoNotFillTheDisk records what is refused, as fast as it comes, for minutes: what everybody did is
// counted, and what a user did in between is there one by one.
func TestHostileRequestsDoNotFillTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := start(t, dir)
		seconds, rate := size.Of(130, 1800), size.Of(500, 5000)
		kept := 0
		for s := range seconds {
			for i := range rate {
				l.Record(refused(fmt.Sprintf("198.51.%d.%d:99", i%7, i%200)))
			}
			r := record(s)
			r.Time = time.Now()
			l.Record(r)
			kept++
			time.Sleep(time.Second)
			synctest.Wait()
		}
		l.stop()
		l = start(t, dir)
		l.flush()
		if found := l.all(wire.TrafficFilter{Outcome: wire.OutcomeForwarded}, 1000); len(found) != kept {
			t.Errorf("%d of %d records of users", len(found), kept)
		}
		var requests, records, sums int
		for _, r := range l.all(wire.TrafficFilter{Outcome: wire.OutcomeRefused}, 1000) {
			requests += r.Requests()
			records++
			if r.Count > 0 {
				sums++
				if r.Client[:7] != "198.51." || r.Client[len(r.Client)-3:] != "/24" || r.Reason != "not-published" || r.Status != 404 || r.Duration <= 0 || r.Duration > 61*time.Second {
					t.Errorf("%+v", r)
				}
			}
		}
		minutes := seconds/60 + 1
		if requests != seconds*rate || records > minutes*7*(60+1) || sums > minutes*7 || sums < seconds/60*7 {
			t.Errorf("%d of %d requests in %d records, %d of them summaries", requests, seconds*rate, records, sums)
		}
		if n := bytesIn(t, dir); n > int64(minutes)*64<<10 {
			t.Errorf("%d bytes", n)
		}
		l.stop()
	})
}

// TestManyNetworks: what comes from more networks than have a summary of their own has one together.
func TestManyNetworks(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir, func(c *Config) { c.Limits.AllRefusals, c.Limits.Networks = 10, 5 })
	for n := range 1000 {
		l.Record(refused(fmt.Sprintf("10.%d.%d.1:1", n/250, n%250)))
	}
	l.stop()
	l = start(t, dir)
	l.flush()
	found := l.all(wire.TrafficFilter{}, 1000)
	total := 0
	for _, r := range found {
		total += r.Requests()
	}
	if len(found) != 10+5+1 || total != 1000 {
		t.Errorf("%d records of %d requests", len(found), total)
	}
	of := l.all(wire.TrafficFilter{Client: "10.0.12.77"}, 1000) // summaries of the network tell of each address in it
	if len(of) != 1 || of[0].Count != 1 || of[0].Client != "10.0.12.0/24" {
		t.Errorf("%+v", of)
	}
}

// TestWhatHasNoRoomIsTold: the log itself says how many records are missing.
func TestWhatHasNoRoomIsTold(t *testing.T) {
	l, err := New(Config{Dir: t.TempDir(), Limits: Limits{Queue: 10}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 25 {
		l.Record(record(n))
	}
	long := record(1)
	long.Path = "/" + string(make([]byte, 1<<20))
	if l.Record(long); l.queue.lost.Load() != 16 {
		t.Errorf("%d lost", l.queue.lost.Load())
	}
	r := &running{Log: l, t: t}
	run(t, r)
	r.flush()
	found := r.all(wire.TrafficFilter{}, 100)
	if len(found) != 11 || found[10].Outcome != wire.OutcomeUnrecorded || found[10].Count != 16 {
		t.Errorf("%d records, the oldest %+v", len(found), found[len(found)-1])
	}
}

// TestBytes: the oldest segments go when there are too many bytes.
func TestBytes(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir, func(c *Config) { c.Limits.Bytes, c.Limits.Segment, c.Limits.Block = 40_000, 4_000, 4_000 })
	for n := 0; n < 5000; n += 100 {
		l.add(n, n+100)
		if got := bytesIn(t, dir); got > 40_000+2*4_500 {
			t.Fatalf("%d bytes", got)
		}
	}
	l.flush()
	found := l.all(wire.TrafficFilter{}, 1000)
	head, first := l.Head()
	if len(found) < 200 || found[0].Place != 5000 || found[len(found)-1].Place != first || head != 5000 || int(head-first)+1 != len(found) {
		t.Errorf("%d records, places %d to %d", len(found), first, head)
	}
}

// TestAge: what is too old goes while the log runs, the last segment, too; its places are not used again.
func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := start(t, dir, func(c *Config) { c.Limits.Age = 48 * time.Hour })
		now := func(n int) {
			r := record(n)
			r.Time = time.Now()
			l.Record(r)
		}
		for n := range 72 { // hours
			now(n)
			time.Sleep(time.Hour)
		}
		synctest.Wait()
		found := l.all(wire.TrafficFilter{}, 1000)
		if len(found) < 47 || len(found) > 51 || found[0].Place != 72 {
			t.Errorf("%d records", len(found))
		}
		time.Sleep(60 * time.Hour)
		synctest.Wait()
		if found := l.all(wire.TrafficFilter{}, 1000); len(found) != 0 || len(files(t, dir, "*.seg")) != 0 {
			t.Errorf("%d records in %v", len(found), files(t, dir, "*.seg"))
		}
		l.stop()
		l = start(t, dir)
		now(99)
		l.flush()
		if found := l.all(wire.TrafficFilter{}, 1000); len(found) != 1 || found[0].Place != 73 {
			t.Errorf("%+v", found)
		}
		l.stop()
	})
}

// TestClockJumps: one that is years ahead for a moment removes nothing, and what it stamped does not keep what is old.
func TestClockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var off atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(off.Load()) * time.Hour) }
		dir := t.TempDir()
		l := start(t, dir, func(c *Config) { c.Now, c.Limits.Age = now, 48*time.Hour })
		put := func(n int) {
			t.Helper()
			for i := range n {
				r := record(i)
				r.Time = now()
				l.Record(r)
			}
			l.flush()
		}
		put(10)
		for _, hours := range []int64{100_000, -100_000, 0} {
			off.Store(hours)
			put(10)
			time.Sleep(30 * time.Minute)
			synctest.Wait()
		}
		if found := l.all(wire.TrafficFilter{}, 1000); len(found) != 40 {
			t.Errorf("%d records are left", len(found))
		}
		l.stop()
		off.Store(100_000) // a machine that starts with a wrong clock
		l = start(t, dir, func(c *Config) { c.Now, c.Limits.Age = now, 48*time.Hour })
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if found := l.all(wire.TrafficFilter{}, 1000); len(found) != 40 {
			t.Errorf("%d records are left after a start", len(found))
		}
		off.Store(0)
		for range 2 { // what was stamped with another time goes with what came after it
			put(1)
			time.Sleep(72 * time.Hour)
		}
		put(1)
		time.Sleep(time.Minute)
		synctest.Wait()
		if found := l.all(wire.TrafficFilter{}, 1000); len(found) != 1 {
			t.Errorf("%d records are left in the end", len(found))
		}
		l.stop()
	})
}

// TestTornWrite: a block that is cut off by the end of the disk in the middle is written again, whole.
func TestTornWrite(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir)
	l.add(0, 5)
	if err := l.ask(t.Context(), func() error { return l.writer.file.Close() }); err != nil {
		t.Fatal(err)
	}
	l.Record(record(5))
	if err := l.Flush(t.Context()); err == nil {
		t.Fatal("written to a closed file")
	}
	l.add(6, 8)
	if found := l.all(wire.TrafficFilter{}, 100); len(found) != 8 || found[2].Place != 6 {
		t.Errorf("%+v", found)
	}
	l.stop()
	l = start(t, dir)
	l.flush()
	if found := l.all(wire.TrafficFilter{}, 100); len(found) != 8 {
		t.Errorf("%d records after a restart", len(found))
	}
}

// TestKeepChanges: what is kept of a log that runs becomes less and more without a restart.
func TestKeepChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := start(t, dir, func(c *Config) { c.Limits.Block, c.Limits.Segment = 2_000, 4_000 })
		for n := range 48 { // hours
			r := record(n)
			r.Time = time.Now()
			l.Record(r)
			time.Sleep(time.Hour)
		}
		synctest.Wait()
		if found := l.all(wire.TrafficFilter{}, 1000); len(found) != 48 {
			t.Fatalf("%d records", len(found))
		}
		l.Keep(Keep{Age: 24 * time.Hour})
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if found := l.all(wire.TrafficFilter{}, 1000); len(found) > 36 || len(found) < 20 {
			t.Errorf("%d records of a day", len(found))
		}
		l.Keep(Keep{})
		time.Sleep(48 * time.Hour)
		synctest.Wait()
		kept := len(l.all(wire.TrafficFilter{}, 1000))
		if kept < 20 {
			t.Errorf("%d records, and 30 days are kept again", kept)
		}
		l.Keep(Keep{Bytes: 1})
		time.Sleep(time.Hour)
		synctest.Wait()
		if found := l.all(wire.TrafficFilter{}, 1000); len(found) != 0 {
			t.Errorf("%d records in one byte", len(found))
		}
		l.stop()
	})
}
