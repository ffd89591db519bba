package control

import (
	"context"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/session"
	"postern/internal/store"
)

// Users of an upstream are here on its word. What they show beside a session in the browser, a passkey alone,
// a program or an access key, is worth no more than that word.

// disowned reports whether a user's upstream is disabled, or did not let the user in when it was last asked.
func disowned(ctx context.Context, tx *store.Tx, user *access.User) (bool, error) {
	if user.Upstream != "" && !user.UpstreamRefused.IsZero() {
		return true, nil
	}
	return upstreamOff(ctx, tx, user)
}

// vouchPasskey asks the upstream of somebody who shows a passkey and nothing else, before they are signed in
// by it. A directory knows; a provider knows only those who come from there.
func (c *Control) vouchPasskey(ctx context.Context, by access.Actor, step session.Step, a Answer) error {
	var user access.User
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		claimed := step
		if err := named(ctx, tx, &claimed, a.Passkey); err != nil {
			return err
		}
		var err error
		if user, err = tx.User(ctx, claimed.User); err != nil || user.Upstream == "" {
			return orElse(err, fault.KindNotFound, errBegin)
		}
		factors, err := tx.UserFactors(ctx, user.ID)
		if err != nil {
			return err
		}
		_, err = c.passkeys.Check(holder(&user, factors), step.Ceremony, a.Passkey) // strangers cause no questions
		return err
	})
	if err != nil || user.Upstream == "" || user.Disabled {
		return err // who is disabled is told so where all are
	}
	client, err := c.upstreamClient(ctx, user.Upstream)
	if err != nil {
		return err
	}
	name := client.upstream.Name
	if client.directory == nil {
		return fault.Forbidden("%s has to say first that you are let in: sign in with %s; your passkey is asked for after that", name, name)
	}
	said, err := c.lookUp(ctx, client, &user)
	if refusedAgain(err) {
		if err := c.endRefused(ctx, store.UpstreamSession{Upstream: user.Upstream, User: user.ID}, err); err != nil {
			return err
		}
		return fault.Forbidden("%s does not let you in any more; ask an administrator", name).Because(err)
	}
	if err != nil {
		return notNow(&client.upstream, err)
	}
	_, err = c.admit(ctx, by, &client.upstream, said)
	return err
}

// lookUp asks a directory about a user who shows no password.
func (c *Control) lookUp(ctx context.Context, client *client, user *access.User) (identity.Assertion, error) {
	said, err := client.directory.Again(ctx, user.Subject)
	c.heard(&client.upstream, err)
	if err == nil && said.Subject != user.Subject {
		err = fault.Forbidden("the upstream answered about somebody else")
	}
	return said, err
}

// adoptPasskey notes whose word stands behind a session that a passkey alone has made.
func (c *Control) adoptPasskey(ctx context.Context, tx *store.Tx, user *access.User, id access.ID) error {
	if user.Upstream == "" {
		return nil
	}
	return tx.InsertUpstreamSession(ctx, &store.UpstreamSession{Session: id, Upstream: user.Upstream, User: user.ID, Checked: c.now()})
}

// insertVouched stores a program's session. One of a directory's user is asked about for as long as it is used; of
// any other upstream nobody can be asked once the browser's session is over, so it ends with that at the latest, and
// when the upstream says that its own session is over.
func (c *Control) insertVouched(ctx context.Context, tx *store.Tx, row *access.Session, user *access.User, parent *access.Session) error {
	if user.Upstream == "" {
		return tx.InsertSession(ctx, row)
	}
	u, err := tx.Upstream(ctx, user.Upstream)
	if err != nil {
		return err
	}
	proof := store.UpstreamSession{Session: row.ID, Upstream: user.Upstream, User: user.ID, Checked: c.now()}
	if u.Kind != access.UpstreamLDAP {
		if parent.Expires.Before(row.Expires) {
			row.Expires = parent.Expires
		}
		known, err := tx.UpstreamSession(ctx, parent.ID)
		if err != nil && !fault.Is(err, fault.KindNotFound) {
			return err
		}
		proof.SID = known.SID
	}
	if err := tx.InsertSession(ctx, row); err != nil {
		return err
	}
	return tx.InsertUpstreamSession(ctx, &proof)
}

// keyUsers are the users of upstreams whose access keys were used at this replica, who may have no session that
// would be asked about.
type keyUsers struct {
	mu sync.Mutex // guards of
	of map[access.ID]*keyUser
}

type keyUser struct {
	upstream access.ID
	asked    time.Time
	used     bool // since then
}

func (k *keyUsers) note(user *access.User) {
	if user.Upstream == "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil {
		k.of = map[access.ID]*keyUser{}
	}
	known := k.of[user.ID]
	if known == nil || known.upstream != user.Upstream {
		known = &keyUser{upstream: user.Upstream}
		k.of[user.ID] = known
	}
	known.used = true
}

// due gives those to ask about now, who were last asked about before a time, and forgets who used no key since.
func (k *keyUsers) due(before, now time.Time) (list []store.UpstreamSession) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, user := range k.of {
		switch {
		case !user.asked.Before(before):
		case user.used:
			user.asked, user.used = now, false
			list = append(list, store.UpstreamSession{Upstream: user.upstream, User: id})
		default:
			delete(k.of, id)
		}
	}
	return list
}

// later has somebody asked about again at the next opportunity.
func (k *keyUsers) later(user access.ID, at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known := k.of[user]; known != nil {
		known.asked, known.used = at, true
	}
}

// rereadKeyUser asks the upstream about a user of access keys.
func (c *Control) rereadKeyUser(ctx context.Context, s store.UpstreamSession, before time.Time) {
	ctx, cancel := context.WithTimeout(ctx, rereadWithin)
	defer cancel()
	err := c.askAgain(ctx, s)
	if refusedAgain(err) {
		err = c.endRefused(ctx, s, err)
	}
	if err != nil {
		c.log.Warn("ask an upstream about a user of access keys", "user", s.User, "upstream", s.Upstream, "error", cause(err))
		c.keyUsers.later(s.User, before.Add(rereadAgain))
	}
}
