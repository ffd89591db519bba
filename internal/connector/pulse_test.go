package connector

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"postern/internal/wire"
)

// TestAlive holds that a connector moves while it has no gateway to speak to, and not once a part of it hangs.
func TestAlive(t *testing.T) {
	w := newWorld(t, 1)
	c := w.start(nil)
	w.ready(c)
	if err := c.Alive(t.Context()); err != nil {
		t.Errorf("with tunnels: %v", err)
	}
	for _, g := range w.gateways {
		g.stop()
		g.cut()
	}
	eventually(t, "no tunnel is left", func() bool { return len(c.fleet.live()) == 0 })
	if err := c.Alive(t.Context()); err != nil {
		t.Errorf("without a gateway: %v", err)
	}
	hangs := []struct {
		what string
		lock func() (unlock func())
	}{
		{"the tunnels", func() func() { c.fleet.mu.Lock(); return c.fleet.mu.Unlock }},
		{"the configuration", func() func() { c.following.mu.Lock(); return c.following.mu.Unlock }},
		{"the streams", func() func() { c.flows.mu.Lock(); return c.flows.mu.Unlock }},
		{"the state", func() func() { c.mu.Lock(); return c.mu.Unlock }},
	}
	for _, hang := range hangs {
		unlock := hang.lock()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := c.Alive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s hang: %v", hang.what, err)
		}
		cancel()
		unlock()
	}
	turned := c.heart.turned.Load()
	c.heart.turned.Store(int64(-2 * turnAtMost))
	if err := c.Alive(t.Context()); err == nil {
		t.Error("a renewal that hangs is not seen")
	}
	c.heart.turned.Store(turned)
	if err := c.Alive(t.Context()); err != nil {
		t.Errorf("at the end: %v", err)
	}
}

// TestHandOverOfStatus has two processes of one connector serve, as during a hand-over: both have tunnels, and the
// second answers for the status, also when the first has ended.
func TestHandOverOfStatus(t *testing.T) {
	w := newWorld(t, 1)
	w.publish(wire.Target{Application: app, Host: "127.0.0.1", Port: newBackend(t, echo).port})
	w.allow("allow 127.0.0.1\n")
	supervised := func(cfg *Config) { cfg.Supervised = true }
	old := w.start(supervised)
	w.ready(old)
	next := w.start(supervised)
	if err := next.Serving(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both have tunnels", func() bool { return len(w.gateways[0].live()) == 2*tunnelsPerGateway })
	w.oneEcho(t)
	status := func(what string) {
		s, err := ReadStatus(t.Context(), w.state)
		if err != nil || !s.Started.Equal(next.started) {
			t.Errorf("%s: a status of the process that began %s, not %s: %v", what, s.Started, next.started, err)
		}
	}
	eventually(t, "the second serves the status", func() bool {
		s, err := ReadStatus(t.Context(), w.state)
		return err == nil && s.Started.Equal(next.started)
	})
	if err := old.stop(); err != nil {
		t.Error(err)
	}
	status("after the first ended")
	w.oneEcho(t)
	lock, err := LockRun(w.state)
	if err != nil {
		t.Fatalf("the supervisor's lock: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("unix", w.state+"/"+statusSocket); err != nil {
		t.Error(err)
	}
}
