package gateway

import (
	"context"
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
					if a.enter(ctx, network) == nil {
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
			go func() { _ = a.enter(ctx, one) }()
		}
		cancel() // those who leave hold no place
		synctest.Wait()
		if a.waiting != 0 {
			t.Errorf("%d wait although they left", a.waiting)
		}
	})
}
