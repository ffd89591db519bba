package uplink_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/uplink"
)

// listen serves every connection to a loopback port with handle until the test ends.
func listen(t *testing.T, handle func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			all.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for _, conn := range open {
			conn.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return listener.Addr().String()
}

// echo gives back what it gets.
func echo(t *testing.T) string { return listen(t, func(c net.Conn) { io.Copy(c, c) }) }

// splice copies both ways until both are done.
func splice(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(a, b)
		a.Close()
	}()
	io.Copy(b, a)
	b.Close()
	<-done
}

// connectProxy is an HTTP proxy that leads every address to target; user is what it wants, or "".
func connectProxy(t *testing.T, target, user string) string {
	return listen(t, serveConnect(target, user))
}

func serveConnect(target, user string) func(net.Conn) {
	return func(conn net.Conn) {
		req, err := http.ReadRequest(bufio.NewReader(conn))
		switch {
		case err != nil || req.Method != http.MethodConnect:
			io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			return
		case user != "" && req.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte(user)):
			io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 999999\r\n\r\npage")
			return
		case !strings.HasPrefix(req.Host, "service.example.com:"):
			io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
			return
		}
		onward, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		io.WriteString(conn, "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
		splice(conn, onward)
	}
}

// answers is a proxy that says the same to everybody and then waits.
func answers(t *testing.T, text string) string {
	return listen(t, func(conn net.Conn) {
		http.ReadRequest(bufio.NewReader(conn))
		io.WriteString(conn, text)
		io.Copy(io.Discard, conn)
	})
}

// speaks checks that the connection leads to echo.
func speaks(t *testing.T, conn net.Conn) {
	t.Helper()
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
		t.Errorf("read %q, %v", got, err)
	}
}

func dialer(t *testing.T, cfg uplink.Config) *uplink.Dialer {
	t.Helper()
	d, err := uplink.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDialThroughProxies(t *testing.T) {
	target := echo(t)
	open, closed := connectProxy(t, target, ""), connectProxy(t, target, "me:p%40ss")
	hanging := listen(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	closing := listen(t, func(net.Conn) {})
	ahead := answers(t, "HTTP/1.1 200 OK\r\n\r\nsurprise")
	endless := answers(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 20<<10))
	noise := answers(t, "SSH-2.0-OpenSSH\r\n")
	gone := nobody
	tests := []struct {
		name, proxy, address string
		kind                 fault.Kind
		want                 string // part of the error; empty: it works
	}{
		{"http", "http://" + open, "service.example.com:443", 0, ""},
		{"without a scheme", open, "service.example.com:443", 0, ""},
		{"Basic", "http://me:p%2540ss@" + closed, "service.example.com:443", 0, ""},
		{"SOCKS5", "socks5://" + socksProxy(t, target, ""), "service.example.com:443", 0, ""},
		{"SOCKS5 with password", "socks5://me:secret@" + socksProxy(t, target, "me:secret"), "service.example.com:443", 0, ""},
		{"SOCKS5 with wrong password", "socks5://me:wrong@" + socksProxy(t, target, "me:secret"), "service.example.com:443", fault.KindUnavailable, "did not connect"},
		{"SOCKS5 refuses", "socks5://" + socksProxy(t, target, ""), "other.example.com:443", fault.KindUnavailable, "not allowed"},
		{"407 without password", "http://" + closed, "service.example.com:443", fault.KindUnauthenticated, `offers "Negotiate", "Basic"): put them into its URL`},
		{"407 with wrong password", "http://me:wrong@" + closed, "service.example.com:443", fault.KindUnauthenticated, "did not accept the user and password"},
		{"refuses", "http://" + open, "other.example.com:443", fault.KindUnavailable, "answered 403"},
		{"hangs", "http://" + hanging, "service.example.com:443", fault.KindTimeout, "within 300ms"},
		{"SOCKS5 hangs", "socks5://" + hanging, "service.example.com:443", fault.KindTimeout, "within 300ms"},
		{"TLS hangs", "https://" + hanging, "service.example.com:443", fault.KindTimeout, "within 300ms"},
		{"closes", "http://" + closing, "service.example.com:443", fault.KindUnavailable, "did not connect"},
		{"sends data ahead", "http://" + ahead, "service.example.com:443", fault.KindUpstream, "data of its own"},
		{"endless head", "http://" + endless, "service.example.com:443", fault.KindUnavailable, "did not connect"},
		{"no proxy at all", "http://" + noise, "service.example.com:443", fault.KindUnavailable, "did not connect"},
		{"nobody there", "http://" + gone, "service.example.com:443", fault.KindUnavailable, "the proxy on the way: " + gone + " refused"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			timeout := 30 * time.Second
			if test.kind == fault.KindTimeout {
				timeout = 300 * time.Millisecond
			}
			conn, err := dialer(t, uplink.Config{Proxy: test.proxy, Timeout: timeout}).Dial(t.Context(), test.address)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				speaks(t, conn)
				return
			}
			e, ok := errors.AsType[*uplink.Error](err)
			if !ok || e.Step != uplink.StepProxy || e.Proxy == "" || fault.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Dial = %v (%v), want %q", err, fault.KindOf(err), test.want)
			}
			if ok && strings.Contains(e.Error()+e.Proxy, "wrong") {
				t.Errorf("the error tells the password: %v, %s", e, e.Proxy)
			}
		})
	}
}

func TestDialThroughAnHTTPSProxy(t *testing.T) {
	certified := httptest.NewUnstartedServer(nil) // lends its certificate for 127.0.0.1
	certified.StartTLS()
	defer certified.Close()
	target := echo(t)
	at := listen(t, func(conn net.Conn) {
		secure := tls.Server(conn, &tls.Config{Certificates: certified.TLS.Certificates})
		serveConnect(target, "")(secure)
	})
	pool := x509.NewCertPool()
	pool.AddCert(certified.Certificate())
	conn, err := dialer(t, uplink.Config{Proxy: "https://" + at, ProxyRoots: pool, Timeout: 30 * time.Second}).Dial(t.Context(), "service.example.com:443")
	if err != nil {
		t.Fatal(err)
	}
	speaks(t, conn)
	_, err = dialer(t, uplink.Config{Proxy: "https://" + at, ProxyRoots: x509.NewCertPool(), Timeout: 30 * time.Second}).Dial(t.Context(), "service.example.com:443")
	if err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("a proxy that nobody vouches for: %v", err)
	}
}

func TestProxyFromEnvironment(t *testing.T) {
	proxy := connectProxy(t, echo(t), "me:secret")
	t.Setenv("HTTPS_PROXY", "http://me:secret@"+proxy)
	t.Setenv("NO_PROXY", "direct.example.com,10.0.0.0/8")
	d := dialer(t, uplink.Config{Timeout: 30 * time.Second})
	conn, err := d.Dial(t.Context(), "service.example.com:443")
	if err != nil {
		t.Fatal(err)
	}
	speaks(t, conn)
	for address, want := range map[string]string{
		"service.example.com:443": "http://me:xxxxx@" + proxy, "direct.example.com:443": "", "10.1.2.3:443": "", "localhost:443": "", "127.0.0.1:443": "",
	} {
		if got, err := d.Proxy(address); err != nil || got != want {
			t.Errorf("Proxy(%s) = %q, %v, want %q", address, got, err, want)
		}
	}
	if got, _ := dialer(t, uplink.Config{Proxy: uplink.Direct}).Proxy("service.example.com:443"); got != "" {
		t.Errorf("direct means %q", got)
	}
	t.Setenv("HTTPS_PROXY", "http://me:secret@bad host")
	if _, err := uplink.New(uplink.Config{}); err == nil || !strings.Contains(err.Error(), "HTTPS_PROXY must be a URL") || strings.Contains(err.Error(), "secret") {
		t.Errorf("a bad HTTPS_PROXY: %v", err)
	}
}

func TestBadProxies(t *testing.T) {
	for _, bad := range []string{"ftp://proxy.example.com", "http://", "://x", "http://a b", "socks4://x:1"} {
		if _, err := uplink.New(uplink.Config{Proxy: bad}); !fault.Is(err, fault.KindInvalid) {
			t.Errorf("proxy %q: %v", bad, err)
		}
	}
}

func TestDialErrorsNameTheStep(t *testing.T) {
	d := dialer(t, uplink.Config{Proxy: uplink.Direct, Timeout: 30 * time.Second})
	tests := []struct {
		address string
		step    uplink.Step
		want    string
	}{
		{"127.0.0.1", uplink.StepAddress, "host:port"},
		{"a b:1", uplink.StepAddress, "host:port"},
		{"x\r\nHost: y:443", uplink.StepAddress, "host:port"},
		{nobody, uplink.StepConnect, "refused the connection"},
	}
	for _, test := range tests {
		_, err := d.Dial(t.Context(), test.address)
		e, ok := errors.AsType[*uplink.Error](err)
		if !ok || e.Step != test.step || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Dial(%q) = %v", test.address, err)
		}
	}
}

// socksProxy is a small SOCKS5 proxy that leads service.example.com to target; user as "name:password".
func socksProxy(t *testing.T, target, user string) string {
	return listen(t, func(conn net.Conn) {
		if err := greet(conn, user); err != nil {
			return
		}
		head := make([]byte, 5) // version, command, reserved, kind 3, length of the name
		if _, err := io.ReadFull(conn, head); err != nil || head[3] != 3 {
			return
		}
		name := make([]byte, int(head[4])+2)
		if _, err := io.ReadFull(conn, name); err != nil {
			return
		}
		if string(name[:head[4]]) != "service.example.com" {
			conn.Write([]byte{5, 2, 0, 1, 0, 0, 0, 0, 0, 0}) // not allowed by ruleset
			return
		}
		onward, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		splice(conn, onward)
	})
}

func greet(conn net.Conn, user string) error {
	head := make([]byte, 2)
	if _, err := io.ReadFull(conn, head); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, make([]byte, head[1])); err != nil {
		return err
	}
	if user == "" {
		_, err := conn.Write([]byte{5, 0})
		return err
	}
	conn.Write([]byte{5, 2})
	said := make([]byte, 0, 64)
	for range 2 { // version and name, then password
		length := make([]byte, 2-min(len(said), 1))
		if _, err := io.ReadFull(conn, length); err != nil {
			return err
		}
		word := make([]byte, length[len(length)-1])
		if _, err := io.ReadFull(conn, word); err != nil {
			return err
		}
		said = append(append(said, word...), ':')
	}
	if string(said) != user+":" {
		conn.Write([]byte{1, 1})
		return fmt.Errorf("said %q", said)
	}
	_, err := conn.Write([]byte{1, 0})
	return err
}

// nobody listens there: the kernel gives nobody a port below 1024 by chance.
const nobody = "127.0.0.1:1"
