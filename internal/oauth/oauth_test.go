package oauth_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/oauth"
)

// service is what somebody signs in at: real HTTPS, with answers that the test chooses.
type service struct {
	*httptest.Server
	t *testing.T

	mu    sync.Mutex // guards the rest
	say   map[string]http.HandlerFunc
	asked []url.Values // token requests
	when  []time.Time
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{t: t, say: map[string]http.HandlerFunc{}}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	s.say["/.well-known/oauth-authorization-server"] = func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, s.metadata(s.URL)) }
	return s
}

func (s *service) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	s.mu.Lock()
	handler := s.say[r.URL.Path]
	if r.URL.Path == "/oauth/token" {
		s.asked, s.when = append(s.asked, form), append(s.when, time.Now())
	}
	s.mu.Unlock()
	if handler == nil {
		http.NotFound(w, r)
		return
	}
	handler(w, r)
}

func (s *service) on(path string, handler http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say[path] = handler
}

// tokenRequests gives the token requests so far and when they came.
func (s *service) tokenRequests() ([]url.Values, []time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]url.Values(nil), s.asked...), append([]time.Time(nil), s.when...)
}

func (s *service) metadata(issuer string) map[string]any {
	return map[string]any{"issuer": issuer, "authorization_endpoint": s.URL + "/oauth/authorize", "token_endpoint": s.URL + "/oauth/token",
		"device_authorization_endpoint": s.URL + "/oauth/device", "revocation_endpoint": s.URL + "/oauth/revoke"}
}

func (s *service) http() *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return oauth.HTTP(roots)
}

func (s *service) discover() *oauth.Client {
	s.t.Helper()
	c, err := oauth.Discover(s.t.Context(), s.http(), s.URL, "postern-cli")
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

func says(status int, value any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, status, value) }
}

func refuses(code string) http.HandlerFunc {
	return says(400, map[string]string{"error": code, "error_description": "it says " + code})
}

var good = map[string]any{"access_token": "postern-token-1.x", "token_type": "bearer", "expires_in": 600, "refresh_token": "next"}

// TestChallengeOfTheStandard: the example of RFC 7636, appendix B.
func TestChallengeOfTheStandard(t *testing.T) {
	c := newService(t).discover()
	u, err := url.Parse(c.AuthorizeURL(oauth.Ask{Resource: "https://app.example", Name: "desk"}, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "state", "http://127.0.0.1:4000/callback"))
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"response_type": {"code"}, "client_id": {"postern-cli"}, "redirect_uri": {"http://127.0.0.1:4000/callback"}, "state": {"state"},
		"code_challenge_method": {"S256"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "resource": {"https://app.example"}, "device_name": {"desk"}}
	if diff := cmp.Diff(want, u.Query()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// browse is what a browser does that is sent to an address: it comes back with an answer.
func browse(t *testing.T, address string, change func(q url.Values)) (status int, page string, asked url.Values) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	asked = u.Query()
	q := url.Values{"code": {"the-code"}, "state": {asked.Get("state")}, "iss": {u.Scheme + "://" + u.Host}}
	change(q)
	resp, err := http.Get(asked.Get("redirect_uri") + "?" + q.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), asked
}

// TestSignInByBrowser: the loopback address and the proof key, as RFC 8252 and RFC 7636 have them.
func TestSignInByBrowser(t *testing.T) {
	s := newService(t)
	s.on("/oauth/token", says(200, good))
	c := s.discover()
	var asked url.Values
	got, err := c.Browser(t.Context(), oauth.Ask{}, func(address string) {
		// What does not know the state is told nothing, and does not end the waiting.
		if status, page, _ := browse(t, address, func(q url.Values) { q.Set("state", "guessed") }); status != 400 || strings.Contains(page, "signed in") {
			t.Errorf("another state: %d %s", status, page)
		}
		var status int
		if status, _, asked = browse(t, address, func(url.Values) {}); status != 200 {
			t.Errorf("the answer: %d", status)
		}
		browse(t, address, func(q url.Values) { q.Set("code", "another") }) // the first one counts
	})
	if err != nil || got.Access != "postern-token-1.x" || got.Refresh != "next" || time.Until(got.Expires) > 10*time.Minute {
		t.Fatalf("%+v, %v", got, err)
	}
	redirect, err := url.Parse(asked.Get("redirect_uri"))
	if err != nil || redirect.Scheme != "http" || redirect.Hostname() != "127.0.0.1" && redirect.Hostname() != "::1" || redirect.Path != "/callback" {
		t.Errorf("redirect to %s, %v", redirect, err)
	}
	requests, _ := s.tokenRequests()
	if len(requests) != 1 {
		t.Fatalf("%d token requests", len(requests))
	}
	verifier := requests[0].Get("code_verifier")
	sum := sha256.Sum256([]byte(verifier))
	if len(verifier) < 43 || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") || requests[0].Get("code") != "the-code" ||
		requests[0].Get("redirect_uri") != asked.Get("redirect_uri") || requests[0].Get("client_id") != "postern-cli" {
		t.Errorf("asked with %v, then with %v", asked, requests[0])
	}
	if resp, err := http.Get(asked.Get("redirect_uri")); err == nil {
		resp.Body.Close()
		t.Error("it still listens")
	}
}

func TestBrowserRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(q url.Values)
		kind   fault.Kind
	}{
		{"by the person", func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, fault.KindForbidden},
		{"by the service", func(q url.Values) { q.Del("code"); q.Set("error", "invalid_target") }, fault.KindInvalid},
		{"with a terminal's controls", func(q url.Values) { q.Set("error", "x"); q.Set("error_description", "\x1b[2Jgone") }, fault.KindInvalid},
		{"by another service", func(q url.Values) { q.Set("iss", "https://other.example") }, fault.KindUpstream},
		{"by nobody who says so", func(q url.Values) { q.Del("iss") }, fault.KindUpstream},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newService(t)
			s.on("/oauth/token", says(200, good))
			got, err := s.discover().Browser(t.Context(), oauth.Ask{}, func(address string) { browse(t, address, test.change) })
			if !fault.Is(err, test.kind) || got.Access != "" || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("%+v, %v", got, err)
			}
			if requests, _ := s.tokenRequests(); len(requests) != 0 {
				t.Error("a code was shown")
			}
		})
	}
	s := newService(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := s.discover().Browser(ctx, oauth.Ask{}, func(string) { cancel(fmt.Errorf("the user gave up")) })
	if err == nil || err.Error() != "the user gave up" {
		t.Errorf("given up: %v", err)
	}
}
