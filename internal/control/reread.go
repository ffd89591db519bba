package control

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/session"
	"postern/internal/store"
)

// How upstreams are asked anew about those who are signed in.
const (
	rereadAfter   = 15 * time.Minute // at most so often for each session
	rereadEvery   = 15 * time.Second // how often it is looked for sessions that are due
	rereadBatch   = 200
	rereadAtOnce  = 4           // asked at the same time
	rereadAgain   = time.Minute // after an upstream did not answer, and up to as much again by chance
	rereadWithin  = 30 * time.Second
	signOutWithin = 5 * time.Second
)

// reread asks the upstreams of sessions that are used whether their users are still let in, and in
// which groups they are. A claim on the row lets one replica ask for a session.
func (c *Control) reread(ctx context.Context) {
	before := c.now().Add(-rereadAfter)
	var due []access.ID
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		due, err = tx.SessionsToCheck(ctx, before, rereadBatch)
		return err
	})
	if err != nil {
		c.log.Warn("look for sessions to ask upstreams about", "error", cause(err))
		return
	}
	some(ctx, due, func(id access.ID) { c.rereadSession(ctx, id, before) })
	some(ctx, c.keyUsers.due(before, c.now()), func(s store.UpstreamSession) { c.rereadKeyUser(ctx, s, before) })
}

// some does each of a list, rereadAtOnce at the same time, until ctx ends, and waits for those that it began.
func some[T any](ctx context.Context, list []T, do func(T)) {
	room := make(chan struct{}, rereadAtOnce)
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, each := range list {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		wg.Go(func() {
			defer func() { <-room }()
			do(each)
		})
	}
}

// rereadSession asks about one session, if nobody else does.
func (c *Control) rereadSession(ctx context.Context, id access.ID, before time.Time) {
	ctx, cancel := context.WithTimeout(ctx, rereadWithin)
	defer cancel()
	var s store.UpstreamSession
	var mine bool
	err := c.store.Write(ctx, func(tx *store.Tx) (err error) {
		s, mine, err = tx.ClaimCheck(ctx, id, before, c.now())
		return err
	})
	if err != nil || !mine {
		if err != nil {
			c.log.Warn("claim a session to ask its upstream about", "session", id, "error", cause(err))
		}
		return
	}
	err = c.askAgain(ctx, s)
	switch {
	case err == nil:
	case refusedAgain(err) && !s.Doubt.IsZero() && s.Doubt.Before(s.Checked):
		// What it was asked with may have been used up by us, whose answer was lost: the browser can tell.
		if err := c.demandProof(ctx, s); err != nil {
			c.log.Error("ask for another proof of a session", "session", s.Session, "error", cause(err))
			c.askLater(ctx, s, before)
		}
	case refusedAgain(err):
		if err := c.endRefused(ctx, s, err); err != nil {
			c.log.Error("end the sessions of a user whom the upstream refused", "user", s.User, "upstream", s.Upstream, "error", cause(err))
			c.askLater(ctx, s, before)
		}
	default:
		c.askLater(ctx, s, before)
	}
}

// refusedAgain reports whether an upstream said that a user is not let in any more. Whatever else is
// wrong says nothing about the user.
func refusedAgain(err error) bool {
	return fault.Is(err, fault.KindUnauthenticated) || fault.Is(err, fault.KindForbidden) || fault.Is(err, fault.KindNotFound)
}

// askAgain asks an upstream about a session's user, and makes the user what it says.
func (c *Control) askAgain(ctx context.Context, s store.UpstreamSession) error {
	client, err := c.upstreamClient(ctx, s.Upstream)
	if err != nil {
		return err
	}
	var user access.User
	if err := c.store.Read(ctx, func(tx *store.Tx) (err error) { user, err = tx.User(ctx, s.User); return err }); err != nil {
		return fault.Internal(err, "read the user of a session") // gone: so is the session
	}
	var said identity.Assertion
	switch {
	case client.directory != nil:
		said, err = client.directory.Again(ctx, user.Subject)
	case len(s.Renewal) > 0:
		said, err = client.provider.Again(ctx, s.Renewal)
	default:
		err = errCannotAsk
	}
	if errors.Is(err, errCannotAsk) {
		return nil // the session ends by its own time
	}
	c.heard(&client.upstream, err)
	if err != nil {
		return err
	}
	if len(said.Renewal) > 0 {
		// First of all: what it replaces is good no more.
		if err := c.store.Write(ctx, func(tx *store.Tx) error { return tx.SetRenewal(ctx, s.Session, said.Renewal) }); err != nil {
			return err
		}
	}
	if said.Subject != user.Subject {
		return fault.Forbidden("the upstream answered about somebody else")
	}
	_, err = c.admit(ctx, access.Actor{}, &client.upstream, said)
	return err
}

// askLater makes a session due again soon, at a moment of its own: an upstream that comes back is
// not asked about everybody at once.
func (c *Control) askLater(ctx context.Context, s store.UpstreamSession, before time.Time) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWithin)
	defer cancel()
	at := before.Add(rereadAgain + rand.N(rereadAgain))
	if err := c.store.Write(within, func(tx *store.Tx) error { return tx.Unchecked(within, s.Session, at) }); err != nil {
		c.log.Warn("ask an upstream later", "session", s.Session, "error", cause(err))
	}
}

// endRefused ends what a user has whom the upstream refused: with something to ask with of its own
// that session alone, else all that came from there.
func (c *Control) endRefused(ctx context.Context, s store.UpstreamSession, why error) error {
	by := access.Actor{Kind: access.ActorSystem, Name: "upstream " + string(s.Upstream)}
	return c.act(ctx, request{by: by, perm: endFederated, object: s.User}, func(ch *change) error {
		user, err := ch.tx.User(ctx, s.User)
		if err != nil {
			return err
		}
		if err := ch.tx.HoldUser(ctx, user.ID); err != nil { // a session that is being made is seen then
			return err
		}
		if err := ch.tx.SetRefused(ctx, user.ID, ch.now); err != nil {
			return err
		}
		sessions := []store.UpstreamSession{s}
		if len(s.Renewal) == 0 {
			if sessions, err = ch.tx.SessionsOfUpstream(ctx, s.Upstream, "", s.User); err != nil {
				return err
			}
		}
		ch.audit(endFederated, object{user.Meta, user.Name}, nil, map[string]any{"reason": short(why.Error(), 512)})
		ids := make([]access.ID, len(sessions))
		for i := range sessions {
			ids[i] = sessions[i].Session
		}
		if err := ch.endSessions(ids, access.ReasonUpstreamDenied); err != nil {
			return err
		}
		return ch.end(access.EndingUser, string(user.ID))
	})
}

// upstreamOff reports whether a user's upstream is disabled: whoever signed in just then is out, too.
func upstreamOff(ctx context.Context, tx *store.Tx, user *access.User) (bool, error) {
	if user.Upstream == "" {
		return false, nil
	}
	u, err := tx.Upstream(ctx, user.Upstream)
	if err != nil {
		return false, err
	}
	return u.Disabled, nil
}

// EndAtUpstream gives where to send a browser that signed out here, so that it is signed out at its
// upstream too; empty if there is no such page. The session is not ended by it.
func (c *Control) EndAtUpstream(ctx context.Context, who access.Principal) string {
	ctx, cancel := context.WithTimeout(ctx, signOutWithin)
	defer cancel()
	var s store.UpstreamSession
	var user access.User
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		if s, err = tx.UpstreamSession(ctx, who.Session); err != nil {
			return err
		}
		user, err = tx.User(ctx, s.User)
		return err
	})
	if err != nil {
		return ""
	}
	client, err := c.providerOf(ctx, s.Upstream)
	if err != nil {
		return ""
	}
	where, err := client.provider.LogoutURL(ctx, signOut{Subject: user.Subject, Session: s.SID, Renewal: s.Renewal, Back: strings.TrimSuffix(c.cfg.Names.PortalURL, "/") + "/sign-out"})
	c.heard(&client.upstream, err)
	if err != nil {
		c.log.Warn("find where to sign out at an upstream", "upstream", s.Upstream, "error", cause(err))
		return ""
	}
	return where
}

// EndedAtUpstream takes an upstream's word that sessions ended there, and ends what came of them here.
// It gives where a browser that brought it is to go on; empty for nowhere.
func (c *Control) EndedAtUpstream(ctx context.Context, by access.Actor, id access.ID, said LogoutMessage) (reply string, err error) {
	r := request{by: by, perm: signIn, object: id}
	client, err := c.providerOf(ctx, id)
	if err != nil {
		return "", err
	}
	out, err := client.provider.LoggedOut(ctx, said)
	c.heard(&client.upstream, err)
	if err == nil && len(out.Sessions) == 0 && out.Subject == "" {
		err = fault.Invalid("logout_token", "names neither a session nor a user")
	}
	if err != nil {
		c.refused(ctx, r, err)
		return "", err
	}
	return out.Reply, c.endedElsewhere(ctx, access.Actor{Kind: access.ActorSystem, Request: by.Request}, client.upstream.ID, out)
}

// EndedInBrowser takes the same of a provider that had a browser say it, in a frame that holds no
// cookie of ours: who knows what the provider calls the session may end it, and can do no more.
func (c *Control) EndedInBrowser(ctx context.Context, by access.Actor, id access.ID, said url.Values) error {
	client, err := c.providerOf(ctx, id)
	if err != nil {
		return err
	}
	out, err := client.provider.LoggedOutHere(said)
	if err != nil {
		return err
	}
	return c.endedElsewhere(ctx, access.Actor{Kind: access.ActorSystem, Request: by.Request}, id, out)
}

// onceOnly notes that a message was taken, and refuses one that was taken before.
func (c *Control) onceOnly(ctx context.Context, tx *store.Tx, of string, o once) error {
	ok, err := tx.SpendStep(ctx, session.Hash(of+" "+o.Name), laterOf(o.Expires, c.now().Add(session.StepLife)))
	if err == nil && !ok {
		err = fault.New(fault.KindInvalid, "this message was taken before")
	}
	return err
}

func (c *Control) endedElsewhere(ctx context.Context, by access.Actor, id access.ID, out loggedOut) error {
	var ended []access.ID
	err := c.store.Write(ctx, func(tx *store.Tx) error {
		ended = nil
		if err := tx.HoldEndings(ctx); err != nil {
			return err
		}
		if out.Once.Name != "" {
			if err := c.onceOnly(ctx, tx, "logout "+string(id), out.Once); err != nil {
				return err
			}
		}
		list, err := endedSessions(ctx, tx, id, out)
		if err != nil {
			return err
		}
		for _, s := range list {
			if err := tx.HoldUser(ctx, s.User); err != nil {
				return err
			}
		}
		if list, err = endedSessions(ctx, tx, id, out); err != nil { // with those that were being made
			return err
		}
		for _, s := range list {
			gone, err := c.endIn(ctx, tx, s.Session, leaving{by, access.ReasonUpstreamEnded})
			if err != nil {
				return err
			}
			ended = append(ended, gone...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, each := range ended {
		c.sessions.Ended(access.Ending{Kind: access.EndingSession, ID: string(each)}) // here at once, elsewhere when told
	}
	c.announce()
	c.log.Info("sessions ended by their upstream", "upstream", id, "sessions", len(ended))
	return nil
}

// endedSessions finds whose sessions a provider means: where it names both, they must be the user's.
func endedSessions(ctx context.Context, tx *store.Tx, id access.ID, out loggedOut) ([]store.UpstreamSession, error) {
	var user access.User
	if out.Subject != "" {
		var err error
		if user, err = tx.UserBySubject(ctx, id, out.Subject); err != nil {
			return nil, orElse(err, fault.KindNotFound, nil) // somebody who was never here
		}
		if len(out.Sessions) == 0 {
			return tx.SessionsOfUpstream(ctx, id, "", user.ID)
		}
	}
	var own []store.UpstreamSession
	for _, sid := range out.Sessions {
		if sid == "" {
			continue
		}
		list, err := tx.SessionsOfUpstream(ctx, id, sid, "")
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			if user.ID == "" || s.User == user.ID {
				own = append(own, s)
			}
		}
	}
	return own, nil
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
