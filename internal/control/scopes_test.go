package control_test

import (
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

// scopedKey gives an API key with the role and scopes as an actor.
func (k *kit) scopedKey(role access.Role, scopes ...string) access.Actor {
	k.t.Helper()
	_, secret, err := k.CreateKey(k.t.Context(), k.owner, access.Key{Name: unique(), Roles: []access.Role{role}, Scopes: scopes})
	if err != nil {
		k.t.Fatal(err)
	}
	actor, err := k.KeyActor(k.t.Context(), secret, "192.0.2.1", "test")
	return must(k.t, actor, err)
}

// TestScopesNarrowRoles: each row is a key, and which of four things it may do.
func TestScopesNarrowRoles(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		wiki := k.application("wiki")
		does := []struct {
			name string
			do   func(by access.Actor) error
		}{
			{"read applications", func(by access.Actor) error { _, err := k.Application(t.Context(), by, wiki.ID); return err }},
			{"change an application", func(by access.Actor) error {
				now, err := k.Application(t.Context(), k.owner, wiki.ID)
				if err != nil {
					return err
				}
				now.Disabled = !now.Disabled
				_, err = k.UpdateApplication(t.Context(), by, now)
				return err
			}},
			{"make a user", func(by access.Actor) error {
				_, err := k.CreateUser(t.Context(), by, access.User{Name: unique()}, "")
				return err
			}},
			{"read users", func(by access.Actor) error { _, _, err := k.Users(t.Context(), by, access.Page{}); return err }},
		}
		tests := []struct {
			role   access.Role
			scopes []string
			may    [4]bool
		}{
			{access.RoleOwner, nil, [4]bool{true, true, true, true}},
			{access.RoleOwner, []string{"read-only"}, [4]bool{true, false, false, true}},
			{access.RoleOwner, []string{"application"}, [4]bool{true, true, false, false}},
			{access.RoleOwner, []string{"application.update"}, [4]bool{false, true, false, false}},
			{access.RoleOwner, []string{"application.read", "user.create"}, [4]bool{true, false, true, false}},
			{access.RoleOwner, []string{"read-only", "user"}, [4]bool{true, false, true, true}},
			{access.RoleReader, []string{"application"}, [4]bool{true, false, false, false}}, // scopes add nothing
			{access.RoleApplicationAdmin, []string{"user"}, [4]bool{false, false, false, true}},
			{access.RoleLogReader, []string{"read-only"}, [4]bool{}},
		}
		for _, test := range tests {
			by := k.scopedKey(test.role, test.scopes...)
			for i, each := range does {
				err := each.do(by)
				if (err == nil) != test.may[i] || err != nil && !fault.Is(err, fault.KindForbidden) {
					t.Errorf("%s with %q may %s: %v", test.role, test.scopes, each.name, err)
				}
			}
		}
	})
}

func TestNoKeyMakesAStrongerOne(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		tests := []struct {
			maker, made []string
			allowed     bool
		}{
			{[]string{"key", "application"}, []string{"application"}, true},
			{[]string{"key", "application"}, []string{"application.read"}, true},
			{[]string{"key", "application"}, []string{"key", "application"}, true},
			{[]string{"key", "application"}, nil, false},
			{[]string{"key", "application"}, []string{"user"}, false},
			{[]string{"key", "application"}, []string{"read-only"}, false},
			{[]string{"key", "read-only"}, []string{"application.read", "read-only"}, true},
			{[]string{"key", "read-only"}, []string{"application"}, false},
			{[]string{"key.create"}, []string{"key.create"}, true},
			{[]string{"key.create"}, []string{"key"}, false},
			{[]string{"application"}, []string{"application"}, false}, // it may make no keys at all
			{nil, nil, true},
		}
		for _, test := range tests {
			maker := k.scopedKey(access.RoleOwner, test.maker...)
			_, _, err := k.CreateKey(t.Context(), maker, access.Key{Name: unique(), Roles: []access.Role{access.RoleOwner}, Scopes: test.made})
			if (err == nil) != test.allowed || err != nil && !fault.Is(err, fault.KindForbidden) {
				t.Errorf("%q makes %q: %v", test.maker, test.made, err)
			}
		}
	})
}

// TestANarrowKeyWinsNoPower: not by giving roles to somebody, nor by taking over who has some, nor by
// ending who could stop it.
func TestANarrowKeyWinsNoPower(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		by := k.scopedKey(access.RoleOwner, "user", "key", "session")
		admin, plain := k.user("admin", access.RoleReader), k.user("plain")
		_, err := k.CreateUser(t.Context(), by, access.User{Name: unique(), Roles: []access.Role{access.RoleOwner}}, password)
		wantKind(t, err, fault.KindForbidden)
		plain.Roles = []access.Role{access.RoleOwner}
		_, err = k.UpdateUser(t.Context(), by, plain)
		wantKind(t, err, fault.KindForbidden)
		wantKind(t, k.SetPassword(t.Context(), by, admin.ID, "another good password"), fault.KindForbidden)
		_, _, err = k.CreateLink(t.Context(), by, admin.ID)
		wantKind(t, err, fault.KindForbidden)
		wantKind(t, k.DeleteUser(t.Context(), by, admin.ID, 0), fault.KindForbidden)
		wantKind(t, k.DeleteKey(t.Context(), by, k.owner.ID, 0), fault.KindForbidden)
		if err := k.SetPassword(t.Context(), by, plain.ID, "another good password"); err != nil {
			t.Errorf("a user without roles: %v", err)
		}
	})
}

func TestScopesMustMeanSomething(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		for _, scopes := range [][]string{{"applications"}, {"application.fly"}, {""}, {"*"}, {"owner"}, {"session.sign-in"}, {"user", "user"}} {
			_, _, err := k.CreateKey(t.Context(), k.owner, access.Key{Name: unique(), Roles: []access.Role{access.RoleOwner}, Scopes: scopes, Expires: time.Now().Add(time.Hour)})
			wantKind(t, err, fault.KindInvalid)
		}
		by := k.scopedKey(access.RoleOwner, "read-only", "audit")
		list, _, err := k.Keys(t.Context(), k.owner, access.Page{})
		if err != nil {
			t.Fatal(err)
		}
		if last := list[len(list)-1]; last.ID != by.ID || len(last.Scopes) != 2 {
			t.Errorf("listed as %+v", last)
		}
	})
}
