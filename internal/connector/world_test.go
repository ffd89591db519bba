package connector

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/agent"
	"postern/internal/ca"
	"postern/internal/credential"
	"postern/internal/tunnel"
	"postern/internal/uplink"
	"postern/internal/wire"
)

const (
	domain    = "postern-1.example"
	patience  = 30 * time.Second
	connector = "con_1"
)

// world is a real service in small: an authority, a signing key, an agent face and gateways, all over real TLS.
type world struct {
	t        *testing.T
	issuer   ca.Issuer
	rootsPEM []byte
	signer   ed25519.PrivateKey
	agents   net.Listener
	gateways []*testGateway
	state    string
	rules    string
	token    wire.EnrolmentToken
	away     atomic.Bool // the face for agents answers nothing but 503
	losing   atomic.Bool // the next answer to an enrolment is lost on the way

	mu       sync.Mutex // guards the fields below
	conf     wire.Configuration
	changed  chan struct{}
	reports  []wire.Report
	lost     int           // reports that are taken, but not answered
	life     time.Duration // of the next certificates
	deleted  bool
	issued   map[string]*x509.Certificate // by serial
	revoked  map[string]bool
	renewals int
	once     bool // the token is good for one key
	spent    any  // that key
}

// spend tells whether a key may use the token.
func (w *world) spend(csr []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	public, err := ca.ParseCSR(csr)
	if err != nil || !w.once {
		return err == nil
	}
	if w.spent == nil {
		w.spent = public
	}
	return public.Equal(w.spent)
}

func newWorld(t *testing.T, gateways int) *world {
	t.Helper()
	root := must(ca.CreateRoot(domain, time.Now().Add(-100*24*time.Hour)))(t)
	_, signer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, issuer: must(ca.CreateIssuing(root, time.Now().Add(-time.Hour)))(t), signer: signer, changed: make(chan struct{}),
		rootsPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Cert.Raw}),
		state:    filepath.Join(t.TempDir(), "state"), life: 24 * time.Hour, issued: map[string]*x509.Certificate{}, revoked: map[string]bool{},
	}
	own := w.leaf(wire.RoleGateway, "gtw_agents")
	own.Certificate = append(own.Certificate, w.issuer.Cert.Raw, root.Cert.Raw)
	w.agents = must(tls.Listen("tcp", "127.0.0.1:0", credential.ServeAgent(func() (*tls.Certificate, error) { return &own, nil })))(t)
	w.serveAgents()
	for i := range gateways {
		g := newGateway(w, "gtw_"+string(rune('1'+i)), own.Certificate[1:])
		w.gateways = append(w.gateways, g)
	}
	w.conf = wire.Configuration{
		Version: 1, Connector: connector, Name: "test", Group: "Default", ServiceURL: "https://" + w.agents.Addr().String(), Roots: w.rootsPEM,
		GrantKeys: map[string][]byte{"k1": signer.Public().(ed25519.PublicKey)}, Gateways: w.list(),
	}
	w.rehash()
	w.token = wire.EnrolmentToken{
		TrustDomain: domain, ServiceURL: w.conf.ServiceURL, Fingerprint: ca.Fingerprint(root.Cert), ID: "tok_1", Secret: "secret-of-the-token",
	}
	return w
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) list() (all []wire.Gateway) {
	for _, g := range w.gateways {
		all = append(all, wire.Gateway{ID: g.id, Address: g.listener.Addr().String()})
	}
	return all
}

// rehash gives the configuration its hash. w.mu is held, or nobody else is there yet.
func (w *world) rehash() {
	c := w.conf
	c.Version, c.Hash = 0, ""
	sum := sha256.Sum256(wire.Encode(c))
	w.conf.Hash = hex.EncodeToString(sum[:])
}

// change alters the configuration and announces it.
func (w *world) change(alter func(*wire.Configuration)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	alter(&w.conf)
	w.conf.Version++
	w.rehash()
	close(w.changed)
	w.changed = make(chan struct{})
}

// set is change that nobody is told of: the next question finds it.
func (w *world) set(alter func(*wire.Configuration)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	alter(&w.conf)
	w.conf.Version++
	w.rehash()
}

func (w *world) configuration() (wire.Configuration, chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.conf, w.changed
}

func (w *world) leaf(role wire.Role, id string) tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(w.t)
	der := must(w.issue(role, id, key.Public()))(w.t)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (w *world) issue(role wire.Role, id string, public any) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	der, err := w.issuer.Issue(ca.Request{
		Profile: ca.Profile(role), Serial: ca.NewSerial(), Public: public, Now: time.Now(), Lifetime: w.life,
		Identity: wire.Identity{TrustDomain: domain, Role: role, ID: id},
	})
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err == nil {
		w.issued[cert.SerialNumber.Text(16)] = cert
	}
	return der, err
}

// credential answers an agent as the service does.
func (w *world) credential(csr []byte) (wire.Credential, error) {
	public, err := ca.ParseCSR(csr)
	if err != nil {
		return wire.Credential{}, err
	}
	der, err := w.issue(wire.RoleConnector, connector, public)
	if err != nil {
		return wire.Credential{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return wire.Credential{
		Connector: connector, TrustDomain: domain, Certificate: der, Roots: w.rootsPEM, ServiceURL: w.conf.ServiceURL,
		Gateways: w.conf.Gateways, RenewAfter: time.Now().Add(w.life / 2), Time: time.Now(),
	}, nil
}

func (w *world) serveAgents() {
	mux := http.NewServeMux()
	answer := func(rw http.ResponseWriter, v any, err error) {
		if err != nil {
			rw.Header().Set("Content-Type", "application/problem+json")
			rw.WriteHeader(http.StatusGone)
			_ = json.NewEncoder(rw).Encode(map[string]any{"type": "postern:gone", "title": "Gone", "status": 410, "detail": err.Error()})
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(v)
	}
	mux.HandleFunc("POST "+wire.PathEnrol, func(rw http.ResponseWriter, r *http.Request) {
		var req wire.EnrolRequest
		err := json.NewDecoder(r.Body).Decode(&req)
		if err == nil && req.Secret != w.token.Secret {
			err = errToken
		}
		var cred wire.Credential
		if err == nil && !w.spend(req.CSR) {
			err = errSpent
		}
		if err == nil {
			cred, err = w.credential(req.CSR)
		}
		if err == nil && w.losing.CompareAndSwap(true, false) {
			panic(http.ErrAbortHandler)
		}
		answer(rw, cred, err)
	})
	signed := func(purpose string, do func(wire.RenewPayload) (any, error)) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			var req wire.SignedRequest
			err := json.NewDecoder(r.Body).Decode(&req)
			var payload wire.RenewPayload
			if err == nil {
				payload, _, err = credential.OpenRequest(req, purpose, w.find)
			}
			var v any
			if err == nil {
				v, err = do(payload)
			}
			answer(rw, v, err)
		}
	}
	mux.HandleFunc("POST "+wire.PathRenew, signed(wire.PurposeRenew, func(p wire.RenewPayload) (any, error) {
		w.mu.Lock()
		w.renewals++
		w.mu.Unlock()
		return w.credential(p.CSR)
	}))
	mux.HandleFunc("POST "+wire.PathDeregister, signed(wire.PurposeDeregister, func(wire.RenewPayload) (any, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.deleted = true
		return struct{}{}, nil
	}))
	server := &http.Server{Handler: w.unlessAway(mux), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(opaque{w.agents}) }()
	w.t.Cleanup(func() { server.Close(); <-done })
}

// opaque hides that its connections are TLS: net/http does not know our ALPN protocol.
type opaque struct{ net.Listener }

func (o opaque) Accept() (net.Conn, error) {
	conn, err := o.Listener.Accept()
	return struct{ net.Conn }{conn}, err
}

func (w *world) find(serial string) (*x509.Certificate, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if cert, ok := w.issued[serial]; ok && !w.deleted {
		return cert, nil
	}
	return nil, errGone
}

type worldError string

func (e worldError) Error() string { return string(e) }

const (
	errToken = worldError("the token is not good")
	errSpent = worldError("the token was used")
	errGone  = worldError("this connector was deleted")
)

// enrol gives this machine a credential.
func (w *world) enrol() {
	w.t.Helper()
	_, err := Enrol(w.t.Context(), Enrolment{
		State: w.state, Token: w.token, Dialer: dialer(w.t), Host: wire.Host{MachineName: "test"}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func dialer(t testing.TB) *uplink.Dialer {
	return must(uplink.New(uplink.Config{Proxy: uplink.Direct, Timeout: patience}))(t)
}

// allow writes the local rules.
func (w *world) allow(text string) {
	w.t.Helper()
	w.rules = filepath.Join(filepath.Dir(w.state), "rules")
	if err := os.WriteFile(w.rules, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// running is a connector that runs.
type running struct {
	*Connector
	stop func() error // ends it and gives what Run returned
}

// start enrols if need be and runs a connector until the test ends.
func (w *world) start(alter func(*Config)) *running {
	w.t.Helper()
	if _, err := os.Stat(filepath.Join(w.state, "credential.pem")); err != nil {
		w.enrol()
	}
	cfg := Config{State: w.state, Rules: w.rules, Dialer: dialer(w.t), Host: wire.Host{MachineName: "test", Program: "test"}, Log: testLog(w.t)}
	if alter != nil {
		alter(&cfg)
	}
	c := must(New(cfg))(w.t)
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- c.Run(ctx) }()
	r := &running{Connector: c}
	r.stop = sync.OnceValue(func() error { cancel(); return <-result })
	w.t.Cleanup(func() {
		for _, g := range w.gateways {
			g.cut() // what a test left open shall not be waited for
		}
		_ = r.stop()
	})
	return r
}

func testLog(t testing.TB) *slog.Logger {
	if testing.Verbose() {
		return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

// ready waits until the connector has its tunnels and the world's configuration.
func (w *world) ready(r *running) {
	w.t.Helper()
	conf, _ := w.configuration()
	eventually(w.t, "tunnels and configuration", func() bool {
		return len(r.fleet.live()) == tunnelsPerGateway*len(w.gateways) && r.following.hash() == conf.Hash
	})
}

// eventually asks again until ok or patience is over.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

// grant signs a grant for an application as the control plane does.
func (w *world) grant(application string, alter func(*wire.Grant)) string {
	g := wire.Grant{
		KeyID: "k1", TrustDomain: domain, Kind: wire.GrantApplication, Application: application,
		Issued: time.Now(), Expires: time.Now().Add(30 * time.Minute),
	}
	if alter != nil {
		alter(&g)
	}
	return must(g.Sign(w.signer))(w.t)
}

// testGateway accepts tunnels, answers questions and opens streams.
type testGateway struct {
	w        *world
	id       string
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex // guards sessions
	sessions []*tunnel.Session
}

func newGateway(w *world, id string, chain [][]byte) *testGateway {
	g := &testGateway{w: w, id: id}
	own := w.leaf(wire.RoleGateway, id)
	own.Certificate = append(own.Certificate, chain...)
	agents := x509.NewCertPool()
	agents.AddCert(w.issuer.Cert)
	config := credential.ServeTunnel(func() (*tls.Certificate, error) { return &own, nil }, credential.VerifyPeer(credential.Peer{
		TrustDomain: domain, Roots: agents, Roles: []wire.Role{wire.RoleConnector}, Usage: x509.ExtKeyUsageClientAuth,
		Protocol: wire.ProtocolTunnel, Revoked: func(serial string) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.revoked[serial]
		},
	}))
	g.listener = must(net.Listen("tcp", "127.0.0.1:0"))(w.t)
	g.running.Go(func() { g.serve(config) })
	w.t.Cleanup(g.stop)
	return g
}

func (g *testGateway) stop() {
	g.cut()
	g.running.Wait()
}

// cut ends the gateway as a crash would.
func (g *testGateway) cut() {
	g.listener.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.sessions {
		s.Close()
	}
}

func (g *testGateway) serve(config *tls.Config) {
	for {
		raw, err := g.listener.Accept()
		if err != nil {
			return
		}
		g.running.Go(func() { g.carry(raw, config) })
	}
}

func (g *testGateway) carry(raw net.Conn, config *tls.Config) {
	defer raw.Close()
	conn := tls.Server(tunnel.Coalesce(raw), config)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if conn.HandshakeContext(ctx) != nil {
		return
	}
	s, err := tunnel.New(tunnel.Config{Conn: conn, Hello: tunnel.Hello{Instance: g.id}, Accept: g.answer})
	if err != nil {
		return
	}
	g.mu.Lock()
	g.sessions = append(g.sessions, s)
	g.mu.Unlock()
	_ = s.Run(context.Background())
}

// live gives the sessions that take streams.
func (g *testGateway) live() (all []*tunnel.Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.sessions {
		if !s.Draining() {
			all = append(all, s)
		}
	}
	return all
}

func (g *testGateway) session() *tunnel.Session {
	g.w.t.Helper()
	eventually(g.w.t, "a tunnel", func() bool { return len(g.live()) > 0 })
	return g.live()[0]
}

// answer answers a connector's question.
func (g *testGateway) answer(st *tunnel.Stream) {
	defer st.Close()
	open, _ := wire.Decode[wire.Open](st.Payload())
	body, err := io.ReadAll(st)
	if err != nil {
		return
	}
	var reply any
	switch open.Question {
	case wire.QuestionConfiguration:
		ask, _ := wire.Decode[wire.AskConfiguration](body)
		signed, err := wire.SignConfiguration(g.configuration(st.Context(), ask), time.Now(), g.w.issuer.Cert, g.w.issuer.Key)
		if err != nil {
			return
		}
		reply = signed
	case wire.QuestionReport:
		report, _ := wire.Decode[wire.Report](body)
		g.w.mu.Lock()
		g.w.reports = append(g.w.reports, report)
		lose := g.w.lost > 0
		g.w.lost--
		g.w.mu.Unlock()
		if lose {
			st.Reset(tunnel.CodeCancelled)
			return
		}
		reply = struct{}{}
	default:
		_ = st.Refuse(wire.Encode(wire.Refusal{Phase: wire.PhaseAsk, Code: "question-unknown", Message: "no"}))
		return
	}
	_ = answer(st, wire.Encode(reply))
}

func (g *testGateway) configuration(ctx context.Context, ask wire.AskConfiguration) wire.Configuration {
	wait := time.NewTimer(ask.Wait)
	defer wait.Stop()
	for {
		conf, changed := g.w.configuration()
		if conf.Hash != ask.Hash {
			return conf
		}
		select {
		case <-changed:
		case <-wait.C:
			return conf
		case <-ctx.Done():
			return conf
		}
	}
}

// dial opens a stream for an application. The error is *wire.Refusal where the connector refused.
func (g *testGateway) dial(open wire.Open) (*tunnel.Stream, wire.Opened, error) {
	return dialOn(g.w.t, g.session(), open)
}

func dialOn(t testing.TB, s *tunnel.Session, open wire.Open) (*tunnel.Stream, wire.Opened, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if open.Kind == "" {
		open.Kind = wire.KindDial
	}
	st, err := s.Open(ctx, wire.Encode(open))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := st.Opened(ctx)
	if err != nil {
		_ = st.Close()
		return nil, wire.Opened{}, agent.Refusal(err)
	}
	opened, err := wire.Decode[wire.Opened](payload)
	if err != nil {
		t.Fatal(err)
	}
	return st, opened, nil
}
