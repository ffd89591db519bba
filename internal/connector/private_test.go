package connector

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"postern/internal/tunnel"
	"postern/internal/wire"
)

const privateApp = "app_private"

// flow gives the opening of a flow of the private application.
func (w *world) flow(network, host string, port uint16) wire.Open {
	grant := w.grant(privateApp, func(g *wire.Grant) { g.Kind, g.User, g.Session = wire.GrantUser, "usr_1", "ses_1" })
	return wire.Open{Application: privateApp, Version: 1, Grant: grant, Request: "flow-1", User: "ada", Host: host, Port: port, Network: network}
}

// datagramBackend answers each datagram with itself.
func datagramBackend(t *testing.T) uint16 {
	t.Helper()
	conn := must(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1<<16)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			_, _ = conn.WriteToUDPAddrPort(buffer[:n], from)
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return uint16(conn.LocalAddr().(*net.UDPAddr).Port)
}

// TestPrivateFlows carries bytes and datagrams to the destinations that streams name, by address and by name.
func TestPrivateFlows(t *testing.T) {
	w := newWorld(t, 1)
	b := newBackend(t, echo)
	udp := datagramBackend(t)
	w.publish(wire.Target{Application: privateApp, Name: "lab", Segments: []wire.Segment{
		{Destination: "*.corp.test", Ports: "1-65535", Protocol: "tcp"}, {Destination: "127.0.0.0/30", Ports: fmt.Sprintf("%d,%d", b.port, udp), Protocol: "both"},
	}})
	w.allow("allow 127.0.0.1\nallow *\n")
	r := w.start(func(c *Config) { c.Resolver = table{"db.corp.test": {netip.MustParseAddr("127.0.0.1")}} })
	w.ready(r)
	for _, host := range []string{"127.0.0.1", "db.corp.test", "DB.Corp.Test"} {
		st, opened, err := w.gateways[0].dial(w.flow("tcp", host, b.port))
		if err != nil || opened.Address != fmt.Sprintf("127.0.0.1:%d", b.port) {
			t.Fatalf("%s: %+v, %v", host, opened, err)
		}
		sent := make([]byte, 1<<20)
		_, _ = rand.Read(sent)
		go func() { _, _ = st.Write(sent); _ = st.CloseWrite() }()
		if got, err := io.ReadAll(st); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%s: %d of %d bytes, %v", host, len(got), len(sent), err)
		}
		_ = st.Close()
	}
	st, opened, err := w.gateways[0].dial(w.flow("udp", "127.0.0.1", udp))
	if err != nil || opened.Address != fmt.Sprintf("127.0.0.1:%d", udp) {
		t.Fatalf("%+v, %v", opened, err)
	}
	for _, size := range []int{1, 0, 200, 1400, 9000, 65507} {
		sent := make([]byte, size)
		_, _ = rand.Read(sent)
		if err := st.SendDatagram(sent); err != nil {
			t.Fatal(err)
		}
		got, err := st.ReceiveDatagram(t.Context())
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("a datagram of %d bytes came back as %d, %v", size, len(got), err)
		}
	}
	_ = st.Close()
	eventually(t, "no stream is left", func() bool { return r.flows.count() == 0 })
}

// TestPrivateRefusals: whatever a gateway says, only what the connector's own configuration has is dialled, only for a user, and only
// where the local rules let it.
func TestPrivateRefusals(t *testing.T) {
	w := newWorld(t, 1)
	b := newBackend(t, hold)
	port := fmt.Sprint(b.port)
	w.publish(wire.Target{Application: app, Name: "web", Host: "127.0.0.1", Port: b.port})
	w.publish(wire.Target{Application: "app_bad", Name: "bad", Segments: []wire.Segment{{Destination: "127.0.0.1", Ports: port, Protocol: "tcp"}, {Destination: "*", Ports: port, Protocol: "tcp"}}})
	w.publish(wire.Target{Application: privateApp, Name: "lab", Segments: []wire.Segment{
		{Destination: "127.0.0.0/30", Ports: port, Protocol: "tcp"}, {Destination: "*.corp.test", Ports: port, Protocol: "tcp"}, {Destination: "169.254.169.254", Ports: port, Protocol: "tcp"},
	}})
	w.allow("deny 127.0.0.2\nallow 127.0.0.0/8\nallow *\n")
	r := w.start(func(c *Config) {
		c.Resolver = table{"meta.corp.test": {netip.MustParseAddr("169.254.169.254")}, "loop.corp.test": {netip.MustParseAddr("127.0.0.2")}}
	})
	w.ready(r)
	with := func(alter func(*wire.Open)) wire.Open {
		open := w.flow("tcp", "127.0.0.1", b.port)
		alter(&open)
		return open
	}
	tests := []struct {
		name string
		open wire.Open
		code string
	}{
		{"another port", w.flow("tcp", "127.0.0.1", b.port+1), "destination-unknown"},
		{"another protocol", w.flow("udp", "127.0.0.1", b.port), "destination-unknown"},
		{"the neighbour", w.flow("tcp", "127.0.0.4", b.port), "destination-unknown"},
		{"the domain itself", w.flow("tcp", "corp.test", b.port), "destination-unknown"},
		{"a name that looks alike", w.flow("tcp", "xcorp.test", b.port), "destination-unknown"},
		{"both protocols", w.flow("both", "127.0.0.1", b.port), "destination-malformed"},
		{"no protocol", w.flow("", "127.0.0.1", b.port), "destination-malformed"},
		{"no port", w.flow("tcp", "127.0.0.1", 0), "destination-malformed"},
		{"no host", w.flow("tcp", "", b.port), "destination-malformed"},
		{"an address in disguise", w.flow("tcp", "127.1", b.port), "destination-malformed"},
		{"a number", w.flow("tcp", "2130706433", b.port), "destination-malformed"},
		{"a host of nonsense", w.flow("tcp", strings.Repeat("a", 4000), b.port), "destination-malformed"},
		{"no destination", with(func(o *wire.Open) { o.Host, o.Port, o.Network = "", 0, "" }), "destination-missing"},
		{"a grant of an application", with(func(o *wire.Open) { o.Grant = w.grant(privateApp, nil) }), "grant-refused"},
		{"no grant", with(func(o *wire.Open) { o.Grant = "" }), "grant-missing"},
		{"an older configuration", with(func(o *wire.Open) { o.Version = 99 }), "configuration-behind"},
		{"a destination for a web application", with(func(o *wire.Open) { o.Application, o.Grant = app, w.grant(app, nil) }), "destination-refused"},
		{"an application with a segment that nobody can read", with(func(o *wire.Open) { o.Application, o.Grant = "app_bad", w.grant("app_bad", nil) }), "target-unusable"},
		{"what the local rules deny", w.flow("tcp", "127.0.0.2", b.port), "rule-refused"},
		{"a name that leads there", w.flow("tcp", "loop.corp.test", b.port), "rule-refused"},
		{"metadata by address", w.flow("tcp", "169.254.169.254", b.port), "address-refused"},
		{"metadata by name", w.flow("tcp", "meta.corp.test", b.port), "address-refused"},
	}
	for _, test := range tests {
		refusal := &wire.Refusal{}
		st, _, err := w.gateways[0].dial(test.open)
		if st != nil || !errors.As(err, &refusal) || refusal.Code != test.code {
			t.Errorf("%s: %v, %v (%+v), want %s", test.name, st, err, refusal, test.code)
		}
	}
	if n, data := b.seen(); n != 0 || data != "" {
		t.Errorf("%d connections and %q reached the backend", n, data)
	}
}

// TestDatagramsToAClosedPort: that nobody listens is told to the opener, by a reset.
func TestDatagramsToAClosedPort(t *testing.T) {
	w := newWorld(t, 1)
	w.publish(wire.Target{Application: privateApp, Name: "lab", Segments: []wire.Segment{{Destination: "127.0.0.1", Ports: "1-65535", Protocol: "udp"}}})
	w.allow("allow 127.0.0.1\n")
	w.ready(w.start(nil))
	st, _, err := w.gateways[0].dial(w.flow("udp", "127.0.0.1", 1)) // the kernel gives it nobody by chance
	if err != nil {
		t.Fatal(err)
	}
	if err := st.SendDatagram([]byte("anybody?")); err != nil {
		t.Fatal(err)
	}
	var reset *tunnel.ResetError
	if _, err := st.ReceiveDatagram(t.Context()); !errors.As(err, &reset) || !reset.Remote {
		t.Errorf("after a datagram to a closed port: %v", err)
	}
}
