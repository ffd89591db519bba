package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/gateway"
	"postern/internal/wire"
	"postern/test/size"
)

// soon waits for a channel.
func soon[T any](t testing.TB, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("not in time: %s", what)
	}
	return v
}

// pages is a backend with all that streams.
type pages struct {
	begun chan struct{} // a download or a WebSocket began
	gone  chan struct{} // its backend noticed the end
}

func newPages() *pages {
	return &pages{begun: make(chan struct{}, 100), gone: make(chan struct{}, 100)}
}

func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/hash":
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		fmt.Fprintf(w, "%d %x %v", n, sum.Sum(nil), err)
	case "/endless", "/endless-known":
		if r.URL.Path == "/endless-known" {
			w.Header().Set("Content-Length", "1000000000000")
		}
		block := make([]byte, 32<<10)
		p.begun <- struct{}{}
		for r.Context().Err() == nil {
			if _, err := w.Write(block); err != nil {
				break
			}
		}
		p.gone <- struct{}{}
	case "/events":
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
			<-p.begun
		}
	case "/broken", "/broken-known":
		if r.URL.Path == "/broken-known" {
			w.Header().Set("Content-Length", "100000")
		}
		io.WriteString(w, strings.Repeat("x", 5000))
		w.(http.Flusher).Flush()
		conn, _, _ := http.NewResponseController(w).Hijack()
		conn.Close()
	case "/wait":
		io.Copy(io.Discard, r.Body) // or its server does not notice that the client is gone
		p.begun <- struct{}{}
		<-r.Context().Done()
		p.gone <- struct{}{}
	case "/hints":
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(103)
		w.Header().Set("ETag", `"x"`)
		io.WriteString(w, "done")
	case "/socket":
		p.socket(w)
	case "/mark":
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Mark", r.Header.Get("X-Mark"))
		fmt.Fprintf(w, "%s %s", r.URL.RawQuery, body)
	}
}

// socket answers 101 and echoes.
func (p *pages) socket(w http.ResponseWriter) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSet-Cookie: a=b\r\nSet-Cookie: __Host-postern-session=x\r\n\r\n")
	p.begun <- struct{}{}
	io.Copy(conn, rw)
	p.gone <- struct{}{}
}

func newSite(t testing.TB, options ...option) (*world, *pages, *access.Application) {
	w := newWorld(t, options...)
	p := newPages()
	backend := newBackend(t, p)
	w.connect("a")
	return w, p, w.publish("https://wiki.test/", backend.URL, nil)
}

func TestBodies(t *testing.T) {
	w, _, _ := newSite(t)
	body := make([]byte, 20<<20)
	for i := range body {
		body[i] = byte(rand.N(256))
	}
	want := fmt.Sprintf("%d %x <nil>", len(body), sha256.Sum256(body))
	for name, client := range map[string]*http.Client{"HTTP/1.1": w.client(nil), "HTTP/2": w.client(http2)} {
		for _, known := range []bool{true, false} {
			var reader io.Reader = bytes.NewReader(body)
			if !known {
				reader = struct{ io.Reader }{reader}
			}
			req, _ := http.NewRequest("PUT", "https://wiki.test/hash", reader)
			req.Header.Set("Cookie", signedIn)
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			if err != nil || string(got) != want {
				t.Errorf("%s, known length %v: %q, %v", name, known, got, err)
			}
			res.Body.Close()
		}
	}
}

// TestMarkers: no reply ever answers another request.
func TestMarkers(t *testing.T) {
	w, _, _ := newSite(t)
	w.connect("b")
	clients := []*http.Client{w.client(nil), w.client(http2)}
	var each sync.WaitGroup
	var next atomic.Int64
	for worker := range 200 {
		each.Go(func() {
			for {
				n := next.Add(1)
				if n > 2000 {
					return
				}
				mark := fmt.Sprintf("mark-%d-%s", n, strings.Repeat("y", rand.N(3000)))
				res, body := do(t, clients[worker%2], "POST", "https://wiki.test/mark?"+mark, mark, "Cookie", signedIn, "X-Mark", mark)
				if res.StatusCode != 200 || body != mark+" "+mark || res.Header.Get("X-Mark") != mark {
					t.Errorf("request %d got %d %q", n, res.StatusCode, body[:min(len(body), 60)])
				}
			}
		})
	}
	each.Wait()
}

// TestAbortedDownload: a reply that its backend broke off never looks complete.
func TestAbortedDownload(t *testing.T) {
	w, _, _ := newSite(t)
	for name, client := range map[string]*http.Client{"HTTP/1.1": w.client(nil), "HTTP/2": w.client(http2)} {
		for _, path := range []string{"/broken", "/broken-known"} {
			req, _ := http.NewRequest("GET", "https://wiki.test"+path, nil)
			req.Header.Set("Cookie", signedIn)
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, res.Body); err == nil {
				t.Errorf("%s %s: complete after %d bytes", name, path, n)
			}
			res.Body.Close()
		}
	}
	// Byte for byte: no last chunk, and no farewell of TLS that HTTP/1.0 would take for the end.
	for _, version := range []string{"1.1", "1.0"} {
		c := w.tls("wiki.test")
		fmt.Fprintf(c, "GET /broken HTTP/%s\r\nHost: wiki.test\r\nCookie: %s\r\n\r\n", version, signedIn)
		text, err := io.ReadAll(c)
		if err == nil || strings.Contains(string(text), "\r\n0\r\n") {
			t.Errorf("HTTP/%s: %v, ends in %q", version, err, text[max(0, len(text)-20):])
		}
	}
}

// TestClientLeaves: the backend stops working within a second.
func TestClientLeaves(t *testing.T) {
	w, p, _ := newSite(t)
	for name, client := range map[string]*http.Client{"HTTP/1.1": w.client(nil), "HTTP/2": w.client(http2)} {
		for _, path := range []string{"/wait", "/endless"} {
			ctx, leave := context.WithCancel(t.Context())
			req, _ := http.NewRequestWithContext(ctx, "GET", "https://wiki.test"+path, nil)
			req.Header.Set("Cookie", signedIn)
			go func() {
				if res, err := client.Do(req); err == nil {
					io.Copy(io.Discard, res.Body)
				}
			}()
			soon(t, "begun", p.begun)
			left := time.Now()
			leave()
			soon(t, name+path+" cancelled", p.gone)
			if d := time.Since(left); d > size.Of(patience, time.Second) {
				t.Errorf("%s %s: the backend noticed after %v", name, path, d)
			}
		}
	}
	w.until("all is over", func() bool { return w.metric("postern_gateway_exchanges") == 0 })
}

func TestServerSentEvents(t *testing.T) {
	w, p, _ := newSite(t)
	for _, client := range []*http.Client{w.client(nil), w.client(http2)} {
		req, _ := http.NewRequest("GET", "https://wiki.test/events", nil)
		req.Header.Set("Cookie", signedIn)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(res.Body)
		for i := range 3 {
			// The backend sends the next event only after this one has arrived.
			line, err := lines.ReadString('\n')
			if err != nil || line != fmt.Sprintf("data: %d\n", i) {
				t.Fatalf("event %d: %q, %v", i, line, err)
			}
			lines.ReadString('\n')
			p.begun <- struct{}{}
		}
		res.Body.Close()
	}
}

func TestInterimResponses(t *testing.T) {
	w, _, _ := newSite(t)
	c := w.tls("wiki.test")
	fmt.Fprintf(c, "GET /hints HTTP/1.1\r\nHost: wiki.test\r\nCookie: %s\r\nConnection: close\r\n\r\n", signedIn)
	text, _ := io.ReadAll(c)
	if !strings.HasPrefix(string(text), "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n") || !strings.HasSuffix(string(text), "\r\n\r\ndone") {
		t.Errorf("got %q", text)
	}
	c = w.tls("wiki.test")
	fmt.Fprintf(c, "POST /mark HTTP/1.1\r\nHost: wiki.test\r\nCookie: %s\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n", signedIn)
	in := bufio.NewReader(c)
	if line, err := in.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	io.WriteString(c, "body")
	if text, _ := io.ReadAll(in); !strings.HasSuffix(string(text), " body") {
		t.Errorf("got %q", text)
	}
}

// socket opens a WebSocket through the gateway.
func (w *world) socket(host, cookie string) (net.Conn, *bufio.Reader, *http.Response) {
	w.t.Helper()
	c := w.tls(host)
	fmt.Fprintf(c, "GET /socket HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", host, cookie)
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return c, in, res
}

func TestWebSocket(t *testing.T) {
	w, p, _ := newSite(t)
	c, in, res := w.socket("wiki.test", signedIn)
	if res.StatusCode != 101 || res.Header.Get("Upgrade") != "websocket" || strings.Join(res.Header["Set-Cookie"], ",") != "a=b" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	frame := append([]byte{0x82, 126, 4, 0}, bytes.Repeat([]byte("z"), 1024)...)
	for range 50 {
		got := make([]byte, len(frame))
		c.Write(frame)
		if _, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, frame) {
			t.Fatal("echo differs", err)
		}
	}
	c.Close()
	soon(t, "the backend's side is closed", p.gone)
	w.until("all is over", func() bool { return w.metric("postern_gateway_exchanges") == 0 })
	// Only a backend's 101 makes a raw connection.
	c = w.tls("wiki.test")
	fmt.Fprintf(c, "GET /mark HTTP/1.1\r\nHost: wiki.test\r\nCookie: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /admin HTTP/1.1\r\nHost: wiki.test\r\nConnection: close\r\n\r\n", signedIn)
	text, _ := io.ReadAll(c)
	if !strings.HasPrefix(string(text), "HTTP/1.1 200") || !strings.Contains(string(text), "HTTP/1.1 401") {
		t.Errorf("bytes after a refused upgrade: %q", text)
	}
}

// TestDisabledUserIsCut: an open WebSocket and a running download end when their user's session does.
func TestDisabledUserIsCut(t *testing.T) {
	w, p, app := newSite(t)
	for name, cut := range map[string]func(){
		"user": func() {
			w.end(access.EndingUser, "usr_ada", func() { delete(w.sessions, string(app.ID)+" wiki.test good") })
		},
		"session": func() {
			w.end(access.EndingSession, "ses_ada", func() { delete(w.sessions, string(app.ID)+" wiki.test good") })
		},
		"assignment": func() { w.change(func(c *access.Content) { c.Assignments = nil }) },
		"application": func() {
			w.change(func(c *access.Content) { off := *app; off.Disabled = true; c.Applications[0] = &off })
		},
		"deleted": func() { w.change(func(c *access.Content) { c.Applications = nil }) },
	} {
		t.Run(name, func(t *testing.T) {
			before := w.content
			w.mu.Lock()
			w.sessions[string(app.ID)+" wiki.test good"] = ada()
			w.mu.Unlock()
			c, in, res := w.socket("wiki.test", signedIn)
			if res.StatusCode != 101 {
				t.Fatal(res.Status)
			}
			soon(t, "WebSocket began", p.begun)
			ends := make(chan error, 3)
			for _, client := range []*http.Client{w.client(nil), w.client(http2)} {
				req, _ := http.NewRequest("GET", "https://wiki.test/endless", nil)
				req.Header.Set("Cookie", signedIn)
				res, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				soon(t, "download began", p.begun)
				go func() { _, err := io.Copy(io.Discard, res.Body); ends <- err }()
			}
			start := time.Now()
			cut()
			text, _ := io.ReadAll(in)
			if !bytes.Equal(text, []byte{0x88, 2, 0x03, 0xf0}) {
				t.Errorf("the WebSocket ended with %x, want a close frame 1008", text)
			}
			c.Close()
			for range 2 {
				if soon(t, "download cut", ends) == nil {
					t.Error("a cut download looks complete")
				}
			}
			if d := time.Since(start); d > size.Within(5*time.Second) {
				t.Errorf("cut after %v", d)
			}
			for range 3 {
				soon(t, "backend noticed", p.gone)
			}
			req, _ := http.NewRequest("GET", "https://wiki.test/mark", nil)
			req.Header.Set("Cookie", signedIn)
			if res, err := w.client(nil).Do(req); err == nil && res.StatusCode == 200 { // no handshake with a host that is not served
				t.Error("a new request is answered")
			}
			w.change(func(c *access.Content) { c.Applications, c.Assignments = before.Applications, before.Assignments })
			w.settled()
		})
	}
}

// TestStoreAway: who is known is served while nobody can look up sessions, who is not gets 503.
func TestStoreAway(t *testing.T) {
	w, _, app := newSite(t, func(c *gateway.Config) { c.Limits.SessionFresh = time.Nanosecond; c.Limits.SessionStale = time.Hour })
	client := w.client(nil)
	if res, _ := get(t, client, "https://wiki.test/mark", "Cookie", signedIn); res.StatusCode != 200 {
		t.Fatal(res.Status)
	}
	w.mu.Lock()
	w.away = true
	w.sessions[string(app.ID)+" wiki.test new"] = ada()
	w.mu.Unlock()
	if res, _ := get(t, client, "https://wiki.test/mark", "Cookie", signedIn); res.StatusCode != 200 {
		t.Errorf("a known session gets %s", res.Status)
	}
	res, _ := get(t, client, "https://wiki.test/mark", "Cookie", "__Host-postern-session=new", "Accept", "text/html")
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("an unknown session gets %s", res.Status)
	}
	// What ended is not honoured, however long it was known.
	w.end(access.EndingUser, "usr_ada", nil)
	w.until("the ended session is refused", func() bool { return statusAs(t, client, "https://wiki.test/mark", signedIn) == 503 })
}

func TestTimeoutsAndFailures(t *testing.T) {
	w := newWorld(t)
	p := newPages()
	backend := newBackend(t, p)
	w.publish("https://wiki.test/", backend.URL, func(a *access.Application) { a.BackendTimeout = time.Second })
	w.publish("https://slow.test/", backend.URL, func(a *access.Application) { a.IdleTimeout = time.Second })
	page := []string{"Cookie", signedIn, "Accept", "text/html"}
	client := w.client(nil)
	res, body := get(t, client, "https://wiki.test/", page...)
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || !strings.Contains(body, "Connector") || !strings.Contains(body, res.Header.Get("Postern-Reference")) {
		t.Errorf("without connector: %s %q", res.Status, body)
	}
	c := w.connect("a")
	res, _ = get(t, client, "https://wiki.test/wait", page...)
	if res.StatusCode != 504 {
		t.Errorf("slow backend: %s", res.Status)
	}
	for _, test := range []struct {
		refusal wire.Refusal
		status  int
		hop     string
	}{
		{wire.Refusal{Phase: wire.PhaseConnect, Code: "connection-refused"}, 502, "backend"},
		{wire.Refusal{Phase: wire.PhaseConnect, Code: "timeout", Timeout: true}, 504, "backend"},
		{wire.Refusal{Phase: wire.PhaseTLS, Code: "unknown-authority"}, 502, "backend"},
		{wire.Refusal{Phase: wire.PhaseLocal, Code: "denied"}, 502, "connector"},
		{wire.Refusal{Phase: wire.PhaseTarget, Code: "unknown"}, 503, "connector"},
		{wire.Refusal{Phase: "new-phase", Code: "unknown"}, 503, "connector"},
	} {
		c.mu.Lock()
		c.refuse = &test.refusal
		c.mu.Unlock()
		res, body = get(t, w.client(nil), "https://slow.test/mark", "Cookie", signedIn)
		var problem struct{ Hop, Reference, Type string }
		if err := json.Unmarshal([]byte(body), &problem); err != nil || res.StatusCode != test.status || problem.Hop != test.hop || problem.Reference == "" {
			t.Errorf("%s: %s %q", test.refusal.Phase, res.Status, body)
		}
		w.until("the record", func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			last := w.records[len(w.records)-1]
			return last.Request == problem.Reference && last.Hop == test.hop && last.Status == test.status && last.User == "ada"
		})
	}
	c.mu.Lock()
	c.refuse = nil
	c.mu.Unlock()
	start := time.Now()
	ws, in, _ := w.socket("slow.test", signedIn)
	defer ws.Close()
	if text, err := io.ReadAll(in); len(text) != 4 || time.Since(start) < 900*time.Millisecond {
		t.Errorf("an idle WebSocket ended with %x, %v after %v", text, err, time.Since(start))
	}
}

// TestMovesOn: a connector that refuses or is lost costs no request that can safely go elsewhere.
func TestMovesOn(t *testing.T) {
	w, p, _ := newSite(t)
	b := w.connect("b")
	b.mu.Lock()
	b.refuse = &wire.Refusal{Phase: wire.PhaseLimit, Code: "shutting-down"}
	b.mu.Unlock()
	client := w.client(nil)
	for range 10 {
		if res, _ := do(t, client, "POST", "https://wiki.test/mark", "body", "Cookie", signedIn); res.StatusCode != 200 {
			t.Errorf("beside a refusing connector: %s", res.Status)
		}
	}
	if w.metric("postern_gateway_moved_total") == 0 {
		t.Error("no request moved on")
	}
	b.mu.Lock()
	b.refuse = nil
	b.mu.Unlock()
	// Two GETs wait in the two tunnels; one tunnel dies, its GET goes on in the other.
	for range 2 {
		go func() {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://wiki.test/wait", nil)
			req.Header.Set("Cookie", signedIn)
			if res, err := w.client(nil).Do(req); err == nil {
				res.Body.Close()
			}
		}()
		soon(t, "waiting", p.begun)
	}
	b.session.Close()
	soon(t, "the lost GET is sent again", p.begun)
}

// TestConnectorDrains: what runs finishes, what comes goes elsewhere, and the drain ends.
func TestConnectorDrains(t *testing.T) {
	w, _, _ := newSite(t)
	b := w.connect("b")
	client := w.client(nil)
	stop := make(chan struct{})
	var each sync.WaitGroup
	for range 8 {
		each.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if res, _ := do(t, client, "POST", "https://wiki.test/mark", "x", "Cookie", signedIn); res.StatusCode != 200 {
					t.Errorf("during the drain: %s", res.Status)
				}
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := b.session.Drain(ctx); err != nil {
		t.Errorf("drain: %v", err)
	}
	close(stop)
	each.Wait()
}

// TestDrain: at a stop requests finish, WebSockets are told 1012.
func TestDrain(t *testing.T) {
	w, p, _ := newSite(t, func(c *gateway.Config) { c.Drain = patience })
	ws, in, _ := w.socket("wiki.test", signedIn)
	defer ws.Close()
	soon(t, "WebSocket began", p.begun)
	body, writer := io.Pipe()
	req, _ := http.NewRequest("PUT", "https://wiki.test/hash", body)
	req.Header.Set("Cookie", signedIn)
	answer := make(chan error, 1)
	go func() {
		res, err := w.client(nil).Do(req)
		if err == nil {
			_, err = io.ReadAll(res.Body)
			if res.StatusCode != 200 {
				err = fmt.Errorf("%s: %v", res.Status, res)
			}
		}
		answer <- err
	}()
	io.WriteString(writer, "begin")
	w.until("the upload runs", func() bool { return w.metric("postern_gateway_exchanges") == 2 })
	w.stop()
	w.until("no new connections", func() bool {
		c, err := w.tlsTo(w.address, "wiki.test")
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	io.WriteString(writer, "end")
	writer.Close()
	if err := soon(t, "the upload ends", answer); err != nil {
		t.Errorf("the upload during the drain: %v", err)
	}
	if text, _ := io.ReadAll(in); !bytes.Equal(text, []byte{0x88, 2, 0x03, 0xf4}) {
		t.Errorf("the WebSocket ended with %x, want a close frame 1012", text)
	}
	soon(t, "all has ended", w.done)
}
