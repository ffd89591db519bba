package control_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/posterntest/pg"
	"postern/internal/store"
)

// What two do at the same moment. On PostgreSQL neither sees what the other has not committed: a held write keeps both just before their
// ends, where it shows whether one waits for the other. On SQLite there is one writer at a time.

// hold keeps what a write has touched until it is released.
func (k *kit) hold(do func(ctx context.Context, tx *store.Tx) error) (release func()) {
	k.t.Helper()
	at, end, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		done <- k.store.Write(k.t.Context(), func(tx *store.Tx) error {
			err := do(k.t.Context(), tx)
			once.Do(func() { close(at) })
			<-end
			return err
		})
	}()
	<-at
	return func() {
		k.t.Helper()
		close(end)
		if err := <-done; err != nil {
			k.t.Fatal(err)
		}
	}
}

// behind begins things one after the other while something is held that they all wait for, releases it, and gives what came of them.
func (k *kit) behind(release func(), do ...func() error) []error {
	k.t.Helper()
	errs := make([]error, len(do))
	var all sync.WaitGroup
	var ended atomic.Int64
	for i := range do {
		all.Go(func() {
			errs[i] = do[i]()
			ended.Add(1)
		})
		if strings.HasPrefix(k.url, "postgres") {
			eventually(k.t, "it waits", func() bool { return pg.Blocked(k.t, k.url)+int(ended.Load()) > i })
		}
	}
	release()
	all.Wait()
	return errs
}

// auditEnd holds the end of the audit log: whoever writes there stops just before the commit.
func auditEnd(ctx context.Context, tx *store.Tx) error {
	_, err := tx.AdoptAudit(ctx, 1)
	return err
}

const another = "another horse battery"

// TestSignInWhilePasswordIsStoredAnew: a sign-in stores its password at today's cost, unless it is changed at that moment.
func TestSignInWhilePasswordIsStoredAnew(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada := k.user("ada")
		cheap := given(identity.NewPasswords(identity.PasswordConfig{Cost: identity.Cost{Memory: 128, Time: 1, Lanes: 1}}).Hash(ctx, password))(t)
		anew := given(identity.NewPasswords(k.cfg.Passwords).Hash(ctx, another))(t)
		set := func(hash string, at time.Time) func(context.Context, *store.Tx) error {
			return func(ctx context.Context, tx *store.Tx) error { return tx.SetPassword(ctx, ada.ID, hash, at) }
		}
		k.hold(set(cheap, ada.PasswordSet))()
		k.behind(k.hold(set(anew, time.Now())), func() error {
			_, err := k.SignIn(ctx, anyone(), control.Credentials{Name: "ada", Password: password, Binding: binding})
			return err
		})
		if _, err := k.SignIn(ctx, anyone(), control.Credentials{Name: "ada", Password: another, Binding: binding}); err != nil {
			t.Errorf("the new password: %v", err)
		}
		if _, err := k.SignIn(ctx, anyone(), control.Credentials{Name: "ada", Password: password, Binding: binding}); err == nil {
			t.Error("the old password is good")
		}
	})
}

// TestSignInWhilePasswordIsChanged: no session by the old password is left.
func TestSignInWhilePasswordIsChanged(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada := k.user("ada")
		var p control.Progress
		errs := k.behind(k.hold(auditEnd),
			func() error { return k.SetPassword(ctx, k.owner, ada.ID, another) },
			func() (err error) {
				p, err = k.SignIn(ctx, anyone(), control.Credentials{Name: "ada", Password: password, Binding: binding})
				return err
			})
		if errs[0] != nil {
			t.Fatal(errs)
		}
		k.pass(time.Minute) // nothing is remembered
		if errs[1] != nil {
			return
		}
		if _, err := k.PortalSession(ctx, p.Cookie); err == nil {
			t.Error("the old password's session is good")
		}
	})
}

// TestProgramWhileItsUserIsSignedOut: a program that is given its session while everything of its user ends has none.
func TestProgramWhileItsUserIsSignedOut(t *testing.T) {
	for name, end := range map[string]func(k *kit, u access.User) error{
		"revoked":       func(k *kit, u access.User) error { return k.RevokeSessions(k.t.Context(), k.owner, u.ID) },
		"factors reset": func(k *kit, u access.User) error { return k.ResetFactors(k.t.Context(), k.owner, u.ID) },
		"disabled, and enabled": func(k *kit, u access.User) error {
			u.Disabled = true
			u, err := k.UpdateUser(k.t.Context(), k.owner, u)
			if err == nil {
				u.Disabled = false
				_, err = k.UpdateUser(k.t.Context(), k.owner, u)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, k *kit) {
				ada := k.user("ada")
				k.hasNoProgram(k.allow(k.person("ada")), func() error { return end(k, ada) })
			})
		})
	}
}

// hasNoProgram has a program ask for its tokens while something ends the session that allowed it. It must not go on then.
func (k *kit) hasNoProgram(asked control.TokenRequest, end func() error) {
	k.t.Helper()
	var got control.Tokens
	errs := k.behind(k.hold(auditEnd), func() (err error) { got, err = k.ProgramTokens(k.t.Context(), anyone(), asked); return err }, end)
	if errs[1] != nil {
		k.t.Fatal(errs)
	}
	k.pass(time.Minute) // nothing is remembered
	if errs[0] != nil {
		return
	}
	if _, code := k.tokens(refreshing(got.Refresh)); code != "invalid_grant" {
		k.t.Errorf("the program goes on: %q", code)
	}
}

// TestProgramWhileAFactorIsRemoved: who removes a factor ends all other sessions, also one that is being made.
func TestProgramWhileAFactorIsRemoved(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		_, ph, _ := k.enrolled("ada")
		in := func() *browser {
			p := given(k.answer(k.begin("ada", binding), control.Answer{Code: ph.code(0)}))(t)
			k.pass(time.Minute)
			return &browser{k, p.Cookie, p.Who}
		}
		stolen, mine := in(), in()
		p := given(k.SignIn(ctx, anyone(), control.Credentials{Password: password, Binding: binding, Who: &mine.who}))(t)
		p = given(k.answer(p, control.Answer{Code: ph.code(0)}))(t)
		account := given(k.Account(ctx, mine.who))(t)
		k.hasNoProgram(k.allow(stolen.who), func() error {
			return k.RemoveFactor(ctx, anyone(), control.Own{Who: mine.who, Confirmed: p.Confirmed, Binding: binding}, account.Factors[0].ID)
		})
	})
}

// TestStepWhileLinkedElsewhere: a password that was right leads nowhere once its user signs in at an upstream.
func TestStepWhileLinkedElsewhere(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada, ph, _ := k.enrolled("ada")
		up := given(k.CreateUpstream(ctx, k.owner, access.Upstream{Name: "Staff", Kind: access.UpstreamLDAP, LDAP: &access.LDAPSettings{
			URLs: []string{"ldaps://dir.example.com"}, BaseDN: "dc=example,dc=com"}}, nil))(t)
		p := k.begin("ada", binding)
		now := given(k.User(ctx, k.owner, ada.ID))(t)
		now.Upstream, now.Subject = up.ID, "somebody"
		given(k.UpdateUser(ctx, k.owner, now))(t)
		if got, err := k.answer(p, control.Answer{Code: ph.code(0)}); err == nil {
			t.Errorf("signed in by a password that is gone: %+v", got.Who.Methods)
		}
	})
}

// TestStepOfAnUpstreamWhileItsWordChanges: what an upstream vouched for leads nowhere once its user is somebody else there, or refused.
func TestStepOfAnUpstreamWhileItsWordChanges(t *testing.T) {
	for name, change := range map[string]func(ctx context.Context, a *abroad, u access.User) error{
		"linked anew": func(ctx context.Context, a *abroad, u access.User) error {
			u.Subject = "43"
			_, err := a.UpdateUser(ctx, a.owner, u)
			return err
		},
		"refused": func(ctx context.Context, a *abroad, u access.User) error {
			return a.store.Write(ctx, func(tx *store.Tx) error { return tx.SetRefused(ctx, u.ID, time.Now()) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, k *kit) {
				ctx := t.Context()
				a := newAbroad(k)
				p := a.signIn(t)
				key := k.withPasskeyOf(a.confirmed(t, p))
				show := func(p control.Progress) (control.Progress, error) {
					return k.answer(p, control.Answer{Passkey: key.get(p.Next.Passkey)})
				}
				if done, err := show(given(a.try(t))(t)); err != nil || done.Cookie == "" {
					t.Fatalf("nothing changed: %+v, %v", done, err)
				}
				next := given(a.try(t))(t)
				if err := change(ctx, a, given(k.User(ctx, k.owner, p.Who.User))(t)); err != nil {
					t.Fatal(err)
				}
				if done, err := show(next); !fault.Is(err, fault.KindGone) || done.Cookie != "" {
					t.Errorf("signed in: %+v, %v", done.Who.Methods, err)
				}
			})
		})
	}
}

// TestDevicesAtOnce: however many enrol at once, there are not more than there may be, each of its own name.
func TestDevicesAtOnce(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada, who := k.user("ada"), k.person("ada")
		err := k.store.Write(ctx, func(tx *store.Tx) (err error) {
			for i := range access.MaxDevices - 1 {
				d := access.Device{User: ada.ID, Name: fmt.Sprint("d", i), KeyHash: fmt.Sprint("k", i)}
				d.ID = access.NewID(access.PrefixDevice, time.Now())
				if err == nil {
					err = tx.InsertDevice(ctx, &d)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var do []func() error
		for range 3 {
			m := &machine{k: k, key: newKey(t), tokens: k.clientTokens(who, access.ClientDevice, "")}
			do = append(do, func() error { return m.enrol(deviceRequest(t, m.key)) })
		}
		errs := k.behind(k.hold(auditEnd), do...)
		names := map[string]bool{}
		list := given(k.OwnDevices(ctx, who))(t)
		for _, d := range list {
			names[d.Name] = true
		}
		if len(list) != access.MaxDevices || len(names) != len(list) {
			t.Errorf("%d devices with %d names, at most %d may be: %v", len(list), len(names), access.MaxDevices, errs)
		}
	})
}

// TestErasedWhileEntriesWait: what waits to be written to the sign-in log tells nothing of who is erased.
func TestErasedWhileEntriesWait(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada := k.user("ada")
		if _, err := k.SignIn(ctx, anyone(), control.Credentials{Name: "ada", Password: "wrong", Binding: binding}); err == nil {
			t.Fatal("the wrong password is good")
		}
		given(k.EraseUser(ctx, k.owner, ada.ID))(t)
		k.stop() // which writes what waits
		k.Control = k.open()
		k.run()
		list, _, err := k.SignInLog(ctx, k.owner, control.SignInFilter{User: ada.ID})
		if err != nil || len(list) == 0 {
			t.Fatalf("%d entries, %v", len(list), err)
		}
		for _, e := range list {
			if e.UserName != "" || e.Address != "" {
				t.Errorf("%q %q %s", e.UserName, e.Address, e.Event)
			}
		}
	})
}
