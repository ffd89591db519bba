package control

import (
	"context"
	"slices"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// leaving says why sessions end, and by whose doing.
type leaving struct {
	by     access.Actor
	reason string // one of the reasons of sign-outs
}

// signOutMessages are the sentences for the reasons of sign-outs.
var signOutMessages = map[string]string{
	access.ReasonSignedOut:        "the user signed out",
	access.ReasonRevoked:          "an administrator ended the session; the audit log says who",
	access.ReasonUserDisabled:     "the user was disabled",
	access.ReasonPasswordChanged:  "the user has another password",
	access.ReasonFactorRemoved:    "the user removed a factor, which ends the other sessions",
	access.ReasonUpstreamEnded:    "the upstream said that the session there is over",
	access.ReasonUpstreamDenied:   "the upstream, asked again, does not let the user in any more",
	access.ReasonUpstreamDisabled: "the upstream was disabled or changed",
	access.ReasonDeviceRevoked:    "the device was revoked or deleted; the audit log says by whom",
	access.ReasonReused:           "a code or refresh token was shown a second time, so somebody else may have had it",
}

// endIn ends a session with its children, tells everybody, and notes the sign-out; all in one
// transaction. One that is over already is no error.
func (c *Control) endIn(ctx context.Context, tx *store.Tx, id access.ID, why leaving) ([]access.ID, error) {
	row, err := tx.SessionByID(ctx, id)
	if err != nil {
		return nil, orElse(err, fault.KindNotFound, nil)
	}
	left, err := c.signOuts(ctx, tx, []access.Session{row}, why)
	if err != nil {
		return nil, err
	}
	ended, err := tx.EndSession(ctx, id)
	if err != nil {
		return nil, err
	}
	return ended, c.ended(ctx, tx, ended, left)
}

// endAllIn is endIn for all sessions of a user.
func (c *Control) endAllIn(ctx context.Context, tx *store.Tx, user access.ID, why leaving) error {
	if err := tx.HoldUser(ctx, user); err != nil { // one that is being made ends, too, and is told of
		return err
	}
	list, err := tx.UserSessions(ctx, user)
	if err != nil {
		return err
	}
	left, err := c.signOuts(ctx, tx, list, why)
	if err != nil {
		return err
	}
	ended, err := tx.EndUserSessions(ctx, user)
	if err != nil {
		return err
	}
	return c.ended(ctx, tx, ended, left)
}

// signOuts makes the entries of sessions that are about to end. Those of application hosts have none:
// they come and go with the portal's.
func (c *Control) signOuts(ctx context.Context, tx *store.Tx, list []access.Session, why leaving) (left []access.SignInEntry, err error) {
	var user access.User
	for i := range list {
		row := &list[i]
		if row.Parent != "" {
			continue
		}
		if user.ID != row.User {
			if user, err = tx.User(ctx, row.User); err != nil {
				return nil, err
			}
		}
		e := access.SignInEntry{Event: access.EventSignOut, Request: why.by.Request}
		if why.by.ID == user.ID || why.by.Kind == access.ActorAnyone { // else the address is somebody else's
			e = attempt(access.EventSignOut, why.by, row.UserAgent)
		}
		e = of(e, &user)
		e.Result, e.Reason, e.Message = access.ResultSuccess, why.reason, signOutMessages[why.reason]
		e.Session, e.Client, e.Methods = row.ID, row.Client, row.Methods
		if e.Upstream, e.UpstreamName, err = tx.UpstreamOf(ctx, row.ID); err != nil {
			return nil, err
		}
		c.signIns.complete(&e)
		left = append(left, e)
	}
	return left, nil
}

// ended tells everybody of sessions that ended, and stores the entries of those among them.
func (c *Control) ended(ctx context.Context, tx *store.Tx, ended []access.ID, left []access.SignInEntry) error {
	for _, each := range ended {
		if err := tx.AppendEnding(ctx, &access.Ending{Kind: access.EndingSession, ID: string(each), Time: c.now()}); err != nil {
			return err
		}
	}
	left = slices.DeleteFunc(left, func(e access.SignInEntry) bool { return !slices.Contains(ended, e.Session) })
	return tx.InsertSignIns(ctx, left)
}
