package store

import (
	"context"
	"slices"

	"postern/internal/access"
)

// withOwners adds who answers requests for the applications.
func (t *Tx) withOwners(ctx context.Context, list []access.Application) error {
	type owned struct {
		application access.ID
		user, group *string
	}
	query, args := "SELECT application_id, user_id, group_id FROM application_owners", []any(nil)
	if len(list) == 1 {
		query, args = query+" WHERE application_id = $1", []any{string(list[0].ID)}
	}
	found, err := rows(ctx, t, func(row scanner, o *owned) error { return row.Scan(&o.application, &o.user, &o.group) },
		query+" ORDER BY application_id, user_id, group_id", args...)
	if err != nil || len(found) == 0 {
		return err
	}
	at := make(map[access.ID]*access.Application, len(list))
	for i := range list {
		at[list[i].ID] = &list[i]
	}
	for _, o := range found {
		switch a := at[o.application]; {
		case a == nil:
		case o.user != nil:
			a.OwnerUsers = append(a.OwnerUsers, access.ID(*o.user))
		case o.group != nil:
			a.OwnerGroups = append(a.OwnerGroups, access.ID(*o.group))
		}
	}
	return nil
}

// insertOwners writes who answers requests for a new application.
func (t *Tx) insertOwners(ctx context.Context, a *access.Application) error {
	given := []any{string(a.ID)}
	if err := t.insertAll(ctx, "INSERT INTO application_owners (application_id, user_id) VALUES ", given, a.OwnerUsers); err != nil {
		return err
	}
	return t.insertAll(ctx, "INSERT INTO application_owners (application_id, group_id) VALUES ", given, a.OwnerGroups)
}

// setOwners writes who answers requests for an application, if that is not what is there.
func (t *Tx) setOwners(ctx context.Context, a *access.Application) error {
	had := []access.Application{{Meta: access.Meta{ID: a.ID}}}
	if err := t.withOwners(ctx, had); err != nil {
		return err
	}
	same := func(a, b []access.ID) bool {
		return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
	}
	if same(had[0].OwnerUsers, a.OwnerUsers) && same(had[0].OwnerGroups, a.OwnerGroups) {
		return nil
	}
	if _, err := t.exec(ctx, "DELETE FROM application_owners WHERE application_id = $1", string(a.ID)); err != nil {
		return err
	}
	return t.insertOwners(ctx, a)
}
