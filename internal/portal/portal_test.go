package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/internal/posterntest"
)

// changing are the addresses at which something is changed.
var changing = []string{"/sign-in", "/sign-in/continue", "/sign-out", "/step-up", "/step-up/again", "/requests/ask", "/requests/withdraw", "/requests/answer", "/link", "/account/confirm", "/account/factors/add",
	"/account/factors/remove", "/account/recovery", "/account/password", "/account/sessions/end", "/account/keys", "/account/keys/delete",
	"/oauth/authorize", "/device", "/device/decide"}

func TestNothingChangesForAnotherSite(t *testing.T) {
	sys := posterntest.New(t)
	sys.User("ada")
	browser := sys.Browser().WithoutRedirects()
	for _, path := range changing {
		for _, site := range []string{"cross-site", "same-site"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sys.PortalURL+path, strings.NewReader("name=ada&password=x"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Sec-Fetch-Site", site)
			if page := browser.Send(req); page.StatusCode != http.StatusForbidden || page.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s from %s: %s", path, site, page.Status)
			}
		}
	}
}

func TestAccountsAreForWhoIsSignedIn(t *testing.T) {
	sys := posterntest.New(t)
	browser := sys.Browser().WithoutRedirects()
	for _, path := range changing {
		if !strings.HasPrefix(path, "/account/") {
			continue
		}
		page := browser.Post(sys.PortalURL+path, url.Values{"id": {"x"}, "password": {posterntest.Password}, "again": {posterntest.Password}})
		if page.StatusCode != http.StatusSeeOther || page.Header.Get("Location") != "/sign-in" {
			t.Errorf("%s: %s to %s", path, page.Status, page.Header.Get("Location"))
		}
	}
	for _, path := range []string{"/account", "/account/confirm", "/account/factors/add"} {
		if page := browser.Go(sys.PortalURL + path); page.Header.Get("Location") != "/sign-in" {
			t.Errorf("%s: %s", path, page.Status)
		}
	}
	for path, want := range map[string]int{"/link": http.StatusGone, "/link?code=x": http.StatusGone, "/sign-in/continue": http.StatusMethodNotAllowed} {
		if page := browser.Go(sys.PortalURL + path); page.StatusCode != want && page.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, page.Status)
		}
	}
}

// TestSignedInIsNotConfirmed: an unattended browser gives nobody the account.
func TestSignedInIsNotConfirmed(t *testing.T) {
	sys := posterntest.New(t)
	sys.User("ada")
	browser := sys.Browser()
	browser.Post(sys.PortalURL+"/sign-in", url.Values{"name": {"ada"}, "password": {posterntest.Password}})
	quiet := browser.WithoutRedirects()
	if page := quiet.Go(sys.PortalURL + "/account"); page.StatusCode != http.StatusOK || strings.Contains(page.Text, "New password") {
		t.Fatalf("%s", page.Status)
	}
	for _, path := range changing {
		if !strings.HasPrefix(path, "/account/") || path == "/account/sessions/end" || path == "/account/keys/delete" {
			continue
		}
		form := url.Values{"id": {"fac_x"}, "password": {"another password"}, "again": {"another password"}}
		page := quiet.Post(sys.PortalURL+path, form)
		refused := page.StatusCode == http.StatusSeeOther && page.Header.Get("Location") == "/account/confirm" ||
			page.StatusCode == http.StatusUnauthorized || page.StatusCode == http.StatusGone
		if !refused {
			t.Errorf("%s: %s to %s", path, page.Status, page.Header.Get("Location"))
		}
	}
	again := sys.Browser().WithoutRedirects().Post(sys.PortalURL+"/sign-in", url.Values{"name": {"ada"}, "password": {posterntest.Password}})
	if again.StatusCode != http.StatusSeeOther {
		t.Errorf("the password changed: %s", again.Status)
	}
	for _, cookie := range again.Cookies() {
		if !cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" || cookie.Domain != "" || !strings.HasPrefix(cookie.Name, "__Host-") {
			t.Errorf("cookie %+v", cookie)
		}
	}
}
