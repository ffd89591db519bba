package control

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/fault"
	"postern/internal/store"
	"postern/internal/wire"
)

// keyMaterial is what of the store belongs to a configuration version but never into a snapshot.
type keyMaterial struct {
	uploaded  map[string]*tls.Certificate // by domain
	damaged   map[string]error            // domains whose certificate could not be read
	revoked   map[string]bool             // serials
	list      []ca.Revoked
	authority *authority
	signing   *signing
}

func (c *Control) readKeyMaterial(ctx context.Context, tx *store.Tx) (keyMaterial, error) {
	m := keyMaterial{uploaded: map[string]*tls.Certificate{}, damaged: map[string]error{}, revoked: map[string]bool{}}
	var err error
	if m.authority, err = c.readAuthority(ctx, tx); err != nil {
		return m, err
	}
	if m.signing, err = c.readSigning(ctx, tx); err != nil {
		return m, err
	}
	certificates, err := tx.AllPublicCertificates(ctx)
	if err != nil {
		return m, err
	}
	for _, cert := range certificates {
		key, err := tx.PublicCertificateKey(ctx, cert.ID)
		if err != nil {
			return m, err
		}
		pair, err := tls.X509KeyPair([]byte(cert.Chain), key)
		if err != nil {
			m.damaged[cert.Domain] = err
			continue
		}
		m.uploaded[cert.Domain] = &pair
	}
	revoked, err := tx.RevokedCertificates(ctx)
	if err != nil {
		return m, err
	}
	for _, r := range revoked {
		m.revoked[r.Serial] = true
		if serial, err := ca.ParseSerial(r.Serial); err == nil {
			m.list = append(m.list, ca.Revoked{Serial: serial, At: r.RevokedAt})
		}
	}
	return m, nil
}

// Certificates are the certificates and revocations that a gateway uses. They satisfy its Keys.
type Certificates struct {
	c    *Control
	keys atomic.Pointer[keyMaterial]
	mine atomic.Pointer[tls.Certificate] // this gateway's own

	mu      sync.Mutex // guards all below
	hosts   map[string]*hostCertificate
	crl     []byte
	crlFor  *keyMaterial
	crlNext time.Time
}

// hostCertificate is one that our own CA issued for a host we serve.
type hostCertificate struct {
	ready chan struct{} // closed when the first answer is there
	cert  *tls.Certificate
	err   error
	at    time.Time // of the answer
	stale bool      // the authority was exchanged since: make way for a new one, as soon as there is one
}

const (
	maxHosts      = 4096
	issueWithin   = 5 * time.Second
	issueAgain    = 2 * time.Second // after a failure
	serverLife    = 90 * 24 * time.Hour
	crlLife       = 24 * time.Hour
	crlFresh      = time.Hour
	maxHostLength = 253
)

func newCertificates(c *Control) *Certificates {
	k := &Certificates{c: c, hosts: map[string]*hostCertificate{}}
	k.keys.Store(&keyMaterial{})
	return k
}

// Certificates gives what a gateway needs for TLS; it satisfies the gateway's Keys.
func (c *Control) Certificates() *Certificates { return c.certs }

func (k *Certificates) replace(m keyMaterial) {
	k.keys.Store(&m)
	k.c.signing.Store(m.signing)
	k.turn(m.authority)
	for domain, err := range m.damaged {
		k.c.log.Error("an uploaded certificate cannot be used", "domain", domain, "error", err.Error())
	}
}

// turn puts an authority in force. What was issued before shows the ways to all roots that there are
// now; hosts get a new certificate, and keep the one before until it is there.
func (k *Certificates) turn(a *authority) {
	before := k.c.authority.Swap(a)
	if before != nil && bytes.Equal(before.pem, a.pem) {
		return
	}
	if mine := k.mine.Load(); mine != nil {
		if chain := a.chain(mine.Leaf); chain != nil {
			k.mine.Store(&tls.Certificate{Certificate: chain, PrivateKey: mine.PrivateKey, Leaf: mine.Leaf})
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for host, h := range k.hosts {
		if h.done() {
			k.hosts[host] = &hostCertificate{ready: h.ready, cert: h.cert, err: h.err, stale: true}
		}
	}
	k.crlFor = nil
}

// outdated reports whether a certificate of ours does not lead to every root that there is.
func (k *Certificates) outdated(cert *tls.Certificate) bool {
	a := k.c.authority.Load()
	return a.chain(cert.Leaf) == nil || a.next != nil && !a.signed(cert.Leaf)
}

// catchUp renews this gateway's certificate at once when the authority was exchanged.
func (k *Certificates) catchUp(ctx context.Context) {
	mine := k.mine.Load()
	if mine == nil || !k.outdated(mine) {
		return
	}
	if err := k.renewGateway(ctx); err != nil {
		k.c.log.Error("renew the gateway's certificate", "error", cause(err))
	}
}

// AgentRoots gives the issuing certificates, as roots for agents' leaves, and the trust domain.
func (k *Certificates) AgentRoots() (*x509.CertPool, string) {
	pool := x509.NewCertPool()
	for _, issuer := range k.c.authority.Load().issuers {
		pool.AddCert(issuer.Cert)
	}
	return pool, k.c.instance.trustDomain
}

// Revoked reports whether the certificate with the serial (lower-case hex) is revoked.
func (k *Certificates) Revoked(serial string) bool { return k.keys.Load().revoked[serial] }

// GatewayCertificate gives this gateway's certificate of our own CA: leaf, issuing, root.
func (k *Certificates) GatewayCertificate() (*tls.Certificate, error) {
	cert := k.mine.Load()
	if cert == nil || !k.c.now().Before(cert.Leaf.NotAfter) {
		return nil, fault.Unavailable("this gateway has no valid certificate").After(10 * time.Second)
	}
	return cert, nil
}

func (k *Certificates) health() error {
	cert, err := k.GatewayCertificate()
	if err != nil {
		return err
	}
	if left := cert.Leaf.NotAfter.Sub(k.c.now()); left < k.c.cfg.Settings.Certificate/4 {
		return fault.Unavailable("the gateway's certificate ends in %s and could not be renewed", left.Round(time.Minute))
	}
	return nil
}

// PublicCertificate gives the certificate to present for a host: an uploaded one, exact before
// wildcard, else one of our own CA if the host is one that we serve.
func (k *Certificates) PublicCertificate(host string) (*tls.Certificate, error) {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	m := k.keys.Load()
	if cert := m.public(host, k.current); cert != nil {
		return cert, nil
	}
	if len(host) > maxHostLength || !k.serves(host) {
		return nil, fault.NotFound("nothing is published at this host")
	}
	return k.ofHost(host)
}

// public gives the uploaded certificate for a host, nil if there is none that is good.
func (m *keyMaterial) public(host string, good func(*tls.Certificate) bool) *tls.Certificate {
	if cert, ok := m.uploaded[host]; ok && good(cert) {
		return cert
	}
	if _, parent, ok := strings.Cut(host, "."); ok {
		if cert, ok := m.uploaded["*."+parent]; ok && good(cert) {
			return cert
		}
	}
	return nil
}

// current reports whether the certificate is in force. One that has expired makes way for our own
// CA's, which at least those who trust it accept.
func (k *Certificates) current(cert *tls.Certificate) bool {
	return k.c.now().Before(cert.Leaf.NotAfter)
}

func (k *Certificates) serves(host string) bool {
	return host != "" && (slices.Contains(k.ownHosts(), host) || k.c.current().Published(host))
}

// ofHost gives our own CA's certificate for a host. It is issued once, however many ask for it.
func (k *Certificates) ofHost(host string) (*tls.Certificate, error) {
	now := k.c.now()
	k.mu.Lock()
	have, ok := k.hosts[host]
	var before *hostCertificate
	if ok && have.done() && have.over(now) {
		before, ok = have, false
	}
	if ok {
		k.mu.Unlock()
		<-have.ready // at most issueWithin
		return have.cert, have.err
	}
	if len(k.hosts) >= maxHosts {
		k.forgetHosts()
	}
	have = &hostCertificate{ready: make(chan struct{})}
	k.hosts[host] = have
	k.mu.Unlock()
	defer close(have.ready)
	under := k.c.authority.Load()
	have.cert, have.err = k.issueHost(host)
	have.at, have.stale = k.c.now(), !bytes.Equal(under.pem, k.c.authority.Load().pem)
	if old := k.outlived(before); have.err != nil && old != nil {
		have.cert, have.err, have.stale = old, nil, true
	}
	return have.cert, have.err
}

// over reports whether an answer does not count any more. Where there was none, or only the
// certificate of before, another try is worth it after a while.
func (h *hostCertificate) over(now time.Time) bool {
	if h.err != nil || h.stale {
		return now.Sub(h.at) > issueAgain
	}
	return !now.Before(h.cert.Leaf.NotAfter)
}

func (h *hostCertificate) done() bool {
	select {
	case <-h.ready:
		return true
	default:
		return false
	}
}

// forgetHosts drops hosts that are not served any more, then any. The caller holds mu.
func (k *Certificates) forgetHosts() {
	maps.DeleteFunc(k.hosts, func(host string, h *hostCertificate) bool { return h.done() && !k.serves(host) })
	for host, h := range k.hosts {
		if len(k.hosts) < maxHosts {
			return
		}
		if h.done() {
			delete(k.hosts, host)
		}
	}
}

func (k *Certificates) issueHost(host string) (*tls.Certificate, error) {
	ctx, cancel := context.WithTimeout(context.Background(), issueWithin)
	defer cancel()
	cert, err := k.issueOwn(ctx, ca.Request{Profile: ca.ProfileServer, Names: []string{host}, Lifetime: serverLife})
	if err != nil {
		k.c.log.Error("issue a certificate for a host", "host", host, "error", cause(err))
	}
	return cert, err
}

// issueOwn makes a key that stays in this process and its certificate, with the chain to the root.
func (k *Certificates) issueOwn(ctx context.Context, req ca.Request) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fault.Internal(err, "make a key")
	}
	subject := req.Identity.String()
	if req.Profile == ca.ProfileServer {
		subject = "host:" + req.Names[0]
	}
	req.Public = key.Public()
	row, err := k.c.reserved(req, subject)
	if err != nil {
		return nil, err
	}
	if err := k.c.store.Write(ctx, func(tx *store.Tx) error { return tx.ReserveSerial(ctx, &row) }); err != nil {
		return nil, err
	}
	der, err := k.c.certify(ctx, row, req)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fault.Internal(err, "read an issued certificate")
	}
	chain := k.c.authority.Load().chain(leaf)
	if chain == nil {
		return nil, fault.Unavailable("the authority was exchanged while a certificate was issued").After(time.Second)
	}
	return &tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf}, nil
}

// renewGateway gives this gateway a certificate if it has none or half of its life is over.
func (k *Certificates) renewGateway(ctx context.Context) error {
	if cert := k.mine.Load(); cert != nil && !halfOver(cert.Leaf, k.c.now()) && !k.outdated(cert) {
		return nil
	}
	cert, err := k.issueOwn(ctx, ca.Request{
		Profile:  ca.ProfileGateway,
		Identity: wire.Identity{TrustDomain: k.c.instance.trustDomain, Role: wire.RoleGateway, ID: string(k.c.cfg.Gateway.ID)},
		Names:    k.gatewayNames(),
		Lifetime: k.c.cfg.Settings.Certificate,
	})
	if err != nil {
		return err
	}
	k.mine.Store(cert)
	return nil
}

// gatewayNames are the hosts that agents dial: the portal's to enrol, the gateway's for tunnels.
func (k *Certificates) gatewayNames() []string {
	portal, _ := access.ParseEndpoint(k.c.cfg.Names.PortalURL)
	names := []string{portal.Host}
	if gateway, err := access.ParseEndpoint("https://" + k.c.cfg.Gateway.Address); err == nil {
		names = append(names, gateway.Host)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// halfOver reports whether a certificate is to be renewed: half of its life is over.
func halfOver(cert *x509.Certificate, now time.Time) bool {
	return now.After(cert.NotBefore.Add(cert.NotAfter.Sub(cert.NotBefore) / 2))
}

// renewCertificates renews ahead what this process has of our own CA.
func (c *Control) renewCertificates(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	if err := c.renewIssuing(within); err != nil {
		c.log.Error("renew the issuing certificate", "error", cause(err))
	}
	if err := c.certs.renewGateway(within); err != nil {
		c.log.Error("renew the gateway's certificate", "error", cause(err))
	}
	c.retireKeys(within)
	k := c.certs
	k.mu.Lock()
	var old []string
	for host, h := range k.hosts {
		if h.done() && h.err == nil && halfOver(h.cert.Leaf, c.now()) {
			old = append(old, host)
		}
	}
	k.mu.Unlock()
	for _, host := range old {
		if !k.serves(host) {
			continue
		}
		cert, err := k.issueHost(host)
		if err != nil {
			return // the old one is good until it ends
		}
		renewed := &hostCertificate{ready: make(chan struct{}), cert: cert, at: c.now()}
		close(renewed.ready)
		k.mu.Lock()
		k.hosts[host] = renewed
		k.mu.Unlock()
	}
}

// CRL gives the revocation list of the issuing authority, DER. It is signed anew when something was
// revoked, and every hour.
func (c *Control) CRL(context.Context) ([]byte, error) {
	k := c.certs
	m, now := k.keys.Load(), c.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.crlFor == m && now.Before(k.crlNext) {
		return k.crl, nil
	}
	der, err := c.issuer().CRL(ca.CRL{Number: crlNumber(now), Now: now, Next: now.Add(crlLife), Revoked: m.list})
	if err != nil {
		return nil, err
	}
	k.crl, k.crlFor, k.crlNext = der, m, now.Add(crlFresh)
	return der, nil
}
