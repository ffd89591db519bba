package portal_test

import (
	"context"
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
)

// native is a program on somebody's machine as an independent library signs it in.
type native struct {
	t        *testing.T
	sys      *posterntest.System
	http     context.Context // with the client that trusts the service
	provider *oidc.Provider
	config   oauth2.Config
	answers  chan url.Values // what came to its loopback address
}

func newNative(t *testing.T, sys *posterntest.System, client string) *native {
	t.Helper()
	n := &native{t: t, sys: sys, answers: make(chan url.Values, 1)}
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.answers <- r.URL.Query()
		w.Write([]byte("You may close this page."))
	}))
	t.Cleanup(listener.Close)
	n.http = oidc.ClientContext(t.Context(), sys.Browser().Client)
	var err error
	if n.provider, err = oidc.NewProvider(n.http, sys.PortalURL); err != nil {
		t.Fatal(err)
	}
	endpoint := n.provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams
	n.config = oauth2.Config{ClientID: client, Endpoint: endpoint, RedirectURL: listener.URL + "/callback", Scopes: []string{"openid"}}
	return n
}

// field gives the value of a hidden field of a form.
func field(t *testing.T, page posterntest.Page, name string) string {
	t.Helper()
	found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page.Text)
	if found == nil {
		t.Fatalf("%s at %s has no field %s: %s", page.Status, page.Request.URL, name, page.Text)
	}
	return html.UnescapeString(found[1])
}

// signedIn gives a browser in which somebody is signed in.
func signedIn(sys *posterntest.System, name string) *posterntest.Browser {
	browser := sys.Browser()
	browser.Post(sys.PortalURL+"/sign-in", url.Values{"name": {name}, "password": {posterntest.Password}})
	return browser
}

// code leads a browser through the question and gives what the program's address got.
func (n *native) code(browser *posterntest.Browser, address, answer string) url.Values {
	n.t.Helper()
	page := browser.Go(address)
	browser.Post(n.sys.PortalURL+"/oauth/authorize", url.Values{"request": {field(n.t, page, "request")}, "answer": {answer}})
	select {
	case got := <-n.answers:
		return got
	default:
		n.t.Fatal("nothing came to the program's address")
		return nil
	}
}

// signIn signs the program in as the user of the browser.
func (n *native) signIn(browser *posterntest.Browser, options ...oauth2.AuthCodeOption) *oauth2.Token {
	n.t.Helper()
	verifier := oauth2.GenerateVerifier()
	options = append(options, oauth2.S256ChallengeOption(verifier))
	got := n.code(browser, n.config.AuthCodeURL("state1", options...), "allow")
	if got.Get("state") != "state1" || got.Get("iss") != n.sys.PortalURL {
		n.t.Fatalf("answer %v", got)
	}
	token, err := n.config.Exchange(n.http, got.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		n.t.Fatal(err)
	}
	return token
}

// me asks the admin API who shows the token.
func me(sys *posterntest.System, token string) (api.Me, error) {
	return sys.Client(token).Me(sys.T.Context())
}

func TestAnIndependentClientSignsIn(t *testing.T) {
	sys := posterntest.New(t)
	n := newNative(t, sys, access.ClientCLI)
	// Nobody is signed in yet: the form comes first, and leads back to the question.
	verifier := oauth2.GenerateVerifier()
	browser := sys.Browser()
	page := browser.SignIn(n.config.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier), oidc.Nonce("n1"),
		oauth2.SetAuthURLParam("device_name", "laptop <7>")), "owner")
	if !strings.Contains(page.Text, "laptop &lt;7&gt;") || !strings.Contains(page.Text, "owner") || !strings.Contains(page.Text, "administer Postern") {
		t.Fatalf("%s: %s", page.Status, page.Text)
	}
	browser.Post(sys.PortalURL+"/oauth/authorize", url.Values{"request": {field(t, page, "request")}, "answer": {"allow"}})
	token, err := n.config.Exchange(n.http, (<-n.answers).Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := n.provider.Verifier(&oidc.Config{ClientID: access.ClientCLI}).Verify(n.http, raw)
	if err != nil || id.Nonce != "n1" || !strings.HasPrefix(id.Subject, "usr_") {
		t.Fatalf("ID token: %+v, %v", id, err)
	}
	who, err := me(sys, token.AccessToken)
	if err != nil || who.Kind != "user" || who.Name != "owner" || strings.Join(who.Roles, " ") != "owner" {
		t.Fatalf("%+v, %v", who, err)
	}
	fresh, err := n.config.TokenSource(n.http, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil || fresh.RefreshToken == token.RefreshToken || fresh.AccessToken == token.AccessToken && fresh.Expiry.Equal(token.Expiry) {
		t.Fatalf("refresh: %v", err)
	}
	sessions, err := sys.API.Users.Sessions(t.Context(), who.ID)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, s := range sessions.Items {
		found = found || s.Kind == "program" && s.Name == "Command line on laptop <7>"
	}
	if !found {
		t.Errorf("sessions %+v", sessions.Items)
	}
	if page := browser.Go(sys.PortalURL + "/account"); !strings.Contains(page.Text, "Command line on laptop &lt;7&gt;") {
		t.Error("the account's page does not list it")
	}
}

func TestAnIndependentClientSignsInWithoutABrowser(t *testing.T) {
	sys := posterntest.New(t)
	n := newNative(t, sys, access.ClientCLI)
	asked, err := n.config.DeviceAuth(n.http, oauth2.SetAuthURLParam("device_name", "server room"))
	if err != nil {
		t.Fatal(err)
	}
	if asked.Interval != 5 || asked.VerificationURI != sys.PortalURL+"/device" || len(asked.UserCode) != 9 {
		t.Errorf("%+v", asked)
	}
	browser := sys.Browser()
	page := browser.SignIn(asked.VerificationURIComplete, "owner")
	if got := field(t, page, "user_code"); got != asked.UserCode {
		t.Fatalf("the form is filled in with %q", got)
	}
	page = browser.Post(sys.PortalURL+"/device", url.Values{"user_code": {" " + strings.ToLower(strings.ReplaceAll(asked.UserCode, "-", " "))}})
	for _, want := range []string{"Command line", "server room", "127.0.0.1", asked.UserCode, "may be after your account"} {
		if !strings.Contains(page.Text, want) {
			t.Errorf("the question does not say %q: %s", want, page.Text)
		}
	}
	page = browser.Post(sys.PortalURL+"/device/decide", url.Values{"user_code": {field(t, page, "user_code")}, "answer": {"allow"}})
	if page.StatusCode != http.StatusOK || !strings.Contains(page.Text, "signed in within a few seconds") {
		t.Fatalf("%s: %s", page.Status, page.Text)
	}
	asked.Interval = 1
	token, err := n.config.DeviceAccessToken(n.http, asked)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := me(sys, token.AccessToken); err != nil || who.Name != "owner" {
		t.Fatalf("%+v, %v", who, err)
	}
}

// post sends a form to one of the addresses for programs and gives the answer.
func (n *native) post(path string, form url.Values) (status int, answer map[string]any) {
	n.t.Helper()
	req, err := http.NewRequestWithContext(n.t.Context(), http.MethodPost, n.sys.PortalURL+path, strings.NewReader(form.Encode()))
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := n.sys.Browser().Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		n.t.Fatalf("%s: %v", resp.Status, err)
	}
	return resp.StatusCode, answer
}
