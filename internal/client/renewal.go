package client

import (
	"bytes"
	"context"
	"math/rand/v2"
	"time"

	"postern/internal/fault"
)

const (
	renewLook    = 30 * time.Second // how often the clock is looked at: machines sleep
	renewAgain   = time.Minute      // between two attempts to renew the certificate
	renewExpired = 15 * time.Second // the same while it is over, and no tunnel can be made
	renewFollow  = 5 * time.Minute  // between two attempts to get one of another issuer
	followSpread = 20 * time.Second // over which devices spread that are all to get one of another issuer
)

// renewals keeps the certificate in force until ctx ends. It is renewed when half of its life is over, when a gateway refuses it, and when the
// service exchanges its authority.
func (c *Client) renewals(ctx context.Context) {
	var notBefore time.Time // of the next attempt, since the last one did not help
	for ctx.Err() == nil {
		now := time.Now()
		wait := time.NewTimer(c.renewIn(now, notBefore))
		why := ""
		select {
		case <-ctx.Done():
		case <-wait.C:
			if c.renewIn(time.Now(), notBefore) <= 0 {
				why = "it is time"
			}
		case <-c.check:
			why = "a gateway refused it"
		case <-c.followCA:
			if c.outdated() {
				why = "the service exchanges its authority"
				pause(ctx, rand.N(followSpread))
			}
		}
		wait.Stop()
		if why == "" || ctx.Err() != nil || time.Now().Before(notBefore) {
			continue
		}
		notBefore = c.attempt(ctx, why)
	}
}

// renewIn gives how long to wait for the next look at the certificate; none: it is due.
func (c *Client) renewIn(now, notBefore time.Time) time.Duration {
	id := c.current.Load()
	if id == nil || c.tokens.problem() != nil { // somebody has to sign in first
		return renewLook
	}
	due := id.cred.RenewAfter
	if due.Before(notBefore) {
		due = notBefore
	}
	return min(max(due.Round(0).Sub(now.Round(0)), 0), renewLook) // by the clock on the wall, which goes on in sleep
}

// attempt renews once, and gives when to try again at the earliest.
func (c *Client) attempt(ctx context.Context, why string) time.Time {
	id := c.current.Load()
	if id == nil {
		return time.Time{}
	}
	err := c.renew(ctx, id)
	now := time.Now()
	switch {
	case ctx.Err() != nil:
	case err != nil:
		c.note("renew the device's certificate: "+why, err)
		if now.After(id.cred.Leaf.NotAfter) {
			return now.Add(renewExpired)
		}
		return now.Add(renewAgain)
	case c.current.Load().cred.Serial == id.cred.Serial: // the service did not think so
		return now.Add(renewAgain)
	case c.outdated(): // a service that has not heard of the exchange answered
		return now.Add(renewFollow)
	}
	return time.Time{}
}

// outdated tells whether the service exchanges its authority and our certificate is of the issuer before.
func (c *Client) outdated() bool {
	id, r := c.current.Load(), c.rules.current.Load()
	return id != nil && r != nil && len(r.Issuer) > 0 && !bytes.Equal(r.Issuer, id.cred.Leaf.AuthorityKeyId)
}

// follow has the certificate renewed if the service wants one of another issuer.
func (c *Client) follow() {
	if !c.outdated() {
		return
	}
	select {
	case c.followCA <- struct{}{}:
	default: // it is asked already
	}
}

func (c *Client) renew(ctx context.Context, id *identity) error {
	ctx, cancel := context.WithTimeout(ctx, 2*askWithin)
	defer cancel()
	token, kept, err := c.state.token(ctx, c.cfg.Dialer, "")
	if err != nil {
		return err
	}
	d := &device{state: c.state, dialer: c.cfg.Dialer, host: c.cfg.Host, osVersion: c.cfg.OSVersion}
	cred, err := d.renew(ctx, kept, id.cred.Serial)
	if fault.Is(err, fault.KindUnauthenticated) { // the token may be one of before
		if _, tokenErr := c.tokens.get(ctx, token); tokenErr != nil {
			return tokenErr
		}
	}
	if fault.Is(err, fault.KindForbidden) {
		c.tokens.deny(err)
	}
	if err != nil {
		return err
	}
	c.log.Info("certificate renewed", "serial", cred.Serial, "not_after", cred.Leaf.NotAfter)
	if err := c.use(cred, kept.Service); err != nil {
		return err
	}
	c.fleet.hurry()
	return nil
}
