package connector

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"postern/internal/credential"
	"postern/internal/fault"
)

const (
	renewFirst   = 30 * time.Second // before the second attempt to renew; doubles
	renewMost    = 30 * time.Minute // between two attempts
	renewExpired = 15 * time.Second // between two attempts while no tunnel can be made
	renewCheck   = 5 * time.Minute  // between two attempts that a refused certificate causes
	renewLook    = time.Minute      // how often the clock is looked at: machines sleep
	askedSpread  = 20 * time.Second // over which connectors spread that are all asked to renew
	renewAtMost  = 2 * time.Minute  // for one attempt
	giveUpAfter  = time.Hour        // after which a connector that its service does not know any more ends
)

// ErrEnded says that the service has ended this connector for good. Starting it again does not help; enrolling does.
var ErrEnded = errors.New("this connector was deleted at the service: enrol it again with a new token (postern-connector enrol --again)")

// renewal keeps the certificate in force.
type renewal struct {
	c        *Connector
	check    chan struct{} // holds one element when a gateway refused the certificate
	asked    chan struct{} // holds one element when the service wants certificates of another issuer
	failures int
	lost     time.Time // since when the service says that this connector is ended; zero: it does not
	checked  time.Time // when a refused certificate last caused an attempt
}

// run renews when it is time and when a gateway refuses the certificate, until ctx ends. It returns ErrEnded when the
// service has said for an hour that there is no such connector.
func (r *renewal) run(ctx context.Context) error {
	due := r.due()
	for {
		r.c.heart.turn()
		wait := time.NewTimer(min(max(due.Sub(r.c.cfg.Now()), 0), renewLook))
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-wait.C:
			if r.c.cfg.Now().Before(due) {
				continue
			}
		case <-r.check:
			wait.Stop()
			if r.c.cfg.Now().Sub(r.checked) < renewCheck {
				continue
			}
			r.checked = r.c.cfg.Now()
		case <-r.asked:
			wait.Stop()
			if !r.c.outdated() {
				continue
			}
			pause(ctx, time.Duration(rand.Int64N(int64(askedSpread))))
		}
		if due = r.attempt(ctx); due.IsZero() {
			return ErrEnded
		}
	}
}

// outdated reports whether the service exchanges its authority and our certificate is of the issuer before.
func (c *Connector) outdated() bool {
	s := c.following.current.Load()
	return s != nil && len(s.Issuer) > 0 && !bytes.Equal(s.Issuer, c.identity().cred.Leaf.AuthorityKeyId)
}

// ask has the certificate renewed if the service wants one of another issuer.
func (r *renewal) ask() {
	if !r.c.outdated() {
		return
	}
	select {
	case r.asked <- struct{}{}:
	default: // it is asked already
	}
}

// due gives when to renew: by the service's word, later by up to a tenth of what is left, so that connectors that
// were enrolled together do not renew together.
func (r *renewal) due() time.Time {
	cred := r.c.identity().cred
	spread := cred.Leaf.NotAfter.Sub(cred.RenewAfter) / 10
	if spread <= 0 {
		return cred.RenewAfter
	}
	return cred.RenewAfter.Add(time.Duration(rand.Int64N(int64(spread))))
}

// attempt tries once and gives when to try again, or zero: never.
func (r *renewal) attempt(ctx context.Context) time.Time {
	trying, cancel := context.WithTimeout(ctx, renewAtMost)
	err := r.c.renew(trying)
	cancel()
	now := r.c.cfg.Now()
	if err == nil {
		r.failures, r.lost = 0, time.Time{}
		r.c.setRefused(nil)
		if r.c.outdated() { // a gateway that has not heard of the exchange answered
			return now.Add(jitter(renewCheck, 0.2))
		}
		return r.due()
	}
	if ctx.Err() != nil {
		return now
	}
	r.c.note("renew the certificate", err)
	r.failures++
	if !refusedBy(err) {
		r.lost = time.Time{}
		return now.Add(jitter(r.pause(now), 0.3))
	}
	r.c.setRefused(err)
	if !fault.Is(err, fault.KindGone) {
		r.lost = time.Time{} // it is disabled, perhaps: that can change
		return now.Add(jitter(renewCheck, 0.2))
	}
	if r.lost.IsZero() {
		r.lost = now
		r.c.log.Error(ErrEnded.Error(), "reason", err)
	}
	if now.Sub(r.lost) >= giveUpAfter {
		return time.Time{}
	}
	return now.Add(jitter(renewCheck, 0.2))
}

func (r *renewal) pause(now time.Time) time.Duration {
	if !now.Before(r.c.identity().cred.Leaf.NotAfter) {
		return renewExpired
	}
	return min(renewFirst<<min(r.failures-1, 10), renewMost)
}

// refusedBy tells whether the service itself said no to this connector: asking again soon would not help. Of these only
// fault.KindGone is final.
func refusedBy(err error) bool {
	switch fault.KindOf(err) {
	case fault.KindGone, fault.KindForbidden, fault.KindUnauthenticated:
		return true
	}
	return false
}

// renew gets a certificate for a new key. Another process with the same credential may have done so already.
func (c *Connector) renew(ctx context.Context) error {
	lock, err := c.dir.Lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Unlock() // the lock ends with the process at the latest
	cred, err := c.dir.Load()
	if err != nil {
		return err
	}
	if cred.Serial != c.identity().cred.Serial {
		c.log.Info("certificate renewed by another process", "serial", cred.Serial)
		return c.use(cred)
	}
	cred, err = renewCredential(ctx, &agentFace{c.cfg.Dialer, c.dir, c.cfg.Host, c.cfg.Now, c.log}, cred)
	if err != nil {
		return err
	}
	c.log.Info("certificate renewed", "serial", cred.Serial, "not_after", cred.Leaf.NotAfter, "renew_after", cred.RenewAfter)
	return c.use(cred)
}

// use puts a credential in force: new tunnels come up with it before the old ones drain.
func (c *Connector) use(cred *credential.Credential) error {
	config, err := cred.TunnelTLS()
	if err != nil {
		return err
	}
	before := c.current.Swap(&identity{cred: cred, tls: config})
	if before != nil && before.cred.Serial != cred.Serial {
		c.fleet.renew()
	}
	return nil
}
