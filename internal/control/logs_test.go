package control_test

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/audit"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/posterntest/pg"
	"postern/internal/store"
	"postern/internal/wire"
)

// everything gives the whole of both logs as text.
func (k *kit) everything() string {
	k.t.Helper()
	var b strings.Builder
	f := control.AuditFilter{Page: access.Page{Limit: 1000}}
	for {
		list, next, err := k.Audits(k.t.Context(), k.owner, f)
		if err != nil {
			k.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%+v\n", list)
		if f.After = next; next == "" {
			break
		}
	}
	list, _, err := k.SignInLog(k.t.Context(), k.owner, control.SignInFilter{Page: access.Page{Limit: 1000}})
	if err != nil {
		k.t.Fatal(err)
	}
	fmt.Fprintf(&b, "%+v\n", list)
	return b.String()
}

func (k *kit) whole(kept ...audit.Head) audit.Report {
	k.t.Helper()
	report, err := k.VerifyAudit(k.t.Context(), k.owner, kept)
	if err != nil || report.Problem != nil {
		k.t.Errorf("the audit log is not whole: %v, %v", report.Problem, err)
	}
	return report
}

// inParts verifies the audit log in parts of so many entries.
func (k *kit) inParts(limit int, kept ...audit.Head) (report audit.Report, parts int) {
	k.t.Helper()
	for next := ""; parts == 0 || next != ""; parts++ {
		var err error
		report, next, err = k.VerifyAuditPart(k.t.Context(), k.owner, control.VerifyingPart{Kept: kept, From: next, Limit: limit})
		if err != nil {
			k.t.Fatal(err)
		}
	}
	return report, parts
}

// TestAuditIsVerifiedInParts: however long the parts are, they say together what one says.
func TestAuditIsVerifiedInParts(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		for range 3 {
			u := k.user("u" + strings.ToLower(unique()))
			if _, err := k.EraseUser(t.Context(), k.owner, u.ID); err != nil { // tells of entries in parts before
				t.Fatal(err)
			}
			k.user("v" + strings.ToLower(unique()))
		}
		whole := k.whole()
		for limit := range 7 {
			report, parts := k.inParts(limit, whole.Head)
			if diff := cmp.Diff(whole, report); diff != "" || limit > 0 && uint64(parts) < whole.Entries/uint64(limit) {
				t.Errorf("%d parts of %d entries (-one +parts):\n%s", parts, limit, diff)
			}
		}
		other := whole.Head
		other.Hash = strings.Repeat("0", 64)
		if report, _ := k.inParts(2, other); report.Problem == nil || report.Problem.Seq != other.Seq {
			t.Errorf("an entry that was another one when it was kept: %+v", report.Problem)
		}
		_, next, err := k.VerifyAuditPart(t.Context(), k.owner, control.VerifyingPart{Limit: 2})
		if err != nil || next == "" {
			t.Fatalf("%q, %v", next, err)
		}
		for _, from := range []string{"x", next[:len(next)-2], next + "A", strings.Replace(next, ".", ".e", 1)} {
			_, _, err := k.VerifyAuditPart(t.Context(), k.owner, control.VerifyingPart{From: from})
			wantKind(t, err, fault.KindInvalid)
		}
		_, _, err = k.VerifyAuditPart(t.Context(), k.actor(), control.VerifyingPart{})
		wantKind(t, err, fault.KindForbidden)
	})
}

func TestErasedUserIsInNoLog(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada := given(k.CreateUser(ctx, k.owner, access.User{Name: "ada.lovelace", DisplayName: "Ada, Countess", Email: "ada@analytical.example",
			Roles: []access.Role{access.RolePolicyAdmin}}, password))(t)
		other := k.user("grace")
		by := control.PortalActor(access.Principal{User: ada.ID, Name: ada.Name}, "198.51.100.77:1234", "req-ada")
		made := given(k.CreateGroup(ctx, by, access.Group{Name: "Engines", Members: []access.ID{ada.ID, other.ID}}))(t)
		if _, _, err := k.CreateKey(ctx, by, access.Key{Name: "no"}); err == nil {
			t.Error("a policy administrator made a key")
		}
		ada.DisplayName = "Ada King"
		ada = given(k.UpdateUser(ctx, k.owner, ada))(t)
		_, err := k.CreateUser(ctx, k.owner, access.User{Name: "ada.lovelace"}, password) // refused: the name is taken
		wantKind(t, err, fault.KindConflict)
		for _, secret := range []string{"wrong", password} {
			_, _ = k.SignIn(ctx, access.Actor{Kind: access.ActorAnyone, Address: "198.51.100.77:1"}, control.Credentials{Name: "ada.lovelace", Password: secret, UserAgent: "Analytical/1"})
		}
		in := asks()
		in.Name = "Byrons-desk"
		to, err := k.AllowProgram(ctx, by, k.person("ada.lovelace"), in)
		u, _ := url.Parse(must(t, to, err))
		k.tokens(control.TokenRequest{Type: "authorization_code", Client: in.Client, Code: u.Query().Get("code"), Redirect: in.Redirect, Verifier: verifier})
		k.signIns(4, control.SignInFilter{User: ada.ID})
		m := &machine{k: k, key: newKey(t), tokens: k.clientTokens(k.person("ada.lovelace"), access.ClientDevice, "")}
		asked := deviceRequest(t, m.key)
		asked.Name = "Augusta's travelling desk"
		if err := m.enrol(asked); err != nil {
			t.Fatal(err)
		}
		given(k.RevokeDevice(ctx, k.owner, m.id))(t)
		personal := []string{"ada.lovelace", "travelling desk", "Countess", "Byrons-desk", "Ada King", "analytical", "198.51.100.77", "Analytical"}
		for _, word := range personal {
			if !strings.Contains(k.everything(), word) {
				t.Fatalf("%q is in no log: the test shows nothing", word)
			}
		}
		before := k.whole()

		_, err = k.EraseUser(ctx, by, other.ID)
		wantKind(t, err, fault.KindForbidden)
		out := given(k.EraseUser(ctx, k.owner, ada.ID))(t)
		if !out.Deleted || out.Audit < 5 || out.SignIns != 11 { // the ends of five sessions, too
			t.Errorf("%+v", out)
		}
		text := k.everything()
		for _, word := range personal {
			if strings.Contains(text, word) {
				t.Errorf("%q is still there: %s", word, text)
			}
		}
		if report := k.whole(before.Head); report.Erased == 0 || report.Entries < before.Entries+2 {
			t.Errorf("%+v", report)
		}
		if e := k.lastAudit("user.erase"); e.Object != ada.ID || e.Outcome != "done" || e.Actor.ID != k.owner.ID {
			t.Errorf("%+v", e)
		}
		_, err = k.User(ctx, k.owner, ada.ID)
		wantKind(t, err, fault.KindNotFound)
		history, err := k.GroupHistory(ctx, k.owner, made.ID) // of others, nothing is lost
		if err != nil || len(history) == 0 || history[len(history)-1].Object.Name != "Engines" {
			t.Errorf("%+v, %v", history, err)
		}

		_, err = k.EraseUser(ctx, k.owner, ada.ID) // there is nothing left
		wantKind(t, err, fault.KindNotFound)
		_, err = k.EraseUser(ctx, k.owner, access.NewID(access.PrefixUser, time.Now()))
		wantKind(t, err, fault.KindNotFound)
		k.whole(before.Head)
	})
}

func given[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T { t.Helper(); return must(t, value, err) }
}

// TestNameOfAnEndedSessionIsErased: a denial was told of by a session that was over when it was written.
func TestNameOfAnEndedSessionIsErased(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ada := k.user("ada")
		app := k.application("wiki")
		k.Record(wire.Record{Request: "late", Session: "ses_gone", User: "ada", Application: string(app.ID), Client: "203.0.113.9:1", Action: "deny", Reason: "not-assigned"})
		k.Record(wire.Record{Request: "later", Session: "ses_gone2", User: "nobody.any.more", Application: string(app.ID), Client: "203.0.113.9:1", Action: "deny", Reason: "not-assigned"})
		if e := k.signIns(1, control.SignInFilter{Request: "late"})[0]; e.User != ada.ID {
			t.Errorf("%+v", e)
		}
		if e := k.signIns(1, control.SignInFilter{Request: "later"})[0]; e.UserName != "" {
			t.Errorf("a name that no erasure finds: %+v", e)
		}
	})
}

// TestErasingLeavesAnOwner says that the last Owner cannot be erased, nor anybody by themselves.
func TestErasingLeavesAnOwner(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		users, _, err := k.Users(t.Context(), k.owner, access.Page{})
		if err != nil {
			t.Fatal(err)
		}
		root := users[0]
		_, err = k.EraseUser(t.Context(), k.owner, root.ID)
		if err == nil {
			t.Error("the last Owner was erased")
		}
		self := control.PortalActor(access.Principal{User: root.ID, Name: root.Name}, "", "")
		_, err = k.EraseUser(t.Context(), self, root.ID)
		wantKind(t, err, fault.KindConflict)
		if got := given(k.User(t.Context(), k.owner, root.ID))(t); got.Name != "root" {
			t.Errorf("%+v", got)
		}
		k.whole()
	})
}

// TestSignInsWaitForTheDatabase stops the database under people who try to sign in and are turned away.
func TestSignInsWaitForTheDatabase(t *testing.T) {
	server := pg.New(t)
	k := newKit(t, server.Database(t))
	ada := k.user("ada")
	server.Stop(t)
	tried := 0
	for range 20 {
		// Throttling and broken steps need no database to turn somebody away.
		_, err := k.ContinueSignIn(t.Context(), anyone(), control.Answer{State: "made up"})
		if err == nil {
			t.Fatal("a made-up step was good")
		}
		tried++
	}
	server.Start(t)
	list := k.signIns(tried, control.SignInFilter{Event: access.EventSignIn, Result: access.ResultFailure})
	if len(list) != tried || list[0].Reason == "" || list[0].User != "" {
		t.Errorf("%d entries of %d: %+v", len(list), tried, list[0])
	}
	if _, err := k.SignIn(t.Context(), anyone(), control.Credentials{Name: "ada", Password: password}); err != nil {
		t.Fatal(err)
	}
	if list := k.signIns(1, control.SignInFilter{User: ada.ID}); list[0].Result != access.ResultSuccess {
		t.Errorf("%+v", list)
	}
}

// TestStrangersCannotFillTheSignInLog tries to push out what the log tells of others.
func TestStrangersCannotFillTheSignInLog(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ada := k.user("ada")
		for range 1000 {
			_, _ = k.ContinueSignIn(t.Context(), anyone(), control.Answer{State: "made up"})
		}
		if _, err := k.SignIn(t.Context(), anyone(), control.Credentials{Name: "ada", Password: password}); err != nil {
			t.Fatal(err)
		}
		k.signIns(1, control.SignInFilter{User: ada.ID})
		list := k.signIns(50, control.SignInFilter{Result: access.ResultFailure, Page: access.Page{Limit: 1000}})
		if len(list) > 500 {
			t.Errorf("1,000 attempts of a stranger made %d entries", len(list))
		}
		k.pass(10 * time.Minute) // they have room again, and the next entry says what was left out
		_, _ = k.ContinueSignIn(t.Context(), anyone(), control.Answer{State: "made up"})
		list = k.signIns(1, control.SignInFilter{Result: access.ResultFailure, From: time.Now().Add(5 * time.Minute)})
		if list[0].Unrecorded < 500 {
			t.Errorf("%+v", list[0])
		}
	})
}

// TestSignInLogIsBounded lets entries become old and many.
func TestSignInLogIsBounded(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			signInsAreBounded(t, openStore(t, engine.url(t), filepath.Join(t.TempDir(), "master.key")))
		})
	}
}

func signInsAreBounded(t *testing.T, s *store.Store) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	var list []access.SignInEntry
	for i := range 300 {
		e := access.SignInEntry{ID: access.NewID(access.PrefixSignIn, now), Time: now.Add(time.Duration(i) * time.Second), Event: access.EventSignIn, Result: access.ResultSuccess}
		if i%3 == 0 {
			e.User, e.UserName = "usr_ada", "ada"
		}
		list = append(list, e)
	}
	count := func(f store.SignInFilter) (n int) {
		t.Helper()
		f.Limit = 1000
		if err := s.Read(t.Context(), func(tx *store.Tx) error {
			found, _, err := tx.SignIns(t.Context(), f)
			n = len(found)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	write := func(do func(tx *store.Tx) (int64, error), want int64) {
		t.Helper()
		if err := s.Write(t.Context(), func(tx *store.Tx) error {
			n, err := do(tx)
			if err == nil && n != want {
				t.Errorf("%d entries went, want %d", n, want)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // a second time makes no difference
		write(func(tx *store.Tx) (int64, error) { return 0, tx.InsertSignIns(t.Context(), list) }, 0)
	}
	if count(store.SignInFilter{}) != 300 || count(store.SignInFilter{User: "usr_ada"}) != 100 {
		t.Fatalf("%d entries", count(store.SignInFilter{}))
	}
	write(func(tx *store.Tx) (int64, error) { return tx.TrimSignIns(t.Context(), now.Add(30*time.Second), 20) }, 20)
	write(func(tx *store.Tx) (int64, error) { return tx.TrimSignIns(t.Context(), now.Add(30*time.Second), 20) }, 10)
	// 90 of ada and 180 of strangers are left; of each kind 100 may stay.
	write(func(tx *store.Tx) (int64, error) { return tx.TrimSignInsTo(t.Context(), 100, 50) }, 50)
	write(func(tx *store.Tx) (int64, error) { return tx.TrimSignInsTo(t.Context(), 100, 50) }, 30)
	write(func(tx *store.Tx) (int64, error) { return tx.TrimSignInsTo(t.Context(), 100, 50) }, 0)
	if known, all := count(store.SignInFilter{User: "usr_ada"}), count(store.SignInFilter{}); known != 90 || all != 190 {
		t.Errorf("%d of %d are ada's", known, all)
	}
}

// TestDenialsAreNotedOnce gives what a gateway records of a page that asks for many things.
func TestDenialsAreNotedOnce(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ada := k.user("ada")
		app := k.application("wiki")
		p, err := k.SignIn(t.Context(), anyone(), control.Credentials{Name: "ada", Password: password})
		if err != nil {
			t.Fatal(err)
		}
		k.settled() // what is noted takes the application's name from it
		r := wire.Record{Request: "req", Session: string(p.Who.Session), User: "ada", Application: string(app.ID), Client: "203.0.113.9:4711", Action: "deny",
			Reason: "not-assigned", Policy: "pol_1", Gateway: "gtw_1", Reports: []wire.PolicyReport{{Policy: "pol_2"}}}
		for range 100 {
			k.Record(r)
			k.Record(wire.Record{Action: "deny", Reason: "sign-in-required"})      // nobody
			k.Record(wire.Record{Action: "allow", Session: string(p.Who.Session)}) // nothing to tell
		}
		r.Reason = "policy-age"
		k.Record(r)
		list := k.signIns(2, control.SignInFilter{Event: access.EventAccess})
		for _, e := range list {
			if len(list) != 2 || e.User != ada.ID || e.ApplicationName != app.Name || e.Result != access.ResultDenied || e.Address != "203.0.113.9" ||
				e.Policy != "pol_1" || len(e.ReportOnly) != 1 || e.Request != "req" {
				t.Errorf("%d entries: %+v", len(list), e)
			}
		}
	})
}
