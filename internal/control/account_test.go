package control_test

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
)

// require asks a second factor of a user.
func (k *kit) require(id access.ID) {
	k.t.Helper()
	u, err := k.User(k.t.Context(), k.owner, id)
	if err != nil {
		k.t.Fatal(err)
	}
	u.RequireSecondFactor = true
	if _, err := k.UpdateUser(k.t.Context(), k.owner, u); err != nil {
		k.t.Fatal(err)
	}
}

func TestForcedEnrolment(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		app, ada := k.application("wiki"), k.user("ada")
		k.assign(app.ID, ada.ID)
		before := k.signIn("ada")
		cookie := before.open(app)
		k.require(ada.ID)
		eventually(t, "the session without a second factor ends", func() bool {
			_, err := k.PortalSession(t.Context(), before.cookie)
			_, err2 := k.Session(t.Context(), app.ID, "wiki.example.com", cookie)
			return fault.Is(err, fault.KindUnauthenticated) && fault.Is(err2, fault.KindUnauthenticated)
		})
		p, thief := k.begin("ada", binding), k.begin("ada", "thief")
		if p.Cookie != "" || p.Next == nil || !p.Next.Enrol || p.Next.Seed == "" || len(p.Next.Picture) == 0 {
			t.Fatalf("%+v", p)
		}
		ph := phone{k, p.Next.Seed}
		again, err := k.answer(p, control.Answer{Code: ph.other()})
		wantKind(t, err, fault.KindUnauthenticated)
		if again.Next == nil || again.Next.Seed != p.Next.Seed {
			t.Error("after a wrong code the picture is another one")
		}
		for _, bad := range []control.Answer{{}, {Recovery: "aaaa-aaaa-aaaa-aaaa"}, {Passkey: []byte("{}")}} {
			if got, err := k.answer(p, bad); err == nil || got.Cookie != "" {
				t.Errorf("%+v: %+v, %v", bad, got, err)
			}
		}
		done, err := k.answer(again, control.Answer{Code: ph.code(0)})
		if err != nil || done.Cookie == "" || len(done.RecoveryCodes) != 10 || !slices.Equal(done.Who.Methods, []string{"pwd", "otp"}) {
			t.Fatalf("%+v, %v", done, err)
		}
		_, err = k.answer(p, control.Answer{Code: ph.code(0)})
		wantKind(t, err, fault.KindGone)
		// Who had only the password and began before may not add a factor after.
		_, err = k.answer(thief, control.Answer{Binding: "thief", Code: phone{k, thief.Next.Seed}.code(0)})
		wantKind(t, err, fault.KindGone)
		// The last factor stays, and what was enrolled is asked for.
		k.pass(time.Minute)
		next, err := k.SignIn(t.Context(), anyone(), control.Credentials{Password: password, Binding: binding, Who: &done.Who})
		if err != nil || next.Confirmed != "" || next.Next == nil || next.Next.Enrol {
			t.Fatalf("a confirmation by password alone: %+v, %v", next, err)
		}
		confirmed, err := k.answer(next, control.Answer{Code: ph.code(0)})
		if err != nil || confirmed.Confirmed == "" || confirmed.Cookie != "" {
			t.Fatalf("%+v, %v", confirmed, err)
		}
		own := control.Own{Who: done.Who, Confirmed: confirmed.Confirmed, Binding: binding}
		account, err := k.Account(t.Context(), done.Who)
		if err != nil || !account.Required {
			t.Fatalf("%+v, %v", account, err)
		}
		wantKind(t, k.RemoveFactor(t.Context(), anyone(), own, account.Factors[0].ID), fault.KindConflict)
	})
}

// TestTwoEnrolAtOnce: of two who hold the password, one enrols.
func TestTwoEnrolAtOnce(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ada := k.user("ada")
		k.require(ada.ID)
		var wg sync.WaitGroup
		made := make(chan string, 8)
		for range 4 {
			p := k.begin("ada", binding)
			wg.Go(func() {
				if done, err := k.answer(p, control.Answer{Code: phone{k, p.Next.Seed}.code(0)}); err == nil {
					made <- done.Cookie
				}
			})
		}
		wg.Wait()
		if len(made) != 1 {
			t.Errorf("%d enrolled", len(made))
		}
	})
}

// TestAttacksOnAccounts tries to change an account without proving again whose it is.
func TestAttacksOnAccounts(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.user("ada")
		k.user("eve")
		b, eve := k.signIn("ada"), k.signIn("eve")
		good, hers := k.own(b), k.own(eve)
		elsewhere := k.signIn("ada")
		attacks := map[string]control.Own{
			"not confirmed":            {Who: b.who, Binding: binding},
			"in another browser":       {Who: b.who, Confirmed: good.Confirmed, Binding: "another"},
			"in no browser":            {Who: b.who, Confirmed: good.Confirmed},
			"another's confirmation":   {Who: b.who, Confirmed: hers.Confirmed, Binding: binding},
			"of another session":       {Who: elsewhere.who, Confirmed: good.Confirmed, Binding: binding},
			"a cookie as confirmation": {Who: b.who, Confirmed: b.cookie, Binding: binding},
		}
		offer, err := k.OfferFactor(t.Context(), good)
		if err != nil {
			t.Fatal(err)
		}
		attacks["an offer as confirmation"] = control.Own{Who: b.who, Confirmed: offer.State, Binding: binding}
		code := phone{k, offer.Seed}.code(0)
		for name, own := range attacks {
			for what, err := range k.changes(own, control.Answer{State: offer.State, Code: code}) {
				if err == nil || !fault.Is(err, fault.KindUnauthenticated) && !fault.Is(err, fault.KindGone) {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			}
		}
		_, err = k.AddFactor(t.Context(), anyone(), hers, control.Answer{State: offer.State, Code: code})
		wantKind(t, err, fault.KindGone) // an offer is one person's
		if err := k.SignOut(t.Context(), access.Actor{Kind: access.ActorUser, ID: eve.who.User}, b.who.Session); !fault.Is(err, fault.KindForbidden) {
			t.Errorf("sign another out: %v", err)
		}
		k.pass(10 * time.Minute)
		for what, err := range k.changes(good, control.Answer{State: offer.State, Code: code}) {
			if err == nil {
				t.Errorf("ten minutes later, %s was done", what)
			}
		}
		late := k.own(b)
		if err := k.SignOut(t.Context(), access.Actor{Kind: access.ActorUser, ID: b.who.User}, b.who.Session); err != nil {
			t.Fatal(err)
		}
		for what, err := range k.changes(late, control.Answer{State: offer.State, Code: code}) {
			if err == nil && what != "offer" { // which changes nothing and is no use then
				t.Errorf("signed out, %s was done", what)
			}
		}
	})
}

// changes tries everything that somebody can do to their account.
func (k *kit) changes(own control.Own, a control.Answer) map[string]error {
	ctx := k.t.Context()
	_, offer := k.OfferFactor(ctx, own)
	_, add := k.AddFactor(ctx, anyone(), own, a)
	_, codes := k.RenewRecoveryCodes(ctx, anyone(), own)
	return map[string]error{
		"offer": offer, "add": add, "codes": codes,
		"remove":   k.RemoveFactor(ctx, anyone(), own, access.NewID(access.PrefixFactor, time.Now())),
		"password": k.ChangePassword(ctx, anyone(), own, "another password"),
	}
}

func TestOwnAccount(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		_, _, codes := k.enrolled("ada")
		p, err := k.answer(k.begin("ada", binding), control.Answer{Recovery: codes[0]})
		if err != nil {
			t.Fatal(err)
		}
		next, err := k.SignIn(t.Context(), anyone(), control.Credentials{Password: password, Binding: binding, Who: &p.Who})
		if err != nil {
			t.Fatal(err)
		}
		confirmed, err := k.answer(next, control.Answer{Recovery: codes[1]})
		if err != nil {
			t.Fatal(err)
		}
		own := control.Own{Who: p.Who, Confirmed: confirmed.Confirmed, Binding: binding}
		fresh, err := k.RenewRecoveryCodes(t.Context(), anyone(), own)
		if err != nil || len(fresh) != 10 {
			t.Fatalf("%d, %v", len(fresh), err)
		}
		_, err = k.answer(k.begin("ada", binding), control.Answer{Recovery: codes[2]})
		wantKind(t, err, fault.KindUnauthenticated)
		account, err := k.Account(t.Context(), p.Who)
		if err != nil || len(account.Sessions) != 2 {
			t.Fatalf("%+v, %v", account, err)
		}
		if err := k.RemoveFactor(t.Context(), anyone(), own, account.Factors[0].ID); err != nil {
			t.Fatal(err)
		}
		if account, err = k.Account(t.Context(), p.Who); err != nil || len(account.Factors)+account.Recovery != 0 || len(account.Sessions) != 1 {
			t.Errorf("after removing: %+v, %v", account, err)
		}
		wantKind(t, k.ChangePassword(t.Context(), anyone(), own, "short"), fault.KindInvalid)
		if err := k.ChangePassword(t.Context(), anyone(), own, "a password of my own"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the session ends with the password", func() bool {
			_, err := k.PortalSession(t.Context(), p.Cookie)
			return fault.Is(err, fault.KindUnauthenticated)
		})
		if p, err := k.SignIn(t.Context(), anyone(), control.Credentials{Name: "ada", Password: "a password of my own"}); err != nil || p.Cookie == "" {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

func TestLinks(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		link := func(id access.ID) string {
			_, address, err := k.CreateLink(t.Context(), k.owner, id)
			u, _ := url.Parse(must(t, address, err))
			if !strings.HasPrefix(address, "https://access.example.com/link?code=") {
				t.Errorf("link %s", address)
			}
			return u.Query().Get("code")
		}
		follow := func(code string) error { return k.FollowLink(t.Context(), anyone(), code, "a password of my own") }
		eve, err := k.CreateUser(t.Context(), k.owner, access.User{Name: "eve"}, "")
		if err != nil {
			t.Fatal(err)
		}
		old, code := link(eve.ID), link(eve.ID)
		wantKind(t, follow(old), fault.KindGone)
		wantKind(t, follow(""), fault.KindGone)
		wantKind(t, follow(code+"x"), fault.KindGone)
		wantKind(t, k.FollowLink(t.Context(), anyone(), code, "short"), fault.KindInvalid)
		l, u, err := k.Link(t.Context(), code)
		if err != nil || l.Kind != access.LinkInvitation || u.ID != eve.ID {
			t.Errorf("%+v, %v", l, err)
		}
		var wg sync.WaitGroup
		done := make(chan error, 4)
		for range 4 {
			wg.Go(func() { done <- follow(code) })
		}
		wg.Wait()
		close(done)
		good := 0
		for err := range done {
			if err == nil {
				good++
			}
		}
		if good != 1 {
			t.Errorf("a link worked %d times", good)
		}
		if e := k.lastAudit("user.link"); strings.Contains(e.Detail, code) {
			t.Errorf("audit %+v", e)
		}
		code = link(eve.ID)
		if l, _, err := k.Link(t.Context(), code); err != nil || l.Kind != access.LinkReset {
			t.Errorf("%+v, %v", l, err)
		}
		k.pass(24 * time.Hour)
		wantKind(t, follow(code), fault.KindGone)
		code = link(eve.ID)
		if err := k.SetPassword(t.Context(), k.owner, eve.ID, "one that was given"); err != nil {
			t.Fatal(err)
		}
		wantKind(t, follow(code), fault.KindGone)
		// Nobody resets who is stronger, and a link brings nobody past the second factor.
		_, _, err = k.CreateLink(t.Context(), k.actor(access.RolePolicyAdmin), k.actor(access.RoleOwner).ID)
		wantKind(t, err, fault.KindForbidden)
		ada, _, _ := k.enrolled("ada")
		if err := follow(link(ada.ID)); err != nil {
			t.Fatal(err)
		}
		p, err := k.SignIn(t.Context(), anyone(), control.Credentials{Name: "ada", Password: "a password of my own", Binding: binding})
		if err != nil || p.Cookie != "" || p.Next == nil || p.Next.Enrol {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

func TestAdministratorsAndFactors(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ada, ph, _ := k.enrolled("ada")
		p, err := k.answer(k.begin("ada", binding), control.Answer{Code: ph.code(0)})
		if err != nil {
			t.Fatal(err)
		}
		list, err := k.UserSessions(t.Context(), k.owner, ada.ID)
		if err != nil || len(list) != 2 || !slices.Equal(list[0].Methods, []string{"pwd", "otp"}) {
			t.Errorf("%+v, %v", list, err)
		}
		weak, boss := k.actor(access.RolePolicyAdmin), k.actor(access.RoleOwner)
		wantKind(t, k.RevokeSessions(t.Context(), weak, boss.ID), fault.KindForbidden)
		wantKind(t, k.ResetFactors(t.Context(), weak, boss.ID), fault.KindForbidden)
		had, err := k.UserFactors(t.Context(), weak, ada.ID)
		if err != nil || len(had.List) != 1 || had.List[0].Kind != access.FactorTOTP || had.RecoveryCodes != 10 {
			t.Errorf("%+v, %v", had, err)
		}
		eventually(t, "the sign-in is in the log", func() bool {
			u, err := k.User(t.Context(), weak, ada.ID)
			return err == nil && !u.LastSignIn.IsZero()
		})
		wantKind(t, k.RevokeSession(t.Context(), weak, boss.ID, list[0].ID), fault.KindForbidden)
		wantKind(t, k.RevokeSession(t.Context(), weak, k.user("eve").ID, list[0].ID), fault.KindNotFound) // of somebody else
		if err := k.RevokeSession(t.Context(), weak, ada.ID, list[1].ID); err != nil {
			t.Fatal(err)
		}
		if left, err := k.UserSessions(t.Context(), k.owner, ada.ID); err != nil || len(left) != 1 || left[0].ID != list[0].ID {
			t.Errorf("after one was ended: %+v, %v", left, err)
		}
		wantKind(t, k.RevokeSession(t.Context(), weak, ada.ID, list[1].ID), fault.KindNotFound)
		if err := k.RevokeSessions(t.Context(), weak, ada.ID); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the session is revoked", func() bool {
			_, err := k.PortalSession(t.Context(), p.Cookie)
			return fault.Is(err, fault.KindUnauthenticated)
		})
		if err := k.ResetFactors(t.Context(), weak, ada.ID); err != nil {
			t.Fatal(err)
		}
		if p := k.begin("ada", binding); p.Cookie == "" {
			t.Errorf("after the reset: %+v", p)
		}
	})
}
