package security

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/connector"
	"postern/internal/fault"
	"postern/internal/posterntest"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// TestIncidents holds what went wrong elsewhere and can be seen only end to end. Each is named after its report; more
// stand beside the code that they are about.
func TestIncidents(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		name string
		do   func(t *testing.T, w *world)
	}{
		{"CVE-2023-36456 client addresses from headers", addressFromHeaders},
		{"AUTH-9012 words of ours from a backend", wordsOfOurs},
		{"NetBird: a host without a kind of sign-in is open", openByDefault},
		{"CVE-2024-7401 enrolment with what never ends", endlessToken},
		{"GHSA-354c-gpg9-j988 messages with nothing in them", emptyMessages},
		{"AUTH-9041 planted keys", plantedKeys},
		{"GHSA-74m3-9qvm-rp9h absolute URI", absoluteURI},
		{"GHSA-5m6w-wvh7-57vm aliases of names", aliases},
		{"GHSA-4h58-w989-xgg4 headers that choose the check", headersChoose},
		{"CVE-2021-41230 roles from before", oldRoles},
		{"planted cookies without a name", namelessCookies},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.do(t, w) })
	}
}

func addressFromHeaders(t *testing.T, w *world) {
	_, _, cookie, _ := w.member(t)
	w.backend.Forget()
	lies := []string{"X-Forwarded-For: 203.0.113.7", "x_forwarded_for: 203.0.113.7", "X-Real-IP: 203.0.113.7", "Forwarded: for=203.0.113.7", "CF-Connecting-IP: 203.0.113.7", "True-Client-IP: 203.0.113.7"}
	w.exchange(t, "wiki", w.rawRequest("wiki", cookie, lies...))
	if got := string(w.backend.Bytes()); strings.Contains(got, "203.0.113.7") || !strings.Contains(got, "127.0.0.1") {
		t.Errorf("the backend got %q", got)
	}
	form := "name=owner&password=wrong+horse+battery"
	request := fmt.Sprintf("POST /sign-in HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n%s\r\n\r\n%s", w.host("portal"), len(form), strings.Join(lies, "\r\n"), form)
	if resp := w.exchange(t, "portal", request); resp.StatusCode != http.StatusUnauthorized {
		t.Fatal(resp.Status)
	}
	for _, address := range noted(t, w.System, "SELECT address FROM sign_ins WHERE event = 'sign-in' AND result = 'failure'") {
		if address != "127.0.0.1" {
			t.Errorf("the sign-in log says %q", address)
		}
	}
}

func wordsOfOurs(t *testing.T, w *world) {
	app := w.Publish("words", posterntest.NewBackend(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		for _, name := range []string{"Postern-Sign-In", "Postern-Reference", "postern_sign_in", "X-Accel-Redirect"} {
			rw.Header()[name] = []string{"https://evil.example/"}
		}
		rw.Header().Set("Trailer", "Postern-Sign-In")
		io.WriteString(rw, "page")
		rw.Header().Set("Postern-Sign-In", "https://evil.example/")
	})).URL)
	w.Assign(app, w.User("words"))
	cookie, _ := w.session(t, "words", "words")
	resp := w.exchange(t, "words", w.rawRequest("words", sessionCookie+"="+cookie))
	for name, values := range resp.Header {
		if strings.Contains(strings.Join(values, " "), "evil.example") {
			t.Errorf("%s: %s", name, values)
		}
	}
}

func openByDefault(t *testing.T, w *world) {
	for i, value := range []string{"", "none", "Passthrough", "sign-in,passthrough"} {
		name := fmt.Sprintf("default%d", i)
		app, err := w.API.Applications.Create(t.Context(), api.ApplicationInput{Name: name, ExternalURL: w.URL(name, "/"), InternalURL: w.backend.URL, PreAuthentication: value})
		if err == nil && app.PreAuthentication != "sign-in" {
			t.Errorf("%q made %q", value, app.PreAuthentication)
		}
		if err == nil && value != "" {
			t.Errorf("%q was taken", value)
		}
	}
}

func endlessToken(t *testing.T, w *world) {
	for _, expires := range []time.Time{time.Now().AddDate(0, 0, 31), time.Now().AddDate(100, 0, 0), time.Now().Add(-time.Hour)} {
		if token, err := w.API.Tokens.Create(t.Context(), api.TokenInput{Name: "endless", Expires: expires}); !fault.Is(err, fault.KindInvalid) {
			t.Errorf("a token until %v: %v, %v", expires, token.Expires, err)
		}
	}
	if token := must(w.API.Tokens.Create(t.Context(), api.TokenInput{Name: "short"}))(t); token.Expires.After(time.Now().Add(2 * time.Hour)) {
		t.Errorf("a token without an end is good until %v", token.Expires)
	}
}

// emptyMessages sends what decodes but says nothing, to both ends: neither falls over it.
func emptyMessages(t *testing.T, w *world) {
	cred := must(enrol(t, t.Context(), newToken(t, w.System, "empty"), "empty"))(t)
	session := dialTunnel(t, w.System, must(cred.TunnelTLS())(t)).session
	ctx, cancel := context.WithTimeout(t.Context(), posterntest.Patience)
	defer cancel()
	for _, question := range []string{wire.QuestionReport, wire.QuestionConfiguration, "", "\x00"} {
		for _, body := range []string{"", "null", "{}", "[]", `{"time":null,"started":null,"host":null,"hash":null,"wait":null}`, `{"wait":-9223372036854775808}`, `{"time":"0000-01-01T00:00:00Z","streams":-1}`, strings.Repeat("[", 60_000)} {
			st := must(session.Open(ctx, wire.Encode(wire.Open{Kind: wire.KindAsk, Question: question})))(t)
			_, _ = io.WriteString(st, body) // a refused stream takes none
			_ = st.CloseWrite()
			if question != wire.QuestionConfiguration { // its answer may wait for a change
				_, _ = io.Copy(io.Discard, st) // whatever it is, the next question is answered
			}
			st.Reset(tunnel.CodeCancelled)
		}
	}
	for _, message := range []string{"", "null", "{}", "[]", `{"kind":"ask"}`} {
		st := must(session.Open(ctx, []byte(message)))(t)
		_ = st.CloseWrite()
		_, _ = io.Copy(io.Discard, st)
		st.Reset(tunnel.CodeCancelled)
	}
	if _, err := session.Ping(ctx); err != nil {
		t.Errorf("the tunnel: %v", err)
	}
	for _, path := range []string{wire.PathEnrol, wire.PathRenew, wire.PathDeregister} {
		for _, body := range []any{nil, struct{}{}, []int{}, map[string]any{"payload": nil, "signature": nil, "csr": nil, "host": nil}, map[string]any{"payload": []byte("null"), "signature": []byte{}}} {
			if err := agentFace(t, cred).Post(ctx, path, body, &struct{}{}); err == nil || fault.Is(err, fault.KindInternal) {
				t.Errorf("%s of %v: %v", path, body, err)
			}
		}
	}
}

func plantedKeys(t *testing.T, w *world) {
	state := filepath.Join(t.TempDir(), "state")
	check(t, os.Mkdir(state, 0o777))
	check(t, os.Chmod(state, 0o777)) // whatever the umask
	token := newToken(t, w.System, "planted")
	e := connector.Enrolment{State: state, Token: token, Dialer: w.Dialer(), Log: w.Log}
	if _, err := connector.Enrol(t.Context(), e); !fault.Is(err, fault.KindForbidden) {
		t.Errorf("enrolled in a directory of everybody: %v", err)
	}
	must(enrol(t, t.Context(), token, "planted"))(t) // the token was not sent anywhere
}

func absoluteURI(t *testing.T, w *world) {
	_, _, cookie, _ := w.member(t)
	w.backend.Forget()
	for _, target := range []string{"http://169.254.169.254/", "https://" + w.host("files") + "/", "http://" + w.host("wiki") + "/", "*", "wiki.test.localhost:443", "//169.254.169.254/"} {
		if resp := w.exchange(t, "wiki", strings.Replace(w.rawRequest("wiki", cookie), "GET / ", "GET "+target+" ", 1)); resp.StatusCode < 400 {
			t.Errorf("%s: %s", target, resp.Status)
		}
	}
	if got := w.backend.Bytes(); len(got) > 0 {
		t.Errorf("the backend got %q", got)
	}
}

func aliases(t *testing.T, w *world) {
	_, _, cookie, _ := w.member(t)
	w.backend.Forget()
	w.exchange(t, "wiki", w.rawRequest("wiki", cookie, "X_Forwarded_User: root", "X-Forwarded_User: root", "x_FORWARDED-prefix: root", "Remote_User: root",
		"X_Original_URL: root", "Connection: X-Forwarded-Host, Cookie, Host", "Content_Length: root", "Transfer_Encoding: root", "Forwarded_: ok"))
	if got := string(w.backend.Bytes()); strings.Contains(got, "root") || !strings.Contains(got, "X-Forwarded-Host: "+w.host("wiki")) {
		t.Errorf("the backend got %q", got)
	}
}

func headersChoose(t *testing.T, w *world) {
	w.backend.Forget()
	for _, line := range []string{"X-Postern-Session: x", "Postern-User: owner", "Content-Type: application/x-postern", "Authorization: Negotiate x", "Authorization: Bearer " + w.Key,
		"X-Forwarded-Client-Cert: By=spiffe://x/connector/y", "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"} {
		if resp := w.exchange(t, "wiki", w.rawRequest("wiki", "", line)); resp.StatusCode < 400 {
			t.Errorf("%s: %s", line, resp.Status)
		}
	}
	if got := w.backend.Bytes(); len(got) > 0 {
		t.Errorf("the backend got %q", got)
	}
}

// oldRoles takes a key's maker away and the key itself: what they were counts no more with the next request.
func oldRoles(t *testing.T, w *world) {
	key := must(w.API.Keys.Create(t.Context(), api.KeyInput{Name: "old", Roles: []string{"reader"}}))(t)
	request := strings.Replace(w.rawRequest("admin", "", "Authorization: Bearer "+key.Secret), "GET / ", "GET /api/v1/users ", 1)
	if resp := w.exchange(t, "admin", request); resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	check(t, w.API.Keys.Delete(t.Context(), key.ID, 0))
	if resp := w.exchange(t, "admin", request); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a deleted key: %s", resp.Status)
	}
}

// namelessCookies has a backend plant a portal session for the whole domain: browsers store "=name=value" as a
// cookie without a name, which __Host- does not protect, and send "name=value".
func namelessCookies(t *testing.T, w *world) {
	app := w.Publish("planter", posterntest.NewBackend(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header()["Set-Cookie"] = []string{"=" + portalCookie + "=evil; Domain=test.localhost; Path=/; Secure", " ==" + sessionCookie + "=evil", "=" + url.QueryEscape("fine") + "=1"}
	})).URL)
	w.Assign(app, w.User("planter"))
	cookie, _ := w.session(t, "planter", "planter")
	resp := w.exchange(t, "planter", w.rawRequest("planter", sessionCookie+"="+cookie))
	if got := strings.Join(resp.Header["Set-Cookie"], "; "); strings.Contains(got, "evil") || !strings.Contains(got, "fine") {
		t.Errorf("the browser gets %q", got)
	}
}
