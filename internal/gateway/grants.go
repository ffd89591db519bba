package gateway

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"postern/internal/access"
)

const (
	// grantAhead is how long before its end a grant is renewed.
	grantAhead = 10 * time.Minute
	// grantRetry is how long to keep using a grant that could not be renewed before asking again.
	grantRetry = 10 * time.Second
	maxGrants  = 20_000
)

type grantKey struct {
	app     access.ID
	session access.ID // of a user grant
	address netip.Addr
}

// A heldGrant is a grant and when to renew it.
type heldGrant struct {
	text    string
	renew   time.Time
	expires time.Time
}

// grantCache keeps the grants in force.
type grantCache struct {
	source Grants
	now    func() time.Time

	mu   sync.Mutex // guards held
	held map[grantKey]heldGrant
}

func newGrantCache(source Grants, now func() time.Time) *grantCache {
	return &grantCache{source: source, now: now, held: map[grantKey]heldGrant{}}
}

func keyFor(app access.ID, who *access.Principal) grantKey {
	if who == nil {
		return grantKey{app: app}
	}
	return grantKey{app, who.Session, who.Address}
}

// drop forgets one grant.
func (c *grantCache) drop(app access.ID, who *access.Principal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, keyFor(app, who))
}

// grant gives a grant for the application's shared streams (who is nil) or for one user's. It asks
// the control plane only when the one at hand is about to end, and uses that to its end while the
// control plane is away.
func (c *grantCache) grant(ctx context.Context, app access.ID, who *access.Principal) (string, error) {
	key := keyFor(app, who)
	now := c.now()
	c.mu.Lock()
	held, ok := c.held[key]
	c.mu.Unlock()
	if ok && now.Before(held.renew) {
		return held.text, nil
	}
	text, expires, err := c.source.Grant(ctx, app, who)
	if err != nil {
		if ok && now.Before(held.expires) && isAway(err) {
			held.renew = now.Add(grantRetry)
			c.keep(key, held)
			return held.text, nil
		}
		c.drop(app, who)
		return "", err
	}
	life := expires.Sub(now)
	c.keep(key, heldGrant{text: text, renew: expires.Add(-min(grantAhead, life/2)), expires: expires})
	return text, nil
}

func (c *grantCache) keep(key grantKey, held heldGrant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.held) >= maxGrants {
		now := c.now()
		for k, h := range c.held {
			if now.After(h.expires) || len(c.held) >= maxGrants {
				delete(c.held, k)
			}
		}
	}
	c.held[key] = held
}

// forget drops grants, so that they are asked for anew.
func (c *grantCache) forget(condition func(grantKey) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.held {
		if condition(key) {
			delete(c.held, key)
		}
	}
}
