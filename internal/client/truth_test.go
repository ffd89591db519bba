package client_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/proxy"

	"postern/internal/client"
	"postern/internal/client/flow"
	proxies "postern/internal/client/proxy"
	"postern/internal/posterntest"
)

// way is how a program of this machine comes to the backend.
type way struct {
	name string
	dial func(t *testing.T) *net.TCPConn
}

// ways are all of them: each proxy, a forwarded port, and one by the control socket of a client that runs as another process would.
func (w *world) ways(t *testing.T, d *posterntest.Device) []way {
	cfg := proxies.Config{Opener: d, Log: w.Log}
	dest := to(t, flow.TCP, "127.0.0.1", w.tcp.port)
	socks, connect := serve(t, proxies.ServeSOCKS, cfg), serve(t, proxies.ServeHTTP, cfg)
	forwarded := serve(t, func(ctx context.Context, l net.Listener, cfg proxies.Config) error {
		return proxies.ServeForward(ctx, l, dest, cfg)
	}, cfg)
	remote := w.remote(t, d)
	byRemote := serve(t, func(ctx context.Context, l net.Listener, cfg proxies.Config) error {
		cfg.Opener = remote
		return proxies.ServeForward(ctx, l, dest, cfg)
	}, cfg)
	return []way{
		{"socks", func(t *testing.T) *net.TCPConn { return bySOCKS(t, socks, dest.Address()) }},
		{"connect", func(t *testing.T) *net.TCPConn { return byConnect(t, connect, dest.Address()) }},
		{"forward", func(t *testing.T) *net.TCPConn { return plainly(t, forwarded) }},
		{"control socket", func(t *testing.T) *net.TCPConn { return plainly(t, byRemote) }},
	}
}

// remote gives a client as another process of the user sees it.
func (w *world) remote(t *testing.T, d *posterntest.Device) *client.Remote {
	t.Helper()
	control := must(d.Listen(func() []client.Listener { return []client.Listener{{Kind: "SOCKS5", Address: "127.0.0.1:1080"}} }))(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- control.Run(ctx) }()
	remote := must(client.Connect(t.Context(), d.State))(t)
	t.Cleanup(func() { remote.Close(); cancel(); <-done })
	return remote
}

func plainly(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn := must(net.Dial("tcp", address))(t).(*net.TCPConn)
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// keeping keeps the connection that another dialer is given.
type keeping struct{ conn *net.TCPConn }

func (k *keeping) Dial(network, address string) (net.Conn, error) {
	conn, err := net.Dial(network, address)
	if err == nil {
		k.conn = conn.(*net.TCPConn)
	}
	return conn, err
}

func bySOCKS(t *testing.T, through, address string) *net.TCPConn {
	t.Helper()
	k := &keeping{}
	dialer := must(proxy.SOCKS5("tcp", through, nil, k))(t)
	_ = must(dialer.Dial("tcp", address))(t)
	t.Cleanup(func() { k.conn.Close() })
	_ = k.conn.SetDeadline(time.Now().Add(patience))
	return k.conn
}

func byConnect(t *testing.T, through, address string) *net.TCPConn {
	t.Helper()
	conn := plainly(t, through)
	_, _ = fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", address, address)
	head := readSlowly(t, conn)
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
		t.Fatalf("%q", head)
	}
	return conn
}

// readSlowly reads to the end of a head and no further.
func readSlowly(t *testing.T, conn net.Conn) (head []byte) {
	t.Helper()
	one := make([]byte, 1)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if _, err := conn.Read(one); err != nil {
			t.Fatalf("after %q: %v", head, err)
		}
		head = append(head, one...)
	}
	return head
}

// TestTruth: by every way, what one side does is what the other one sees.
func TestTruth(t *testing.T) {
	w := newWorld(t)
	d := w.Device("ada")
	w.ready(d, 1)
	for _, way := range w.ways(t, d) {
		t.Run(way.name, func(t *testing.T) {
			t.Run("half-closed by the program", func(t *testing.T) { w.programHalfCloses(t, way) })
			t.Run("half-closed by the backend", func(t *testing.T) { w.backendHalfCloses(t, way) })
			t.Run("reset by the backend", func(t *testing.T) { w.backendResets(t, way) })
			t.Run("reset by the program", func(t *testing.T) { w.programResets(t, way) })
			t.Run("both ways at once", func(t *testing.T) { w.bothWays(t, way) })
		})
	}
}

func (w *world) programHalfCloses(t *testing.T, way way) {
	conn := way.dial(t)
	_, _ = conn.Write([]byte("question"))
	_ = conn.CloseWrite()
	backend := w.tcp.next(t)
	if got, err := io.ReadAll(backend); string(got) != "question" || err != nil {
		t.Fatalf("the backend got %q, %v", got, err)
	}
	_, _ = backend.Write([]byte("late answer"))
	backend.Close()
	if got, err := io.ReadAll(conn); string(got) != "late answer" || err != nil {
		t.Errorf("the program got %q, %v", got, err)
	}
}

func (w *world) backendHalfCloses(t *testing.T, way way) {
	conn := way.dial(t)
	backend := w.tcp.next(t)
	_, _ = backend.Write([]byte("hello first"))
	_ = backend.CloseWrite()
	if got, err := io.ReadAll(conn); string(got) != "hello first" || err != nil {
		t.Fatalf("the program got %q, %v", got, err)
	}
	_, _ = conn.Write([]byte("more"))
	_ = conn.CloseWrite()
	if got, err := io.ReadAll(backend); string(got) != "more" || err != nil {
		t.Errorf("the backend got %q, %v", got, err)
	}
}

func (w *world) backendResets(t *testing.T, way way) {
	conn := way.dial(t)
	backend := w.tcp.next(t)
	_, _ = backend.Write([]byte("begun"))
	begun := make([]byte, 5)
	if _, err := io.ReadFull(conn, begun); err != nil {
		t.Fatal(err)
	}
	_ = backend.SetLinger(0)
	backend.Close()
	if got, err := io.ReadAll(conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the program got %q, %v", got, err)
	}
}

func (w *world) programResets(t *testing.T, way way) {
	conn := way.dial(t)
	backend := w.tcp.next(t)
	_, _ = conn.Write([]byte("begun"))
	begun := make([]byte, 5)
	if _, err := io.ReadFull(backend, begun); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetLinger(0)
	conn.Close()
	if got, err := io.ReadAll(backend); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the backend got %q, %v", got, err)
	}
}

func (w *world) bothWays(t *testing.T, way way) {
	conn := way.dial(t)
	backend := w.tcp.next(t)
	sent := make([]byte, 3<<20)
	_, _ = rand.Read(sent) // never fails
	for _, c := range []*net.TCPConn{conn, backend} {
		go func() { _, _ = c.Write(sent); _ = c.CloseWrite() }()
	}
	got := make(chan []byte, 1)
	go func() {
		data, _ := io.ReadAll(backend) // what is missing is missed below
		got <- data
	}()
	if data, err := io.ReadAll(conn); err != nil || !bytes.Equal(data, sent) {
		t.Errorf("the program got %d bytes of %d, %v", len(data), len(sent), err)
	}
	if data := <-got; !bytes.Equal(data, sent) {
		t.Errorf("the backend got %d bytes of %d", len(data), len(sent))
	}
}

// TestCutLooksCut: what an administrator cuts never looks complete to a program, by no way.
func TestCutLooksCut(t *testing.T) {
	w := newWorld(t)
	d := w.Device("ada")
	w.ready(d, 1)
	open := map[string]*net.TCPConn{}
	for _, way := range w.ways(t, d) {
		conn := way.dial(t)
		backend := w.tcp.next(t)
		_, _ = backend.Write([]byte("begun"))
		if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		open[way.name] = conn
	}
	w.unassign()
	for name, conn := range open {
		if got, err := io.ReadAll(conn); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: the program got %q, %v", name, got, err)
		}
	}
}

// TestFilesEnd: a program's standard input and output go by a flow, and their ends are told both ways.
func TestFilesEnd(t *testing.T) {
	w := newWorld(t)
	d := w.Device("ada")
	w.ready(d, 1)
	remote := w.remote(t, d)
	f := must(remote.Open(t.Context(), to(t, flow.TCP, "127.0.0.1", w.tcp.port)))(t)
	backend := w.tcp.next(t)
	in, write := io.Pipe()
	read, out := io.Pipe()
	joined := make(chan error, 1)
	go func() { joined <- flow.Join(flow.FilesEnd(in, out), f.End()) }()
	_, _ = write.Write([]byte("typed"))
	_ = write.Close()
	if got, err := io.ReadAll(backend); string(got) != "typed" || err != nil {
		t.Fatalf("the backend got %q, %v", got, err)
	}
	_, _ = backend.Write([]byte("printed\n"))
	line, err := bufio.NewReader(read).ReadString('\n')
	if line != "printed\n" || err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	backend.Close()
	if rest, err := io.ReadAll(read); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	if err := <-joined; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// TestRefusalsOfProxies: each protocol says in its own words why not, and nothing is dialled.
func TestRefusalsOfProxies(t *testing.T) {
	w := newWorld(t)
	d := w.Device("ada")
	w.ready(d, 1)
	cfg := proxies.Config{Opener: d, Log: w.Log}
	socks, connect := serve(t, proxies.ServeSOCKS, cfg), serve(t, proxies.ServeHTTP, cfg)
	for _, test := range []struct {
		address string
		socks   string
		http    int
	}{
		{fmt.Sprintf("127.0.0.1:%d", w.free), "connection refused", http.StatusBadGateway},
		{fmt.Sprintf("127.0.0.2:%d", w.tcp.port), "not allowed by ruleset", http.StatusForbidden},
		{"elsewhere.example:80", "not allowed by ruleset", http.StatusForbidden},
	} {
		dialer := must(proxy.SOCKS5("tcp", socks, nil, nil))(t)
		if conn, err := dialer.Dial("tcp", test.address); err == nil || !bytes.Contains([]byte(err.Error()), []byte(test.socks)) {
			t.Errorf("SOCKS to %s: %v, %v", test.address, conn, err)
		}
		conn := plainly(t, connect)
		_, _ = fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: x\r\n\r\n", test.address)
		response := must(http.ReadResponse(bufio.NewReader(conn), nil))(t)
		if response.StatusCode != test.http {
			t.Errorf("CONNECT to %s: %s", test.address, response.Status)
		}
		response.Body.Close()
	}
	select {
	case conn := <-w.tcp.conns:
		t.Errorf("somebody connected to the backend: %v", conn.RemoteAddr())
	default:
	}
}
