package gateway_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"postern/internal/access"
)

// TestRawRequests sends bytes as no well-behaved client does and looks at the status and at what
// reached the backend. A row's want is the request line that the backend must have got, "" for not
// one byte; lack names what must not be in what it got.
func TestRawRequests(t *testing.T) {
	w := newWorld(t)
	backend := newRecorder(t)
	w.connect("a")
	w.publish("https://wiki.test/", "http://"+backend.address, nil)
	w.publish("https://raw.test/", "http://"+backend.address, func(a *access.Application) { a.AllowRawPaths = true })
	w.publish("https://open.test/a/", "http://"+backend.address+"/x/", passthrough)
	w.publish("https://open.test/b/", "http://"+backend.address+"/b/", func(a *access.Application) { passthrough(a); a.AllowRawPaths = true })
	const ok = "Host: wiki.test\r\nCookie: " + signedIn + "\r\n"
	const raw = "Host: raw.test\r\nCookie: " + signedIn + "\r\n"
	const open = "Host: open.test\r\n"
	tests := []struct {
		name    string
		request string
		status  int
		want    string
		lack    string
	}{
		{"plain", "GET / HTTP/1.1\r\n" + ok, 200, "GET / HTTP/1.1", signedIn},
		{"bytes of path and query kept", "GET /a%20b/%C3%A4?q=%2F..%00&&x=\\;// HTTP/1.1\r\n" + ok, 200, "GET /a%20b/%C3%A4?q=%2F..%00&&x=\\;// HTTP/1.1", ""},
		{"empty query kept", "GET /a? HTTP/1.1\r\n" + ok, 200, "GET /a? HTTP/1.1", ""},
		{"odd but clear characters", "GET /a|b^c{d}~!$&'()*+,=:@ HTTP/1.1\r\n" + ok, 200, "GET /a|b^c{d}~!$&'()*+,=:@ HTTP/1.1", ""},
		{"three dots are a name", "GET /.../a HTTP/1.1\r\n" + ok, 200, "GET /.../a HTTP/1.1", ""},
		{"dot segments VULN-141859", "GET /a/../admin HTTP/1.1\r\n" + ok, 400, "", ""},
		{"dot segment at the end", "GET /a/.. HTTP/1.1\r\n" + ok, 400, "", ""},
		{"single dot", "GET /./a HTTP/1.1\r\n" + ok, 400, "", ""},
		{"escaped dots", "GET /a/%2e%2e/admin HTTP/1.1\r\n" + ok, 400, "", ""},
		{"half escaped dots", "GET /a/.%2E/admin HTTP/1.1\r\n" + ok, 400, "", ""},
		{"escaped slash CVE-2026-48020", "GET /a%2fb HTTP/1.1\r\n" + ok, 400, "", ""},
		{"escaped backslash", "GET /a%5cb HTTP/1.1\r\n" + ok, 400, "", ""},
		{"backslash", "GET /a\\..\\b HTTP/1.1\r\n" + ok, 400, "", ""},
		{"parameter", "GET /a;/../b HTTP/1.1\r\n" + ok, 400, "", ""},
		{"session parameter", "GET /a;jsessionid=1 HTTP/1.1\r\n" + ok, 400, "", ""},
		{"empty segment", "GET /a//b HTTP/1.1\r\n" + ok, 400, "", ""},
		{"leading slashes", "GET //evil.test/a HTTP/1.1\r\n" + ok, 400, "", ""},
		{"double escape", "GET /a%252e%252e/b HTTP/1.1\r\n" + ok, 400, "", ""},
		{"NUL", "GET /a%00b HTTP/1.1\r\n" + ok, 400, "", ""},
		{"escaped newline", "GET /a%0d%0ab HTTP/1.1\r\n" + ok, 400, "", ""},
		{"escaped DEL", "GET /a%7f HTTP/1.1\r\n" + ok, 400, "", ""},
		{"broken escape", "GET /a%zz HTTP/1.1\r\n" + ok, 400, "", ""},
		{"cut escape", "GET /a%2 HTTP/1.1\r\n" + ok, 400, "", ""},
		{"overlong slash", "GET /a%c0%af..%c0%afb HTTP/1.1\r\n" + ok, 400, "", ""},
		{"overlong dot", "GET /a/%e0%80%ae%c0%ae/b HTTP/1.1\r\n" + ok, 400, "", ""},
		{"accents of two encodings", "GET /%c0/%e0%a4%85/%c3%80 HTTP/1.1\r\n" + ok, 200, "GET /%c0/%e0%a4%85/%c3%80 HTTP/1.1", ""},
		{"signed escape", "GET /a%+1 HTTP/1.1\r\n" + ok, 400, "", ""},
		{"fragment GHSA-pxq7-h93f-9jrg", "GET /admin#/public HTTP/1.1\r\n" + ok, 400, "", ""},
		{"fragment in query GHSA-7rh7-c77v-6434", "GET /admin?a#/public HTTP/1.1\r\n" + ok, 400, "", ""},
		{"control", "GET /a\x01b HTTP/1.1\r\n" + ok, 400, "", ""},
		{"tab", "GET /a\tb HTTP/1.1\r\n" + ok, 400, "", ""},
		{"beyond ASCII", "GET /\xc3\xa4 HTTP/1.1\r\n" + ok, 400, "", ""},
		{"no slash CVE-2026-33186", "GET admin HTTP/1.1\r\n" + ok, 400, "", ""},
		{"absolute form", "GET https://wiki.test/ HTTP/1.1\r\n" + ok, 200, "GET / HTTP/1.1", "https://"},
		{"absolute form zrok 2.0.3", "GET http://wiki.test/ HTTP/1.1\r\n" + ok, 421, "", ""},
		{"absolute form of another host", "GET http://169.254.169.254/ HTTP/1.1\r\n" + ok, 400, "", ""},
		{"asterisk", "OPTIONS * HTTP/1.1\r\n" + ok, 400, "", ""},
		{"CONNECT", "CONNECT wiki.test:443 HTTP/1.1\r\n" + ok, 501, "", ""},
		{"TRACE", "TRACE / HTTP/1.1\r\n" + ok, 405, "", ""},
		{"TRACK", "TRACK / HTTP/1.1\r\n" + ok, 405, "", ""},
		{"no host", "GET / HTTP/1.1\r\nCookie: " + signedIn + "\r\n", 400, "", ""},
		{"two hosts", "GET / HTTP/1.1\r\n" + ok + "Host: other.test\r\n", 400, "", ""},
		{"host with user", "GET / HTTP/1.1\r\nHost: a@wiki.test\r\nCookie: " + signedIn + "\r\n", 400, "", ""},
		{"host with path", "GET / HTTP/1.1\r\nHost: wiki.test/x\r\nCookie: " + signedIn + "\r\n", 400, "", ""},
		{"host with dot at the end", "GET / HTTP/1.1\r\nHost: wiki.test.\r\nCookie: " + signedIn + "\r\n", 400, "", ""},
		{"host with bad port", "GET / HTTP/1.1\r\nHost: wiki.test:0443x\r\nCookie: " + signedIn + "\r\n", 400, "", ""},
		{"host with empty port", "GET / HTTP/1.1\r\nHost: wiki.test:\r\nCookie: " + signedIn + "\r\n", 400, "", ""},
		{"host in capitals is the same", "GET / HTTP/1.1\r\nHost: WIKI.test:443\r\nCookie: " + signedIn + "\r\n", 200, "GET / HTTP/1.1", ""},
		{"host without certificate", "GET / HTTP/1.1\r\nHost: evil.example\r\n", 421, "", ""},
		{"host without application", "GET / HTTP/1.1\r\nHost: nothing.test\r\n", 404, "", ""},
		{"space before colon", "GET / HTTP/1.1\r\nHost : wiki.test\r\n", 400, "", ""},
		{"obsolete folding of a header", "GET / HTTP/1.1\r\n" + ok + "X-A: b\r\n c\r\n", 400, "", ""},
		{"two lengths", "POST / HTTP/1.1\r\n" + ok + "Content-Length: 1\r\nContent-Length: 2\r\n", 400, "", ""},
		{"negative length", "POST / HTTP/1.1\r\n" + ok + "Content-Length: -1\r\n", 400, "", ""},
		{"unknown coding", "POST / HTTP/1.1\r\n" + ok + "Transfer-Encoding: xchunked\r\n", 501, "", ""},
		{"folded length GHSA-6jwx-7vp4-9847", "GET / HTTP/1.1\r\n" + ok + "Content_Length: 5\r\n", 200, "GET / HTTP/1.1", "Content_Length"},
		{"h2c upgrade frp 0.70", "GET / HTTP/1.1\r\n" + ok + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n", 200, "GET / HTTP/1.1", "pgrade"},
		{"no session", "GET / HTTP/1.1\r\nHost: wiki.test\r\n", 401, "", ""},
		{"no session, page", "GET / HTTP/1.1\r\nHost: wiki.test\r\nAccept: text/html\r\n", 302, "", ""},
		{"no session, form", "POST /save HTTP/1.1\r\nHost: wiki.test\r\nAccept: text/html\r\nContent-Length: 0\r\n", 303, "", ""},
		{"no session, script that asks for HTML", "GET / HTTP/1.1\r\nHost: wiki.test\r\nAccept: text/html\r\nSec-Fetch-Mode: cors\r\n", 401, "", ""},
		{"no session, XHR", "GET / HTTP/1.1\r\nHost: wiki.test\r\nAccept: text/html\r\nX-Requested-With: XMLHttpRequest\r\n", 401, "", ""},
		{"malformed cookie CVE-2026-25748", "GET / HTTP/1.1\r\nHost: wiki.test\r\nCookie: =;;\x80;__Host-postern-session\r\n", 401, "", ""},
		{"bit-flipped cookie", "GET / HTTP/1.1\r\nHost: wiki.test\r\nCookie: __Host-postern-session=gooe\r\n", 401, "", ""},
		{"cookie name in capitals is not ours to read", "GET / HTTP/1.1\r\nHost: wiki.test\r\nCookie: __HOST-postern-session=good\r\n", 401, "", ""},
		{"nameless session cookie", "GET / HTTP/1.1\r\nHost: wiki.test\r\nCookie: =" + signedIn + "\r\n", 401, "", ""},
		{"two different session cookies", "GET / HTTP/1.1\r\nHost: wiki.test\r\nCookie: " + signedIn + "; __Host-postern-session=x\r\n", 401, "", ""},
		{"health check's User-Agent GHSA-5hvv-m4w4-gf6v", "GET / HTTP/1.1\r\nHost: wiki.test\r\nUser-Agent: kube-probe/1.30\r\n", 401, "", ""},
		{"X-Forwarded-Uri CVE-2026-40575", "GET /admin HTTP/1.1\r\nHost: wiki.test\r\nX-Forwarded-Uri: /.postern/sign-out\r\n", 401, "", ""},
		{"Proxy-Authorization frp CVE-2026-40910", "GET / HTTP/1.1\r\n" + ok + "Proxy-Authorization: Basic eDp5\r\nAuthorization: Basic YTpi\r\n", 200, "Authorization: Basic YTpi", "Proxy-Auth"},
		{"reserved path", "GET /.postern/unknown HTTP/1.1\r\n" + ok, 404, "", ""},
		{"reserved path, escaped", "GET /%2epostern/unknown HTTP/1.1\r\n" + ok, 400, "", ""},
		{"reserved path by letters", "GET /.%70ostern/callback HTTP/1.1\r\n" + ok, 404, "", ""},
		{"reserved path, raw application", "GET /x/..;/%2epostern//sign-out HTTP/1.1\r\n" + raw, 400, "", ""},
		{"raw application: parameter", "GET /a;b=c HTTP/1.1\r\n" + raw, 200, "GET /a;b=c HTTP/1.1", ""},
		{"raw application: escaped slash", "GET /a%2Fb HTTP/1.1\r\n" + raw, 200, "GET /a%2Fb HTTP/1.1", ""},
		{"raw application: dot segments", "GET /a/../b HTTP/1.1\r\n" + raw, 200, "GET /a/../b HTTP/1.1", ""},
		{"raw application: empty segments", "GET //a//b HTTP/1.1\r\n" + raw, 200, "GET //a//b HTTP/1.1", ""},
		{"raw application: never NUL", "GET /a%00 HTTP/1.1\r\n" + raw, 400, "", ""},
		{"path is translated", "GET /a/b?c HTTP/1.1\r\n" + open, 200, "GET /x/b?c HTTP/1.1", ""},
		{"path without its last slash", "GET /a HTTP/1.1\r\n" + open, 200, "GET /x HTTP/1.1", ""},
		{"no application at the path", "GET /c HTTP/1.1\r\n" + open, 404, "", ""},
		{"a longer name is another path", "GET /ab HTTP/1.1\r\n" + open, 404, "", ""},
		{"scoped: spelled with escapes", "GET /%61/b HTTP/1.1\r\n" + open, 400, "", ""},
		{"scoped: out of the scope", "GET /b/../a/ HTTP/1.1\r\n" + open, 400, "", ""},
		{"scoped: raw paths do not help", "GET /b/%2e%2e/a HTTP/1.1\r\n" + open, 400, "", ""},
		{"scoped: backslash", "GET /b\\..\\a HTTP/1.1\r\n" + open, 400, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			backend.taken()
			c := w.tls("wiki.test")
			request := test.request
			if !strings.Contains(request, "Connection:") {
				request += "Connection: close\r\n"
			}
			if _, err := io.WriteString(c, request+"\r\n"); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, res.Body)
			got := backend.taken()
			if res.StatusCode != test.status {
				t.Errorf("status %d, want %d", res.StatusCode, test.status)
			}
			if test.want == "" && got != "" {
				t.Errorf("the backend got %q", got)
			}
			if test.want != "" && !strings.Contains(got, test.want+"\r\n") || test.lack != "" && strings.Contains(got, test.lack) {
				t.Errorf("the backend got %q, want %q and not %q", got, test.want, test.lack)
			}
		})
	}
}

// TestTrustHeaders: what a client says of itself never reaches the backend as its proxy's word.
func TestTrustHeaders(t *testing.T) {
	w := newWorld(t)
	backend := newRecorder(t)
	w.connect("a")
	w.publish("https://wiki.test/", "http://"+backend.address, nil)
	for _, name := range []string{
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-User", "X_Forwarded_User", // GHSA-vjrc-mh2v-45x6
		"x_forwarded-user", "X-Forwarded-Uri", "X-Forwarded-Method", "Forwarded", "X-Real-IP", "X_Real_IP", "X-Client-IP", "True-Client-Ip", "Via",
		"X-Original-URL", "X-Original-Host", "X-Rewrite-URL", "Remote-User", "Remote_User", "X-Remote-User", "X-Remote-Group", "X-Postern-User", "Postern-Reference",
		"X-MS-CLIENT-PRINCIPAL", "X-Ms-Client-Principal-Name", "Proxy", "Client-Cert", "X-Auth-Request-Email", "X-Webauth-User", "Cf-Access-Jwt-Assertion",
	} {
		for _, nomination := range []string{"close", "close, " + name} { // CVE-2025-48865
			backend.taken()
			c := w.tls("wiki.test")
			fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: wiki.test\r\nCookie: %s\r\n%s: planted\r\nConnection: %s\r\n\r\n", signedIn, name, nomination)
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || res.StatusCode != 200 {
				t.Fatal(err, res)
			}
			got := backend.taken()
			if strings.Contains(got, "planted") {
				t.Errorf("%s reached the backend: %q", name, got)
			}
			for _, own := range []string{"X-Forwarded-For: 127.0.0.1\r\n", "X-Forwarded-Host: wiki.test\r\n", "X-Forwarded-Proto: https\r\n", "Forwarded: for=127.0.0.1;host=wiki.test;proto=https\r\n"} {
				if !strings.Contains(got, own) {
					t.Errorf("with %s nominated: no %q in %q", name, own, got)
				}
			}
		}
	}
}

// TestTrailersAreFiltered: a trailer is a header that comes late.
func TestTrailersAreFiltered(t *testing.T) {
	w := newWorld(t)
	backend := newBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum, X-Postern-User")
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %v", body, r.Trailer)
		w.Header().Set("X-Sum", "2")
		w.Header().Set("X-Postern-User", "root")
	}))
	w.connect("a")
	w.publish("https://wiki.test/", backend.URL, nil)
	for name, client := range map[string]*http.Client{"HTTP/1.1": w.client(nil), "HTTP/2": w.client(http2)} {
		body, writer := io.Pipe()
		req, _ := http.NewRequest("POST", "https://wiki.test/", body)
		req.Header.Set("Cookie", signedIn)
		req.Trailer = http.Header{"X-Sum": nil, "X_forwarded_user": nil}
		go func() {
			io.WriteString(writer, "body")
			req.Trailer["X-Sum"] = []string{"1"}
			req.Trailer["X_forwarded_user"] = []string{"root"}
			writer.Close()
		}()
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil || string(text) != "body map[X-Sum:[1]]" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		if res.Trailer.Get("X-Sum") != "2" || res.Trailer.Get("X-Postern-User") != "" {
			t.Errorf("%s: trailer %v", name, res.Trailer)
		}
	}
}

// TestSilentPrelude: whoever connects and says nothing, or stops half-way, holds up nobody and is
// closed in time (Traefik CVE-2026-25949, Boundary CVE-2026-7776).
func TestSilentPrelude(t *testing.T) {
	w := newWorld(t, quick)
	backend := newRecorder(t)
	w.connect("a")
	w.publish("https://wiki.test/", "http://"+backend.address, nil)
	var silent []io.Reader
	for _, prelude := range []string{"", "\x00\x00\x00\x08\x04\xd2\x16\x2f", "\x16\x03\x01", "GET / HTTP/1.1\r\n"} {
		for range 20 {
			c := w.dialRaw()
			io.WriteString(c, prelude)
			silent = append(silent, c)
		}
	}
	if res, _ := get(t, w.client(nil), "https://wiki.test/", "Cookie", signedIn); res.StatusCode != 200 {
		t.Errorf("status %d beside silent connections", res.StatusCode)
	}
	for _, c := range silent {
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) { // else the gateway closed it
			t.Fatal("a silent connection is kept")
		}
	}
}
