package oidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"postern/internal/fault"
	"postern/internal/identity"
	party "postern/internal/identity/oidc"
)

// TestSilent: the provider says that it would have to ask, and says who it is once it has.
func TestSilent(t *testing.T) {
	w := newWorld(t, client(), client().Secret)
	b := w.Browser(t)
	if _, err := w.tryToSignIn(t, b, party.Ask{Silent: true}); !fault.Is(err, fault.KindForbidden) || !errors.Is(err, identity.ErrInteract) {
		t.Errorf("before anybody signed in: %v", err)
	}
	first := w.signIn(t, b, party.Ask{})
	if again := w.signIn(t, b, party.Ask{Silent: true}); again.Subject != "ada" || !again.Authenticated.Equal(first.Authenticated) {
		t.Errorf("then: %+v", again)
	}
}

// TestAudienceOfOurProof: whichever of the two addresses a provider wants, and then without a detour.
func TestAudienceOfOurProof(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := client()
	c.Secret, c.AuthMethod, c.KeyAlgorithm = "", "private_key_jwt", "ES256"
	c.Keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), Algorithm: "ES256", Use: "sig"}}}
	for _, only := range []string{"issuer", "token"} {
		w := newWorld(t, c, pemOf("PRIVATE KEY", der))
		w.Audience(only)
		for range 2 {
			a := w.signIn(t, w.Browser(t), party.Ask{})
			if _, err := w.us.Again(t.Context(), a.Renewal); err != nil {
				t.Errorf("for its %s, again: %v", only, err)
			}
		}
	}
}

// TestMixUp: what one provider answered is not taken to another, with two that nobody here wrote.
func TestMixUp(t *testing.T) {
	honest, other := newWorld(t, client(), client().Secret), newWorld(t, client(), client().Secret)
	address, ours, err := honest.us.Begin(t.Context(), "", party.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	good := honest.Browser(t).SignIn(address, "ada").Query()
	there, theirs, err := other.us.Begin(t.Context(), "", party.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	stray := other.Browser(t).SignIn(there, "ada").Query()
	if good.Get("iss") != honest.Issuer || stray.Get("iss") != other.Issuer {
		t.Fatalf("the providers do not say who they are: %v, %v", good, stray)
	}
	with := func(q url.Values, name, value string) url.Values {
		changed := url.Values{}
		for n, v := range q {
			changed[n] = v
		}
		changed.Set(name, value)
		if value == "" {
			changed.Del(name)
		}
		return changed
	}
	for name, test := range map[string]struct {
		at     *party.Provider
		state  party.State
		answer url.Values
		says   string
	}{
		"the other's answer":                          {honest.us, ours, stray, "begin again"},
		"the other's answer under our state":          {honest.us, ours, with(stray, "state", ours.State), "(iss)"},
		"the other's code, without saying whose":      {honest.us, ours, with(with(stray, "state", ours.State), "iss", ""), "(iss)"},
		"the other's code, said to be ours":           {honest.us, ours, with(with(stray, "state", ours.State), "iss", honest.Issuer), "begin again"},
		"our code at the other, under its state":      {other.us, theirs, with(good, "state", theirs.State), "(iss)"},
		"our code at the other, said to be its own":   {other.us, theirs, with(with(good, "state", theirs.State), "iss", other.Issuer), "begin again"},
		"our whole sign-in, taken to the other":       {other.us, ours, good, "begin again"},
		"the other's whole sign-in, taken to our own": {honest.us, theirs, stray, "begin again"},
	} {
		if a, err := test.at.Finish(t.Context(), test.state, test.answer); err == nil || a.Subject != "" || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	if a, err := honest.us.Finish(t.Context(), ours, good); err != nil || a.Issuer != honest.Issuer {
		t.Errorf("in the end the true one: %v", err)
	}
}
