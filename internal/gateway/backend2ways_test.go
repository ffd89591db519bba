package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/gateway"
)

// secure2 publishes with HTTP/2 to the backend, for whom is signed in.
func secure2(a *access.Application) { a.BackendProtocol = access.BackendHTTP2 }

// TestBackendHTTP2Revoked: of two people on one connection to the backend, the one whose session ends is cut, and the other is not.
func TestBackendHTTP2Revoked(t *testing.T) {
	release := make(chan struct{})
	gone := make(chan struct{}, 1)
	backend := newH2C(t, func(w http.ResponseWriter, r *http.Request) {
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
	app := w.publish("https://wiki.test/", backend.URL, secure2)
	w.mu.Lock()
	eve := ada()
	eve.User, eve.Name, eve.Session = "usr_eve", "eve", "ses_eve"
	w.sessions[string(app.ID)+" wiki.test eve"] = eve
	w.mu.Unlock()
	ask := func(cookie string) *http.Response {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://wiki.test/", nil)
		req.Header.Set("Cookie", "__Host-postern-session="+cookie)
		res, err := w.client(http2).Do(req)
		if err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	hers, theirs := ask("good"), ask("eve")
	w.end(access.EndingSession, "ses_eve", func() { delete(w.sessions, string(app.ID)+" wiki.test eve") })
	if _, err := io.ReadAll(theirs.Body); err == nil {
		t.Error("who may no more goes on")
	}
	soon(t, "the backend sees it", gone)
	close(release)
	if body, err := io.ReadAll(hers.Body); err != nil || string(body) != "whole" {
		t.Errorf("the other: %q, %v", body, err)
	}
	if n := backend.connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestBackendHTTP2Apart: WebSockets, and requests of connections that backends authenticate, go by HTTP/1.1 on connections of their own.
func TestBackendHTTP2Apart(t *testing.T) {
	var protocols atomic.Value
	protocols.Store("")
	backend := newH2C(t, func(w http.ResponseWriter, r *http.Request) {
		protocols.Store(protocols.Load().(string) + r.Proto + " ")
		if r.Header.Get("Upgrade") == "websocket" {
			conn, buffered, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
				_, _ = io.CopyN(conn, buffered, 4)
				conn.Close()
			}
			return
		}
		if r.URL.Path == "/negotiate" && r.Header.Get("Authorization") == "" {
			w.Header().Set("Www-Authenticate", "Negotiate")
			w.WriteHeader(http.StatusUnauthorized)
		}
	}, true)
	w := newWorld(t)
	w.connect("one")
	w.publish("https://wiki.test/", backend.URL, secure2)
	c, in, res := w.socket("wiki.test", signedIn)
	echo := make([]byte, 4)
	if _, err := io.WriteString(c, "ping"); err != nil || res.StatusCode != 101 {
		t.Fatal(res.Status, err)
	}
	if _, err := io.ReadFull(in, echo); err != nil || string(echo) != "ping" {
		t.Errorf("%q, %v", echo, err)
	}
	client := w.client(nil)
	for _, path := range []string{"/", "/negotiate", "/negotiate"} {
		req := w.signedIn("GET", path, nil)
		if path == "/negotiate" && strings.HasSuffix(protocols.Load().(string), "HTTP/2.0 HTTP/2.0 ") {
			req.Header.Set("Authorization", "Negotiate abc")
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	if got := protocols.Load(); got != "HTTP/1.1 HTTP/2.0 HTTP/2.0 HTTP/1.1 " {
		t.Errorf("the backend was spoken to by %s", got)
	}
}

// TestBackendHTTP2TooSlow: a backend that does not answer in time is told of as with HTTP/1.1, to gRPC as the end of its deadline, and its
// other requests go on.
func TestBackendHTTP2TooSlow(t *testing.T) {
	release := make(chan struct{})
	backend := newH2C(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fast" {
			_ = http.NewResponseController(w).Flush()
			<-release
			_, _ = io.WriteString(w, "whole")
			return
		}
		<-r.Context().Done()
	}, false)
	w := newWorld(t)
	w.connect("one")
	w.publish("https://wiki.test/", backend.URL, func(a *access.Application) { secure2(a); a.BackendTimeout = time.Second })
	client := w.client(http2)
	var fast *http.Response
	w.until("the fast one has begun", func() (ok bool) { // again where the machine is too slow for it
		var err error
		if fast, err = client.Do(w.signedIn("GET", "/fast", nil)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { fast.Body.Close() })
		return fast.StatusCode == http.StatusOK
	})
	for kind, want := range map[string]string{"": "504 ", "application/grpc": "200 4"} {
		req := w.signedIn("POST", "/slow", strings.NewReader("x"))
		if kind != "" {
			req.Header.Set("Content-Type", kind)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if got := fmt.Sprint(res.StatusCode, " ", res.Header.Get("Grpc-Status")); got != want {
			t.Errorf("%q: %s, want %s", kind, got, want)
		}
	}
	close(release)
	if body, err := io.ReadAll(fast.Body); err != nil || string(body) != "whole" {
		t.Errorf("%q, %v", body, err)
	}
}

// TestBackendHTTP2Forwarded: HTTP/2 goes by another gateway, too, and when that one stops, what it carries finishes and new requests go
// elsewhere.
func TestBackendHTTP2Forwarded(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	backend := newH2C(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
		if r.URL.Path == "/slow" {
			_ = http.NewResponseController(w).Flush()
			close(begun)
			<-finish
			_, _ = io.WriteString(w, " finished")
		}
	}, false)
	list := replicasWith(t, func(c *gateway.Config) { c.Drain = patience }, "gtw_1", "gtw_2", "gtw_3")
	here := list[0]
	c := list[1].connect("far")
	app := list[1].publish("https://wiki.test/", backend.URL, secure2)
	here.settled()
	here.awaitFar(app)
	slow, err := here.client(nil).Do(here.signedIn("GET", "/slow", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Body.Close()
	awaitSignal(t, begun, "the slow answer begins")
	list[1].stop()
	c.w = list[2]
	c.dial()
	here.until("new requests go by the third gateway", func() bool {
		here.awaitFar(app)
		here.mu.Lock()
		defer here.mu.Unlock()
		return here.records[len(here.records)-1].Via == "gtw_3"
	})
	select {
	case <-list[1].done:
		t.Error("the gateway did not wait for what it carries")
	default:
	}
	close(finish)
	if body, err := io.ReadAll(slow.Body); err != nil || string(body) != "HTTP/2.0 finished" {
		t.Errorf("%q, %v", body, err)
	}
	awaitSignal(t, list[1].done, "the gateway's end")
}

// TestBackendHTTP2Lost: with a tunnel all exchanges of a connection are lost; those that may be sent again are, by another connector.
func TestBackendHTTP2Lost(t *testing.T) {
	var first atomic.Bool
	stuck := make(chan struct{})
	backend := newH2C(t, func(w http.ResponseWriter, r *http.Request) {
		if first.CompareAndSwap(false, true) {
			close(stuck)
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, "again")
	}, false)
	w := newWorld(t)
	_, tunnel, err := w.enrol("one").open()
	if err != nil {
		t.Fatal(err)
	}
	w.until("the tunnel is known", func() bool { return w.metric("postern_gateway_tunnels") == 1 })
	w.publish("https://wiki.test/", backend.URL, secure2)
	type answer struct {
		body []byte
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		res, err := w.client(http2).Do(w.signedIn("GET", "/", nil))
		if err != nil {
			got <- answer{err: err}
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		got <- answer{body, err}
	}()
	awaitSignal(t, stuck, "the backend has the request")
	w.connect("two")
	tunnel.NetConn().Close()
	if a := <-got; a.err != nil || string(a.body) != "again" {
		t.Errorf("%q, %v", a.body, a.err)
	}
}
