package connector

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/agent"
	"postern/internal/tunnel"
	"postern/internal/wire"
	"postern/test/size"
)

const app = "app_1"

// oneApp is a world with one gateway and one application on a backend, and a connector that may reach loopback.
func oneApp(t *testing.T, serve func(*recorded), alter func(*Config)) (*world, *running, *testBackend) {
	t.Helper()
	w := newWorld(t, 1)
	b := newBackend(t, serve)
	w.publish(wire.Target{Application: app, Name: "app", Host: "127.0.0.1", Port: b.port})
	w.allow("allow 127.0.0.1\n")
	r := w.start(alter)
	w.ready(r)
	return w, r, b
}

func (w *world) open(application string) wire.Open {
	return wire.Open{Application: application, Version: 1, Grant: w.grant(application, nil), Request: "req-1", User: "ada"}
}

func TestEcho(t *testing.T) {
	w, r, _ := oneApp(t, echo, nil)
	st, opened, err := w.gateways[0].dial(w.open(app))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(opened.Address, "127.0.0.1:") || opened.Connect <= 0 {
		t.Errorf("Opened = %+v", opened)
	}
	sent := make([]byte, 8<<20)
	_, _ = rand.Read(sent)
	go func() { _, _ = st.Write(sent); _ = st.CloseWrite() }()
	got, err := io.ReadAll(st)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("echo of %d bytes gave %d bytes, %v", len(sent), len(got), err)
	}
	_ = st.Close()
	eventually(t, "no stream is left", func() bool { return r.flows.count() == 0 })
}

// TestRefusals holds that nothing reaches a backend without a good grant, a target of the connector's own configuration
// and the leave of the local rules.
func TestRefusals(t *testing.T) {
	_, stranger, _ := ed25519.GenerateKey(rand.Reader)
	w := newWorld(t, 1)
	b := newBackend(t, hold)
	for _, id := range []string{app, "app_other"} {
		w.publish(wire.Target{Application: id, Host: "127.0.0.1", Port: b.port})
	}
	w.publish(wire.Target{Application: "app_denied", Host: "127.0.0.2", Port: b.port})
	w.publish(wire.Target{Application: "app_badhost", Host: "127.1", Port: b.port})
	w.publish(wire.Target{Application: "app_twice", Host: "127.0.0.1", Port: b.port})
	w.publish(wire.Target{Application: "app_twice", Host: "127.0.0.1", Port: b.port})
	w.allow("deny 127.0.0.2\nallow 127.0.0.0/8\n")
	r := w.start(nil)
	w.ready(r)
	g := w.gateways[0]
	full := w.grant(app, nil)
	flipped := []byte(full)
	flipped[len(flipped)/3] ^= 1
	with := func(application string, alter func(*wire.Grant)) wire.Open {
		return wire.Open{Application: application, Version: 1, Grant: w.grant(application, alter)}
	}
	tests := []struct {
		name  string
		open  wire.Open
		phase wire.Phase
		code  string
	}{
		{"no grant", wire.Open{Application: app, Version: 1}, wire.PhaseGrant, "grant-missing"},
		{"garbage grant", wire.Open{Application: app, Grant: "x.y"}, wire.PhaseGrant, "grant-malformed"},
		{"flipped grant", wire.Open{Application: app, Grant: string(flipped)}, wire.PhaseGrant, ""},
		{"cut grant", wire.Open{Application: app, Grant: full[:len(full)-4]}, wire.PhaseGrant, "grant-refused"},
		{"huge grant", wire.Open{Application: app, Grant: strings.Repeat("A", 9<<10)}, wire.PhaseGrant, "grant-malformed"},
		{"forged grant", wire.Open{Application: app, Grant: must(wire.Grant{KeyID: "k1", TrustDomain: domain, Kind: wire.GrantApplication, Application: app,
			Issued: time.Now(), Expires: time.Now().Add(time.Minute)}.Sign(stranger))(t)}, wire.PhaseGrant, "grant-refused"},
		{"unknown key", with(app, func(g *wire.Grant) { g.KeyID = "k9" }), wire.PhaseGrant, "grant-key-unknown"},
		{"expired", with(app, func(g *wire.Grant) {
			g.Issued, g.Expires = time.Now().Add(-time.Hour), time.Now().Add(-wire.GrantSkew-time.Second)
		}), wire.PhaseGrant, "grant-expired"},
		{"too long a life", with(app, func(g *wire.Grant) { g.Expires = time.Now().Add(2 * time.Hour) }), wire.PhaseGrant, "grant-refused"},
		{"from the future", with(app, func(g *wire.Grant) {
			g.Issued, g.Expires = time.Now().Add(10*time.Minute), time.Now().Add(20*time.Minute)
		}), wire.PhaseGrant, "grant-refused"},
		{"another service", with(app, func(g *wire.Grant) { g.TrustDomain = "postern-2.example" }), wire.PhaseGrant, "grant-refused"},
		{"unknown kind", with(app, func(g *wire.Grant) { g.Kind = "everything" }), wire.PhaseGrant, "grant-refused"},
		{"user grant without user", with(app, func(g *wire.Grant) { g.Kind = wire.GrantUser }), wire.PhaseGrant, "grant-refused"},
		{"another application's grant", wire.Open{Application: "app_other", Version: 1, Grant: full}, wire.PhaseGrant, "grant-refused"},
		{"hash never shown", wire.Open{Application: app, Version: 1, GrantHash: wire.GrantHash(full)}, wire.PhaseGrant, "grant-unknown"},
		{"unknown application", with("app_nowhere", nil), wire.PhaseTarget, "target-unknown"},
		{"version ahead", wire.Open{Application: app, Version: 99, Grant: full}, wire.PhaseTarget, "configuration-behind"},
		{"misspelt address", with("app_badhost", nil), wire.PhaseTarget, "target-unusable"},
		{"ambiguous target", with("app_twice", nil), wire.PhaseTarget, "target-unusable"},
		{"local deny", with("app_denied", nil), wire.PhaseLocal, "rule-refused"},
		{"unknown kind of stream", wire.Open{Kind: "shell", Application: app, Version: 1, Grant: full}, wire.PhaseAsk, "kind-unknown"},
		{"unknown question", wire.Open{Kind: wire.KindAsk, Question: "secrets"}, wire.PhaseAsk, "question-unknown"},
	}
	for _, test := range tests {
		st, _, err := g.dial(test.open)
		if st != nil {
			t.Errorf("%s: opened", test.name)
			continue
		}
		refusal := &wire.Refusal{}
		if !errors.As(err, &refusal) || refusal.Phase != test.phase || test.code != "" && refusal.Code != test.code || refusal.Sent || refusal.Message == "" {
			t.Errorf("%s: %+v (%v); want phase %s, code %s", test.name, refusal, err, test.phase, test.code)
		}
		if test.code == "grant-unknown" && !refusal.UnknownGrant {
			t.Errorf("%s: UnknownGrant is not set", test.name)
		}
	}
	if n, data := b.seen(); n != 0 || data != "" {
		t.Errorf("%d connections and %q reached the backend", n, data)
	}
}

// TestChisel44310b6_EveryOpenIsChecked: what was allowed once on a tunnel is decided again for each stream.
func TestChisel44310b6_EveryOpenIsChecked(t *testing.T) {
	w, r, b := oneApp(t, hold, nil)
	s := w.gateways[0].session()
	full := w.grant(app, nil)
	hash := wire.Open{Application: app, Version: 1, GrantHash: wire.GrantHash(full)}
	if _, _, err := dialOn(t, s, wire.Open{Application: app, Version: 1, Grant: full}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := dialOn(t, s, hash); err != nil {
		t.Fatalf("hash of a grant that was shown: %v", err)
	}
	refused := func(name, code string, s *tunnel.Session, open wire.Open) {
		t.Helper()
		refusal := &wire.Refusal{}
		if _, _, err := dialOn(t, s, open); !errors.As(err, &refusal) || refusal.Code != code {
			t.Errorf("%s: %v; want %s", name, err, code)
		}
	}
	eventually(t, "two tunnels", func() bool { return len(w.gateways[0].live()) == 2 })
	other := w.gateways[0].live()[0]
	if other == s {
		other = w.gateways[0].live()[1]
	}
	refused("hash on another tunnel", "grant-unknown", other, hash)
	wrong := hash
	wrong.Application = "app_2"
	refused("hash for another application", "grant-refused", s, wrong)

	w.change(func(c *wire.Configuration) { c.Targets = nil })
	w.ready(r)
	refused("target withdrawn", "target-unknown", s, hash)
	w.change(func(c *wire.Configuration) { c.GrantKeys = map[string][]byte{"k2": make([]byte, 32)} })
	w.ready(r)
	refused("key withdrawn", "grant-key-unknown", s, hash)
	if n, _ := b.seen(); n != 2 {
		t.Errorf("%d connections reached the backend, want 2", n)
	}
}

// TestExpiredGrant: an expired grant opens nothing more and lets what runs finish.
func TestExpiredGrant(t *testing.T) {
	var mu sync.Mutex
	offset := time.Duration(0)
	now := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(offset)
	}
	w, _, _ := oneApp(t, echo, func(c *Config) { c.Now = now })
	s := w.gateways[0].session()
	open := wire.Open{Application: app, Version: 1, Grant: w.grant(app, func(g *wire.Grant) { g.Expires = time.Now().Add(time.Minute) })}
	st, _, err := dialOn(t, s, open)
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	offset = 5 * time.Minute
	mu.Unlock()
	refusal := &wire.Refusal{}
	if _, _, err := dialOn(t, s, wire.Open{Application: app, Version: 1, GrantHash: wire.GrantHash(open.Grant)}); !errors.As(err, &refusal) || refusal.Code != "grant-expired" {
		t.Errorf("open after expiry: %v", err)
	}
	if _, err := st.Write([]byte("still")); err != nil {
		t.Fatal(err)
	}
	_ = st.CloseWrite()
	if got, err := io.ReadAll(st); err != nil || string(got) != "still" {
		t.Errorf("the running exchange gave %q, %v", got, err)
	}
}

// TestAheadWaits: an OPEN that is ahead of the connector's configuration is served as soon as that has arrived.
func TestAheadWaits(t *testing.T) {
	w, _, b := oneApp(t, echo, nil)
	w.set(func(c *wire.Configuration) { // nobody is told: the connector finds it because the OPEN is ahead
		c.Targets = []wire.Target{
			{Application: app, Version: 2, Host: "127.0.0.1", Port: b.port},
			{Application: "app_new", Version: 1, Host: "127.0.0.1", Port: b.port},
		}
	})
	for _, open := range []wire.Open{
		{Application: app, Version: 2, Grant: w.grant(app, nil)},
		{Application: "app_new", Version: 1, Grant: w.grant("app_new", nil)},
	} {
		started := time.Now()
		st, _, err := w.gateways[0].dial(open)
		if err != nil && time.Since(started) > catchUp { // too slow a machine
			started = time.Now()
			st, _, err = w.gateways[0].dial(open)
		}
		if err != nil {
			t.Errorf("%s: %v", open.Application, err)
			continue
		}
		if took := time.Since(started); took > size.Within(catchUp+500*time.Millisecond) {
			t.Errorf("%s took %s", open.Application, took)
		}
		st.Reset(tunnel.CodeCancelled)
	}
}

// table is a resolver that knows what a test tells it.
type table map[string][]netip.Addr

func (m table) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	if addrs, ok := m[host]; ok {
		return addrs, nil
	}
	if host == "slow.test" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// TestSpecialAddresses: no name and no spelling leads to loopback, link-local or metadata addresses.
func TestSpecialAddresses(t *testing.T) {
	w := newWorld(t, 1)
	b := newBackend(t, hold)
	addr := func(texts ...string) (all []netip.Addr) {
		for _, text := range texts {
			all = append(all, netip.MustParseAddr(text))
		}
		return all
	}
	names := table{
		"rebind.test": addr("127.0.0.1"), "six.test": addr("::1"), "mapped.test": addr("::ffff:127.0.0.1"), "meta.test": addr("169.254.169.254"),
		"nat64.test": addr("64:ff9b::127.0.0.1"), "sixtofour.test": addr("2002:7f00:1::"), "zero.test": addr("0.0.0.0"),
		"both.test": addr("127.0.0.1", "::1"), "zone.test": addr("fe80::1%lo"), "localhost": addr("127.0.0.1"), "empty.test": {},
	}
	tests := []struct{ host, phase, code string }{
		{"127.0.0.1", "local", "address-refused"}, {"::1", "local", "address-refused"}, {"[::1]", "local", "address-refused"},
		{"::ffff:127.0.0.1", "local", "address-refused"}, {"::ffff:7f00:1", "local", "address-refused"}, {"0.0.0.0", "local", "address-refused"},
		{"::", "local", "address-refused"}, {"169.254.169.254", "local", "address-refused"}, {"fd00:ec2::254", "local", "address-refused"},
		{"100.100.100.200", "local", "address-refused"}, {"2002:7f00:1::", "local", "address-refused"}, {"64:ff9b::7f00:1", "local", "address-refused"},
		{"127.1", "target", "target-unusable"}, {"2130706433", "target", "target-unusable"}, {"0x7f.0.0.1", "target", "target-unusable"},
		{"0177.0.0.1", "target", "target-unusable"}, {"127.0.0.1.", "target", "target-unusable"}, {"127。0。0。1", "target", "target-unusable"},
		{"fe80::1%lo", "target", "target-unusable"},
		{"localhost", "local", "address-refused"}, {"rebind.test", "local", "address-refused"}, {"six.test", "local", "address-refused"},
		{"mapped.test", "local", "address-refused"}, {"meta.test", "local", "address-refused"}, {"nat64.test", "local", "address-refused"},
		{"sixtofour.test", "local", "address-refused"}, {"zero.test", "local", "address-refused"}, {"both.test", "local", "address-refused"},
		{"zone.test", "local", "address-refused"}, {"missing.test", "resolve", "name-not-found"}, {"empty.test", "resolve", "name-not-found"},
	}
	for i, test := range tests {
		w.publish(wire.Target{Application: fmt.Sprint("app_", i), Host: test.host, Port: b.port})
	}
	r := w.start(func(c *Config) { c.Resolver = names })
	w.ready(r)
	for i, test := range tests {
		refusal := &wire.Refusal{}
		st, _, err := w.gateways[0].dial(w.open(fmt.Sprint("app_", i)))
		if st != nil || !errors.As(err, &refusal) || string(refusal.Phase) != test.phase || refusal.Code != test.code {
			t.Errorf("%s: %v (%+v); want %s %s", test.host, err, refusal, test.phase, test.code)
		}
	}
	if n, data := b.seen(); n != 0 || data != "" {
		t.Errorf("%d connections and %q reached the backend", n, data)
	}
}

// TestCheckedAddressIsDialled: of a name with good and bad addresses only the good one is dialled, and the name is
// looked up once.
func TestCheckedAddressIsDialled(t *testing.T) {
	w := newWorld(t, 1)
	b := newBackend(t, echo)
	w.publish(wire.Target{Application: app, Host: "mixed.test", Port: b.port})
	w.allow("deny 127.0.0.3\nallow 127.0.0.1\nallow *\n")
	names := table{"mixed.test": {netip.MustParseAddr("127.0.0.3"), netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")}}
	r := w.start(func(c *Config) { c.Resolver = names })
	w.ready(r)
	_, opened, err := w.gateways[0].dial(w.open(app))
	if err != nil || opened.Address != fmt.Sprintf("127.0.0.1:%d", b.port) {
		t.Errorf("dialled %s, %v", opened.Address, err)
	}
}

// TestDialFailures: what the backend's network does is told with phase, code and a sentence.
func TestDialFailures(t *testing.T) {
	w := newWorld(t, 1)
	plain := newBackend(t, func(r *recorded) { _, _ = r.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); hold(r) })
	own := newAuthority(t, time.Now().Add(time.Hour), "127.0.0.1")
	named := newAuthority(t, time.Now().Add(time.Hour), "else.test")
	old := newAuthority(t, time.Now().Add(-time.Minute), "127.0.0.1")
	w.publish(wire.Target{Application: "refused", Host: "127.0.0.1", Port: 1})
	w.publish(wire.Target{Application: "plain", Host: "127.0.0.1", Port: plain.port, TLS: true})
	for name, a := range map[string]authority{"untrusted": own, "name": named, "old": old} {
		target := wire.Target{Application: name, Host: "127.0.0.1", Port: newBackend(t, a.overTLS(echoTLS)).port, TLS: true}
		if name != "untrusted" {
			target.Roots = a.pem
		}
		w.publish(target)
	}
	w.allow("allow 127.0.0.1\n")
	w.ready(w.start(nil))
	tests := []struct{ application, phase, code string }{
		{"refused", "connect", "connection-refused"}, {"plain", "tls", "not-tls"}, {"untrusted", "tls", "certificate-untrusted"},
		{"name", "tls", "certificate-name"}, {"old", "tls", "certificate-expired"},
	}
	for _, test := range tests {
		refusal := &wire.Refusal{}
		_, _, err := w.gateways[0].dial(w.open(test.application))
		if !errors.As(err, &refusal) || string(refusal.Phase) != test.phase || refusal.Code != test.code || refusal.Sent {
			t.Errorf("%s: %v (%+v)", test.application, err, refusal)
		}
	}
}

// TestHostileGateway: garbage and floods cost the connector nothing but refusals, and it serves on.
func TestHostileGateway(t *testing.T) {
	w, r, _ := oneApp(t, echo, func(c *Config) { c.Limits.Streams = 64 })
	s := w.gateways[0].session()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, payload := range [][]byte{nil, []byte("\x00\xff"), []byte(`{"kind":7}`), []byte(`{"kind":"dial","application":{}}`), []byte(`[]`), []byte("null"),
		bytes.Repeat([]byte("x"), tunnel.MaxMessage), []byte(`{"kind":"` + strings.Repeat("k", 15<<10) + `"}`)} {
		st, err := s.Open(ctx, payload)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Opened(ctx); err == nil {
			t.Errorf("%.20q was accepted", payload)
		}
		_ = st.Close()
	}
	grant := w.grant(app, nil)
	var refused, opened int
	var streams []*tunnel.Stream
	for range 300 { // held open, so that the limit is met
		st, err := s.Open(ctx, wire.Encode(wire.Open{Kind: wire.KindDial, Application: app, Version: 1, Grant: grant}))
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, st)
	}
	for _, st := range streams {
		if _, err := st.Opened(ctx); err != nil {
			refused++
		} else {
			opened++
		}
	}
	if opened > 64 || opened == 0 || refused == 0 || r.flows.count() > 64 {
		t.Errorf("%d opened, %d refused, %d counted; the limit is 64", opened, refused, r.flows.count())
	}
	for _, st := range streams {
		st.Reset(tunnel.CodeCancelled)
	}
	eventually(t, "all streams are gone", func() bool { return r.flows.count() == 0 })
	if _, _, err := dialOn(t, s, w.open(app)); err != nil {
		t.Errorf("after the flood: %v", err)
	}
}

func TestProbeIsEchoed(t *testing.T) {
	w, _, _ := oneApp(t, echo, nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	type probe struct {
		N int `json:"n"`
	}
	got, err := agent.Ask[probe](ctx, w.gateways[0].session(), wire.QuestionProbe, probe{42})
	if err != nil || got.N != 42 {
		t.Errorf("probe gave %v, %v", got, err)
	}
}

// TestNobodyMeasuresUnasked holds that a gateway cannot load a connector that has not begun to measure.
func TestNobodyMeasuresUnasked(t *testing.T) {
	w := newWorld(t, 1)
	w.ready(w.start(nil))
	_, _, err := w.gateways[0].dial(wire.Open{Kind: wire.KindBench})
	if r, ok := errors.AsType[*wire.Refusal](err); !ok || r.Code != codeTargetUnknown {
		t.Errorf("opened: %v", err)
	}
}
