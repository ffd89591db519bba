package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
)

// TestCodesAreWorthNothingToOthers: each row changes one thing of a good token request.
func TestCodesAreWorthNothingToOthers(t *testing.T) {
	sys := posterntest.New(t)
	app := sys.Publish("wiki", "http://127.0.0.1:9/")
	browser := signedIn(sys, "owner")
	n := newNative(t, sys, access.ClientCLI)
	tests := []struct {
		name   string
		change func(form url.Values)
		want   string
	}{
		{"wrong verifier", func(f url.Values) { f.Set("code_verifier", oauth2.GenerateVerifier()) }, "invalid_grant"},
		{"no verifier", func(f url.Values) { f.Del("code_verifier") }, "invalid_grant"},
		{"other redirect", func(f url.Values) { f.Set("redirect_uri", "http://127.0.0.1:1/callback") }, "invalid_grant"},
		{"no redirect", func(f url.Values) { f.Del("redirect_uri") }, "invalid_grant"},
		{"other client", func(f url.Values) { f.Set("client_id", access.ClientDevice) }, "invalid_grant"},
		{"an application's client", func(f url.Values) { f.Set("client_id", app.ID) }, "invalid_grant"},
		{"unknown client", func(f url.Values) { f.Set("client_id", "evil") }, "invalid_client"},
		{"no client", func(f url.Values) { f.Del("client_id") }, "invalid_client"},
		{"made-up code", func(f url.Values) { f.Set("code", "x.y.z") }, "invalid_grant"},
		{"flipped code", func(f url.Values) { f.Set("code", f.Get("code")+"A") }, "invalid_grant"},
		{"unknown grant", func(f url.Values) { f.Set("grant_type", "password") }, "unsupported_grant_type"},
		{"code twice", func(f url.Values) { f.Add("code", "x") }, "invalid_request"},
		{"resource of nobody", func(f url.Values) { f.Set("resource", "https://elsewhere.example/") }, "invalid_target"},
		{"nothing changed", func(url.Values) {}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			verifier := oauth2.GenerateVerifier()
			got := n.code(browser, n.config.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier)), "allow")
			form := url.Values{"grant_type": {"authorization_code"}, "client_id": {access.ClientCLI}, "code": {got.Get("code")},
				"redirect_uri": {n.config.RedirectURL}, "code_verifier": {verifier}}
			test.change(form)
			status, answer := n.post("/oauth/token", form)
			if word, _ := answer["error"].(string); word != test.want || (status == http.StatusOK) != (test.want == "") {
				t.Errorf("%d %v", status, answer)
			}
			if test.want == "" && !strings.HasPrefix(answer["access_token"].(string), "postern-token-1.") {
				t.Errorf("%v", answer)
			}
		})
	}
}

// TestAskedInAWrongWay: what leads nowhere, and what is told to the program. Nothing leads a browser
// to an address that is not a program's on its own machine.
func TestAskedInAWrongWay(t *testing.T) {
	sys := posterntest.New(t)
	browser := signedIn(sys, "owner").WithoutRedirects()
	good := url.Values{"client_id": {access.ClientCLI}, "redirect_uri": {"http://127.0.0.1:4000/callback"}, "response_type": {"code"},
		"code_challenge_method": {"S256"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())}, "state": {"s"}}
	redirects := []string{
		"", "https://evil.example/callback", "http://evil.example/callback", "http://localhost:4000/callback", "http://127.0.0.1:4000/", "http://127.0.0.1/callback",
		"http://127.0.0.1:4000/callback/../x", "http://127.0.0.1:4000/callback?x=1", "http://127.0.0.1:4000/callback#x", "http://a@127.0.0.1:4000/callback",
		"http://127.0.0.1:4000@evil.example/callback", "http://127.0.0.1.evil.example:4000/callback", "http://127.1:4000/callback", "http://2130706433:4000/callback",
		"http://127.0.0.2:4000/callback", "http://[::ffff:127.0.0.1]:4000/callback", "http://[::1%25lo]:4000/callback", "http://0.0.0.0:4000/callback",
		"http://127.0.0.1:4000/%63allback", `http://127.0.0.1:4000\@evil.example/callback`, "//127.0.0.1:4000/callback", "javascript:alert(1)", "http://127.0.0.1:0/callback",
		"http://127.0.0.1:04000/callback", "HTTP://127.0.0.1:4000/callback\n", "https://127.0.0.1:4000/callback", "http:127.0.0.1:4000/callback",
		sys.PortalURL + "/callback", strings.Repeat("h", 10_000),
	}
	for _, redirect := range redirects {
		q := clone(good)
		q.Set("redirect_uri", redirect)
		page := browser.Go(sys.PortalURL + "/oauth/authorize?" + q.Encode())
		if page.StatusCode < 400 || page.Header.Get("Location") != "" {
			t.Errorf("redirect %.80q: %s to %q", redirect, page.Status, page.Header.Get("Location"))
		}
		page = browser.Post(sys.PortalURL+"/oauth/authorize", url.Values{"request": {q.Encode()}, "answer": {"allow"}})
		if page.StatusCode < 400 || page.Header.Get("Location") != "" {
			t.Errorf("posted redirect %.80q: %s to %q", redirect, page.Status, page.Header.Get("Location"))
		}
	}
	told := []struct{ name, value, want string }{
		{"response_type", "token", "unsupported_response_type"}, {"code_challenge_method", "plain", "invalid_request"},
		{"code_challenge_method", "", "invalid_request"}, {"code_challenge", "short", "invalid_request"}, {"code_challenge", strings.Repeat("=", 43), "invalid_request"},
		{"resource", "https://elsewhere.example/", "invalid_target"}, {"resource", "not a url", "invalid_target"}, {"state", strings.Repeat("s", 600), "invalid_request"},
		{"device_name", strings.Repeat("n", 200), "invalid_request"}, {"device_name", "a\u202eb", "invalid_request"},
	}
	for _, test := range told {
		q := clone(good)
		q.Set(test.name, test.value)
		page := browser.Go(sys.PortalURL + "/oauth/authorize?" + q.Encode())
		to, err := url.Parse(page.Header.Get("Location"))
		if err != nil || to.Host != "127.0.0.1:4000" || to.Query().Get("error") != test.want || to.Query().Get("code") != "" {
			t.Errorf("%s=%.20q: %s to %s", test.name, test.value, page.Status, to)
		}
	}
	q := clone(good)
	q.Add("redirect_uri", "http://127.0.0.1:5000/callback")
	if page := browser.Go(sys.PortalURL + "/oauth/authorize?" + q.Encode()); page.StatusCode < 400 {
		t.Errorf("a parameter twice: %s", page.Status)
	}
	q = clone(good)
	q.Set("client_id", "evil")
	if page := browser.Go(sys.PortalURL + "/oauth/authorize?" + q.Encode()); page.StatusCode < 400 || page.Header.Get("Location") != "" {
		t.Errorf("an unknown client: %s", page.Status)
	}
	if page := browser.Post(sys.PortalURL+"/oauth/authorize", url.Values{"request": {good.Encode()}, "answer": {"deny"}}); !strings.Contains(page.Header.Get("Location"), "error=access_denied") {
		t.Errorf("refused: %s to %s", page.Status, page.Header.Get("Location"))
	}
}

func clone(v url.Values) url.Values {
	c := url.Values{}
	for name, values := range v {
		c[name] = append([]string(nil), values...)
	}
	return c
}

// TestACodeShownTwiceEndsItsSignIn: one of the two stole it.
func TestACodeShownTwiceEndsItsSignIn(t *testing.T) {
	sys := posterntest.New(t)
	n := newNative(t, sys, access.ClientCLI)
	verifier := oauth2.GenerateVerifier()
	got := n.code(signedIn(sys, "owner"), n.config.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier)), "allow")
	token, err := n.config.Exchange(n.http, got.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.config.Exchange(n.http, got.Get("code"), oauth2.VerifierOption(verifier)); err == nil {
		t.Fatal("the code was good twice")
	}
	if _, err := me(sys, token.AccessToken); err == nil {
		t.Error("the access token is good still")
	}
	if _, answer := n.post("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {access.ClientCLI}, "refresh_token": {token.RefreshToken}}); answer["error"] != "invalid_grant" {
		t.Errorf("%v", answer)
	}
}

// TestAnOldRefreshTokenEndsItsSignIn: but the one before the newest may be shown once more, since its answer
// may have been lost.
func TestAnOldRefreshTokenEndsItsSignIn(t *testing.T) {
	sys := posterntest.New(t)
	n := newNative(t, sys, access.ClientCLI)
	browser := signedIn(sys, "owner")
	refresh := func(token string) (string, string, string) {
		_, answer := n.post("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {access.ClientCLI}, "refresh_token": {token}})
		word := func(name string) string { s, _ := answer[name].(string); return s }
		return word("access_token"), word("refresh_token"), word("error")
	}
	t.Run("older than the one before", func(t *testing.T) {
		first := n.signIn(browser).RefreshToken
		_, second, _ := refresh(first)
		access, third, _ := refresh(second)
		if _, err := me(sys, access); err != nil {
			t.Fatal(err)
		}
		if _, _, word := refresh(first); word != "invalid_grant" {
			t.Errorf("the first: %q", word)
		}
		if _, _, word := refresh(third); word != "invalid_grant" {
			t.Errorf("the newest after that: %q", word)
		}
		if _, err := me(sys, access); err == nil {
			t.Error("the access token is good still")
		}
	})
	t.Run("answer lost", func(t *testing.T) {
		first := n.signIn(browser).RefreshToken
		_, lost, _ := refresh(first)
		_, again, word := refresh(first)
		if word != "" || again == lost {
			t.Fatalf("shown again: %q", word)
		}
		if _, _, word := refresh(again); word != "" {
			t.Errorf("the answer that arrived: %q", word)
		}
		if _, _, word := refresh(lost); word != "invalid_grant" {
			t.Errorf("the answer that was lost: %q", word)
		}
	})
	t.Run("another client", func(t *testing.T) {
		first := n.signIn(browser).RefreshToken
		_, answer := n.post("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {"postern-client"}, "refresh_token": {first}})
		if answer["error"] != "invalid_grant" {
			t.Errorf("%v", answer)
		}
		if _, _, word := refresh(first); word != "" {
			t.Errorf("its own client after that: %q", word)
		}
	})
	t.Run("made up", func(t *testing.T) {
		for _, token := range []string{"", "x", "postern-refresh-1.a.b.c", n.signIn(browser).AccessToken, n.signIn(browser).RefreshToken + "A"} {
			if _, _, word := refresh(token); word != "invalid_grant" {
				t.Errorf("%.20q: %q", token, word)
			}
		}
	})
}

func TestRevokedTokensAreOver(t *testing.T) {
	sys := posterntest.New(t)
	n := newNative(t, sys, access.ClientCLI)
	browser := signedIn(sys, "owner")
	for _, which := range []string{"refresh", "access"} {
		token := n.signIn(browser)
		shown := map[string]string{"refresh": token.RefreshToken, "access": token.AccessToken}[which]
		if status, answer := n.post("/oauth/revoke", url.Values{"client_id": {"postern-client"}, "token": {shown}}); status == http.StatusOK {
			t.Errorf("%s: another client revoked it: %v", which, answer)
		}
		if _, err := me(sys, token.AccessToken); err != nil {
			t.Fatalf("%s: %v", which, err)
		}
		if status, answer := n.post("/oauth/revoke", url.Values{"client_id": {access.ClientCLI}, "token": {shown}}); status != http.StatusOK {
			t.Errorf("%s: %d %v", which, status, answer)
		}
		if _, err := me(sys, token.AccessToken); err == nil {
			t.Errorf("%s: good still", which)
		}
	}
	if status, _ := n.post("/oauth/revoke", url.Values{"client_id": {access.ClientCLI}, "token": {"whatever"}}); status != http.StatusOK {
		t.Errorf("an unknown token: %d", status)
	}
}

// TestTokensAreForOneAudience: a token of one application is nothing to the admin API, and a client
// of one application gets no other's.
func TestTokensAreForOneAudience(t *testing.T) {
	sys := posterntest.New(t)
	wiki := sys.Publish("wiki", "http://127.0.0.1:9/")
	sys.Publish("git", "http://127.0.0.1:9/")
	browser := signedIn(sys, "owner")
	n := newNative(t, sys, access.ClientCLI)
	of := func(n *native, refresh, resource string) (string, string) {
		_, answer := n.post("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {n.config.ClientID}, "refresh_token": {refresh}, "resource": {resource}})
		token, _ := answer["access_token"].(string)
		word, _ := answer["error"].(string)
		return token, word
	}
	token, word := of(n, n.signIn(browser).RefreshToken, sys.URL("wiki", "/deep"))
	if _, err := me(sys, token); word != "" || err == nil || !strings.Contains(err.Error(), "is for") {
		t.Errorf("a token of the wiki at the admin API: %q, %v", word, err)
	}
	only := n.signIn(browser, oauth2.SetAuthURLParam("resource", sys.URL("wiki", "/")))
	if _, err := me(sys, only.AccessToken); err == nil {
		t.Error("a sign-in for the wiki administers")
	}
	if _, word := of(n, only.RefreshToken, sys.AdminURL); word != "invalid_target" {
		t.Errorf("a sign-in for the wiki gave a token of the admin API: %q", word)
	}
	mine := newNative(t, sys, wiki.ID)
	for resource, want := range map[string]string{"": "", sys.URL("wiki", "/"): "", sys.URL("git", "/"): "invalid_target", sys.AdminURL: "invalid_target", sys.PortalURL: "invalid_target"} {
		if _, word := of(mine, mine.signIn(browser).RefreshToken, resource); word != want {
			t.Errorf("the wiki's client for %q: %q", resource, word)
		}
	}
}

// TestSignInsOfProgramsEndWithTheirUser: disabled, signed out everywhere, other password.
func TestSignInsOfProgramsEndWithTheirUser(t *testing.T) {
	sys := posterntest.New(t)
	n := newNative(t, sys, access.ClientCLI)
	for name, end := range map[string]func(user api.User) error{
		"disabled": func(u api.User) error {
			_, err := sys.API.Users.Update(t.Context(), u.ID, u.Version, api.Patch{"disabled": true})
			return err
		},
		"revoked":  func(u api.User) error { return sys.API.Users.RevokeSessions(t.Context(), u.ID) },
		"password": func(u api.User) error { return sys.API.Users.SetPassword(t.Context(), u.ID, "another good password") },
		"deleted":  func(u api.User) error { return sys.API.Users.Delete(t.Context(), u.ID, u.Version) },
	} {
		t.Run(name, func(t *testing.T) {
			user := sys.User(name)
			token := n.signIn(signedIn(sys, name))
			if _, err := me(sys, token.AccessToken); err != nil {
				t.Fatal(err)
			}
			if err := end(user); err != nil {
				t.Fatal(err)
			}
			sys.Await("the token to be over", func() bool { _, err := me(sys, token.AccessToken); return err != nil })
			if _, answer := n.post("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {access.ClientCLI}, "refresh_token": {token.RefreshToken}}); answer["error"] != "invalid_grant" {
				t.Errorf("refresh: %v", answer)
			}
		})
	}
}
