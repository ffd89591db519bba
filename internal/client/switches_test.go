package client_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/client"
	"postern/internal/client/flow"
	"postern/internal/fault"
	"postern/internal/wire"
	"postern/test/size"
)

// switches changes what holds for all clients.
func (w *world) switches(patch api.Patch) api.Clients {
	w.T.Helper()
	now, err := w.API.Clients(w.T.Context())
	if err == nil {
		now, err = w.API.UpdateClients(w.T.Context(), now.Version, patch)
	}
	return must(now, err)(w.T)
}

// TestOff: turned off by an administrator, clients carry nothing and cut what is open within a second, and say why; turned on again they work at once.
func TestOff(t *testing.T) {
	w := newWorld(t)
	d := w.Device("ada")
	w.ready(d, 1)
	dest := to(t, flow.TCP, "127.0.0.1", w.tcp.port)
	f := must(d.Open(t.Context(), dest))(t)
	if held := w.switches(api.Patch{"offReason": "a drill"}); held.Off || held.OffReason != "a drill" {
		t.Errorf("%+v", held)
	}
	if _, err := f.Stream.Write([]byte("x")); err != nil {
		t.Fatalf("a reason alone turns nothing off: %v", err)
	}
	began := time.Now()
	w.switches(api.Patch{"off": true})
	_ = f.Stream.SetReadDeadline(time.Now().Add(patience))
	if _, err := f.Stream.Read(make([]byte, 1)); !isReset(err) {
		t.Errorf("the flow ended with %v", err)
	}
	w.Await("the client to be off", func() bool { return d.Status().State == client.StateOff })
	if took := time.Since(began); took > size.Within(5*time.Second) { // as a rule far less than one
		t.Errorf("it took %s", took)
	}
	if why := strings.Join(d.Status().Why, "\n"); !strings.Contains(why, `"a drill"`) {
		t.Errorf("the status says %q", why)
	}
	if got := d.Explain(t.Context(), dest); got.Way != client.WayDirect || !strings.Contains(got.Why, "a drill") {
		t.Errorf("%+v", got)
	}
	w.tcp.echo()
	if g := must(d.Open(t.Context(), dest))(t); g.Stream != nil {
		t.Error("a new flow goes through a gateway")
	} else {
		g.Close()
	}
	w.Await("no flow to be open", func() bool { return len(d.Flows()) == 0 })
	_, table, mark, err := d.Private(t.Context(), "")
	if err != nil || table != nil || mark != "off" {
		t.Errorf("an interface would capture: %v, %q, %v", table, mark, err)
	}
	w.switches(api.Patch{"off": false})
	w.ready(d, 1)
	if g := must(d.Open(t.Context(), dest))(t); g.Stream == nil {
		t.Error("turned on again, it goes directly")
	} else {
		g.Close()
	}
}

// TestOffAtTheGateway: a client that does not honour it gets nothing either.
func TestOffAtTheGateway(t *testing.T) {
	w := newWorld(t)
	w.tcp.echo()
	d := w.Device("ada")
	w.ready(d, 1)
	w.switches(api.Patch{"off": true})
	w.Await("the client to be off", func() bool { return d.Status().State == client.StateOff })
	if _, err := d.OpenAnyway(t.Context(), to(t, flow.TCP, "127.0.0.1", w.tcp.port)); code(err) != "clients-off" {
		t.Errorf("asked all the same: %v", err)
	}
	if x := must(w.API.Explain(t.Context(), api.ExplainQuestion{User: w.ada.ID, Application: w.app.ID}))(t); x.Reason != "clients-off" || !strings.Contains(x.Cure, "postern clients on") {
		t.Errorf("%+v", x)
	}
}

// TestLocked: what an administrator locked is refused by the client that runs and, where none runs, by what it was told last.
func TestLocked(t *testing.T) {
	w := newWorld(t)
	d := w.Device("ada")
	w.ready(d, 1)
	remote := w.remote(t, d)
	must(remote.Pause(t.Context(), time.Hour))(t)
	w.switches(api.Patch{"locked": []string{"pause", "logout", "down", "down"}})
	w.Await("the pause to be over", func() bool { return d.Status().State == client.StateConnected })
	if got := d.Status().Locked; !slices.Equal(got, []wire.ClientSwitch{wire.SwitchDown, wire.SwitchLogout, wire.SwitchPause}) {
		t.Errorf("locked: %v", got)
	}
	locked := func(name string, err error) {
		t.Helper()
		if !fault.Is(err, fault.KindForbidden) || !strings.Contains(err.Error(), `"postern-client `+name+`"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := remote.Pause(t.Context(), time.Minute)
	locked("pause", err)
	_, err = d.Pause(time.Minute)
	locked("pause", err)
	locked("down", remote.Stop(t.Context()))
	_, err = remote.Logout(t.Context(), true)
	locked("logout", err)
	if err := d.Stop(); err != nil { // as a signal does
		t.Fatal(err)
	}
	state := must(client.OpenState(d.State))(t)
	_, err = client.Logout(t.Context(), state, w.Dialer(), false)
	locked("logout", err)
	_, err = client.Login(t.Context(), client.SignIn{State: state, URL: "https://elsewhere.example", Dialer: w.Dialer()})
	locked("logout", err)

	w.RunDevice(d)
	w.ready(d, 1)
	w.switches(api.Patch{"locked": nil})
	w.Await("nothing to be locked", func() bool { return len(d.Status().Locked) == 0 })
	remote = w.remote(t, d)
	if _, err := remote.Pause(t.Context(), time.Minute); err != nil {
		t.Error(err)
	}
	if service, err := remote.Logout(t.Context(), false); err != nil || service != w.PortalURL {
		t.Errorf("%q, %v", service, err)
	}
	w.Await("the client to be signed out", func() bool { return d.Status().State == client.StateSignedOut })
	if _, err := remote.Logout(t.Context(), false); !fault.Is(err, fault.KindUnauthenticated) {
		t.Errorf("again: %v", err)
	}
}
