package security

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/ca"
	"postern/internal/posterntest"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// tunnelTLS gives what a connector dials with, but with any certificate.
func tunnelTLS(own *tls.Certificate) *tls.Config {
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{wire.ProtocolTunnel}}
	if own != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
	}
	return config
}

// admitted dials the tunnel face and reports whether the gateway says HELLO, and how the connection ended if not.
func admitted(t testing.TB, address string, config *tls.Config) (bool, error) {
	t.Helper()
	raw := must(net.Dial("tcp", address))(t)
	conn := tls.Client(raw, config)
	defer raw.Close()
	check(t, conn.SetDeadline(time.Now().Add(posterntest.Patience)))
	if err := conn.HandshakeContext(t.Context()); err != nil {
		return false, err
	}
	// With TLS 1.3 a client learns only now what the other side makes of its certificate.
	_, err := conn.Read(make([]byte, 1))
	return err == nil, err
}

// authority is a CA that has all the names of a service's own but is not it.
func authority(t testing.TB, domain string) ca.Issuer {
	t.Helper()
	root := must(ca.CreateRoot(domain, time.Now().Add(-time.Hour)))(t)
	return must(ca.CreateIssuing(root, time.Now().Add(-time.Hour)))(t)
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
}

// selfSigned gives a certificate that claims an identity and signs itself.
func selfSigned(t testing.TB, id wire.Identity) *tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	template.URIs = append(template.URIs, id.URL())
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestOnlyTheProvenLeafCounts dials the tunnel face with every certificate but a connector's own, alone and in chains
// with genuine ones (GHSA-mrpr-756c-xm47, GHSA-hhm9-wf63-g7qj, GHSA-cc5m-7mhm-xh9f).
func TestOnlyTheProvenLeafCounts(t *testing.T) {
	s := posterntest.New(t)
	cred := must(enrol(t, t.Context(), newToken(t, s, "site"), "site"))(t)
	other := must(enrol(t, t.Context(), newToken(t, s, "other"), "other"))(t)
	own := cred.Certificate()
	keys := s.Service.Control().Certificates()
	gateway := must(keys.GatewayCertificate())(t)
	server := must(keys.PublicCertificate("portal.test.localhost"))(t)
	issuing := gateway.Certificate[1]
	foreign := authority(t, cred.Identity.TrustDomain)
	key := newKey(t)
	fake := must(foreign.Issue(ca.Request{
		Profile: ca.ProfileConnector, Serial: ca.NewSerial(), Public: key.Public(), Identity: cred.Identity, Now: time.Now(),
	}))(t)
	self := selfSigned(t, cred.Identity)
	chain := func(key any, certs ...[]byte) *tls.Config {
		return tunnelTLS(&tls.Certificate{Certificate: certs, PrivateKey: key})
	}
	wrong := func(change func(*tls.Config)) *tls.Config {
		config := tunnelTLS(&own)
		change(config)
		return config
	}
	tests := []struct {
		name   string
		config *tls.Config
		good   bool
	}{
		{"its own certificate", tunnelTLS(&own), true},
		{"none", tunnelTLS(nil), false},
		{"of another authority with the same names", chain(key, fake), false},
		{"of another authority with that authority", chain(key, fake, foreign.Cert.Raw), false},
		{"of another authority with ours", chain(key, fake, issuing), false},
		{"of another authority and a genuine one behind", chain(key, fake, own.Certificate[0]), false},
		{"of another authority, ours and a genuine one behind", chain(key, fake, issuing, own.Certificate[0]), false},
		{"self-signed with a connector's identity", chain(self.PrivateKey, self.Certificate[0]), false},
		{"self-signed and a genuine one behind", chain(self.PrivateKey, self.Certificate[0], own.Certificate[0], issuing), false},
		{"genuine with the issuing authority", chain(own.PrivateKey, own.Certificate[0], issuing), false},
		{"genuine with another genuine one behind", chain(own.PrivateKey, own.Certificate[0], other.Leaf.Raw), false},
		{"genuine twice", chain(own.PrivateKey, own.Certificate[0], own.Certificate[0]), false},
		{"somebody else's without its key", chain(key, other.Leaf.Raw), false},
		{"the gateway's", chain(gateway.PrivateKey, gateway.Certificate[0]), false},
		{"the gateway's with its chain", tunnelTLS(gateway), false},
		{"the public server's", chain(server.PrivateKey, server.Certificate[0]), false},
		{"the issuing authority's without its key", chain(key, issuing), false},
		{"TLS 1.2", wrong(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if good, err := admitted(t, s.Address(), test.config); good != test.good {
				t.Errorf("admitted: %v (%v)", good, err)
			}
		})
	}
	t.Run("its own certificate at other faces", func(t *testing.T) { noConnectorHere(t, s, &own) })
}

// noConnectorHere shows a connector's certificate where none is due: it opens nothing.
func noConnectorHere(t *testing.T, s *posterntest.System, own *tls.Certificate) {
	t.Helper()
	for _, host := range []string{"portal", "admin"} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.Roots, Certificates: []tls.Certificate{*own},
			ServerName: host + ".test.localhost"}, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.Address())
		}}}
		resp := must(client.Get(strings.Replace(s.PortalURL, "portal", host, 1) + "/api/v1/users"))(t)
		resp.Body.Close()
		client.CloseIdleConnections()
		if resp.StatusCode < 400 {
			t.Errorf("%s: %s", host, resp.Status)
		}
	}
	config := tunnelTLS(own)
	config.NextProtos = []string{wire.ProtocolAgent}
	conn := must(tls.Dial("tcp", s.Address(), config))(t)
	defer conn.Close()
	if conn.ConnectionState().NegotiatedProtocol != wire.ProtocolAgent {
		t.Fatal("the agent face does not answer")
	}
	_ = must(io.WriteString(conn, "POSTERN\x00\x01 / HTTP/1.1\r\n\r\n"))(t)
	check(t, conn.CloseWrite())
	if answer := string(must(io.ReadAll(conn))(t)); !strings.HasPrefix(answer, "HTTP/1.1 400 ") {
		t.Errorf("the agent face answers a tunnel with %q", answer)
	}
}

// TestARevokedCertificateDoesNotResume deletes a connector whose tunnels are open and whose TLS sessions it kept. Its
// tunnels are cut in time, and neither a full handshake nor a resumed session lets it in again.
func TestARevokedCertificateDoesNotResume(t *testing.T) {
	s := posterntest.New(t)
	cred := must(enrol(t, t.Context(), newToken(t, s, "site"), "site"))(t)
	config := must(cred.TunnelTLS())(t)
	config.VerifyConnection = nil
	config.InsecureSkipVerify = true
	open := dialTunnel(t, s, config)
	again := dialTunnel(t, s, config)
	if !again.resumed {
		t.Error("a TLS session of the same connector does not resume, so this test shows nothing")
	}
	start := time.Now()
	check(t, s.API.Connectors.Delete(t.Context(), cred.Identity.ID, 0))
	for _, c := range []*openTunnel{open, again} {
		select {
		case <-c.session.Done():
		case <-time.After(posterntest.Patience):
			t.Fatal("a tunnel of a deleted connector is open")
		}
	}
	if took := time.Since(start); took > cutWithin {
		t.Errorf("tunnels cut after %v", took)
	}
	for range 3 { // the cache holds two sessions
		if good, err := admitted(t, s.Address(), config); good {
			t.Errorf("the deleted connector is let in again: %v", err)
		}
	}
	if _, err := renew(t, cred, nil); err == nil {
		t.Error("the deleted connector renews")
	}
}

// TestADisabledConnectorIsCut disables a connector: its tunnels end in time.
func TestADisabledConnectorIsCut(t *testing.T) {
	s := posterntest.New(t)
	cred := must(enrol(t, t.Context(), newToken(t, s, "site"), "site"))(t)
	open := dialTunnel(t, s, must(cred.TunnelTLS())(t))
	c := must(s.API.Connectors.Show(t.Context(), cred.Identity.ID))(t)
	start := time.Now()
	must(s.API.Connectors.Update(t.Context(), c.ID, c.Version, api.Patch{"disabled": true}))(t)
	<-open.session.Done()
	if took := time.Since(start); took > cutWithin {
		t.Errorf("cut after %v", took)
	}
}

type openTunnel struct {
	session *tunnel.Session
	resumed bool
}

// dialTunnel opens a tunnel as a connector does and waits for the gateway's HELLO.
func dialTunnel(t *testing.T, s *posterntest.System, config *tls.Config) *openTunnel {
	t.Helper()
	config = config.Clone()
	config.ServerName = "portal.test.localhost"
	conn := must(tls.Dial("tcp", s.Address(), config))(t)
	session := must(tunnel.New(tunnel.Config{Conn: conn, Dialler: true, Hello: tunnel.Hello{Instance: "test"}, Accept: echo}))(t)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = session.Run(context.Background()) }() // ends by Close
	t.Cleanup(func() { session.Close(); <-ended })
	ctx, cancel := context.WithTimeout(t.Context(), posterntest.Patience)
	defer cancel()
	must(session.Ready(ctx))(t)
	return &openTunnel{session, conn.ConnectionState().DidResume}
}

// echo answers probes.
func echo(st *tunnel.Stream) {
	defer st.Close()
	question, err := io.ReadAll(io.LimitReader(st, wire.MaxAsk))
	if err == nil && st.Accept(nil) == nil {
		_, _ = st.Write(question) // the prober asks again
		_ = st.CloseWrite()
	}
}

// TestAConnectorAsksOnlyForItself asks over a connector's genuine tunnel for what is not its own, and tries to open
// streams to applications: a connector has nothing to open (GHSA-7868-235p-7497).
func TestAConnectorAsksOnlyForItself(t *testing.T) {
	s := posterntest.New(t)
	backend := posterntest.NewBackend(t, http.HandlerFunc(page))
	s.Connector("victim")
	wiki := s.Publish("wiki", backend.URL)
	group := must(s.API.ConnectorGroups.Create(t.Context(), api.ConnectorGroupInput{Name: "Elsewhere"}))(t)
	token := must(s.API.Tokens.Create(t.Context(), api.TokenInput{Name: "elsewhere", ConnectorGroup: group.ID}))(t).Text
	cred := must(enrol(t, t.Context(), must(wire.ParseEnrolmentToken(token))(t), "elsewhere"))(t)
	session := dialTunnel(t, s, must(cred.TunnelTLS())(t)).session
	grant, _, err := s.Service.Control().Grant(t.Context(), "app_", nil)
	if err == nil {
		t.Errorf("a grant for nothing: %s", grant)
	}
	ask := func(open wire.Open, body string) string {
		ctx, cancel := context.WithTimeout(t.Context(), posterntest.Patience)
		defer cancel()
		st := must(session.Open(ctx, wire.Encode(open)))(t)
		defer st.Close()
		defer context.AfterFunc(ctx, func() { st.Reset(tunnel.CodeCancelled) })()
		_, _ = io.WriteString(st, body) // a refused stream takes none
		_ = st.CloseWrite()
		answer, err := io.ReadAll(io.LimitReader(st, wire.MaxAnswer))
		if err != nil {
			return ""
		}
		return string(answer)
	}
	signed := must(wire.Decode[wire.SignedConfiguration]([]byte(ask(
		wire.Open{Kind: wire.KindAsk, Question: wire.QuestionConfiguration, Application: wiki.ID, User: "owner"},
		`{"hash":"","wait":0,"connector":"con_victim","group":"default"}`))))(t)
	conf := string(signed.Payload)
	if !strings.Contains(conf, cred.Identity.ID) || strings.Contains(conf, wiki.ID) {
		t.Errorf("its configuration: %s", conf)
	}
	for _, open := range []wire.Open{
		{Kind: wire.KindDial, Application: wiki.ID, Version: wiki.Version},
		{Kind: "forward", Application: wiki.ID},
		{Kind: wire.KindAsk, Question: "snapshot"}, {Kind: wire.KindAsk, Question: "grant"}, {Kind: wire.KindAsk},
	} {
		if answer := ask(open, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); answer != "" {
			t.Errorf("%+v was answered: %q", open, answer)
		}
	}
	untouched(t, backend)
}
