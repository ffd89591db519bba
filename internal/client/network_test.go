package client_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/internal/client"
	"postern/internal/client/flow"
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
	d.Moved(netip.MustParseAddr("192.0.2.1"))
	w.Await("another tunnel", func() bool { now := since(); return !now.IsZero() && !now.Equal(before) })
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
