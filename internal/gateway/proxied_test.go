package gateway_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/gateway"
	"postern/internal/wire"
)

// proxyHeader makes a header of the PROXY protocol, version 2.
func proxyHeader(command, family byte, body []byte) []byte {
	head := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), command, family)
	return append(binary.BigEndian.AppendUint16(head, uint16(len(body))), body...)
}

// told is the body of a header that tells of a client.
func told(client, server string) []byte {
	from, to := netip.MustParseAddrPort(client), netip.MustParseAddrPort(server)
	body := append(from.Addr().AsSlice(), to.Addr().AsSlice()...)
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(body, from.Port()), to.Port())
}

// withChecksum adds a checksum, wrong by so much.
func withChecksum(header []byte, wrong uint32) []byte {
	header = append(bytes.Clone(header), 0x03, 0, 4, 0, 0, 0, 0)
	binary.BigEndian.PutUint16(header[14:], uint16(len(header)-16))
	sum := crc32.Checksum(header, crc32.MakeTable(crc32.Castagnoli)) + wrong
	binary.BigEndian.PutUint32(header[len(header)-4:], sum)
	return header
}

func TestProxyHeader(t *testing.T) {
	four, six := told("198.51.100.7:4711", "203.0.113.1:443"), told("[2001:db8::7]:4711", "[2001:db8::1]:443")
	addition := append(bytes.Clone(four), 0x04, 0, 2, 1, 2) // PP2_TYPE_NOOP
	tests := []struct {
		name   string
		header []byte
		want   string // the client, or part of the error
		isOK   bool
	}{
		{"IPv4", proxyHeader(0x21, 0x11, four), "198.51.100.7:4711", true},
		{"IPv6", proxyHeader(0x21, 0x21, six), "[2001:db8::7]:4711", true},
		{"IPv4 in IPv6", proxyHeader(0x21, 0x21, told("[::ffff:198.51.100.7]:4711", "[::1]:443")), "198.51.100.7:4711", true},
		{"with additions", proxyHeader(0x21, 0x11, addition), "198.51.100.7:4711", true},
		{"with a checksum", withChecksum(proxyHeader(0x21, 0x11, addition), 0), "198.51.100.7:4711", true},
		{"the balancer's own", proxyHeader(0x20, 0, nil), "invalid AddrPort", true},
		{"the balancer's own with addresses", proxyHeader(0x20, 0x11, four), "invalid AddrPort", true},
		{"a wrong checksum", withChecksum(proxyHeader(0x21, 0x11, four), 1), "wrong checksum", false},
		{"version 1", []byte("PROXY TCP4 198.51.100.7 203.0.113.1 4711 443\r\n"), "version 1", false},
		{"TLS", append([]byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3}, make([]byte, 20)...), "does not begin with", false},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "does not begin with", false},
		{"little of something else", []byte("x"), "does not begin with", false},
		{"UDP", proxyHeader(0x21, 0x12, four), "another family", false},
		{"a UNIX socket", proxyHeader(0x21, 0x31, make([]byte, 216)), "another family", false},
		{"no family", proxyHeader(0x21, 0, nil), "another family", false},
		{"another command", proxyHeader(0x22, 0x11, four), "another version or command", false},
		{"version 3", proxyHeader(0x31, 0x11, four), "another version or command", false},
		{"too little", proxyHeader(0x21, 0x21, four), "less than its addresses", false},
		{"cut off", proxyHeader(0x21, 0x11, four)[:20], "cut off", false},
		{"too much", proxyHeader(0x21, 0x11, make([]byte, 60000)), "more than the 4096", false},
		{"half an addition", proxyHeader(0x21, 0x11, append(bytes.Clone(four), 4, 0)), "ends in an addition", false},
		{"an addition too long", proxyHeader(0x21, 0x11, append(bytes.Clone(four), 4, 0, 9, 1)), "ends in an addition", false},
		{"a checksum of two bytes", proxyHeader(0x21, 0x11, append(bytes.Clone(four), 3, 0, 2, 1, 1)), "another length", false},
		{"nobody's address", proxyHeader(0x21, 0x11, told("0.0.0.0:1", "203.0.113.1:443")), "no client has", false},
	}
	for _, test := range tests {
		rest := strings.NewReader("rest")
		got, err := gateway.ReadProxyHeader(io.MultiReader(bytes.NewReader(test.header), rest))
		if test.isOK {
			if err != nil || got.String() != test.want || rest.Len() != 4 {
				t.Errorf("%s: %v, %v, %d bytes left", test.name, got, err, rest.Len())
			}
		} else if _, err = gateway.ReadProxyHeader(bytes.NewReader(test.header)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func FuzzProxyHeader(f *testing.F) {
	f.Add(proxyHeader(0x21, 0x11, told("198.51.100.7:4711", "203.0.113.1:443")))
	f.Add(withChecksum(proxyHeader(0x21, 0x21, told("[2001:db8::7]:4711", "[2001:db8::1]:443")), 0))
	f.Add(proxyHeader(0x20, 0, []byte{4, 0, 0}))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		client, err := gateway.ReadProxyHeader(r)
		if err != nil && client.IsValid() {
			t.Errorf("an error and a client: %v", client)
		}
		if err == nil && len(data)-r.Len() != 16+int(binary.BigEndian.Uint16(data[14:])) {
			t.Errorf("%d bytes were read", len(data)-r.Len())
		}
	})
}

// balancer is the address from which the tests' load balancer connects; it is listed.
const balancer = "127.0.0.9"

func listed(c *gateway.Config) {
	c.ProxyProtocolFrom = []netip.Prefix{netip.MustParsePrefix(balancer + "/32")}
}

// from connects from an address and says something first.
func (w *world) from(address string, first []byte) net.Conn {
	w.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	c, err := d.DialContext(w.t.Context(), "tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(first); err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) browse(raw net.Conn, host string) (*http.Response, error) {
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, ServerName: host, NextProtos: []string{"http/1.1"}})
	if _, err := io.WriteString(c, "GET /x HTTP/1.1\r\nHost: "+host+"\r\nCookie: "+signedIn+"\r\n\r\n"); err != nil {
		return nil, err
	}
	return http.ReadResponse(bufio.NewReader(c), nil)
}

// recorded reports whether an exchange of a client was recorded.
func (w *world) recorded(client string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.records, func(r wire.Record) bool { return r.Client == client })
}

// TestClientThatABalancerTells: the client is whom a listed balancer tells, in records and everywhere.
func TestClientThatABalancerTells(t *testing.T) {
	w := newWorld(t, listed)
	backend := newRecorder(t)
	w.publish("https://wiki.test/", "http://"+backend.address, nil)
	w.connect("a")
	for _, client := range []string{"198.51.100.7:4711", "[2001:db8::7]:4711"} {
		family := byte(0x11)
		if strings.HasPrefix(client, "[") {
			family = 0x21
		}
		server := map[byte]string{0x11: "203.0.113.1:443", 0x21: "[2001:db8::1]:443"}[family]
		resp, err := w.browse(w.from(balancer, proxyHeader(0x21, family, told(client, server))), "wiki.test")
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", resp, err)
		}
		if got := backend.taken(); !strings.Contains(got, netip.MustParseAddrPort(client).Addr().String()) {
			t.Errorf("the backend is not told of %s: %q", client, got)
		}
		w.until("the record of "+client, func() bool { return w.recorded(client) })
	}
	// The balancer's own connection is its own, and others come as ever.
	if resp, err := w.browse(w.from(balancer, proxyHeader(0x20, 0, nil)), "wiki.test"); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("the balancer's own: %v, %v", resp, err)
	}
	if resp, err := w.browse(w.from("127.0.0.1", nil), "wiki.test"); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("directly: %v, %v", resp, err)
	}
}

// TestBalancersThatAreNone: who is not listed tells nothing, and who is listed must.
func TestBalancersThatAreNone(t *testing.T) {
	w := newWorld(t, listed, quick)
	header := proxyHeader(0x21, 0x11, told("198.51.100.7:4711", "203.0.113.1:443"))
	for name, c := range map[string]net.Conn{
		"not listed":         w.from("127.0.0.1", header),
		"listed, says none":  w.from(balancer, nil),
		"listed, version 1":  w.from(balancer, []byte("PROXY TCP4 198.51.100.7 203.0.113.1 4711 443\r\n")),
		"listed, twice":      w.from(balancer, append(bytes.Clone(header), header...)),
		"listed, but slowly": w.from(balancer, header[:20]),
	} {
		if name == "listed, but slowly" {
			if _, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if resp, err := w.browse(c, "portal.test"); err == nil || isTimeout(err) {
			t.Errorf("%s: %v, %v", name, resp, err)
		}
	}
	if n := w.metric("postern_gateway_refused_total"); n < 2 {
		t.Errorf("%v refusals counted", n)
	}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// TestLimitsOfABalancersClients: each client has the limits of its own address, not all those of the balancer.
func TestLimitsOfABalancersClients(t *testing.T) {
	w := newWorld(t, listed, func(c *gateway.Config) { c.Limits.AddressConnections = 2 })
	open := func(client string) error {
		raw := w.from(balancer, proxyHeader(0x21, 0x11, told(client, "203.0.113.1:443")))
		return tls.Client(raw, &tls.Config{InsecureSkipVerify: true, ServerName: "portal.test", NextProtos: []string{"http/1.1"}}).Handshake()
	}
	for _, client := range []string{"198.51.100.7:1", "198.51.100.7:2", "198.51.100.8:1", "198.51.100.9:1"} {
		if err := open(client); err != nil {
			t.Errorf("%s: %v", client, err)
		}
	}
	if err := open("198.51.100.7:3"); err == nil {
		t.Error("a third connection of one client is served")
	}
}
