package control_test

import (
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
)

func auditsOf(action, cursor string) control.AuditFilter {
	return control.AuditFilter{Action: action, Page: access.Page{After: cursor, Limit: 1000}}
}

// operation is one change that an administrator may make, and who may.
type operation struct {
	action string
	roles  []access.Role // beside Owner
	do     func(k *kit, by access.Actor) error
}

func operations() []operation {
	const apps, people = access.RoleApplicationAdmin, access.RolePolicyAdmin
	list := []operation{}
	add := func(action string, roles []access.Role, do func(k *kit, by access.Actor) error) {
		list = append(list, operation{action, roles, do})
	}
	a, p, both := []access.Role{apps}, []access.Role{people}, []access.Role{apps, people}
	add("application.create", a, func(k *kit, by access.Actor) error {
		return second(k.CreateApplication(k.t.Context(), by, access.Application{Name: unique(), GroupID: k.defaultGroup(),
			ExternalURL: "https://" + unique() + ".example.com/", InternalURL: "http://x.lan/"}))
	})
	add("application.update", a, func(k *kit, by access.Actor) error {
		app := k.application(unique())
		app.Name = unique()
		return second(k.UpdateApplication(k.t.Context(), by, app))
	})
	add("application.delete", a, func(k *kit, by access.Actor) error {
		return k.DeleteApplication(k.t.Context(), by, k.application(unique()).ID, 0)
	})
	add("connector-group.create", a, func(k *kit, by access.Actor) error {
		return second(k.CreateConnectorGroup(k.t.Context(), by, access.ConnectorGroup{Name: unique()}))
	})
	add("connector-group.update", a, func(k *kit, by access.Actor) error {
		g, err := k.CreateConnectorGroup(k.t.Context(), k.owner, access.ConnectorGroup{Name: unique()})
		g = must(k.t, g, err)
		g.Name = unique()
		return second(k.UpdateConnectorGroup(k.t.Context(), by, g))
	})
	add("connector-group.delete", a, func(k *kit, by access.Actor) error {
		g, err := k.CreateConnectorGroup(k.t.Context(), k.owner, access.ConnectorGroup{Name: unique()})
		return k.DeleteConnectorGroup(k.t.Context(), by, must(k.t, g, err).ID, 0)
	})
	add("connector.update", a, func(k *kit, by access.Actor) error {
		c, err := k.Connector(k.t.Context(), k.owner, k.enrol().id())
		c = must(k.t, c, err)
		c.Name = unique()
		return second(k.UpdateConnector(k.t.Context(), by, c))
	})
	add("connector.delete", a, func(k *kit, by access.Actor) error {
		return k.DeleteConnector(k.t.Context(), by, k.enrol().id(), 0)
	})
	add("token.create", a, func(k *kit, by access.Actor) error {
		_, _, err := k.CreateToken(k.t.Context(), by, access.Token{Name: "t"})
		return err
	})
	add("token.delete", a, func(k *kit, by access.Actor) error {
		return k.DeleteToken(k.t.Context(), by, access.ID(k.token().ID), 0)
	})
	add("assignment.create", both, func(k *kit, by access.Actor) error {
		return second(k.CreateAssignment(k.t.Context(), by, access.Assignment{Application: k.application(unique()).ID, User: k.user(unique()).ID}))
	})
	add("assignment.delete", both, func(k *kit, by access.Actor) error {
		as, err := k.CreateAssignment(k.t.Context(), k.owner, access.Assignment{Application: k.application(unique()).ID, User: k.user(unique()).ID})
		return k.DeleteAssignment(k.t.Context(), by, must(k.t, as, err).ID, 0)
	})
	add("user.create", p, func(k *kit, by access.Actor) error {
		return second(k.CreateUser(k.t.Context(), by, access.User{Name: unique()}, password))
	})
	add("user.update", p, func(k *kit, by access.Actor) error {
		u := k.user(unique())
		u.DisplayName = "Ada"
		return second(k.UpdateUser(k.t.Context(), by, u))
	})
	add("user.delete", p, func(k *kit, by access.Actor) error { return k.DeleteUser(k.t.Context(), by, k.user(unique()).ID, 0) })
	add("user.set-password", p, func(k *kit, by access.Actor) error {
		return k.SetPassword(k.t.Context(), by, k.user(unique()).ID, "another good password")
	})
	add("group.create", p, func(k *kit, by access.Actor) error {
		return second(k.CreateGroup(k.t.Context(), by, access.Group{Name: unique(), Members: []access.ID{k.user(unique()).ID}}))
	})
	add("group.update", p, func(k *kit, by access.Actor) error {
		g, err := k.CreateGroup(k.t.Context(), k.owner, access.Group{Name: unique()})
		g = must(k.t, g, err)
		g.Members = []access.ID{k.user(unique()).ID}
		return second(k.UpdateGroup(k.t.Context(), by, g))
	})
	add("group.delete", p, func(k *kit, by access.Actor) error {
		g, err := k.CreateGroup(k.t.Context(), k.owner, access.Group{Name: unique()})
		return k.DeleteGroup(k.t.Context(), by, must(k.t, g, err).ID, 0)
	})
	add("key.create", nil, func(k *kit, by access.Actor) error {
		_, _, err := k.CreateKey(k.t.Context(), by, access.Key{Name: unique(), Roles: []access.Role{access.RoleReader}})
		return err
	})
	add("key.delete", nil, func(k *kit, by access.Actor) error {
		key, _, err := k.CreateKey(k.t.Context(), k.owner, access.Key{Name: unique(), Roles: []access.Role{access.RoleReader}})
		return k.DeleteKey(k.t.Context(), by, must(k.t, key, err).ID, 0)
	})
	add("certificate.put", a, func(k *kit, by access.Actor) error {
		chain, key := selfSigned(k.t, "put.example.com")
		return second(k.PutPublicCertificate(k.t.Context(), by, "put.example.com", chain, key))
	})
	add("certificate.delete", a, func(k *kit, by access.Actor) error {
		chain, key := selfSigned(k.t, "delete.example.com")
		c, err := k.PutPublicCertificate(k.t.Context(), k.owner, "delete.example.com", chain, key)
		return k.DeletePublicCertificate(k.t.Context(), by, must(k.t, c, err).ID, 0)
	})
	return list
}

// Every change by every role: done or refused as the table says, and audited either way.
func TestRolesAndAudit(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		actors := map[access.Role]access.Actor{"nobody": k.actor()}
		for _, role := range access.Roles() {
			actors[role] = k.actor(role)
		}
		for _, op := range operations() {
			for role, by := range actors {
				allowed := role == access.RoleOwner
				for _, r := range op.roles {
					allowed = allowed || r == role
				}
				err := op.do(k, by)
				if allowed != (err == nil) {
					t.Errorf("%s by %s: %v", op.action, role, err)
				}
				if err != nil {
					wantKind(t, err, fault.KindForbidden)
				}
				e := k.lastAudit(op.action)
				outcome := map[bool]string{true: "done", false: "refused"}[allowed]
				if e.Outcome != outcome || e.Actor.ID != by.ID || allowed == (e.Version == 0) {
					t.Errorf("%s by %s: audit %+v", op.action, role, e)
				}
				if strings.Contains(e.Detail, password) {
					t.Errorf("%s: the audit log holds a password", op.action)
				}
			}
		}
	})
}

func TestReads(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		all := []access.Role{access.RoleOwner, access.RoleApplicationAdmin, access.RolePolicyAdmin, access.RoleReader}
		reads := map[string]struct {
			roles []access.Role
			do    func(by access.Actor) error
		}{
			"applications": {all, func(by access.Actor) error { _, _, err := k.Applications(t.Context(), by, access.Page{}); return err }},
			"groups": {all, func(by access.Actor) error {
				_, _, err := k.ConnectorGroups(t.Context(), by, access.Page{})
				return err
			}},
			"connectors": {all, func(by access.Actor) error { _, _, err := k.Connectors(t.Context(), by, access.Page{}); return err }},
			"users":      {all, func(by access.Actor) error { _, _, err := k.Users(t.Context(), by, access.Page{}); return err }},
			"assignments": {all, func(by access.Actor) error {
				_, _, err := k.Assignments(t.Context(), by, "", access.Page{})
				return err
			}},
			"tokens": {[]access.Role{access.RoleOwner, access.RoleApplicationAdmin, access.RoleReader},
				func(by access.Actor) error { _, _, err := k.Tokens(t.Context(), by, access.Page{}); return err }},
			"keys": {[]access.Role{access.RoleOwner, access.RoleReader},
				func(by access.Actor) error { _, _, err := k.Keys(t.Context(), by, access.Page{}); return err }},
			"audit": {[]access.Role{access.RoleOwner, access.RoleReader, access.RoleLogReader},
				func(by access.Actor) error { _, _, err := k.Audits(t.Context(), by, control.AuditFilter{}); return err }},
		}
		for name, read := range reads {
			for _, role := range access.Roles() {
				by := access.Actor{Kind: access.ActorUser, ID: "usr_x", Roles: []access.Role{role}}
				allowed := false
				for _, r := range read.roles {
					allowed = allowed || r == role
				}
				if err := read.do(by); allowed != (err == nil) {
					t.Errorf("%s by %s: %v", name, role, err)
				}
			}
			wantKind(t, read.do(anyone()), fault.KindUnauthenticated)
		}
	})
}

// Pangolin CVE-2026-3209: a role in the body overrode the one that was checked. Here what the actor
// claims to be counts for nothing: its roles are read anew inside the transaction.
func TestClaimedRolesCountForNothing_CVE20263209(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		by := k.actor(access.RoleReader)
		by.Roles = []access.Role{access.RoleOwner}
		_, err := k.CreateUser(t.Context(), by, access.User{Name: "eve", Roles: []access.Role{access.RoleOwner}}, password)
		wantKind(t, err, fault.KindForbidden)
		disabled := k.user("mallory", access.RoleOwner)
		actor := access.Actor{Kind: access.ActorUser, ID: disabled.ID, Roles: disabled.Roles}
		disabled.Disabled = true
		must(t, 0, second(k.UpdateUser(t.Context(), k.owner, disabled)))
		_, err = k.CreateUser(t.Context(), actor, access.User{Name: "eve"}, password)
		wantKind(t, err, fault.KindUnauthenticated)
	})
}

func TestNobodyRisesAboveThemselves(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		people := k.actor(access.RolePolicyAdmin)
		rootID := k.rootID()
		root, err := k.User(t.Context(), k.owner, rootID)
		root = must(t, root, err)
		self, err := k.User(t.Context(), k.owner, people.ID)
		self = must(t, self, err)
		self.Roles = append(self.Roles, access.RoleOwner)
		root.DisplayName = "taken over"
		_, readerKey, err := k.CreateKey(t.Context(), k.owner, access.Key{Name: "short", Roles: []access.Role{access.RoleOwner}, Expires: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		short, err := k.KeyActor(t.Context(), readerKey, "", "")
		short = must(t, short, err)
		attempts := map[string]func() error{
			"create an Owner": func() error {
				return second(k.CreateUser(t.Context(), people, access.User{Name: "eve", Roles: []access.Role{access.RoleOwner}}, password))
			},
			"create an application administrator": func() error {
				return second(k.CreateUser(t.Context(), people, access.User{Name: "eve", Roles: []access.Role{access.RoleApplicationAdmin}}, password))
			},
			"make oneself an Owner":   func() error { return second(k.UpdateUser(t.Context(), people, self)) },
			"change an Owner":         func() error { return second(k.UpdateUser(t.Context(), people, root)) },
			"take an Owner's account": func() error { return k.SetPassword(t.Context(), people, rootID, "my own password") },
			"delete an Owner":         func() error { return k.DeleteUser(t.Context(), people, rootID, 0) },
			"a key for longer than itself": func() error {
				_, _, err := k.CreateKey(t.Context(), short, access.Key{Name: "long", Roles: []access.Role{access.RoleReader}})
				return err
			},
		}
		for name, try := range attempts {
			if err := try(); !fault.Is(err, fault.KindForbidden) {
				t.Errorf("%s: %v", name, err)
			}
		}
		own, err := k.CreateUser(t.Context(), people, access.User{Name: "colleague", Roles: []access.Role{access.RolePolicyAdmin}}, password)
		if err != nil || own.Version == 0 {
			t.Errorf("give a role that one has: %v", err)
		}
	})
}

func (k *kit) rootID() access.ID {
	k.t.Helper()
	users, _, err := k.Users(k.t.Context(), k.owner, access.Page{Search: "root"})
	return must(k.t, users, err)[0].ID
}

func TestLastOwner(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		id := k.rootID()
		change := func(f func(u *access.User)) error {
			u, err := k.User(t.Context(), k.owner, id)
			u = must(t, u, err)
			f(&u)
			return second(k.UpdateUser(t.Context(), k.owner, u))
		}
		wantKind(t, change(func(u *access.User) { u.Disabled = true }), fault.KindConflict)
		wantKind(t, change(func(u *access.User) { u.Roles = []access.Role{access.RoleReader} }), fault.KindConflict)
		wantKind(t, k.DeleteUser(t.Context(), k.owner, id, 0), fault.KindConflict)
		if u, err := k.User(t.Context(), k.owner, id); err != nil || u.Disabled || len(u.Roles) != 1 {
			t.Fatalf("half applied: %+v %v", u, err)
		}
		second := k.user("second", access.RoleOwner)
		if err := change(func(u *access.User) { u.Disabled = true }); err != nil {
			t.Errorf("with another Owner: %v", err)
		}
		wantKind(t, k.DeleteUser(t.Context(), k.owner, second.ID, 0), fault.KindConflict)
	})
}

func TestApplicationChecks(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		group := k.defaultGroup()
		first := k.application("wiki")
		tests := []struct {
			name, external string
			group          access.ID
			kind           fault.Kind
			field          string
		}{
			{"free", "https://shop.example.com/", group, -1, ""},
			{"other path of a host", "https://wiki.example.com/docs/", group, -1, ""},
			{"taken", "https://wiki.example.com/", group, fault.KindConflict, "externalUrl"},
			{"taken, spelled otherwise", "https://WIKI.example.com:443", group, fault.KindConflict, "externalUrl"},
			{"portal's host", "https://access.example.com/x/", group, fault.KindInvalid, "externalUrl"},
			{"admin center's host", "https://ADMIN.example.com/", group, fault.KindInvalid, "externalUrl"},
			{"another port", "https://port.example.com:8443/", group, fault.KindInvalid, "externalUrl"},
			{"no such group", "https://group.example.com/", access.NewID(access.PrefixConnectorGroup, time.Now()), fault.KindInvalid, "connectorGroup"},
			{"plain", "http://plain.example.com/", group, fault.KindInvalid, "externalUrl"},
		}
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				_, err := k.CreateApplication(t.Context(), k.owner, access.Application{Name: unique(), GroupID: test.group, ExternalURL: test.external, InternalURL: "http://x.lan/"})
				if test.kind == -1 {
					must(t, 0, err)
					return
				}
				wantKind(t, err, test.kind)
				var e *fault.Error
				if !asFault(err, &e) || len(e.Fields) == 0 || e.Fields[0].Name != test.field {
					t.Errorf("fields %+v", e)
				}
			})
		}
		stale := first
		first.Name = "Wiki 2"
		updated, err := k.UpdateApplication(t.Context(), k.owner, first)
		if err != nil || updated.Version != first.Version+1 {
			t.Fatalf("update: version %d, %v", updated.Version, err)
		}
		wantKind(t, second(k.UpdateApplication(t.Context(), k.owner, stale)), fault.KindChanged)
		wantKind(t, k.DeleteApplication(t.Context(), k.owner, first.ID, stale.Version), fault.KindChanged)
	})
}

// Boundary CVE-2022-36130: a host set of another scope could be attached to a target. Here what an
// assignment, a token or a member names must exist and be of the right kind.
func TestReferencesAreOfTheRightKind_CVE202236130(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		app, user := k.application("wiki"), k.user("ada")
		gone := access.NewID(access.PrefixUser, time.Now())
		for name, err := range map[string]error{
			"user that is none":   second(k.CreateAssignment(t.Context(), k.owner, access.Assignment{Application: app.ID, User: app.ID})),
			"user that is gone":   second(k.CreateAssignment(t.Context(), k.owner, access.Assignment{Application: app.ID, User: gone})),
			"application is user": second(k.CreateAssignment(t.Context(), k.owner, access.Assignment{Application: user.ID, User: user.ID})),
			"group is user":       second(k.CreateAssignment(t.Context(), k.owner, access.Assignment{Application: app.ID, Group: user.ID})),
			"member is gone":      second(k.CreateGroup(t.Context(), k.owner, access.Group{Name: "g", Members: []access.ID{gone}})),
			"token's group":       tokenError(k, access.Token{Name: "t", GroupID: access.NewID(access.PrefixConnectorGroup, time.Now())}),
		} {
			if !fault.Is(err, fault.KindInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func tokenError(k *kit, token access.Token) error {
	_, _, err := k.CreateToken(k.t.Context(), k.owner, token)
	return err
}

func TestDefaultGroup(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		old := k.defaultGroup()
		g, err := k.ConnectorGroup(t.Context(), k.owner, old)
		g = must(t, g, err)
		g.Default = false
		wantKind(t, second(k.UpdateConnectorGroup(t.Context(), k.owner, g)), fault.KindInvalid)
		wantKind(t, k.DeleteConnectorGroup(t.Context(), k.owner, old, 0), fault.KindConflict)
		next, err := k.CreateConnectorGroup(t.Context(), k.owner, access.ConnectorGroup{Name: "next", Default: true})
		if err != nil || k.defaultGroup() != next.ID {
			t.Fatalf("another default: %v", err)
		}
		k.application("served")
		wantKind(t, k.DeleteConnectorGroup(t.Context(), k.owner, next.ID, 0), fault.KindConflict)
		if err := k.DeleteConnectorGroup(t.Context(), k.owner, old, 0); err != nil {
			t.Errorf("an empty group: %v", err)
		}
	})
}
