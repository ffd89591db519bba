package oauth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/oauth"
)

func html(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprint(w, "<!doctype html><title>Sign in to the hotel's network</title>")
}

// endless answers for as long as somebody reads.
func endless(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := w.Write([]byte(strings.Repeat(" ", 32<<10))); err != nil {
			return
		}
	}
}

// TestHostileService: whatever answers, there is a clear error, nothing is followed, and nothing is read
// without end.
func TestHostileService(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	redirect := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}
	tests := []struct {
		name   string
		answer http.HandlerFunc
		kind   fault.Kind
		words  string
	}{
		{"HTML", html, fault.KindUpstream, "not OAuth"},
		{"HTML and 502", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(502); html(w, r) }, fault.KindUnavailable, "answered 502"},
		{"a redirect", redirect, fault.KindUnavailable, "answered 307"},
		{"without end", endless, fault.KindUnavailable, "too much"},
		{"nothing", func(http.ResponseWriter, *http.Request) {}, fault.KindUpstream, "not OAuth"},
		{"a list", says(200, []int{1}), fault.KindUpstream, "not OAuth"},
		{"another type of token", says(200, map[string]any{"access_token": "x", "token_type": "mac"}), fault.KindUpstream, "no token"},
		{"no token", says(200, map[string]any{"token_type": "bearer"}), fault.KindUpstream, "no token"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"access_token":`)
		}, fault.KindUnavailable, "in part"},
		{"a terminal's controls", says(400, map[string]string{"error": "invalid_grant", "error_description": "\x1b]0;owned\x07no\r\n"}), fault.KindUnauthenticated, "]0;ownedno"},
		{"a long story", says(400, map[string]string{"error": "invalid_grant", "error_description": strings.Repeat("x", 50_000)}), fault.KindUnauthenticated, "xxx…"},
		{"away", refuses("temporarily_unavailable"), fault.KindUnavailable, "it says"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newService(t)
			s.on("/oauth/token", test.answer)
			got, err := s.discover().Refresh(t.Context(), "secret-refresh", "https://app.example")
			if !fault.Is(err, test.kind) || !strings.Contains(err.Error(), test.words) || len(err.Error()) > 1024 || strings.Contains(err.Error(), "secret-refresh") || got.Access != "" {
				t.Errorf("%+v, %v (%v)", got, err, fault.KindOf(err))
			}
		})
	}
	if elsewhere.Load() != 0 {
		t.Error("a refresh token was carried elsewhere")
	}
}

func TestLifeOfTokens(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := s.discover()
	for life, most := range map[int]time.Duration{-5: 0, 600: 600 * time.Second, 1 << 60: 400 * 24 * time.Hour} {
		s.on("/oauth/token", says(200, map[string]any{"access_token": "x", "token_type": "Bearer", "expires_in": life}))
		got, err := c.Refresh(t.Context(), "r", "")
		if left := time.Until(got.Expires); err != nil || left > most || life > 0 && left <= 0 {
			t.Errorf("a life of %d s: %s left, %v", life, left, err)
		}
	}
	s.on("/oauth/revoke", says(200, map[string]any{}))
	if err := c.Revoke(t.Context(), "x"); err != nil {
		t.Error(err)
	}
}

// TestHostileDiscovery: who is not the service asked for leads nowhere.
func TestHostileDiscovery(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer func(s *service) http.HandlerFunc
		kind   fault.Kind
	}{
		{"HTML", func(*service) http.HandlerFunc { return html }, fault.KindUpstream},
		{"another issuer", func(s *service) http.HandlerFunc { return says(200, s.metadata("https://other.example")) }, fault.KindUpstream},
		{"tokens elsewhere", func(s *service) http.HandlerFunc {
			m := s.metadata(s.URL)
			m["token_endpoint"] = "https://other.example/token"
			return says(200, m)
		}, fault.KindUpstream},
		{"a name that only begins alike", func(s *service) http.HandlerFunc {
			m := s.metadata(s.URL)
			m["authorization_endpoint"] = s.URL + ".evil.example/authorize"
			return says(200, m)
		}, fault.KindUpstream},
		{"nothing is there", func(*service) http.HandlerFunc { return nil }, fault.KindUpstream},
		{"without end", func(*service) http.HandlerFunc { return endless }, fault.KindUnavailable},
		{"a redirect", func(s *service) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, s.URL+"/elsewhere", http.StatusFound)
			}
		}, fault.KindUpstream},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newService(t)
			s.on("/.well-known/oauth-authorization-server", test.answer(s))
			if _, err := oauth.Discover(t.Context(), s.http(), s.URL, "postern-cli"); !fault.Is(err, test.kind) {
				t.Errorf("%v (%v)", err, fault.KindOf(err))
			}
		})
	}
	s := newService(t)
	if _, err := oauth.Discover(t.Context(), oauth.HTTP(nil), s.URL, "postern-cli"); !fault.Is(err, fault.KindUnavailable) || !strings.Contains(err.Error(), "--ca-file") {
		t.Errorf("an authority that is not trusted: %v", err)
	}
	for name, body := range map[string]map[string]any{
		"another resource": {"resource": "https://other.example", "authorization_servers": []string{"https://access.example"}},
		"several":          {"resource": s.URL, "authorization_servers": []string{"https://a.example", "https://b.example"}},
		"in clear":         {"resource": s.URL, "authorization_servers": []string{"http://access.example"}},
	} {
		s.on("/.well-known/oauth-protected-resource", says(200, body))
		if at, err := oauth.Protects(t.Context(), s.http(), s.URL); !fault.Is(err, fault.KindUpstream) {
			t.Errorf("%s: %q, %v", name, at, err)
		}
	}
	s.on("/.well-known/oauth-protected-resource", says(200, map[string]any{"resource": s.URL, "authorization_servers": []string{"https://access.example"}}))
	if at, err := oauth.Protects(t.Context(), s.http(), s.URL); err != nil || at != "https://access.example" {
		t.Errorf("%q, %v", at, err)
	}
}
