package control

import (
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

// linkTo checks where a user is to prove who they are. It is the only way in which somebody who is
// here already becomes a user of an upstream: an administrator says so.
func (ch *change) linkTo(u *access.User) error {
	if u.Upstream == "" {
		return nil
	}
	if _, err := ch.tx.Upstream(ch.ctx, u.Upstream); err != nil {
		return orElse(err, fault.KindNotFound, fault.Invalid("upstream", "must be an upstream that exists; %q does not", u.Upstream))
	}
	return nil
}

// linked does what follows when a user proves who they are elsewhere than before: the password goes,
// with what the upstream before said, and whoever is signed in so is signed out.
func (ch *change) linked(old, u *access.User) error {
	if old.Upstream == u.Upstream && old.Subject == u.Subject {
		return nil
	}
	if err := ch.tx.SetUpstreamGroups(ch.ctx, u.ID, nil); err != nil {
		return err
	}
	if err := ch.tx.SetRefused(ch.ctx, u.ID, time.Time{}); err != nil {
		return err
	}
	u.UpstreamRefused = time.Time{}
	if u.Upstream != "" {
		if err := ch.tx.SetPassword(ch.ctx, u.ID, "", time.Time{}); err != nil {
			return err
		}
		if err := ch.tx.DeleteLink(ch.ctx, u.ID); err != nil {
			return err
		}
		u.PasswordSet = time.Time{}
	}
	return ch.endUser(u.ID, access.ReasonRevoked)
}

// ownPassword refuses a password for a user of an upstream.
func ownPassword(u *access.User) error {
	if u.Upstream != "" {
		return fault.Conflict("%s signs in at an upstream and has no password here; take the user off it first", u.Name)
	}
	return nil
}
