package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"postern/internal/access"
	"postern/internal/wire"
)

// over2 publishes with HTTP/2 to the backend, for everybody.
func over2(a *access.Application) { a.BackendProtocol = access.BackendHTTP2; passthrough(a) }

// An h2c is a backend that speaks HTTP/2 without TLS, ten requests at once on a connection, and counts these.
type h2c struct {
	*httptest.Server
	connections, open atomic.Int64
}

// newH2C starts one. one: it speaks HTTP/1.1, too.
func newH2C(t testing.TB, h http.HandlerFunc, one bool) *h2c {
	t.Helper()
	b := &h2c{Server: httptest.NewUnstartedServer(h)}
	b.Config.Protocols, b.Config.HTTP2 = &http.Protocols{}, &http.HTTP2Config{MaxConcurrentStreams: 10}
	b.Config.Protocols.SetUnencryptedHTTP2(true)
	b.Config.Protocols.SetHTTP1(one)
	b.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			b.connections.Add(1)
			b.open.Add(1)
		case http.StateClosed:
			b.open.Add(-1)
		}
	}
	b.Start()
	t.Cleanup(b.Close)
	return b
}

// TestBackendHTTP2: a request and its reply pass to a backend with HTTP/2 as they do to one with HTTP/1.1, by either front.
func TestBackendHTTP2(t *testing.T) {
	backend := newH2C(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Saw", fmt.Sprintf("%s %s %s %s|%s|%s|%s|%s", r.Method, r.Proto, r.Host, r.RequestURI, r.Header.Get("X-Forwarded-For"), r.Header.Get("Te"), r.Header.Get("Cookie"), r.Header.Get("X-Real-Ip")))
		w.Header().Set("Location", "http://"+r.Host+"/elsewhere")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(bytes.ToUpper(body))
		_ = http.NewResponseController(w).Flush()
		w.Header().Set(http.TrailerPrefix+"X-Sum", "42")
		w.Header().Set(http.TrailerPrefix+"Postern-Reference", "forged")
	}, false)
	w := newWorld(t)
	w.connect("one")
	w.publish("https://wiki.test/", backend.URL, over2)
	host := strings.TrimPrefix(backend.URL, "http://")
	for name, client := range map[string]*http.Client{"HTTP/1.1": w.client(nil), "HTTP/2.0": w.client(http2)} {
		for _, size := range []int{0, 5, 300_000} {
			req, _ := http.NewRequest("POST", "https://wiki.test/a%20b?q=1", strings.NewReader(strings.Repeat("x", size)))
			if name == "HTTP/1.1" {
				req.Header.Set("Connection", "Te")
			}
			req.Header.Set("Te", "trailers")
			req.Header.Set("X-Real-Ip", "forged")
			req.Header.Set("Cookie", "theirs=1; __Host-postern=2")
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(name, size, err)
			}
			body, err := io.ReadAll(res.Body)
			want := fmt.Sprintf("POST HTTP/2.0 %s /a%%20b?q=1|127.0.0.1|trailers|theirs=1; __Host-postern=2|", host)
			if saw := res.Header.Get("X-Saw"); err != nil || res.Proto != name || res.StatusCode != 201 || len(body) != size || saw != want && saw != strings.Replace(want, "; __Host-postern=2", "", 1) {
				t.Errorf("%s, %d: %d %s, %d bytes, %v; the backend saw %s, want %s", name, size, res.StatusCode, res.Proto, len(body), err, saw, want)
			}
			if res.Header.Get("Location") != "https://wiki.test/elsewhere" || res.Header.Get("Postern-Reference") == "" {
				t.Errorf("%s: %v", name, res.Header)
			}
			if res.Trailer.Get("X-Sum") != "42" || res.Trailer.Get("Postern-Reference") != "" {
				t.Errorf("%s: trailers %v", name, res.Trailer)
			}
		}
	}
	if n := backend.connections.Load(); n != 1 {
		t.Errorf("%d connections to the backend, want 1", n)
	}
}

// TestBackendHTTP2Shared: many requests share few connections, cutting one leaves the others alone, and the backend sees it.
func TestBackendHTTP2Shared(t *testing.T) {
	var inside atomic.Int64
	gone := make(chan struct{}, 100)
	release := make(chan struct{})
	backend := newH2C(t, func(w http.ResponseWriter, r *http.Request) {
		inside.Add(1)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-release:
			_, _ = io.WriteString(w, "whole")
		case <-r.Context().Done():
			gone <- struct{}{}
		}
	}, false)
	w := newWorld(t)
	w.connect("one")
	w.publish("https://wiki.test/", backend.URL, over2)
	client := w.client(http2)
	cut, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range 35 {
		running.Go(func() {
			ctx := t.Context()
			if i%7 == 0 {
				ctx = cut
			}
			req, _ := http.NewRequestWithContext(ctx, "GET", "https://wiki.test/", nil)
			res, err := client.Do(req)
			if err != nil && i%7 == 0 {
				return
			} else if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if i%7 == 0 && err == nil || i%7 != 0 && (err != nil || string(body) != "whole") {
				t.Errorf("%d: %q, %v", i, body, err)
			}
		})
	}
	w.until("all are inside", func() bool { return inside.Load() == 35 })
	if n := backend.connections.Load(); n != 4 {
		t.Errorf("%d connections for 35 requests, 10 at once on each", n)
	}
	cancel()
	for range 5 {
		<-gone
	}
	close(release)
	running.Wait()
	w.until("nothing is carried", func() bool { return w.metric("postern_gateway_exchanges") == 0 })
}

// TestBackendHTTP2Bidirectional: both bodies flow at once.
func TestBackendHTTP2Bidirectional(t *testing.T) {
	backend := newH2C(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		buffer := make([]byte, 100)
		for {
			n, err := r.Body.Read(buffer)
			_, _ = w.Write(bytes.ToUpper(buffer[:n]))
			_ = http.NewResponseController(w).Flush()
			if err != nil {
				w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
				return
			}
		}
	}, false)
	w := newWorld(t)
	w.connect("one")
	w.publish("https://wiki.test/", backend.URL, over2)
	up, feed := io.Pipe()
	req, _ := http.NewRequest("POST", "https://wiki.test/", up)
	res, err := w.client(http2).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for _, word := range []string{"one", "two", "three"} {
		_, _ = io.WriteString(feed, word)
		got := make([]byte, len(word))
		if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != strings.ToUpper(word) {
			t.Fatalf("%q, %v", got, err)
		}
	}
	feed.Close()
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 || res.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("%q, %v, %v", rest, err, res.Trailer)
	}
}

// TestBackendNotHTTP2: a backend that does not speak it is told so in its own words, to people and in the record.
func TestBackendNotHTTP2(t *testing.T) {
	backend := httptest.NewServer(say("HTTP/1.1 only"))
	defer backend.Close()
	w := newWorld(t)
	w.connect("one")
	w.publish("https://wiki.test/", backend.URL, over2)
	res, err := w.client(nil).Get("https://wiki.test/")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusBadGateway || !strings.Contains(string(body), "postern:backend-no-http2") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	w.until("the record", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.records) == 1 && w.records[0].Reason == "backend-no-http2" && w.records[0].Hop == "backend"
	})
}

// TestBackendGoesAway: a backend that closes its connections in the middle of everything loses no request that it did not take.
func TestBackendGoesAway(t *testing.T) {
	backend := newH2C(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		if r.Header.Get("X-Last") != "" {
			w.Header().Set("Connection", "close") // GOAWAY
		}
		_, _ = io.WriteString(w, "ok")
	}, false)
	w := newWorld(t)
	w.connect("one")
	w.publish("https://wiki.test/", backend.URL, over2)
	client := w.client(http2)
	var running sync.WaitGroup
	for who := range 8 {
		running.Go(func() {
			for i := range 60 {
				req, _ := http.NewRequest("GET", "https://wiki.test/", nil)
				if who == 0 && i%5 == 0 {
					req.Header.Set("X-Last", "1")
				}
				res, err := client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(res.Body)
				if res.StatusCode != 200 || string(body) != "ok" || err != nil {
					t.Errorf("%d %q %v", res.StatusCode, body, err)
				}
			}
		})
	}
	running.Wait()
	if backend.connections.Load() < 5 {
		t.Errorf("%d connections: the backend did not go away", backend.connections.Load())
	}
}

// TestBackendHTTP2Retired: connections of an application that changed, or is gone, close when what they carry is done.
func TestBackendHTTP2Retired(t *testing.T) {
	release := make(chan struct{})
	backend := newH2C(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-release
		_, _ = io.WriteString(w, "whole")
	}, false)
	w := newWorld(t)
	w.connect("one")
	app := w.publish("https://wiki.test/", backend.URL, over2)
	res, err := w.client(http2).Get("https://wiki.test/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	w.change(func(c *access.Content) {
		changed := *app
		changed.Version++
		c.Applications[0] = &changed
	})
	w.settled()
	close(release)
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "whole" {
		t.Errorf("%q, %v", body, err)
	}
	w.until("the connection is closed", func() bool { return backend.open.Load() == 0 })
}

// TestBackendAuto: where the backend may choose, its choice is what is spoken; WebSockets and programs of HTTP/1.1 keep to that.
func TestBackendAuto(t *testing.T) {
	for _, protocol := range []string{"h2", "http/1.1", ""} {
		var saw atomic.Value
		backend := newH2C(t, func(w http.ResponseWriter, r *http.Request) { saw.Store(r.Proto) }, true)
		w := newWorld(t)
		c := w.connect("one")
		c.alpn = protocol
		w.publish("https://wiki.test/", strings.Replace(backend.URL, "http:", "https:", 1), func(a *access.Application) { a.BackendProtocol = access.BackendAuto; passthrough(a) })
		for range 3 {
			res, err := w.client(nil).Get("https://wiki.test/")
			if err != nil || res.StatusCode != 200 {
				t.Fatal(res, err)
			}
		}
		want := map[string]string{"h2": "HTTP/2.0"}[protocol]
		if want == "" {
			want = "HTTP/1.1"
		}
		if saw.Load() != want {
			t.Errorf("the backend chose %q and was spoken to by %v", protocol, saw.Load())
		}
		c.mu.Lock()
		first := c.opens[0]
		c.mu.Unlock()
		if fmt.Sprint(first.ALPN) != "[h2 http/1.1]" {
			t.Errorf("offered: %v", first.ALPN)
		}
	}
}

// TestBackendHTTP2Refused: where it must be HTTP/2, a connector that agreed on something else, being old, is an error; a refusal is one too.
func TestBackendHTTP2Refused(t *testing.T) {
	w := newWorld(t)
	c := w.connect("one")
	backend := httptest.NewServer(say("x"))
	defer backend.Close()
	w.publish("https://wiki.test/", strings.Replace(backend.URL, "http:", "https:", 1), over2)
	for _, refusal := range []*wire.Refusal{nil, {Phase: wire.PhaseTLS, Code: wire.CodeNoHTTP2, Message: "it does not"}} {
		c.mu.Lock()
		c.refuse = refusal
		c.mu.Unlock()
		res, err := w.client(nil).Get("https://wiki.test/")
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(res.Body); res.StatusCode != 502 || !strings.Contains(string(body), "postern:backend-no-http2") {
			t.Errorf("%v: %d %s", refusal, res.StatusCode, body)
		}
	}
}

// TestGRPCErrors: programs of gRPC get our errors as they understand them, by either front.
func TestGRPCErrors(t *testing.T) {
	w := newWorld(t)
	w.publish("https://wiki.test/", "http://127.0.0.1:9", nil)
	w.publish("https://other.test/", "http://127.0.0.1:9", passthrough)
	w.publish("https://open.test/", "http://127.0.0.1:9", func(a *access.Application) { a.Disabled = true; passthrough(a) })
	for _, test := range []struct {
		url, kind, status string
	}{
		{"https://wiki.test/a.B/C", "application/grpc", "16"},
		{"https://wiki.test/a.B/C", "application/grpc+proto", "16"},
		{"https://other.test/a.B/C", "application/grpc-web+proto", "14"},
		{"https://other.test/.postern/none", "application/grpc", "12"},
		{"https://other.test/%00", "application/grpc", "13"},
		{"https://wiki.test/a.B/C", "application/grpcs", ""},
		{"https://wiki.test/a.B/C", "application/json", ""},
	} {
		for name, client := range map[string]*http.Client{"HTTP/1.1": w.client(nil), "HTTP/2": w.client(http2)} {
			req, _ := http.NewRequest("POST", test.url, strings.NewReader("\x00\x00\x00\x00\x00"))
			req.Header.Set("Content-Type", test.kind)
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			h := res.Header
			if h.Get("Grpc-Status") != test.status {
				t.Errorf("%s %s: %d %v", name, test.url, res.StatusCode, h)
			}
			if test.status != "" && (res.StatusCode != 200 || len(body) > 0 || h.Get("Content-Type") != test.kind || h.Get("Grpc-Message") == "" || h.Get("Postern-Reference") == "") {
				t.Errorf("%s %s: %d %v %q", name, test.url, res.StatusCode, h, body)
			}
		}
	}
}

// TestGRPCCutShort: a stream of gRPC whose backend is lost in the middle ends with a status that says so.
func TestGRPCCutShort(t *testing.T) {
	backend := newH2C(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}, false)
	w := newWorld(t)
	w.connect("one")
	w.publish("https://wiki.test/", backend.URL, over2)
	req, _ := http.NewRequest("POST", "https://wiki.test/a.B/C", strings.NewReader("x"))
	req.Header.Set("Content-Type", "application/grpc")
	res, err := w.client(http2).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if string(body) != "begun" || err != nil || res.Trailer.Get("Grpc-Status") != "14" || res.Trailer.Get("Grpc-Message") == "" {
		t.Errorf("%q, %v, %v", body, err, res.Trailer)
	}
	w.until("the record", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.records) == 1 && w.records[0].Reason == "backend-failed" && !w.records[0].Complete
	})
}
