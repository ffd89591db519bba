package control_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
)

// TestOnceAtAllServices: what is good once is good once, however many services are shown it at the same moment
// (Tailscale TS-2025-007).
func TestOnceAtAllServices(t *testing.T) {
	t.Parallel()
	one, other := two(t)
	app, ada := one.application("wiki"), one.user("ada")
	one.assign(app.ID, ada.ID)
	eventually(t, "the other to know the application", func() bool {
		snap, err := other.Snapshot(t.Context(), 0)
		if err != nil {
			return false
		}
		_, known := snap.Application(app.ID)
		return known
	})
	b := one.signIn("ada")
	code := b.code(app, "/")
	program := one.allow(b.who)
	device, asking := one.device(access.ClientCLI)
	if err := one.DecideDevice(t.Context(), anyone(), b.who, device.User, true); err != nil {
		t.Fatal(err)
	}
	eve := one.user("eve")
	_, address, err := one.CreateLink(t.Context(), one.owner, eve.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, link, _ := strings.Cut(address, "code=")
	zoe, _, recovery := one.enrolled("zoe")
	token := one.token()
	spend := func(k *kit, in control.TokenRequest) bool {
		got, err := k.ProgramTokens(t.Context(), anyone(), in)
		return err == nil && got.Access != ""
	}
	for name, use := range map[string]func(k *kit) bool{
		"the code of a hand-over": func(k *kit) bool {
			cookie, _, err := k.Swap(t.Context(), access.CodeShown{Code: code, Application: app.ID, Host: "wiki.example.com", Binding: binding})
			return err == nil && cookie != ""
		},
		"a program's code": func(k *kit) bool { return spend(k, program) },
		"a device's code":  func(k *kit) bool { return spend(k, asking) },
		"a link":           func(k *kit) bool { return k.FollowLink(t.Context(), anyone(), link, "a fresh pass phrase") == nil },
		"an enrolment token": func(k *kit) bool {
			_, err := k.Enrol(t.Context(), anyone(), enrolment(t, token, newKey(t)))
			return err == nil
		},
		"a recovery code": func(k *kit) bool {
			p, err := k.SignIn(t.Context(), anyone(), control.Credentials{Name: zoe.Name, Password: password, Binding: binding})
			if err != nil {
				return false
			}
			done, err := k.answer(p, control.Answer{Recovery: recovery[0]})
			return err == nil && done.Cookie != ""
		},
	} {
		var mu sync.Mutex // guards good
		var all sync.WaitGroup
		good := 0
		for i := range 8 {
			k := []*kit{one, other}[i%2]
			all.Go(func() {
				if use(k) {
					mu.Lock()
					good++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		// A program's code that comes again ends what it was used for: the first may find nothing left.
		if good > 1 || good == 0 && name != "a program's code" {
			t.Errorf("%s was good %d times", name, good)
		}
	}
}

// held is all that somebody may hold who is signed in, as another service takes it.
type held struct {
	k                    *kit
	app                  access.Application
	portal, page, secret string
	program              control.Tokens
	bearer               control.Tokens
}

// hold signs somebody in everywhere, at the first service, and shows all of it at the other, which remembers it.
func hold(t *testing.T, one, other *kit, app access.Application, name string) *held {
	t.Helper()
	u := one.user(name)
	one.assign(app.ID, u.ID)
	b := one.signIn(name)
	h := &held{k: other, app: app, portal: b.cookie}
	cookie, _, err := one.Swap(t.Context(), access.CodeShown{Code: b.code(app, "/"), Application: app.ID, Host: "wiki.example.com", Binding: binding})
	h.page = must(t, cookie, err)
	_, h.secret, err = one.CreateAccessKey(t.Context(), anyone(), one.own(b), access.AccessKey{Name: "backup", Application: app.ID})
	if err != nil {
		t.Fatal(err)
	}
	h.program, _ = one.tokens(one.allow(b.who))
	in := one.allow(b.who)
	in.Resource = app.ExternalURL
	h.bearer, _ = one.tokens(in)
	eventually(t, "all of it is good at the other service", func() bool { return h.good() == "portal page program bearer key" })
	return h
}

func (h *held) credential(secret string) bool {
	_, _, err := h.k.Credential(h.k.t.Context(), access.Credential{Application: h.app.ID, Host: "wiki.example.com", Secret: secret, Address: "192.0.2.9", At: time.Now()})
	return err == nil
}

// good names what of it is good.
func (h *held) good() string {
	ctx := h.k.t.Context()
	var list []string
	add := func(what string, good bool) {
		if good {
			list = append(list, what)
		}
	}
	_, err := h.k.PortalSession(ctx, h.portal)
	add("portal", err == nil)
	_, err = h.k.Session(ctx, h.app.ID, "wiki.example.com", h.page)
	add("page", err == nil)
	_, err = h.k.TokenActor(ctx, h.program.Access, "", "")
	add("program", err == nil)
	add("bearer", h.credential(h.bearer.Access))
	add("key", h.credential(h.secret))
	return strings.Join(list, " ")
}

// TestWhatEndsEndsEverywhere: the whole of what somebody holds, against each way to take it away, at a service that
// was told nothing itself and remembers them.
func TestWhatEndsEndsEverywhere(t *testing.T) {
	t.Parallel()
	one, other := two(t)
	app := one.application("wiki")
	app.AccessKeys = true
	app, err := one.UpdateApplication(t.Context(), one.owner, app)
	if err != nil {
		t.Fatal(err)
	}
	now := func(id access.ID) access.User {
		u, err := one.User(t.Context(), one.owner, id)
		return must(t, u, err)
	}
	for _, row := range []struct {
		name string
		do   func(h *held, who access.Principal) error
		want string
	}{
		{"disabled", func(_ *held, who access.Principal) error {
			u := now(who.User)
			u.Disabled = true
			_, err := one.UpdateUser(t.Context(), one.owner, u)
			return err
		}, ""},
		{"deleted", func(_ *held, who access.Principal) error { return one.DeleteUser(t.Context(), one.owner, who.User, 0) }, ""},
		{"another password", func(_ *held, who access.Principal) error {
			return one.SetPassword(t.Context(), one.owner, who.User, "another pass phrase")
		}, ""},
		{"signed out by an administrator", func(_ *held, who access.Principal) error {
			return one.RevokeSessions(t.Context(), one.owner, who.User)
		}, "key"},
		{"a second factor required", func(_ *held, who access.Principal) error {
			u := now(who.User)
			u.RequireSecondFactor = true
			_, err := one.UpdateUser(t.Context(), one.owner, u)
			return err
		}, ""},
		{"disabled by a document", func(_ *held, who access.Principal) error {
			doc, err := one.Document(t.Context(), one.owner)
			if err != nil {
				return err
			}
			users := slices.DeleteFunc(doc.Users, func(u access.User) bool { return u.Name != who.Name })
			users[0].Disabled = true
			_, err = one.ApplyDocument(t.Context(), one.owner, control.ApplyRequest{Document: access.Document{Users: users}})
			return err
		}, ""},
		{"signed out by themselves", func(_ *held, who access.Principal) error {
			return one.SignOut(t.Context(), access.Actor{Kind: access.ActorUser, ID: who.User}, who.Session)
		}, "program bearer key"},
		{"the refresh token shown twice", func(h *held, _ access.Principal) error {
			first := refreshing(h.program.Refresh)
			if got, code := one.tokens(first); code != "" || got.Access == "" {
				return fault.Internal(nil, "not renewed")
			}
			one.pass(2 * time.Minute)
			other.pass(2 * time.Minute)
			_, code := one.tokens(first)
			wantCode(t, "the token again", code, "invalid_grant")
			return nil
		}, "portal page bearer key"},
	} {
		h := hold(t, one, other, app, "user-"+strings.ReplaceAll(row.name, " ", "-"))
		who, err := one.PortalSession(t.Context(), h.portal)
		if err != nil {
			t.Fatal(err)
		}
		if err := row.do(h, who); err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		eventually(t, row.name, func() bool { return h.good() == row.want })
	}
}
