package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

var userNoun = noun[access.User]{
	meta: func(u *access.User) *access.Meta { return &u.Meta },
	sample: func(i int) access.User {
		return access.User{
			Meta: meta(num("usr", i), 1), Name: fmt.Sprintf("user%d", i), DisplayName: "Ada", Email: "ada@example.com", Disabled: true,
			Roles: []access.Role{access.RoleOwner, access.RoleReader}, RequireSecondFactor: true, BreakGlass: true,
		}
	},
	change: func(u *access.User) {
		u.Name, u.DisplayName, u.Email, u.Disabled, u.Roles, u.RequireSecondFactor, u.BreakGlass, u.Updated = "other", "", "", false, nil, false, false, at(9)
	},
	apart:  []string{".Groups", ".PasswordSet", ".Factors", ".Upstream", ".Subject", ".UpstreamRefused", ".LastSignIn"},
	name:   func(u *access.User, name string) { u.Name = name },
	insert: (*store.Tx).InsertUser, one: (*store.Tx).User, page: (*store.Tx).Users,
	update: (*store.Tx).UpdateUser, remove: (*store.Tx).DeleteUser,
}

func usersHavePasswords(t *testing.T, k *kit) {
	w := k.settle(t)
	password := func() (hash string, set time.Time) {
		t.Helper()
		k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
			hash, err = tx.Password(ctx, w.user.ID)
			return err
		})
		return hash, userNoun.stored(t, k, w.user.ID).PasswordSet
	}
	for _, test := range []struct {
		hash string
		set  time.Time
	}{{"", time.Time{}}, {"$argon2id$…", at(5)}, {"", time.Time{}}} {
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.SetPassword(ctx, w.user.ID, test.hash, at(5)) })
		if hash, set := password(); hash != test.hash || !set.Equal(test.set) {
			t.Errorf("password %q set %v, want %q %v", hash, set, test.hash, test.set)
		}
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.SetPassword(ctx, w.user.ID, "h", at(6)) })
	w.user.PasswordSet = at(59) // is not what an update is for
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateUser(ctx, &w.user) })
	if hash, set := password(); hash != "h" || !set.Equal(at(6)) {
		t.Errorf("an update of the user changed the password to %q of %v", hash, set)
	}
	k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error { return tx.SetPassword(ctx, "usr_missing", "h", at(5)) })
	k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Password(ctx, "usr_missing")
		return err
	})
}

func usersAreFoundByName(t *testing.T, k *kit) {
	w := k.settle(t)
	w.user.Groups = []access.ID{w.staff.ID}
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		for _, name := range []string{"ada", "ADA"} {
			got, err := tx.UserByName(ctx, name)
			if diff := cmp.Diff(w.user, got); diff != "" || err != nil {
				t.Errorf("%s: %v\n%s", name, err, diff)
			}
		}
		for _, name := range []string{"", "a", "%", "ada ", "' OR ''='"} {
			if _, err := tx.UserByName(ctx, name); !fault.Is(err, fault.KindNotFound) {
				t.Errorf("%q: %v", name, err)
			}
		}
		return nil
	})
}

func usersWithRole(t *testing.T, k *kit) {
	k.settle(t)
	for i, u := range []access.User{
		{Name: "owner", Roles: []access.Role{access.RoleReader, access.RoleOwner}}, {Name: "reader", Roles: []access.Role{access.RoleReader}},
		{Name: "off", Disabled: true, Roles: []access.Role{access.RoleOwner}},
	} {
		u.Meta = meta(num("usr", i), i)
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertUser(ctx, &u) })
	}
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		for role, want := range map[access.Role]string{access.RoleOwner: "[owner]", access.RoleReader: "[owner reader]", access.RoleLogReader: "[]", "%": "[]"} {
			list, err := tx.UsersWithRole(ctx, role)
			names := []string{}
			for _, u := range list {
				names = append(names, u.Name)
			}
			if err != nil || fmt.Sprint(names) != want {
				t.Errorf("%s: %v, %v; want %s", role, names, err, want)
			}
		}
		return nil
	})
}

var groupNoun = noun[access.Group]{
	meta: func(g *access.Group) *access.Meta { return &g.Meta },
	sample: func(i int) access.Group {
		return access.Group{
			Meta: meta(num("grp", i), 1), Name: fmt.Sprintf("Group %d", i), Description: "d", Members: []access.ID{"usr_w"}, Groups: []access.ID{"grp_w"},
		}
	},
	change: func(g *access.Group) {
		g.Name, g.Description, g.Members, g.Groups, g.Updated = "Other", "", nil, nil, at(9)
	},
	name:   func(g *access.Group, name string) { g.Name = name },
	insert: (*store.Tx).InsertGroup, one: (*store.Tx).Group, page: (*store.Tx).Groups,
	update: (*store.Tx).UpdateGroup, remove: (*store.Tx).DeleteGroup,
}

// members gives the ids of some users: from, from+1, …
func members(from, count int) (ids []access.ID) {
	for i := range count {
		ids = append(ids, num("usr", from+i))
	}
	return ids
}

func groupsHaveMembers(t *testing.T, k *kit) {
	const many = 700 // more than one statement takes
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		for i := range 1000 {
			if err := tx.InsertUser(ctx, &access.User{Meta: meta(num("usr", i), i), Name: fmt.Sprintf("u%d", i)}); err != nil {
				return err
			}
		}
		return nil
	})
	groups := []access.Group{
		{Meta: meta("grp_a", 0), Name: "A", Members: members(0, many)},
		{Meta: meta("grp_b", 1), Name: "B"},
		{Meta: meta("grp_c", 2), Name: "C", Members: members(many-1, 2)},
	}
	for i := range groups {
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertGroup(ctx, &groups[i]) })
	}
	groups[0].Members = members(1, many+100) // one leaves, many come, most stay
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateGroup(ctx, &groups[0]) })
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		list, _, err := tx.Groups(ctx, access.Page{})
		if diff := cmp.Diff(groups, list); diff != "" {
			t.Errorf("the groups (-want +got):\n%s", diff)
		}
		people, next, err2 := tx.Users(ctx, access.Page{Limit: 900})
		if len(people) != 900 || next == "" {
			t.Errorf("%d users and %q, want 900 and a cursor", len(people), next)
		}
		for i, want := range map[int][]access.ID{0: nil, 1: {"grp_a"}, many - 1: {"grp_a", "grp_c"}, many: {"grp_a", "grp_c"}, many + 1: {"grp_a"}, 899: nil} {
			if diff := cmp.Diff(want, people[i].Groups); diff != "" {
				t.Errorf("groups of user %d (-want +got):\n%s", i, diff)
			}
		}
		of, err3 := tx.GroupsOf(ctx, num("usr", many))
		if diff := cmp.Diff([]access.ID{"grp_a", "grp_c"}, of); diff != "" {
			t.Error(diff)
		}
		return errFirst(err, err2, err3)
	})
	groups[1].Members = []access.ID{"usr_001", "usr_missing"}
	k.refused(t, fault.KindConflict, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateGroup(ctx, &groups[1]) })
	if got := groupNoun.stored(t, k, "grp_b"); len(got.Members) > 0 || got.Version != 1 {
		t.Errorf("a refused update left %v of version %d", got.Members, got.Version)
	}
}

var assignmentNoun = noun[access.Assignment]{
	meta: func(a *access.Assignment) *access.Meta { return &a.Meta },
	sample: func(i int) access.Assignment { // of users that manyUsers made
		return access.Assignment{Meta: meta(num("asg", i), 1), Application: "app_w", User: num("usr", i),
			Expires: at(i + 1), Request: num("req", i)}
	},
	apart:  []string{".Group", ".Application", ".User"}, // only one of both is set
	change: func(a *access.Assignment) { a.Expires, a.Request, a.Updated = time.Time{}, "", at(9) },
	insert: (*store.Tx).InsertAssignment, one: (*store.Tx).Assignment, remove: (*store.Tx).DeleteAssignment, update: (*store.Tx).UpdateAssignment,
	page: func(tx *store.Tx, ctx context.Context, p access.Page) ([]access.Assignment, string, error) {
		return tx.Assignments(ctx, "app_w", p)
	},
}

func assignmentsBehave(t *testing.T, k *kit) {
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		for i := range 300 {
			if err := tx.InsertUser(ctx, &access.User{Meta: meta(num("usr", i), i), Name: fmt.Sprintf("u%d", i)}); err != nil {
				return err
			}
		}
		return nil
	})
	assignmentNoun.behaves(t, k)
}

func assignmentsAreOneOfBoth(t *testing.T, k *kit) {
	w := k.settle(t)
	other := application("app_other", "Other", w.group.ID)
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertApplication(ctx, &other) })
	list := []access.Assignment{
		{Meta: meta("asg_1", 1), Application: w.application.ID, User: w.user.ID},
		{Meta: meta("asg_2", 2), Application: w.application.ID, Group: w.staff.ID},
		{Meta: meta("asg_3", 3), Application: other.ID, Group: w.staff.ID},
	}
	for i := range list {
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertAssignment(ctx, &list[i]) })
	}
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.AllAssignments(ctx)
		if diff := cmp.Diff(list, all); diff != "" {
			t.Errorf("all assignments (-want +got):\n%s", diff)
		}
		some, _, err2 := tx.Assignments(ctx, other.ID, access.Page{})
		if diff := cmp.Diff(list[2:], some); diff != "" {
			t.Errorf("assignments of one application (-want +got):\n%s", diff)
		}
		every, _, err3 := tx.Assignments(ctx, "", access.Page{})
		if diff := cmp.Diff(list, every); diff != "" {
			t.Errorf("assignments of every application (-want +got):\n%s", diff)
		}
		return errFirst(err, err2, err3)
	})
	for _, bad := range []access.Assignment{
		{Application: w.application.ID}, {Application: w.application.ID, User: w.user.ID, Group: w.staff.ID},
		{Application: "app_missing", User: w.user.ID}, {Application: w.application.ID, User: "usr_missing"}, {Application: other.ID, Group: "grp_missing"},
	} {
		bad.ID = "asg_bad"
		if err := k.try(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertAssignment(ctx, &bad) }); err == nil {
			t.Errorf("%+v was stored", bad)
		}
	}
}
