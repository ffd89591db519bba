package connector

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// TestDrainLosesNothing: a connector that is told to stop finishes what is open, takes nothing new, and says so.
func TestDrainLosesNothing(t *testing.T) {
	w, r, _ := oneApp(t, echo, nil)
	var streams []*tunnel.Stream
	for range 20 {
		st, _, err := w.gateways[0].dial(w.open(app))
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, st)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	eventually(t, "the connector drains", func() bool { return len(w.gateways[0].live()) == 0 })
	if s, err := ReadStatus(t.Context(), w.state); err != nil || s.State != StateDraining {
		t.Errorf("status while draining: %s, %v", s.State, err)
	}
	data := bytes.Repeat([]byte("x"), 256<<10)
	for _, st := range streams {
		go func() { _, _ = st.Write(data); _ = st.CloseWrite() }()
		got, err := io.ReadAll(st)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("a stream gave %d bytes, %v", len(got), err)
		}
		_ = st.Close()
	}
	select {
	case err := <-stopped:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the connector did not stop")
	}
	if _, err := ReadStatus(t.Context(), w.state); !errors.Is(err, ErrNotRunning) {
		t.Errorf("status afterwards: %v", err)
	}
}

// TestDrainEnds: streams that do not move are reset when the drain's time is over.
func TestDrainEnds(t *testing.T) {
	w, r, _ := oneApp(t, hold, func(c *Config) { c.Drain = 50 * time.Millisecond })
	st, _, err := w.gateways[0].dial(w.open(app))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	var reset *tunnel.ResetError
	if _, err := st.Read(make([]byte, 1)); !errors.As(err, &reset) {
		t.Errorf("the stream ended with %v", err)
	}
}

// TestRenewalUnderLoad: a new certificate comes into force over new tunnels, and no stream notices.
func TestRenewalUnderLoad(t *testing.T) {
	w := newWorld(t, 1)
	w.publish(wire.Target{Application: app, Host: "127.0.0.1", Port: newBackend(t, echo).port})
	w.allow("allow 127.0.0.1\n")
	r := w.start(nil)
	w.ready(r)
	before := r.identity().cred
	old := w.gateways[0].live()
	ctx, cancel := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for ctx.Err() == nil {
				w.oneEcho(t)
			}
		})
	}
	if err := r.Connector.renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the old tunnels are gone and new ones are there", func() bool {
		return old[0].Draining() && old[1].Draining() && len(r.fleet.live()) == tunnelsPerGateway
	})
	cancel()
	load.Wait()
	after := r.identity().cred
	if after.Serial == before.Serial || after.Key.Equal(before.Key) {
		t.Error("the renewed certificate has the old serial or key")
	}
}

// TestRenewalCutsNothing: what is open goes on over the tunnel of before, however long; only so many of those stay, and a stop waits for none.
func TestRenewalCutsNothing(t *testing.T) {
	w, r, _ := oneApp(t, echo, func(c *Config) { c.Drain = time.Millisecond })
	works := func(st *tunnel.Stream) bool {
		_ = st.SetDeadline(time.Now().Add(patience))
		_, writeErr := st.Write([]byte("x"))
		_, readErr := io.ReadFull(st, make([]byte, 1))
		return errors.Join(writeErr, readErr) == nil
	}
	renew := func() {
		t.Helper()
		old := w.gateways[0].live()
		if err := r.Connector.renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "tunnels of the new certificate", func() bool {
			return !slices.ContainsFunc(old, func(s *tunnel.Session) bool { return !s.Draining() }) && len(r.fleet.live()) == tunnelsPerGateway
		})
	}
	w.ready(r)
	var held []*tunnel.Stream // one in each tunnel that there was
	for range restingLimit/tunnelsPerGateway + 1 {
		for _, session := range w.gateways[0].live() {
			st, _, err := dialOn(t, session, w.open(app))
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, st)
		}
		for until := time.Now().Add(50 * time.Millisecond); time.Now().Before(until); { // many times Drain
			for _, st := range held {
				if !works(st) {
					t.Fatal("a stream was cut")
				}
			}
		}
		renew()
	}
	cut := 0
	eventually(t, "the oldest tunnels to go", func() bool { return len(r.fleet.all()) <= tunnelsPerGateway+restingLimit })
	for _, st := range held {
		if !works(st) {
			cut++
		}
	}
	if cut != tunnelsPerGateway {
		t.Errorf("%d streams were cut", cut)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// oneEcho opens, echoes and closes, and moves on to another tunnel as a gateway does when one drains.
func (w *world) oneEcho(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		live := w.gateways[0].live()
		if len(live) == 0 {
			t.Error("no tunnel")
			return
		}
		st, err := live[0].Open(ctx, wire.Encode(wire.Open{Kind: wire.KindDial, Application: app, Version: 1, Grant: w.grant(app, nil)}))
		if errors.Is(err, tunnel.ErrDraining) {
			continue
		}
		if err != nil {
			t.Error(err)
			return
		}
		_, err = st.Opened(ctx)
		var reset *tunnel.ResetError
		if errors.As(err, &reset) && reset.Code.Retryable() {
			_ = st.Close()
			continue
		}
		_, writeErr := st.Write([]byte("hello"))
		endErr := st.CloseWrite()
		got, readErr := io.ReadAll(st)
		_ = st.Close()
		if err := errors.Join(err, writeErr, endErr, readErr); err != nil || string(got) != "hello" {
			t.Errorf("echo gave %q, %v", got, err)
		}
		return
	}
}

// TestRenewalIsDue: a certificate past half of its life is renewed by itself.
func TestRenewalIsDue(t *testing.T) {
	w := newWorld(t, 1)
	w.life = 10 * time.Minute
	r := w.start(func(c *Config) { c.Now = func() time.Time { return time.Now().Add(6 * time.Minute) } })
	first := r.identity().cred.Serial
	eventually(t, "a renewal", func() bool { return r.identity().cred.Serial != first })
}

// TestDeleted: a connector whose certificate the gateways refuse asks the service why, says it, and keeps asking slowly.
func TestDeleted(t *testing.T) {
	w, r, _ := oneApp(t, echo, nil)
	w.mu.Lock()
	w.deleted = true
	w.revoked[r.identity().cred.Serial] = true
	w.mu.Unlock()
	for _, s := range w.gateways[0].live() {
		s.Close()
	}
	eventually(t, "the status says that the connector is deleted", func() bool {
		return strings.Contains(strings.Join(r.Status().Why, " "), errGone.Error())
	})
	last := r.Status().LastError
	if last == nil || last.Text == "" {
		t.Errorf("last error: %+v", last)
	}
}

// TestGaveUp: when the service said for an hour that there is no such connector, Run ends with an error of its own.
func TestGaveUp(t *testing.T) {
	w, r, _ := oneApp(t, echo, nil)
	w.mu.Lock()
	w.deleted = true
	w.mu.Unlock()
	r.renewal.lost = time.Now().Add(-2 * giveUpAfter)
	r.renewal.checked = time.Time{}
	r.renewal.check <- struct{}{}
	eventually(t, "Run ends", func() bool { return r.Status().State == StateDraining })
	if err := r.stop(); !errors.Is(err, ErrEnded) {
		t.Errorf("Run: %v", err)
	}
}

// TestGatewayCrash: a gateway that dies and comes back has its tunnels again; the other one serves meanwhile.
func TestGatewayCrash(t *testing.T) {
	w := newWorld(t, 2)
	w.publish(wire.Target{Application: app, Host: "127.0.0.1", Port: newBackend(t, echo).port})
	w.allow("allow 127.0.0.1\n")
	r := w.start(nil)
	w.ready(r)
	for _, s := range w.gateways[0].live() {
		s.Close()
	}
	if _, _, err := w.gateways[1].dial(w.open(app)); err != nil {
		t.Errorf("through the other gateway: %v", err)
	}
	w.ready(r)
}

// TestSharedAddress: behind one address the connector dials until it holds tunnels to each of its gateways.
func TestSharedAddress(t *testing.T) {
	w := newWorld(t, 2)
	front := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	var running sync.WaitGroup
	running.Go(func() {
		for n := 0; ; n++ {
			conn, err := front.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", w.gateways[min(n%5, 1)].listener.Addr().String()) // mostly to the second
			if err != nil {
				conn.Close()
				return
			}
			running.Go(func() { _, _ = io.Copy(to, conn); to.Close() })
			running.Go(func() { _, _ = io.Copy(conn, to); conn.Close() })
		}
	})
	t.Cleanup(func() { front.Close(); running.Wait() })
	w.set(func(c *wire.Configuration) {
		for i := range c.Gateways {
			c.Gateways[i].Address = front.Addr().String()
		}
	})
	r := w.start(nil)
	w.ready(r)
	for _, g := range w.gateways {
		if n := len(g.live()); n != tunnelsPerGateway {
			t.Errorf("%s has %d tunnels", g.id, n)
		}
	}
}

// TestGatewayListFollowed: pushed gateways are dialled, those that are gone are left, and both survive a restart.
func TestGatewayListFollowed(t *testing.T) {
	w := newWorld(t, 2)
	all := w.list()
	w.set(func(c *wire.Configuration) { c.Gateways = all[:1] })
	r := w.start(nil)
	eventually(t, "tunnels to the first", func() bool { return len(w.gateways[0].live()) == 2 && r.following.current.Load() != nil })
	w.change(func(c *wire.Configuration) { c.Gateways = all[1:] })
	eventually(t, "tunnels to the second only", func() bool {
		return len(w.gateways[1].live()) == 2 && len(w.gateways[0].live()) == 0 && len(r.fleet.live()) == 2
	})
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	cred := must(r.dir.Load())(t)
	if got := cred.Connection.Gateways; len(got) != 1 || got[0] != all[1] {
		t.Errorf("kept gateways: %v", got)
	}
	files, _ := os.ReadDir(w.state)
	for _, f := range files {
		data, _ := os.ReadFile(filepath.Join(w.state, f.Name()))
		if bytes.Contains(data, []byte("grantKeys")) || bytes.Contains(data, []byte("targets")) {
			t.Errorf("%s holds more than connection settings and the credential", f.Name())
		}
	}
}

// TestConfigurationRefused: a configuration that is wrong as a whole changes nothing.
func TestConfigurationRefused(t *testing.T) {
	_, r, _ := oneApp(t, echo, nil)
	before := r.following.current.Load()
	for name, alter := range map[string]func(*wire.Configuration){
		"another connector's": func(c *wire.Configuration) { c.Connector = "con_2" },
		"no roots":            func(c *wire.Configuration) { c.Roots = []byte("x") },
		"plain service":       func(c *wire.Configuration) { c.ServiceURL = "http://service.test" },
		"gateway address":     func(c *wire.Configuration) { c.Gateways = []wire.Gateway{{ID: "g", Address: "nowhere"}} },
		"short key":           func(c *wire.Configuration) { c.GrantKeys = map[string][]byte{"k": {1}} },
		"older":               func(c *wire.Configuration) { c.Version = 0; c.Targets = nil },
	} {
		c := before.Configuration
		c.Version, c.Hash = c.Version+1, "other"
		alter(&c)
		if err := r.following.apply(c); err == nil {
			t.Errorf("%s: applied", name)
		}
	}
	if r.following.current.Load() != before {
		t.Error("the configuration in force changed")
	}
}

func TestStatus(t *testing.T) {
	w, r, b := oneApp(t, echo, nil)
	eventually(t, "a report", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.reports) > 0 })
	s, err := ReadStatus(t.Context(), w.state)
	if err != nil {
		t.Fatal(err)
	}
	if s.State != StateOK || s.Connector != connector || s.Name != "test" || len(s.Tunnels) != 2 || len(s.Targets) != 1 ||
		!strings.HasPrefix(s.Targets[0].Address, "127.0.0.1:") || s.Certificate.Serial != r.identity().cred.Serial || b.port == 0 {
		t.Errorf("status: %+v", s)
	}
	info, err := os.Stat(filepath.Join(w.state, statusSocket))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info.Mode(), err)
	}
	if err := second(w); !fault.Is(err, fault.KindConflict) {
		t.Errorf("a second connector on the same directory: %v", err)
	}
	w.gateways[0].cut()
	eventually(t, "degraded", func() bool { return r.Status().State == StateDegraded })
}

// second tries to run another connector on the world's directory.
func second(w *world) error {
	c := must(New(Config{State: w.state, Dialer: dialer(w.t)}))(w.t)
	return c.Run(w.t.Context())
}

// TestRulesReload: a changed file comes into force, a wrong one does not, and both are seen in the status.
func TestRulesReload(t *testing.T) {
	reload := make(chan os.Signal)
	w, r, _ := oneApp(t, echo, func(c *Config) { c.Reload = reload })
	w.allow("deny *\ndeny 127.0.0.1\n")
	reload <- os.Interrupt
	eventually(t, "the new rules", func() bool { return r.local.rules().Len() == 2 })
	refusal := &wire.Refusal{}
	if _, _, err := w.gateways[0].dial(w.open(app)); !errors.As(err, &refusal) || refusal.Code != "rule-refused" {
		t.Errorf("dial: %v", err)
	}
	w.allow("allow 127.0.0.1\nnonsense\n")
	reload <- os.Interrupt
	eventually(t, "a complaint with the line", func() bool { return strings.Contains(r.Status().Rules.Problem, "line 2") })
	if r.local.rules().Len() != 2 || r.Status().State != StateDegraded {
		t.Error("wrong rules changed those in force, or nobody is told")
	}
}

func TestRulesRefusedAtStart(t *testing.T) {
	w := newWorld(t, 1)
	w.enrol()
	start := func() error {
		_, err := New(Config{State: w.state, Rules: w.rules, Dialer: dialer(t)})
		return err
	}
	w.allow("allow here there\n")
	if err := start(); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("wrong rules: %v", err)
	}
	w.allow("allow 10.0.0.0/8\n")
	if err := os.Chmod(w.rules, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := start(); err == nil || !strings.Contains(err.Error(), "open to other users") {
		t.Errorf("rules that others can write: %v", err)
	}
	w.rules += ".missing"
	if err := start(); err == nil {
		t.Error("missing rules: started")
	}
}

func TestEnrolment(t *testing.T) {
	w := newWorld(t, 1)
	e := Enrolment{State: w.state, Token: w.token, Dialer: dialer(t), Host: wire.Host{}, Log: testLog(t)}
	e.Token.Secret = "another"
	if _, err := Enrol(t.Context(), e); !fault.Is(err, fault.KindGone) || !strings.Contains(err.Error(), "not good") {
		t.Errorf("wrong secret: %v", err)
	}
	e.Token = w.token
	e.Token.Fingerprint = strings.Repeat("0", 64)
	if _, err := Enrol(t.Context(), e); err == nil || strings.Contains(err.Error(), w.token.Secret) {
		t.Errorf("wrong authority: %v", err)
	}
	if _, err := New(Config{State: w.state, Dialer: dialer(t)}); !fault.Is(err, fault.KindNotFound) {
		t.Errorf("run without a credential: %v", err)
	}
	e.Token = w.token
	if _, err := Enrol(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if _, err := Enrol(t.Context(), e); !fault.Is(err, fault.KindConflict) {
		t.Errorf("enrolled twice: %v", err)
	}
}

func TestDeregister(t *testing.T) {
	w, r, _ := oneApp(t, echo, nil)
	u := Uninstall{State: w.state, Dialer: dialer(t)}
	if _, err := Deregister(t.Context(), u); !fault.Is(err, fault.KindConflict) {
		t.Errorf("while it runs: %v", err)
	}
	_ = r.stop()
	told, err := Deregister(t.Context(), u)
	if err != nil || !told || !w.deleted {
		t.Errorf("told %v, deleted %v, %v", told, w.deleted, err)
	}
	if left, _ := os.ReadDir(w.state); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestDeregisterUnreachable(t *testing.T) {
	w := newWorld(t, 1)
	w.enrol()
	w.agents.Close()
	u := Uninstall{State: w.state, Dialer: dialer(t)}
	if _, err := Deregister(t.Context(), u); err == nil {
		t.Error("deregistered at a service that is away")
	}
	if _, err := os.Stat(filepath.Join(w.state, "credential.pem")); err != nil {
		t.Errorf("the credential is gone: %v", err)
	}
	u.Force = true
	if told, err := Deregister(t.Context(), u); err != nil || told {
		t.Errorf("forced: told %v, %v", told, err)
	}
}

// TestRescue: a connector whose gateways were all replaced while it was away finds the service at its own address.
func TestRescue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.set(func(c *wire.Configuration) {
		c.ServiceURL = "https://" + w.gateways[0].listener.Addr().String()
		c.Gateways = []wire.Gateway{{ID: "gtw_9", Address: "127.0.0.1:1"}}
	})
	r := w.start(nil)
	eventually(t, "a tunnel to the service's own address", func() bool { return len(r.fleet.live()) == 1 })
	w.change(func(c *wire.Configuration) { c.Gateways = w.list() })
	w.ready(r)
}
