package credential

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/internal/fault"
	"postern/internal/wire"
)

// maxChain bounds the certificates a server may send: leaf, issuing and root, the latter two twice
// while roots are exchanged, and one to spare.
const maxChain = 6

// Peer says whom to accept at the other end of a TLS connection.
type Peer struct {
	TrustDomain string
	Roots       *x509.CertPool           // the service: its issuing certificates; an agent: the pinned roots
	Roles       []wire.Role              // at least one
	Usage       x509.ExtKeyUsage         // x509.ExtKeyUsageClientAuth to check a client, ServerAuth to check a server
	Protocol    string                   // the ALPN protocol that must have been agreed; empty: not checked
	Now         func() time.Time         // optional; time.Now if nil
	Revoked     func(serial string) bool // optional; nil: nothing is
}

// VerifyPeer gives the check for tls.Config.VerifyConnection, which runs on resumption too. A client
// must present exactly its leaf; a server may add the certificates between leaf and root. Of all
// that, only the leaf, whose key the handshake has proven, says who the peer is. A Peer that leaves
// a required field open accepts nobody.
func VerifyPeer(peer Peer) func(tls.ConnectionState) error {
	if peer.Now == nil {
		peer.Now = time.Now
	}
	peer.Roles = slices.Clone(peer.Roles)
	return peer.verify
}

func (p Peer) verify(cs tls.ConnectionState) error {
	if p.TrustDomain == "" || p.Roots == nil || p.Usage != x509.ExtKeyUsageClientAuth && p.Usage != x509.ExtKeyUsageServerAuth {
		return fault.New(fault.KindInternal, "the check of the peer's certificate is not set up")
	}
	if cs.Version < tls.VersionTLS13 {
		return deny("TLS 1.3 was not agreed")
	}
	leaf, err := p.chain(cs.PeerCertificates)
	if err != nil {
		return err
	}
	id, err := leafIdentity(leaf)
	if err != nil {
		return err
	}
	if id.TrustDomain != p.TrustDomain {
		return deny("the certificate is of the service %s, not of %s", id.TrustDomain, p.TrustDomain)
	}
	if !slices.Contains(p.Roles, id.Role) {
		return deny("a %s's certificate is not good here", id.Role)
	}
	// After the chain: of somebody who opens TLS on the way, the foreign authority is the news.
	if p.Protocol != "" && cs.NegotiatedProtocol != p.Protocol {
		return deny("the protocol %s was not agreed", p.Protocol)
	}
	if p.Revoked != nil && p.Revoked(serialText(leaf)) {
		return deny("the certificate of %s is revoked", id)
	}
	return nil
}

// chain gives the leaf once it leads to a root by the certificates beside it.
func (p Peer) chain(certs []*x509.Certificate) (*x509.Certificate, error) {
	limit := 1
	if p.Usage == x509.ExtKeyUsageServerAuth {
		limit = maxChain
	}
	if len(certs) == 0 || certs[0] == nil {
		return nil, deny("no certificate was presented")
	}
	if len(certs) > limit {
		return nil, deny("%d certificates were presented, at most %d are due", len(certs), limit)
	}
	between := x509.NewCertPool()
	for _, cert := range certs[1:] {
		between.AddCert(cert)
	}
	_, err := certs[0].Verify(x509.VerifyOptions{
		Roots: p.Roots, Intermediates: between, CurrentTime: p.Now(), KeyUsages: []x509.ExtKeyUsage{p.Usage},
	})
	if err != nil {
		return nil, p.explain(certs[0], err)
	}
	return certs[0], nil
}

// explain tells apart what people mix up: wrong clocks and foreign authorities.
func (p Peer) explain(leaf *x509.Certificate, err error) error {
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		now := p.Now().UTC()
		if now.Before(leaf.NotBefore) {
			return deny("the certificate is good from %s on: is this machine's clock right? It says %s",
				leaf.NotBefore.UTC().Format(time.RFC3339), now.Format(time.RFC3339)).Because(err)
		}
		return deny("the certificate has expired at %s: is this machine's clock right? It says %s",
			leaf.NotAfter.UTC().Format(time.RFC3339), now.Format(time.RFC3339)).Because(err)
	}
	return deny("the certificate does not belong to this service").Because(err)
}

func deny(format string, args ...any) *fault.Error {
	return fault.Unauthenticated(format, args...)
}

// PeerIdentity gives who is at the other end, and the serial of the certificate, after VerifyPeer
// has accepted the connection. On a session that a client resumed it is the one who issued the
// ticket: gateways that share ticket keys are told apart by the tunnel's HELLO.
func PeerIdentity(cs tls.ConnectionState) (wire.Identity, string, error) {
	if len(cs.PeerCertificates) == 0 {
		return wire.Identity{}, "", deny("no certificate was presented")
	}
	id, err := leafIdentity(cs.PeerCertificates[0])
	if err != nil {
		return wire.Identity{}, "", err
	}
	return id, serialText(cs.PeerCertificates[0]), nil
}

// leafIdentity reads the identity of a leaf: one URI, and for connectors no other name.
func leafIdentity(leaf *x509.Certificate) (wire.Identity, error) {
	if leaf.IsCA {
		return wire.Identity{}, deny("the certificate is an authority's")
	}
	if leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return wire.Identity{}, deny("the certificate is not for signatures")
	}
	if len(leaf.URIs) != 1 || len(leaf.EmailAddresses) > 0 {
		return wire.Identity{}, deny("the certificate has %d identities instead of one", len(leaf.URIs)+len(leaf.EmailAddresses))
	}
	id, err := wire.ParseIdentity(leaf.URIs[0])
	if err != nil {
		return wire.Identity{}, err
	}
	if id.Role == wire.RoleConnector && len(leaf.DNSNames)+len(leaf.IPAddresses) > 0 {
		return wire.Identity{}, deny("the certificate of a connector has a host name")
	}
	return id, nil
}

func serialText(cert *x509.Certificate) string { return fmt.Sprintf("%x", cert.SerialNumber) }
