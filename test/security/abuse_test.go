package security

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"postern/internal/posterntest"
	"postern/internal/wire"
	"postern/test/size"
)

// dialStranger dials from an address of its own: some limits are by address.
func dialStranger(w *world) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 66)}}
	return dialer.Dial("tcp", w.Address())
}

// maxGrowth is how much memory abuse may cost the service, the test's own side of it included.
const maxGrowth = 160 << 20

// perClient is what the two ends of a client's connection, and its exchange's way to the backend, may need on top of that
// in this process, which is all of them.
const perClient = 256 << 10

// abuse runs something hostile and asks meanwhile, as somebody who may, for a page: it always comes, and soon. It
// returns when the hostile part has ended, and fails if memory has grown.
func abuse(t *testing.T, w *world, cookie string, hostile func(t *testing.T)) {
	t.Helper()
	abuseBy(t, w, 0, cookie, hostile)
}

// abuseBy is abuse by many clients at once, which need memory too.
func abuseBy(t *testing.T, w *world, clients int, cookie string, hostile func(t *testing.T)) {
	t.Helper()
	bars{wait: size.Of(posterntest.Patience, 5*time.Second), growth: int64(maxGrowth + clients*perClient)}.abuse(t, w, cookie, hostile)
}

// Bars are what abuse may cost the others.
type bars struct {
	wait   time.Duration // for any page
	growth int64         // of resident memory
}

func (b bars) abuse(t *testing.T, w *world, cookie string, hostile func(t *testing.T)) {
	t.Helper()
	before := resident(t)
	over := make(chan struct{})
	var canary sync.WaitGroup
	var asked int
	var slowest time.Duration
	canary.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			start := time.Now()
			resp := w.exchange(t, "wiki", w.rawRequest("wiki", sessionCookie+"="+cookie))
			if resp.StatusCode != http.StatusOK {
				t.Errorf("the canary got %s", resp.Status)
			}
			asked++
			slowest = max(slowest, time.Since(start))
			select {
			case <-over:
				return
			case <-tick.C:
			}
		}
	})
	stop := sync.OnceFunc(func() { close(over); canary.Wait() })
	defer stop() // also when the hostile part ends the test
	hostile(t)
	grown := resident(t) - before
	stop()
	if slowest > b.wait {
		t.Errorf("the canary waited %v", slowest)
	}
	if grown > b.growth {
		t.Errorf("resident memory grew by %d MiB", grown>>20)
	}
	t.Logf("canary: %d requests, the slowest %v; memory %+d MiB", asked, slowest.Round(time.Millisecond), grown>>20)
}

// resident gives the resident memory of this process, which is service and attacker at once.
func resident(t testing.TB) int64 {
	t.Helper()
	debug.FreeOSMemory()
	fields := strings.Fields(string(must(os.ReadFile("/proc/self/statm"))(t)))
	return must(strconv.ParseInt(fields[1], 10, 64))(t) * int64(os.Getpagesize())
}

// TestAbuse lets strangers do what no client does. The service goes on serving, and its memory is bounded.
func TestAbuse(t *testing.T) {
	w := newWorld(t)
	w.Assign(w.wiki, w.User("canary"))
	w.Assign(w.wiki, w.User("marker")) // for who comes from here now: later this address has tried too much
	cookie, _ := w.session(t, "wiki", "canary")
	w.session(t, "wiki", "marker")
	tests := []struct {
		name string
		do   func(t *testing.T, w *world)
	}{
		{"idle connections", idleConnections},
		{"half handshakes and slow headers (CVE-2026-25949)", func(t *testing.T, w *world) {
			var both sync.WaitGroup
			both.Go(func() { halfHandshakes(t, w) })
			slowHeaders(t, w)
			both.Wait()
		}},
		{"header flood", headerFlood},
		{"rapid reset of HTTP/2 (CVE-2023-44487)", rapidReset},
		{"endless CONTINUATION of HTTP/2 (CVE-2023-45288)", continuationFlood},
		{"settings and pings of HTTP/2", pingFlood},
		{"sign-in flood", signInFlood},
		{"sign-in flood of many names", signInNames},
		{"enrolment flood", enrolFlood},
		{"guesses of set-up code and API keys", guesses},
		{"cookie stuffing", cookieStuffing},
		{"callback flood", callbackFlood},
		{"bodies without permission (GHSA-q8g9-jc4c-jp6q)", bodies},
		{"garbage at the tunnel face (CVE-2026-7776)", garbage},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			abuse(t, w, cookie, func(t *testing.T) { test.do(t, w) })
		})
	}
}

// many runs n at once and waits.
func many(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

func idleConnections(t *testing.T, w *world) {
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	half := func() net.Conn {
		conns = append(conns, must(dialStranger(w))(t))
		return conns[len(conns)-1]
	}
	whole := func() bool {
		return tls.Client(half(), &tls.Config{ServerName: "wiki.test.localhost", RootCAs: w.Roots}).Handshake() == nil
	}
	for range 500 {
		if !whole() {
			t.Fatal("a handshake was refused though none was left half done")
		}
	}
	// However long each takes here: at some point one address has as many half handshakes as it may.
	for len(conns) < 5000 {
		half()
		if len(conns)%50 == 0 && !whole() {
			w.Await("a handshake to be taken again, once the half ones have timed out", whole)
			return
		}
	}
	t.Errorf("of %d half handshakes none was refused", len(conns))
}

func halfHandshakes(t *testing.T, w *world) {
	many(200, func(i int) {
		conn, err := dialStranger(w)
		if err != nil {
			return
		}
		defer conn.Close()
		// The beginning of a ClientHello that never ends, and the 8 bytes of CVE-2026-25949.
		starts := []string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00\x00\x00\x08\x04\xd2\x16\x2f", "\x16", "PROXY TCP4 127.0.0.1 127.0.0.1 1 443\r\n", "GET / HTTP/1.1\r\n\r\n"}
		_, _ = io.WriteString(conn, starts[i%len(starts)])
		if i%20 != 0 {
			return
		}
		start := time.Now()
		_ = conn.SetReadDeadline(start.Add(posterntest.Patience))
		if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
			t.Errorf("a half handshake (%q) is open after %v", starts[i%len(starts)], time.Since(start))
		}
	})
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

func slowHeaders(t *testing.T, w *world) {
	many(100, func(i int) {
		conn := w.dial(t, "wiki")
		defer conn.Close()
		_, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n", w.host("wiki"))
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for start := time.Now(); err == nil; <-tick.C {
			if _, err = fmt.Fprintf(conn, "X-%d: a\r\n", i); time.Since(start) > 25*time.Second {
				t.Error("a header may take 25 s")
				return
			}
		}
	})
}

func headerFlood(t *testing.T, w *world) {
	many(50, func(i int) {
		conn := w.dial(t, "wiki")
		defer conn.Close()
		_, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n", w.host("wiki"))
		line := fmt.Sprintf("X-%d: %s\r\n", i, strings.Repeat("a", 4000))
		sent := 0
		for ; err == nil && sent < 16<<20; sent += len(line) {
			_, err = io.WriteString(conn, line)
		}
		if err == nil {
			t.Errorf("a header of %d bytes was taken", sent)
		}
	})
}

// h2 is an HTTP/2 connection of somebody who knows the protocol too well.
type h2 struct {
	*http2.Framer
	conn *tls.Conn
	head bytes.Buffer
	enc  *hpack.Encoder
}

func newH2(t testing.TB, w *world, app string, settings ...http2.Setting) *h2 {
	t.Helper()
	h := &h2{conn: w.dial(t, app, "h2")}
	h.enc = hpack.NewEncoder(&h.head)
	h.Framer = http2.NewFramer(h.conn, h.conn)
	_ = must(io.WriteString(h.conn, http2.ClientPreface))(t)
	check(t, h.WriteSettings(settings...))
	return h
}

// get opens a stream with a GET.
func (h *h2) get(id uint32, authority, path string, fields ...string) error {
	h.head.Reset()
	for i, field := range append([]string{":method", "GET", ":scheme", "https", ":authority", authority, ":path", path}, fields...) {
		if i%2 == 1 {
			continue
		}
		all := append([]string{":method", "GET", ":scheme", "https", ":authority", authority, ":path", path}, fields...)
		_ = h.enc.WriteField(hpack.HeaderField{Name: field, Value: all[i+1]}) // a buffer takes everything
	}
	return h.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: h.head.Bytes(), EndStream: true, EndHeaders: true})
}

// drop reads and forgets what the other side says, until the connection ends.
func (h *h2) drop(running *sync.WaitGroup) {
	running.Go(func() { _, _ = io.Copy(io.Discard, h.conn) })
}

func rapidReset(t *testing.T, w *world) {
	var running sync.WaitGroup
	many(10, func(int) {
		h := newH2(t, w, "wiki")
		h.drop(&running)
		for id := uint32(1); id < 10_000; id += 2 {
			if h.get(id, w.host("wiki"), "/") != nil || h.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
				break
			}
		}
		h.conn.Close()
	})
	running.Wait()
}

func continuationFlood(t *testing.T, w *world) {
	var running sync.WaitGroup
	many(10, func(int) {
		h := newH2(t, w, "wiki")
		h.drop(&running)
		err := h.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
		sent := 0
		for block := bytes.Repeat([]byte{0x00, 0x01, 'a', 0x01, 'b'}, 3000); err == nil && sent < 32<<20; sent += len(block) {
			err = h.WriteContinuation(1, false, block)
		}
		if err == nil {
			t.Errorf("%d bytes of CONTINUATION were taken", sent)
		}
		h.conn.Close()
	})
	running.Wait()
}

func pingFlood(t *testing.T, w *world) {
	many(10, func(int) {
		h := newH2(t, w, "wiki") // nobody reads the answers
		_ = h.conn.SetWriteDeadline(time.Now().Add(3 * time.Second))
		var err error
		for i := 0; err == nil && i < 200_000; i++ {
			if err = h.WritePing(false, [8]byte{}); err == nil && i%10 == 0 {
				err = h.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(i)})
			}
		}
		h.conn.Close()
	})
}

// signInFlood guesses one password many times at once. Each guess costs 64 MiB while it is checked, so the number
// of checks at once is what memory depends on.
func signInFlood(t *testing.T, w *world) { signIns(t, w, func(int) string { return "owner" }) }

func signInNames(t *testing.T, w *world) {
	signIns(t, w, func(i int) string { return fmt.Sprintf("nobody%d", i) })
}

func signIns(t *testing.T, w *world, name func(int) string) {
	b := w.Browser()
	var peak int64
	done := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, int64(m.HeapInuse))
			}
		}
	})
	many(200, func(i int) {
		form := url.Values{"name": {name(i)}, "password": {"wrong horse battery"}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.PortalURL+"/sign-in", strings.NewReader(form.Encode()))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := b.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("a wrong password: %s", resp.Status)
		}
	})
	close(done)
	watch.Wait()
	if peak > 1<<30 {
		t.Errorf("the heap had %d MiB", peak>>20)
	}
}

func enrolFlood(t *testing.T, w *world) {
	token := newToken(t, w.System, "flood")
	token.Secret = strings.Repeat("x", 43)
	config := tunnelTLS(nil)
	config.NextProtos = []string{wire.ProtocolAgent}
	limited := make(chan bool, 400)
	many(20, func(int) {
		for range 20 {
			conn, err := tls.Dial("tcp", w.Address(), config)
			if err != nil {
				return
			}
			body := fmt.Sprintf(`{"version":1,"tokenId":%q,"secret":%q,"csr":"%s"}`, token.ID, token.Secret, strings.Repeat("A", 20_000))
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", wire.PathEnrol, len(body), body)
			answer, _ := io.ReadAll(conn)
			conn.Close()
			limited <- bytes.Contains(answer, []byte(" 429 "))
		}
	})
	close(limited)
	n := 0
	for hit := range limited {
		n += btoi(hit)
	}
	if n == 0 {
		t.Error("400 enrolments at once were all looked at")
	}
}

func guesses(t *testing.T, w *world) {
	conn := newRaw(t, w, "admin")
	for i := range 300 {
		body := fmt.Sprintf(`{"code":"%043d","name":"eve","password":"correct horse battery"}`, i)
		setup := fmt.Sprintf("POST /api/v1/setup HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", w.host("admin"), len(body), body)
		key := fmt.Sprintf("GET /api/v1/users HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer postern-key-1.%043d\r\n\r\n", w.host("admin"), i)
		for _, request := range []string{setup, key} {
			if status := conn.ask(request); status < 400 {
				t.Fatalf("status %d for %s", status, request)
			}
		}
	}
}

func cookieStuffing(t *testing.T, w *world) {
	conn := newRaw(t, w, "wiki")
	for i := range 300 {
		var cookies []string
		for j := range 200 {
			cookies = append(cookies, fmt.Sprintf("%s=%d-%d", []string{bindingCookie, sessionCookie, portalCookie, "a"}[j%4], i, j))
		}
		if status := conn.ask(w.rawRequest("wiki", strings.Join(cookies, "; "), "Sec-Fetch-Mode: navigate")); status != http.StatusFound {
			t.Fatalf("status %d", status)
		}
	}
}

// callbackFlood shows codes that were never given. They are noted, so they must not fill the database.
func callbackFlood(t *testing.T, w *world) {
	conn := newRaw(t, w, "wiki")
	for i := range 1000 {
		request := strings.Replace(w.rawRequest("wiki", bindingCookie+"="+strings.Repeat("A", 43)), "GET / ", fmt.Sprintf("GET /.postern/callback?code=%d ", i), 1)
		if status := conn.ask(request); status != http.StatusBadRequest {
			t.Fatalf("status %d", status)
		}
	}
	// Strangers may have used up what they can write. The end of a user's session is written in any case, after all before it.
	check(t, w.API.Users.RevokeSessions(t.Context(), found(t, w.System, "SELECT id FROM users WHERE name = 'marker'")[0]))
	noted(t, w.System, "SELECT id FROM sign_ins WHERE event = 'sign-out' AND user_name = 'marker'")
	list := found(t, w.System, "SELECT reason FROM sign_ins WHERE event = 'hand-over' AND result = 'failure' AND known = 0")
	if n := len(list) + len(refusals(t, w.System, "session.hand-off")); n > 200 {
		t.Errorf("1,000 requests of a stranger made %d entries in the logs", n)
	}
}

// bodies sends bodies of 1 GiB, announced or in chunks, to whatever answers strangers.
func bodies(t *testing.T, w *world) {
	at := []struct{ host, path string }{{"wiki", "/"}, {"portal", "/sign-in"}, {"admin", "/api/v1/setup"}, {"wiki", "/.postern/sign-out"}, {"admin", "/api/v1/users"}}
	many(2*len(at), func(i int) {
		to := at[i/2]
		conn := w.dial(t, to.host)
		defer conn.Close()
		framing, chunk := "Content-Length: 1073741824", strings.Repeat("a", 1<<16)
		if i%2 == 1 {
			framing, chunk = "Transfer-Encoding: chunked", "10000\r\n"+chunk+"\r\n"
		}
		_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nSec-Fetch-Site: same-origin\r\n%s\r\n\r\n", to.path, w.host(to.host), framing)
		sent := 0
		for ; err == nil && sent < 64<<20; sent += len(chunk) {
			_, err = io.WriteString(conn, chunk)
		}
		if err == nil {
			t.Errorf("%s%s took %d bytes of a stranger (%s)", to.host, to.path, sent, framing)
		}
	})
}

func garbage(t *testing.T, w *world) {
	many(50, func(i int) {
		conn, err := tls.Dial("tcp", w.Address(), tunnelTLS(nil))
		if err != nil {
			return
		}
		defer conn.Close()
		check(t, conn.SetDeadline(time.Now().Add(posterntest.Patience)))
		_, _ = conn.Write(bytes.Repeat([]byte{byte(i)}, 1<<16))
		if _, err := io.Copy(io.Discard, conn); err == nil || isTimeout(err) {
			t.Errorf("somebody without a certificate is not turned away: %v", err)
		}
	})
}
