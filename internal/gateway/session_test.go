package gateway_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/gateway"
)

// TestSignIn walks the way from a page without a session to the page.
func TestSignIn(t *testing.T) {
	w, _, app := newSite(t)
	client := w.client(nil)
	res, _ := get(t, client, "https://wiki.test/mark?a=b", "Accept", "text/html")
	to, err := url.Parse(res.Header.Get("Location"))
	if err != nil || res.StatusCode != 302 || to.Host != "portal.test" {
		t.Fatalf("%s to %q", res.Status, to)
	}
	binding := ""
	for _, c := range res.Cookies() {
		if c.Name == "__Host-postern-binding" && c.Secure && c.HttpOnly && c.SameSite == http.SameSiteLaxMode && c.Path == "/" && c.Domain == "" {
			binding = c.Value
		}
	}
	sum := sha256.Sum256([]byte(binding))
	hash := base64.RawURLEncoding.EncodeToString(sum[:])
	want := strings.Join([]string{string(app.ID), "wiki.test", "/mark?a=b", hash}, "|")
	if got := to.Query().Get("request"); got != want {
		t.Fatalf("asked the portal for %q, want %q", got, want)
	}
	bound := "__Host-postern-binding=" + binding
	if res, _ := get(t, client, "https://wiki.test/x", "Accept", "text/html", "Cookie", bound); len(res.Cookies()) != 0 {
		t.Error("a second tab got another binding")
	}
	w.mu.Lock()
	w.codes["code "+string(app.ID)+" wiki.test "+hash] = "/mark?a=b"
	w.codes["evil "+string(app.ID)+" wiki.test "+hash] = "//evil.example/"
	w.mu.Unlock()
	for _, other := range []string{"", "__Host-postern-binding=" + strings.Repeat("A", 43), "__Host-postern-binding=x"} {
		if res, _ := get(t, client, "https://wiki.test/.postern/callback?code=code", "Cookie", other); res.StatusCode != 400 || len(res.Cookies()) != 0 {
			t.Errorf("the code was good in another browser: %s", res.Status)
		}
	}
	res, _ = get(t, client, "https://wiki.test/.postern/callback?code=code&state=x", "Cookie", bound)
	if res.StatusCode != 303 || res.Header.Get("Location") != "https://wiki.test/mark?a=b" || len(res.Cookies()) != 1 || res.Cookies()[0].Name != "__Host-postern-session" {
		t.Fatalf("%s to %q with %v", res.Status, res.Header.Get("Location"), res.Cookies())
	}
	session := "__Host-postern-session=" + res.Cookies()[0].Value
	if res, _ := get(t, client, "https://wiki.test/.postern/callback?code=code", "Cookie", bound); res.StatusCode != 400 {
		t.Errorf("the code was good twice: %s", res.Status)
	}
	if res, _ := get(t, client, "https://wiki.test/.postern/callback?code=evil", "Cookie", bound); res.Header.Get("Location") != "https://wiki.test/" {
		t.Errorf("sent to %q", res.Header.Get("Location"))
	}
	if res, body := get(t, client, "https://wiki.test/mark?a=b", "Cookie", session); res.StatusCode != 200 || body != "a=b " {
		t.Errorf("with the session: %s %q", res.Status, body)
	}
	// Signing out: only from a page of this host, and at once.
	if res, body := get(t, client, "https://wiki.test/.postern/sign-out", "Cookie", session); res.StatusCode != 200 || !strings.Contains(body, `method="post"`) {
		t.Errorf("sign-out page: %s", res.Status)
	}
	if res, _ := do(t, client, "POST", "https://wiki.test/.postern/sign-out", "", "Cookie", session, "Sec-Fetch-Site", "cross-site"); res.StatusCode != 400 {
		t.Errorf("signed out by another site: %s", res.Status)
	}
	res, _ = do(t, client, "POST", "https://wiki.test/.postern/sign-out", "", "Cookie", session, "Origin", "https://wiki.test")
	if res.StatusCode != 200 || len(res.Cookies()) != 1 || res.Cookies()[0].MaxAge >= 0 {
		t.Errorf("sign-out: %s %v", res.Status, res.Cookies())
	}
	w.until("the session is over", func() bool { return statusAs(t, client, "https://wiki.test/mark", session) == 401 })
}

func TestProgramsGetAnAnswer(t *testing.T) {
	w, _, _ := newSite(t)
	res, body := get(t, w.client(nil), "https://wiki.test/api", "Accept", "application/json")
	if res.StatusCode != 401 || res.Header.Get("Content-Type") != "application/problem+json" || res.Header.Get("Postern-Sign-In") != "https://wiki.test/" ||
		res.Header.Get("WWW-Authenticate") != `Bearer resource_metadata="https://wiki.test/.postern/oauth-protected-resource"` || !strings.Contains(body, "sign-in-required") {
		t.Errorf("%s %v %q", res.Status, res.Header, body)
	}
}

// TestNobodyElse: a session of another application or another user's lack of assignment lets nothing through.
func TestNobodyElse(t *testing.T) {
	w := newWorld(t)
	backend := newRecorder(t)
	w.connect("a")
	wiki := w.publish("https://wiki.test/", "http://"+backend.address, nil)
	other := w.publish("https://other.test/", "http://"+backend.address, nil)
	w.mu.Lock()
	delete(w.sessions, string(other.ID)+" other.test good")
	w.sessions[string(wiki.ID)+" wiki.test guest"] = access.Principal{User: "usr_guest", Session: "ses_guest"}
	w.mu.Unlock()
	client := w.client(nil)
	if res, _ := get(t, client, "https://other.test/", "Cookie", signedIn); res.StatusCode != 401 {
		t.Errorf("another application's cookie: %s", res.Status)
	}
	res, body := get(t, client, "https://wiki.test/", "Cookie", "__Host-postern-session=guest", "Accept", "text/html")
	if res.StatusCode != 403 || !strings.Contains(body, "not assigned") || !strings.Contains(body, res.Header.Get("Postern-Reference")) {
		t.Errorf("an unassigned user: %s %q", res.Status, body)
	}
	if got := backend.taken(); got != "" {
		t.Errorf("the backend got %q", got)
	}
	// Two applications at one host have a session cookie each.
	a := w.publish("https://open.test/a/", "http://"+backend.address, nil)
	w.publish("https://open.test/b/", "http://"+backend.address, nil)
	cookieOfA := "__Host-postern-session-" + strings.TrimPrefix(string(a.ID), "app_") + "=good"
	if res, _ := get(t, client, "https://open.test/a/", "Cookie", cookieOfA); res.StatusCode != 200 {
		t.Errorf("first application of a host: %s", res.Status)
	}
	if res, _ := get(t, client, "https://open.test/b/", "Cookie", cookieOfA); res.StatusCode != 401 {
		t.Errorf("second application with the first one's cookie: %s", res.Status)
	}
}

// TestCookies: ours reach no backend, the others arrive byte for byte.
func TestCookies(t *testing.T) {
	w := newWorld(t)
	backend := newRecorder(t)
	w.connect("a")
	w.publish("https://wiki.test/", "http://"+backend.address, nil)
	for _, test := range []struct{ sent, want string }{
		{"a=1; " + signedIn + "; b=2", "a=1; b=2"},
		{signedIn + "; a=\"x;y\"", "a=\"x;y\""},
		{signedIn + ";a=1;  b = 2 ;c", "a=1;  b = 2 ;c"},
		{"a=1; __HOST-POSTERN-x=1; __host_postern_y=2; " + signedIn, "a=1"},
		{signedIn + "; x__Host-postern-session=3", "x__Host-postern-session=3"},
		{signedIn, ""},
	} {
		backend.taken()
		c := w.tls("wiki.test")
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: wiki.test\r\nCookie: %s\r\nConnection: close\r\n\r\n", test.sent)
		io.Copy(io.Discard, c)
		got := ""
		for line := range strings.SplitSeq(backend.taken(), "\r\n") {
			if rest, ok := strings.CutPrefix(line, "Cookie: "); ok {
				got = rest
			}
		}
		if got != test.want {
			t.Errorf("%q became %q, want %q", test.sent, got, test.want)
		}
	}
}

// TestTranslation: what a backend says of itself becomes what browsers can use.
func TestTranslation(t *testing.T) {
	w := newWorld(t)
	backend := newRecorder(t)
	w.connect("a")
	w.publish("https://wiki.test/", "http://"+backend.address, nil)
	w.publish("https://open.test/a/", "http://"+backend.address+"/x/", passthrough)
	_, port, _ := net.SplitHostPort(backend.address)
	for _, test := range []struct{ url, header, sent, want string }{
		{"https://wiki.test/", "Location", "http://" + backend.address + "/login?a=b#c", "https://wiki.test/login?a=b#c"},
		{"https://wiki.test/", "Location", "//" + backend.address + "/login", "https://wiki.test/login"},
		{"https://wiki.test/", "Location", "/login", "/login"},
		{"https://wiki.test/", "Location", "login", "login"},
		{"https://wiki.test/", "Location", "https://elsewhere.example/x", "https://elsewhere.example/x"},
		{"https://wiki.test/", "Location", "http://127.0.0.1:1/x", "http://127.0.0.1:1/x"},
		{"https://wiki.test/", "Location", "http://127.0.0.1:" + port + "@evil.example/", "http://127.0.0.1:" + port + "@evil.example/"},
		{"https://wiki.test/", "Location", "http://wiki.test/x", "https://wiki.test/x"},
		{"https://wiki.test/", "Content-Location", "http://" + backend.address + "/doc", "https://wiki.test/doc"},
		{"https://wiki.test/", "Refresh", "5; url=http://" + backend.address + "/next", "5; url=https://wiki.test/next"},
		{"https://wiki.test/", "Set-Cookie", "a=b; Domain=127.0.0.1; Path=/; HttpOnly", "a=b; Domain=wiki.test; Path=/; HttpOnly"},
		{"https://wiki.test/", "Set-Cookie", "__Host-postern-session=evil; Path=/; Secure", ""},
		{"https://wiki.test/", "Set-Cookie", "__HOST_postern-binding=evil; Path=/", ""},
		{"https://wiki.test/", "Set-Cookie", "=__Host-postern-portal=evil; Domain=test; Path=/; Secure", ""},
		{"https://wiki.test/", "Set-Cookie", " = =__Host-postern-session=evil", ""},
		{"https://wiki.test/", "Set-Cookie", "__Host-postern-session", ""},
		{"https://wiki.test/", "Set-Cookie", "=a=b", "=a=b"},
		{"https://wiki.test/", "Alt-Svc", `h3=":443"; ma=86400`, ""},
		{"https://wiki.test/", "Postern-Sign-In", "https://evil.example/", ""},
		{"https://open.test/a/", "Location", "http://" + backend.address + "/x/in", "https://open.test/a/in"},
		{"https://open.test/a/", "Location", "/x/in?q=/x/", "/a/in?q=/x/"},
		{"https://open.test/a/", "Location", "/y", "/y"},
		{"https://open.test/a/", "Set-Cookie", "a=b; path=/x/", "a=b; path=/a/"},
	} {
		answer := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + test.header + ": " + test.sent + "\r\n\r\n"
		backend.answer.Store(&answer)
		res, _ := get(t, w.client(nil), test.url, "Cookie", signedIn)
		if got := res.Header.Get(test.header); got != test.want {
			t.Errorf("%s: %q became %q, want %q", test.header, test.sent, got, test.want)
		}
	}
}

// TestHostHeader: the backend is shown the internal or the external host, as the application says.
func TestHostHeader(t *testing.T) {
	w := newWorld(t)
	backend := newBackend(t, echo())
	w.connect("a")
	w.publish("https://wiki.test:8443/", backend.URL, func(a *access.Application) { a.HostHeader = access.HostExternal; passthrough(a) })
	if _, body := get(t, w.client(nil), "https://wiki.test/"); body != "GET wiki.test:8443 / " {
		t.Errorf("got %q", body)
	}
}

// TestConnectionAuthentication: a backend connection that is authenticated carries one client
// connection's requests and no other's (traefik#3792).
func TestConnectionAuthentication(t *testing.T) {
	w := newWorld(t)
	backend := newBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" && r.URL.Path != "/who" {
			w.Header().Set("WWW-Authenticate", "Negotiate")
			w.WriteHeader(401)
			return
		}
		io.WriteString(w, r.RemoteAddr)
	}))
	w.connect("a")
	w.connect("b")
	w.publish("https://wiki.test/", backend.URL, passthrough)
	ask := func(c net.Conn, in *bufio.Reader, path, header string) string {
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: wiki.test\r\n%s\r\n", path, header)
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		return string(body)
	}
	const login = "Authorization: Negotiate abc\r\n"
	seen := map[string]int{}
	for user := range 5 {
		c := w.tls("wiki.test")
		in := bufio.NewReader(c)
		ask(c, in, "/", "")
		first := ask(c, in, "/", login)
		for range 5 {
			if next := ask(c, in, "/who", ""); next != first {
				t.Errorf("user %d was moved from backend connection %s to %s", user, first, next)
			}
		}
		if other, ok := seen[first]; ok {
			t.Errorf("users %d and %d share backend connection %s", other, user, first)
		}
		seen[first] = user
	}
	res, _ := get(t, w.client(http2), "https://wiki.test/")
	if res.Proto != "HTTP/1.1" {
		t.Errorf("a host with such a backend still offers %s", res.Proto)
	}
}

// TestMisdirected: a connection is good for the hosts of its certificate and face.
func TestMisdirected(t *testing.T) {
	w, _, _ := newSite(t)
	c := w.tls("portal.test")
	fmt.Fprintf(c, "GET /mark HTTP/1.1\r\nHost: wiki.test\r\nCookie: %s\r\nConnection: close\r\n\r\n", signedIn)
	if text, _ := io.ReadAll(c); !strings.HasPrefix(string(text), "HTTP/1.1 421") {
		t.Errorf("an application on a connection made for the portal: %q", text)
	}
	c = w.tls("wiki.test")
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: portal.test\r\nConnection: close\r\n\r\n")
	if text, _ := io.ReadAll(c); !strings.HasPrefix(string(text), "HTTP/1.1 421") {
		t.Errorf("the portal on a connection made for an application: %q", text)
	}
	c = w.tls("wiki.test")
	fmt.Fprintf(c, "GET /mark HTTP/1.1\r\nHost: other.test\r\nCookie: %s\r\nConnection: close\r\n\r\n", signedIn)
	if text, _ := io.ReadAll(c); strings.HasPrefix(string(text), "HTTP/1.1 421") {
		t.Errorf("another application that the certificate covers: %q", text)
	}
	c = w.tls("portal.test")
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: wiki.example\r\nConnection: close\r\n\r\n")
	if text, _ := io.ReadAll(c); !strings.HasPrefix(string(text), "HTTP/1.1 421") {
		t.Errorf("a host that it does not cover: %q", text)
	}
}

func TestOverload(t *testing.T) {
	w, p, _ := newSite(t, func(c *gateway.Config) { c.Limits.AppExchanges = 2 })
	for range 2 {
		c, _, _ := w.socket("wiki.test", signedIn)
		defer c.Close()
		soon(t, "WebSocket began", p.begun)
	}
	res, _ := get(t, w.client(nil), "https://wiki.test/mark", "Cookie", signedIn)
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("beyond the limit: %s", res.Status)
	}
}

// TestOneAddressTakesNotAll: who has as many requests under way as one address may gets 429, not a word about the application.
func TestOneAddressTakesNotAll(t *testing.T) {
	w, p, _ := newSite(t, func(c *gateway.Config) { c.Limits.AddressExchanges = 2 })
	for range 2 {
		c, _, _ := w.socket("wiki.test", signedIn)
		defer c.Close()
		soon(t, "WebSocket began", p.begun)
	}
	for name, client := range map[string]*http.Client{"HTTP/1.1": w.client(nil), "HTTP/2": w.client(http2)} {
		res, _ := get(t, client, "https://wiki.test/mark", "Cookie", signedIn)
		if res.StatusCode != 429 || res.Header.Get("Retry-After") == "" {
			t.Errorf("%s beyond the limit: %s", name, res.Status)
		}
	}
	if n := w.metric("postern_gateway_refused_total"); n != 2 {
		t.Errorf("%v were counted", n)
	}
}

func TestRecordAndPresence(t *testing.T) {
	w, _, app := newSite(t)
	res, _ := do(t, w.client(nil), "POST", "https://wiki.test/mark?secret=1", "body", "Cookie", signedIn)
	w.until("the record", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.records) == 1 })
	w.mu.Lock()
	got := w.records[0]
	w.mu.Unlock()
	if got.FirstByte == 0 || got.Duration == 0 || got.Client == "" || got.Time.IsZero() {
		t.Errorf("record %+v", got)
	}
	got.FirstByte, got.Duration, got.Open, got.Client = 0, 0, 0, ""
	want := got
	want.Request, want.Gateway, want.Application, want.Connector = res.Header.Get("Postern-Reference"), "gtw_1", string(app.ID), "con_a"
	want.User, want.Session, want.Protocol, want.Method, want.Host, want.Path = "ada", "ses_ada", "HTTP/1.1", "POST", "wiki.test", "/mark"
	want.Status, want.Action, want.Received, want.Sent, want.Complete = 200, "allow", 4, 13, true
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	w.until("a proven connector", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.presence) == 0 {
			return false
		}
		last := w.presence[len(w.presence)-1]
		return last.Connector == "con_a" && last.Instance == "con_a" && last.Tunnels == 1 && !last.Echo.IsZero() && last.RoundTrip > 0
	})
}
