package gateway_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// TestPoisonedRequest: a request that ends its backend's connection, or its worker, is brought to
// one more at most, however many connections are kept.
func TestPoisonedRequest(t *testing.T) {
	const kept = 20
	w := newWorld(t)
	var poisoned atomic.Int32
	var together sync.WaitGroup
	together.Add(kept)
	backend := newBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/together":
			together.Done()
			together.Wait()
		case "/poison":
			poisoned.Add(1)
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(w, "%v %q %d", r.TransferEncoding, r.Header["Transfer-Encoding"], r.ContentLength)
	}))
	w.connect("a")
	w.publish("https://wiki.test/", backend.URL, nil)
	client := w.client(nil)
	var asking sync.WaitGroup
	for range kept {
		asking.Go(func() {
			if res, body := get(t, client, "https://wiki.test/together", "Cookie", signedIn); body != `[] [] 0` {
				t.Errorf("%s: %s", res.Status, body)
			}
		})
	}
	asking.Wait()
	for method, want := range map[string][]int32{"GET": {1, 2}, "HEAD": {1, 2}, "OPTIONS": {1, 2}, "POST": {1}, "DELETE": {1}} {
		poisoned.Store(0)
		if res, _ := do(t, client, method, "https://wiki.test/poison", "", "Cookie", signedIn); res.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: %s", method, res.Status)
		}
		if n := poisoned.Load(); !slices.Contains(want, n) {
			t.Errorf("%s reached the backend %d times", method, n)
		}
	}
}
