package store

import (
	"context"
	"slices"

	"postern/internal/access"
)

// AllUsers gives every user, without their groups.
func (t *Tx) AllUsers(ctx context.Context) ([]access.User, error) { return users.all(ctx, t) }

// AllGroups gives every group with its members.
func (t *Tx) AllGroups(ctx context.Context) ([]access.Group, error) {
	list, err := groups.all(ctx, t)
	if err != nil {
		return nil, err
	}
	return list, t.withMembers(ctx, list)
}

// FreeExternalURLs lets others take the external URLs of applications that get new ones later in the
// same transaction, so that two of them can change places.
func (t *Tx) FreeExternalURLs(ctx context.Context, ids []access.ID) error {
	for some := range slices.Chunk(ids, chunk) {
		_, err := t.exec(ctx, "UPDATE applications SET external_host = id, external_path = '' WHERE id IN ("+marks(1, len(some))+")", anys(some)...)
		if err != nil {
			return err
		}
	}
	return nil
}
