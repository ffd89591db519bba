// Package security proves what Postern promises about those who may not: every way in which
// somebody tries to reach what is not theirs, end to end over real TLS, with a backend that
// remembers every byte and every connection.
package security

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/test/size"
)

// cutWithin is how soon open traffic ends once it is no longer allowed.
var cutWithin = size.Within(5 * time.Second)

// cookies of ours.
const (
	sessionCookie = "__Host-postern-session"
	bindingCookie = "__Host-postern-binding"
	portalCookie  = "__Host-postern-portal"
)

// world is a service with a connector and two applications, each with a backend of its own.
type world struct {
	*posterntest.System
	connector *posterntest.Connector
	wiki      api.Application
	files     api.Application
	backend   *posterntest.Backend // of wiki
}

func newWorld(t *testing.T, options ...posterntest.Option) *world {
	t.Helper()
	w := &world{System: posterntest.New(t, options...)}
	w.connector = w.Connector("site")
	w.backend = posterntest.NewBackend(t, http.HandlerFunc(page))
	w.wiki = w.Publish("wiki", w.backend.URL)
	w.files = w.Publish("files", posterntest.NewBackend(t, http.HandlerFunc(page)).URL)
	return w
}

func page(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	fmt.Fprintf(w, "private page %s", r.URL.Path)
}

// untouched fails the test if the backend was reached at all since it was last asked.
func untouched(t *testing.T, b *posterntest.Backend) {
	t.Helper()
	if got := b.Bytes(); len(got) > 0 {
		t.Errorf("the backend got %d bytes: %.200q", len(got), got)
	}
	if n := b.Connections(); n > 0 {
		t.Errorf("the backend got %d connections", n)
	}
}

// cookieOf gives a cookie that a browser holds for a URL.
func cookieOf(t testing.TB, b *posterntest.Browser, at, name string) string {
	t.Helper()
	for _, c := range b.Jar.Cookies(must(url.Parse(at))(t)) {
		if c.Name == name {
			return c.Value
		}
	}
	t.Fatalf("the browser has no cookie %s for %s", name, at)
	return ""
}

// session signs a new browser in at an application and gives the session cookie's value.
func (w *world) session(t testing.TB, app, user string) (string, *posterntest.Browser) {
	t.Helper()
	b := w.Browser()
	p := b.SignIn(w.URL(app, "/"), user)
	if p.StatusCode != http.StatusOK {
		t.Fatalf("%s at %s: %s", user, app, p.Status)
	}
	return cookieOf(t, b, w.URL(app, "/"), sessionCookie), b
}

// host gives the authority of an application.
func (w *world) host(app string) string { return fmt.Sprintf("%s.test.localhost:%d", app, w.Port()) }

// dial opens a TLS connection to the service as a browser at a host does.
func (w *world) dial(t testing.TB, app string, protocols ...string) *tls.Conn {
	t.Helper()
	conn := must(tls.Dial("tcp", w.Address(), &tls.Config{
		ServerName: app + ".test.localhost", RootCAs: w.Roots, NextProtos: protocols,
	}))(t)
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(posterntest.Patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// rawRequest gives the bytes of a GET with one cookie header and further header lines.
func (w *world) rawRequest(app, cookie string, lines ...string) string {
	text := "GET / HTTP/1.1\r\nHost: " + w.host(app) + "\r\n"
	if cookie != "" {
		text += "Cookie: " + cookie + "\r\n"
	}
	return text + strings.Join(append(lines, "", ""), "\r\n")
}

// exchange sends bytes on a connection of its own and gives the status of the answer.
func (w *world) exchange(t testing.TB, app, request string) *http.Response {
	t.Helper()
	return must(w.tryExchange(t, app, request))(t)
}

// tryExchange does so for a request that may be cut while it is under way.
func (w *world) tryExchange(t testing.TB, app, request string) (*http.Response, error) {
	t.Helper()
	conn := w.dial(t, app)
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		return nil, err
	}
	return http.ReadResponse(bufio.NewReader(conn), nil)
}

// The ways in which a client can ask.
var ways = []struct {
	name  string
	lines []string
}{
	{"page", []string{"Sec-Fetch-Mode: navigate", "Accept: text/html"}},
	{"program", []string{"Accept: application/json"}},
	{"WebSocket", []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}},
}

// must gives a value or ends the test: must(f())(t).
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
