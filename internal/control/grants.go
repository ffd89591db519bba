package control

import (
	"context"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/policy"
	"postern/internal/wire"
)

const maxGrant = wire.MaxGrantLife

// grants remembers application grants, which all users of an application share.
type grants struct {
	mu   sync.Mutex // guards kept
	kept map[access.ID]grant
}

type grant struct {
	text    string
	expires time.Time
	renew   time.Time // half of its life
}

// Grant decides again on this process's own snapshot and signs: an application grant if who is nil,
// else a grant of that user. It needs no database.
func (c *Control) Grant(_ context.Context, app access.ID, who *access.Principal) (string, time.Time, error) {
	snap, now := c.current(), c.now()
	a, _ := snap.Application(app)
	decision := policy.Published(snap, a) // whose exchanges it opens is decided one by one
	if who != nil {
		decision = policy.Decide(snap, a, policy.Request{Who: who, Address: who.Address, Now: now})
	}
	if !decision.Allow {
		return "", time.Time{}, fault.Forbidden("%s", decision.Message)
	}
	if who != nil {
		g, err := c.sign(wire.Grant{Kind: wire.GrantUser, Application: string(app), User: string(who.User), Session: string(who.Session),
			Expires: decision.Until}, now)
		return g.text, g.expires, err
	}
	c.grants.mu.Lock()
	defer c.grants.mu.Unlock()
	if kept, ok := c.grants.kept[app]; ok && now.Before(kept.renew) {
		return kept.text, kept.expires, nil
	}
	g, err := c.sign(wire.Grant{Kind: wire.GrantApplication, Application: string(app)}, now)
	if err != nil {
		return "", time.Time{}, err
	}
	if c.grants.kept == nil || len(c.grants.kept) > 2*len(snap.Applications) {
		c.grants.kept = map[access.ID]grant{} // most are of applications that are gone
	}
	c.grants.kept[app] = g
	return g.text, g.expires, nil
}

func (c *Control) sign(g wire.Grant, now time.Time) (grant, error) {
	key := current(c.signing.Load().grants, now)
	g.KeyID, g.TrustDomain = key.id, c.instance.trustDomain
	// One whose decision ends sooner comes with that end.
	if end := now.Add(c.cfg.Settings.Grant); g.Expires.IsZero() || end.Before(g.Expires) {
		g.Expires = end
	}
	g.Issued = now
	text, err := g.Sign(key.key)
	return grant{text: text, expires: g.Expires, renew: now.Add(c.cfg.Settings.Grant / 2)}, err
}
