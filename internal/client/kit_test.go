package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/client"
	"postern/internal/client/flow"
	"postern/internal/client/proxy"
	"postern/internal/fault"
	"postern/internal/posterntest"
	"postern/internal/wire"
)

const patience = 30 * time.Second

// world is a service, a connector, and a private application that one user may use.
type world struct {
	*posterntest.System
	app      api.Application
	ada      api.User
	assigned api.Assignment
	tcp      *tcpBackend
	udp      uint16 // of a backend that answers each datagram with itself
	free     uint16 // a port of loopback on which nobody listens
}

func newWorld(t testing.TB, options ...posterntest.Option) *world {
	t.Helper()
	w := &world{System: posterntest.New(t, options...), tcp: newTCPBackend(t), udp: newUDPBackend(t)}
	w.Connector("site")
	w.free = 9 // the kernel gives nobody a port below 1024 by chance
	w.ada = w.User("ada")
	w.app = w.Private("lab", api.Segment{Destination: "127.0.0.1", Ports: fmt.Sprintf("%d,%d", w.tcp.port, w.free)},
		api.Segment{Destination: "localhost", Ports: "1-65535", Protocol: "both"},
		api.Segment{Destination: "127.0.0.1", Ports: fmt.Sprint(w.udp), Protocol: "udp"})
	w.assigned = w.Assign(w.app, w.ada)
	return w
}

// unassign takes the application from its user.
func (w *world) unassign() {
	w.T.Helper()
	if err := w.API.Assignments.Delete(w.T.Context(), w.assigned.ID, w.assigned.Version); err != nil {
		w.T.Fatal(err)
	}
}

// tcpBackend gives each connection to whoever takes it from conns.
type tcpBackend struct {
	port  uint16
	conns chan *net.TCPConn
}

func newTCPBackend(t testing.TB) *tcpBackend {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	b := &tcpBackend{uint16(l.Addr().(*net.TCPAddr).Port), make(chan *net.TCPConn, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b.conns <- conn.(*net.TCPConn)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		close(b.conns)
		for conn := range b.conns {
			conn.Close()
		}
	})
	return b
}

// next gives the next connection.
func (b *tcpBackend) next(t testing.TB) *net.TCPConn {
	t.Helper()
	select {
	case conn := <-b.conns:
		t.Cleanup(func() { conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(patience))
		return conn
	case <-time.After(patience):
		t.Fatal("nobody connected to the backend")
		return nil
	}
}

// echo answers every connection from now on with what it sends.
func (b *tcpBackend) echo() {
	go func() { // ends with the backend
		for conn := range b.conns {
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}()
		}
	}()
}

func newUDPBackend(t testing.TB) uint16 {
	t.Helper()
	conn := must(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1<<16)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = conn.WriteToUDPAddrPort(buffer[:n], from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return uint16(conn.LocalAddr().(*net.UDPAddr).Port)
}

// ready waits until a client has a tunnel and rules with so many applications.
func (w *world) ready(d *posterntest.Device, applications int) {
	w.T.Helper()
	w.Await("the client to be connected", func() bool {
		s := d.Status()
		return s.State == client.StateConnected && s.Rules.Version > 0 && !s.Rules.Kept && s.Rules.Applications == applications
	})
}

// to gives a destination.
func to(t testing.TB, network, host string, port uint16) flow.To {
	t.Helper()
	return must(flow.Parse(network, host, port))(t)
}

// serve serves a proxy until the test ends and gives its address.
func serve(t testing.TB, by func(context.Context, net.Listener, proxy.Config) error, cfg proxy.Config) string {
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

// code gives what stands for a refusal: its code, or the kind of fault.
func code(err error) string {
	if refusal, ok := errors.AsType[*wire.Refusal](err); ok {
		return refusal.Code
	}
	if err == nil {
		return "open"
	}
	return fault.KindOf(err).String()
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
