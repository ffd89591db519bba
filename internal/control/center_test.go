package control_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

// centerCode brings a browser to the admin center and gives the one-time code that it comes with.
func (b *browser) centerCode(back string) (code string, err error) {
	b.k.t.Helper()
	portal, err := b.k.BeginCenter(back, binding)
	if err != nil {
		b.k.t.Fatal(err)
	}
	asked, _ := url.Parse(portal)
	redirect, err := b.k.Authorize(b.k.t.Context(), anyone(), b.who, asked.Query().Get("request"))
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(redirect, "https://admin.example.com/.postern/callback?code=") {
		b.k.t.Fatalf("the browser is sent to %s", redirect)
	}
	there, _ := url.Parse(redirect)
	return there.Query().Get("code"), nil
}

func (b *browser) center() string {
	b.k.t.Helper()
	code, err := b.centerCode("/")
	cookie, _, err := b.k.SwapCenter(b.k.t.Context(), access.CodeShown{Code: must(b.k.t, code, err), Binding: binding})
	return must(b.k.t, cookie, err)
}

func TestCenterSession(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ada := k.user("ada", access.RoleReader)
		b := k.signIn("ada")
		code, err := b.centerCode("/connectors?view=groups")
		if err != nil {
			t.Fatal(err)
		}
		shown := access.CodeShown{Code: code, Binding: binding, Address: "192.0.2.7", Request: "r"}
		cookie, back, err := k.SwapCenter(t.Context(), shown)
		if err != nil || back != "/connectors?view=groups" {
			t.Fatalf("back to %q, %v", back, err)
		}
		if _, _, err := k.SwapCenter(t.Context(), shown); !fault.Is(err, fault.KindGone) {
			t.Errorf("the code is good twice: %v", err)
		}
		who, err := k.CenterActor(t.Context(), cookie, "192.0.2.7", "r")
		if err != nil || who.Kind != access.ActorUser || who.ID != ada.ID || len(who.Roles) != 1 || who.Address != "192.0.2.7" {
			t.Fatalf("%+v, %v", who, err)
		}
		if _, err := k.PortalSession(t.Context(), cookie); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("the admin center's cookie is good at the portal: %v", err)
		}
		if _, err := k.CenterActor(t.Context(), b.cookie, "", ""); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("the portal's cookie is good at the admin center: %v", err)
		}
		if err := k.EndCenter(t.Context(), access.Credential{Secret: cookie}); err != nil {
			t.Fatal(err)
		}
		if _, err := k.CenterActor(t.Context(), cookie, "", ""); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("the session did not end: %v", err)
		}
		if _, err := k.PortalSession(t.Context(), b.cookie); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("the portal's session did not end with it: %v", err)
		}
		if err := k.EndCenter(t.Context(), access.Credential{Secret: cookie}); err != nil {
			t.Errorf("ending it again: %v", err)
		}
	})
}

func TestCenterSessionFollowsTheUser(t *testing.T) {
	tests := []struct {
		name   string
		change func(k *kit, u access.User)
		signed bool // still signed in
		roles  int
	}{
		{"roles taken away", func(k *kit, u access.User) { u.Roles = nil; k.saved(u) }, true, 0},
		{"disabled", func(k *kit, u access.User) { u.Disabled = true; k.saved(u) }, false, 0},
		{"signed out by an administrator", func(k *kit, u access.User) {
			if err := k.RevokeSessions(k.t.Context(), k.owner, u.ID); err != nil {
				k.t.Fatal(err)
			}
		}, false, 0},
		{"expired", func(k *kit, _ access.User) { k.pass(60 * 24 * time.Hour) }, false, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			both(t, func(t *testing.T, k *kit) {
				u := k.user("ada", access.RoleReader)
				cookie := k.signIn("ada").center()
				if _, err := k.CenterActor(t.Context(), cookie, "", ""); err != nil {
					t.Fatal(err)
				}
				test.change(k, u)
				eventually(t, test.name, func() bool {
					who, err := k.CenterActor(t.Context(), cookie, "", "")
					return (err == nil) == test.signed && len(who.Roles) == test.roles
				})
			})
		})
	}
}

func (k *kit) saved(u access.User) {
	k.t.Helper()
	if _, err := k.UpdateUser(k.t.Context(), k.owner, u); err != nil {
		k.t.Fatal(err)
	}
}

func TestCenterRefuses(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.user("guest")
		if _, err := k.signIn("guest").centerCode("/"); !fault.Is(err, fault.KindForbidden) {
			t.Errorf("somebody without a role: %v", err)
		}
		k.user("ada", access.RoleReader)
		b := k.signIn("ada")
		wiki := k.application("wiki")
		k.assign(wiki.ID, b.who.User)
		of := func(back string) string { code, err := b.centerCode(back); return must(t, code, err) }
		tests := []struct {
			name string
			in   access.CodeShown
			wait time.Duration
		}{
			{"another browser", access.CodeShown{Code: of("/"), Binding: "another"}, 0},
			{"no code", access.CodeShown{Binding: binding}, 0},
			{"an application's code", access.CodeShown{Code: b.code(wiki, "/"), Binding: binding}, 0},
			{"made up", access.CodeShown{Code: of("/") + "x", Binding: binding}, 0},
			{"too late", access.CodeShown{Code: of("/"), Binding: binding}, time.Minute},
		}
		for _, test := range tests {
			k.pass(test.wait)
			if cookie, _, err := k.SwapCenter(t.Context(), test.in); !fault.Is(err, fault.KindGone) || cookie != "" {
				t.Errorf("%s: %q, %v", test.name, cookie, err)
			}
		}
		if _, _, err := k.Swap(t.Context(), access.CodeShown{Code: of("/"), Application: wiki.ID, Host: wiki.External().Authority(), Binding: binding}); err == nil {
			t.Error("the admin center's code is good at an application")
		}
		for _, back := range []string{"//evil.example", `/\evil.example`, "https://evil.example/", "", "/" + strings.Repeat("a", 5000)} {
			_, to, err := k.SwapCenter(t.Context(), access.CodeShown{Code: of(back), Binding: binding})
			if err != nil || to != "/" {
				t.Errorf("return to %.40q leads to %q, %v", back, to, err)
			}
		}
	})
}
