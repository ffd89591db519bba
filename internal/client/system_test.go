package client_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/client"
	"postern/internal/client/flow"
	"postern/internal/fault"
	"postern/internal/posterntest"
	"postern/internal/tunnel"
)

// TestFlows: bytes and datagrams of a device reach a private application, by address and by name, and what is not the user's does not.
func TestFlows(t *testing.T) {
	w := newWorld(t)
	d := w.Device("ada")
	w.ready(d, 1)
	w.tcp.echo()
	for _, host := range []string{"127.0.0.1", "localhost"} {
		f, err := d.Open(t.Context(), to(t, flow.TCP, host, w.tcp.port))
		if err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		if f.Application != w.app.ID || f.Request == "" || !strings.HasSuffix(f.Address, to(t, flow.TCP, "x.y", w.tcp.port).Address()[3:]) {
			t.Errorf("%s: %+v", host, f)
		}
		sent := make([]byte, 4<<20)
		_, _ = rand.Read(sent) // never fails
		go func() { _, _ = f.Stream.Write(sent); _ = f.Stream.CloseWrite() }()
		if got, err := io.ReadAll(f.Stream); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%s: %d of %d bytes, %v", host, len(got), len(sent), err)
		}
		f.Close()
	}
	u, err := d.Open(t.Context(), to(t, flow.UDP, "127.0.0.1", w.udp))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 0, 200, 1400, 9000, flow.MaxDatagram} {
		sent := make([]byte, size)
		_, _ = rand.Read(sent) // never fails
		if err := u.Stream.SendDatagram(sent); err != nil {
			t.Fatal(err)
		}
		if got, err := u.Stream.ReceiveDatagram(t.Context()); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("a datagram of %d bytes came back as %d, %v", size, len(got), err)
		}
	}
	u.Close()
	for _, test := range []struct {
		name string
		to   flow.To
		want string
	}{
		{"another port", to(t, flow.TCP, "127.0.0.1", 1), "forbidden"},
		{"another protocol", to(t, flow.UDP, "127.0.0.1", w.tcp.port), "forbidden"},
		{"the neighbour", to(t, flow.TCP, "127.0.0.2", w.tcp.port), "forbidden"},
		{"an application that there is not", flow.To{Network: flow.TCP, Host: to(t, flow.TCP, "127.0.0.1", 1).Host, Port: w.tcp.port, Application: "app_none"}, "forbidden"},
		{"nobody listens there", to(t, flow.TCP, "127.0.0.1", w.free), "connection-refused"},
	} {
		if _, err := d.Open(t.Context(), test.to); code(err) != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if s := d.Status(); s.User != "ada" || s.Device != d.ID || s.Service != w.PortalURL || s.Flows.Opened != 3 || s.Flows.Refused != 5 {
		t.Errorf("%+v", s)
	}
}

// TestRulesFollow: what the user may reach changes under the client's feet, and flows of removed rights are cut.
func TestRulesFollow(t *testing.T) {
	w := newWorld(t)
	d := w.Device("ada")
	w.ready(d, 1)
	f, err := d.Open(t.Context(), to(t, flow.TCP, "127.0.0.1", w.tcp.port))
	if err != nil {
		t.Fatal(err)
	}
	w.unassign()
	_ = f.Stream.SetReadDeadline(time.Now().Add(patience))
	if _, err := f.Stream.Read(make([]byte, 1)); !isReset(err) {
		t.Errorf("the flow ended with %v", err)
	}
	w.ready(d, 0)
	if _, err := d.Open(t.Context(), f.To); !fault.Is(err, fault.KindForbidden) {
		t.Errorf("without the assignment: %v", err)
	}
	w.Assign(w.app, w.ada)
	w.ready(d, 1)
	if f, err = d.Open(t.Context(), f.To); err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func isReset(err error) bool {
	_, ok := errors.AsType[*tunnel.ResetError](err)
	return ok
}

// TestServiceAway: while the service is away an application is blocked with the reason, and works again when it is back; the rules of last
// time are in force in a client that starts meanwhile.
func TestServiceAway(t *testing.T) {
	w := newWorld(t)
	w.tcp.echo()
	d := w.Device("ada")
	w.ready(d, 1)
	dest := to(t, flow.TCP, "127.0.0.1", w.tcp.port)
	w.Stop()
	w.Await("the client to notice", func() bool { return len(d.Status().Tunnels) == 0 })
	if _, err := d.Open(t.Context(), dest); !fault.Is(err, fault.KindUnavailable) || !strings.Contains(err.Error(), `"lab"`) {
		t.Errorf("while the service is away: %v", err)
	}
	if got := d.Explain(t.Context(), dest); got.Way != client.WayBlocked || got.Name != "lab" {
		t.Errorf("%+v", got)
	}
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	w.RunDevice(d)
	if s := d.Status(); !s.Rules.Kept || s.Rules.Applications != 1 {
		t.Errorf("%+v", s.Rules)
	}
	if _, err := d.Open(t.Context(), to(t, flow.TCP, "127.0.0.2", 1)); !fault.Is(err, fault.KindForbidden) {
		t.Errorf("nobody's, while the service is away: %v", err)
	}
	for _, change := range []struct{ from, to string }{{`"segments":`, `"direct":true,"segments":`}, {`"applications":`, `"off":true,"applications":`}} {
		w.rules(d, change.from, change.to)
		f, err := d.Open(t.Context(), dest)
		if err != nil || f.Stream != nil || d.Explain(t.Context(), dest).Way != client.WayDirect {
			t.Fatalf("with %s: %+v, %v, %+v", change.to, f, err, d.Explain(t.Context(), dest))
		}
		f.Close()
	}
	w.Restart()
	w.ready(d, 1)
	var f *flow.Flow
	w.Await("a flow", func() bool {
		var err error
		f, err = d.Open(t.Context(), dest)
		return err == nil
	})
	f.Close()
}

// rules changes the rules that a client keeps, and starts it anew with them.
func (w *world) rules(d *posterntest.Device, from, to string) {
	w.T.Helper()
	if err := d.Stop(); err != nil {
		w.T.Fatal(err)
	}
	path := filepath.Join(d.State, "rules.json")
	text, err := os.ReadFile(path)
	if err == nil && !bytes.Contains(text, []byte(from)) {
		err = fmt.Errorf("%s has no %s", text, from)
	}
	if err == nil {
		err = os.WriteFile(path, bytes.Replace(text, []byte(from), []byte(to), 1), 0o600)
	}
	if err != nil {
		w.T.Fatal(err)
	}
	w.RunDevice(d)
}

// TestLogout: who signs out is signed out in the client that runs, and who signs in goes on in it.
func TestLogout(t *testing.T) {
	w := newWorld(t)
	d := w.Device("ada")
	w.ready(d, 1)
	f, err := d.Open(t.Context(), to(t, flow.TCP, "127.0.0.1", w.tcp.port))
	if err != nil {
		t.Fatal(err)
	}
	state := must(client.OpenState(d.State))(t)
	if service, err := client.Logout(t.Context(), state, w.Dialer(), false); err != nil || service != w.PortalURL {
		t.Fatalf("%s, %v", service, err)
	}
	_ = f.Stream.SetReadDeadline(time.Now().Add(patience))
	if _, err := f.Stream.Read(make([]byte, 1)); !isReset(err) {
		t.Errorf("the flow ended with %v", err)
	}
	w.Await("the client to notice", func() bool { return d.Status().State == client.StateSignedOut })
	if _, err := d.Open(t.Context(), f.To); !errors.Is(err, client.ErrSignedOut) {
		t.Errorf("signed out: %v", err)
	}
	if _, err := client.Logout(t.Context(), state, w.Dialer(), false); !errors.Is(err, client.ErrSignedOut) {
		t.Errorf("again: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(d.State, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte("refresh")) {
			t.Errorf("%s is left and holds %s", path, text)
		}
	}
	again := w.SignInDevice("ada", d.State, nil)
	if again.Device != d.ID || again.Fresh {
		t.Errorf("signed in again as %+v, before as %s", again, d.ID)
	}
	w.ready(d, 1)
	other := w.SignInDevice("ada", d.State, func(in *client.SignIn) { in.NewDevice, in.URL = true, "" })
	if other.Device == d.ID || !other.Fresh {
		t.Errorf("with a new key it is %+v", other)
	}
	w.Await("the client to be the other device", func() bool { return d.Status().Device == other.Device && d.Status().State == client.StateConnected })
}

// TestPause: a client that is paused dials directly, and goes on through the gateway afterwards.
func TestPause(t *testing.T) {
	w := newWorld(t)
	w.tcp.echo()
	d := w.Device("ada")
	w.ready(d, 1)
	dest := to(t, flow.TCP, "127.0.0.1", w.tcp.port)
	d.Pause(time.Hour)
	f, err := d.Open(t.Context(), dest)
	if err != nil || f.Stream != nil || d.Status().State != client.StatePaused || d.Explain(t.Context(), dest).Way != client.WayDirect {
		t.Fatalf("paused: %+v, %v", f, err)
	}
	f.Close()
	d.Pause(0)
	if f, err = d.Open(t.Context(), dest); err != nil || f.Stream == nil {
		t.Fatalf("resumed: %+v, %v", f, err)
	}
	f.Close()
}
