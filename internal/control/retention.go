package control

import (
	"context"
	"time"

	"postern/internal/access"
	"postern/internal/store"
)

// Kept says how long, or up to which size, a log is kept and why: a flag of the service wins over the setting, and without either it
// is what is usual.
type Kept struct {
	For   time.Duration
	Bytes int64  // of a size; negative: there is no such log
	Flag  string // of `postern serve`, if that says it
	Set   bool   // the setting says it
}

// Keeping is how long logs are kept: the settings, and what is in force at the service that answers.
type Keeping struct {
	access.Retention
	Audit, SignIns, Traffic, TrafficSize Kept
}

// Retention gives how long logs are kept.
func (c *Control) Retention(ctx context.Context, by access.Actor) (k Keeping, err error) {
	err = c.read(ctx, request{by: by, perm: readRetention}, func(tx *store.Tx) error {
		r, err := tx.Retention(ctx)
		k = c.keeping(r)
		return err
	})
	return k, err
}

// UpdateRetention changes how long logs are kept; r.Version is the version that the caller saw.
func (c *Control) UpdateRetention(ctx context.Context, by access.Actor, r access.Retention) (Keeping, error) {
	err := c.act(ctx, request{by: by, perm: updateRetention, object: access.RetentionID, name: retentionName}, func(ch *change) error {
		old, err := ch.tx.Retention(ctx)
		if err != nil {
			return err
		}
		return ch.updateRetention(&old, &r)
	})
	return c.keeping(r), err
}

const retentionName = "retention"

func (ch *change) updateRetention(old, r *access.Retention) error {
	if err := r.Validate(); err != nil {
		return err
	}
	r.ID, r.Created, r.Updated = old.ID, old.Created, ch.now
	if err := ch.tx.UpdateRetention(ch.ctx, r); err != nil {
		return err
	}
	ch.audit(updateRetention, object{r.Meta, retentionName}, *old, *r)
	return nil
}

// RetentionHistory gives the versions of how long logs are kept, the newest first.
func (c *Control) RetentionHistory(ctx context.Context, by access.Actor, _ access.ID) ([]Version[access.Retention], error) {
	return c.retentionVersions(ctx, request{by: by, perm: readRetention, object: access.RetentionID})
}

// UndoRetention keeps logs as long as an earlier version said.
func (c *Control) UndoRetention(ctx context.Context, by access.Actor, u Undo) (Keeping, error) {
	list, err := c.retentionVersions(ctx, request{by: by, perm: updateRetention, object: access.RetentionID})
	if err != nil {
		return Keeping{}, err
	}
	old, err := pick(list, u)
	if err != nil {
		return Keeping{}, err
	}
	old.Meta = access.Meta{ID: access.RetentionID, Version: u.Version}
	return c.UpdateRetention(ctx, by, old)
}

func (c *Control) retentionVersions(ctx context.Context, r request) (list []Version[access.Retention], err error) {
	err = c.read(ctx, r, func(tx *store.Tx) error {
		now, err := tx.Retention(ctx)
		if err != nil {
			return err
		}
		list, err = past(ctx, tx, lived[access.Retention]{now, now.Meta, []permission{updateRetention}})
		return err
	})
	return list, err
}

// Kept gives what is in force here of how long logs are kept.
func (c *Control) Kept() Keeping { return c.keeping(c.current().Retention) }

func (c *Control) keeping(r access.Retention) Keeping {
	set := c.cfg.Settings
	k := Keeping{
		Retention: r,
		Audit:     keptFor(r.AuditDays, access.UsualAuditDays),
		SignIns:   keptFor(r.SignInDays, access.UsualSignInDays),
		Traffic:   keptFor(r.TrafficDays, access.UsualTrafficDays),
	}
	k.TrafficSize = Kept{Bytes: access.UsualTrafficBytes}
	if r.TrafficBytes > 0 {
		k.TrafficSize = Kept{Bytes: r.TrafficBytes, Set: true}
	}
	for _, flag := range []struct {
		of   *Kept
		name string
		says time.Duration
	}{{&k.Audit, "audit-retention", set.AuditRetention}, {&k.SignIns, "sign-in-retention", set.SignInRetention}, {&k.Traffic, "traffic-retention", set.TrafficRetention}} {
		if flag.says > 0 {
			*flag.of = Kept{For: flag.says, Flag: flag.name}
		}
	}
	if set.TrafficBytes != 0 {
		k.TrafficSize = Kept{Bytes: set.TrafficBytes, Flag: "traffic-log-size"}
	}
	return k
}

func keptFor(days, usual int64) Kept {
	if days > 0 {
		return Kept{For: time.Duration(days) * access.Day, Set: true}
	}
	return Kept{For: time.Duration(usual) * access.Day}
}
