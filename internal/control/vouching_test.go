package control_test

import (
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/posterntest/idp"
	"postern/internal/posterntest/slapd"
)

// confirmed proves at the upstream once more who somebody is.
func (a *abroad) confirmed(t *testing.T, p control.Progress) control.Own {
	t.Helper()
	out, err := a.Depart(t.Context(), control.Departure{Upstream: a.up.ID, Binding: binding, Who: &p.Who})
	if err != nil {
		t.Fatal(err)
	}
	back := a.back(out, a.follow(t, out))
	back.Who = &p.Who
	done, err := a.Arrive(t.Context(), anyone(), back)
	if err != nil || done.Confirmed == "" {
		t.Fatalf("confirm at the upstream: %+v, %v", done, err)
	}
	return control.Own{Who: p.Who, Confirmed: done.Confirmed, Binding: binding}
}

// keep is what somebody holds beside the browser's session: an access key, and a program signed in.
type keep struct {
	k       *kit
	app     access.Application
	key     string
	program control.Tokens
}

func (k *kit) keep(own control.Own) *keep {
	k.t.Helper()
	app := k.application("git")
	app.AccessKeys = true
	app, err := k.UpdateApplication(k.t.Context(), k.owner, app)
	h := &keep{k: k, app: must(k.t, app, err)}
	k.assign(app.ID, own.Who.User)
	if _, h.key, err = k.CreateAccessKey(k.t.Context(), anyone(), own, access.AccessKey{Name: "backup", Application: app.ID}); err != nil {
		k.t.Fatal(err)
	}
	got, code := k.tokens(k.allow(own.Who))
	wantCode(k.t, "a new program", code, "")
	h.program = got
	return h
}

// good says which of the two are taken.
func (h *keep) good() (key, program bool) {
	h.k.t.Helper()
	_, _, err := h.k.Credential(h.k.t.Context(), access.Credential{Application: h.app.ID, Host: "git.example.com", Secret: h.key, Address: "192.0.2.9"})
	key = err == nil
	got, code := h.k.tokens(refreshing(h.program.Refresh))
	if code != "" {
		return key, false
	}
	h.program = got
	_, err = h.k.TokenActor(h.k.t.Context(), got.Access, "", "")
	h.k.WriteBatches(h.k.t.Context())
	return key, err == nil
}

func (h *keep) wants(what string, key, program bool) {
	h.k.t.Helper()
	eventually(h.k.t, what, func() bool {
		gotKey, gotProgram := h.good()
		return gotKey == key && gotProgram == program
	})
}

// TestWhoIsRefusedElsewhereHasNothingLeft: whoever the upstream does not let in any more has no access key and
// no program either, as they have no session in the browser (Teleport 16.4.6, Pomerium CVE-2021-41230).
func TestWhoIsRefusedElsewhereHasNothingLeft(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k)
		p := a.signIn(t)
		h := k.keep(a.confirmed(t, p))
		h.wants("at first", true, true)
		claims := map[string]any{"preferred_username": "ada"}
		a.idp.Put(idp.User{Subject: "42", Claims: claims, Refused: true})
		a.pass(16 * time.Minute)
		h.good() // the program alone is used, no browser
		a.Reread(t.Context())
		a.over(t, p)
		h.wants("the upstream refuses the user", false, false)
		a.idp.Put(idp.User{Subject: "42", Claims: claims})
		a.signIn(t)
		eventually(t, "the user is let in again", func() bool { key, _ := h.good(); return key })
	})
}

// TestDisabledUpstreamEndsKeysAndPrograms: what a process remembers of a program is forgotten, too.
func TestDisabledUpstreamEndsKeysAndPrograms(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k)
		p := a.signIn(t)
		own := a.confirmed(t, p)
		h := k.keep(own)
		// The portal's session is over, the program goes on by itself.
		if err := k.SignOut(t.Context(), access.Actor{Kind: access.ActorUser, ID: p.Who.User}, p.Who.Session); err != nil {
			t.Fatal(err)
		}
		h.wants("signed out in the browser", true, true)
		up, err := a.Upstream(t.Context(), a.owner, a.up.ID)
		up = must(t, up, err)
		up.Disabled = true
		if _, err := a.UpdateUpstream(t.Context(), a.owner, up); err != nil {
			t.Fatal(err)
		}
		h.wants("the upstream is disabled", false, false)
	})
}

// TestProgramsOfUpstreamsAreNotForMonths: of a program nobody can be asked once the browser's session is over.
func TestProgramsOfUpstreamsAreNotForMonths(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k)
		p := a.signIn(t)
		got, _ := k.tokens(k.allow(p.Who))
		for range 4 {
			a.pass(5 * time.Hour)
			var code control.OAuthCode
			if got, code = k.tokens(refreshing(got.Refresh)); code != "" {
				t.Fatalf("within the day: %s", code)
			}
			k.written(got.Access)
		}
		a.pass(5 * time.Hour)
		_, code := k.tokens(refreshing(got.Refresh))
		wantCode(t, "after a day", code, "invalid_grant")
	})
}

// withPasskeyOf gives somebody signed in a passkey.
func (k *kit) withPasskeyOf(own control.Own) *passkey {
	k.t.Helper()
	p := newPasskey(k.t)
	offer, err := k.OfferFactor(k.t.Context(), own)
	if err != nil {
		k.t.Fatal(err)
	}
	if _, err := k.AddFactor(k.t.Context(), anyone(), own, control.Answer{State: offer.State, Passkey: p.create(offer.Passkey)}); err != nil {
		k.t.Fatal(err)
	}
	return p
}

// TestPasskeyIsNoWayAroundTheProvider: a provider cannot be asked about somebody who does not come from there, so
// a passkey alone would let in for ever whom it has disabled.
func TestPasskeyIsNoWayAroundTheProvider(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k)
		p := a.signIn(t)
		key := k.withPasskeyOf(a.confirmed(t, p))
		done, err := k.alone(key, nil)
		if !fault.Is(err, fault.KindForbidden) || done.Cookie != "" {
			t.Errorf("a passkey alone: %+v, %v", done, err)
		}
		next, err := a.try(t)
		if err != nil || next.Next == nil || len(next.Next.Passkey) == 0 {
			t.Fatalf("at the provider: %+v, %v", next, err)
		}
		done, err = k.ContinueSignIn(t.Context(), anyone(), control.Answer{State: next.Next.State, Binding: binding, Passkey: key.get(next.Next.Passkey)})
		if err != nil || done.Cookie == "" {
			t.Errorf("a passkey after the provider: %+v, %v", done, err)
		}
	})
}

// TestDirectoryHasTheLastWord: whatever somebody of a directory shows, the directory is asked.
func TestDirectoryHasTheLastWord(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		d := newInDirectory(k, slapd.New(t))
		people := map[string]string{}
		for _, name := range []string{"ada", "bob", "carol"} {
			people[name] = d.dir.Person(t, name, password)
		}
		own := func(name string) control.Own {
			p := d.in(name)
			return k.own(&browser{who: p.Who, cookie: p.Cookie})
		}
		disable := func(name string) { d.dir.Set(t, people[name], "nsAccountLock", "TRUE") }

		key := k.withPasskeyOf(own("ada"))
		done, err := k.alone(key, nil)
		if err != nil || done.Cookie == "" {
			t.Fatalf("a passkey alone: %+v, %v", done, err)
		}
		disable("ada")
		if p, err := k.alone(key, nil); !fault.Is(err, fault.KindForbidden) && !fault.Is(err, fault.KindUnauthenticated) || p.Cookie != "" {
			t.Errorf("a passkey of somebody disabled: %+v, %v", p, err)
		}
		eventually(t, "the session of the passkey ends", func() bool { return d.groups(done.Cookie) != nil && d.groups(done.Cookie)[0] == "not signed in" })

		// Nobody has a browser open: a program and an access key are used alone.
		h := k.keep(own("bob"))
		bob := own("bob").Who
		if err := k.RevokeSessions(t.Context(), k.owner, bob.User); err != nil {
			t.Fatal(err)
		}
		h.program, _ = k.tokens(k.allow(d.in("bob").Who))
		h.wants("at first", true, true)
		disable("bob")
		k.pass(16 * time.Minute)
		h.good()
		k.Reread(t.Context())
		h.wants("disabled in the directory", false, false)
	})
}
