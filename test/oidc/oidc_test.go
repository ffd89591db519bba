package oidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/internal/fault"
	"postern/internal/fetch"
	"postern/internal/identity"
	party "postern/internal/identity/oidc"
	"postern/internal/match"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

const callback = "https://portal.localhost/upstreams/ups_1/callback"

func ada() Accounts {
	return Accounts{"ada": {"name": "Ada Lovelace", "email": "ada@example.com", "email_verified": true, "groups": []string{"staff", "engineers"}}}
}

func client() Client {
	return Client{ID: "postern", Secret: "s3cret: +%&/=", RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{"https://portal.localhost/signed-out"}}
}

// world is a provider and us, its relying party, on a clock that can be put ahead.
type world struct {
	*Provider
	us *party.Provider

	mu    sync.Mutex // guards ahead
	ahead time.Duration
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

func newWorld(t *testing.T, c Client, secret string) *world {
	t.Helper()
	w := &world{Provider: Start(t, []Client{c}, ada())}
	u, err := url.Parse(w.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := match.ParseRules("allow 127.0.0.1:" + u.Port())
	if err != nil {
		t.Fatal(err)
	}
	asks := fetch.New(fetch.Config{Rules: rules, Roots: w.Roots, Timeout: 30 * time.Second})
	t.Cleanup(asks.Close)
	w.us, err = party.New(party.Config{Issuer: w.Issuer, ClientID: c.ID, Secret: secret, Redirect: callback, Fetch: asks, Now: w.now,
		Scopes: []string{"profile", "email", "groups", "offline_access"}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) signIn(t *testing.T, b *Browser, ask party.Ask) identity.Assertion {
	t.Helper()
	a, err := w.tryToSignIn(t, b, ask)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (w *world) tryToSignIn(t *testing.T, b *Browser, ask party.Ask) (identity.Assertion, error) {
	t.Helper()
	address, state, err := w.us.Begin(t.Context(), "", ask)
	if err != nil {
		return identity.Assertion{}, err
	}
	back := b.SignIn(address, "ada")
	if !strings.HasPrefix(back.String(), callback+"?") {
		t.Fatalf("the provider sends the browser to %s", back)
	}
	return w.us.Finish(t.Context(), state, back.Query())
}

// TestSignIn: the whole way with each way of saying who we are, and asking again later.
func TestSignIn(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*Client)
		secret string
	}{
		{"secret in the header", func(*Client) {}, client().Secret},
		{"no secret: PKCE alone", func(c *Client) { c.Secret, c.AuthMethod = "", "none" }, ""},
		{"a signature", func(c *Client) {
			c.Secret, c.AuthMethod, c.KeyAlgorithm = "", "private_key_jwt", "ES256"
			c.Keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), Algorithm: "ES256", Use: "sig"}}}
		}, pemOf("PRIVATE KEY", der)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := client()
			test.change(&c)
			w := newWorld(t, c, test.secret)
			abilities, err := w.us.Check(t.Context())
			if want := (party.Abilities{Logout: true, BackChannel: true, Refresh: true}); err != nil || abilities != want {
				t.Errorf("the provider offers %+v, %v", abilities, err)
			}
			a := w.signIn(t, w.Browser(t), party.Ask{Hint: "ada"})
			if a.Issuer != w.Issuer || a.Subject != "ada" || a.Claims["email"] != "ada@example.com" || a.Claims["name"] != "Ada Lovelace" ||
				a.Claims["email_verified"] != true || !slices.Equal(a.Groups, []string{"engineers", "staff"}) {
				t.Errorf("got %+v", a)
			}
			changed := ada()
			changed["ada"]["groups"] = []string{"engineers"}
			w.Accounts(changed)
			again, err := w.us.Again(t.Context(), a.Renewal)
			if err != nil || !slices.Equal(again.Groups, []string{"engineers"}) || again.Subject != "ada" {
				t.Fatalf("again: %v, groups %v", err, again.Groups)
			}
			w.Accounts(Accounts{})
			if _, err := w.us.Again(t.Context(), again.Renewal); !fault.Is(err, fault.KindUnauthenticated) {
				t.Errorf("a disabled user: %v", err)
			}
		})
	}
}

func TestWhatTheProviderRefuses(t *testing.T) {
	w := newWorld(t, client(), "another secret")
	if _, err := w.tryToSignIn(t, w.Browser(t), party.Ask{}); !fault.Is(err, fault.KindUpstream) || !strings.Contains(err.Error(), "client id and secret") {
		t.Errorf("another secret: %v", err)
	}
	w = newWorld(t, client(), client().Secret)
	b := w.Browser(t)
	address, state, err := w.us.Begin(t.Context(), "", party.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	back := b.SignIn(address, "ada").Query()
	if _, err := w.us.Finish(t.Context(), state, back); err != nil {
		t.Fatal(err)
	}
	if _, err := w.us.Finish(t.Context(), state, back); !fault.Is(err, fault.KindGone) {
		t.Errorf("the same answer again: %v", err)
	}
	address, _, err = w.us.Begin(t.Context(), "", party.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	_, others, err := w.us.Begin(t.Context(), "", party.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	stolen := b.SignIn(address, "ada").Query()
	stolen.Set("state", others.State)
	if _, err := w.us.Finish(t.Context(), others, stolen); !fault.Is(err, fault.KindGone) {
		t.Errorf("a stolen code: %v", err)
	}
}

// TestKeysChange: the provider signs with a new key from one moment to the next.
func TestKeysChange(t *testing.T) {
	w := newWorld(t, client(), client().Secret)
	b := w.Browser(t)
	w.signIn(t, b, party.Ask{})
	w.Rotate()
	if _, err := w.tryToSignIn(t, b, party.Ask{}); !fault.Is(err, fault.KindUnavailable) {
		t.Errorf("within the minute: %v", err)
	}
	w.pass(time.Minute)
	w.signIn(t, b, party.Ask{})
}

func TestFreshAuthentication(t *testing.T) {
	w := newWorld(t, client(), client().Secret)
	b := w.Browser(t)
	first := w.signIn(t, b, party.Ask{MaxAge: time.Hour})
	if first.Authenticated.IsZero() {
		t.Error("it does not say when the user signed in there")
	}
	if a := w.signIn(t, b, party.Ask{Fresh: true}); a.Authenticated.Before(first.Authenticated) {
		t.Errorf("signed in at %s, before at %s", a.Authenticated, first.Authenticated)
	}
}

// TestLogout: signing out here signs out there, and the provider tells us by the back channel.
func TestLogout(t *testing.T) {
	c := client()
	told := make(chan string, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told <- r.FormValue("logout_token")
	}))
	defer server.Close()
	c.BackChannelLogoutURI = "https://portal.localhost:" + portOf(t, server) + "/back"
	c.BackChannelNeedsSID = true
	w := newWorld(t, c, c.Secret)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{w.Certificate("portal.localhost")}}
	server.StartTLS()
	b := w.Browser(t)
	a := w.signIn(t, b, party.Ask{})
	if a.Session == "" {
		t.Fatal("it names no session")
	}
	address, err := w.us.LogoutURL(t.Context(), a.Renewal, "https://portal.localhost/signed-out", "xyz")
	if err != nil {
		t.Fatal(err)
	}
	if back := b.SignOut(address); back.String() != "https://portal.localhost/signed-out?state=xyz" {
		t.Errorf("the provider sends the browser to %s", back)
	}
	var token string
	select {
	case token = <-told:
	case <-time.After(30 * time.Second):
		t.Fatal("the provider did not call")
	}
	ended, err := w.us.BackChannel(t.Context(), token)
	if err != nil || ended.Session != a.Session || ended.Subject != a.Subject || ended.ID == "" {
		t.Fatalf("got %+v, %v; the session was %s", ended, err, a.Session)
	}
	w.pass(time.Hour)
	if _, err := w.us.BackChannel(t.Context(), token); !fault.Is(err, fault.KindInvalid) {
		t.Errorf("the token an hour later: %v", err)
	}
}

func portOf(t *testing.T, server *httptest.Server) string {
	t.Helper()
	u, err := url.Parse("tcp://" + server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}
