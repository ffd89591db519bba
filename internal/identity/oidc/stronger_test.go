package oidc

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/internal/fault"
	"postern/internal/identity"
)

// TestFreshSignInMayTakeItsTime: whoever is slow on the provider's pages has still proved it since we asked.
func TestFreshSignInMayTakeItsTime(t *testing.T) {
	i := newIDP(t)
	p := i.client(nil)
	address, state, err := p.Begin(t.Context(), "", Ask{Fresh: true, ACR: []string{"mfa"}})
	if err != nil {
		t.Fatal(err)
	}
	proved := i.now().Add(10 * time.Second)
	i.claims = func(c map[string]any) { c["auth_time"], c["acr"] = proved.Unix(), "mfa" }
	i.pass(9 * time.Minute)
	a, err := i.comeBack(p, state, i.authorize(address))
	if err != nil || a.Context != "mfa" || !a.Authenticated.Equal(proved.Truncate(time.Second).UTC()) {
		t.Errorf("got %+v, %v", a, err)
	}
}

// TestSilent: a provider that would have to ask says so, and that is told from a refusal.
func TestSilent(t *testing.T) {
	i := newIDP(t)
	p := i.client(nil)
	address, state, err := p.Begin(t.Context(), "", Ask{Silent: true, Fresh: true})
	if err != nil {
		t.Fatal(err)
	}
	q, err := url.Parse(address)
	if err != nil || q.Query().Get("prompt") != "none" || q.Query().Has("max_age") {
		t.Errorf("it goes to %s", address)
	}
	for code, interact := range map[string]bool{"login_required": true, "interaction_required": true, "consent_required": true,
		"account_selection_required": true, "access_denied": false, "invalid_request": false} {
		_, err := p.Finish(t.Context(), state, url.Values{"state": {state.State}, "iss": {i.issuer}, "error": {code}})
		if err == nil || errors.Is(err, identity.ErrInteract) != interact {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// TestAudienceOfOurProof: the proof of our key is for the issuer alone, so that no other provider can use it; one that
// takes only its token endpoint gets that, found out once.
func TestAudienceOfOurProof(t *testing.T) {
	for name, want := range map[string]func(*idp) string{
		"its issuer":         func(i *idp) string { return i.issuer },
		"its token endpoint": func(i *idp) string { return i.issuer + "/token" },
		"something else":     func(*idp) string { return "https://other.example.com" },
	} {
		t.Run(name, func(t *testing.T) {
			i, key := newIDP(t), newEC(t)
			i.metadata = func(m map[string]any) { m["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"} }
			asked := 0
			seen := map[string]bool{}
			i.handlers["token"] = func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				asked++
				signed, err := jose.ParseSignedCompact(r.FormValue("client_assertion"), []jose.SignatureAlgorithm{jose.ES256})
				if err != nil {
					t.Error(err)
					return
				}
				payload, err := signed.Verify(key.Public())
				c, _ := readClaims(payload)
				if err != nil || seen[c.text("jti")] {
					t.Errorf("a proof is wrong or comes twice: %v", err)
				}
				seen[c.text("jti")] = true
				if c.text("aud") == want(i) {
					r.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(clientSecret))
				}
				i.token(w, r)
			}
			p := i.client(func(c *Config) { c.Secret = pemOf(t, key) })
			_, err := i.signIn(p, Ask{})
			if name == "something else" {
				if !fault.Is(err, fault.KindUpstream) || !strings.Contains(err.Error(), "invalid_client") || asked != 2 {
					t.Errorf("%v after %d questions", err, asked)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			first := asked
			if _, err := i.signIn(p, Ask{}); err != nil || asked != first+1 {
				t.Errorf("a second time: %v, %d questions", err, asked-first)
			}
		})
	}
}
