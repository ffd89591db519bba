package connector

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/wire"
	"postern/test/size"
)

// TestRenewalInSeconds: certificates that live for seconds are renewed again and again while streams are opened, and none fails.
func TestRenewalInSeconds(t *testing.T) {
	w := newWorld(t, 1)
	w.life = 8 * time.Second
	w.publish(wire.Target{Application: app, Host: "127.0.0.1", Port: newBackend(t, echo).port})
	w.allow("allow 127.0.0.1\n")
	r := w.start(nil)
	w.ready(r)
	var stop atomic.Bool
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for !stop.Load() && !t.Failed() {
				w.oneEcho(t)
			}
		})
	}
	for range size.Of(2, 60) {
		before := r.identity().cred.Serial
		eventually(t, "another certificate", func() bool { return r.identity().cred.Serial != before })
	}
	stop.Store(true)
	load.Wait()
	if c := r.Status().Certificate; c.State == CertificateExpired {
		t.Errorf("certificate: %+v", c)
	}
}

// TestServiceAwayAcrossTheExpiry: a certificate that expires while the service is away says that it can still be renewed, and is, when
// the service is back: nobody needs to do anything. So is that of a connector that was off meanwhile.
func TestServiceAwayAcrossTheExpiry(t *testing.T) {
	for _, off := range []bool{false, true} {
		t.Run(map[bool]string{false: "running", true: "off"}[off], func(t *testing.T) {
			w := newWorld(t, 1)
			w.life = 6 * time.Second
			r := w.start(nil)
			w.ready(r)
			cred := r.identity().cred
			w.agentsAway(true)
			if off {
				if err := r.stop(); err != nil {
					t.Fatal(err)
				}
			}
			// A renewal may have been under way: the expiry is that of what it has.
			eventually(t, "the expiry", func() bool { return time.Now().After(r.identity().cred.Leaf.NotAfter) })
			if off {
				r = w.start(nil)
			}
			for _, s := range w.gateways[0].live() {
				_ = s.Close() // a tunnel outlives its certificate; a new one is refused
			}
			eventually(t, "the status to say so", func() bool {
				s := r.Status()
				return s.Certificate.State == CertificateExpired && len(s.Tunnels) == 0 && s.State == StateDegraded
			})
			w.mu.Lock()
			w.life = 24 * time.Hour // of the next
			w.mu.Unlock()
			w.agentsAway(false)
			for range 3 { // attempts are up to 20 seconds apart
				if soon(func() bool { return r.Status().Certificate.State == CertificateValid }) {
					break
				}
			}
			w.ready(r)
			if got := r.identity().cred; got.Serial == cred.Serial || got.Identity != cred.Identity {
				t.Errorf("%s after %s, %v after %v", got.Serial, cred.Serial, got.Identity, cred.Identity)
			}
		})
	}
}

// soon tells whether ok becomes true within the patience of tests.
func soon(ok func() bool) bool {
	deadline := time.Now().Add(patience)
	for ; !ok(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// agentsAway has the service answer connectors with 503.
func (w *world) agentsAway(away bool) { w.away.Store(away) }

func (w *world) unlessAway(h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.away.Load() {
			http.Error(rw, "away", http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(rw, r)
	})
}
