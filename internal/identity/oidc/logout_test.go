package oidc

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
)

func TestLogoutURL(t *testing.T) {
	i := newIDP(t)
	p := i.client(nil)
	a, err := i.signIn(p, Ask{})
	if err != nil {
		t.Fatal(err)
	}
	address, err := p.LogoutURL(t.Context(), a.Renewal, "https://portal.example.com/signed-out", "x")
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(address)
	q := u.Query()
	if u.Path != "/logout" || q.Get("client_id") != clientID || q.Get("post_logout_redirect_uri") != "https://portal.example.com/signed-out" ||
		q.Get("state") != "x" || strings.Count(q.Get("id_token_hint"), ".") != 2 {
		t.Errorf("got %s", address)
	}
	if address, err := p.LogoutURL(t.Context(), nil, "", ""); err != nil || address != i.issuer+"/logout?client_id="+clientID {
		t.Errorf("without anything: %s, %v", address, err)
	}
	i = newIDP(t)
	i.metadata = func(m map[string]any) { delete(m, "end_session_endpoint") }
	if address, err := i.client(nil).LogoutURL(t.Context(), nil, "", ""); err != nil || address != "" {
		t.Errorf("a provider without logout: %q, %v", address, err)
	}
}

func TestBackChannel(t *testing.T) {
	i := newIDP(t)
	p := i.client(nil)
	now := i.now()
	token := func(change func(map[string]any)) string {
		c := map[string]any{
			"iss": i.issuer, "aud": clientID, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": "t1", "sub": subject, "sid": "session-1",
			"events": map[string]any{logoutEvent: map[string]any{}},
		}
		if change != nil {
			change(c)
		}
		return sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: rsaKey(), KeyID: "k1"}}, "logout+jwt", c)
	}
	set := func(name string, value any) string {
		return token(func(c map[string]any) {
			c[name] = value
			if value == nil {
				delete(c, name)
			}
		})
	}
	want := Ended{Subject: subject, Session: "session-1", ID: "t1", Expires: now.Add(2*time.Minute + skew).UTC()}
	if got, err := p.BackChannel(t.Context(), token(nil)); err != nil || !cmp.Equal(got, want) {
		t.Fatalf("got %v\n%s", err, cmp.Diff(want, got))
	}
	for name, good := range map[string]string{"of a whole user": set("sid", nil), "of one session": set("sub", nil)} {
		if _, err := p.BackChannel(t.Context(), good); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	tests := map[string]string{
		"nothing": "", "nonsense": "x.y.z", "another issuer": set("iss", "https://other.example.com"), "another audience": set("aud", "other"), "no audience": set("aud", nil),
		"a nonce": set("nonce", "n"), "an empty nonce": set("nonce", ""), "no events": set("events", nil), "another event": set("events", map[string]any{"x": map[string]any{}}),
		"an event that is no object": set("events", map[string]any{logoutEvent: true}), "events that are a list": set("events", []string{logoutEvent}),
		"nobody": token(func(c map[string]any) { delete(c, "sub"); delete(c, "sid") }), "an empty subject": set("sub", ""), "an empty session": set("sid", ""),
		"a session that is a number": set("sid", 7), "no id": set("jti", nil), "an id without end": set("jti", strings.Repeat("x", 600)), "expired": set("exp", now.Add(-5*time.Minute).Unix()),
		"no expiry": set("exp", nil), "good for ever": set("exp", now.Add(1000*time.Hour).Unix()), "made long ago": set("iat", now.Add(-time.Hour).Unix()),
		"made in the future": set("iat", now.Add(time.Hour).Unix()), "no time": set("iat", nil), "issued to somebody else": set("azp", "other"),
		"an access token": sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: rsaKey(), KeyID: "k1"}}, "at+jwt", map[string]any{}),
		"another key":     sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: otherRSA(t), KeyID: "k1"}}, "logout+jwt", map[string]any{}),
		"HS256":           sign(t, jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat(clientSecret, 3))}, "logout+jwt", map[string]any{}),
	}
	for name, bad := range tests {
		got, err := p.BackChannel(t.Context(), bad)
		if !fault.Is(err, fault.KindInvalid) || got != (Ended{}) || len(err.Error()) > 200 {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	i.mu.Lock()
	i.claims = nil
	i.mu.Unlock()
	idToken := set("events", nil)
	if _, err := p.BackChannel(t.Context(), idToken); !fault.Is(err, fault.KindInvalid) {
		t.Errorf("an ID token: %v", err)
	}
	if n := i.keyFetches.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

func TestFrontChannel(t *testing.T) {
	i := newIDP(t)
	p := i.client(nil)
	if sid, err := p.FrontChannel(url.Values{"iss": {i.issuer}, "sid": {"s"}}); err != nil || sid != "s" {
		t.Errorf("got %q, %v", sid, err)
	}
	for _, q := range []url.Values{
		{}, {"sid": {"s"}}, {"iss": {i.issuer}}, {"iss": {"https://other.example.com"}, "sid": {"s"}}, {"iss": {i.issuer, i.issuer}, "sid": {"s"}},
		{"iss": {i.issuer}, "sid": {"s", "t"}}, {"iss": {i.issuer}, "sid": {""}}, {"iss": {i.issuer}, "sid": {strings.Repeat("s", 600)}},
	} {
		if sid, err := p.FrontChannel(q); !fault.Is(err, fault.KindInvalid) || sid != "" {
			t.Errorf("%v: got %q, %v", q, sid, err)
		}
	}
}

func TestCheck(t *testing.T) {
	i := newIDP(t)
	got, err := i.client(nil).Check(t.Context())
	if want := (Abilities{Logout: true, Refresh: true}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	i.handlers["keys"] = page
	if _, err := i.client(nil).Check(t.Context()); !fault.Is(err, fault.KindUpstream) {
		t.Errorf("without keys: %v", err)
	}
}

// TestGroupsBeyondTheToken: all of somebody's groups, or no sign-in.
func TestGroupsBeyondTheToken(t *testing.T) {
	many := make([]string, 3000)
	for n := range many {
		many[n] = "group-" + strings.Repeat("x", n%5) + string(rune('a'+n%26)) + string(rune('0'+n/26%10)) + string(rune('0'+n/260%10)) + string(rune('0'+n/2600))
	}
	entra := func(i *idp, sources any) {
		i.metadata = func(m map[string]any) {
			m["msgraph_host"] = strings.TrimPrefix(i.issuer, "https://")
			delete(m, "userinfo_endpoint")
		}
		i.claims = func(c map[string]any) {
			c["groups"] = nil
			c["_claim_names"] = map[string]any{"groups": "src1"}
			c["_claim_sources"] = sources
		}
	}
	old := map[string]any{"src1": map[string]any{"endpoint": "https://graph.windows.net/t/users/u/getMemberObjects"}}
	more := func(i *idp, token string) any {
		return map[string]any{"src1": map[string]any{"endpoint": i.issuer + "/more", "access_token": token}}
	}
	tests := []struct {
		name   string
		change func(*idp)
		groups int
		kind   fault.Kind
		want   string
	}{
		{"Entra: asked of Microsoft Graph", func(i *idp) {
			entra(i, old)
			i.handlers["graph"] = func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer access-") || string(body) != `{"securityEnabledOnly":false}` || r.Header.Get("Content-Type") != "application/json" {
					w.WriteHeader(400)
					return
				}
				writeJSON(w, map[string]any{"value": many})
			}
		}, 3000, 0, ""},
		{"Entra: not allowed", func(i *idp) { entra(i, old); i.handlers["graph"] = status(403, "{}") }, 0, fault.KindUpstream, "GroupMember.Read.All"},
		{"Entra: away", func(i *idp) { entra(i, old); i.handlers["graph"] = status(503, "{}") }, 0, fault.KindUnavailable, "503"},
		{"Entra: HTML", func(i *idp) { entra(i, old); i.handlers["graph"] = page }, 0, fault.KindUpstream, "web page"},
		{"Entra: only a part", func(i *idp) {
			entra(i, old)
			i.handlers["graph"] = status(200, `{"value":["a"],"@odata.nextLink":"https://graph.microsoft.com/x"}`)
		}, 0, fault.KindUpstream, "told at once"},
		{"Entra: without end", func(i *idp) { entra(i, old); i.handlers["graph"] = endless }, 0, fault.KindUpstream, "more than"},
		{"Entra: too many", func(i *idp) {
			entra(i, old)
			all, _ := json.Marshal(map[string]any{"value": slices.Repeat(many, 4)})
			i.handlers["graph"] = status(200, string(all))
		}, 0, fault.KindUpstream, "12000 groups"},
		{"distributed, with a token of its own", func(i *idp) {
			entra(i, more(i, "their-token"))
			i.metadata = nil
			i.handlers["more"] = func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer their-token" {
					w.WriteHeader(401)
					return
				}
				writeJSON(w, map[string]any{"groups": []string{"a", "b"}})
			}
		}, 2, 0, ""},
		{"distributed, without a token: ours goes nowhere else", func(i *idp) {
			entra(i, more(i, ""))
			i.metadata = nil
			i.handlers["more"] = func(_ http.ResponseWriter, r *http.Request) { i.t.Errorf("asked with %q", r.Header) }
		}, 0, fault.KindUpstream, "no token to ask"},
		{"distributed to this machine", func(i *idp) {
			entra(i, map[string]any{"src1": map[string]any{"endpoint": "https://localhost:1/", "access_token": "t"}})
			i.metadata = nil
		}, 0, fault.KindInvalid, "is not asked"},
		{"distributed without TLS", func(i *idp) {
			entra(i, map[string]any{"src1": map[string]any{"endpoint": "http://login.example.com/", "access_token": "t"}})
			i.metadata = nil
		}, 0, fault.KindUpstream, "https://"},
		{"distributed, but not there", func(i *idp) {
			entra(i, more(i, "t"))
			i.metadata = nil
			i.handlers["more"] = status(200, `{"other":[]}`)
		}, 0, fault.KindUpstream, "no claim groups"},
		{"beyond, and nowhere", func(i *idp) { entra(i, nil); i.metadata = nil }, 0, fault.KindUpstream, "does not say where"},
		{"beyond, under a name that is none", func(i *idp) {
			entra(i, map[string]any{})
			i.metadata = nil
			inner := i.claims
			i.claims = func(c map[string]any) { inner(c); c["_claim_names"] = map[string]any{"groups": 7} }
		}, 0, fault.KindUpstream, "does not say where"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			i := newIDP(t)
			test.change(i)
			a, err := i.signIn(i.client(nil), Ask{})
			if test.want != "" {
				judge(t, a, err, test.kind, test.want)
			} else if err != nil || len(a.Groups) != test.groups {
				t.Errorf("got %d groups, %v", len(a.Groups), err)
			}
		})
	}
}
