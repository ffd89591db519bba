package uplink_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/uplink"
)

func TestBackoffGrowsWithFullJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		most := []time.Duration{0, 500 * time.Millisecond, time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second}
		seen := make([]time.Duration, len(most))
		low := make([]int, len(most))
		for range 400 {
			var b uplink.Backoff
			for i := range most {
				wait := b.Next()
				if wait < 0 || wait > most[i] {
					t.Fatalf("wait %d is %s, at most %s is due", i, wait, most[i])
				}
				seen[i] = max(seen[i], wait)
				if wait < most[i]/2 {
					low[i]++
				}
			}
		}
		for i, m := range most[1:] {
			if seen[i+1] < m*9/10 || low[i+1] < 120 || low[i+1] > 280 {
				t.Errorf("wait %d: never above %s of %s, %d of 400 in the lower half: no full jitter", i+1, seen[i+1], m, low[i+1])
			}
		}
	})
}

func TestBackoffAfterTwoMinutesAndAfterSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b uplink.Backoff
		b.Next()
		time.Sleep(119 * time.Second) // virtual
		for range 100 {
			if wait := b.Next(); wait > 2*time.Second {
				t.Fatalf("%s within the first two minutes", wait)
			}
		}
		time.Sleep(2 * time.Second)
		longest := time.Duration(0)
		for range 100 {
			longest = max(longest, b.Next())
		}
		if longest <= 2*time.Second || longest > 15*time.Second {
			t.Errorf("at most %s after two minutes", longest)
		}
		b.Ended(uplink.Settled - 1)
		quick := 0
		for range 20 {
			if b.Next() == 0 {
				quick++
			}
		}
		if quick > 2 {
			t.Error("a peer that hangs up at once is dialled in a loop")
		}
		b.Ended(uplink.Settled)
		if wait := b.Next(); wait != 0 {
			t.Errorf("%s after a connection that lived", wait)
		}
	})
}

// conn counts that it was closed.
type conn struct {
	id     int64
	closed *atomic.Int64
}

func (c conn) Close() error {
	c.closed.Add(1)
	return nil
}

func TestConnectOverlapsATryThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries, running, most, closed atomic.Int64
		started := time.Now()
		got, err := uplink.Connect(t.Context(), &uplink.Backoff{}, func(ctx context.Context) (conn, error) {
			me := tries.Add(1)
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			if me < 5 {
				<-ctx.Done() // as a dropped packet does
				return conn{}, ctx.Err()
			}
			return conn{me, &closed}, nil
		}, func(error) {})
		if err != nil || got.id != 5 || running.Load() != 0 || closed.Load() != 0 {
			t.Errorf("got %+v, %v; %d still run, %d closed", got, err, running.Load(), closed.Load())
		}
		// One after the other four hanging tries would take 12 s.
		if took := time.Since(started); most.Load() != 2 || took > 9*time.Second {
			t.Errorf("at most %d at once, after %s", most.Load(), took)
		}
	})
}

func TestConnectClosesTheLoser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries, closed atomic.Int64
		got, err := uplink.Connect(t.Context(), &uplink.Backoff{}, func(context.Context) (conn, error) {
			me := tries.Add(1)
			time.Sleep(2500 * time.Millisecond) // does not mind that the race is over
			return conn{me, &closed}, nil
		}, func(error) {})
		if err != nil || got.id != 1 || closed.Load() != tries.Load()-1 {
			t.Errorf("got %+v, %v; %d tries, %d closed", got, err, tries.Load(), closed.Load())
		}
	})
}

func TestConnectEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		refused := errors.New("refused")
		var told int
		_, err := uplink.Connect(ctx, &uplink.Backoff{}, func(context.Context) (conn, error) { return conn{}, refused }, func(err error) {
			if !errors.Is(err, refused) {
				t.Errorf("told %v", err)
			}
			told++
		})
		// A minute of waits of at most 2 s, 1 s on average.
		if !errors.Is(err, context.DeadlineExceeded) || told < 30 || told > 150 {
			t.Errorf("%v after %d tries", err, told)
		}
	})
}
