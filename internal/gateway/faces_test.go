package gateway_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/gateway"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// late gives no snapshot before it is opened.
type late struct {
	gateway.Snapshots
	opened chan struct{}
}

func (l late) Snapshot(ctx context.Context, after uint64) (*access.Snapshot, error) {
	select {
	case <-l.opened:
		return l.Snapshots.Snapshot(ctx, after)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestHandshakeAtTheStart: until the first snapshot nobody knows which hosts are served, so nobody is told that one is not.
func TestHandshakeAtTheStart(t *testing.T) {
	opened := make(chan struct{})
	w := startWorldOn(t, newPlane(t), "gtw_1", func(cfg *gateway.Config) { cfg.Snapshots = late{cfg.Snapshots, opened} })
	early := make(chan error, 1)
	browser := tls.Client(w.dialRaw(), &tls.Config{ServerName: "portal.test", InsecureSkipVerify: true})
	go func() { early <- browser.Handshake() }()
	agent := tls.Client(w.dialRaw(), &tls.Config{NextProtos: []string{wire.ProtocolAgent}, InsecureSkipVerify: true})
	if err := agent.Handshake(); err != nil { // needs no snapshot, and takes as long as the browser's would
		t.Fatal(err)
	}
	select {
	case err := <-early:
		t.Fatalf("before the first snapshot: %v", err)
	default:
	}
	close(opened)
	if err := <-early; err != nil {
		t.Error(err)
	}
}

func TestFaces(t *testing.T) {
	w := newWorld(t)
	handshake := func(config *tls.Config) (*tls.Conn, error) {
		config.InsecureSkipVerify = true
		c := tls.Client(w.dialRaw(), config)
		if err := c.Handshake(); err != nil {
			return nil, err
		}
		_, err := c.Read(make([]byte, 0)) // TLS 1.3: a refused client certificate is told after the handshake
		return c, err
	}
	tests := []struct {
		name   string
		config *tls.Config
		leaf   string // subject kind of what is presented: "public", "gateway"; empty: refused
		alert  string
	}{
		{"browser", &tls.Config{ServerName: "portal.test"}, "public", ""},
		{"browser at an unknown host", &tls.Config{ServerName: "evil.example"}, "", "unrecognized name"},
		{"browser without a name", &tls.Config{}, "", "unrecognized name"},
		{"old browser", &tls.Config{ServerName: "portal.test", MaxVersion: tls.VersionTLS12}, "public", ""},
		{"too old browser", &tls.Config{ServerName: "portal.test", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "", "version"},
		{"agent", &tls.Config{NextProtos: []string{wire.ProtocolAgent}}, "gateway", ""},
		{"agent by a name", &tls.Config{ServerName: "portal.test", NextProtos: []string{wire.ProtocolAgent}}, "gateway", ""},
		{"agent with old TLS", &tls.Config{MaxVersion: tls.VersionTLS12, NextProtos: []string{wire.ProtocolAgent}}, "", "version"},
		{"unknown protocol", &tls.Config{ServerName: "portal.test", NextProtos: []string{"spdy/3"}}, "", "application protocol"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := handshake(test.config)
			if test.leaf == "" {
				if err == nil || !strings.Contains(err.Error(), test.alert) {
					t.Fatalf("%v, want an alert with %q", err, test.alert)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			kind := "public"
			if len(c.ConnectionState().PeerCertificates[0].URIs) == 1 {
				kind = "gateway"
			}
			if kind != test.leaf {
				t.Errorf("presented the %s certificate, want the %s one", kind, test.leaf)
			}
		})
	}
}

func TestAgentFaceAndHosts(t *testing.T) {
	w := newWorld(t)
	agent := w.client(func(tr *http.Transport) {
		tr.DialTLSContext = func(context.Context, string, string) (c net.Conn, err error) {
			return tls.Dial("tcp", w.address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{wire.ProtocolAgent}})
		}
	})
	if _, body := get(t, agent, "https://any.thing/enrol"); body != "agent /enrol" {
		t.Errorf("agent face says %q", body)
	}
	client := w.client(nil)
	for url, want := range map[string]string{
		"https://portal.test/x": "portal /x", "https://admin.test/y": "admin /y", "https://portal.test/.postern/crl": "crl",
	} {
		if _, body := get(t, client, url); body != want {
			t.Errorf("%s says %q, want %q", url, body, want)
		}
	}
}

func TestAdminApart(t *testing.T) {
	w := newWorld(t, nil)
	c, err := w.tlsTo(w.admin, "admin.test")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "GET /z HTTP/1.1\r\nHost: admin.test\r\nConnection: close\r\n\r\n")
	if text, _ := io.ReadAll(c); !strings.HasSuffix(string(text), "admin /z") {
		t.Errorf("admin listener says %q", text)
	}
	if _, err := w.tlsTo(w.admin, "portal.test"); err == nil {
		t.Error("the admin listener serves the portal")
	}
	if _, err := w.tlsTo(w.address, "admin.test"); err == nil {
		t.Error("the public listener serves the admin center")
	}
	c = w.tls("portal.test")
	io.WriteString(c, "GET /z HTTP/1.1\r\nHost: admin.test\r\nConnection: close\r\n\r\n")
	if text, _ := io.ReadAll(c); !strings.HasPrefix(string(text), "HTTP/1.1 421") {
		t.Errorf("the admin host over the portal's connection: %q", text)
	}
}

func TestPlainPort(t *testing.T) {
	w := newWorld(t)
	w.publish("https://wiki.test:8443/", "http://127.0.0.1:1/", nil)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	tests := []struct {
		method, host, path string
		status             int
		location           string
	}{
		{"GET", "wiki.test", "/a%2fb?c=d", 308, "https://wiki.test:8443/a%2fb?c=d"},
		{"HEAD", "portal.test", "/", 308, "https://portal.test/"},
		{"GET", "evil.example", "/", 404, ""},
		{"POST", "wiki.test", "/", 405, ""},
		{"GET", "evil.example", "/.postern/crl", 200, ""},
	}
	for _, test := range tests {
		req, _ := http.NewRequest(test.method, "http://"+w.plain+test.path, nil)
		req.Host = test.host
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != test.status || res.Header.Get("Location") != test.location {
			t.Errorf("%s %s%s: %d %q, want %d %q", test.method, test.host, test.path, res.StatusCode, res.Header.Get("Location"), test.status, test.location)
		}
	}
}

// TestTunnelIdentity: only a connector's own leaf of our CA, not revoked, opens a tunnel.
func TestTunnelIdentity(t *testing.T) {
	w := newWorld(t)
	good := w.enrol("a")
	otherPlane := newPlane(t)
	self := selfSigned(t)
	tests := []struct {
		name string
		cert func() tls.Certificate
		ok   bool
	}{
		{"good", func() tls.Certificate { return good.cert }, true},
		{"extra certificate (GHSA-mrpr-756c-xm47)", func() tls.Certificate {
			c := self
			c.Certificate = append([][]byte{self.Certificate[0]}, good.cert.Certificate[0])
			return c
		}, false},
		{"good leaf with another one behind it", func() tls.Certificate {
			c := good.cert
			c.Certificate = append([][]byte{c.Certificate[0]}, self.Certificate[0])
			return c
		}, false},
		{"another CA", func() tls.Certificate { return otherPlane.issue(t, ca.ProfileConnector, string(good.id)) }, false},
		{"gateway's certificate", func() tls.Certificate { return w.issue(t, ca.ProfileGateway, "gtw_2") }, false},
		{"server's certificate", func() tls.Certificate { return w.server }, false},
		{"self-signed", func() tls.Certificate { return self }, false},
		{"none", func() tls.Certificate { return tls.Certificate{} }, false},
		{"revoked", func() tls.Certificate {
			c := w.issue(t, ca.ProfileConnector, string(good.id))
			w.mu.Lock()
			w.revoked[ca.SerialText(c.Leaf.SerialNumber)] = true
			w.mu.Unlock()
			return c
		}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := &connector{w: w, id: good.id}
			c.cert = test.cert()
			c.config = good.config.Clone()
			c.config.ClientSessionCache = nil
			c.config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c.cert, nil }
			s, _, err := c.open()
			if (err == nil) != test.ok {
				t.Fatalf("open: %v, want ok %v", err, test.ok)
			}
			if test.ok {
				s.Close()
			}
		})
	}
}

// TestResumedAfterRevocation: a ticket does not outlive its certificate.
func TestResumedAfterRevocation(t *testing.T) {
	w := newWorld(t)
	c := w.enrol("a")
	first, _, err := c.open()
	if err != nil {
		t.Fatal(err)
	}
	second, conn, err := c.open()
	if err != nil || !conn.ConnectionState().DidResume {
		t.Fatalf("the second tunnel did not resume: %v", err)
	}
	serial := ca.SerialText(c.cert.Leaf.SerialNumber)
	w.end(access.EndingCertificate, serial, func() { w.revoked[serial] = true })
	for _, s := range []*tunnel.Session{first, second} {
		select {
		case <-s.Done():
		case <-time.After(patience):
			t.Fatal("a tunnel of a revoked certificate stays open")
		}
	}
	if _, conn, err := c.open(); err == nil {
		t.Fatalf("a tunnel opened after the revocation, resumed %v", conn.ConnectionState().DidResume)
	}
}

func TestTunnelOfConnectorsThatMayNot(t *testing.T) {
	w := newWorld(t)
	c := w.connect("a")
	session := c.session
	w.change(func(content *access.Content) {
		off := *content.Connectors[0]
		off.Disabled = true
		content.Connectors[0] = &off
	})
	select {
	case <-session.Done():
	case <-time.After(patience):
		t.Fatal("the tunnel of a disabled connector stays open")
	}
	var s *tunnel.Session
	var refused *tunnel.RefusedError
	w.until("a refusal", func() (ok bool) { // it has two seconds in which to ask
		var err error
		if s, _, err = c.open(); err != nil {
			return false
		}
		stream, err := s.Open(t.Context(), wire.Encode(wire.Open{Kind: wire.KindAsk, Question: wire.QuestionReport}))
		if err == nil {
			_, err = stream.Opened(t.Context())
		}
		refused, ok = errors.AsType[*tunnel.RefusedError](err)
		return ok
	})
	var refusal wire.Refusal
	if err := json.Unmarshal(refused.Payload, &refusal); err != nil || refusal.Code != "connector-disabled" {
		t.Errorf("a disabled connector is told %s %v", refused.Payload, err)
	}
	select {
	case <-s.Done():
	case <-time.After(patience):
		t.Fatal("the refused tunnel stays open")
	}
}

// TestFreshConnector: a tunnel that is faster than the snapshot that knows its connector waits for it.
func TestFreshConnector(t *testing.T) {
	w := newWorld(t)
	c := w.enrol("a")
	known := w.content.Connectors
	w.change(func(content *access.Content) { content.Connectors = nil })
	w.settled()
	s, _, err := c.start()
	if err != nil {
		t.Fatal(err)
	}
	w.change(func(content *access.Content) { content.Connectors = known })
	if _, err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	stream, err := s.Open(t.Context(), wire.Encode(wire.Open{Kind: wire.KindAsk, Question: "what"}))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	io.WriteString(stream, "body")
	stream.CloseWrite()
	if answer, err := io.ReadAll(stream); err != nil || string(answer) != "con_a what body" {
		t.Errorf("answer %q, %v", answer, err)
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t, func(c *gateway.Config) { c.Limits.AddressConnections = 5; c.Limits.ConnectorTunnels = 1 })
	w.connect("a")
	var open []*tls.Conn
	for range 4 {
		open = append(open, w.tls("portal.test"))
	}
	if _, err := w.tlsTo(w.address, "portal.test"); err == nil {
		t.Error("a connection beyond the limit of its address is served")
	}
	if n := w.metric("postern_gateway_refused_total"); n != 1 {
		t.Errorf("%v refusals counted, want 1", n)
	}
	for _, c := range open {
		c.Close()
	}
	w.until("closed connections are forgotten", func() bool { return w.metric("postern_gateway_connections") == 1 })
	w.tls("portal.test").Close()
	c := w.enrol("b")
	c.id = "con_a"
	c.cert = w.issue(t, ca.ProfileConnector, "con_a")
	s, _, err := c.open()
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	case <-time.After(patience):
		t.Error("a tunnel beyond the connector's limit stays open")
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := wire.Identity{TrustDomain: trustDomain, Role: wire.RoleConnector, ID: "con_a"}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, URIs: []*url.URL{id.URL()}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
