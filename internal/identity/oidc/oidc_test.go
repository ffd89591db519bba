package oidc

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/identity"
)

// signIn goes the whole way once. The state travels as JSON, as it does through a cookie.
func (i *idp) signIn(p *Provider, ask Ask) (identity.Assertion, error) {
	i.t.Helper()
	address, state, err := p.Begin(i.t.Context(), "", ask)
	if err != nil {
		return identity.Assertion{}, err
	}
	return i.comeBack(p, state, i.authorize(address))
}

func (i *idp) comeBack(p *Provider, state State, answer url.Values) (identity.Assertion, error) {
	i.t.Helper()
	travelled, err := json.Marshal(state)
	if err != nil {
		i.t.Fatal(err)
	}
	var back State
	if err := json.Unmarshal(travelled, &back); err != nil {
		i.t.Fatal(err)
	}
	return p.Finish(i.t.Context(), back, answer)
}

func TestSignIn(t *testing.T) {
	i := newIDP(t)
	p := i.client(nil)
	got, err := i.signIn(p, Ask{})
	if err != nil {
		t.Fatal(err)
	}
	if !Renewable(got.Renewal) {
		t.Error("nothing to ask again with")
	}
	got.Renewal = nil
	want := identity.Assertion{
		Issuer: i.issuer, Subject: subject, Groups: []string{"admins", "staff"}, Methods: []string{"pwd", "otp"},
		Authenticated: i.now().Add(-time.Minute).UTC(), Session: "session-1",
		Claims: map[string]any{
			"sub": subject, "name": "Ada Lovelace", "email": "ada@example.com", "email_verified": true, "address.country": "DE", "level": 3.0,
			"groups": []string{"staff", "admins"}, "amr": []string{"pwd", "otp"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := i.signIn(p, Ask{}); err != nil {
		t.Errorf("a second sign-in: %v", err)
	}
	if n, m := i.keyFetches.Load(), i.metaFetches.Load(); n != 1 || m != 1 {
		t.Errorf("keys were fetched %d times, metadata %d times", n, m)
	}
}

func TestAddressToSignInAt(t *testing.T) {
	i := newIDP(t)
	p := i.client(nil)
	address, state, err := p.Begin(t.Context(), "abc.", Ask{MaxAge: 90 * time.Second, Hint: "ada@example.com", ACR: []string{"phr", "mfa"}})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"tenant": "1", "response_type": "code", "client_id": clientID, "redirect_uri": callback, "scope": "openid profile email offline_access",
		"code_challenge_method": "S256", "max_age": "90", "login_hint": "ada@example.com", "acr_values": "phr mfa", "state": state.State, "nonce": state.Nonce,
	} {
		if len(q[name]) != 1 || q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q[name], want)
		}
	}
	if !strings.HasPrefix(state.State, "abc.") || strings.Contains(address, state.Verifier) || strings.Contains(address, "s3cret") {
		t.Errorf("the address is %s", address)
	}
	_, other, err := p.Begin(t.Context(), "", Ask{})
	if err != nil || other.State == state.State || other.Nonce == state.Nonce || other.Verifier == state.Verifier {
		t.Errorf("another sign-in: %v", err)
	}
	address, _, err = i.client(func(c *Config) { c.Scopes = []string{"groups", "openid"} }).Begin(t.Context(), "", Ask{Fresh: true})
	if err != nil || !strings.Contains(address, "scope=openid+groups&") || !strings.Contains(address, "prompt=login") || !strings.Contains(address, "max_age=0") {
		t.Errorf("with scopes of its own: %s, %v", address, err)
	}
}

func TestAlgorithmsThatAreGood(t *testing.T) {
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.RS512, jose.ES256, jose.EdDSA} {
		t.Run(string(alg), func(t *testing.T) {
			i := newIDP(t)
			i.alg = alg
			i.metadata = func(m map[string]any) { m["id_token_signing_alg_values_supported"] = []string{string(alg)} }
			i.claims = func(c map[string]any) { delete(c, "at_hash") }
			switch alg {
			case jose.ES256:
				i.key = newEC(t)
			case jose.EdDSA:
				i.key = newEd(t)
			}
			if _, err := i.signIn(i.client(nil), Ask{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestProvidersThatDiffer: what real providers do differently and may.
func TestProvidersThatDiffer(t *testing.T) {
	tests := []struct {
		name   string
		change func(*idp)
		cfg    func(*Config)
		check  func(identity.Assertion) bool
	}{
		{"no userinfo", func(i *idp) { i.metadata = func(m map[string]any) { delete(m, "userinfo_endpoint") } }, nil,
			func(a identity.Assertion) bool { return a.Claims["name"] == nil && len(a.Groups) == 2 }},
		{"groups in userinfo only", func(i *idp) { i.claims = func(c map[string]any) { c["groups"] = nil } }, nil,
			func(a identity.Assertion) bool { return slices.Equal(a.Groups, []string{"from-userinfo"}) }},
		{"groups in an object", func(i *idp) {
			i.claims = func(c map[string]any) { c["realm_access"] = map[string]any{"roles": []string{"b", "a", "a", ""}} }
		}, func(c *Config) { c.GroupsClaim = "realm_access.roles" }, func(a identity.Assertion) bool { return slices.Equal(a.Groups, []string{"a", "b"}) }},
		{"one group, not in a list", func(i *idp) { i.claims = func(c map[string]any) { c["groups"] = "only" } }, nil,
			func(a identity.Assertion) bool { return slices.Equal(a.Groups, []string{"only"}) }},
		{"no groups", func(i *idp) {
			i.claims = func(c map[string]any) { c["groups"] = nil }
			i.userinfo = func(c map[string]any) { delete(c, "groups") }
		}, nil, func(a identity.Assertion) bool { return len(a.Groups) == 0 }},
		{"several audiences", func(i *idp) {
			i.claims = func(c map[string]any) { c["aud"], c["azp"] = []string{"other", clientID}, clientID }
		}, nil, nil},
		{"no sign of when the user signed in", func(i *idp) { i.claims = func(c map[string]any) { c["auth_time"] = nil } }, nil,
			func(a identity.Assertion) bool { return a.Authenticated.IsZero() }},
		{"a clock that is off a little", func(i *idp) {
			i.claims = func(c map[string]any) {
				c["iat"], c["nbf"] = i.clock.Add(time.Minute).Unix(), i.clock.Add(time.Minute).Unix()
			}
		}, nil, nil},
		{"times with fractions", func(i *idp) { i.claims = func(c map[string]any) { c["iat"] = float64(i.clock.Unix()) + 0.5 } }, nil, nil},
		{"a key without an id", func(i *idp) { i.kid = "" }, nil, nil},
		{"keys of kinds that nobody knows", func(i *idp) {
			i.jwks = func() any {
				return map[string]any{"keys": []any{map[string]string{"kty": "XYZ", "kid": "k1"}, "nonsense", 7, nil,
					jose.JSONWebKey{Key: rsaKey().Public(), KeyID: "k1", Use: "enc"}, jose.JSONWebKey{Key: rsaKey().Public(), KeyID: "k1", Use: "sig"}}}
			}
		}, nil, nil},
		{"it does not state who answers", func(i *idp) {
			i.metadata = func(m map[string]any) { delete(m, "authorization_response_iss_parameter_supported") }
		}, nil, nil},
		{"several factors by context", func(i *idp) { i.claims = func(c map[string]any) { c["amr"], c["acr"] = []string{"hwk"}, "phr" } }, nil,
			func(a identity.Assertion) bool { return slices.Equal(a.Methods, []string{"hwk", "mfa"}) }},
		{"no refresh token", func(i *idp) {
			i.handlers["token"] = func(w http.ResponseWriter, r *http.Request) {
				strip := &stripped{ResponseWriter: w}
				i.token(strip, r)
			}
		}, nil, func(a identity.Assertion) bool { return !Renewable(a.Renewal) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			i := newIDP(t)
			test.change(i)
			a, err := i.signIn(i.client(test.cfg), Ask{})
			if err != nil || test.check != nil && !test.check(a) {
				t.Errorf("%v, %+v", err, a)
			}
		})
	}
}

// stripped takes the refresh token out of an answer.
type stripped struct{ http.ResponseWriter }

func (s *stripped) Write(body []byte) (int, error) {
	var object map[string]any
	if json.Unmarshal(body, &object) == nil {
		delete(object, "refresh_token")
		out, _ := json.Marshal(object)
		_, err := s.ResponseWriter.Write(out)
		return len(body), err
	}
	return s.ResponseWriter.Write(body)
}

func TestAgain(t *testing.T) {
	i := newIDP(t)
	p := i.client(nil)
	first, err := i.signIn(p, Ask{})
	if err != nil {
		t.Fatal(err)
	}
	i.pass(time.Hour)
	i.claims = func(c map[string]any) { c["groups"] = []string{"staff"} }
	second, err := p.Again(t.Context(), first.Renewal)
	if err != nil || !slices.Equal(second.Groups, []string{"staff"}) || second.Subject != subject {
		t.Fatalf("again: %v, %+v", err, second)
	}
	if _, err := p.Again(t.Context(), first.Renewal); !fault.Is(err, fault.KindUnauthenticated) {
		t.Errorf("a refresh token that was used: %v", err)
	}
	if _, err := p.Again(t.Context(), second.Renewal); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

// TestAgainFails: only the provider's word ends what somebody may; everything else is not known.
func TestAgainFails(t *testing.T) {
	tests := []struct {
		name   string
		change func(*idp)
		want   fault.Kind
	}{
		{"the user is disabled", func(i *idp) { i.refresh = "" }, fault.KindUnauthenticated},
		{"more is asked of the user", func(i *idp) { i.handlers["token"] = status(400, `{"error":"interaction_required"}`) }, fault.KindUnauthenticated},
		{"our secret is wrong", func(i *idp) { i.handlers["token"] = status(401, `{"error":"invalid_client"}`) }, fault.KindUpstream},
		{"an error without a word", func(i *idp) { i.handlers["token"] = status(400, `{"error":"<s3cret>"}`) }, fault.KindUpstream},
		{"an error page", func(i *idp) { i.handlers["token"] = status(400, `<html>invalid_grant`) }, fault.KindUpstream},
		{"out of order", func(i *idp) { i.handlers["token"] = status(500, `{"error":"invalid_grant"}`) }, fault.KindUnavailable},
		{"too often", func(i *idp) { i.handlers["token"] = status(429, `{"error":"invalid_grant"}`) }, fault.KindUnavailable},
		{"somebody else", func(i *idp) { i.claims = func(c map[string]any) { c["sub"] = "other" } }, fault.KindUpstream},
		{"somebody else in userinfo", func(i *idp) { i.userinfo = func(c map[string]any) { c["sub"] = "other" } }, fault.KindUpstream},
		{"another sign-in's token", func(i *idp) { i.claims = func(c map[string]any) { c["nonce"] = "other" } }, fault.KindUpstream},
		{"an expired token", func(i *idp) { i.claims = func(c map[string]any) { c["exp"] = 1 } }, fault.KindUpstream},
		{"another's token", func(i *idp) { i.claims = func(c map[string]any) { c["iss"] = "https://other.example.com" } }, fault.KindUpstream},
		{"a token signed by somebody else", func(i *idp) {
			other := newEC(i.t)
			i.sign = func(c map[string]any) string {
				return sign(i.t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: other, KeyID: "k1"}}, "JWT", c)
			}
		}, fault.KindUnavailable},
		{"away", func(i *idp) { i.server.Listener.Close(); i.server.CloseClientConnections() }, fault.KindUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			i := newIDP(t)
			p := i.client(nil)
			first, err := i.signIn(p, Ask{})
			if err != nil {
				t.Fatal(err)
			}
			test.change(i)
			a, err := p.Again(t.Context(), first.Renewal)
			if !fault.Is(err, test.want) || strings.Contains(everything(err), "s3cret") {
				t.Errorf("got %v (%s), want %s", err, fault.KindOf(err), test.want)
			}
			if a.Subject != "" || a.Renewal != nil {
				t.Errorf("it says something all the same: %+v", a)
			}
		})
	}
	i := newIDP(t)
	p := i.client(nil)
	if _, err := p.Again(t.Context(), []byte(`{"s":"x"}`)); !fault.Is(err, fault.KindConflict) {
		t.Errorf("without a refresh token: %v", err)
	}
	if _, err := p.Again(t.Context(), []byte(`nonsense`)); !fault.Is(err, fault.KindInternal) {
		t.Errorf("damaged: %v", err)
	}
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

// TestAgainWithoutToken: a provider may leave the ID token out of what a refresh token gives.
func TestAgainWithoutToken(t *testing.T) {
	i := newIDP(t)
	p := i.client(nil)
	first, err := i.signIn(p, Ask{})
	if err != nil {
		t.Fatal(err)
	}
	i.handlers["token"] = status(200, `{"access_token":"access-2","token_type":"Bearer"}`)
	a, err := p.Again(t.Context(), first.Renewal)
	if err != nil || a.Subject != subject || !slices.Equal(a.Groups, []string{"from-userinfo"}) || !Renewable(a.Renewal) {
		t.Fatalf("%v, %+v", err, a)
	}
	i.userinfo = func(c map[string]any) { c["sub"] = "other" }
	if _, err := p.Again(t.Context(), first.Renewal); !fault.Is(err, fault.KindUpstream) {
		t.Errorf("somebody else: %v", err)
	}
}

// TestWaysToSayWhoWeAre: secret in the header, in the body, by a signature, or none.
func TestWaysToSayWhoWeAre(t *testing.T) {
	i := newIDP(t)
	key := newEC(t)
	tests := []struct {
		name, secret string
		takes        []string
		good         func(r *http.Request) bool
	}{
		{"in the body", clientSecret, []string{"client_secret_post"}, func(r *http.Request) bool {
			return r.FormValue("client_id") == clientID && r.FormValue("client_secret") == clientSecret && r.Header.Get("Authorization") == ""
		}},
		{"in the header, where both are taken", clientSecret, []string{"client_secret_post", "client_secret_basic"}, func(r *http.Request) bool {
			return !r.Form.Has("client_secret") && r.Header.Get("Authorization") != ""
		}},
		{"none", "", nil, func(r *http.Request) bool {
			return r.FormValue("client_id") == clientID && !r.Form.Has("client_secret") && r.Header.Get("Authorization") == ""
		}},
		{"by a signature", pemOf(t, key), []string{"private_key_jwt"}, func(r *http.Request) bool {
			signed, err := jose.ParseSignedCompact(r.FormValue("client_assertion"), []jose.SignatureAlgorithm{jose.ES256})
			if err != nil {
				return false
			}
			payload, err := signed.Verify(key.Public())
			c, _ := readClaims(payload)
			expires, _ := c.time("exp")
			return err == nil && c.text("iss") == clientID && c.text("sub") == clientID && c.text("jti") != "" && c.text("aud") == i.issuer &&
				expires.Equal(i.now().Add(time.Minute).UTC()) && !r.Form.Has("client_secret")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			good := false
			i.metadata = func(m map[string]any) { m["token_endpoint_auth_methods_supported"] = test.takes }
			i.handlers["token"] = func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				good = test.good(r)
				r.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(clientSecret))
				i.token(w, r)
			}
			if _, err := i.signIn(i.client(func(c *Config) { c.Secret = test.secret }), Ask{}); err != nil || !good {
				t.Errorf("%v; as it should be: %v", err, good)
			}
		})
	}
}
