package uplink_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/ca"
	"postern/internal/credential"
	"postern/internal/fault"
	"postern/internal/tunnel"
	"postern/internal/uplink"
	"postern/internal/web"
	"postern/internal/wire"
)

const domain = "postern-1.example"

// service is a whole service as far as agents see it before they speak: its authority, and both
// faces behind one port.
type service struct {
	root    ca.Root
	issuer  ca.Issuer
	address string
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (s *service) issue(t *testing.T, role wire.Role, id string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key := newKey(t)
	der, err := s.issuer.Issue(ca.Request{Profile: ca.Profile(role), Serial: ca.NewSerial(), Public: key.Public(), Now: time.Now(),
		Identity: wire.Identity{TrustDomain: domain, Role: role, ID: id}})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return leaf, key
}

// newService serves handler on the agent face and echoes on the tunnel face.
func newService(t *testing.T, handler http.HandlerFunc) *service {
	t.Helper()
	root, err := ca.CreateRoot(domain, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := ca.CreateIssuing(root, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := &service{root: root, issuer: issuer}
	leaf, key := s.issue(t, wire.RoleGateway, "gtw_1")
	own := &tls.Certificate{Certificate: [][]byte{leaf.Raw, issuer.Cert.Raw, root.Cert.Raw}, PrivateKey: key}
	give := func() (*tls.Certificate, error) { return own, nil }
	pool := x509.NewCertPool()
	pool.AddCert(issuer.Cert)
	tunnelFace := credential.ServeTunnel(give, credential.VerifyPeer(credential.Peer{
		TrustDomain: domain, Roots: pool, Roles: []wire.Role{wire.RoleConnector}, Usage: x509.ExtKeyUsageClientAuth, Protocol: wire.ProtocolTunnel,
	}))
	agentFace := credential.ServeAgent(give)
	config := &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		for _, protocol := range hello.SupportedProtos {
			if protocol == wire.ProtocolTunnel {
				return tunnelFace, nil
			}
		}
		return agentFace, nil
	}}
	s.address = listen(t, func(raw net.Conn) { s.serve(tls.Server(raw, config), handler) })
	return s
}

func (s *service) serve(conn *tls.Conn, handler http.HandlerFunc) {
	if conn.Handshake() != nil {
		return
	}
	if conn.ConnectionState().NegotiatedProtocol == wire.ProtocolTunnel {
		io.Copy(conn, conn)
		return
	}
	// net/http hangs up on a *tls.Conn with a protocol it does not know, so it sees a plain one.
	once := &oneConn{conn: struct{ net.Conn }{conn}, done: make(chan struct{})}
	server := web.Server(handler, slog.New(slog.DiscardHandler))
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(once.done)
		}
	}
	server.Serve(once)
}

// oneConn is a listener of one connection.
type oneConn struct {
	conn net.Conn
	done chan struct{}
}

func (o *oneConn) Accept() (net.Conn, error) {
	if c := o.conn; c != nil {
		o.conn = nil
		return c, nil
	}
	<-o.done
	return nil, net.ErrClosed
}
func (o *oneConn) Close() error   { return nil }
func (o *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

func (s *service) rootsPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.root.Cert.Raw})
}

// agent gives the credential of a connector that this service enrolled.
func (s *service) agent(t *testing.T) *credential.Credential {
	leaf, key := s.issue(t, wire.RoleConnector, "con_1")
	return &credential.Credential{
		Identity: wire.Identity{TrustDomain: domain, Role: wire.RoleConnector, ID: "con_1"}, Serial: ca.SerialText(leaf.SerialNumber),
		Leaf: leaf, Key: key, Connection: credential.Connection{Roots: s.rootsPEM()},
	}
}

func (s *service) token() wire.EnrolmentToken {
	return wire.EnrolmentToken{TrustDomain: domain, Fingerprint: ca.Fingerprint(s.root.Cert)}
}

func TestTunnel(t *testing.T) {
	s := newService(t, nil)
	config, err := s.agent(t).TunnelTLS()
	if err != nil {
		t.Fatal(err)
	}
	// Once directly by address, once by name through a proxy, once more to resume.
	direct := dialer(t, uplink.Config{Timeout: 30 * time.Second})
	proxied := dialer(t, uplink.Config{Proxy: "http://" + connectProxy(t, s.address, ""), Timeout: 30 * time.Second})
	tests := []struct {
		dialer          *uplink.Dialer
		gateway         wire.Gateway
		wantName        string
		wrapped, resume bool
	}{
		{direct, wire.Gateway{ID: "gtw_1", Address: s.address}, "portal.example.com", true, false},
		{proxied, wire.Gateway{ID: "gtw_1", Address: "service.example.com:443"}, "service.example.com", false, false},
		{direct, wire.Gateway{ID: "gtw_1", Address: s.address}, "portal.example.com", true, true},
		{direct, wire.Gateway{ID: "gtw_2", Address: s.address}, "portal.example.com", true, false}, // its own identity, not a ticket's
	}
	for _, test := range tests {
		job := uplink.Tunnel{Gateway: test.gateway, Service: "https://portal.example.com", TLS: config}
		if test.wrapped {
			job.Wrap = tunnel.Coalesce
		}
		conn, err := test.dialer.Tunnel(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		state := conn.ConnectionState()
		id, _, err := credential.PeerIdentity(state)
		if err != nil || id.ID != "gtw_1" || id.Role != wire.RoleGateway || state.NegotiatedProtocol != wire.ProtocolTunnel ||
			state.ServerName != test.wantName || state.DidResume != test.resume {
			t.Errorf("%+v: %v, name %q, resumed %v, %v", test.gateway, id, state.ServerName, state.DidResume, err)
		}
		speaks(t, conn)
	}
}

func TestTunnelRejected(t *testing.T) {
	s, other := newService(t, nil), newService(t, nil)
	stranger := other.agent(t)
	stranger.Connection.Roots = s.rootsPEM()
	config, err := stranger.TunnelTLS()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dialer(t, uplink.Config{Timeout: 30 * time.Second}).Tunnel(t.Context(), uplink.Tunnel{Gateway: wire.Gateway{Address: s.address}, TLS: config})
	if err == nil {
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
	}
	if !uplink.Rejected(err) || uplink.Rejected(io.EOF) || uplink.Rejected(nil) {
		t.Errorf("rejected: %v", err)
	}
}

// inspector opens TLS with certificates of its own authority and passes on what is inside.
func inspector(t *testing.T, target string, change func(*tls.Config)) string {
	key := newKey(t)
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Corporate Inspection CA"}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	config := &tls.Config{
		NextProtos: []string{wire.ProtocolTunnel, wire.ProtocolAgent},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: hello.ServerName}, DNSNames: []string{hello.ServerName},
				NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
			own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				return nil, err
			}
			der, err := x509.CreateCertificate(rand.Reader, leaf, authority, own.Public(), key)
			return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: own}, err
		},
	}
	if change != nil {
		change(config)
	}
	return listen(t, func(raw net.Conn) {
		conn := tls.Server(raw, config)
		if conn.Handshake() != nil {
			return
		}
		onward, err := tls.Dial("tcp", target, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{conn.ConnectionState().NegotiatedProtocol}})
		if err == nil {
			splice(conn, onward)
		}
	})
}

func TestInterceptionIsNamed(t *testing.T) {
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) { t.Error("the request went through") })
	enrol, err := credential.EnrolTLS(s.token())
	if err != nil {
		t.Fatal(err)
	}
	tunnelTLS, err := s.agent(t).TunnelTLS()
	if err != nil {
		t.Fatal(err)
	}
	agentTLS, err := s.agent(t).AgentTLS()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*tls.Config){
		"that passes our protocol on":  nil,
		"without ALPN":                 func(c *tls.Config) { c.NextProtos = nil },
		"that knows only HTTP":         func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} },
		"of TLS 1.2":                   func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
		"that knows the pinned root":   func(c *tls.Config) { addChain(c, s.root.Cert.Raw) },
		"that asks for a certificate":  func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert },
		"that knows the whole service": func(c *tls.Config) { addChain(c, s.issuer.Cert.Raw, s.root.Cert.Raw) },
	} {
		t.Run("a proxy "+name, func(t *testing.T) {
			proxy := connectProxy(t, inspector(t, s.address, change), "")
			d := dialer(t, uplink.Config{Proxy: "http://" + proxy, Timeout: 30 * time.Second})
			check := func(err error) {
				t.Helper()
				e, ok := errors.AsType[*uplink.Intercepted](err)
				if !ok || e.Issuer != "CN=Corporate Inspection CA" || e.Subject != "CN=service.example.com" || e.Address != "service.example.com:443" ||
					!strings.Contains(err.Error(), "exempt this address") {
					t.Errorf("%v", err)
				}
			}
			for _, config := range []*tls.Config{enrol, agentTLS} {
				face, err := d.Service("https://service.example.com", config)
				if err != nil {
					t.Fatal(err)
				}
				check(face.Post(t.Context(), wire.PathEnrol, wire.EnrolRequest{Secret: "s"}, &wire.Credential{}))
			}
			_, err = d.Tunnel(t.Context(), uplink.Tunnel{Gateway: wire.Gateway{Address: "service.example.com:443"}, TLS: tunnelTLS})
			check(err)
		})
	}
}

// TestAnExchangedAuthorityIsNamed: who was away until the end of an exchange, or has a token of before, is told so, and
// not of a proxy.
func TestAnExchangedAuthorityIsNamed(t *testing.T) {
	before, after := newService(t, nil), newService(t, nil) // of one trust domain
	enrol, err1 := credential.EnrolTLS(before.token())
	tunnelTLS, err2 := before.agent(t).TunnelTLS()
	agentTLS, err3 := before.agent(t).AgentTLS()
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	d := dialer(t, uplink.Config{Timeout: 30 * time.Second})
	check := func(err error) {
		t.Helper()
		e, ok := errors.AsType[*uplink.Intercepted](err)
		if !ok || e.Service != domain || !strings.Contains(err.Error(), "enrolled with a new token") || strings.Contains(err.Error(), "proxy") {
			t.Errorf("%v", err)
		}
	}
	for _, config := range []*tls.Config{enrol, agentTLS} {
		face, err := d.Service("https://"+after.address, config)
		if err != nil {
			t.Fatal(err)
		}
		check(face.Post(t.Context(), wire.PathEnrol, wire.EnrolRequest{Secret: "s"}, &wire.Credential{}))
	}
	_, err := d.Tunnel(t.Context(), uplink.Tunnel{Gateway: wire.Gateway{Address: after.address}, TLS: tunnelTLS})
	check(err)
}

// addChain makes the inspector send more certificates beside its own.
func addChain(config *tls.Config, more ...[]byte) {
	inner := config.GetCertificate
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := inner(hello)
		if err == nil {
			cert.Certificate = append(cert.Certificate, more...)
		}
		return cert, err
	}
}

func TestOtherServersAreToldApart(t *testing.T) {
	s := newService(t, nil)
	config, err := s.agent(t).TunnelTLS()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		timeout time.Duration
		address string
		want    string
	}{
		{"speaks no TLS", time.Minute, listen(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: http://sign-in/\r\n\r\n") }), "does not speak TLS"},
		{"closes", time.Minute, listen(t, func(c net.Conn) { io.ReadFull(c, make([]byte, 100)) }), "closed the connection during the TLS handshake"},
		{"hangs", 300 * time.Millisecond, listen(t, func(c net.Conn) { io.Copy(io.Discard, c) }), "did not finish the TLS handshake within 300ms"},
	}
	for _, test := range tests {
		d := dialer(t, uplink.Config{Timeout: test.timeout})
		_, err := d.Tunnel(t.Context(), uplink.Tunnel{Gateway: wire.Gateway{Address: test.address}, TLS: config})
		e, ok := errors.AsType[*uplink.Error](err)
		if !ok || e.Step != uplink.StepTLS || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	for name, bad := range map[string]*tls.Config{"none": nil, "no check": {InsecureSkipVerify: true, NextProtos: []string{wire.ProtocolTunnel}}} {
		if _, err := dialer(t, uplink.Config{}).Tunnel(t.Context(), uplink.Tunnel{Gateway: wire.Gateway{Address: s.address}, TLS: bad}); !fault.Is(err, fault.KindInternal) {
			t.Errorf("TLS configuration with %s: %v", name, err)
		}
	}
}

func TestPost(t *testing.T) {
	reply := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	refuse := func(err error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			web.Problem(w, r.WithContext(web.WithRequestID(r.Context(), "ref1")), err)
		}
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		kind    fault.Kind
		want    string // part of the error; empty: it works
	}{
		{"works", func(w http.ResponseWriter, r *http.Request) {
			var got wire.EnrolRequest
			if json.NewDecoder(r.Body).Decode(&got) != nil || got.Secret != "s" || r.Method != http.MethodPost || r.URL.Path != wire.PathEnrol {
				t.Errorf("%s %s %+v", r.Method, r.URL, got)
			}
			w.Header().Set("Content-Type", "application/json")
			w.Write(wire.Encode(wire.Credential{Connector: "con_1"}))
		}, 0, ""},
		{"refuses", refuse(fault.New(fault.KindGone, "the enrolment token was used already")), fault.KindGone, "was used already"},
		{"names fields", refuse(fault.Invalid("csr", "must be for an ECDSA key")), fault.KindInvalid, "csr must be for"},
		{"is away", refuse(fault.Unavailable("the database is away").After(7 * time.Second)), fault.KindUnavailable, "database is away"},
		{"breaks", refuse(io.ErrUnexpectedEOF), fault.KindUnavailable, "Postern itself"},
		{"a page", reply(200, "text/html", "<p>Welcome"), fault.KindUpstream, "something else than"},
		{"a redirect", reply(302, "text/html", ""), fault.KindUpstream, "answered 302"},
		{"a foreign error", reply(502, "text/html", "<h1>Bad gateway"), fault.KindUpstream, "answered 502"},
		{"endless", reply(200, "application/json", `"`+strings.Repeat("x", 2<<20)), fault.KindUpstream, "something else than"},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, fault.KindUnavailable, "did not answer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newService(t, test.handler)
			config, err := credential.EnrolTLS(s.token())
			if err != nil {
				t.Fatal(err)
			}
			face, err := dialer(t, uplink.Config{Timeout: 30 * time.Second}).Service("https://"+s.address, config)
			if err != nil {
				t.Fatal(err)
			}
			var answer wire.Credential
			err = face.Post(t.Context(), wire.PathEnrol, wire.EnrolRequest{Secret: "s"}, &answer)
			if test.want == "" {
				if err != nil || answer.Connector != "con_1" {
					t.Errorf("Post = %v, %+v", err, answer)
				}
				return
			}
			if fault.KindOf(err) != test.kind || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Post = %v (%v), want %q", err, fault.KindOf(err), test.want)
			}
			if e, ok := errors.AsType[*fault.Error](err); test.name == "is away" && (!ok || e.RetryAfter != 7*time.Second || !errors.Is(err, fault.Reference("ref1"))) {
				t.Errorf("retry after and reference are lost: %+v", e)
			}
		})
	}
	for _, bad := range []string{"http://x", "https://", "https://u:p@x", "https://x?q=1", "x"} {
		if _, err := dialer(t, uplink.Config{}).Service(bad, nil); err == nil {
			t.Errorf("service URL %q accepted", bad)
		}
	}
}

// TestABusyServiceIsNotAskedMore: a gateway that turns machines away is neither asked who it is nor dialled by Upgrade, since that would
// add to what it has too much of. One that goes on for long may be somebody else, who is looked for now and then.
func TestABusyServiceIsNotAskedMore(t *testing.T) {
	s := newService(t, nil)
	config, err := s.agent(t).TunnelTLS()
	if err != nil {
		t.Fatal(err)
	}
	var dials atomic.Int64
	address := listen(t, func(c net.Conn) {
		dials.Add(1)
		_ = tls.Server(c, &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("too many") }}).Handshake()
	})
	d := dialer(t, uplink.Config{})
	for n := range int64(3) {
		_, err = d.Tunnel(t.Context(), uplink.Tunnel{Gateway: wire.Gateway{Address: address}, TLS: config})
		if !fault.Is(err, fault.KindUnavailable) || !strings.Contains(err.Error(), "turned this machine away for the moment") || dials.Load() != n+1 {
			t.Errorf("dial %d: %v; %d connections", n+1, err, dials.Load())
		}
	}
	before := dials.Load()
	d.BusyFor(address, time.Hour)
	if _, err = d.Tunnel(t.Context(), uplink.Tunnel{Gateway: wire.Gateway{Address: address}, TLS: config}); !strings.Contains(err.Error(), "refused the TLS handshake") || dials.Load() < before+2 {
		t.Errorf("an hour later: %v; %d connections more", err, dials.Load()-before)
	}
	before = dials.Load()
	if _, err = d.Tunnel(t.Context(), uplink.Tunnel{Gateway: wire.Gateway{Address: address}, TLS: config}); !strings.Contains(err.Error(), "turned this machine away") || dials.Load() != before+1 {
		t.Errorf("right after that look: %v; %d connections more", err, dials.Load()-before)
	}
}
