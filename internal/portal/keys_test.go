package portal_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
)

// keySite is two applications behind one connector that take access keys.
type keySite struct {
	*posterntest.System
	backend   *posterntest.Backend
	wiki, git api.Application
	ada       api.User
}

func newKeySite(t *testing.T) *keySite {
	t.Helper()
	s := &keySite{System: posterntest.New(t)}
	s.Connector("site")
	s.backend = posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/endless" {
			fmt.Fprintf(w, "private %s", r.Host)
			return
		}
		for r.Context().Err() == nil {
			fmt.Fprintln(w, strings.Repeat("more ", 100))
			w.(http.Flusher).Flush()
		}
	}))
	takes := func(in *api.ApplicationInput) { in.AccessKeys = true }
	s.wiki, s.git = s.Publish("wiki", s.backend.URL, takes), s.Publish("git", s.backend.URL, takes)
	s.ada = s.User("ada")
	s.Assign(s.wiki, s.ada)
	s.Assign(s.git, s.ada)
	return s
}

// ask sends a request of a program, which has no cookies.
func (s *keySite) ask(address string, header ...string) (*http.Response, error) {
	s.T.Helper()
	req, err := http.NewRequestWithContext(s.T.Context(), http.MethodGet, address, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return s.Browser().Do(req)
}

func (s *keySite) status(address string, header ...string) int {
	s.T.Helper()
	res, err := s.ask(address, header...)
	if err != nil {
		s.T.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// awaitOver waits until a key opens nothing any more. A request that is under way when it ends is cut.
func (s *keySite) awaitOver(what, key string) {
	s.T.Helper()
	s.Await(what, func() bool {
		res, err := s.ask(s.URL("wiki", "/x"), "Authorization", "Bearer "+key)
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusUnauthorized
	})
}

var newKey = regexp.MustCompile(`postern-access-1\.[A-Za-z0-9_-]{43}`)

// key makes an access key as a person does: confirm, make.
func (s *keySite) key(browser *posterntest.Browser, app api.Application, days string) string {
	s.T.Helper()
	browser.Post(s.PortalURL+"/account/confirm", url.Values{"password": {posterntest.Password}})
	page := browser.Post(s.PortalURL+"/account/keys", url.Values{"name": {"Backup"}, "application": {app.ID}, "days": {days}})
	found := newKey.FindString(page.Text)
	if found == "" {
		s.T.Fatalf("%s: %s", page.Status, page.Text)
	}
	return found
}

func TestAnAccessTokenOpensItsApplication(t *testing.T) {
	s := newKeySite(t)
	n := newNative(t, s.System, access.ClientCLI)
	token := n.signIn(signedIn(s.System, "ada"), oauth2.SetAuthURLParam("resource", s.URL("wiki", "/")))
	bearer := "Bearer " + token.AccessToken
	if got := s.status(s.URL("wiki", "/x"), "Authorization", bearer); got != http.StatusOK {
		t.Fatalf("its application: %d", got)
	}
	if got := s.status(s.URL("git", "/x"), "Authorization", bearer); got != http.StatusUnauthorized {
		t.Errorf("another application: %d", got)
	}
	if got := string(s.backend.Bytes()); strings.Contains(got, "postern-token") || strings.Contains(got, "Authorization") {
		t.Errorf("the backend got %s", got)
	}
	// Ended, it cuts what is open.
	res, err := s.ask(s.URL("wiki", "/endless"), "Authorization", bearer)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	cut := make(chan error, 1)
	go func() {
		var err error
		for block := make([]byte, 4096); err == nil; {
			_, err = res.Body.Read(block)
		}
		cut <- err
	}()
	if status, _ := n.post("/oauth/revoke", url.Values{"client_id": {access.ClientCLI}, "token": {token.RefreshToken}}); status != http.StatusOK {
		t.Fatal(status)
	}
	<-cut
	if got := s.status(s.URL("wiki", "/x"), "Authorization", bearer); got != http.StatusUnauthorized {
		t.Errorf("after its end: %d", got)
	}
}

// TestAnAccessKeyOpensOneApplication, however a program can send it, until it ends.
func TestAnAccessKeyOpensOneApplication(t *testing.T) {
	s := newKeySite(t)
	browser := signedIn(s.System, "ada")
	key := s.key(browser, s.wiki, "30")
	basic := func(user, password string) string {
		req := &http.Request{Header: http.Header{}}
		req.SetBasicAuth(user, password)
		return req.Header.Get("Authorization")
	}
	for name, header := range map[string][]string{
		"bearer": {"Authorization", "Bearer " + key}, "password": {"Authorization", basic("ada", key)},
		"user": {"Authorization", basic(key, "x")}, "header": {"Postern-Authorization", key},
	} {
		if got := s.status(s.URL("wiki", "/x"), header...); got != http.StatusOK {
			t.Errorf("%s: %d", name, got)
		}
		if got := s.status(s.URL("git", "/x"), header...); got != http.StatusUnauthorized {
			t.Errorf("%s at another application: %d", name, got)
		}
	}
	if _, err := me(s.System, key); err == nil {
		t.Error("an access key administers")
	}
	if got := string(s.backend.Bytes()); strings.Contains(got, "postern-access") || strings.Contains(got, "Authorization") {
		t.Errorf("the backend got %s", got)
	}
	if page := browser.Go(s.PortalURL + "/account/keys"); strings.Contains(page.Text, key) || !strings.Contains(page.Text, "Backup") {
		t.Errorf("the page: %s", page.Text)
	}
	ends := map[string]func(key string, made api.AccessKey) error{
		"by its user": func(_ string, made api.AccessKey) error {
			browser.Post(s.PortalURL+"/account/keys/delete", url.Values{"id": {made.ID}})
			return nil
		},
		"by an administrator": func(_ string, made api.AccessKey) error {
			return s.API.AccessKeys.Delete(t.Context(), made.ID, made.Version)
		},
		"by the application's setting": func(string, api.AccessKey) error {
			app, err := s.API.Applications.Show(t.Context(), s.wiki.ID)
			if err == nil {
				_, err = s.API.Applications.Update(t.Context(), app.ID, app.Version, api.Patch{"accessKeys": false})
			}
			return err
		},
	}
	for _, how := range []string{"by its user", "by an administrator", "by the application's setting"} {
		key := s.key(browser, s.wiki, "30")
		var made api.AccessKey
		for each, err := range s.API.AccessKeys.All(t.Context(), api.ListOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			made = each // the newest is the last
		}
		if made.User != s.ada.ID || made.Application != s.wiki.ID {
			t.Fatalf("%+v", made)
		}
		if got := s.status(s.URL("wiki", "/x"), "Authorization", "Bearer "+key); got != http.StatusOK {
			t.Fatalf("%s: before: %d", how, got)
		}
		if err := ends[how](key, made); err != nil {
			t.Fatal(err)
		}
		s.awaitOver("the key to be over "+how, key)
	}
}

// TestAccessKeysAreTheirUsersOwn: nobody makes or deletes another's, and who has not confirmed makes none.
func TestAccessKeysAreTheirUsersOwn(t *testing.T) {
	s := newKeySite(t)
	ada := signedIn(s.System, "ada")
	if page := ada.WithoutRedirects().Post(s.PortalURL+"/account/keys", url.Values{"name": {"x"}, "application": {s.wiki.ID}, "days": {"3"}}); page.Header.Get("Location") != "/account/confirm" {
		t.Errorf("unconfirmed: %s to %q", page.Status, page.Header.Get("Location"))
	}
	ada = signedIn(s.System, "ada")
	key := s.key(ada, s.wiki, "1")
	var made api.AccessKey
	for each := range s.API.AccessKeys.All(t.Context(), api.ListOptions{}) {
		made = each
	}
	s.User("eve")
	eve := signedIn(s.System, "eve")
	eve.Post(s.PortalURL+"/account/keys/delete", url.Values{"id": {made.ID}})
	if page := eve.Go(s.PortalURL + "/account/keys"); strings.Contains(page.Text, "Backup") {
		t.Error("eve sees the key of ada")
	}
	if got := s.status(s.URL("wiki", "/x"), "Authorization", "Bearer "+key); got != http.StatusOK {
		t.Errorf("after eve deleted it: %d", got)
	}
	for name, form := range map[string]url.Values{
		"application": {"name": {"x"}, "application": {"app_nothing"}, "days": {"1"}},
		"expires":     {"name": {"x"}, "application": {s.wiki.ID}, "days": {"400"}},
		"name":        {"name": {""}, "application": {s.wiki.ID}, "days": {"1"}},
	} {
		if page := ada.Post(s.PortalURL+"/account/keys", form); page.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page.Text, name) {
			t.Errorf("%s: %s", name, page.Status)
		}
	}
	// A new password ends the keys that were made under the old one.
	if err := s.API.Users.SetPassword(t.Context(), s.ada.ID, "another good password"); err != nil {
		t.Fatal(err)
	}
	s.awaitOver("the key to be over", key)
}
