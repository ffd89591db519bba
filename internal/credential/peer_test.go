package credential_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/ca"
	"postern/internal/credential"
	"postern/internal/wire"
)

// refused says that the server ended the handshake for that reason, and that the client noticed.
func refused(t *testing.T, m met, want string) {
	t.Helper()
	if m.server == nil || !strings.Contains(m.server.Error(), want) {
		t.Errorf("server: %v, want %q", m.server, want)
	}
	if m.client == nil {
		t.Error("the client believes it was accepted")
	}
}

func TestConnectorAndGatewayMeet(t *testing.T) {
	w := newWorld(t, domain)
	config, err := w.enrolled(t, "con_1").TunnelTLS()
	if err != nil {
		t.Fatal(err)
	}
	m := meet(t, w.tunnelFace(t, nil), config)
	if m.server != nil || m.client != nil {
		t.Fatalf("server %v, client %v", m.server, m.client)
	}
	id, serial, err := credential.PeerIdentity(m.seen)
	want := wire.Identity{TrustDomain: domain, Role: wire.RoleConnector, ID: "con_1"}
	if err != nil || id != want || serial == "" {
		t.Errorf("PeerIdentity = %v, %q, %v", id, serial, err)
	}
	if m.seen.NegotiatedProtocol != wire.ProtocolTunnel || m.seen.Version != tls.VersionTLS13 {
		t.Errorf("protocol %q, version %x", m.seen.NegotiatedProtocol, m.seen.Version)
	}
}

// OpenZiti GHSA-mrpr-756c-xm47: any certificate of the presented chain satisfied trust while the
// identity came from another one.
func TestGHSA_mrpr_756c_xm47_ExtraCertificatesProveNothing(t *testing.T) {
	w := newWorld(t, domain)
	genuine := w.leaf(t, wire.RoleConnector, "con_1").Certificate[0]
	forged := w.forge(t, &x509.Certificate{URIs: uris(t, "spiffe://"+domain+"/connector/con_1")}, nil, nil)
	for name, presented := range map[string]tls.Certificate{
		"forged leaf, genuine one beside it": with(forged, genuine),
		"forged leaf, authority beside it":   with(forged, w.issuer.Cert.Raw, w.root.Cert.Raw),
		"genuine leaf, anything beside it":   with(w.leaf(t, wire.RoleConnector, "con_1"), w.issuer.Cert.Raw),
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, meet(t, w.tunnelFace(t, nil), clientTLS(&presented, wire.ProtocolTunnel)), "certificates were presented")
		})
	}
	refused(t, meet(t, w.tunnelFace(t, nil), clientTLS(&forged, wire.ProtocolTunnel)), "does not belong to this service")
}

// OpenZiti GHSA-mrpr-756c-xm47, the other way round: the pinned root is no secret, so a man in the
// middle can send it along.
func TestGHSA_mrpr_756c_xm47_PinnedRootBesideAForeignLeaf(t *testing.T) {
	w := newWorld(t, domain)
	forged := w.forge(t, &x509.Certificate{URIs: uris(t, "spiffe://"+domain+"/gateway/gtw_1")}, nil, nil)
	genuine := w.leaf(t, wire.RoleGateway, "gtw_1").Certificate[0]
	token := wire.EnrolmentToken{TrustDomain: domain, Fingerprint: ca.Fingerprint(w.root.Cert)}
	tests := []struct {
		name      string
		presented tls.Certificate
		want      string
	}{
		{"the service", w.gateway(t), ""},
		{"pinned root beside it", with(forged, w.root.Cert.Raw), "does not belong"},
		{"the whole genuine chain beside it", with(forged, genuine, w.issuer.Cert.Raw, w.root.Cert.Raw), "does not belong"},
		{"without the root", w.leaf(t, wire.RoleGateway, "gtw_1"), "does not belong"},
		{"too many", with(w.gateway(t), forged.Certificate[0], genuine, forged.Certificate[0], genuine), "at most 6"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config, err := credential.EnrolTLS(token)
			if err != nil {
				t.Fatal(err)
			}
			face := credential.ServeAgent(func() (*tls.Certificate, error) { return &test.presented, nil })
			m := meet(t, face, config)
			if (m.client == nil) != (test.want == "") || m.client != nil && !strings.Contains(m.client.Error(), test.want) {
				t.Errorf("client: %v, want %q", m.client, test.want)
			}
			if test.want == "does not belong" {
				if _, ok := errors.AsType[x509.UnknownAuthorityError](m.client); !ok {
					t.Errorf("%v does not tell of a foreign authority", m.client)
				}
			}
		})
	}
	if _, err := credential.EnrolTLS(wire.EnrolmentToken{TrustDomain: domain}); err == nil {
		t.Error("a token without a pin is good")
	}
}

// OpenZiti GHSA-hhm9-wf63-g7qj: a router's link identity was looked for in the whole chain instead
// of the proven leaf.
func TestGHSA_hhm9_wf63_g7qj_IdentityOfTheLeafOnly(t *testing.T) {
	w := newWorld(t, domain)
	config, err := w.enrolled(t, "con_2").TunnelTLS()
	if err != nil {
		t.Fatal(err)
	}
	posing := with(w.leaf(t, wire.RoleConnector, "con_1"), w.leaf(t, wire.RoleGateway, "gtw_1").Certificate[0], w.issuer.Cert.Raw)
	face := credential.ServeTunnel(func() (*tls.Certificate, error) { return &posing, nil }, func(tls.ConnectionState) error { return nil })
	if m := meet(t, face, config); m.client == nil {
		t.Error("a connector with a gateway's certificate beside its own passes for a gateway")
	}
	// The same where the usages would allow it: a leaf for both usages whose role is connector.
	both := with(w.forge(t, &x509.Certificate{URIs: uris(t, "spiffe://"+domain+"/connector/con_1")}, w.issuer.Cert, w.issuer.Key),
		w.issuer.Cert.Raw, w.leaf(t, wire.RoleGateway, "gtw_1").Certificate[0])
	face = credential.ServeTunnel(func() (*tls.Certificate, error) { return &both, nil }, func(tls.ConnectionState) error { return nil })
	if m := meet(t, face, config); m.client == nil || !strings.Contains(m.client.Error(), "a connector's certificate is not good here") {
		t.Errorf("client: %v", m.client)
	}
}

// OpenZiti GHSA-cc5m-7mhm-xh9f: what the peer said of its channel's type decided whether its
// certificate was checked.
func TestGHSA_cc5m_7mhm_xh9f_NothingThePeerSaysSkipsTheCheck(t *testing.T) {
	w := newWorld(t, domain)
	good := w.leaf(t, wire.RoleConnector, "con_1")
	forged := w.forge(t, &x509.Certificate{URIs: uris(t, "spiffe://"+domain+"/connector/con_1")}, nil, nil)
	for _, protocols := range [][]string{nil, {"h2"}, {wire.ProtocolAgent}, {"postern-tunnel/2"}, {wire.ProtocolAgent, wire.ProtocolTunnel}} {
		if m := meet(t, w.tunnelFace(t, nil), clientTLS(&forged, protocols...)); m.server == nil || m.client == nil {
			t.Errorf("ALPN %q with a forged certificate is let in", protocols)
		}
		if m := meet(t, w.tunnelFace(t, nil), clientTLS(&tls.Certificate{}, protocols...)); m.server == nil {
			t.Errorf("ALPN %q without a certificate is let in", protocols)
		}
	}
	for _, protocols := range [][]string{nil, {"h2"}, {wire.ProtocolAgent}} {
		if m := meet(t, w.tunnelFace(t, nil), clientTLS(&good, protocols...)); m.server == nil {
			t.Errorf("ALPN %q opens a tunnel", protocols)
		}
	}
	own := w.gateway(t)
	agent := credential.ServeAgent(func() (*tls.Certificate, error) { return &own, nil })
	refused(t, meet(t, agent, clientTLS(&good)), "was not agreed")
	old := clientTLS(&good, wire.ProtocolTunnel)
	old.MaxVersion = tls.VersionTLS12
	if m := meet(t, w.tunnelFace(t, nil), old); m.server == nil {
		t.Error("TLS 1.2 opens a tunnel")
	}
}

func TestConnectorsAreRefused(t *testing.T) {
	w := newWorld(t, domain)
	other, twin := newWorld(t, "postern-2.example"), newWorld(t, domain)
	forge := func(template *x509.Certificate) tls.Certificate {
		return w.forge(t, template, w.issuer.Cert, w.issuer.Key)
	}
	me := "spiffe://" + domain + "/connector/con_1"
	trustOther := func(p *credential.Peer) { p.Roots = other.issuing() }
	tests := []struct {
		name   string
		cert   tls.Certificate
		change func(*credential.Peer)
		want   string
	}{
		{"of another authority with our name", twin.leaf(t, wire.RoleConnector, "con_1"), nil, "does not belong"},
		{"of another trust domain", other.leaf(t, wire.RoleConnector, "con_1"), nil, "does not belong"},
		{"of another trust domain that is trusted", other.leaf(t, wire.RoleConnector, "con_1"), trustOther, "is of the service postern-2"},
		{"a gateway's where a connector's is due", w.leaf(t, wire.RoleGateway, "gtw_1"), nil, "a gateway's certificate is not good here"},
		{"a client's where a connector's is due", forge(&x509.Certificate{URIs: uris(t, "spiffe://"+domain+"/client/dev_1")}), nil, "a client's certificate is not good here"},
		{"expired", w.leafAt(t, wire.RoleConnector, "con_1", time.Now().Add(-40*24*time.Hour)), nil, "has expired"},
		{"not yet valid", w.leafAt(t, wire.RoleConnector, "con_1", time.Now().Add(24*time.Hour)), nil, "is good from"},
		{"two identities", forge(&x509.Certificate{URIs: uris(t, me, "spiffe://"+domain+"/gateway/gtw_1")}), nil, "2 identities"},
		{"no identity", forge(&x509.Certificate{}), nil, "0 identities"},
		{"a host name only", forge(&x509.Certificate{DNSNames: []string{"con_1.example.com"}}), nil, "0 identities"},
		{"a host name beside the identity", forge(&x509.Certificate{URIs: uris(t, me), DNSNames: []string{"a.example.com"}}), nil, "has a host name"},
		{"a mail address beside the identity", forge(&x509.Certificate{URIs: uris(t, me), EmailAddresses: []string{"a@example.com"}}), nil, "2 identities"},
		{"an authority's", forge(&x509.Certificate{URIs: uris(t, me), IsCA: true}), nil, "an authority's"},
		{"not for signatures", forge(&x509.Certificate{URIs: uris(t, me), KeyUsage: x509.KeyUsageKeyEncipherment}), nil, ""},
		{"an identity with a query", forge(&x509.Certificate{URIs: uris(t, me+"?role=gateway")}), nil, "is not an identity of Postern"},
		{"revoked", w.leaf(t, wire.RoleConnector, "con_1"), func(p *credential.Peer) { p.Revoked = func(string) bool { return true } }, "is revoked"},
		{"no roles set up", w.leaf(t, wire.RoleConnector, "con_1"), func(p *credential.Peer) { p.Roles = nil }, "not good here"},
		{"no roots set up", w.leaf(t, wire.RoleConnector, "con_1"), func(p *credential.Peer) { p.Roots = nil }, "not set up"},
		{"no usage set up", w.leaf(t, wire.RoleConnector, "con_1"), func(p *credential.Peer) { p.Usage = x509.ExtKeyUsageAny }, "not set up"},
		{"no trust domain set up", w.leaf(t, wire.RoleConnector, "con_1"), func(p *credential.Peer) { p.TrustDomain = "" }, "not set up"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			refused(t, meet(t, w.tunnelFace(t, test.change), clientTLS(&test.cert, wire.ProtocolTunnel)), test.want)
		})
	}
}

func TestRevocationHoldsForResumedSessions(t *testing.T) {
	w := newWorld(t, domain)
	var revoked atomic.Bool
	var later atomic.Int64
	face := w.tunnelFace(t, func(p *credential.Peer) {
		p.Revoked = func(string) bool { return revoked.Load() }
		p.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	})
	config, err := w.enrolled(t, "con_1").TunnelTLS()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if m := meet(t, face, config); m.server != nil || m.client != nil || m.resumed != (i > 0) {
			t.Fatalf("meeting %d: server %v, client %v, resumed %v", i, m.server, m.client, m.resumed)
		}
	}
	later.Store(int64(31 * 24 * time.Hour))
	refused(t, meet(t, face, config), "has expired")
	later.Store(0)
	config, err = w.enrolled(t, "con_1").TunnelTLS()
	if err != nil {
		t.Fatal(err)
	}
	if m := meet(t, face, config); m.server != nil || m.resumed {
		t.Fatalf("a new configuration resumed an old session: %v", m.server)
	}
	revoked.Store(true)
	m := meet(t, face, config)
	refused(t, m, "is revoked")
	if !m.seen.DidResume {
		t.Error("the refused meeting was no resumption: the test shows nothing")
	}
}

func TestPeerIdentityOfNobody(t *testing.T) {
	if _, _, err := credential.PeerIdentity(tls.ConnectionState{}); err == nil {
		t.Error("nobody has an identity")
	}
}
