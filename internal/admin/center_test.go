package admin_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// get asks the handler as a browser would, without following redirects.
func (s *system) get(path string, header http.Header) (*http.Response, string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.server.URL+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	client := *s.server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.Fatal(err)
	}
	return answer, string(body)
}

// TestCenterPages holds for the admin center and for the page that stands in for it.
func TestCenterPages(t *testing.T) {
	s := newSystem(t)
	for _, path := range []string{"/", "/connectors", "/connectors/con_1", "/applications?search=x", "/first-steps", "/signed-out"} {
		answer, body := s.get(path, nil)
		if answer.StatusCode != 200 || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") || !strings.Contains(body, "Postern") {
			t.Errorf("%s: %d %s", path, answer.StatusCode, answer.Header.Get("Content-Type"))
		}
		csp := answer.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: the policy has no %s: %s", path, part, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || answer.Header.Get("Cache-Control") != "no-store" || strings.Contains(body, "POSTERN_NONCE") {
			t.Errorf("%s: %s, %s", path, csp, answer.Header.Get("Cache-Control"))
		}
	}
	for _, path := range []string{"/nothing", "/assets/nothing.js", "/assets/../index.html", "/assets/%2e%2e%2findex.html", "/api/v1/nothing", "/center/app/index.html"} {
		if answer, _ := s.get(path, nil); answer.StatusCode != 404 && answer.StatusCode != 301 && answer.StatusCode != 307 {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
}

func TestCenterNonce(t *testing.T) {
	s := newSystem(t)
	first, body := s.get("/", nil)
	if !strings.Contains(body, "csp-nonce") {
		return // the page that stands in has no styles of its own
	}
	second, _ := s.get("/", nil)
	if first.Header.Get("Content-Security-Policy") == second.Header.Get("Content-Security-Policy") {
		t.Error("two answers have the same nonce")
	}
	_, nonce, _ := strings.Cut(first.Header.Get("Content-Security-Policy"), "'nonce-")
	nonce, _, _ = strings.Cut(nonce, "'")
	if len(nonce) < 20 || strings.Count(body, nonce) < 2 {
		t.Errorf("the nonce %q is not in the page", nonce)
	}
	_, script, _ := strings.Cut(body, `src="/assets/`)
	script, _, _ = strings.Cut(script, `"`)
	tests := []struct{ accept, want string }{{"gzip, br", "br"}, {"gzip", "gzip"}, {"br;q=0, gzip;q=0.5", "gzip"}, {"identity", ""}, {"gzip;q=0.0", ""}}
	for _, test := range tests {
		answer, _ := s.get("/assets/"+script, http.Header{"Accept-Encoding": {test.accept}})
		if answer.StatusCode != 200 || answer.Header.Get("Content-Encoding") != test.want || !strings.Contains(answer.Header.Get("Cache-Control"), "immutable") ||
			!strings.HasPrefix(answer.Header.Get("Content-Type"), "text/javascript") {
			t.Errorf("Accept-Encoding %s: %d %v", test.accept, answer.StatusCode, answer.Header)
		}
	}
	if answer, _ := s.get("/assets/"+script+".br", nil); answer.StatusCode != 404 {
		t.Errorf("the packed file itself: %d", answer.StatusCode)
	}
}

func TestCenterSignIn(t *testing.T) {
	s := newUnclaimed(t)
	if answer, _ := s.get("/sign-in", nil); answer.StatusCode != 303 || answer.Header.Get("Location") != "/setup" {
		t.Errorf("before there is anybody: %d to %s", answer.StatusCode, answer.Header.Get("Location"))
	}
	s = newSystem(t)
	answer, _ := s.get("/sign-in?return=/connectors", nil)
	if answer.StatusCode != 303 || !strings.HasPrefix(answer.Header.Get("Location"), "https://portal.example.com/authorize?request=") {
		t.Errorf("%d to %s", answer.StatusCode, answer.Header.Get("Location"))
	}
	cookies := answer.Cookies()
	if len(cookies) != 1 || !strings.HasPrefix(cookies[0].Name, "__Host-") || !cookies[0].HttpOnly || !cookies[0].Secure || cookies[0].SameSite != http.SameSiteLaxMode || cookies[0].Domain != "" || cookies[0].Path != "/" {
		t.Fatalf("cookies: %v", cookies)
	}
	if again, _ := s.get("/sign-in", http.Header{"Cookie": {cookies[0].Name + "=" + cookies[0].Value}}); len(again.Cookies()) != 0 {
		t.Error("a browser that has a binding gets another one")
	}
	if answer, body := s.get("/.postern/callback?code=wrong", nil); answer.StatusCode != 410 || !strings.Contains(body, "sign-in") {
		t.Errorf("a wrong code: %d", answer.StatusCode)
	}
	if answer, _ := s.get("/api/v1/me", http.Header{"Cookie": {"__Host-postern-center=1.a.ses_1.b.c"}}); answer.StatusCode != 401 {
		t.Errorf("a forged cookie: %d", answer.StatusCode)
	}
}

func TestCenterSignOut(t *testing.T) {
	s := newSystem(t)
	tests := []struct {
		site string
		want int
	}{{"same-origin", 204}, {"same-site", 403}, {"cross-site", 403}}
	for _, test := range tests {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.server.URL+"/sign-out", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Sec-Fetch-Site", test.site)
		answer, err := s.server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != test.want {
			t.Errorf("from %s: %d", test.site, answer.StatusCode)
		}
	}
}
