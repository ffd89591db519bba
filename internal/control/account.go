package control

import (
	"context"
	"slices"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/session"
	"postern/internal/store"
)

// Own is somebody signed in who changes their own account.
type Own struct {
	Who       access.Principal
	Confirmed string // what Progress.Confirmed gave less than ten minutes ago
	Binding   string // as in Credentials
}

// Account is what somebody sees of their own account.
type Account struct {
	User     access.User
	Factors  []access.Factor // without their secrets
	Recovery int             // recovery codes left
	Sessions []access.Session
	Required bool // a second factor is asked of the user
}

// Account gives somebody's own account.
func (c *Control) Account(ctx context.Context, who access.Principal) (a Account, err error) {
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		a = Account{}
		if a.User, err = tx.User(ctx, who.User); err != nil {
			return err
		}
		if a.Factors, err = tx.UserFactors(ctx, who.User); err != nil {
			return err
		}
		if a.Recovery, err = tx.RecoveryCodes(ctx, who.User); err != nil {
			return err
		}
		a.Sessions, err = portalSessions(ctx, tx, who.User)
		return err
	})
	for i := range a.Factors {
		a.Factors[i].Secret = nil
	}
	a.Required = c.needsSecond(&a.User)
	return a, err
}

// portalSessions gives a user's sessions without their children, which live and end with them.
func portalSessions(ctx context.Context, tx *store.Tx, user access.ID) ([]access.Session, error) {
	list, err := tx.UserSessions(ctx, user)
	return slices.DeleteFunc(list, func(s access.Session) bool { return s.Parent != "" }), err
}

// IsConfirmed says whether somebody proved again, not long ago and in this browser, who they are.
func (c *Control) IsConfirmed(own Own) error {
	step, err := c.instance.macs.ParseStep(own.Confirmed, own.Binding, c.now())
	if err != nil || step.Kind != session.StepConfirmed || step.User != own.Who.User || step.Session != own.Who.Session {
		return fault.Unauthenticated("please confirm that it is you")
	}
	return nil
}

// actOwn changes somebody's own account: signed in still, and confirmed.
func (c *Control) actOwn(ctx context.Context, by access.Actor, own Own, what ownChange) error {
	r := request{by: ownActor(by, own), perm: what.perm, object: own.Who.User, name: own.Who.Name}
	if err := c.IsConfirmed(own); err != nil {
		c.refused(ctx, r, err)
		return err
	}
	return c.act(ctx, r, func(ch *change) error {
		row, err := ch.tx.SessionByID(ctx, own.Who.Session)
		if err != nil {
			return orElse(err, fault.KindNotFound, fault.Unauthenticated("you are not signed in any more"))
		}
		user, err := ch.tx.User(ctx, own.Who.User)
		if err != nil {
			return err
		}
		if row.User != user.ID || row.Authenticated.Before(user.PasswordSet) {
			return fault.Unauthenticated("you are not signed in any more")
		}
		return what.do(ch, &user)
	})
}

type ownChange struct {
	perm permission
	do   func(ch *change, user *access.User) error
}

func ownActor(by access.Actor, own Own) access.Actor {
	by.Kind, by.ID, by.Name = access.ActorUser, own.Who.User, own.Who.Name
	return by
}

// OfferFactor gives what to ask somebody who adds a factor.
func (c *Control) OfferFactor(ctx context.Context, own Own) (Challenge, error) {
	if err := c.IsConfirmed(own); err != nil {
		return Challenge{}, err
	}
	p, err := c.next(ctx, session.Step{Kind: session.StepAdd, ID: session.Secret(), User: own.Who.User, Session: own.Who.Session, Started: c.now()}, own.Binding)
	if err != nil {
		return Challenge{}, err
	}
	return *p.Next, nil
}

// AddFactor takes the answer to OfferFactor. It gives new recovery codes to who has none left.
func (c *Control) AddFactor(ctx context.Context, by access.Actor, own Own, a Answer) (codes []string, err error) {
	step, err := c.instance.macs.ParseStep(a.State, own.Binding, c.now())
	if err == nil && (step.Kind != session.StepAdd || step.Session != own.Who.Session || step.User != own.Who.User) {
		err = errBegin
	}
	if err != nil {
		c.refused(ctx, request{by: ownActor(by, own), perm: addFactor}, err)
		return nil, err
	}
	err = c.actOwn(ctx, by, own, ownChange{addFactor, func(ch *change, user *access.User) error {
		if err := spend(ctx, ch.tx, step); err != nil {
			return err
		}
		factor, _, err := ch.newFactor(user, step, a)
		if err != nil {
			return err
		}
		codes, err = ch.insertFactor(user, &factor)
		return err
	}})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// enrolFactor takes the first factor of somebody who may not sign in without one. Only for who has
// none: else a stolen password would be enough to add another.
func (c *Control) enrolFactor(ctx context.Context, by access.Actor, step session.Step, a Answer) (p Progress, err error) {
	by.Kind, by.ID = access.ActorUser, step.User
	err = c.act(ctx, request{by: by, perm: addFactor, object: step.User}, func(ch *change) error {
		user, err := ch.tx.User(ctx, step.User)
		if err != nil {
			return err
		}
		if len(user.Factors) > 0 || beganOtherwise(&step, &user) {
			return errBegin
		}
		if err := spend(ctx, ch.tx, step); err != nil {
			return err
		}
		factor, methods, err := ch.newFactor(&user, step, a)
		if err != nil {
			return err
		}
		codes, err := ch.insertFactor(&user, &factor)
		if err != nil {
			return err
		}
		proven := step
		proven.Methods = slices.Concat(step.Methods, methods)
		if step.Need != "" {
			p, err = c.raise(ctx, ch.tx, ch.by, passed{user: user, step: proven})
			p.RecoveryCodes = codes
			return err
		}
		row, secret := c.newSession(by, proven, a.UserAgent)
		p = c.signedIn(&user, &row, secret)
		p.RecoveryCodes = codes
		if err := c.writeSignIn(ctx, ch.tx, ch.by, signedIn{user, row, step.Upstream}); err != nil {
			return err
		}
		return c.adopt(ctx, ch.tx, step, row.ID)
	})
	if err != nil {
		return Progress{}, err
	}
	c.raised(step)
	return p, nil
}

// newFactor checks that what somebody adds works, and says by which methods that proves them.
func (ch *change) newFactor(user *access.User, step session.Step, a Answer) (f access.Factor, methods []string, err error) {
	f = access.Factor{ID: access.NewID(access.PrefixFactor, ch.now), User: user.ID, Name: a.Name, Created: ch.now, LastUsed: ch.now}
	if len(a.Passkey) > 0 {
		f.Kind, methods = access.FactorPasskey, passkeyMethods(true) // Register asks for it
		if f.Name == "" {
			f.Name = "Passkey"
		}
		var made identity.Passkey
		if made, err = ch.c.passkeys.Registered(holder(user, nil), step.Ceremony, a.Passkey); err != nil {
			return f, nil, err
		}
		f.Credential, f.Secret, f.Counter = made.Credential, made.Record, made.Counter
	} else {
		f.Kind, f.Secret, methods = access.FactorTOTP, step.Seed, []string{access.MethodTOTP}
		if f.Name == "" {
			f.Name = "Authenticator app"
		}
		var ok bool
		if f.Counter, ok = identity.CheckTOTP(step.Seed, a.Code, ch.now, 0); !ok {
			return f, nil, fault.Unauthenticated("the code is not right; is the clock of your device right?")
		}
	}
	if err := access.CheckName(f.Name); err != nil {
		return f, nil, fault.Invalid("label", "%s", err)
	}
	return f, methods, nil
}

// insertFactor stores a factor, and recovery codes for who has none left.
func (ch *change) insertFactor(user *access.User, f *access.Factor) (codes []string, err error) {
	factors, err := ch.tx.UserFactors(ch.ctx, user.ID)
	if err != nil {
		return nil, err
	}
	if len(factors) >= access.MaxFactors {
		return nil, fault.Conflict("you have %d factors already; remove one first", len(factors))
	}
	if err := ch.tx.InsertFactor(ch.ctx, f); err != nil {
		return nil, err
	}
	left, err := ch.tx.RecoveryCodes(ch.ctx, user.ID)
	if err != nil {
		return nil, err
	}
	if left == 0 {
		var hashes [][]byte
		codes, hashes = identity.NewRecoveryCodes()
		if err := ch.tx.SetRecoveryCodes(ch.ctx, user.ID, hashes); err != nil {
			return nil, err
		}
	}
	ch.audit(addFactor, object{user.Meta, user.Name}, nil, map[string]any{"factor": f.ID, "kind": f.Kind, "label": f.Name})
	return codes, nil
}

// RemoveFactor removes one of somebody's own factors and ends their other sessions. The last one
// stays where one is asked for.
func (c *Control) RemoveFactor(ctx context.Context, by access.Actor, own Own, id access.ID) error {
	return c.actOwn(ctx, by, own, ownChange{removeFactor, func(ch *change, user *access.User) error {
		// The factor goes first: a sign-in with it that is under way has then either ended or will fail.
		if err := ch.tx.DeleteFactor(ctx, user.ID, id); err != nil {
			return err
		}
		left, err := ch.tx.UserFactors(ctx, user.ID)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			if c.needsSecond(user) {
				return fault.Conflict("a second factor is required here; add another one before you remove the last")
			}
			if err := ch.tx.SetRecoveryCodes(ctx, user.ID, nil); err != nil {
				return err
			}
		}
		if len(left) == 0 && user.PasswordSet.IsZero() && user.Upstream == "" {
			return fault.Conflict("you have no password and could not sign in any more; set one first")
		}
		ch.audit(removeFactor, object{user.Meta, user.Name}, map[string]any{"factor": id}, nil)
		return ch.endOthers(user.ID, own.Who.Session)
	}})
}

// endOthers ends a user's sessions but one.
func (ch *change) endOthers(user, but access.ID) error {
	if err := ch.tx.HoldUser(ch.ctx, user); err != nil {
		return err
	}
	list, err := portalSessions(ch.ctx, ch.tx, user)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.ID == but {
			continue
		}
		if _, err := ch.c.endIn(ch.ctx, ch.tx, s.ID, leaving{ch.by, access.ReasonFactorRemoved}); err != nil {
			return err
		}
	}
	return nil
}

// RenewRecoveryCodes gives somebody new recovery codes; the old ones are void.
func (c *Control) RenewRecoveryCodes(ctx context.Context, by access.Actor, own Own) ([]string, error) {
	codes, hashes := identity.NewRecoveryCodes()
	err := c.actOwn(ctx, by, own, ownChange{renewRecovery, func(ch *change, user *access.User) error {
		if len(user.Factors) == 0 {
			return fault.Conflict("recovery codes stand in for a second factor; add one first")
		}
		ch.audit(renewRecovery, object{user.Meta, user.Name}, nil, nil)
		return ch.tx.SetRecoveryCodes(ctx, user.ID, hashes)
	}})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// ChangePassword gives somebody another password of their own choice and ends all their sessions.
func (c *Control) ChangePassword(ctx context.Context, by access.Actor, own Own, password string) error {
	r := request{by: ownActor(by, own), perm: changePassword, object: own.Who.User, name: own.Who.Name}
	if err := c.IsConfirmed(own); err != nil {
		c.refused(ctx, r, err)
		return err
	}
	if password == "" {
		return fault.Invalid("password", "must not be empty")
	}
	hash, err := c.newPassword(ctx, r, password, own.Who.Name)
	if err != nil {
		return err
	}
	err = c.actOwn(ctx, by, own, ownChange{changePassword, func(ch *change, user *access.User) error {
		if err := ownPassword(user); err != nil {
			return err
		}
		ch.audit(changePassword, object{user.Meta, user.Name}, nil, nil)
		return ch.replacePassword(user.ID, hash)
	}})
	if err == nil {
		c.throttle.Forget(own.Who.Name)
	}
	return err
}

// replacePassword stores a password, voids the link to set one, and ends the user's sessions.
func (ch *change) replacePassword(user access.ID, hash string) error {
	if err := ch.tx.SetPassword(ch.ctx, user, hash, ch.now); err != nil {
		return err
	}
	if err := ch.tx.DeleteLink(ch.ctx, user); err != nil {
		return err
	}
	return ch.endUser(user, access.ReasonPasswordChanged)
}
