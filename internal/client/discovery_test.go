package client_test

import (
	"fmt"
	"testing"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/client/flow"
	"postern/internal/posterntest"
)

// TestDiscovery: what two users' devices reached by Quick Access is discovered, counted once for each over restarts, and what another application
// has or nobody reached is not.
func TestDiscovery(t *testing.T) {
	w := newWorld(t)
	w.tcp.echo()
	if _, err := w.API.Applications.Create(t.Context(), api.ApplicationInput{Name: "Quick", Kind: string(access.KindQuickAccess), Segments: []api.Segment{{Destination: "127.0.0.0/8", Ports: "1-65535", Protocol: "both"}}}); err != nil {
		t.Fatal(err)
	}
	page, err := w.API.Applications.List(t.Context(), api.ListOptions{Search: "Quick"})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	quick, eve := page.Items[0], w.User("eve")
	w.Assign(quick, w.ada)
	w.Assign(quick, eve)
	ada, hers := w.Device("ada"), w.Device("eve")
	w.ready(ada, 2)
	w.ready(hers, 1)
	echo := newUDPBackend(t)
	visit := func(d *posterntest.Device, network string, port uint16) {
		t.Helper()
		f, err := d.Open(t.Context(), to(t, network, "127.0.0.1", port))
		if err != nil {
			t.Fatal(err)
		}
		if network == flow.UDP {
			_ = f.Stream.SendDatagram([]byte("12345"))
			if _, err := f.Stream.ReceiveDatagram(t.Context()); err != nil {
				t.Error(err)
			}
		}
		f.Close()
	}
	for range 3 {
		visit(ada, flow.UDP, echo)
	}
	visit(hers, flow.UDP, echo)
	visit(ada, flow.TCP, w.tcp.port) // the application "lab" has it
	if _, err := ada.Open(t.Context(), to(t, flow.TCP, "127.0.0.9", w.free)); err == nil {
		t.Error("nobody listens there")
	}
	w.Await("the flows to be over", func() bool {
		log, err := w.API.Traffic.List(t.Context(), api.TrafficOptions{Application: quick.ID})
		return err == nil && len(log.Items) == 5
	})
	w.Restart() // what waits is written
	w.ready(ada, 2)
	visit(ada, flow.UDP, echo)
	w.Await("one more", func() bool {
		log, err := w.API.Traffic.List(t.Context(), api.TrafficOptions{Application: quick.ID})
		return err == nil && len(log.Items) == 6
	})
	w.Restart()
	found, err := w.API.Discovery(t.Context(), api.DiscoveryOptions{})
	if err != nil || len(found.Items) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	if d := found.Items[0]; d.Destination != fmt.Sprintf("127.0.0.1:%d/udp", echo) || d.Users != 2 || d.Devices != 2 || d.Flows != 5 || d.Received != 25 || d.Sent != 25 || d.ApplicationName != "Quick" || d.Owned {
		t.Errorf("%+v", d)
	}
}
