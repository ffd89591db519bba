package credential

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"

	"postern/internal/fault"
	"postern/internal/wire"
)

// sessions is how many TLS sessions an agent keeps for resumption: a few for each gateway.
const sessions = 16

// TunnelTLS gives the configuration for dialling tunnels with this credential. Sessions resume
// within one configuration only: make it once for each credential, so that none outlives it.
func (c *Credential) TunnelTLS() (*tls.Config, error) {
	roots, err := parseRoots(c.Connection.Roots)
	if err != nil {
		return nil, err
	}
	own := c.Certificate()
	config := dialTLS(wire.ProtocolTunnel, VerifyPeer(c.gateway(roots, wire.ProtocolTunnel)))
	// Not Certificates: of those TLS would choose by what the server asks for, and might send none.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
	config.ClientSessionCache = tls.NewLRUClientSessionCache(sessions)
	config.DynamicRecordSizingDisabled = true // the tunnel's writes are large already
	return config, nil
}

// AgentTLS gives the configuration for renewing and deregistering: the service proves itself
// by the pinned roots.
func (c *Credential) AgentTLS() (*tls.Config, error) {
	roots, err := parseRoots(c.Connection.Roots)
	if err != nil {
		return nil, err
	}
	return dialTLS(wire.ProtocolAgent, VerifyPeer(c.gateway(roots, wire.ProtocolAgent))), nil
}

func (c *Credential) gateway(roots *x509.CertPool, protocol string) Peer {
	return Peer{
		TrustDomain: c.Identity.TrustDomain, Roots: roots, Roles: []wire.Role{wire.RoleGateway},
		Usage: x509.ExtKeyUsageServerAuth, Protocol: protocol,
	}
}

// EnrolTLS gives the configuration for enrolling: the service proves itself by a chain to the root
// whose fingerprint the token carries.
func EnrolTLS(token wire.EnrolmentToken) (*tls.Config, error) {
	pin, err := hex.DecodeString(token.Fingerprint)
	if err != nil || len(pin) != sha256.Size {
		return nil, fault.Invalid("token", "names no certificate authority")
	}
	return dialTLS(wire.ProtocolAgent, func(cs tls.ConnectionState) error {
		// That the root is among what was sent proves nothing, it is no secret: the leaf must lead to it.
		roots := x509.NewCertPool()
		for _, cert := range cs.PeerCertificates {
			if sum := sha256.Sum256(cert.Raw); string(sum[:]) == string(pin) {
				roots.AddCert(cert)
			}
		}
		return VerifyPeer(Peer{
			TrustDomain: token.TrustDomain, Roots: roots, Roles: []wire.Role{wire.RoleGateway},
			Usage: x509.ExtKeyUsageServerAuth, Protocol: wire.ProtocolAgent,
		})(cs)
	}), nil
}

// dialTLS leaves the check of the server to verify alone: the standard one would ask for a host
// name, while our servers prove an identity. Unlike the standard one it runs on resumption too.
func dialTLS(protocol string, verify func(tls.ConnectionState) error) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{protocol},
		InsecureSkipVerify: true,
		VerifyConnection:   verify,
	}
}

// ServeTunnel gives the tunnel face's configuration: TLS 1.3, a client certificate required and
// checked by verify (made by VerifyPeer). certificate is asked for each handshake.
func ServeTunnel(certificate func() (*tls.Certificate, error), verify func(tls.ConnectionState) error) *tls.Config {
	config := ServeAgent(certificate)
	config.NextProtos = []string{wire.ProtocolTunnel}
	config.ClientAuth = tls.RequireAnyClientCert // what it must be, verify says, on resumption too
	config.VerifyConnection = verify
	config.DynamicRecordSizingDisabled = true
	return config
}

// ServeAgent gives the agent face's configuration: TLS 1.3, no client certificate. A client that
// does not ask for the protocol by ALPN is refused.
func ServeAgent(certificate func() (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		NextProtos:     []string{wire.ProtocolAgent},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate() },
		VerifyConnection: func(cs tls.ConnectionState) error {
			if cs.NegotiatedProtocol != wire.ProtocolAgent {
				return deny("the protocol %s was not agreed", wire.ProtocolAgent)
			}
			return nil
		},
	}
}
