package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/internal/client/flow"
	"postern/internal/fault"
)

const patience = 30 * time.Second

// direct dials whatever is asked for, but what it refuses.
type direct struct{ refuse error }

func (d direct) Open(ctx context.Context, to flow.To) (*flow.Flow, error) {
	if d.refuse != nil {
		return nil, d.refuse
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, to.Network, to.Address())
	if err != nil {
		return nil, err
	}
	return &flow.Flow{To: to, Conn: conn, Address: to.Address()}, nil
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func start(t *testing.T, by func(context.Context, net.Listener, Config) error, cfg Config) string {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- by(ctx, l, cfg) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the proxy ended: %v", err)
		}
	})
	return l.Addr().String()
}

func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn := must(net.Dial("tcp", address))(t).(*net.TCPConn)
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// echo answers connections and datagrams with what they send, on one port.
func echo(t *testing.T) netip.AddrPort {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	at := l.Addr().(*net.TCPAddr).AddrPort()
	u := must(net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)))(t)
	t.Cleanup(func() { l.Close(); u.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); conn.Close() }()
		}
	}()
	go func() {
		buffer := make([]byte, 1<<16)
		for {
			n, from, err := u.ReadFromUDPAddrPort(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = u.WriteToUDPAddrPort(buffer[:n], from)
			}
		}
	}()
	return at
}

// TestSOCKS: what programs may say, byte by byte, and what they get.
func TestSOCKS(t *testing.T) {
	at := echo(t)
	port := string([]byte{byte(at.Port() >> 8), byte(at.Port())})
	name := "localhost"
	for _, test := range []struct {
		name, sent string
		cfg        Config
		want       string // that comes back, or that it begins with
		closed     bool   // then it is over
	}{
		{"an address, with early data", "\x05\x01\x00" + "\x05\x01\x00\x01\x7f\x00\x00\x01" + port + "early", Config{Opener: direct{}}, "\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00early", false},
		{"a name", "\x05\x02\x02\x00" + "\x05\x01\x00\x03" + string(byte(len(name))) + name + port, Config{Opener: direct{}}, "\x05\x00\x05\x00", false},
		{"an IPv4 address in IPv6", "\x05\x01\x00" + "\x05\x01\x00\x04" + strings.Repeat("\x00", 10) + "\xff\xff\x7f\x00\x00\x01" + port, Config{Opener: direct{}}, "\x05\x00\x05\x00", false},
		{"user and password", "\x05\x02\x00\x02" + "\x01\x03ada\x06secret" + "\x05\x01\x00\x01\x7f\x00\x00\x01" + port, Config{Opener: direct{}, User: &User{"ada", "secret"}}, "\x05\x02\x01\x00\x05\x00", false},
		{"a wrong password", "\x05\x01\x02" + "\x01\x03ada\x06Secret", Config{Opener: direct{}, User: &User{"ada", "secret"}}, "\x05\x02\x01\x01", true},
		{"no password where one is due", "\x05\x01\x00", Config{Opener: direct{}, User: &User{"ada", "secret"}}, "\x05\xff", true},
		{"SOCKS 4", "\x04\x01\x00\x50\x7f\x00\x00\x01\x00", Config{Opener: direct{}}, "", true},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", Config{Opener: direct{}}, "", true},
		{"BIND", "\x05\x01\x00" + "\x05\x02\x00\x01\x7f\x00\x00\x01" + port, Config{Opener: direct{}}, "\x05\x00\x05\x07", true},
		{"another kind of address", "\x05\x01\x00" + "\x05\x01\x00\x05\x7f\x00\x00\x01" + port, Config{Opener: direct{}}, "\x05\x00\x05\x08", true},
		{"an address in disguise", "\x05\x01\x00" + "\x05\x01\x00\x03\x05127.1" + port, Config{Opener: direct{}}, "\x05\x00\x05\x04", true},
		{"port 0", "\x05\x01\x00" + "\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x00", Config{Opener: direct{}}, "\x05\x00\x05\x04", true},
		{"what is refused", "\x05\x01\x00" + "\x05\x01\x00\x01\x7f\x00\x00\x01" + port, Config{Opener: direct{fault.Forbidden("no")}}, "\x05\x00\x05\x02", true},
		{"what is away", "\x05\x01\x00" + "\x05\x01\x00\x01\x7f\x00\x00\x01" + port, Config{Opener: direct{fault.Unavailable("no")}}, "\x05\x00\x05\x03", true},
		{"a request that does not end", "\x05\x01\x00" + "\x05\x01\x00\x03\xff", Config{Opener: direct{}, Patience: time.Millisecond}, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn := dial(t, start(t, ServeSOCKS, test.cfg))
			_, _ = conn.Write([]byte(test.sent))
			if !test.closed {
				got := make([]byte, len(test.want))
				if _, err := io.ReadFull(conn, got); err != nil || string(got) != test.want {
					t.Errorf("%q, %v", got, err)
				}
				return
			}
			got, err := io.ReadAll(conn)
			if !bytes.HasPrefix(got, []byte(test.want)) || err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestConnect: the same of an HTTP proxy.
func TestHTTP(t *testing.T) {
	at := echo(t)
	for _, test := range []struct {
		name, head string
		cfg        Config
		want       int
	}{
		{"an address", "CONNECT " + at.String() + " HTTP/1.1\r\nHost: x\r\n\r\n", Config{Opener: direct{}}, 200},
		{"HTTP/1.0", "CONNECT " + at.String() + " HTTP/1.0\r\n\r\n", Config{Opener: direct{}}, 200},
		{"with a user", "CONNECT " + at.String() + " HTTP/1.1\r\nProxy-Authorization: Basic YWRhOnNlY3JldA==\r\n\r\n", Config{Opener: direct{}, User: &User{"ada", "secret"}}, 200},
		{"with a wrong one", "CONNECT " + at.String() + " HTTP/1.1\r\nProxy-Authorization: Basic YWRhOlNlY3JldA==\r\n\r\n", Config{Opener: direct{}, User: &User{"ada", "secret"}}, 407},
		{"without one", "CONNECT " + at.String() + " HTTP/1.1\r\n\r\n", Config{Opener: direct{}, User: &User{"ada", "secret"}}, 407},
		{"a request for the proxy itself", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", Config{Opener: direct{}}, 400},
		{"another scheme", "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", Config{Opener: direct{}}, 501},
		{"HTTP/2", "CONNECT " + at.String() + " HTTP/2\r\n\r\n", Config{Opener: direct{}}, 400},
		{"no port", "CONNECT localhost HTTP/1.1\r\n\r\n", Config{Opener: direct{}}, 400},
		{"port 0", "CONNECT localhost:0 HTTP/1.1\r\n\r\n", Config{Opener: direct{}}, 400},
		{"an address in disguise", "CONNECT 0x7f.1:80 HTTP/1.1\r\n\r\n", Config{Opener: direct{}}, 400},
		{"nonsense", "nonsense\r\n\r\n", Config{Opener: direct{}}, 400},
		{"a field without a name", "CONNECT localhost:1 HTTP/1.1\r\n: x\r\n\r\n", Config{Opener: direct{}}, 400},
		{"a long head", "CONNECT localhost:1 HTTP/1.1\r\nX: " + strings.Repeat("x", maxHead), Config{Opener: direct{}}, 431},
		{"what is refused", "CONNECT " + at.String() + " HTTP/1.1\r\n\r\n", Config{Opener: direct{fault.Forbidden("you may not")}}, 403},
		{"what is away", "CONNECT " + at.String() + " HTTP/1.1\r\n\r\n", Config{Opener: direct{fault.Unavailable("no gateway")}}, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn := dial(t, start(t, ServeHTTP, test.cfg))
			_, _ = conn.Write([]byte(test.head))
			in := bufio.NewReader(conn)
			response, err := http.ReadResponse(in, &http.Request{Method: http.MethodConnect})
			if err != nil || response.StatusCode != test.want {
				t.Fatalf("%v, %v", response, err)
			}
			if test.want != 200 {
				return
			}
			_, _ = conn.Write([]byte("hello"))
			got := make([]byte, 5)
			if _, err := io.ReadFull(in, got); err != nil || string(got) != "hello" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestAssociate: datagrams of a SOCKS program keep their boundaries and sizes and come back with where they come from.
func TestAssociate(t *testing.T) {
	at := echo(t)
	conn := dial(t, start(t, ServeSOCKS, Config{Opener: direct{}}))
	_, _ = conn.Write([]byte("\x05\x01\x00" + "\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00"))
	reply := make([]byte, 2+10)
	if _, err := io.ReadFull(conn, reply); err != nil || reply[3] != replyOK {
		t.Fatalf("%x, %v", reply, err)
	}
	relay := netip.AddrPortFrom(netip.AddrFrom4([4]byte(reply[6:10])), uint16(reply[10])<<8|uint16(reply[11]))
	socket := must(net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(relay)))(t)
	defer socket.Close()
	_ = socket.SetDeadline(time.Now().Add(patience))
	head := appendAddress([]byte{0, 0, 0}, at)
	buffer := make([]byte, 1<<16)
	for _, junk := range [][]byte{nil, {0}, {0, 0, 1, 1, 127, 0, 0, 1, 0, 1}, append([]byte{0, 0, 0, 9}, head...)} {
		_, _ = socket.Write(junk) // is dropped
	}
	for _, size := range []int{1, 0, 200, 1400, 9000, 60000} {
		sent := append(bytes.Clone(head), bytes.Repeat([]byte{'x'}, size)...)
		_, _ = socket.Write(sent)
		if n, err := socket.Read(buffer); err != nil || !bytes.Equal(buffer[:n], sent) {
			t.Errorf("a datagram of %d bytes came back as %d, %v", size, n-len(head), err)
		}
	}
	stranger := must(net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(relay)))(t)
	defer stranger.Close()
	_, _ = stranger.Write(append(bytes.Clone(head), "stranger"...))
	_, _ = socket.Write(append(bytes.Clone(head), "mine"...))
	if n, err := socket.Read(buffer); err != nil || !bytes.HasSuffix(buffer[:n], []byte("mine")) {
		t.Errorf("%q, %v", buffer[:n], err)
	}
	conn.Close() // and with it the association
	for deadline := time.Now().Add(patience); ; {
		_, _ = socket.Write(append(bytes.Clone(head), "x"...))
		_ = socket.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := socket.Read(buffer); errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the association outlived its connection")
		}
	}
}

// TestForwardDatagrams: each sender has its own flow, and it ends when it was silent.
func TestForwardDatagrams(t *testing.T) {
	at := echo(t)
	dest := must(flow.Parse(flow.UDP, at.Addr().String(), at.Port()))(t)
	socket := must(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))(t)
	limit := NewLimit(0)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- ServeForwardDatagrams(ctx, socket, dest, Config{Opener: direct{}, Idle: 100 * time.Millisecond, Limit: limit})
	}()
	buffer := make([]byte, 1<<16)
	for i := range 5 {
		program := must(net.DialUDP("udp", nil, socket.LocalAddr().(*net.UDPAddr)))(t)
		defer program.Close()
		text := fmt.Sprint("from program ", i)
		for deadline := time.Now().Add(patience); ; { // on a slow machine the flow may have ended before its answer
			_, _ = program.Write([]byte(text))
			_ = program.SetReadDeadline(time.Now().Add(time.Second))
			n, err := program.Read(buffer)
			if err == nil && string(buffer[:n]) == text {
				break
			}
			if err == nil || time.Now().After(deadline) {
				t.Fatalf("%q, %v", buffer[:n], err)
			}
		}
	}
	for deadline := time.Now().Add(patience); limit.Used() > 0; {
		if time.Now().After(deadline) {
			t.Fatalf("%d flows outlived their silence", limit.Used())
		}
		pause(ctx, time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestLimit: who comes when all places are taken is sent away, and the places come back.
func TestLimit(t *testing.T) {
	at := echo(t)
	address := start(t, ServeHTTP, Config{Opener: direct{}, Limit: NewLimit(2)})
	head := "CONNECT " + at.String() + " HTTP/1.1\r\n\r\n"
	ask := func() (*net.TCPConn, bool) {
		conn := dial(t, address)
		_, _ = conn.Write([]byte(head))
		got := make([]byte, len("HTTP/1.1 200 "))
		_, err := io.ReadFull(conn, got)
		return conn, err == nil && strings.HasSuffix(string(got), "200 ")
	}
	first, ok1 := ask()
	_, ok2 := ask()
	_, ok3 := ask()
	if !ok1 || !ok2 || ok3 {
		t.Fatal(ok1, ok2, ok3)
	}
	first.Close()
	for deadline := time.Now().Add(patience); ; {
		if _, ok := ask(); ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no place came back")
		}
	}
}

// TestPlainHTTP: requests for http:// URLs go to their host, one on a connection, without what is between the program and its proxy.
func TestPlainHTTP(t *testing.T) {
	got := make(chan *http.Request, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL, body)
	}))
	t.Cleanup(server.Close)
	address := start(t, ServeHTTP, Config{Opener: direct{}, User: &User{"ada", "secret"}})
	transport := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: address, User: url.UserPassword("ada", "secret")})}
	t.Cleanup(transport.CloseIdleConnections)
	program := &http.Client{Transport: transport, Timeout: patience}
	for _, body := range []string{"", "a body", strings.Repeat("x", 1<<20)} {
		request := must(http.NewRequest(http.MethodPost, server.URL+"/deep?x=1", io.MultiReader(strings.NewReader(body))))(t) // of a length that is not known: chunked
		if body == "a body" {
			request = must(http.NewRequest(http.MethodPost, server.URL+"/deep?x=1", strings.NewReader(body)))(t)
		}
		request.Header.Set("Connection", "X-Between")
		request.Header.Set("X-Between", "us")
		response := must(program.Do(request))(t)
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if want := "POST /deep?x=1 " + body; err != nil || string(text) != want {
			t.Errorf("%.40q, %v", text, err)
		}
		if r := <-got; r.Host != server.Listener.Addr().String() || r.Header.Get("Proxy-Authorization") != "" || r.Header.Get("X-Between") != "" || !r.Close {
			t.Errorf("%+v", r)
		}
	}
	conn := dial(t, start(t, ServeHTTP, Config{Opener: direct{}}))
	for range 2 { // the second one would go to whom the first is for
		_, _ = fmt.Fprintf(conn, "GET %s/ HTTP/1.1\r\nHost: x\r\n\r\n", server.URL)
	}
	_, err := io.ReadAll(conn)
	<-got
	select {
	case r := <-got:
		t.Errorf("a second request arrived: %v, %v", r.URL, err)
	default:
	}
}
