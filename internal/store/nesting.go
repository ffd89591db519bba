package store

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"postern/internal/access"
)

// Memberships gives all groups that a user is in: as a member, or within a group that is.
func (t *Tx) Memberships(ctx context.Context, user access.ID) ([]access.ID, error) {
	return rows(ctx, t, scanID, `WITH RECURSIVE up (id) AS (
			SELECT group_id FROM memberships WHERE user_id = $1
			UNION SELECT g.group_id FROM user_group_groups g JOIN up ON g.member_id = up.id
		) SELECT id FROM up ORDER BY id`, string(user))
}

// UsersWithin gives all users who are in one of the groups, or within a group that is.
func (t *Tx) UsersWithin(ctx context.Context, groups []access.ID) ([]access.ID, error) {
	var found []access.ID
	for some := range slices.Chunk(groups, chunk) {
		users, err := rows(ctx, t, scanID, `WITH RECURSIVE down (id) AS (
				SELECT id FROM user_groups WHERE id IN (`+marks(1, len(some))+`)
				UNION SELECT g.member_id FROM user_group_groups g JOIN down ON g.group_id = down.id
			) SELECT DISTINCT user_id FROM memberships WHERE group_id IN (SELECT id FROM down) ORDER BY user_id`, anys(some)...)
		if err != nil {
			return nil, err
		}
		found = append(found, users...)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// GroupNesting gives which groups are in which.
func (t *Tx) GroupNesting(ctx context.Context) (access.Nesting, error) {
	type pair struct{ group, member access.ID }
	list, err := rows(ctx, t, func(row scanner, p *pair) error { return row.Scan(&p.group, &p.member) },
		"SELECT group_id, member_id FROM user_group_groups ORDER BY group_id, member_id")
	nesting := access.Nesting{}
	for _, p := range list {
		nesting[p.group] = append(nesting[p.group], p.member)
	}
	return nesting, err
}

// GroupNames gives the names of groups by their ids.
func (t *Tx) GroupNames(ctx context.Context) (map[access.ID]string, error) {
	type named struct {
		id   access.ID
		name string
	}
	list, err := rows(ctx, t, func(row scanner, n *named) error { return row.Scan(&n.id, &n.name) }, "SELECT id, name FROM user_groups")
	names := make(map[access.ID]string, len(list))
	for _, n := range list {
		names[n.id] = n.name
	}
	return names, err
}

// withNested adds which groups are the members of the groups.
func (t *Tx) withNested(ctx context.Context, list []access.Group) error {
	if len(list) == 0 {
		return nil
	}
	nesting := access.Nesting{}
	var err error
	if len(list) == 1 {
		nesting[list[0].ID], err = t.groupsIn(ctx, list[0].ID)
	} else {
		nesting, err = t.GroupNesting(ctx)
	}
	for i := range list {
		list[i].Groups = nesting[list[i].ID]
	}
	return err
}

func (t *Tx) groupsIn(ctx context.Context, group access.ID) ([]access.ID, error) {
	return rows(ctx, t, scanID, "SELECT member_id FROM user_group_groups WHERE group_id = $1 ORDER BY member_id", string(group))
}

// SetGroupsIn makes a group's groups those, where the group itself was written already.
func (t *Tx) SetGroupsIn(ctx context.Context, g *access.Group) error { return t.setNested(ctx, g) }

// setNested writes which groups left a group and which came.
func (t *Tx) setNested(ctx context.Context, g *access.Group) error {
	found, err := t.groupsIn(ctx, g.ID)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(missing(found, set(g.Groups)), chunk) {
		args := append([]any{string(g.ID)}, anys(some)...)
		if _, err := t.exec(ctx, "DELETE FROM user_group_groups WHERE group_id = $1 AND member_id IN ("+marks(2, len(some))+")", args...); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(missing(g.Groups, set(found)), chunk) {
		args := append([]any{string(g.ID)}, anys(some)...)
		values := make([]string, len(some))
		for i := range values {
			values[i] = "($1, $" + strconv.Itoa(i+2) + ")"
		}
		if _, err := t.exec(ctx, "INSERT INTO user_group_groups (group_id, member_id) VALUES "+strings.Join(values, ", "), args...); err != nil {
			return err
		}
	}
	return nil
}

// AppendEndings stores endings in their order, as AppendEnding does one.
func (t *Tx) AppendEndings(ctx context.Context, list []access.Ending) error {
	for some := range slices.Chunk(list, touchChunk) {
		var last uint64
		err := t.row(ctx, "there is no instance", "UPDATE instance SET ending = ending + $2 WHERE id = $1 RETURNING ending",
			[]any{instanceRow, int64(len(some))}, &last)
		if err != nil {
			return err
		}
		var args []any
		values := make([]string, len(some))
		for i := range some {
			some[i].Seq = last - uint64(len(some)-1-i)
			values[i] = "(" + marks(len(args)+1, 4) + ")"
			args = append(args, int64(some[i].Seq), string(some[i].Kind), some[i].ID, micros(some[i].Time))
		}
		if _, err := t.exec(ctx, "INSERT INTO endings (seq, kind, id, time) VALUES "+strings.Join(values, ", "), args...); err != nil {
			return err
		}
	}
	return nil
}

// GroupMembers gives who is in each group themselves: those that somebody put there, and those that an upstream says are.
func (t *Tx) GroupMembers(ctx context.Context) (map[access.ID][]access.ID, error) {
	type pair struct{ group, user access.ID }
	list, err := rows(ctx, t, func(row scanner, p *pair) error { return row.Scan(&p.group, &p.user) }, "SELECT group_id, user_id FROM memberships ORDER BY group_id, user_id")
	members := map[access.ID][]access.ID{}
	for _, p := range list {
		members[p.group] = append(members[p.group], p.user)
	}
	return members, err
}
