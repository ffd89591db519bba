package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/store"
)

// groupsLieInGroups holds who is in which group through others, also around a ring, which control
// refuses but the database does not.
func groupsLieInGroups(t *testing.T, k *kit) {
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		for i := range 4 {
			if err := tx.InsertUser(ctx, &access.User{Meta: meta(num("usr", i), i), Name: fmt.Sprintf("u%d", i)}); err != nil {
				return err
			}
		}
		return nil
	})
	groups := []access.Group{
		{Meta: meta("grp_a", 0), Name: "A", Members: members(0, 1)},
		{Meta: meta("grp_b", 1), Name: "B", Members: members(1, 1), Groups: []access.ID{"grp_a"}},
		{Meta: meta("grp_c", 2), Name: "C", Members: members(2, 1), Groups: []access.ID{"grp_a", "grp_b"}},
		{Meta: meta("grp_d", 3), Name: "D", Members: members(3, 1)},
	}
	for i := range groups {
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertGroup(ctx, &groups[i]) })
	}
	holds := func(what string, in map[int][]access.ID, within map[string][]int) {
		t.Helper()
		k.read(t, func(ctx context.Context, tx *store.Tx) error {
			for user, want := range in {
				got, err := tx.Memberships(ctx, num("usr", user))
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("%s: memberships of user %d: %v (-want +got):\n%s", what, user, err, diff)
				}
			}
			for group, want := range within {
				var ids []access.ID
				for _, u := range want {
					ids = append(ids, num("usr", u))
				}
				got, err := tx.UsersWithin(ctx, []access.ID{access.ID(group)})
				if diff := cmp.Diff(ids, got); err != nil || diff != "" {
					t.Errorf("%s: users within %s: %v (-want +got):\n%s", what, group, err, diff)
				}
			}
			return nil
		})
	}
	holds("nested", map[int][]access.ID{0: {"grp_a", "grp_b", "grp_c"}, 1: {"grp_b", "grp_c"}, 2: {"grp_c"}, 3: {"grp_d"}},
		map[string][]int{"grp_a": {0}, "grp_b": {0, 1}, "grp_c": {0, 1, 2}, "grp_d": {3}})
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		list, err := tx.AllGroups(ctx)
		if diff := cmp.Diff(groups, list); diff != "" {
			t.Errorf("the groups (-want +got):\n%s", diff)
		}
		one, err2 := tx.Group(ctx, "grp_c")
		if diff := cmp.Diff(groups[2], one); diff != "" {
			t.Errorf("one group (-want +got):\n%s", diff)
		}
		return errFirst(err, err2)
	})
	groups[0].Groups = []access.ID{"grp_c"}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateGroup(ctx, &groups[0]) })
	ring := []access.ID{"grp_a", "grp_b", "grp_c"}
	holds("a ring", map[int][]access.ID{0: ring, 1: ring, 2: ring, 3: {"grp_d"}}, map[string][]int{"grp_a": {0, 1, 2}, "grp_b": {0, 1, 2}, "grp_d": {3}})
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteGroup(ctx, "grp_b", 0) })
	holds("one deleted", map[int][]access.ID{0: {"grp_a", "grp_c"}, 1: nil}, map[string][]int{"grp_c": {0, 2}, "grp_b": nil})
}

// endingsComeInRows writes more endings at once than one statement takes.
func endingsComeInRows(t *testing.T, k *kit) {
	var first uint64
	k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
		first, err = tx.LastEnding(ctx)
		return err
	})
	var list []access.Ending
	for i := range 250 {
		list = append(list, access.Ending{Kind: access.EndingUser, ID: fmt.Sprint("usr_", i), Time: at(i)})
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.AppendEndings(ctx, slices.Clone(list)) })
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		got, err := tx.EndingsAfter(ctx, first, 1000)
		for i := range list {
			list[i].Seq = first + uint64(i) + 1
		}
		if diff := cmp.Diff(list, got); diff != "" {
			t.Errorf("the endings (-want +got):\n%s", diff)
		}
		return err
	})
}
