package control_test

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/posterntest/pg"
)

const binding = "hash-of-the-binding-cookie"

// browser is somebody signed in at the portal.
type browser struct {
	k      *kit
	cookie string
	who    access.Principal
}

func (k *kit) signIn(name string) *browser {
	k.t.Helper()
	p, err := k.SignIn(k.t.Context(), anyone(), control.Credentials{Name: name, Password: password, UserAgent: "browser", Binding: binding})
	if err != nil || p.Next != nil {
		k.t.Fatalf("sign in as %s: %+v, %v", name, p.Next, err)
	}
	return &browser{k, p.Cookie, p.Who}
}

// request makes a signed sign-in request of an application's host.
func (k *kit) request(app access.Application, back string) string {
	k.t.Helper()
	target, err := k.Begin(access.SignInRequest{Application: app.ID, Host: app.External().Authority(), Return: back, Binding: binding})
	if err != nil {
		k.t.Fatal(err)
	}
	u, err := url.Parse(must(k.t, target, err))
	return must(k.t, u, err).Query().Get("request")
}

func (b *browser) code(app access.Application, back string) string {
	b.k.t.Helper()
	redirect, err := b.k.Authorize(b.k.t.Context(), anyone(), b.who, b.k.request(app, back))
	if err != nil {
		b.k.t.Fatal(err)
	}
	u, err := url.Parse(redirect)
	return must(b.k.t, u, err).Query().Get("code")
}

// open signs in to an application and gives its cookie.
func (b *browser) open(app access.Application) string {
	b.k.t.Helper()
	cookie, _, err := b.k.Swap(b.k.t.Context(), access.CodeShown{Code: b.code(app, "/"), Application: app.ID, Host: app.External().Authority(), Binding: binding})
	return must(b.k.t, cookie, err)
}

func TestHandOff(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		app, ada := k.application("wiki"), k.user("ada")
		k.assign(app.ID, ada.ID)
		b := k.signIn("ada")
		redirect, err := k.Authorize(t.Context(), anyone(), b.who, k.request(app, "/page?a=b"))
		if err != nil || !strings.HasPrefix(redirect, "https://wiki.example.com/.postern/callback?code=") {
			t.Fatalf("redirect %q, %v", redirect, err)
		}
		u, _ := url.Parse(redirect)
		cookie, back, err := k.Swap(t.Context(), access.CodeShown{Code: u.Query().Get("code"), Application: app.ID, Host: "wiki.example.com", Binding: binding})
		if err != nil || back != "/page?a=b" {
			t.Fatalf("back to %q, %v", back, err)
		}
		who, err := k.Session(t.Context(), app.ID, "wiki.example.com", cookie)
		if err != nil || who.User != ada.ID || who.Session == b.who.Session {
			t.Errorf("%+v, %v", who, err)
		}
		_, err = k.PortalSession(t.Context(), cookie)
		wantKind(t, err, fault.KindUnauthenticated)
		_, err = k.Session(t.Context(), app.ID, "wiki.example.com", b.cookie)
		wantKind(t, err, fault.KindUnauthenticated)
	})
}

func TestHandOffRefused(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		app, other, ada := k.application("wiki"), k.application("shop"), k.user("ada")
		k.assign(app.ID, ada.ID)
		b := k.signIn("ada")
		swap := func(code string, app access.ID, host, binding string) error {
			_, _, err := k.Swap(t.Context(), access.CodeShown{Code: code, Application: app, Host: host, Binding: binding})
			return err
		}
		tests := map[string]struct {
			try  func(code string) error
			kind fault.Kind
		}{
			"other browser":     {func(c string) error { return swap(c, app.ID, "wiki.example.com", "another") }, fault.KindGone},
			"no binding":        {func(c string) error { return swap(c, app.ID, "wiki.example.com", "") }, fault.KindGone},
			"other application": {func(c string) error { return swap(c, other.ID, "shop.example.com", binding) }, fault.KindGone},
			"other host":        {func(c string) error { return swap(c, app.ID, "shop.example.com", binding) }, fault.KindInvalid},
			"too late": {func(c string) error {
				k.pass(31 * time.Second)
				return swap(c, app.ID, "wiki.example.com", binding)
			}, fault.KindGone},
			"made up": {func(string) error { return swap("made-up", app.ID, "wiki.example.com", binding) }, fault.KindGone},
		}
		refused := 0
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				code := b.code(app, "/")
				wantKind(t, test.try(code), test.kind)
				refused++
				for _, e := range k.signIns(refused, control.SignInFilter{Event: access.EventHandOver, Result: access.ResultFailure}) {
					if e.Application == "" || e.Message == "" || e.Reason != access.ReasonStepOver && e.Reason != access.ReasonInvalid || strings.Contains(e.Message, code) {
						t.Errorf("sign-in log %+v", e)
					}
				}
				if name == "other browser" { // it was spent by that
					refused++
					wantKind(t, swap(code, app.ID, "wiki.example.com", binding), fault.KindGone)
				}
			})
		}
		k.user("eve")
		_, err := k.Authorize(t.Context(), anyone(), k.signIn("eve").who, k.request(app, "/"))
		wantKind(t, err, fault.KindForbidden)
		signed := k.request(app, "/")
		k.pass(11 * time.Minute)
		_, err = k.Authorize(t.Context(), anyone(), b.who, signed)
		wantKind(t, err, fault.KindGone)
		_, err = k.Authorize(t.Context(), anyone(), b.who, "forged")
		wantKind(t, err, fault.KindInvalid)
	})
}

func TestCodeIsGoodOnce(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		app, ada := k.application("wiki"), k.user("ada")
		k.assign(app.ID, ada.ID)
		code := k.signIn("ada").code(app, "/")
		results := make(chan error, 20)
		var wg sync.WaitGroup
		for range cap(results) {
			wg.Go(func() {
				_, _, err := k.Swap(t.Context(), access.CodeShown{Code: code, Application: app.ID, Host: "wiki.example.com", Binding: binding})
				results <- err
			})
		}
		wg.Wait()
		close(results)
		won := 0
		for err := range results {
			if err == nil {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%d sessions out of one code", won)
		}
	})
}

// oauth2-proxy's open redirects: the way back is a path on the application's own host, or its start.
func TestReturnStaysOnTheHost(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		app, ada := k.application("wiki"), k.user("ada")
		k.assign(app.ID, ada.ID)
		b := k.signIn("ada")
		for _, back := range []string{"//evil.example/", `/\evil.example`, "https://evil.example/", "evil", "", "/\tx", "/a\r\nSet-Cookie: x=y", `/a\..\b`, "/" + strings.Repeat("a", 5000)} {
			_, got, err := k.Swap(t.Context(), access.CodeShown{Code: b.code(app, back), Application: app.ID, Host: "wiki.example.com", Binding: binding})
			if err != nil || got != "/" {
				t.Errorf("%.40q leads back to %q, %v", back, got, err)
			}
		}
		_, err := k.Begin(access.SignInRequest{Application: app.ID, Host: "evil.example", Return: "/", Binding: binding})
		wantKind(t, err, fault.KindInvalid)
	})
}

// GHSA-f24x-5g9q-753f: a session that was there before signing in stayed. Every sign-in makes a
// session of its own, with a new id and secret.
func TestSignInMakesANewSession_GHSAf24x(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.user("ada")
		first, second := k.signIn("ada"), k.signIn("ada")
		if first.who.Session == second.who.Session || first.cookie == second.cookie {
			t.Error("two sign-ins share a session")
		}
		if err := k.SignOut(t.Context(), control.PortalActor(first.who, "", ""), first.who.Session); err != nil {
			t.Fatal(err)
		}
		_, err := k.PortalSession(t.Context(), first.cookie)
		wantKind(t, err, fault.KindUnauthenticated)
		if _, err := k.PortalSession(t.Context(), second.cookie); err != nil {
			t.Error(err)
		}
	})
}

func TestSignOutEndsChildren(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		wiki, shop, ada := k.application("wiki"), k.application("shop"), k.user("ada")
		k.assign(wiki.ID, ada.ID)
		k.assign(shop.ID, ada.ID)
		b := k.signIn("ada")
		one, two := b.open(wiki), b.open(shop)
		who, err := k.Session(t.Context(), shop.ID, "shop.example.com", two)
		who = must(t, who, err)
		start, err := k.Ended(t.Context(), 0)
		start = must(t, start, err)
		if len(start) != 1 || start[0].Kind != "" || start[0].Seq == 0 {
			t.Fatalf("the start is %+v", start)
		}
		eve := k.user("eve")
		wantKind(t, k.SignOut(t.Context(), access.Actor{Kind: access.ActorUser, ID: eve.ID}, b.who.Session), fault.KindForbidden)
		if err := k.EndSession(t.Context(), access.Credential{Application: wiki.ID, Host: "wiki.example.com", Secret: one}); err != nil {
			t.Fatal(err)
		}
		for _, at := range []struct {
			app    access.ID
			host   string
			cookie string
		}{{wiki.ID, "wiki.example.com", one}, {shop.ID, "shop.example.com", two}} {
			_, err := k.Session(t.Context(), at.app, at.host, at.cookie)
			wantKind(t, err, fault.KindUnauthenticated)
		}
		_, err = k.PortalSession(t.Context(), b.cookie)
		wantKind(t, err, fault.KindUnauthenticated)
		k.waitEnding(start[0].Seq, access.EndingSession, string(who.Session))
		if err := k.EndSession(t.Context(), access.Credential{Application: wiki.ID, Host: "wiki.example.com", Secret: one}); err != nil {
			t.Errorf("twice: %v", err)
		}
	})
}

// waitEnding waits until an ending is told.
func (k *kit) waitEnding(after uint64, kind access.EndingKind, id string) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), 30*time.Second)
	defer cancel()
	for {
		list, err := k.Ended(ctx, after)
		if err != nil {
			k.t.Fatalf("no ending of %s %s: %v", kind, id, err)
		}
		for _, e := range list {
			after = e.Seq
			if e.Kind == kind && e.ID == id {
				return
			}
		}
	}
}

func TestWhatEndsSessions(t *testing.T) {
	tests := []struct {
		name   string
		change func(k *kit, u access.User) error
		kind   fault.Kind // of the session afterwards; -1: it goes on
		ending access.EndingKind
	}{
		{"disabled", func(k *kit, u access.User) error {
			u.Disabled = true
			return second(k.UpdateUser(k.t.Context(), k.owner, u))
		}, fault.KindUnauthenticated, access.EndingUser},
		{"deleted", func(k *kit, u access.User) error { return k.DeleteUser(k.t.Context(), k.owner, u.ID, 0) }, fault.KindUnauthenticated, access.EndingUser},
		{"another password", func(k *kit, u access.User) error {
			return k.SetPassword(k.t.Context(), k.owner, u.ID, "quite another password")
		}, fault.KindUnauthenticated, access.EndingUser},
		{"other roles", func(k *kit, u access.User) error {
			u.Roles = []access.Role{access.RoleReader}
			return second(k.UpdateUser(k.t.Context(), k.owner, u))
		}, -1, access.EndingUser},
		{"another group", func(k *kit, u access.User) error {
			return second(k.CreateGroup(k.t.Context(), k.owner, access.Group{Name: unique(), Members: []access.ID{u.ID}}))
		}, -1, access.EndingUser},
	}
	both(t, func(t *testing.T, k *kit) {
		app := k.application("wiki")
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				u := k.user(unique())
				k.assign(app.ID, u.ID)
				b := k.signIn(u.Name)
				cookie := b.open(app)
				before, err := k.Session(t.Context(), app.ID, "wiki.example.com", cookie)
				before = must(t, before, err)
				start, err := k.Ended(t.Context(), 0)
				start = must(t, start, err)
				if err := test.change(k, u); err != nil {
					t.Fatal(err)
				}
				k.waitEnding(start[0].Seq, test.ending, string(u.ID))
				after, err := k.Session(t.Context(), app.ID, "wiki.example.com", cookie)
				if test.kind != -1 {
					wantKind(t, err, test.kind)
					return
				}
				if err != nil || len(after.Groups)+len(after.Roles) != len(before.Groups)+len(before.Roles)+1 {
					t.Errorf("%+v, %v", after, err)
				}
			})
		}
	})
}

func TestSignInRefused(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.user("ada")
		off := k.user("off")
		off.Disabled = true
		must(t, 0, second(k.UpdateUser(t.Context(), k.owner, off)))
		must(t, 0, second(k.CreateUser(t.Context(), k.owner, access.User{Name: "nopassword"}, "")))
		said := map[string]bool{}
		for i, who := range []struct{ name, password, reason, known string }{
			{"ada", "wrong password", access.ReasonWrongPassword, "ada"}, {"off", password, access.ReasonUserDisabled, "off"},
			{"nobody", password, access.ReasonUnknownUser, ""}, {"nopassword", "", access.ReasonWrongPassword, "nopassword"},
			{"' OR 1=1", "x", access.ReasonUnknownUser, ""}, {"", "", access.ReasonUnknownUser, ""},
		} {
			k.pass(time.Millisecond) // the newest comes first
			_, err := k.SignIn(t.Context(), anyone(), control.Credentials{Name: who.name, Password: who.password, UserAgent: "test\x00/1"})
			wantKind(t, err, fault.KindUnauthenticated)
			said[err.Error()] = true
			e := k.signIns(i+1, control.SignInFilter{Event: access.EventSignIn, Result: access.ResultFailure})[0]
			if e.Reason != who.reason || e.UserName != who.known || e.Address != "203.0.113.5" || e.UserAgent != "test/1" || e.Session != "" {
				t.Errorf("%s: sign-in log %+v", who.name, e)
			}
		}
		if len(said) != 1 {
			t.Errorf("answers tell who exists: %v", said)
		}
		if _, err := k.SignIn(t.Context(), anyone(), control.Credentials{Name: " ADA ", Password: password}); err != nil {
			t.Errorf("in capitals: %v", err)
		}
		stranger := access.Actor{Kind: access.ActorAnyone, Address: "198.51.100.7:99"}
		var last error
		for range 10 {
			_, last = k.SignIn(t.Context(), stranger, control.Credentials{Name: "ada", Password: "wrong password"})
		}
		var e *fault.Error
		if !asFault(last, &e) || e.Kind != fault.KindLimited || e.RetryAfter <= 0 {
			t.Errorf("after ten guesses: %v", last)
		}
		if _, err := k.SignIn(t.Context(), anyone(), control.Credentials{Name: "ada", Password: password}); err != nil {
			t.Errorf("the true user from where they were before: %v", err)
		}
	})
}

func TestSessionLifetimes(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.user("ada")
		b := k.signIn("ada")
		k.pass(13 * time.Hour)
		_, err := k.PortalSession(t.Context(), b.cookie)
		wantKind(t, err, fault.KindUnauthenticated)
	})
}

// With the database away the known go on, genuine cookies that are not known are told to wait, and
// nobody spins.
func TestDatabaseAway(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		app, ada := k.application("wiki"), k.user("ada")
		k.assign(app.ID, ada.ID)
		b := k.signIn("ada")
		known, unknown := b.open(app), b.open(app)
		who, err := k.Session(t.Context(), app.ID, "wiki.example.com", known)
		who = must(t, who, err)
		start, err := k.Ended(t.Context(), 0)
		start = must(t, start, err)
		snap := k.settled()
		if err := k.store.Close(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the loss is noticed", func() bool { return k.Health(t.Context())[0].Err != nil })
		if got, err := k.Snapshot(t.Context(), 0); err != nil || got.Version != snap.Version {
			t.Errorf("snapshot: %v", err)
		}
		if _, err := k.Session(t.Context(), app.ID, "wiki.example.com", known); err != nil {
			t.Errorf("known session: %v", err)
		}
		_, err = k.Session(t.Context(), app.ID, "wiki.example.com", unknown)
		wantKind(t, err, fault.KindUnavailable)
		var e *fault.Error
		if asFault(err, &e) && e.RetryAfter <= 0 {
			t.Error("nobody says when to try again")
		}
		if _, _, err := k.Grant(t.Context(), app.ID, &who); err != nil {
			t.Errorf("grant: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if list, err := k.Ended(ctx, start[0].Seq); err == nil {
			t.Errorf("endings out of nothing: %v", list)
		}
		k.pass(61 * time.Minute)
		_, err = k.Session(t.Context(), app.ID, "wiki.example.com", known)
		wantKind(t, err, fault.KindUnavailable)
	})
}

// kill -9 of the database: what was known goes on, and what comes after its return is done.
func TestDatabaseKilledAndBack(t *testing.T) {
	postgres := pg.New(t)
	k := newKit(t, postgres.Database(t))
	app, ada := k.application("wiki"), k.user("ada")
	k.assign(app.ID, ada.ID)
	cookie := k.signIn("ada").open(app)
	if _, err := k.Session(t.Context(), app.ID, "wiki.example.com", cookie); err != nil {
		t.Fatal(err)
	}
	postgres.Kill(t)
	_, err := k.CreateUser(t.Context(), k.owner, access.User{Name: "bob"}, "")
	wantKind(t, err, fault.KindUnavailable)
	_, err = k.SignIn(t.Context(), anyone(), control.Credentials{Name: "ada", Password: password})
	wantKind(t, err, fault.KindUnavailable)
	if _, err := k.Session(t.Context(), app.ID, "wiki.example.com", cookie); err != nil {
		t.Errorf("known session: %v", err)
	}
	if _, err := k.Snapshot(t.Context(), 0); err != nil {
		t.Error(err)
	}
	postgres.Start(t)
	back := time.Now()
	eventually(t, "changes are made again", func() bool {
		_, err := k.CreateApplication(t.Context(), k.owner, access.Application{Name: "back", GroupID: app.GroupID, ExternalURL: "https://back.example.com/", InternalURL: "http://back.lan/"})
		return err == nil
	})
	eventually(t, "the gateway sees them", func() bool {
		snap, err := k.Snapshot(t.Context(), 0)
		return err == nil && snap.Published("back.example.com")
	})
	t.Logf("back after %v", time.Since(back))
	if list, _, err := k.Applications(t.Context(), k.owner, access.Page{}); err != nil || len(list) != 2 {
		t.Errorf("acknowledged changes: %d applications, %v", len(list), err)
	}
}
