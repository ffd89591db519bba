package fetch

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/fault"
)

// TestKept runs on a clock of its own: what is fetched when, and what serves meanwhile.
func TestKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loads, answer := 0, error(nil)
		k := NewKept(Keep{Fresh: time.Hour, Stale: 24 * time.Hour, Pause: time.Minute}, func(context.Context) (int, error) {
			loads++
			time.Sleep(time.Second)
			return loads, answer
		})
		expect := func(when string, want, wantLoads int) time.Time {
			t.Helper()
			v, loaded, err := k.Value(t.Context())
			if err != nil || v != want || loads != wantLoads {
				t.Fatalf("%s: got %d, %v after %d loads, want %d after %d", when, v, err, loads, want, wantLoads)
			}
			return loaded
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { expect("all at once", 1, 1) })
		}
		all.Wait()
		loaded := expect("kept", 1, 1)
		if _, err := k.Newer(t.Context(), loaded); !fault.Is(err, fault.KindUnavailable) || loads != 1 {
			t.Fatalf("too early for another: %v after %d loads", err, loads)
		} else if f, _ := errors.AsType[*fault.Error](err); f.RetryAfter <= 0 || f.RetryAfter > time.Minute {
			t.Fatalf("it says to try again after %s", f.RetryAfter)
		}
		time.Sleep(time.Minute)
		if v, err := k.Newer(t.Context(), loaded); err != nil || v != 2 {
			t.Fatalf("another: %d, %v", v, err)
		}
		if v, err := k.Newer(t.Context(), loaded); err != nil || v != 2 || loads != 2 {
			t.Fatalf("somebody else asked for it already: %d, %v after %d loads", v, err, loads)
		}
		time.Sleep(time.Hour)
		answer = fault.Unavailable("away")
		expect("stale while it is away", 2, 3)
		expect("and not asked for again at once", 2, 3)
		time.Sleep(time.Minute)
		expect("but after the pause", 2, 4)
		time.Sleep(24 * time.Hour)
		if _, _, err := k.Value(t.Context()); !fault.Is(err, fault.KindUnavailable) || err.Error() != "away" {
			t.Fatalf("too old: %v", err)
		}
		answer = nil
		time.Sleep(time.Minute)
		expect("back", 6, 6)
	})
}

// TestKeptIsNotLostWithItsFirstAsker: who gives up does not take the fetch from the others.
func TestKeptIsNotLostWithItsFirstAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := NewKept(Keep{Fresh: time.Hour, Pause: time.Minute}, func(ctx context.Context) (string, error) {
			time.Sleep(time.Minute)
			return "it", ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, _, err := k.Value(ctx); !fault.Is(err, fault.KindUnavailable) {
				t.Errorf("gave up: %v", err)
			}
		})
		all.Go(func() {
			if v, _, err := k.Value(t.Context()); err != nil || v != "it" {
				t.Errorf("waited: %q, %v", v, err)
			}
		})
		all.Wait()
	})
}
