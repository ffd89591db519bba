package control_test

import (
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/posterntest/idp"
)

// use shows a cookie, so that the session counts as used, and says whether it is good.
func (a *abroad) use(t *testing.T, p control.Progress) (access.Principal, bool) {
	t.Helper()
	var who access.Principal
	var err error
	eventually(t, "the session can be told", func() bool { // after a leap of the clock the store must be heard of again
		who, err = a.PortalSession(t.Context(), p.Cookie)
		return err == nil || fault.Is(err, fault.KindUnauthenticated)
	})
	a.WriteBatches(t.Context())
	return who, err == nil
}

// over waits until a session is known to be over.
func (a *abroad) over(t *testing.T, p control.Progress) {
	t.Helper()
	eventually(t, "the session is over", func() bool { _, good := a.use(t, p); return !good })
}

// asked waits until the provider was asked so often: the service's own rhythm may be at it just now.
func (a *abroad) asked(t *testing.T, times int) {
	t.Helper()
	eventually(t, "the provider is asked", func() bool { return a.idp.Renewed() >= times })
	if n := a.idp.Renewed(); n != times {
		t.Fatalf("asked %d times, want %d", n, times)
	}
}

func TestUpstreamsAreAskedAnew(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k)
		staff := a.group(t, "Staff")
		a.up.Mapping.GroupsByName = true
		up, err := a.UpdateUpstream(t.Context(), a.owner, a.up)
		a.up = must(t, up, err)
		claims := map[string]any{"preferred_username": "ada", "groups": []string{"Staff"}}
		a.idp.Put(idp.User{Subject: "42", Claims: claims})
		p := a.signIn(t)
		a.idp.Put(idp.User{Subject: "42", Claims: map[string]any{"preferred_username": "ada", "groups": []string{}}})
		a.pass(14 * time.Minute)
		a.use(t, p)
		a.Reread(t.Context())
		if n := a.idp.Renewed(); n != 0 {
			t.Fatalf("asked %d times within 15 minutes", n)
		}
		a.pass(2 * time.Minute)
		if who, _ := a.use(t, p); !slices.Contains(who.Groups, staff.ID) {
			t.Fatalf("groups before: %v", who.Groups)
		}
		var all sync.WaitGroup
		for range 5 { // as replicas do
			all.Go(func() { a.Reread(t.Context()) })
		}
		all.Wait()
		a.asked(t, 1)
		eventually(t, "the group is gone", func() bool { who, good := a.use(t, p); return good && len(who.Groups) == 0 })
		for range 2 { // used since the first time, and not since the second
			a.pass(16 * time.Minute)
			a.Reread(t.Context())
			a.asked(t, 2)
		}
		for range 2 { // what it renews with is renewed too
			a.pass(16 * time.Minute)
			a.use(t, p)
			a.Reread(t.Context())
			if _, good := a.use(t, p); !good {
				t.Fatal("the session is over though the provider says nothing against it")
			}
		}
		a.asked(t, 4)
		if u := a.user(t, "42"); !u.UpstreamRefused.IsZero() {
			t.Errorf("refused: %+v", u)
		}
		a.idp.Put(idp.User{Subject: "42", Claims: claims, Refused: true})
		a.pass(16 * time.Minute)
		a.use(t, p)
		a.Reread(t.Context())
		a.over(t, p)
		if u := a.user(t, "42"); u.UpstreamRefused.IsZero() || u.Disabled {
			t.Errorf("after a refusal: %+v", u)
		}
		if _, err := a.try(t); err == nil {
			t.Error("somebody whom the provider refuses signs in")
		}
		a.idp.Put(idp.User{Subject: "42", Claims: claims})
		a.use(t, a.signIn(t))
		if u := a.user(t, "42"); !u.UpstreamRefused.IsZero() {
			t.Errorf("after coming back: %+v", u)
		}
	})
}

func TestUpstreamAway(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k)
		p := a.signIn(t)
		a.idp.Away(true)
		for range 10 { // ten minutes and more
			a.pass(16 * time.Minute)
			a.use(t, p)
			a.Reread(t.Context())
			if _, good := a.use(t, p); !good {
				t.Fatal("a provider that is away ended a session")
			}
		}
		if u := a.user(t, "42"); !u.UpstreamRefused.IsZero() {
			t.Errorf("a provider that is away refused somebody: %+v", u)
		}
		eventually(t, "the upstream is known to be away", func() bool { return !a.UpstreamsAway()[a.up.ID].IsZero() })
		a.idp.Away(false)
		a.pass(4 * time.Minute) // soon again: not after 15 minutes
		a.use(t, p)
		a.Reread(t.Context())
		a.asked(t, 1)
		eventually(t, "the upstream is known to be back", func() bool { return len(a.UpstreamsAway()) == 0 })
	})
}

func TestUpstreamAwayAtSignIn(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k)
		out, answer := a.depart(t)
		a.idp.Away(true)
		_, err := a.Arrive(t.Context(), anyone(), a.back(out, answer))
		wantKind(t, err, fault.KindUnavailable)
		a.idp.Away(false)
		if p, err := a.Arrive(t.Context(), anyone(), a.back(out, answer)); err != nil || p.Cookie == "" {
			t.Errorf("the same answer when it is back: %v", err)
		}
	})
}

func TestUpstreamsSignOut(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k)
		one, two := a.signIn(t), a.signIn(t)
		sids := a.idp.Sessions("42")
		a.idp.Put(idp.User{Subject: "43", Claims: map[string]any{"preferred_username": "grace"}})
		other := a.signIn(t)
		if len(sids) != 2 {
			t.Fatalf("sessions %v", sids)
		}
		tell := func(form url.Values) error {
			_, err := a.EndedAtUpstream(t.Context(), anyone(), a.up.ID, control.LogoutMessage{Form: form})
			return err
		}
		say := func(claims map[string]any) error {
			return tell(url.Values{"logout_token": {a.idp.LogoutToken(claims)}})
		}
		for name, claims := range map[string]map[string]any{
			"of nobody":                  {},
			"with a nonce":               {"sub": "42", "nonce": "x"},
			"without an id":              {"sub": "42", "jti": nil},
			"of another provider":        {"sub": "42", "iss": "https://example.com"},
			"for another client":         {"sub": "42", "aud": "other"},
			"without the event":          {"sub": "42", "events": map[string]any{}},
			"of long ago":                {"sub": "42", "iat": 1, "exp": 2},
			"of somebody else's session": {"sub": "43", "sid": sids[0]},
			"of a stranger":              {"sub": "nobody"},
		} {
			if err := say(claims); (err == nil) != (name == "of a stranger" || name == "of somebody else's session") {
				t.Errorf("a message %s: %v", name, err)
			}
		}
		for _, p := range []control.Progress{one, two, other} {
			if _, good := a.use(t, p); !good {
				t.Fatal("a bad message ended a session")
			}
		}
		token := url.Values{"logout_token": {a.idp.LogoutToken(map[string]any{"sid": sids[0]})}}
		if err := tell(token); err != nil {
			t.Fatal(err)
		}
		eventually(t, "one session is over", func() bool {
			_, first := a.use(t, one)
			_, second := a.use(t, two)
			return first != second
		})
		if err := tell(token); !fault.Is(err, fault.KindInvalid) {
			t.Errorf("the same message again: %v", err)
		}
		if err := say(map[string]any{"sub": "42"}); err != nil {
			t.Fatal(err)
		}
		a.over(t, one)
		a.over(t, two)
		if _, good := a.use(t, other); !good {
			t.Error("somebody else was signed out")
		}
		front := url.Values{"iss": {a.idp.Issuer()}, "sid": a.idp.Sessions("43")}
		if err := a.EndedInBrowser(t.Context(), anyone(), a.up.ID, url.Values{"iss": {"https://example.com"}, "sid": front["sid"]}); err == nil {
			t.Error("another issuer ended a session")
		}
		if where := a.EndAtUpstream(t.Context(), other.Who); where == "" {
			t.Error("there is nowhere to sign out")
		}
		if err := a.EndedInBrowser(t.Context(), anyone(), a.up.ID, front); err != nil {
			t.Fatal(err)
		}
		a.over(t, other)
	})
}

// TestSecondFactorAfterUpstream asks for one of ours where the upstream's was not strong, and keeps
// what the upstream gave meanwhile.
func TestSecondFactorAfterUpstream(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k)
		a.signIn(t)
		u := a.user(t, "42")
		u.RequireSecondFactor = true
		if _, err := a.UpdateUser(t.Context(), a.owner, u); err != nil {
			t.Fatal(err)
		}
		p, err := a.try(t)
		if err != nil || p.Next == nil || !p.Next.Enrol || p.Cookie != "" {
			t.Fatalf("%+v, %v", p, err)
		}
		code, err := totp.GenerateCode(p.Next.Seed, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		done, err := a.ContinueSignIn(t.Context(), anyone(), control.Answer{State: p.Next.State, Binding: binding, Code: code})
		if err != nil || done.Cookie == "" {
			t.Fatalf("%+v, %v", done, err)
		}
		a.pass(16 * time.Minute)
		if _, good := a.use(t, done); !good {
			t.Fatal("not signed in")
		}
		a.Reread(t.Context())
		a.asked(t, 1)
		a.idp.Put(idp.User{Subject: "42", Claims: map[string]any{"preferred_username": "ada", "amr": []string{"pwd", "mfa"}}})
		if p := a.signIn(t); !access.Strong(p.Who.Methods) {
			t.Errorf("methods %v", p.Who.Methods)
		}
	})
}

func TestDisabledUpstream(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k)
		p := a.signIn(t)
		out, answer := a.depart(t)
		a.up.Disabled = true
		up, err := a.UpdateUpstream(t.Context(), a.owner, a.up)
		a.up = must(t, up, err)
		a.over(t, p)
		if _, err := a.Arrive(t.Context(), anyone(), a.back(out, answer)); !fault.Is(err, fault.KindNotFound) {
			t.Errorf("arrived at a disabled upstream: %v", err)
		}
		if list, err := a.SignInChoices(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("choices %v, %v", list, err)
		}
	})
}
