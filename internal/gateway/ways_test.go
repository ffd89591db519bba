package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/gateway"
)

// TestGrants: a grant is shown in full once on a tunnel, then by its hash, and again in full to a
// connector that forgot it.
func TestGrants(t *testing.T) {
	w := newWorld(t)
	p := newPages()
	backend := newBackend(t, p)
	c := w.connect("a")
	app := w.publish("https://wiki.test/", backend.URL, nil)
	stream := func() { // a stream that is not kept
		conn, _, res := w.socket("wiki.test", signedIn)
		if res.StatusCode != 101 {
			t.Fatal(res.Status)
		}
		conn.Close()
		soon(t, "WebSocket began", p.begun)
		soon(t, "WebSocket over", p.gone)
	}
	stream()
	stream()
	c.mu.Lock()
	clear(c.grants)
	c.mu.Unlock()
	stream()
	var shown []string
	for _, open := range c.opens {
		shown = append(shown, fmt.Sprintf("%v/%v", open.Grant != "", open.GrantHash != ""))
		if open.Application != string(app.ID) || open.Version != 1 || open.User != "ada" || open.Request == "" {
			t.Errorf("open %+v", open)
		}
	}
	if got, want := strings.Join(shown, " "), "true/false false/true false/true true/false"; got != want {
		t.Errorf("grants were shown as %q, want %q", got, want)
	}
}

// TestChangedApplication: after a change of the internal URL nothing goes to the old backend.
func TestChangedApplication(t *testing.T) {
	w := newWorld(t)
	first, second := newBackend(t, say("first")), newBackend(t, say("second"))
	w.connect("a")
	app := w.publish("https://wiki.test/", first.URL, nil)
	client := w.client(nil)
	if _, body := get(t, client, "https://wiki.test/", "Cookie", signedIn); body != "first /" {
		t.Fatal(body)
	}
	w.change(func(c *access.Content) {
		next := *app
		next.Version, next.InternalURL = 2, second.URL+"/base/"
		c.Applications[0] = &next
	})
	w.settled()
	for range 5 {
		if _, body := get(t, client, "https://wiki.test/x", "Cookie", signedIn); body != "second /base/x" {
			t.Errorf("after the change: %q", body)
		}
	}
}

// TestSpread: requests that wait at once are shared out evenly.
func TestSpread(t *testing.T) {
	for range 10 {
		began := time.Now()
		w, p, _ := newSite(t)
		b := w.connect("b")
		for range 10 {
			c, _, _ := w.socket("wiki.test", signedIn)
			defer c.Close()
			soon(t, "WebSocket began", p.begun)
		}
		b.mu.Lock()
		n := len(b.opens)
		b.mu.Unlock()
		if n == 5 {
			return
		}
		if time.Since(began) < 1500*time.Millisecond {
			t.Fatalf("one of two connectors carries %d of 10", n)
		} // from its second second on the gateway gives less to whom it has seen to be slow
	}
	t.Error("ten requests take too long")
}

// TestLostConnector: its loss is reported, and what it carried is told as its loss.
func TestLostConnector(t *testing.T) {
	w, p, _ := newSite(t)
	client := w.client(nil)
	answer := make(chan *http.Response, 1)
	go func() {
		res, _ := do(t, client, "POST", "https://wiki.test/wait", "x", "Cookie", signedIn)
		answer <- res
	}()
	soon(t, "waiting", p.begun)
	for _, c := range w.connectors {
		c.session.Close()
	}
	res := soon(t, "an answer", answer)
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("a request whose connector was lost gets %s", res.Status)
	}
	w.until("the loss is reported", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.presence) > 0 && w.presence[len(w.presence)-1].Tunnels == 0
	})
}

// TestBoundedMemory: a body that is larger than any buffer passes in pieces.
func TestBoundedMemory(t *testing.T) {
	w := newWorld(t)
	const size = 256 << 20
	backend := newBackend(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		block := make([]byte, 64<<10)
		for range size / len(block) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	w.connect("a")
	w.publish("https://wiki.test/", backend.URL, nil)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapSys - m.HeapReleased
	}
	runtime.GC()
	before := heap()
	req, _ := http.NewRequest("GET", "https://wiki.test/", nil)
	req.Header.Set("Cookie", signedIn)
	res, err := w.client(nil).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); n != size || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if after := heap(); after > before+64<<20 {
		t.Errorf("the heap grew from %d to %d MiB", before>>20, after>>20)
	}
}

// TestHandshakesOfOneAddress: whoever opens connections and says nothing meets a limit of its own.
func TestHandshakesOfOneAddress(t *testing.T) {
	w := newWorld(t, func(c *gateway.Config) { c.Limits.AddressHandshakes = 3 })
	for range 3 {
		w.dialRaw()
	}
	w.until("the limit is met", func() bool {
		c, err := w.tlsTo(w.address, "portal.test")
		if err == nil {
			c.Close()
		}
		return err != nil
	})
}

// TestCallbackOfSharedHost: the code's application is named where a host has several.
func TestCallbackOfSharedHost(t *testing.T) {
	w := newWorld(t)
	w.publish("https://open.test/a/", "http://127.0.0.1:1/", nil)
	b := w.publish("https://open.test/b/", "http://127.0.0.1:1/", nil)
	client := w.client(nil)
	res, _ := get(t, client, "https://open.test/b/x", "Accept", "text/html")
	binding := res.Cookies()[0]
	hash := strings.Split(res.Header.Get("Location"), "%7C")
	if len(hash) == 1 {
		hash = strings.Split(res.Header.Get("Location"), "|")
	}
	w.mu.Lock()
	w.codes["code "+string(b.ID)+" open.test "+hash[len(hash)-1]] = "/b/x"
	w.mu.Unlock()
	cookie := binding.Name + "=" + binding.Value
	if res, _ := get(t, client, "https://open.test/.postern/callback?code=code", "Cookie", cookie); res.StatusCode != 400 {
		t.Errorf("a callback for nobody knows which application: %s", res.Status)
	}
	res, _ = get(t, client, "https://open.test/.postern/callback?code=code&application="+string(b.ID), "Cookie", cookie)
	if res.StatusCode != 303 || res.Header.Get("Location") != "https://open.test/b/x" || !strings.HasSuffix(res.Cookies()[0].Name, strings.TrimPrefix(string(b.ID), "app_")) {
		t.Errorf("%s to %q", res.Status, res.Header.Get("Location"))
	}
}
