package connector

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	"postern/internal/wire"
)

// TestProxyHeader holds the bytes against the protocol's text, section 2.2.
func TestProxyHeader(t *testing.T) {
	const signature = "0d0a0d0a000d0a515549540a"
	for _, test := range []struct {
		name, from, to, host, request, want string
	}{
		{"IPv4", "203.0.113.2:51000", "10.0.0.7:22", "", "", "21 11 000c cb007102 0a000007 c738 0016"},
		{"IPv4, written as IPv6", "[::ffff:203.0.113.2]:51000", "10.0.0.7:22", "", "", "21 11 000c cb007102 0a000007 c738 0016"},
		{"IPv6", "[2001:db8::1]:1", "[fd00::2]:443", "", "", "21 21 0024 20010db8000000000000000000000001 fd000000000000000000000000000002 0001 01bb"},
		{"one side has IPv4", "203.0.113.2:1", "[fd00::2]:443", "", "", "21 21 0024 00000000000000000000ffffcb007102 fd000000000000000000000000000002 0001 01bb"},
		{"with a name and a reference", "203.0.113.2:51000", "10.0.0.7:22", "db", "ab", "21 11 0016 cb007102 0a000007 c738 0016 02 0002 6462 05 0002 6162"},
		{"a long reference", "203.0.113.2:51000", "10.0.0.7:22", "", strings.Repeat("a", 200), "21 11 008f cb007102 0a000007 c738 0016 05 0080" + strings.Repeat("61", 128)},
	} {
		h := proxyHeader{from: netip.MustParseAddrPort(test.from), host: test.host, request: test.request}
		want := signature + strings.ReplaceAll(test.want, " ", "")
		if got := hex.EncodeToString(h.bytes(netip.MustParseAddrPort(test.to))); got != want {
			t.Errorf("%s: %s, want %s", test.name, got, want)
		}
	}
}

// TestProxyHeaderFirst: the server gets the header before all else, and no stream goes without one where there must be one.
func TestProxyHeaderFirst(t *testing.T) {
	w := newWorld(t, 1)
	b := newBackend(t, echo)
	udp := datagramBackend(t)
	w.publish(wire.Target{Application: privateApp, Name: "lab", ProxyProtocol: "v2", Segments: []wire.Segment{
		{Destination: "127.0.0.1", Ports: fmt.Sprintf("%d,%d", b.port, udp), Protocol: "both"},
	}})
	w.publish(wire.Target{Application: "app_future", Name: "future", ProxyProtocol: "v3", Segments: []wire.Segment{{Destination: "127.0.0.1", Ports: "1-65535", Protocol: "tcp"}}})
	w.allow("allow 127.0.0.1\nallow *\n")
	r := w.start(nil)
	w.ready(r)
	open := w.flow("tcp", "127.0.0.1", b.port)
	for _, client := range []string{"", "203.0.113.2", "somebody:1"} {
		open.Client = client
		if _, _, err := w.gateways[0].dial(open); errorCode(err) != "client-unknown" {
			t.Errorf("from %q: %v", client, err)
		}
	}
	open.Client = "203.0.113.2:51000"
	st, _, err := w.gateways[0].dial(open)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = st.Write([]byte("hello"))
	_ = st.CloseWrite()
	header := (&proxyHeader{from: netip.MustParseAddrPort(open.Client), request: open.Request}).bytes(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), b.port))
	if got, err := io.ReadAll(st); err != nil || !bytes.Equal(got, append(header, "hello"...)) {
		t.Errorf("the server got %q, %v", got, err)
	}
	st, _, err = w.gateways[0].dial(w.flow("udp", "127.0.0.1", udp)) // goes without
	if err != nil {
		t.Fatal(err)
	}
	if err := st.SendDatagram([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if got, err := st.ReceiveDatagram(t.Context()); err != nil || string(got) != "hello" {
		t.Errorf("a datagram came back as %q, %v", got, err)
	}
	open.Application, open.Grant = "app_future", w.grant("app_future", nil)
	if _, _, err := w.gateways[0].dial(open); errorCode(err) != "target-unusable" {
		t.Errorf("a version that the connector does not know: %v", err)
	}
}

func errorCode(err error) string {
	if r, ok := errors.AsType[*wire.Refusal](err); ok {
		return r.Code
	}
	return fmt.Sprint(err)
}
