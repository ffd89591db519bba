package control

import (
	"context"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// UserSessions lists where a user is signed in, the newest first.
func (c *Control) UserSessions(ctx context.Context, by access.Actor, id access.ID) (list []access.Session, err error) {
	err = c.read(ctx, request{by: by, perm: readSession, object: id}, func(tx *store.Tx) error {
		if _, err := tx.User(ctx, id); err != nil {
			return err
		}
		list, err = portalSessions(ctx, tx, id)
		return err
	})
	return list, err
}

// RevokeSessions signs a user out everywhere. What the user has open is cut.
func (c *Control) RevokeSessions(ctx context.Context, by access.Actor, id access.ID) error {
	return c.act(ctx, request{by: by, perm: revokeSession, object: id}, func(ch *change) error {
		u, err := ch.tx.User(ctx, id)
		if err != nil {
			return err
		}
		if err := touches(ch.by, &u, "this user"); err != nil {
			return err
		}
		ch.audit(revokeSession, object{u.Meta, u.Name}, nil, nil)
		return ch.endUser(id, access.ReasonRevoked)
	})
}

// RevokeSession signs a user out of one browser or program. What is open by it is cut.
func (c *Control) RevokeSession(ctx context.Context, by access.Actor, user, id access.ID) error {
	return c.act(ctx, request{by: by, perm: revokeSession, object: user}, func(ch *change) error {
		u, err := ch.tx.User(ctx, user)
		if err != nil {
			return err
		}
		if err := touches(ch.by, &u, "this user"); err != nil {
			return err
		}
		s, err := ch.tx.SessionByID(ctx, id)
		if err == nil && (s.User != user || s.Parent != "") {
			err = fault.NotFound("of somebody else, or within another one")
		}
		if err != nil {
			return orElse(err, fault.KindNotFound, fault.NotFound("%s has no such session; it may be over already", u.Name))
		}
		ch.audit(revokeSession, object{u.Meta, u.Name}, map[string]any{"Session": id, "Address": s.Address}, nil)
		_, err = c.endIn(ctx, ch.tx, id, leaving{ch.by, access.ReasonRevoked})
		return err
	})
}

// Factors are what a user proves to have.
type Factors struct {
	List          []access.Factor
	RecoveryCodes int // that are left
}

// UserFactors gives a user's second factors, without their secrets.
func (c *Control) UserFactors(ctx context.Context, by access.Actor, id access.ID) (f Factors, err error) {
	err = c.read(ctx, request{by: by, perm: readSession, object: id}, func(tx *store.Tx) error {
		if _, err := tx.User(ctx, id); err != nil {
			return err
		}
		if f.List, err = tx.UserFactors(ctx, id); err != nil {
			return err
		}
		f.RecoveryCodes, err = tx.RecoveryCodes(ctx, id)
		return err
	})
	return f, err
}

// ResetFactors removes a user's factors and recovery codes, for one who has lost them, and signs
// the user out everywhere.
func (c *Control) ResetFactors(ctx context.Context, by access.Actor, id access.ID) error {
	err := c.act(ctx, request{by: by, perm: resetFactor, object: id}, func(ch *change) error {
		u, err := ch.tx.User(ctx, id)
		if err != nil {
			return err
		}
		if err := touches(ch.by, &u, "this user"); err != nil {
			return err
		}
		if err := ch.tx.DeleteUserFactors(ctx, id); err != nil {
			return err
		}
		ch.audit(resetFactor, object{u.Meta, u.Name}, map[string]any{"factors": u.Factors}, nil)
		return ch.endUser(id, access.ReasonRevoked)
	})
	if err == nil {
		c.second.Forget(string(id))
	}
	return err
}
