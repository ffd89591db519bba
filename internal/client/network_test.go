package client_test

import (
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/client"
	"postern/internal/client/flow"
	"postern/internal/fault"
)

// TestAddressLost: when the machine loses the address that a tunnel goes out by, the tunnel is made anew without waiting for its silence.
func TestAddressLost(t *testing.T) {
	w := newWorld(t)
	w.tcp.echo()
	d := w.Device("ada")
	w.ready(d, 1)
	since := func() time.Time {
		if s := d.Status(); len(s.Tunnels) == 1 && s.State == client.StateConnected {
			return s.Tunnels[0].Since
		}
		return time.Time{}
	}
	before := since()
	d.Probe()
	d.Moved()
	d.Moved(netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("127.0.0.1"))
	if f, err := d.Open(t.Context(), to(t, flow.TCP, "127.0.0.1", w.tcp.port)); err != nil || !since().Equal(before) {
		t.Errorf("nothing that it needs was lost: %v, %v", f, err)
	}
	for range 5 { // from one network to the next: none lives for long
		before = since()
		d.Moved(netip.MustParseAddr("192.0.2.1"))
		w.Await("another tunnel", func() bool { now := since(); return !now.IsZero() && !now.Equal(before) })
	}
}

// TestRenewal: asked for before it is due the certificate stays; and when there is a new one, flows go on over the tunnel of before.
func TestRenewal(t *testing.T) {
	w := newWorld(t)
	d := w.Device("ada")
	w.ready(d, 1)
	before := d.Status()
	f, err := d.Open(t.Context(), to(t, flow.TCP, "127.0.0.1", w.tcp.port))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Renew(t.Context()); err != nil || d.Status().Certificate != before.Certificate || d.Status().Device != before.Device {
		t.Fatalf("before it is due: %+v, %v", d.Status().Certificate, err)
	}
	d.Redial()
	w.Await("a tunnel beside the one that carries the flow", func() bool { return len(d.Status().Tunnels) == 2 })
	backend := w.tcp.next(t)
	_, _ = f.Stream.Write([]byte("still"))
	_ = f.Stream.CloseWrite()
	got := make([]byte, 5)
	if n, err := backend.Read(got); string(got[:n]) != "still" {
		t.Errorf("%q, %v", got[:n], err)
	}
	backend.Close()
	f.Close()
	w.Await("the tunnel of before to go", func() bool { return len(d.Status().Tunnels) == 1 })
}

// TestNewerToken: before a token ends the next one is shown, what is open stays, and the one before is spent.
func TestNewerToken(t *testing.T) {
	w := newWorld(t)
	d := w.Device("ada")
	w.ready(d, 1)
	before := d.Status().Tunnels[0]
	f, err := d.Open(t.Context(), to(t, flow.TCP, "127.0.0.1", w.tcp.port))
	if err != nil {
		t.Fatal(err)
	}
	kept := func() string {
		return string(must(os.ReadFile(filepath.Join(d.State, "sign-in.json")))(t))
	}
	for range 3 {
		shown := kept()
		if err := d.Reshow(t.Context()); err != nil || kept() == shown {
			t.Fatalf("the next token: %v (another one is kept: %t)", err, kept() != shown)
		}
	}
	now := d.Status().Tunnels[0]
	if now.SignedIn.Before(before.SignedIn) || !now.Since.Equal(before.Since) {
		t.Errorf("before %+v, now %+v", before, now)
	}
	backend := w.tcp.next(t)
	_, _ = f.Stream.Write([]byte("still"))
	if got := make([]byte, 5); readFull(backend, got) != "still" {
		t.Errorf("%q", got)
	}
	f.Close()
}

func readFull(r io.Reader, p []byte) string {
	n, _ := io.ReadFull(r, p) // what is missing is seen
	return string(p[:n])
}

// TestSessionRevoked: when an administrator ends the sign-in, the client says so, and goes on when the user signs in again.
func TestSessionRevoked(t *testing.T) {
	w := newWorld(t)
	d := w.Device("ada")
	w.ready(d, 1)
	f, err := d.Open(t.Context(), to(t, flow.TCP, "127.0.0.1", w.tcp.port))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.API.Users.RevokeSessions(t.Context(), w.ada.ID); err != nil {
		t.Fatal(err)
	}
	_ = f.Stream.SetReadDeadline(time.Now().Add(patience))
	if _, err := f.Stream.Read(make([]byte, 1)); !isReset(err) {
		t.Errorf("the flow ended with %v", err)
	}
	w.Await("the client to say that it is signed out", func() bool {
		s := d.Status()
		return s.State == client.StateSignedOut && len(s.Why) > 0 && strings.Contains(s.Why[0], "sign in again")
	})
	if _, err := d.Open(t.Context(), f.To); !fault.Is(err, fault.KindUnauthenticated) {
		t.Errorf("signed out: %v", err)
	}
	w.SignInDevice("ada", d.State, nil)
	w.ready(d, 1)
}

// TestInterruptedSwitch: a change of the device's key that a crash cut is ended at the next start.
func TestInterruptedSwitch(t *testing.T) {
	w := newWorld(t)
	d := w.Device("ada")
	w.ready(d, 1)
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	other := w.SignInDevice("ada", filepath.Join(t.TempDir(), "other"), nil)
	next := filepath.Join(d.State, "next")
	if err := os.Mkdir(next, 0o700); err != nil {
		t.Fatal(err)
	}
	// What Switch does first: from then on the next credential is the one.
	for _, name := range []string{"credential.pem", "connection.json"} {
		data, err := os.ReadFile(filepath.Join(d.State, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(next, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(d.State, "credential.pem")); err != nil {
		t.Fatal(err)
	}
	w.RunDevice(d)
	w.ready(d, 1)
	if s := d.Status(); s.Device != d.ID || s.Device == other.Device {
		t.Errorf("%+v", s)
	}
	if _, err := os.Lstat(next); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", next, err)
	}
}
