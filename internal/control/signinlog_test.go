package control_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/posterntest/idp"
)

// told is what an entry of the sign-in log says, in words that do not change from run to run.
type told struct {
	Event       access.SignInEvent
	Result      access.SignInResult
	Reason      string
	User        string
	Application string
	Upstream    string
	Client      string
	Methods     string
	Session     bool
	Address     string
	UserAgent   string
}

// way is one way to sign in, to be turned away or to leave. It carries its name as the id of the request.
type way struct {
	name string
	do   func(by access.Actor)
	want told
}

func from(name string) access.Actor {
	return access.Actor{Kind: access.ActorAnyone, Address: "203.0.113.5:1234", Request: name}
}

// tell runs the ways one after the other, and compares what the log says of each.
func (k *kit) tell(t *testing.T, ways []way) {
	t.Helper()
	for _, w := range ways {
		w.do(from(w.name))
		list := k.signIns(1, control.SignInFilter{Request: w.name, Event: w.want.Event})
		e := list[0]
		got := told{e.Event, e.Result, e.Reason, e.UserName, e.ApplicationName, e.UpstreamName, e.Client, fmt.Sprint(e.Methods), e.Session != "", e.Address, e.UserAgent}
		if diff := cmp.Diff(w.want, got); diff != "" || len(list) != 1 || e.User == "" && e.UserName != "" {
			t.Errorf("%s: %d entries; (-want +got):\n%s", w.name, len(list), diff)
		}
		if refused := e.Result == access.ResultFailure || e.Result == access.ResultDenied; refused && e.Message == "" {
			t.Errorf("%s: no sentence", w.name)
		}
	}
}

const here = "203.0.113.5"

// TestEveryWayInIsTold: who signs in, or tries to, by whichever way, and what the log says of it.
func TestEveryWayInIsTold(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada, ph, codes := k.enrolled("ada")
		k.user("bob")
		app := k.application("wiki")
		k.assign(app.ID, ada.ID)
		var p control.Progress
		in := func(by access.Actor, name, secret string) {
			p, _ = k.SignIn(ctx, by, control.Credentials{Name: name, Password: secret, UserAgent: "browser", Binding: binding})
		}
		answer := func(by access.Actor, a control.Answer) {
			a.State, a.Binding, a.UserAgent = p.Next.State, binding, "browser"
			if next, err := k.ContinueSignIn(ctx, by, a); err == nil || next.Next != nil {
				p = next
			}
		}
		k.tell(t, []way{
			{"unknown", func(by access.Actor) { in(by, "nobody", password) },
				told{"sign-in", "failure", "unknown-user", "", "", "", "", "[]", false, here, "browser"}},
			{"wrong password", func(by access.Actor) { in(by, "bob", "wrong") },
				told{"sign-in", "failure", "wrong-password", "bob", "", "", "", "[]", false, here, "browser"}},
			{"password", func(by access.Actor) { in(by, "bob", password) },
				told{"sign-in", "success", "", "bob", "", "", "", "[pwd]", true, here, "browser"}},
			{"password before a factor", func(by access.Actor) { in(by, "ada", password) },
				told{"sign-in", "interrupted", "second-factor", "ada", "", "", "", "[pwd]", false, here, "browser"}},
			{"wrong code", func(by access.Actor) { answer(by, control.Answer{Code: ph.other()}) },
				told{"sign-in", "failure", "wrong-factor", "ada", "", "", "", "[pwd]", false, here, "browser"}},
			{"code", func(by access.Actor) { answer(by, control.Answer{Code: ph.code(0)}) },
				told{"sign-in", "success", "", "ada", "", "", "", "[pwd otp]", true, here, "browser"}},
			{"recovery code", func(by access.Actor) {
				in(anyone(), "ada", password)
				answer(by, control.Answer{Recovery: codes[0]})
			}, told{"sign-in", "success", "", "ada", "", "", "", "[pwd recovery]", true, here, "browser"}},
			{"confirmed", func(by access.Actor) {
				who := p.Who
				next, err := k.SignIn(ctx, anyone(), control.Credentials{Password: password, UserAgent: "browser", Binding: binding, Who: &who})
				if err != nil {
					t.Fatal(err)
				}
				_, _ = k.ContinueSignIn(ctx, by, control.Answer{State: next.Next.State, Binding: binding, UserAgent: "browser", Recovery: codes[1]})
			}, told{"confirm", "success", "", "ada", "", "", "", "[pwd]", true, here, "browser"}},
			{"raised", func(by access.Actor) {
				who := p.Who
				next, err := k.SignIn(ctx, anyone(), control.Credentials{Password: password, UserAgent: "browser", Binding: binding, Who: &who, Need: access.MultiFactor})
				if err != nil {
					t.Fatal(err)
				}
				_, _ = k.ContinueSignIn(ctx, by, control.Answer{State: next.Next.State, Binding: binding, UserAgent: "browser", Recovery: codes[2]})
			}, told{"confirm", "success", "", "ada", "", "", "", "[pwd recovery]", true, here, "browser"}},
			{"not for bob", func(by access.Actor) {
				_, _ = k.Authorize(ctx, by, k.signIn("bob").who, k.request(app, "/"))
			}, told{"hand-over", "denied", "not-assigned", "bob", "wiki", "", "", "[pwd]", true, here, "browser"}},
			{"handed over", func(by access.Actor) {
				redirect, err := k.Authorize(ctx, by, p.Who, k.request(app, "/"))
				to, _ := url.Parse(must(t, redirect, err))
				_, _, err = k.Swap(ctx, access.CodeShown{Code: to.Query().Get("code"), Application: app.ID, Host: "wiki.example.com", Binding: binding,
					Address: by.Address, UserAgent: "browser", Request: by.Request})
				must(t, 0, err)
			}, told{"hand-over", "success", "", "ada", "wiki", "", "", "[pwd recovery]", true, here, "browser"}},
			{"a stolen code", func(by access.Actor) {
				redirect, err := k.Authorize(ctx, anyone(), p.Who, k.request(app, "/"))
				to, _ := url.Parse(must(t, redirect, err))
				_, _, _ = k.Swap(ctx, access.CodeShown{Code: to.Query().Get("code"), Application: app.ID, Host: "wiki.example.com", Binding: "another",
					Address: "198.51.100.66:1", UserAgent: "thief", Request: by.Request})
			}, told{"hand-over", "failure", "step-over", "ada", "wiki", "", "", "[pwd recovery]", true, "198.51.100.66", "thief"}},
			{"key unknown", func(by access.Actor) { _, _ = k.KeyActor(ctx, "wrong", by.Address, by.Request) },
				told{"key", "failure", "wrong-key", "", "", "", "", "[]", false, here, ""}},
		})
		// The id of the key is known only when it was made.
		key, secret, err := k.CreateKey(ctx, k.owner, access.Key{Name: "deploy", Roles: []access.Role{access.RoleReader}, Expires: k.cfg.Now().Add(time.Hour)})
		id := string(must(t, key, err).ID)
		use := func(by access.Actor) {
			for range 3 { // and is told once
				_, _ = k.KeyActor(ctx, secret, by.Address, by.Request)
			}
		}
		k.tell(t, []way{
			{"key", use, told{"key", "success", "", "", "", "", id, "[]", false, here, ""}},
			{"key expired", func(by access.Actor) { k.pass(2 * time.Hour); use(by) },
				told{"key", "failure", "key-expired", "", "", "", id, "[]", false, here, ""}},
		})
	})
}

// TestProgramsAreTold: how programs sign in, renew, are refused and leave.
func TestProgramsAreTold(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada, app := k.user("ada"), k.application("wiki")
		app.AccessKeys = true
		app, err := k.UpdateApplication(ctx, k.owner, app)
		app = must(t, app, err)
		k.settled()
		who := k.signIn("ada").who
		ask := func(by access.Actor, in control.TokenRequest) control.Tokens {
			in.UserAgent = "postern/1"
			got, _ := k.ProgramTokens(ctx, by, in)
			return got
		}
		var tokens control.Tokens
		var used control.TokenRequest
		leave := func(by access.Actor) { _ = k.RevokeToken(ctx, by, access.ClientCLI, tokens.Refresh) }
		k.tell(t, []way{
			{"no such program", func(by access.Actor) { ask(by, control.TokenRequest{Client: "made up"}) },
				told{"sign-in", "failure", "invalid-request", "", "", "", "", "[]", false, here, "postern/1"}},
			{"no such code", func(by access.Actor) {
				ask(by, control.TokenRequest{Type: "authorization_code", Client: access.ClientCLI, Code: "made up"})
			}, told{"sign-in", "failure", "wrong-code", "", "", "", access.ClientCLI, "[]", false, here, "postern/1"}},
			{"refused in the browser", func(by access.Actor) { _, _ = k.RefuseProgram(ctx, by, who, asks()) },
				told{"sign-in", "denied", "refused", "ada", "", "", access.ClientCLI, "[pwd]", true, here, "browser"}},
			{"wrong verifier", func(by access.Actor) {
				in := k.allow(who)
				in.Verifier = "another-verifier-of-at-least-forty-three-characters"
				ask(by, in)
			}, told{"sign-in", "failure", "wrong-code", "ada", "", "", access.ClientCLI, "[pwd]", true, here, "postern/1"}},
			{"code", func(by access.Actor) { used = k.allow(who); tokens = ask(by, used) },
				told{"sign-in", "success", "", "ada", "", "", access.ClientCLI, "[pwd]", true, here, "postern/1"}},
			{"refresh", func(by access.Actor) {
				for range 3 {
					tokens = ask(by, refreshing(tokens.Refresh))
				}
			}, told{"refresh", "success", "", "ada", "", "", access.ClientCLI, "[pwd]", true, here, "postern/1"}},
			{"token for something else", func(by access.Actor) {
				_, _, _ = k.Credential(ctx, access.Credential{Application: app.ID, Host: "wiki.example.com", Secret: tokens.Access, Address: by.Address, At: k.cfg.Now(), UserAgent: "curl", Request: by.Request})
			}, told{"key", "failure", "wrong-audience", "ada", "wiki", "", access.ClientCLI, "[pwd]", true, here, "curl"}},
			{"signs itself out", leave, told{"sign-out", "success", "signed-out", "ada", "", "", access.ClientCLI, "[pwd]", true, here, "postern/1"}},
			{"refresh after that", func(by access.Actor) {
				for range 3 {
					ask(by, refreshing(tokens.Refresh))
				}
			}, told{"refresh", "failure", "session-over", "", "", "", access.ClientCLI, "[]", true, here, "postern/1"}},
			{"code for an application", func(by access.Actor) {
				in := asks()
				in.Client = string(app.ID)
				to, err := k.AllowProgram(ctx, anyone(), who, in)
				u, _ := url.Parse(must(t, to, err))
				ask(by, control.TokenRequest{Type: "authorization_code", Client: in.Client, Code: u.Query().Get("code"), Redirect: in.Redirect, Verifier: verifier})
			}, told{"sign-in", "success", "", "ada", "wiki", "", string(app.ID), "[pwd]", true, here, "postern/1"}},
			{"mistyped device code", func(by access.Actor) { _, _ = k.DeviceAsk(ctx, by, who, "BCDF-GHJK") },
				told{"sign-in", "failure", "wrong-code", "ada", "", "", "", "[pwd]", true, here, "browser"}},
			{"refused device", func(by access.Actor) {
				got, poll := k.device(access.ClientCLI)
				_ = k.DecideDevice(ctx, by, who, got.User, false)
				ask(by, poll) // is not told again
			}, told{"sign-in", "denied", "refused", "ada", "", "", access.ClientCLI, "[pwd]", true, here, "browser"}},
			{"device", func(by access.Actor) {
				got, poll := k.device(access.ClientCLI)
				must(t, 0, k.DecideDevice(ctx, anyone(), who, got.User, true))
				tokens = ask(by, poll)
			}, told{"sign-in", "success", "", "ada", "", "", access.ClientCLI, "[pwd]", true, here, "postern/1"}},
			{"device too late", func(by access.Actor) {
				_, poll := k.device(access.ClientCLI)
				k.pass(11 * time.Minute)
				ask(by, poll)
			}, told{"sign-in", "failure", "step-over", "", "", "", access.ClientCLI, "[]", false, here, "postern/1"}},
		})
		k.keysAreTold(t, ada, app)
	})
}

// keysAreTold shows an access key that is good, at another application, too old and made up.
func (k *kit) keysAreTold(t *testing.T, ada access.User, app access.Application) {
	ctx := t.Context()
	other := k.application("shop")
	other.AccessKeys = true
	if _, err := k.UpdateApplication(ctx, k.owner, other); err != nil {
		t.Fatal(err)
	}
	k.settled()
	key, secret, err := k.CreateAccessKey(ctx, anyone(), k.own(k.signIn("ada")), access.AccessKey{Name: "cron", Application: app.ID})
	id := string(must(t, key, err).ID)
	show := func(by access.Actor, at access.Application, secret string) {
		for range 3 {
			_, _, _ = k.Credential(ctx, access.Credential{Application: at.ID, Host: at.External().Authority(), Secret: secret, Address: by.Address, At: k.cfg.Now(), UserAgent: "curl", Request: by.Request})
		}
	}
	made := access.AccessKeyPrefix + "0123456789012345678901234567890123456789012"
	k.tell(t, []way{
		{"access key", func(by access.Actor) { show(by, app, secret) },
			told{"key", "success", "", "ada", "wiki", "", id, "[access-key]", true, here, "curl"}},
		{"access key elsewhere", func(by access.Actor) { show(by, other, secret) },
			told{"key", "failure", "key-elsewhere", "ada", "shop", "", id, "[access-key]", true, here, "curl"}},
		{"access key after another password", func(by access.Actor) {
			must(t, 0, k.SetPassword(ctx, k.owner, ada.ID, "another horse battery"))
			show(by, app, secret)
		}, told{"key", "failure", "key-expired", "ada", "wiki", "", id, "[access-key]", true, here, "curl"}},
	})
	k.Credential(ctx, access.Credential{Application: app.ID, Host: "wiki.example.com", Secret: made, Address: here, At: k.cfg.Now(), Request: "made up"})
	if e := k.signIns(1, control.SignInFilter{Request: "made up"})[0]; e.Reason != access.ReasonWrongKey || e.User != "" || e.ApplicationName != "wiki" {
		t.Errorf("a key that was made up: %+v", e)
	}
}

// TestEveryWayOutIsTold: what ends a session, and what the log says of it.
func TestEveryWayOutIsTold(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada, ph, _ := k.enrolled("ada")
		k.user("bob")
		app := k.application("wiki")
		bob := func() access.Principal { return k.signIn("bob").who }
		session := func() access.Principal {
			k.pass(time.Minute)
			p, err := k.answer(k.begin("ada", binding), control.Answer{Code: ph.code(0)})
			return must(t, p, err).Who
		}
		admin := func(by access.Actor) access.Actor {
			is := k.owner
			is.Request, is.Address = by.Request, "198.51.100.1:1"
			return is
		}
		who := k.who("bob")
		k.assign(app.ID, who)
		k.tell(t, []way{
			{"by the user", func(by access.Actor) {
				b := bob()
				by.Kind, by.ID = access.ActorUser, b.User
				must(t, 0, k.SignOut(ctx, by, b.Session))
			},
				told{"sign-out", "success", "signed-out", "bob", "", "", "", "[pwd]", true, here, "browser"}},
			{"at an application", func(by access.Actor) {
				cookie := k.signIn("bob").open(app)
				must(t, 0, k.EndSession(ctx, access.Credential{Application: app.ID, Host: "wiki.example.com", Secret: cookie, Address: by.Address, Request: by.Request}))
			}, told{"sign-out", "success", "signed-out", "bob", "", "", "", "[pwd]", true, here, "browser"}},
			{"by an administrator", func(by access.Actor) { bob(); must(t, 0, k.RevokeSessions(ctx, admin(by), who)) },
				told{"sign-out", "success", "revoked", "bob", "", "", "", "[pwd]", true, "", ""}},
			{"by another password", func(by access.Actor) { bob(); must(t, 0, k.SetPassword(ctx, admin(by), who, password)) },
				told{"sign-out", "success", "password-changed", "bob", "", "", "", "[pwd]", true, "", ""}},
			{"by a reset link", func(by access.Actor) {
				bob()
				_, link, err := k.CreateLink(ctx, k.owner, who)
				to, _ := url.Parse(must(t, link, err))
				must(t, 0, k.FollowLink(ctx, by, to.Query().Get("code"), password))
			}, told{"sign-out", "success", "password-changed", "bob", "", "", "", "[pwd]", true, here, "browser"}},
			{"by disabling", func(by access.Actor) {
				bob()
				u, err := k.User(ctx, k.owner, who)
				u = must(t, u, err)
				u.Disabled = true
				u, err = k.UpdateUser(ctx, admin(by), u)
				must(t, u, err)
			}, told{"sign-out", "success", "user-disabled", "bob", "", "", "", "[pwd]", true, "", ""}},
			{"by taking factors away", func(by access.Actor) {
				must(t, 0, k.RevokeSessions(ctx, k.owner, ada.ID)) // from when the factor was added
				session()
				must(t, 0, k.ResetFactors(ctx, admin(by), ada.ID))
			},
				told{"sign-out", "success", "revoked", "ada", "", "", "", "[pwd otp]", true, "", ""}},
		})
	})
}

func (k *kit) who(name string) access.ID {
	k.t.Helper()
	list, _, err := k.Users(k.t.Context(), k.owner, access.Page{Search: name})
	if err != nil || len(list) != 1 {
		k.t.Fatalf("%d users called %s, %v", len(list), name, err)
	}
	return list[0].ID
}

// TestWhoComesFromElsewhereIsTold: the upstream stands in what tells of its users, in and out.
func TestWhoComesFromElsewhereIsTold(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := newAbroad(k)
		ctx := t.Context()
		in := func(by access.Actor) {
			out, answer := a.depart(t)
			_, _ = a.Arrive(ctx, by, a.back(out, answer))
		}
		ended := func(by access.Actor, claims map[string]any) {
			_, err := a.EndedAtUpstream(ctx, by, a.up.ID, control.LogoutMessage{Form: url.Values{"logout_token": {a.idp.LogoutToken(claims)}}})
			must(t, 0, err)
		}
		a.tell(t, []way{
			{"in", in, told{"sign-in", "success", "", "ada@example.com", "", "Example", "", "[fed]", true, here, "test"}},
			{"refused there", func(by access.Actor) {
				out, answer := a.depart(t)
				answer = url.Values{"error": {"access_denied"}, "state": answer["state"], "iss": answer["iss"]}
				_, _ = a.Arrive(ctx, by, a.back(out, answer))
			}, told{"sign-in", "denied", "other", "", "", "Example", "", "[]", false, here, "test"}},
			{"back channel", func(by access.Actor) { ended(by, map[string]any{"sub": "42"}) },
				told{"sign-out", "success", "upstream-ended", "ada@example.com", "", "Example", "", "[fed]", true, "", ""}},
			{"front channel", func(by access.Actor) {
				in(anyone())
				for _, sid := range a.idp.Sessions("42") {
					must(t, 0, a.EndedInBrowser(ctx, by, a.up.ID, url.Values{"iss": {a.idp.Issuer()}, "sid": {sid}}))
				}
			}, told{"sign-out", "success", "upstream-ended", "ada@example.com", "", "Example", "", "[fed]", true, "", ""}},
		})
		p := a.signIn(t)
		a.idp.Put(idp.User{Subject: "42", Claims: map[string]any{"preferred_username": "ada"}, Refused: true})
		a.pass(16 * time.Minute)
		if _, good := a.use(t, p); !good {
			t.Fatal("not signed in")
		}
		a.Reread(ctx)
		e := a.signIns(1, control.SignInFilter{Reason: access.ReasonUpstreamDenied, Event: access.EventSignOut})[0]
		if e.User != p.Who.User || e.Session != p.Who.Session || e.UpstreamName != "Example" || e.Message == "" {
			t.Errorf("asked again: %+v", e)
		}
	})
}
