package control

import (
	"context"
	"slices"

	"postern/internal/access"
	"postern/internal/store"
)

// NamesOf gives the names of users, groups and applications, of those that the actor may read.
func (c *Control) NamesOf(ctx context.Context, by access.Actor, ids []access.ID) (names map[access.ID]string, err error) {
	readable := map[string]bool{}
	for prefix, perm := range map[string]permission{access.PrefixUser: readUser, access.PrefixGroup: readGroup, access.PrefixApplication: readApplication} {
		readable[prefix] = allow(by, perm) == nil
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id access.ID) bool { return len(id) < 3 || !readable[string(id[:3])] })
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return nil, nil
	}
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		names, err = tx.NamesOf(ctx, ids)
		return err
	})
	return names, err
}
