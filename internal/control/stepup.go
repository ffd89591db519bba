package control

import (
	"context"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/policy"
	"postern/internal/session"
	"postern/internal/store"
)

// OfferStepUp is OfferPasskey for somebody signed in whose session is to prove more, or the same anew.
func (c *Control) OfferStepUp(binding string, who *access.Principal, need access.Strength) (Challenge, error) {
	return c.offerPasskey(binding, who, need)
}

// raise makes a portal session prove what its user has just proven. It stays the same session, so that
// nothing that is open elsewhere ends, but its cookie is another one: whoever held the old one holds
// nothing.
func (c *Control) raise(ctx context.Context, tx *store.Tx, by access.Actor, p passed) (Progress, error) {
	row, err := tx.SessionByID(ctx, p.step.Session)
	if err != nil {
		return Progress{}, orElse(err, fault.KindNotFound, errBegin)
	}
	if row.User != p.step.User || row.Kind != access.SessionPortal {
		return Progress{}, errBegin
	}
	if err := holdAsBegun(ctx, tx, &p.user, ""); err != nil {
		return Progress{}, err
	}
	secret := session.Secret()
	row.Hash, row.Methods, row.Authenticated = session.Hash(secret), p.step.Methods, p.step.Started
	row.LastUsed, row.Expires = c.now(), p.step.Started.Add(c.cfg.Settings.SessionLife)
	if err := tx.RaiseSession(ctx, &row); err != nil {
		return Progress{}, err
	}
	if err := tx.AppendEnding(ctx, &access.Ending{Kind: access.EndingUser, ID: string(row.User), Time: c.now()}); err != nil {
		return Progress{}, err
	}
	entry := of(attempt(access.EventConfirm, by, row.UserAgent), &p.user)
	entry.Result, entry.Session, entry.Methods = access.ResultSuccess, row.ID, row.Methods
	c.signIns.complete(&entry)
	if err := tx.InsertSignIns(ctx, []access.SignInEntry{entry}); err != nil {
		return Progress{}, err
	}
	if err := c.settled(ctx, tx, p, row.ID); err != nil {
		return Progress{}, err
	}
	return c.signedIn(&p.user, &row, secret), nil
}

// raiseNow raises a session after a password alone, which its user has nothing beside.
func (c *Control) raiseNow(ctx context.Context, by access.Actor, p passed) (progress Progress, err error) {
	err = c.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.HoldEndings(ctx); err != nil {
			return err
		}
		progress, err = c.raise(ctx, tx, by, p)
		return err
	})
	if err != nil {
		return Progress{}, err
	}
	c.raised(p.step)
	return progress, nil
}

// raised makes known that a session proves something else now: here at once, elsewhere when told.
func (c *Control) raised(step session.Step) {
	if step.Need == "" {
		return
	}
	c.sessions.Ended(access.Ending{Kind: access.EndingUser, ID: string(step.User)})
	c.announce()
}

// Weigh decides about a signed request without acting on it: whether, and by what, somebody signed in
// may use the application that it is from.
func (c *Control) Weigh(who access.Principal, signed string) (policy.Decision, error) {
	req, err := c.SignInTarget(signed)
	if err != nil {
		return policy.Decision{}, err
	}
	snap := c.current()
	app, _ := snap.Application(req.Application)
	return policy.Decide(snap, app, policy.Request{Who: &who, Address: who.Address, Now: c.now()}), nil
}
