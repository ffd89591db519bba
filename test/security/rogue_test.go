package security

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/connector"
	"postern/internal/control"
	"postern/internal/credential"
	"postern/internal/posterntest"
	"postern/internal/service"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// rogue is a gateway with a genuine certificate that opens what it likes. It answers the connector's questions
// with the control plane's words, and reports its tunnels to it, so that the connector takes it for any other.
type rogue struct {
	*world
	t        *testing.T
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex // guards the fields below
	sessions []*tunnel.Session
	alter    func(wire.Configuration) wire.SignedConfiguration // optional: what to answer instead of the control plane
	lies     int                                               // answers of alter
}

// tamper gives what to answer a connector that asks for its configuration.
func (g *rogue) tamper(genuine wire.SignedConfiguration, c wire.Configuration) wire.SignedConfiguration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.alter == nil {
		return genuine
	}
	g.lies++
	return g.alter(c)
}

// newRogue starts a service whose connectors are told to dial a rogue gateway and nothing else.
func newRogue(t *testing.T) *rogue {
	t.Helper()
	g := &rogue{t: t, listener: must(net.Listen("tcp", "127.0.0.1:0"))(t)}
	address := g.listener.Addr().String()
	g.world = &world{System: posterntest.New(t, posterntest.With(func(c *service.Config) { c.GatewayAddress = address }))}
	g.running.Go(g.serve)
	t.Cleanup(func() {
		g.listener.Close()
		for _, s := range g.tunnels() {
			s.Close()
		}
		g.running.Wait()
	})
	return g
}

func (g *rogue) control() *control.Control { return g.Service.Control() }

func (g *rogue) serve() {
	config := credential.ServeTunnel(g.control().Certificates().GatewayCertificate, func(tls.ConnectionState) error { return nil })
	for {
		raw, err := g.listener.Accept()
		if err != nil {
			return
		}
		g.running.Go(func() { g.tunnel(tls.Server(raw, config)) })
	}
}

func (g *rogue) tunnel(conn *tls.Conn) {
	if conn.Handshake() != nil {
		conn.Close()
		return
	}
	peer, _, err := credential.PeerIdentity(conn.ConnectionState())
	if err != nil {
		conn.Close()
		return
	}
	s, err := tunnel.New(tunnel.Config{Conn: conn, Hello: tunnel.Hello{Instance: "rogue"}, Accept: func(st *tunnel.Stream) { g.answer(peer, st) }})
	if err != nil {
		conn.Close()
		return
	}
	g.mu.Lock()
	g.sessions = append(g.sessions, s)
	g.mu.Unlock()
	_ = s.Run(context.Background()) // ends by Close
	g.mu.Lock()
	g.sessions = slices.DeleteFunc(g.sessions, func(other *tunnel.Session) bool { return other == s })
	g.mu.Unlock()
}

func (g *rogue) answer(peer wire.Identity, st *tunnel.Stream) {
	defer st.Close()
	open, _ := wire.Decode[wire.Open](st.Payload())
	question, _ := io.ReadAll(io.LimitReader(st, wire.MaxAsk))
	reply := []byte("{}")
	if open.Question == wire.QuestionConfiguration {
		ask, _ := wire.Decode[wire.AskConfiguration](question)
		conf, err := g.control().AgentConfiguration(st.Context(), access.ID(peer.ID), ask)
		if err != nil {
			return
		}
		signed, err := g.control().SignConfiguration(conf)
		if err != nil {
			return
		}
		reply = wire.Encode(g.tamper(signed, conf))
		g.control().Report(wire.Presence{Connector: peer.ID, Instance: "one", Gateway: "rogue", Tunnels: 1, Echo: time.Now()})
	}
	if st.Accept(nil) != nil {
		return
	}
	_, _ = st.Write(reply) // the connector asks again if it did not get it
	_ = st.CloseWrite()
}

func (g *rogue) tunnels() []*tunnel.Session {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.sessions)
}

// session gives a tunnel of the connector.
func (g *rogue) session() *tunnel.Session {
	g.t.Helper()
	var s *tunnel.Session
	g.Await("a tunnel to the rogue gateway", func() bool {
		all := g.tunnels()
		if len(all) > 0 {
			s = all[len(all)-1]
		}
		return s != nil
	})
	return s
}

// open opens a stream, writes to it at once without waiting for leave, and gives the refusal. None means that
// the stream was opened.
func (g *rogue) open(t *testing.T, s *tunnel.Session, message []byte) *wire.Refusal {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), posterntest.Patience)
	defer cancel()
	st := must(s.Open(ctx, message))(t)
	defer st.Close()
	_, _ = io.WriteString(st, "GET /early HTTP/1.1\r\nHost: x\r\n\r\n") // a refused stream takes none
	_, err := st.Opened(ctx)
	if err == nil {
		st.Reset(tunnel.CodeCancelled)
		return nil
	}
	refused, ok := errors.AsType[*tunnel.RefusedError](err)
	if !ok {
		t.Fatalf("neither opened nor refused: %v", err)
	}
	r := must(wire.Decode[wire.Refusal](refused.Payload))(t)
	return &r
}

func (g *rogue) grant(t *testing.T, s *posterntest.System, app string) string {
	t.Helper()
	text, _, err := s.Service.Control().Grant(t.Context(), access.ID(app), nil)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// forge gives a grant like another one, changed and signed by a key of one's own.
func forge(t *testing.T, genuine string, change func(*wire.Grant)) string {
	t.Helper()
	first, _, _ := strings.Cut(genuine, ".")
	var g wire.Grant
	if err := json.Unmarshal(must(base64.RawURLEncoding.DecodeString(first))(t), &g); err != nil {
		t.Fatal(err)
	}
	change(&g)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return must(g.Sign(key))(t)
}

// swapPayload keeps a genuine signature and replaces what it is of.
func swapPayload(t *testing.T, genuine string, change func(*wire.Grant)) string {
	t.Helper()
	forged, _, _ := strings.Cut(forge(t, genuine, change), ".")
	_, signature, _ := strings.Cut(genuine, ".")
	return forged + "." + signature
}

// TestARogueGatewayOpensNothing plays a gateway with a genuine certificate that wants to reach a backend without a
// good grant. The connector refuses each stream, and nothing that was sent along with it reaches the backend.
func TestARogueGatewayOpensNothing(t *testing.T) {
	g := newRogue(t)
	var clock atomic.Int64
	backend := posterntest.NewBackend(t, http.HandlerFunc(page))
	wiki := g.Publish("wiki", backend.URL)
	files := g.Publish("files", backend.URL)
	group := must(g.API.ConnectorGroups.Create(t.Context(), api.ConnectorGroupInput{Name: "Elsewhere"}))(t)
	elsewhere := g.Publish("elsewhere", backend.URL, func(in *api.ApplicationInput) { in.ConnectorGroup = group.ID })
	disabled := g.Publish("disabled", backend.URL)
	good, other, away, gone := g.grant(t, g.System, wiki.ID), g.grant(t, g.System, files.ID), g.grant(t, g.System, elsewhere.ID), g.grant(t, g.System, disabled.ID)
	must(g.API.Applications.Update(t.Context(), disabled.ID, disabled.Version, api.Patch{"disabled": true}))(t)
	stranger := posterntest.New(t)
	foreign := g.grant(t, stranger, stranger.Publish("wiki", backend.URL).ID)
	g.Connector("site", func(c *connector.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(clock.Load())) }
	})
	s := g.session()
	dial := func(o wire.Open) []byte {
		o.Kind = wire.KindDial
		if o.Application == "" {
			o.Application = wiki.ID
		}
		return wire.Encode(o)
	}
	tests := []struct {
		name    string
		message []byte
		clock   time.Duration
	}{
		{"no grant", dial(wire.Open{}), 0},
		{"a word", dial(wire.Open{Grant: "please"}), 0},
		{"a hash that was never shown", dial(wire.Open{GrantHash: wire.GrantHash(good)}), 0},
		{"signed by oneself", dial(wire.Open{Grant: forge(t, good, func(*wire.Grant) {})}), 0},
		{"signed by oneself as another key", dial(wire.Open{Grant: forge(t, good, func(g *wire.Grant) { g.KeyID = "mine" })}), 0},
		{"signed by oneself for ever", dial(wire.Open{Grant: forge(t, good, func(g *wire.Grant) { g.Expires = g.Expires.Add(1e6 * time.Hour) })}), 0},
		{"longer life, genuine signature", dial(wire.Open{Grant: swapPayload(t, good, func(g *wire.Grant) { g.Expires = g.Expires.Add(time.Minute) })}), 0},
		{"other application, genuine signature", dial(wire.Open{Grant: swapPayload(t, other, func(g *wire.Grant) { g.Application = wiki.ID })}), 0},
		{"no signature", dial(wire.Open{Grant: strings.Split(good, ".")[0] + "."}), 0},
		{"two signatures", dial(wire.Open{Grant: good + "." + strings.Split(good, ".")[1]}), 0},
		{"padded", dial(wire.Open{Grant: good + "="}), 0},
		{"of another application", dial(wire.Open{Grant: other}), 0},
		{"of another instance", dial(wire.Open{Grant: foreign}), 0},
		{"expired", dial(wire.Open{Grant: good}), wire.MaxGrantLife + wire.GrantSkew + time.Minute},
		{"not in force yet", dial(wire.Open{Grant: good}), -time.Hour},
		{"application of another connector group", dial(wire.Open{Application: elsewhere.ID, Grant: away}), 0},
		{"application that was disabled", dial(wire.Open{Application: disabled.ID, Grant: gone}), 0},
		{"application that does not exist", dial(wire.Open{Application: "app_none", Grant: good}), 0},
		{"newer version than there is", dial(wire.Open{Grant: good, Version: wiki.Version + 1}), 0},
		{"kind that does not exist", wire.Encode(wire.Open{Kind: "forward", Application: wiki.ID, Grant: good}), 0},
		{"no kind", wire.Encode(wire.Open{Application: wiki.ID, Grant: good}), 0},
		{"question that does not exist", wire.Encode(wire.Open{Kind: wire.KindAsk, Question: "dial", Application: wiki.ID, Grant: good}), 0},
		{"no JSON", []byte("\x00\x01dial"), 0},
		{"empty", nil, 0},
		{"JSON of another shape", []byte(`["dial"]`), 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			clock.Store(int64(test.clock))
			defer clock.Store(0)
			if r := g.open(t, s, test.message); r == nil {
				t.Error("the connector opened the stream")
			} else if r.Sent {
				t.Errorf("bytes were sent: %v", r)
			}
		})
	}
	untouched(t, backend)
	g.goodThenGone(t, s, &clock, wiki, good, dial)
}

// goodThenGone shows that the rogue gateway works, so that its failures mean something, and that even what it was
// once shown to be allowed ends: with its time, on another tunnel, and with the connector.
func (g *rogue) goodThenGone(t *testing.T, s *tunnel.Session, clock *atomic.Int64, wiki api.Application, good string, dial func(wire.Open) []byte) {
	t.Helper()
	for range 2 {
		if r := g.open(t, s, dial(wire.Open{Grant: good})); r != nil {
			t.Fatalf("a good grant: %v", r)
		}
	}
	byHash := dial(wire.Open{GrantHash: wire.GrantHash(good)})
	if r := g.open(t, s, byHash); r != nil {
		t.Errorf("the hash of a grant that was shown: %v", r)
	}
	for _, other := range g.tunnels() {
		if other == s {
			continue
		}
		if r := g.open(t, other, byHash); r == nil || !r.UnknownGrant {
			t.Errorf("the hash on another tunnel: %v", r)
		}
	}
	clock.Store(int64(2 * time.Hour))
	if r := g.open(t, s, byHash); r == nil || r.Code != "grant-expired" {
		t.Errorf("the hash after the grant's end: %v", r)
	}
	clock.Store(0)
	check(t, g.API.Applications.Delete(t.Context(), wiki.ID, 0))
	g.Await("the application to be gone", func() bool { return g.open(t, s, byHash) != nil })
}

// resolver knows one name, whose addresses it takes in turn: as a rebinding DNS server does.
type resolver struct {
	name  string
	asked atomic.Int64
	turns [][]netip.Addr
}

func (r *resolver) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if host != r.name {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	n := int(r.asked.Add(1) - 1)
	return r.turns[min(n, len(r.turns)-1)], nil
}

// TestNoApplicationLeadsToTheConnectorItself publishes the connector's own machine under every spelling, with
// genuine grants. Without a local rule that allows the address none of them is dialled; where a rule allows some
// addresses, the others stay closed.
func TestNoApplicationLeadsToTheConnectorItself(t *testing.T) {
	g := newRogue(t)
	backend := posterntest.NewBackend(t, http.HandlerFunc(page))
	port := strings.TrimSuffix(backend.URL[strings.LastIndex(backend.URL, ":")+1:], "/")
	loopback, mapped := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:127.0.0.1")

	r := &resolver{name: "intranet.example", turns: [][]netip.Addr{{loopback}, {mapped}, {loopback, mapped}, {netip.IPv4Unspecified()}, {netip.IPv6Unspecified()}}}
	hosts := []string{
		"127.0.0.1", "127.0.0.2", "localhost", "LOCALHOST", "a.localhost", "[::1]", "[::]", "0.0.0.0", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
		"[64:ff9b::7f00:1]", "[2002:7f00:1::]", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.1", "0", "169.254.169.254", "[fd00:ec2::254]", "[fe80::1]",
		"intranet.example", "intranet.example", "intranet.example", "intranet.example", "intranet.example", "intranet.example.", "255.255.255.255", "224.0.0.1",
	}
	var apps []api.Application
	for i, host := range hosts {
		name := fmt.Sprintf("app%d", i)
		in := api.ApplicationInput{Name: name, ExternalURL: g.URL(name, "/"), InternalURL: "http://" + host + ":" + port + "/"}
		app, err := g.API.Applications.Create(t.Context(), in)
		if err == nil {
			apps = append(apps, app)
		}
	}
	if len(apps) < len(hosts)/2 {
		t.Fatalf("only %d applications could be published", len(apps))
	}
	for _, rules := range []string{"", "allow *\n", "allow intranet.example\nallow localhost\nallow *.localhost\n", "allow 10.0.0.0/8\n", "deny 127.0.0.1\nallow ::/0\n",
		"allow 127.0.0.1:1-" + fmt.Sprint(must(net.LookupPort("tcp", port))(t)-1) + "\n"} {
		t.Run(fmt.Sprintf("%q", rules), func(t *testing.T) {
			g.t = t
			r.asked.Store(0)
			g.withRules(t, rules, r)
			s := g.session()
			for _, app := range apps {
				if refusal := g.open(t, s, wire.Encode(wire.Open{Kind: wire.KindDial, Application: app.ID, Version: app.Version, Grant: g.grant(t, g.System, app.ID)})); refusal == nil {
					t.Errorf("%s was dialled", app.InternalURL)
				} else if refusal.Sent {
					t.Errorf("%s: bytes were sent", app.InternalURL)
				}
			}
			untouched(t, backend)
		})
	}
}

// withRules enrols and runs a connector with that local file for the time of one test.
func (g *rogue) withRules(t *testing.T, rules string, r connector.Resolver) {
	t.Helper()
	sub := *g.System
	sub.T = t
	path := filepath.Join(t.TempDir(), "rules")
	check(t, os.WriteFile(path, []byte(rules), 0o600))
	sub.Connector("site", func(c *connector.Config) { c.Rules, c.Resolver = path, r })
}
