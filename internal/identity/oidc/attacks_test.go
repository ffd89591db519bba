package oidc

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/internal/fault"
)

// TestAttacksOnTheAnswer: what a browser brings back is good only as the provider sent it, in the browser that
// began, for this provider, once.
func TestAttacksOnTheAnswer(t *testing.T) {
	set := func(name string, values ...string) func(*State, url.Values) {
		return func(_ *State, q url.Values) { q[name] = values }
	}
	tests := []struct {
		name   string
		change func(*State, url.Values)
		kind   fault.Kind
		want   string
	}{
		{"another state", set("state", "other"), fault.KindGone, "does not belong"},
		{"a state that is longer", func(s *State, q url.Values) { q.Set("state", s.State+"x") }, fault.KindGone, "does not belong"},
		{"a state that is shorter", func(s *State, q url.Values) { q.Set("state", s.State[:20]) }, fault.KindGone, "does not belong"},
		{"no state", set("state"), fault.KindGone, "does not belong"},
		{"an empty state on both sides", func(s *State, q url.Values) { s.State = ""; q.Set("state", "") }, fault.KindGone, "does not belong"},
		{"two states", func(s *State, q url.Values) { q["state"] = []string{s.State, "other"} }, fault.KindGone, "does not belong"},
		{"two codes", func(_ *State, q url.Values) { q["code"] = append(q["code"], "other") }, fault.KindGone, "does not belong"},
		{"a sign-in at another provider", func(s *State, _ url.Values) { s.Issuer = "https://other.example.com" }, fault.KindGone, "does not belong"},
		{"a sign-in of another client", func(s *State, _ url.Values) { s.Client = "other" }, fault.KindGone, "does not belong"},
		{"a sign-in with another address", func(s *State, _ url.Values) { s.Redirect += "2" }, fault.KindGone, "does not belong"},
		{"a state without a verifier", func(s *State, _ url.Values) { s.Verifier = "" }, fault.KindGone, "does not belong"},
		{"a state without a nonce", func(s *State, _ url.Values) { s.Nonce = "" }, fault.KindGone, "does not belong"},
		{"a sign-in of an hour ago", func(s *State, _ url.Values) { s.Started = s.Started.Add(-time.Hour) }, fault.KindGone, "too long"},
		{"a sign-in of tomorrow", func(s *State, _ url.Values) { s.Started = s.Started.Add(24 * time.Hour) }, fault.KindGone, "too long"},
		{"mix-up: the answer of another provider", set("iss", "https://attacker.example.com"), fault.KindUpstream, "does not come from"},
		{"mix-up: it does not say whose answer it is", set("iss"), fault.KindUpstream, "does not come from"},
		{"mix-up: an empty issuer", set("iss", ""), fault.KindUpstream, "does not come from"},
		{"two issuers", func(_ *State, q url.Values) { q["iss"] = append(q["iss"], "x") }, fault.KindGone, "does not belong"},
		{"no code", set("code"), fault.KindUpstream, "no authorization code"},
		{"a code without end", set("code", strings.Repeat("x", maxCode+1)), fault.KindUpstream, "no authorization code"},
		{"another's code", set("code", "other"), fault.KindGone, "used already"},
		{"the user said no", set("error", "access_denied"), fault.KindForbidden, "did not let you in"},
		{"the user must sign in there", set("error", "login_required"), fault.KindForbidden, "sign in there first"},
		{"it cannot now", set("error", "temporarily_unavailable"), fault.KindUnavailable, "please try again"},
		{"an error that is nobody's", set("error", "<script>s3cret"), fault.KindUpstream, "an unknown error"},
		{"an error beside a code", set("error", "server_error"), fault.KindUnavailable, "cannot sign anybody in"},
		{"a stolen code with another verifier", func(s *State, _ url.Values) { s.Verifier = random() }, fault.KindGone, "used already"},
		{"a stolen code with another nonce", func(s *State, _ url.Values) { s.Nonce = random() }, fault.KindUpstream, "nonce"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			i := newIDP(t)
			p := i.client(nil)
			address, state, err := p.Begin(t.Context(), "", Ask{})
			if err != nil {
				t.Fatal(err)
			}
			answer := i.authorize(address)
			test.change(&state, answer)
			a, err := i.comeBack(p, state, answer)
			judge(t, a, err, test.kind, test.want)
			if strings.Contains(test.name, "mix-up") && i.exchanges.Load() != 0 {
				t.Error("the code was sent to the provider all the same")
			}
		})
	}
}

// TestReplay: an answer is good once, and another browser's state does not make it good.
func TestReplay(t *testing.T) {
	i := newIDP(t)
	p := i.client(nil)
	address, state, err := p.Begin(t.Context(), "", Ask{})
	if err != nil {
		t.Fatal(err)
	}
	_, others, err := p.Begin(t.Context(), "", Ask{})
	if err != nil {
		t.Fatal(err)
	}
	answer := i.authorize(address)
	a, err := i.comeBack(p, others, answer)
	judge(t, a, err, fault.KindGone, "does not belong")
	stolen := url.Values{"code": answer["code"], "state": {others.State}, "iss": answer["iss"]} // login CSRF: the attacker's code in the victim's sign-in
	a, err = i.comeBack(p, others, stolen)
	judge(t, a, err, fault.KindGone, "used already")
	answer = i.authorize(address)
	if _, err := i.comeBack(p, state, answer); err != nil {
		t.Fatalf("the honest answer: %v", err)
	}
	a, err = i.comeBack(p, state, answer)
	judge(t, a, err, fault.KindGone, "used already")
}

func TestAgeOfAuthentication(t *testing.T) {
	i := newIDP(t)
	p := i.client(nil)
	tests := []struct {
		name string
		ask  Ask
		ago  time.Duration // negative: the provider does not say
		kind fault.Kind
		want string
	}{
		{"recent enough", Ask{MaxAge: time.Hour}, 50 * time.Minute, 0, ""},
		{"just now, as asked", Ask{Fresh: true}, time.Second, 0, ""},
		{"too long ago", Ask{MaxAge: time.Hour}, 70 * time.Minute, fault.KindForbidden, "did not ask you again"},
		{"not asked again", Ask{Fresh: true}, 10 * time.Minute, fault.KindForbidden, "did not ask you again"},
		{"not said", Ask{MaxAge: time.Hour}, -1, fault.KindUpstream, "auth_time"},
		{"nobody asked", Ask{}, 1000 * time.Hour, 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			i.claims = func(c map[string]any) {
				c["auth_time"] = i.clock.Add(-test.ago).Unix()
				if test.ago < 0 {
					c["auth_time"] = nil
				}
			}
			a, err := i.signIn(p, test.ask)
			if test.want != "" {
				judge(t, a, err, test.kind, test.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestKeyRotation: a new key is found within a minute, and no flood of tokens makes the provider answer more often.
func TestKeyRotation(t *testing.T) {
	i := newIDP(t)
	p := i.client(nil)
	if _, err := i.signIn(p, Ask{}); err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	i.kid, i.key = "k2", otherRSA(t)
	i.mu.Unlock()
	a, err := i.signIn(p, Ask{})
	judge(t, a, err, fault.KindUnavailable, "try again in a minute")
	i.pass(keysPause)
	if _, err := i.signIn(p, Ask{}); err != nil || i.keyFetches.Load() != 2 {
		t.Fatalf("a minute later: %v after %d fetches", err, i.keyFetches.Load())
	}
	forged := func(n int) string {
		return sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: rsaKey(), KeyID: fmt.Sprint("unknown-", n)}}, "logout+jwt", map[string]any{})
	}
	for minute := range 5 { // an hour of it would pass keysFresh, which is a fetch that is due
		var all sync.WaitGroup
		for n := range 20 {
			all.Go(func() {
				if _, err := p.BackChannel(t.Context(), forged(n)); err == nil {
					t.Error("a token with an unknown key was taken")
				}
			})
		}
		all.Wait()
		if n := i.keyFetches.Load(); n > int64(2+minute) {
			t.Fatalf("minute %d: %d fetches of keys", minute, n)
		}
		i.pass(keysPause)
	}
	if _, err := i.signIn(p, Ask{}); err != nil {
		t.Errorf("the honest after the flood: %v", err)
	}
}

// TestProviderAway: keys and metadata that are known go on to be good while the provider's pages for them are away.
func TestProviderAway(t *testing.T) {
	i := newIDP(t)
	p := i.client(nil)
	if _, err := i.signIn(p, Ask{}); err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	i.handlers["keys"], i.handlers["metadata"] = status(503, ""), status(503, "")
	i.mu.Unlock()
	i.pass(12 * time.Hour)
	if _, err := i.signIn(p, Ask{}); err != nil {
		t.Errorf("half a day later: %v", err)
	}
	i.pass(13 * time.Hour)
	a, err := i.signIn(p, Ask{})
	judge(t, a, err, fault.KindUnavailable, "status 503")
	i.mu.Lock()
	i.handlers = map[string]http.HandlerFunc{}
	i.mu.Unlock()
	i.pass(time.Minute)
	if _, err := i.signIn(p, Ask{}); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}
