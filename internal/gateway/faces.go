package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"time"

	"postern/internal/credential"
	"postern/internal/wire"
)

// The faces of the TLS port: who is shown what, and asked for what.
type faces struct {
	tunnel   *tls.Config // mutually authenticated, TLS 1.3
	agent    *tls.Config // our CA's certificate, no client certificate
	public   *tls.Config // browsers
	http1    *tls.Config // browsers, at hosts whose backends authenticate the connection
	admin    *tls.Config // the admin center's own listener
	stranger *tls.Config // nothing to present: the alert unrecognized_name (RFC 6066, section 3)
	tickets  []*ticketKeys
}

func newFaces(keys Keys, now func() time.Time) *faces {
	public := func(protocols ...string) *tls.Config {
		return &tls.Config{
			MinVersion: tls.VersionTLS12,
			NextProtos: protocols,
			// A page leaves in as few records as it fits in.
			DynamicRecordSizingDisabled: true,
			GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				name, _ := parseAuthority(hello.ServerName)
				return keys.PublicCertificate(name.host)
			},
		}
	}
	f := &faces{
		tunnel:   credential.ServeTunnel(keys.GatewayCertificate, verifyPeer(keys, now, x509.ExtKeyUsageClientAuth, wire.RoleConnector, wire.RoleGateway, wire.RoleClient)),
		agent:    credential.ServeAgent(keys.GatewayCertificate),
		public:   public("h2", "http/1.1"),
		http1:    public("http/1.1"),
		admin:    public("h2", "http/1.1"),
		stranger: &tls.Config{MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true},
	}
	for _, config := range []*tls.Config{f.tunnel, f.agent, f.public, f.http1, f.admin} {
		t := &ticketKeys{config: config}
		t.rotate()
		f.tickets = append(f.tickets, t)
	}
	return f
}

// verifyPeer checks who is at the other end of a tunnel: by the proven leaf alone, on resumption too,
// against the authorities and revocations of this moment.
func verifyPeer(keys Keys, now func() time.Time, usage x509.ExtKeyUsage, roles ...wire.Role) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		roots, trustDomain := keys.AgentRoots()
		return credential.VerifyPeer(credential.Peer{
			TrustDomain: trustDomain,
			Roots:       roots,
			Roles:       roles,
			Usage:       usage,
			Protocol:    wire.ProtocolTunnel,
			Now:         now,
			Revoked:     keys.Revoked,
		})(state)
	}
}

// keep renews the ticket keys until ctx ends.
func (f *faces) keep(ctx context.Context) {
	ticker := time.NewTicker(ticketLife)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			for _, t := range f.tickets {
				t.rotate()
			}
		}
	}
}

// covers reports whether the certificate that a connection was shown is good for a host.
func (g *Gateway) covers(state *tls.ConnectionState, host string) bool {
	if state == nil {
		return false
	}
	name, ok := parseAuthority(state.ServerName)
	if ok && name.host == host {
		return true
	}
	certificate, err := g.cfg.Keys.PublicCertificate(name.host)
	if err != nil || certificate == nil || len(certificate.Certificate) == 0 {
		return false
	}
	leaf := certificate.Leaf
	if leaf == nil {
		if leaf, err = x509.ParseCertificate(certificate.Certificate[0]); err != nil {
			return false
		}
	}
	return leaf.VerifyHostname(host) == nil
}
