package control_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/posterntest/idp"
)

const hush = "the secret that nobody reads"

func oidcUpstream(name string) access.Upstream {
	return access.Upstream{Name: name, Kind: access.UpstreamOIDC, OIDC: &access.OIDCSettings{Issuer: "https://" + strings.ToLower(name) + ".invalid", ClientID: "c"}}
}

func ldapUpstream(name string, domains ...string) access.Upstream {
	return access.Upstream{Name: name, Kind: access.UpstreamLDAP, Domains: domains, LDAP: &access.LDAPSettings{URLs: []string{"ldaps://x.invalid"}, BaseDN: "dc=x"}}
}

func TestUpstreamFromBirthToDeath(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		u, err := k.CreateUpstream(ctx, k.owner, oidcUpstream("One"), []byte(hush))
		if err != nil || !u.HasSecret || u.Version != 1 {
			t.Fatalf("%+v, %v", u, err)
		}
		u.OnlyKnown = true
		if u, err = k.UpdateUpstream(ctx, k.owner, u); err != nil || u.Version != 2 || !u.HasSecret {
			t.Fatalf("%+v, %v", u, err)
		}
		if err := k.SetUpstreamSecret(ctx, k.owner, u.ID, []byte(hush+"!")); err != nil {
			t.Fatal(err)
		}
		history, err := k.UpstreamHistory(ctx, k.owner, u.ID)
		if err != nil || len(history) != 2 || history[1].Object.OnlyKnown || !history[0].Object.OnlyKnown || history[1].Object.OIDC == nil {
			t.Fatalf("%+v, %v", history, err)
		}
		back, err := k.UndoUpstream(ctx, k.owner, control.Undo{ID: u.ID, Version: 2})
		if err != nil || back.OnlyKnown || back.Version != 3 || !back.HasSecret {
			t.Fatalf("%+v, %v", back, err)
		}
		other := back
		other.Kind, other.OIDC, other.LDAP = access.UpstreamLDAP, nil, ldapUpstream("x").LDAP
		if _, err := k.UpdateUpstream(ctx, k.owner, other); !fault.Is(err, fault.KindInvalid) {
			t.Errorf("another kind: %v", err)
		}
		if _, err := k.CreateUpstream(ctx, k.owner, oidcUpstream("ONE"), nil); !fault.Is(err, fault.KindConflict) {
			t.Errorf("the same name: %v", err)
		}
		if _, err := k.CreateUpstream(ctx, k.owner, ldapUpstream("Dir"), []byte("x")); !fault.Is(err, fault.KindInvalid) {
			t.Errorf("a password for nobody: %v", err)
		}
		if err := k.DeleteUpstream(ctx, k.owner, u.ID, 3); err != nil {
			t.Fatal(err)
		}
		entries, _, err := k.Audits(ctx, k.owner, control.AuditFilter{Page: access.Page{Limit: 1000}})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(entries)
		if err != nil || strings.Contains(string(text), hush) || !strings.Contains(string(text), "upstream.set-secret") {
			t.Errorf("the audit log: %v: %s", err, text)
		}
	})
}

// TestDirectoriesDivideNames: no password is ever shown to two directories.
func TestDirectoriesDivideNames(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		for _, test := range []struct {
			u    access.Upstream
			says string
		}{
			{ldapUpstream("A", "a.example"), ""},
			{ldapUpstream("B", "b.example", "a.example"), "A"},
			{ldapUpstream("C"), ""},
			{ldapUpstream("D"), "C"},
			{ldapUpstream("E", "e.example"), ""},
			{oidcUpstream("F"), ""},
		} {
			_, err := k.CreateUpstream(t.Context(), k.owner, test.u, nil)
			if test.says == "" && err != nil || test.says != "" && (!fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), `"`+test.says+`"`)) {
				t.Errorf("%s: %v", test.u.Name, err)
			}
		}
	})
}

// TestUpstreamsOfTheStrong: who could write an upstream could become any of its users.
func TestUpstreamsOfTheStrong(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		a := newAbroad(k)
		if _, err := k.CreateUser(ctx, k.owner, access.User{Name: "chief", Upstream: a.up.ID, Subject: "1", Roles: []access.Role{access.RoleOwner}}, ""); err != nil {
			t.Fatal(err)
		}
		made, err := k.CreateUser(ctx, k.owner, access.User{Name: "policy", Roles: []access.Role{access.RolePolicyAdmin}}, password)
		if err != nil {
			t.Fatal(err)
		}
		weak := access.Actor{Kind: access.ActorUser, ID: made.ID}
		weak.Roles = made.Roles
		_, err = k.UpdateUpstream(ctx, weak, a.up)
		wantKind(t, err, fault.KindForbidden)
		wantKind(t, k.SetUpstreamSecret(ctx, weak, a.up.ID, []byte("x")), fault.KindForbidden)
		moved := a.up
		moved.OIDC = &access.OIDCSettings{Issuer: "https://evil.invalid", ClientID: "x"}
		_, err = k.UpdateUpstream(ctx, k.owner, moved)
		wantKind(t, err, fault.KindConflict)
		wantKind(t, k.DeleteUpstream(ctx, k.owner, a.up.ID, 0), fault.KindConflict)
		if _, err := k.CreateUser(ctx, weak, access.User{Name: "x", Upstream: a.up.ID, Subject: "2", Roles: []access.Role{access.RoleOwner}}, ""); !fault.Is(err, fault.KindForbidden) {
			t.Errorf("a Policy Administrator made an Owner: %v", err)
		}
	})
}

// TestLinking: an administrator's word alone makes somebody of ours a user of an upstream.
func TestLinking(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		a := newAbroad(k)
		a.idp.Put(idp.User{Subject: "42", Claims: map[string]any{"preferred_username": "ada"}})
		ada, err := k.CreateUser(ctx, k.owner, access.User{Name: "ada"}, password)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.try(t); !fault.Is(err, fault.KindForbidden) {
			t.Fatalf("a name alone: %v", err)
		}
		local, err := k.SignIn(ctx, anyone(), control.Credentials{Name: "ada", Password: password, Binding: binding})
		if err != nil || local.Cookie == "" {
			t.Fatalf("%+v, %v", local, err)
		}
		ada.Upstream, ada.Subject = a.up.ID, "42"
		if ada, err = k.UpdateUser(ctx, k.owner, ada); err != nil || !ada.PasswordSet.IsZero() {
			t.Fatalf("%+v, %v", ada, err)
		}
		a.over(t, local)
		if _, err := k.SignIn(ctx, anyone(), control.Credentials{Name: "ada", Password: password, Binding: binding}); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("the password of before: %v", err)
		}
		p := a.signIn(t)
		if p.Who.User != ada.ID {
			t.Errorf("came as %+v", p.Who)
		}
		_, _, err = k.CreateLink(ctx, k.owner, ada.ID)
		wantKind(t, err, fault.KindConflict)
		if ada, err = k.User(ctx, k.owner, ada.ID); err != nil {
			t.Fatal(err)
		}
		ada.Upstream, ada.Subject = "", ""
		if _, err = k.UpdateUser(ctx, k.owner, ada); err != nil {
			t.Fatal(err)
		}
		a.over(t, p)
		if _, err := a.try(t); !fault.Is(err, fault.KindForbidden) {
			t.Errorf("after taking the link back: %v", err)
		}
	})
}

// TestUpstreamsInDocuments: what is exported and applied elsewhere is the same there, but for secrets.
func TestUpstreamsInDocuments(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		want := access.Document{
			Upstreams: []access.Upstream{oidcUpstream("One"), ldapUpstream("Two", "two.example")},
			Users:     []access.User{{Name: "ada", Upstream: "one", Subject: "1"}, {Name: "grace"}},
			Groups:    []access.Group{{Name: "Staff", Members: []access.ID{"ada"}}},
		}
		want.Upstreams[0].Default = true
		want.Upstreams[0].Mapping.Groups = []access.GroupMapping{{From: "b", To: "staff"}, {From: "a", To: "Staff"}}
		if _, err := k.ApplyDocument(ctx, k.owner, control.ApplyRequest{Document: want}); err != nil {
			t.Fatal(err)
		}
		doc, err := k.Document(ctx, k.owner)
		if err != nil || len(doc.Upstreams) != 2 || doc.Upstreams[0].Mapping.Groups[0] != (access.GroupMapping{From: "a", To: "Staff"}) || !doc.Upstreams[0].Default {
			t.Fatalf("%+v, %v", doc.Upstreams, err)
		}
		at := slices.IndexFunc(doc.Users, func(u access.User) bool { return u.Name == "ada" })
		if doc.Users[at].Upstream != "One" || doc.Users[at].Subject != "1" {
			t.Errorf("%+v", doc.Users[at])
		}
		id := doc.Upstreams[0].ID
		if err := k.SetUpstreamSecret(ctx, k.owner, id, []byte(hush)); err != nil {
			t.Fatal(err)
		}
		for _, prune := range []bool{false, true} {
			if plan, err := k.ApplyDocument(ctx, k.owner, control.ApplyRequest{Document: doc, Prune: prune}); err != nil || len(plan.Steps) != 0 {
				t.Errorf("what was exported changes %+v, %v", plan.Steps, err)
			}
		}
		doc.Upstreams[0].OnlyKnown, doc.Upstreams[0].Default = true, false
		doc.Users = slices.DeleteFunc(doc.Users, func(u access.User) bool { return u.Name == "ada" || u.Name == "grace" })
		doc.Upstreams = append(doc.Upstreams, oidcUpstream("Three"))
		doc.Upstreams[2].Default = true
		plan, err := k.ApplyDocument(ctx, k.owner, control.ApplyRequest{Document: doc, Prune: true})
		if err != nil || len(plan.Steps) != 3 { // ada stays
			t.Fatalf("%+v, %v", plan.Steps, err)
		}
		if u, err := k.Upstream(ctx, k.owner, id); err != nil || !u.OnlyKnown || !u.HasSecret || u.Default {
			t.Errorf("%+v, %v", u, err)
		}
		for name, change := range map[string]func(*access.Document){
			"a group that is not there": func(d *access.Document) { d.Upstreams[0].Mapping.Groups[0].To = "nobody" },
			"an upstream of nothing": func(d *access.Document) {
				d.Users = append(d.Users, access.User{Name: "x", Upstream: "nothing", Subject: "1"})
			},
			"two defaults":                func(d *access.Document) { d.Upstreams[0].Default = true },
			"another kind":                func(d *access.Document) { d.Upstreams[1] = oidcUpstream("Two") },
			"the same twice":              func(d *access.Document) { d.Upstreams = append(d.Upstreams, oidcUpstream("one")) },
			"the domain of another":       func(d *access.Document) { d.Upstreams = append(d.Upstreams, ldapUpstream("Four", "two.example")) },
			"no settings":                 func(d *access.Document) { d.Upstreams[0].OIDC = nil },
			"a mapping to a pruned group": func(d *access.Document) { d.Groups = []access.Group{} },
		} {
			bad, err := k.Document(ctx, k.owner)
			if err != nil {
				t.Fatal(err)
			}
			change(&bad)
			if _, err := k.ApplyDocument(ctx, k.owner, control.ApplyRequest{Document: bad, Prune: true}); !fault.Is(err, fault.KindInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestMappedGroupsStay: a group that an upstream's mapping names is not deleted from under it.
func TestMappedGroupsStay(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		g, err := k.CreateGroup(ctx, k.owner, access.Group{Name: "Staff"})
		if err != nil {
			t.Fatal(err)
		}
		u := oidcUpstream("One")
		u.Mapping.Groups = []access.GroupMapping{{From: "x", To: g.ID}}
		if u, err = k.CreateUpstream(ctx, k.owner, u, nil); err != nil {
			t.Fatal(err)
		}
		if err := k.DeleteGroup(ctx, k.owner, g.ID, 0); !fault.Is(err, fault.KindConflict) || !strings.Contains(err.Error(), "One") {
			t.Errorf("deleted: %v", err)
		}
		u.Mapping.Groups = nil
		if _, err = k.UpdateUpstream(ctx, k.owner, u); err != nil {
			t.Fatal(err)
		}
		if err := k.DeleteGroup(ctx, k.owner, g.ID, 0); err != nil {
			t.Error(err)
		}
	})
}

func TestTestUpstream(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		g, err := k.CreateGroup(ctx, k.owner, access.Group{Name: "Staff"})
		if err != nil {
			t.Fatal(err)
		}
		u := oidcUpstream("One")
		u.Mapping = access.Mapping{Groups: []access.GroupMapping{{From: "x", To: g.ID}}, Required: []access.Requirement{{Claim: "tid", Values: []string{"1"}}}}
		if u, err = k.CreateUpstream(ctx, k.owner, u, nil); err != nil {
			t.Fatal(err)
		}
		out, err := k.TestUpstream(ctx, k.owner, u.ID, control.UpstreamTest{Said: access.Statement{Claims: map[string]any{
			"tid": "1", "preferred_username": "Ada", "groups": []string{"x", "y"}}}})
		if err != nil || out.Refusal != nil || out.Mapped.Name != "ada" || !slices.Equal(out.Groups, []string{"Staff"}) || len(out.Mapped.Notes) == 0 {
			t.Errorf("%+v, %v", out, err)
		}
		out, err = k.TestUpstream(ctx, k.owner, u.ID, control.UpstreamTest{Said: access.Statement{Claims: map[string]any{"preferred_username": "Ada"}}})
		if err != nil || !fault.Is(out.Refusal, fault.KindForbidden) {
			t.Errorf("%+v, %v", out, err)
		}
		if _, err := k.TestUpstream(ctx, k.owner, u.ID, control.UpstreamTest{User: "ada"}); !fault.Is(err, fault.KindInvalid) {
			t.Errorf("a name at an OpenID provider: %v", err)
		}
		if list, _, err := k.Users(ctx, k.owner, access.Page{Search: "ada"}); err != nil || len(list) != 0 {
			t.Errorf("the test made %+v, %v", list, err)
		}
		if problem, err := k.CheckUpstream(ctx, k.owner, u.ID); err != nil || problem == nil {
			t.Errorf("a provider that is not there: %v, %v", problem, err)
		}

		fresh := u // not stored: what would be made of it
		fresh.Meta, fresh.Name = access.Meta{}, "Two"
		said := control.UpstreamTest{Said: access.Statement{Claims: map[string]any{"tid": "1", "preferred_username": "Eve", "groups": []string{"x"}}}}
		problem, tried, err := k.TryUpstream(ctx, k.owner, control.UpstreamTry{Upstream: fresh, Test: &said})
		if err != nil || problem == nil || tried == nil || tried.Mapped.Name != "eve" || !slices.Equal(tried.Groups, []string{"Staff"}) {
			t.Errorf("%v, %+v, %v", problem, tried, err)
		}
		fresh.OIDC = &access.OIDCSettings{Issuer: "http://plain.example.com"}
		_, _, err = k.TryUpstream(ctx, k.owner, control.UpstreamTry{Upstream: fresh})
		wantKind(t, err, fault.KindInvalid)
		must(t, 0, k.SetUpstreamSecret(ctx, k.owner, u.ID, []byte("secret")))
		elsewhere := u
		elsewhere.OIDC = &access.OIDCSettings{Issuer: "https://elsewhere.invalid", ClientID: "postern"}
		_, _, err = k.TryUpstream(ctx, k.owner, control.UpstreamTry{Upstream: elsewhere})
		wantKind(t, err, fault.KindInvalid) // the stored secret would be shown to another
		if problem, _, err := k.TryUpstream(ctx, k.owner, control.UpstreamTry{Upstream: elsewhere, Secret: []byte("another")}); err != nil || problem == nil {
			t.Errorf("with a secret of its own: %v, %v", problem, err)
		}
		_, _, err = k.TryUpstream(ctx, k.actor(access.RoleReader), control.UpstreamTry{Upstream: fresh})
		wantKind(t, err, fault.KindForbidden)
		if list, _, err := k.Upstreams(ctx, k.owner, access.Page{}); err != nil || len(list) != 1 || list[0].OIDC.Issuer != u.OIDC.Issuer {
			t.Errorf("trying stored something: %+v, %v", list, err)
		}
	})
}
