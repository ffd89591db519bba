package control

import (
	"context"
	"crypto/tls"
	"time"

	"postern/internal/access"
)

// Certificates of our own CA for hosts are made before anybody asks for them: making one needs the
// database, and a handshake that has to wait for it, or fails because it is away, costs a page.

const (
	preparedHosts = 256              // of applications; more get theirs when they are first asked for
	prepareAgain  = 10 * time.Second // after a failure
)

// prepareHosts makes them as hosts appear, until ctx ends.
func (c *Control) prepareHosts(ctx context.Context) {
	for {
		snap, changed := c.snapshot.get()
		var again <-chan time.Time
		if snap != nil && !c.certs.prepare(ctx, c.certs.hostsOf(snap)) {
			again = time.After(prepareAgain)
		}
		select {
		case <-changed:
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

// ownHosts are the portal's and the admin API's.
func (k *Certificates) ownHosts() []string {
	portal, _ := access.ParseEndpoint(k.c.cfg.Names.PortalURL)
	admin, _ := access.ParseEndpoint(k.c.cfg.Names.AdminURL)
	return []string{portal.Host, admin.Host}
}

// hostsOf are the hosts that need a certificate at once: our own, then applications'.
func (k *Certificates) hostsOf(snap *access.Snapshot) []string {
	out := k.ownHosts()
	for _, a := range snap.Applications {
		if len(out) >= preparedHosts {
			break
		}
		if !a.Private() {
			out = append(out, a.External().Host)
		}
	}
	return out
}

// prepare makes what is missing and reports whether all of it is there now. The first failure ends it:
// the next one would not go better.
func (k *Certificates) prepare(ctx context.Context, hosts []string) bool {
	m := k.keys.Load()
	for _, host := range hosts {
		if m.public(host, k.current) != nil || k.has(host) {
			continue
		}
		if ctx.Err() != nil {
			return false
		}
		if _, err := k.ofHost(host); err != nil || !k.has(host) {
			return false
		}
	}
	return true
}

// has reports whether a host has a certificate of the authority in force, or one is being made.
func (k *Certificates) has(host string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	h, ok := k.hosts[host]
	return ok && (!h.done() || h.err == nil && !h.stale && k.c.now().Before(h.cert.Leaf.NotAfter))
}

// outlived gives the certificate of before, for when no new one can be made: it is still what those
// who know the root before accept. The caller does not hold mu.
func (k *Certificates) outlived(h *hostCertificate) *tls.Certificate {
	if h == nil || h.cert == nil || !k.current(h.cert) {
		return nil
	}
	return h.cert
}
