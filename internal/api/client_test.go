package api_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/api"
	"postern/internal/fault"
)

// serve gives a client of a real HTTPS server with the handler.
func serve(t *testing.T, handler http.HandlerFunc) *api.Client {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c, err := api.NewClient(api.Config{URL: server.URL, Key: "secret", Roots: roots, Timeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestServerURL(t *testing.T) {
	tests := []struct {
		url  string
		good bool
	}{
		{"https://admin.example.com", true},
		{"https://admin.example.com/", true},
		{"https://admin.example.com:8443", true},
		{"https://[2001:db8::1]", true},
		{"http://127.0.0.1:8080", true},
		{"http://admin.demo.localhost:8080", true},
		{"http://admin.example.com", false},
		{"http://localhost.example.com", false},
		{"", false},
		{"admin.example.com", false},
		{"https://", false},
		{"https:admin.example.com", false},
		{"https://ada:secret@admin.example.com", false},
		{"https://admin.example.com/api/v1", false},
		{"https://admin.example.com?x=y", false},
		{"https://admin.example.com#x", false},
		{"ftp://admin.example.com", false},
		{"javascript:alert(1)", false},
		{"https://exa mple.com", false},
		{"https://admin.example.com:port", false},
	}
	for _, test := range tests {
		_, err := api.NewClient(api.Config{URL: test.url, Key: "secret"})
		if (err == nil) != test.good {
			t.Errorf("%q: %v", test.url, err)
		}
		if err != nil && (!fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), "server ")) {
			t.Errorf("%q: %v does not name the server", test.url, err)
		}
	}
}

func TestKeyThatIsNotOneWordIsRefused(t *testing.T) {
	for _, key := range []string{"two words", "line\nbreak", "head\r\nX-Evil: 1", "nul\x00"} {
		if _, err := api.NewClient(api.Config{URL: "https://admin.example.com", Key: key}); err == nil {
			t.Errorf("%q was taken", key)
		}
	}
}

func TestClientFollowsNoRedirectWithItsKey(t *testing.T) {
	var stolen atomic.Bool
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen.Store(true) }))
	defer thief.Close()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL, http.StatusTemporaryRedirect)
	})
	if _, err := c.Me(t.Context()); err == nil {
		t.Error("a redirect was taken for an answer")
	}
	if stolen.Load() {
		t.Error("the redirect was followed")
	}
}

func TestErrorsTellWhatTheServiceSaid(t *testing.T) {
	answer := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	const problem = "application/problem+json"
	tests := []struct {
		name string
		from http.HandlerFunc
		kind fault.Kind
		text string
	}{
		{"fields", answer(422, problem, `{"type":"postern:invalid","status":422,"detail":"name must not be empty","fields":[{"name":"name","message":"must not be empty"}]}`),
			fault.KindInvalid, "name must not be empty"},
		{"sentence and fields", answer(409, problem, `{"type":"postern:conflict","status":409,"detail":"it exists: name is taken","fields":[{"name":"name","message":"is taken"}]}`),
			fault.KindConflict, "it exists: name is taken"},
		{"changed", answer(412, problem, `{"type":"postern:changed","detail":"somebody else"}`), fault.KindChanged, "somebody else"},
		{"precondition", answer(428, problem, `{"type":"postern:precondition-required","detail":"say"}`), fault.KindPrecondition, "say"},
		{"unknown kind", answer(403, problem, `{"type":"postern:new","detail":"no"}`), fault.KindForbidden, "no"},
		{"no detail", answer(401, problem, `{"title":"Unauthorized"}`), fault.KindUnauthenticated, "Unauthorized"},
		{"a proxy's page", answer(502, "text/html", "<h1>Bad gateway"), fault.KindUnavailable, "is this the URL of the admin host?"},
		{"damaged problem", answer(500, problem, `{"type":`), fault.KindUpstream, "is this the URL of the admin host?"},
		{"good but no API", answer(200, "text/html", "<h1>hello"), fault.KindUpstream, "is this the URL of the admin host?"},
		{"limited", answer(429, problem, `{"type":"postern:limited","detail":"slowly"}`), fault.KindLimited, "slowly"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := serve(t, test.from).Me(t.Context())
			if !fault.Is(err, test.kind) || !strings.Contains(err.Error(), test.text) {
				t.Fatalf("got %v (%v), want %v: %s", err, fault.KindOf(err), test.kind, test.text)
			}
			e, _ := errors.AsType[*fault.Error](err)
			if e.RetryAfter != 7*time.Second && test.kind != fault.KindUpstream {
				t.Errorf("Retry-After is %v", e.RetryAfter)
			}
		})
	}
}

func TestEndlessAnswerIsCutOff(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 1<<20)
		for r.Context().Err() == nil {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	_, err := c.Me(t.Context())
	if !fault.Is(err, fault.KindUpstream) || !strings.Contains(err.Error(), "more than 64 MiB") {
		t.Error(err)
	}
}

func TestUntrustedAuthorityIsNamed(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	c, err := api.NewClient(api.Config{URL: server.URL, Key: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Me(t.Context())
	if !fault.Is(err, fault.KindUnavailable) || !strings.Contains(err.Error(), "--ca-file") {
		t.Error(err)
	}
}

func TestRequests(t *testing.T) {
	var got string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = fmt.Sprintf("%s %s %s %q %s %s", r.Method, r.RequestURI, r.Header.Get("Content-Type"), r.Header.Get("If-Match"), r.Header.Get("Authorization"), body)
		io.WriteString(w, "{}")
	})
	ctx := t.Context()
	tests := []struct {
		do   func() error
		want string
	}{
		{func() error { _, err := c.Users.Show(ctx, "a/b c"); return err },
			`GET /api/v1/users/a%2Fb%20c  "" Bearer secret `},
		{func() error { _, err := c.Groups.Update(ctx, "grp_1", 3, api.Patch{"name": "x"}); return err },
			`PATCH /api/v1/groups/grp_1 application/merge-patch+json "\"3\"" Bearer secret {"name":"x"}`},
		{func() error { return c.Keys.Delete(ctx, "key_1", 0) },
			`DELETE /api/v1/keys/key_1  "*" Bearer secret `},
		{func() error { return c.Keys.Delete(ctx, "key_1", 9) },
			`DELETE /api/v1/keys/key_1  "\"9\"" Bearer secret `},
		{func() error { return c.Users.SetPassword(ctx, "usr_1", "pw") },
			`POST /api/v1/users/usr_1/password application/json "" Bearer secret {"password":"pw"}`},
		{func() error {
			_, err := c.Certificates.Put(ctx, "*.example.com", 0, api.CertificateInput{})
			return err
		},
			`PUT /api/v1/certificates/%2A.example.com application/json "" Bearer secret {"chain":"","key":""}`},
		{func() error {
			_, err := c.Audit.List(ctx, api.AuditOptions{Action: "a&b", Since: time.Unix(0, 0)}.Options())
			return err
		}, `GET /api/v1/audit?action=a%26b&since=1970-01-01T00%3A00%3A00Z  "" Bearer secret `},
	}
	for _, test := range tests {
		if err := test.do(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Error(diff)
		}
	}
	for _, id := range []string{"", ".", ".."} {
		if _, err := c.Users.Show(ctx, id); !fault.Is(err, fault.KindInvalid) {
			t.Errorf("id %q: %v", id, err)
		}
	}
}

func TestAllGoesThroughEveryPageAndStopsWhenAsked(t *testing.T) {
	pages := map[string]string{
		"":  `{"items":[{"name":"a"},{"name":"b"}],"next":"1"}`,
		"1": `{"items":[],"next":"2"}`,
		"2": `{"items":[{"name":"c"}],"next":"2"}`, // a cursor that does not move on must not loop
	}
	var asked []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("after"))
		io.WriteString(w, pages[r.URL.Query().Get("after")])
	})
	var names []string
	for g, err := range c.Groups.All(t.Context(), api.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, g.Name)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"", "1", "2"}, asked); diff != "" {
		t.Error(diff)
	}
	for range c.Groups.All(t.Context(), api.ListOptions{}) {
		break
	}
	if len(asked) != 4 {
		t.Errorf("%d pages asked for, not 4", len(asked))
	}
}

func TestContextEndsARequest(t *testing.T) {
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Me(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
