package store

import (
	"context"
	"slices"
	"time"

	"postern/internal/access"
)

// ApplicationCount says how many applications a connector group has.
type ApplicationCount struct {
	Group         access.ID
	All, Disabled int
}

// CountApplications counts the applications of each connector group that has some.
func (t *Tx) CountApplications(ctx context.Context) ([]ApplicationCount, error) {
	return rows(ctx, t, func(row scanner, c *ApplicationCount) error { return row.Scan(&c.Group, &c.All, &c.Disabled) },
		"SELECT group_id, COUNT(*), COUNT(CASE WHEN disabled > 0 THEN 1 END) FROM applications GROUP BY group_id ORDER BY group_id")
}

// Place is in which group a connector is, and what keeps it from carrying anything.
type Place struct {
	Connector, Group  access.ID
	Disabled, Waiting bool
}

// Places gives those of all connectors that are not archived.
func (t *Tx) Places(ctx context.Context) ([]Place, error) {
	return rows(ctx, t, func(row scanner, p *Place) error { return row.Scan(&p.Connector, &p.Group, &p.Disabled, &p.Waiting) },
		"SELECT id, group_id, disabled > 0, waiting > 0 FROM connectors WHERE archived = 0 ORDER BY group_id, id")
}

// CountAssignments counts the assignments that have not ended.
func (t *Tx) CountAssignments(ctx context.Context, now time.Time) (n int, err error) {
	err = t.row(ctx, "there are no assignments", "SELECT COUNT(*) FROM assignments WHERE expires = 0 OR expires > $1", []any{micros(now)}, &n)
	return n, err
}

// NamesOf gives the names of users, groups and applications, of those that there are.
func (t *Tx) NamesOf(ctx context.Context, ids []access.ID) (map[access.ID]string, error) {
	type named struct {
		id   access.ID
		name string
	}
	found := make(map[access.ID]string, len(ids))
	for _, from := range []struct{ table, prefix string }{{"users", access.PrefixUser}, {"user_groups", access.PrefixGroup}, {"applications", access.PrefixApplication}} {
		own := slices.DeleteFunc(slices.Clone(ids), func(id access.ID) bool { return !id.Valid(from.prefix) })
		for some := range slices.Chunk(own, chunk) {
			args := make([]any, padded(len(some)))
			for i := range args {
				args[i] = string(some[min(i, len(some)-1)])
			}
			list, err := rows(ctx, t, func(row scanner, n *named) error { return row.Scan(&n.id, &n.name) },
				"SELECT id, name FROM "+from.table+" WHERE id IN ("+marks(1, len(args))+")", args...)
			if err != nil {
				return nil, err
			}
			for _, n := range list {
				found[n.id] = n.name
			}
		}
	}
	return found, nil
}
