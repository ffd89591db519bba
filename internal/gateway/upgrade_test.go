package gateway_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"postern/internal/gateway"
	"postern/internal/wire"
)

const upgradeHead = "GET /.postern/tunnel HTTP/1.1\r\nHost: portal.test\r\nConnection: Upgrade\r\nUpgrade: postern-tunnel\r\n\r\n"

// upgraded gives a connection of the portal's that has become one for our own protocol.
func (w *world) upgraded() (net.Conn, error) {
	c, err := w.tlsTo(w.address, "portal.test")
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c, upgradeHead); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(c)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols || answer.Header.Get("Upgrade") != wire.UpgradeTunnel || reader.Buffered() != 0 {
		return nil, errors.New(answer.Status)
	}
	return c, nil
}

// TestTunnelByUpgrade: a tunnel inside another TLS carries traffic as any other one does.
func TestTunnelByUpgrade(t *testing.T) {
	w := newWorld(t)
	backend := newRecorder(t)
	w.publish("https://wiki.test/", "http://"+backend.address, nil)
	c := w.enrol("a")
	c.raw = w.upgraded
	c.dial()
	resp, err := w.client(nil).Do(w.signedIn(http.MethodGet, "/page", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "ok" || !strings.Contains(backend.taken(), "GET /page ") {
		t.Errorf("%s %q %v", resp.Status, body, err)
	}
}

// TestUpgradeIsForAgents: nobody gets anything but an agent's face by it, and only where and how it is offered.
func TestUpgradeIsForAgents(t *testing.T) {
	w := newWorld(t)
	for name, request := range map[string]string{
		"no Upgrade":        "GET /.postern/tunnel HTTP/1.1\r\nHost: portal.test\r\n\r\n",
		"no Connection":     "GET /.postern/tunnel HTTP/1.1\r\nHost: portal.test\r\nUpgrade: postern-tunnel\r\n\r\n",
		"another one":       strings.Replace(upgradeHead, "Upgrade: postern-tunnel", "Upgrade: websocket", 1),
		"another method":    strings.Replace(upgradeHead, "GET", "POST", 1),
		"HTTP/1.0":          strings.Replace(upgradeHead, "HTTP/1.1", "HTTP/1.0", 1),
		"with a body":       strings.Replace(upgradeHead, "\r\n\r\n", "\r\nContent-Length: 1\r\n\r\nx", 1),
		"another authority": strings.Replace(upgradeHead, "portal.test", "wiki.test", 1),
	} {
		c := w.tls("portal.test")
		io.WriteString(c, request)
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || answer.StatusCode != http.StatusUpgradeRequired && answer.StatusCode != http.StatusMisdirectedRequest && answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %v, %v", name, answer, err)
		}
	}
	for name, protocols := range map[string][]string{"a browser": {"h2", "http/1.1"}, "nothing": nil} {
		outer, err := w.upgraded()
		if err != nil {
			t.Fatal(err)
		}
		inner := tls.Client(outer, &tls.Config{InsecureSkipVerify: true, ServerName: "portal.test", NextProtos: protocols})
		if err := inner.Handshake(); err == nil {
			t.Errorf("%s is let in", name)
		}
	}
	outer, err := w.upgraded()
	if err != nil {
		t.Fatal(err)
	}
	stranger := selfSigned(t)
	inner := tls.Client(outer, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{wire.ProtocolTunnel}, Certificates: []tls.Certificate{stranger}})
	_ = inner.Handshake() // with TLS 1.3 the refusal comes after it
	if _, err := inner.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a stranger's certificate: %v", err)
	}
}

// TestUpgradeIsBounded: who upgrades and says no more is a handshake like any other: counted, and cut in its time.
func TestUpgradeIsBounded(t *testing.T) {
	w := newWorld(t, quick)
	silent, err := w.upgraded()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("a silent connection is told something")
	} else if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		t.Error("a silent connection is kept")
	}
}

func TestUpgradesCountAsHandshakes(t *testing.T) {
	w := newWorld(t, func(c *gateway.Config) { c.Limits.AddressHandshakes = 1; c.Limits.Handshake = patience })
	// Each handshake is over for the gateway, too, before the next one begins.
	over := func(n float64) {
		t.Helper()
		w.until("the handshakes are over", func() bool { return w.metric("postern_gateway_handshakes_total") == n })
	}
	first := w.tls("portal.test")
	over(1)
	second := w.tls("portal.test")
	over(2)
	for _, c := range []net.Conn{first, second} {
		if _, err := io.WriteString(c, upgradeHead); err != nil {
			t.Fatal(err)
		}
		if c == net.Conn(first) {
			if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := second.Read(make([]byte, 1)); err == nil {
		t.Error("a second handshake of the address is let in")
	}
	w.until("the refusal is counted", func() bool { return w.metric("postern_gateway_refused_total") == 1 })
}

// TestMachinesArePaced: machines that come at once are let in one after the other, by an upgrade and without one, and who would have to
// wait for too long is turned away and counted.
func TestMachinesArePaced(t *testing.T) {
	const crowd = 20
	for name, raw := range map[string]func(*world) (net.Conn, error){
		"plain":   func(w *world) (net.Conn, error) { return net.Dial("tcp", w.address) },
		"upgrade": (*world).upgraded,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *gateway.Config) { c.Limits.MachineHandshakes = 1 })
			stranger := selfSigned(t)
			var connections []net.Conn
			for range crowd {
				c, err := raw(w)
				if err != nil {
					t.Fatal(err)
				}
				connections = append(connections, c)
				t.Cleanup(func() { c.Close() })
			}
			let := make(chan bool, crowd)
			for _, c := range connections {
				go func() {
					inner := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{wire.ProtocolTunnel}, Certificates: []tls.Certificate{stranger}})
					let <- inner.HandshakeContext(t.Context()) == nil
				}()
			}
			in := 0
			for range crowd {
				if <-let {
					in++
				}
			}
			// One second lies between two, and one of a network may wait.
			if out := w.metric("postern_gateway_refused_total"); in == 0 || in == crowd || int(out) != crowd-in {
				t.Errorf("%d of %d were let in, %v turned away", in, crowd, out)
			}
		})
	}
}
