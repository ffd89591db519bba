package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/session"
	"postern/internal/store"
)

// reproofPause is how long a session that was sent to its upstream is not sent there again: other tabs go on, and
// so does a user whose upstream does not answer.
const reproofPause = 2 * time.Minute

// proofOf gives what is known of a session that an upstream vouched for just now. Where the upstream cannot be asked
// anew behind the browser's back, the browser is to be sent there from time to time, and without that the session is
// worth nothing after a while: as long as the administrator allows, or as the session there lasts.
func (c *Control) proofOf(client *client, said identity.Assertion) store.UpstreamSession {
	now := c.now()
	s := store.UpstreamSession{Upstream: client.upstream.ID, SID: said.Session, Renewal: said.Renewal, Checked: now}
	if client.provider == nil || client.provider.Renewable(said.Renewal) {
		return s
	}
	s.Ends = now.Add(client.upstream.ProofLife())
	if !said.Until.IsZero() && said.Until.Before(s.Ends) {
		s.Ends = said.Until
	}
	s.Reprove = now.Add(access.UpstreamReproof)
	if s.Ends.Before(s.Reprove) {
		s.Reprove = s.Ends
	}
	return s
}

// untilProof adds to who a session is from when its upstream must vouch for it once more.
func untilProof(ctx context.Context, tx *store.Tx, e *session.Entry) error {
	id := e.Session.ID
	if e.Session.Parent != "" {
		id = e.Session.Parent
	}
	s, err := tx.UpstreamSession(ctx, id)
	if err != nil {
		return orElse(err, fault.KindNotFound, nil) // of our own users, and of whom nobody can be asked about
	}
	e.Principal.Reprove, e.Principal.Ends = s.Reprove, s.Ends
	return nil
}

// Reprove begins to ask the upstream of a portal session whether its user is still let in, by sending the browser
// there. ok is false where that is not due any more: another tab of the session does it. A provider that is away is
// KindUnavailable.
func (c *Control) Reprove(ctx context.Context, in Departure) (out Departed, ok bool, err error) {
	now := c.now()
	user, err := c.userOf(ctx, in.Who.User)
	if err != nil {
		return out, false, err
	}
	if !in.Ask {
		suspended := !in.Who.Ends.IsZero() && !now.Before(in.Who.Ends)
		err = c.store.Write(ctx, func(tx *store.Tx) error {
			if err = tx.HoldEndings(ctx); err != nil {
				return err
			}
			if ok, err = tx.ClaimReproof(ctx, in.Who.Session, now, now.Add(reproofPause)); err != nil || !ok {
				return err
			}
			return tx.AppendEnding(ctx, &access.Ending{Kind: access.EndingUser, ID: string(user.ID), Time: now})
		})
		if err != nil || !ok && !suspended {
			return out, false, err
		}
		c.looksAgain(user.ID)
	}
	in.Upstream, in.Proof = user.Upstream, true
	out, err = c.Depart(ctx, in)
	return out, err == nil, err
}

func (c *Control) userOf(ctx context.Context, id access.ID) (user access.User, err error) {
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		user, err = tx.User(ctx, id)
		return err
	})
	return user, err
}

// looksAgain makes known that what is said of a user is another: here at once, elsewhere when told.
func (c *Control) looksAgain(user access.ID) {
	c.sessions.Ended(access.Ending{Kind: access.EndingUser, ID: string(user)})
	c.announce()
}

// demandProof has a session proved once more by its browser, soon: nothing else can tell whether its user is still
// let in.
func (c *Control) demandProof(ctx context.Context, s store.UpstreamSession) error {
	now := c.now()
	err := c.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.HoldEndings(ctx); err != nil {
			return err
		}
		if err := tx.Reprove(ctx, s.Session, now, now.Add(access.UpstreamReproof)); err != nil {
			return err
		}
		return tx.AppendEnding(ctx, &access.Ending{Kind: access.EndingUser, ID: string(s.User), Time: now})
	})
	if err == nil {
		c.looksAgain(s.User)
	}
	return err
}

// Proof is what came of asking an upstream once more about somebody who is signed in.
type Proof struct {
	Done     bool // it vouches for them
	Interact bool // it would have to ask them first
	Ended    bool // it does not: the session is over, and the error says why
}

// reproved takes what an upstream said, or err, of somebody whose browser was sent there once more.
func (c *Control) reproved(ctx context.Context, client *client, got answered, err error) (access.User, Progress, error) {
	p := Progress{Proof: &Proof{}}
	if got.step.Silent && errors.Is(err, identity.ErrInteract) {
		p.Proof.Interact = true
		return access.User{}, p, nil
	}
	var user access.User
	if err == nil {
		user, err = c.admit(ctx, access.Actor{}, &client.upstream, got.said)
	}
	switch {
	case err == nil && user.ID != got.step.User:
		// Not a word about who is signed in here, whoever it is there.
		p.Proof.Ended = true
		if err := c.endSession(ctx, access.Actor{Kind: access.ActorSystem, ID: got.step.User}, got.step.Session); err != nil {
			return user, p, err
		}
		return user, p, fault.Forbidden("at %s somebody else is signed in than here, so you were signed out here; please sign in again", client.upstream.Name)
	case err == nil:
		err = c.vouchAnew(ctx, client, got)
		p.Proof.Done = err == nil
		return user, p, err
	case got.step.Silent && refusedAgain(err):
		s := store.UpstreamSession{Session: got.step.Session, Upstream: client.upstream.ID, User: got.step.User}
		if failed := c.endRefused(ctx, s, err); failed != nil {
			return user, p, failed
		}
		p.Proof.Ended = true
	}
	return user, p, err
}

// vouchAnew stores an upstream's word for a session that is there.
func (c *Control) vouchAnew(ctx context.Context, client *client, got answered) error {
	proof := c.proofOf(client, got.said)
	proof.Session, proof.User = got.step.Session, got.step.User
	err := c.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.HoldEndings(ctx); err != nil {
			return err
		}
		row, err := tx.SessionByID(ctx, proof.Session)
		if err != nil || row.User != proof.User {
			return cmpErr(orElse(err, fault.KindNotFound, nil), errBegin)
		}
		if err := tx.InsertUpstreamSession(ctx, &proof); err != nil {
			return err
		}
		return tx.AppendEnding(ctx, &access.Ending{Kind: access.EndingUser, ID: string(proof.User), Time: c.now()})
	})
	if err == nil {
		c.looksAgain(proof.User)
	}
	return err
}

// tooWeak says that an upstream did not ask for as much as is needed, and what it did.
func tooWeak(u *access.Upstream, said identity.Assertion, need access.Strength) error {
	var how []string
	if said.Context != "" {
		how = append(how, fmt.Sprintf("acr %q", short(said.Context, 100)))
	}
	if len(said.Methods) > 0 {
		how = append(how, fmt.Sprintf("amr %q", short(strings.Join(said.Methods, " "), 100)))
	}
	if len(how) == 0 {
		how = append(how, "neither acr nor amr")
	}
	return fault.Forbidden("%s did not ask you for as much as is needed here (%s): it says %s. Use a stronger way to sign in there, or ask your administrator", u.Name, need, strings.Join(how, ", "))
}

// settled gives a step that came of an upstream what its session needs.
func (c *Control) settled(ctx context.Context, tx *store.Tx, p passed, id access.ID) error {
	if p.proof == nil {
		return c.adopt(ctx, tx, p.step, id)
	}
	proof := *p.proof
	proof.Session, proof.User = id, p.user.ID
	return tx.InsertUpstreamSession(ctx, &proof)
}

// adopt gives the session that a step led to what its upstream gave before.
func (c *Control) adopt(ctx context.Context, tx *store.Tx, step session.Step, id access.ID) error {
	if step.Upstream == "" {
		return nil
	}
	a, err := tx.TakeArrival(ctx, session.Hash(step.ID))
	if err != nil {
		return orElse(err, fault.KindNotFound, errBegin)
	}
	client, err := c.clientIn(ctx, tx, a.Upstream)
	if err != nil {
		return err
	}
	proof := c.proofOf(client, identity.Assertion{Session: a.SID, Renewal: a.Renewal, Until: a.Until})
	proof.Session, proof.User = id, a.User
	return tx.InsertUpstreamSession(ctx, &proof)
}

// clientIn is upstreamClient inside a transaction.
func (c *Control) clientIn(ctx context.Context, tx *store.Tx, id access.ID) (*client, error) {
	u, err := tx.Upstream(ctx, id)
	if err != nil {
		return nil, orElse(err, fault.KindNotFound, errBegin)
	}
	secret, err := tx.UpstreamSecret(ctx, id)
	if err != nil {
		return nil, err
	}
	return c.providers.client(u, secret)
}
