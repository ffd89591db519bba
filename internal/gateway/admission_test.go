package gateway

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestAdmission: after a pause some are let in at once, then so many a second; who would wait for too long is turned away at once, and
// one network cannot take the places of all others.
func TestAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(100)
		one, two := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		began := time.Now()
		entered := make(chan time.Duration, 1000)
		refused := 0
		for _, network := range []netip.Prefix{one, two} {
			for range 300 {
				go func() {
					if a.enter(ctx, network, func() bool { return false }) == nil {
						entered <- time.Since(began)
					} else {
						entered <- -1
					}
				}()
			}
			synctest.Wait()
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		first, last := 0, time.Duration(0)
		for range 600 {
			switch at := <-entered; {
			case at < 0:
				refused++
			case at == 0:
				first++
			default:
				last = max(last, at)
			}
		}
		if first != 51 || refused != 600-51-200 || last > 2*time.Second {
			t.Errorf("%d at once, %d refused, the last after %v; want 51, 349, 2s", first, refused, last)
		}
		if a.waiting != 0 || len(a.each) != 0 {
			t.Errorf("%d wait, %v", a.waiting, a.each)
		}
		for range 60 {
			go func() { _ = a.enter(ctx, one, nil) }()
		}
		cancel() // those who leave hold no place
		synctest.Wait()
		if a.waiting != 0 {
			t.Errorf("%d wait although they left", a.waiting)
		}
	})
}

// TestAdmissionOfTheGone: who hung up while he waited takes no turn from those who are there.
func TestAdmissionOfTheGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(100)
		network := netip.MustParsePrefix("192.0.2.1/32")
		for !a.next.After(time.Now()) { // what may be caught up on
			_ = a.enter(t.Context(), network, nil)
		}
		results := make(chan error, 100)
		for i := range 100 {
			go func() { results <- a.enter(t.Context(), network, func() bool { return i%2 == 0 }) }()
		}
		synctest.Wait()
		began, there := time.Now(), 0
		for range 100 {
			if err := <-results; err == nil {
				there++
			} else if !errors.Is(err, errGone) {
				t.Errorf("%v", err)
			}
		}
		if next := a.next.Sub(began); there != 50 || next > 51*10*time.Millisecond {
			t.Errorf("%d of 50 entered; the next turn is %v later, as if all had", there, next)
		}
	})
}
