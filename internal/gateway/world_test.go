package gateway_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/credential"
	"postern/internal/fault"
	"postern/internal/gateway"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

const (
	trustDomain = "test.postern"
	patience    = 30 * time.Second
)

// A plane is the control plane of a test: what a gateway asks for, held in memory.
type plane struct {
	mu       sync.Mutex
	changed  chan struct{}
	content  access.Content
	sessions map[string]access.Principal // by cookie
	codes    map[string]string           // code → cookie
	endings  []access.Ending
	revoked  map[string]bool
	away     bool
	expires  time.Time // of every credential; zero for never
	signer   ed25519.PrivateKey
	records  []wire.Record
	presence []wire.Presence
	states   []wire.GatewayState
	grants   atomic.Int64
	lookups  atomic.Int64

	root    ca.Root
	issuer  ca.Issuer
	server  tls.Certificate // public
	gateway tls.Certificate
}

func newPlane(t testing.TB) *plane {
	t.Helper()
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	p := &plane{changed: make(chan struct{}), sessions: map[string]access.Principal{}, codes: map[string]string{}, revoked: map[string]bool{}, signer: private}
	var err error
	if p.root, err = ca.CreateRoot(trustDomain, time.Now()); err != nil {
		t.Fatal(err)
	}
	if p.issuer, err = ca.CreateIssuing(p.root, time.Now()); err != nil {
		t.Fatal(err)
	}
	p.server = p.issue(t, ca.ProfileServer, "", "portal.test", "admin.test", "wiki.test", "other.test", "nothing.test", "open.test", "raw.test", "slow.test")
	p.gateway = p.issue(t, ca.ProfileGateway, "gtw_1")
	p.content = access.Content{
		Version: 1, TrustDomain: trustDomain, Names: access.Names{PortalURL: "https://portal.test/", AdminURL: "https://admin.test/"},
		GrantKeys: map[string]ed25519.PublicKey{"k1": public},
		Groups:    []*access.ConnectorGroup{{Meta: access.Meta{ID: groupID}, Name: "Default", Default: true}},
	}
	return p
}

const groupID = access.ID("cgr_00000000000000000000000000")

func (p *plane) issue(t testing.TB, profile ca.Profile, id string, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	req := ca.Request{Profile: profile, Serial: ca.NewSerial(), Public: key.Public(), Now: time.Now(), Names: names}
	if id != "" {
		req.Identity = wire.Identity{TrustDomain: trustDomain, Role: wire.Role(profile), ID: id}
	}
	der, err := p.issuer.Issue(req)
	if err != nil {
		t.Fatal(err)
	}
	chain := [][]byte{der}
	if profile != ca.ProfileConnector && profile != ca.ProfileClient {
		chain = append(chain, p.issuer.Cert.Raw, p.root.Cert.Raw)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf}
}

func (p *plane) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// change makes the next version of the configuration.
func (p *plane) change(f func(*access.Content)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.content
	c.Applications, c.Connectors, c.Assignments = slices.Clone(c.Applications), slices.Clone(c.Connectors), slices.Clone(c.Assignments)
	f(&c)
	c.Version++
	p.content = c
	p.wake()
}

func (p *plane) end(kind access.EndingKind, id string, f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f != nil {
		f()
	}
	p.endings = append(p.endings, access.Ending{Seq: uint64(len(p.endings) + 1), Kind: kind, ID: id})
	p.wake()
}

func (p *plane) wait(ctx context.Context, ready func() bool) error {
	for {
		p.mu.Lock()
		ok, changed := ready(), p.changed
		p.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *plane) Snapshot(ctx context.Context, after uint64) (*access.Snapshot, error) {
	if err := p.wait(ctx, func() bool { return p.content.Version > after }); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return access.NewSnapshot(p.content), nil
}

func (p *plane) Session(_ context.Context, app access.ID, host, cookie string) (access.Principal, error) {
	p.lookups.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return access.Principal{}, fault.Unavailable("the database is away")
	}
	if who, ok := p.sessions[string(app)+" "+host+" "+cookie]; ok {
		return who, nil
	}
	return access.Principal{}, fault.Unauthenticated("no such session")
}

// Credential knows those that are sessions under their own name, and until when they are good for what begins.
func (p *plane) Credential(ctx context.Context, shown access.Credential) (access.Principal, time.Time, error) {
	who, err := p.Session(ctx, shown.Application, shown.Host, shown.Secret)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && !p.expires.IsZero() && !shown.At.Before(p.expires) {
		return who, p.expires, fault.Unauthenticated("the token has expired")
	}
	return who, p.expires, err
}

// Device knows tokens that are sessions under the device's id.
func (p *plane) Device(ctx context.Context, shown access.DeviceToken) (access.Principal, time.Time, error) {
	who, err := p.Session(ctx, shown.Device, "device", shown.Secret)
	who.Device = access.DeviceFacts{ID: shown.Device, OS: "linux", Program: "postern-client/1"}
	return who, time.Now().Add(time.Hour), err
}

func (p *plane) Ended(ctx context.Context, after uint64) ([]access.Ending, error) {
	if after == 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.endings = append(p.endings, access.Ending{Seq: uint64(len(p.endings) + 1)})
		return []access.Ending{{Seq: uint64(len(p.endings))}}, nil
	}
	if err := p.wait(ctx, func() bool { return uint64(len(p.endings)) > after }); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.endings[after:]), nil
}

func (p *plane) Begin(req access.SignInRequest) (string, error) {
	return "https://portal.test/sign-in?request=" + strings.Join([]string{string(req.Application), req.Host, req.Return, req.Binding}, "|"), nil
}

func (p *plane) Swap(_ context.Context, shown access.CodeShown) (string, string, error) {
	app, host := shown.Application, shown.Host
	p.mu.Lock()
	defer p.mu.Unlock()
	key := strings.Join([]string{shown.Code, string(app), host, shown.Binding}, " ")
	back, ok := p.codes[key]
	if !ok {
		return "", "", fault.New(fault.KindGone, "no such code")
	}
	delete(p.codes, key)
	p.sessions[string(app)+" "+host+" swapped"] = ada()
	return "swapped", back, nil
}

func (p *plane) EndSession(_ context.Context, shown access.Credential) error {
	app, host, cookie := shown.Application, shown.Host, shown.Secret
	p.mu.Lock()
	who := p.sessions[string(app)+" "+host+" "+cookie]
	p.mu.Unlock()
	p.end(access.EndingSession, string(who.Session), func() { delete(p.sessions, string(app)+" "+host+" "+cookie) })
	return nil
}

func (p *plane) Grant(_ context.Context, app access.ID, who *access.Principal) (string, time.Time, error) {
	p.grants.Add(1)
	g := wire.Grant{KeyID: "k1", TrustDomain: trustDomain, Kind: wire.GrantApplication, Application: string(app), Issued: time.Now(), Expires: time.Now().Add(50 * time.Minute)}
	if who != nil {
		g.Kind, g.User, g.Session = wire.GrantUser, string(who.User), string(who.Session)
	}
	text, err := g.Sign(p.signer)
	return text, g.Expires, err
}

func (p *plane) PublicCertificate(string) (*tls.Certificate, error) { return &p.server, nil }
func (p *plane) GatewayCertificate() (*tls.Certificate, error)      { return &p.gateway, nil }
func (p *plane) AgentRoots() (*x509.CertPool, string) {
	pool := x509.NewCertPool()
	pool.AddCert(p.issuer.Cert)
	return pool, trustDomain
}

func (p *plane) Revoked(serial string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.revoked[serial]
}

func (p *plane) Record(r wire.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records = append(p.records, r)
	p.wake()
}

func (p *plane) Report(r wire.Presence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.presence = append(p.presence, r)
	p.wake()
}

func (p *plane) ReportGateway(s wire.GatewayState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.states = append(p.states, s)
	p.wake()
}

func ada() access.Principal {
	return access.Principal{User: "usr_ada", Name: "ada", Groups: []access.ID{"grp_staff"}, Session: "ses_ada", Authenticated: time.Now().Add(-time.Minute)}
}

// A world is a gateway that serves, with everything around it.
type world struct {
	t testing.TB
	*plane
	gateway *gateway.Gateway
	address string
	plain   string
	admin   string
	stop    context.CancelFunc
	done    chan struct{}
	metrics *prometheus.Registry

	connectors []*connector
}

type option func(*gateway.Config)

func newWorld(t testing.TB, options ...option) *world {
	t.Helper()
	return newWorldOn(t, newPlane(t), "gtw_1", options...)
}

// newWorldOn starts a gateway on a control plane that others may share.
func newWorldOn(t testing.TB, p *plane, id string, options ...option) *world {
	t.Helper()
	w := startWorldOn(t, p, id, options...)
	w.until("ready", func() bool { return w.gateway.Ready() == nil })
	return w
}

// startWorldOn does not wait until it is ready.
func startWorldOn(t testing.TB, p *plane, id string, options ...option) *world {
	t.Helper()
	w := &world{t: t, plane: p, done: make(chan struct{}), metrics: prometheus.NewRegistry()}
	cfg := gateway.Config{
		ID: id, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo})), Registerer: w.metrics,
		Snapshots: p, Sessions: p, SignIns: p, Grants: p, Keys: p, Recorder: p, Presence: p,
		Portal: say("portal"), Admin: say("admin"), Agent: say("agent"), Drain: 2 * time.Second,
		Ask: func(_ context.Context, peer wire.Identity, question string, body []byte) ([]byte, error) {
			return fmt.Appendf(nil, "%s %s %s", peer.ID, question, body), nil
		},
		CRL: func(context.Context) ([]byte, error) { return []byte("crl"), nil },
	}
	apart := false
	for _, o := range options {
		if o == nil {
			apart = true
			continue
		}
		o(&cfg)
	}
	var err error
	if w.gateway, err = gateway.New(cfg); err != nil {
		t.Fatal(err)
	}
	l := gateway.Listeners{TLS: listen(t), Plain: listen(t)}
	if apart {
		l.Admin = listen(t)
		w.admin = l.Admin.Addr().String()
	}
	w.address, w.plain = l.TLS.Addr().String(), l.Plain.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	go func() {
		defer close(w.done)
		if err := w.gateway.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-w.done })
	return w
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func say(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%s %s", text, r.URL.Path) })
}

// until waits for a condition.
func (w *world) until(what string, condition func() bool) {
	w.t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	late := time.After(patience)
	for !condition() {
		select {
		case <-ticker.C:
		case <-late:
			w.t.Fatalf("not in time: %s", what)
		}
	}
}

// publish publishes a backend at a host, for the group of ada unless it is passthrough.
func (w *world) publish(external, internal string, more func(*access.Application)) *access.Application {
	w.t.Helper()
	a := &access.Application{Meta: access.Meta{ID: access.NewID(access.PrefixApplication, time.Now()), Version: 1}, Name: external, GroupID: groupID,
		ExternalURL: external, InternalURL: internal}
	a.Defaults()
	if more != nil {
		more(a)
	}
	if err := a.Validate(); err != nil {
		w.t.Fatal(err)
	}
	w.change(func(c *access.Content) {
		c.Applications = append(c.Applications, a)
		if a.PreAuthentication == access.SignIn {
			c.Assignments = append(c.Assignments, &access.Assignment{Application: a.ID, Group: "grp_staff"})
		}
	})
	w.mu.Lock()
	w.sessions[string(a.ID)+" "+a.External().Authority()+" good"] = ada()
	w.mu.Unlock()
	w.settled()
	return a
}

// settled waits until the gateway has the newest configuration.
func (w *world) settled() {
	w.t.Helper()
	w.until("new configuration", func() bool {
		w.mu.Lock()
		want := float64(w.content.Version)
		w.mu.Unlock()
		return w.metric("postern_gateway_configuration_version") == want
	})
}

// metric gives the sum of a metric's series.
func (w *world) metric(name string) float64 {
	families, err := w.metrics.Gather()
	if err != nil {
		w.t.Error(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.Metric {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func passthrough(a *access.Application) { a.PreAuthentication = access.Passthrough }

// A connector is the other end of tunnels, made of tunnel and net.Dial. It checks grants for real.
type connector struct {
	w       *world
	id      access.ID
	cert    tls.Certificate
	config  *tls.Config
	raw     func() (net.Conn, error) // optional; what is under TLS
	mu      sync.Mutex
	grants  map[string]bool // hashes seen in full
	opens   []wire.Open
	refuse  *wire.Refusal
	alpn    string // that backends choose
	session *tunnel.Session
	carried []*tunnel.Stream // that reached a backend
}

// streams gives those that reached a backend, in order.
func (c *connector) streams() []*tunnel.Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.carried)
}

// connect enrols a connector and opens its tunnel.
func (w *world) connect(name string) *connector {
	w.t.Helper()
	c := w.enrol(name)
	c.dial()
	return c
}

func (w *world) enrol(name string) *connector {
	w.t.Helper()
	id := access.ID("con_" + name)
	w.change(func(c *access.Content) {
		c.Connectors = append(c.Connectors, &access.Connector{Meta: access.Meta{ID: id}, Name: name, GroupID: groupID})
	})
	c := &connector{w: w, id: id, cert: w.issue(w.t, ca.ProfileConnector, string(id)), grants: map[string]bool{}}
	w.connectors = append(w.connectors, c)
	c.config = w.dialTLS(&c.cert)
	return c
}

// dialTLS dials tunnels with a certificate.
func (w *world) dialTLS(own *tls.Certificate) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(w.root.Cert)
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{wire.ProtocolTunnel}, InsecureSkipVerify: true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil },
		ClientSessionCache:   tls.NewLRUClientSessionCache(4),
		VerifyConnection: credential.VerifyPeer(credential.Peer{TrustDomain: trustDomain, Roots: pool, Roles: []wire.Role{wire.RoleGateway},
			Usage: x509.ExtKeyUsageServerAuth, Protocol: wire.ProtocolTunnel}),
	}
}

// open dials one tunnel and runs it.
func (c *connector) open() (*tunnel.Session, *tls.Conn, error) {
	s, conn, err := c.start()
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = s.Ready(ctx)
	return s, conn, err
}

// start dials one tunnel and does not wait for the gateway's HELLO.
func (c *connector) start() (*tunnel.Session, *tls.Conn, error) {
	dial := c.raw
	if dial == nil {
		dial = func() (net.Conn, error) { return net.Dial("tcp", c.w.address) }
	}
	raw, err := dial()
	if err != nil {
		return nil, nil, err
	}
	conn := tls.Client(tunnel.Coalesce(raw), c.config)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, nil, err
	}
	s, err := tunnel.New(tunnel.Config{Conn: conn, Dialler: true, Hello: tunnel.Hello{Instance: string(c.id)}, Accept: c.accept})
	if err != nil {
		return nil, nil, err
	}
	run, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(run) }()
	c.w.t.Cleanup(func() { stop(); <-ended })
	return s, conn, nil
}

func (c *connector) dial() *tunnel.Session {
	c.w.t.Helper()
	before := c.w.metric("postern_gateway_tunnels")
	s, _, err := c.open()
	if err != nil {
		c.w.t.Fatal(err)
	}
	c.mu.Lock()
	c.session = s
	c.mu.Unlock()
	c.w.until("the gateway knows the tunnel", func() bool { return c.w.metric("postern_gateway_tunnels") > before })
	return s
}

func (c *connector) accept(s *tunnel.Stream) {
	defer s.Close()
	open, err := wire.Decode[wire.Open](s.Payload())
	if err != nil {
		s.Reset(tunnel.CodeProtocol)
		return
	}
	if open.Kind == wire.KindAsk {
		body, err := io.ReadAll(s)
		if open.Question == wire.QuestionLookup {
			q, _ := wire.Decode[wire.SignedLookup](body)
			body = wire.Encode(wire.Looked{Exists: true, Texts: []string{q.Application, q.Name, string(q.Type), q.Grant}})
		}
		if err == nil && s.Accept(nil) == nil {
			s.Write(body)
			s.CloseWrite()
		}
		return
	}
	address, refusal := c.check(open)
	if refusal != nil {
		s.Refuse(wire.Encode(refusal))
		return
	}
	if open.Network == "udp" {
		c.datagrams(s, address)
		return
	}
	backend, err := net.Dial("tcp", address)
	if err != nil {
		s.Refuse(wire.Encode(&wire.Refusal{Phase: wire.PhaseConnect, Code: "connection-refused", Message: err.Error()}))
		return
	}
	if s.Accept(wire.Encode(wire.Opened{Address: address, ALPN: c.alpn})) != nil {
		backend.Close()
		return
	}
	c.mu.Lock()
	c.carried = append(c.carried, s)
	c.mu.Unlock()
	join(s, backend.(*net.TCPConn))
}

func (c *connector) check(open wire.Open) (string, *wire.Refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opens = append(c.opens, open)
	if c.refuse != nil {
		return "", c.refuse
	}
	if open.Grant != "" {
		key := c.w.content.GrantKeys["k1"]
		if _, err := (wire.Verifier{TrustDomain: trustDomain, Keys: map[string][]byte{"k1": key}}).Verify(open.Grant, open.Application, time.Now()); err != nil {
			return "", &wire.Refusal{Phase: wire.PhaseGrant, Code: "grant", Message: err.Error()}
		}
		c.grants[wire.GrantHash(open.Grant)] = true
	} else if !c.grants[open.GrantHash] {
		return "", &wire.Refusal{Phase: wire.PhaseGrant, Code: "unknown-grant", Message: "show it", UnknownGrant: true}
	}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	for _, a := range c.w.content.Applications {
		if string(a.ID) == open.Application && a.Private() {
			return net.JoinHostPort("127.0.0.1", fmt.Sprint(open.Port)), nil
		}
		if string(a.ID) == open.Application {
			return a.Internal().Address(), nil
		}
	}
	return "", &wire.Refusal{Phase: wire.PhaseTarget, Code: "unknown-target", Message: "no such target"}
}

// datagrams carries a flow of datagrams.
func (c *connector) datagrams(s *tunnel.Stream, address string) {
	conn, err := net.Dial("udp", address)
	if err != nil || s.Accept(wire.Encode(wire.Opened{Address: address})) != nil {
		s.Reset(tunnel.CodeInternal)
		return
	}
	c.mu.Lock()
	c.carried = append(c.carried, s)
	c.mu.Unlock()
	var back sync.WaitGroup
	back.Go(func() {
		for buffer := make([]byte, 64<<10); ; {
			n, err := conn.Read(buffer)
			if err != nil || s.SendDatagram(buffer[:n]) != nil {
				return
			}
		}
	})
	for {
		p, err := s.ReceiveDatagram(context.Background())
		if err != nil {
			break
		}
		conn.Write(p)
	}
	conn.Close()
	back.Wait()
}

// join copies both ways; an abort on one side is an abort on the other.
func join(s *tunnel.Stream, backend *net.TCPConn) {
	var both sync.WaitGroup
	both.Go(func() {
		if _, err := io.Copy(backend, s); err != nil {
			backend.SetLinger(0)
			backend.Close()
			return
		}
		backend.CloseWrite()
	})
	both.Go(func() {
		if _, err := io.Copy(struct{ io.Writer }{s}, backend); err != nil {
			s.Reset(tunnel.CodeInternal)
			return
		}
		s.CloseWrite()
	})
	both.Wait()
	backend.Close()
}

// client makes an HTTP client that reaches the gateway whatever the host.
func (w *world) client(change func(*http.Transport)) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(w.root.Cert)
	tr := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, w.address)
		},
		TLSClientConfig:    &tls.Config{RootCAs: pool},
		DisableCompression: true,
	}
	if change != nil {
		change(tr)
	}
	w.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func http2(tr *http.Transport) { tr.ForceAttemptHTTP2 = true }

// tls opens a TLS connection to the gateway as a browser at a host.
func (w *world) tls(host string) *tls.Conn {
	w.t.Helper()
	c, err := w.tlsTo(w.address, host)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) tlsTo(address, host string) (*tls.Conn, error) {
	pool := x509.NewCertPool()
	pool.AddCert(w.root.Cert)
	c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: pool, ServerName: host, NextProtos: []string{"http/1.1"}})
	if err == nil {
		w.t.Cleanup(func() { c.Close() })
		err = c.SetDeadline(time.Now().Add(patience))
	}
	return c, err
}

// A recorder is a backend that answers 200 and keeps every byte that it gets.
type recorder struct {
	address string
	mu      sync.Mutex
	got     strings.Builder
	answer  atomic.Pointer[string]
}

func newRecorder(t testing.TB) *recorder {
	l := listen(t)
	r := &recorder{address: l.Addr().String()}
	var each sync.WaitGroup
	each.Go(func() {
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				each.Go(func() { r.serve(c) })
			}
		}
	})
	t.Cleanup(func() { l.Close() })
	return r
}

func (r *recorder) serve(c net.Conn) {
	defer c.Close()
	buffer := make([]byte, 64<<10)
	text := ""
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.got.Write(buffer[:n])
		r.mu.Unlock()
		text += string(buffer[:n])
		if strings.Contains(text, "\r\n\r\n") {
			text = ""
			answer := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
			if a := r.answer.Load(); a != nil {
				answer = *a
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}
}

// taken gives what was received since the last call.
func (r *recorder) taken() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.got.Reset()
	return r.got.String()
}

func quick(c *gateway.Config) { c.Limits.Handshake = 8 * time.Second }

func (w *world) dialRaw() net.Conn {
	w.t.Helper()
	c, err := net.Dial("tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}
