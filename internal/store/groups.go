package store

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"postern/internal/access"
)

var groups = table[access.Group]{
	name:    "user_groups",
	what:    "group",
	columns: []string{"name", "name_key", "description"},
	filters: map[string]condition{"member": func(value string) (string, any) {
		return "id IN (SELECT group_id FROM memberships WHERE user_id = %s)", value
	}, "memberGroup": func(value string) (string, any) {
		return "id IN (SELECT group_id FROM user_group_groups WHERE member_id = %s)", value
	}},
	search: "name_key",
	sorted: "name_key",
	meta:   func(g *access.Group) *access.Meta { return &g.Meta },
	values: func(g *access.Group) []any { return []any{g.Name, folded(g.Name), g.Description} },
	into: func(g *access.Group) ([]any, func() error) {
		var unused string
		return []any{&g.Name, &unused, &g.Description}, nil
	},
}

// chunk is how many objects one statement names at most.
const chunk = 500

// pairs reads memberships: for each id in the column of, those in the column want, in their order.
func (t *Tx) pairs(ctx context.Context, of, want string, ids []access.ID) (map[access.ID][]access.ID, error) {
	found := map[access.ID][]access.ID{}
	from := "user_group_members"
	if of == "user_id" { // a user is in those groups too that an upstream says; a group lists those whom somebody put there
		from = "memberships"
	}
	type pair struct{ of, want access.ID }
	for some := range slices.Chunk(ids, chunk) {
		args := make([]any, padded(len(some)))
		for i := range args {
			args[i] = string(some[min(i, len(some)-1)])
		}
		list, err := rows(ctx, t, func(row scanner, p *pair) error { return row.Scan(&p.of, &p.want) },
			"SELECT "+of+", "+want+" FROM "+from+" WHERE "+of+" IN ("+marks(1, len(args))+") ORDER BY "+of+", "+want, args...)
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			found[p.of] = append(found[p.of], p.want)
		}
	}
	return found, nil
}

// padded rounds up to one of few numbers, so that there are few statements to prepare.
func padded(n int) int {
	for _, size := range []int{1, 8, 32, 100, 250} {
		if n <= size {
			return size
		}
	}
	return chunk
}

// GroupsOf gives the groups a user is a member of.
func (t *Tx) GroupsOf(ctx context.Context, user access.ID) ([]access.ID, error) {
	found, err := t.pairs(ctx, "user_id", "group_id", []access.ID{user})
	return found[user], err
}

// Group gives a group with its members.
func (t *Tx) Group(ctx context.Context, id access.ID) (access.Group, error) {
	g, err := groups.one(ctx, t, "id", string(id))
	if err != nil {
		return g, err
	}
	list := []access.Group{g}
	err = t.withMembers(ctx, list)
	return list[0], err
}

// Groups gives a page of the groups with their members, and the cursor of the next one.
func (t *Tx) Groups(ctx context.Context, p access.Page) ([]access.Group, string, error) {
	list, next, err := groups.page(ctx, t, p)
	if err != nil {
		return nil, "", err
	}
	return list, next, t.withMembers(ctx, list)
}

func (t *Tx) withMembers(ctx context.Context, list []access.Group) error {
	ids := make([]access.ID, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	members, err := t.pairs(ctx, "group_id", "user_id", ids)
	for i := range list {
		list[i].Members = members[list[i].ID]
	}
	if err != nil {
		return err
	}
	return t.withNested(ctx, list)
}

// InsertGroup stores a new group with its members.
func (t *Tx) InsertGroup(ctx context.Context, g *access.Group) error {
	if err := groups.insert(ctx, t, g); err != nil {
		return err
	}
	if err := t.setMembers(ctx, g); err != nil {
		return err
	}
	return t.insertAll(ctx, "INSERT INTO user_group_groups (group_id, member_id) VALUES ", []any{string(g.ID)}, g.Groups)
}

// UpdateGroup stores a group, members included, that is still at the version it was read at.
func (t *Tx) UpdateGroup(ctx context.Context, g *access.Group) error {
	if err := groups.update(ctx, t, g); err != nil {
		return err
	}
	if err := t.setMembers(ctx, g); err != nil {
		return err
	}
	return t.setNested(ctx, g)
}

// setMembers writes only who left and who came: most of a large group stays.
func (t *Tx) setMembers(ctx context.Context, g *access.Group) error {
	found, err := t.pairs(ctx, "group_id", "user_id", []access.ID{g.ID})
	if err != nil {
		return err
	}
	now, want := set(found[g.ID]), set(g.Members)
	for some := range slices.Chunk(missing(found[g.ID], want), chunk) {
		args := append([]any{string(g.ID)}, anys(some)...)
		if _, err := t.exec(ctx, "DELETE FROM user_group_members WHERE group_id = $1 AND user_id IN ("+marks(2, len(some))+")", args...); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(missing(g.Members, now), chunk) {
		args := append([]any{string(g.ID)}, anys(some)...)
		values := make([]string, len(some))
		for i := range values {
			values[i] = "($1, $" + strconv.Itoa(i+2) + ")"
		}
		if _, err := t.exec(ctx, "INSERT INTO user_group_members (group_id, user_id) VALUES "+strings.Join(values, ", "), args...); err != nil {
			return err
		}
	}
	return nil
}

func set(ids []access.ID) map[access.ID]bool {
	s := make(map[access.ID]bool, len(ids))
	for _, id := range ids {
		s[id] = true
	}
	return s
}

// missing lists the ids that are not in the set.
func missing(ids []access.ID, in map[access.ID]bool) []access.ID {
	return slices.DeleteFunc(slices.Clone(ids), func(id access.ID) bool { return in[id] })
}

func anys(ids []access.ID) []any {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = string(id)
	}
	return args
}

// DeleteGroup removes a group with its memberships and assignments.
func (t *Tx) DeleteGroup(ctx context.Context, id access.ID, version int64) error {
	return groups.remove(ctx, t, id, version)
}
