//go:build linux

package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/proxy"

	"postern/test/size"
)

// talk is a connection, or a socket whose datagrams go to one destination.
type talk interface {
	io.ReadWriter
	SetDeadline(time.Time) error
}

// reaching is how this process, on the device, reaches the servers of the private network.
type reaching struct {
	name string
	tcp  func(port string) (*net.TCPConn, error)
	udp  func(port string) talk
}

// byRoutes goes where the device's routes lead.
func (d *device) byRoutes() reaching {
	dial := func(network, port string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(d.t.Context(), patient)
		defer cancel()
		return d.Dial(ctx, Device, network, net.JoinHostPort(Backend.Addr(), port))
	}
	return reaching{"interface",
		func(port string) (*net.TCPConn, error) {
			conn, err := dial("tcp", port)
			if err != nil {
				return nil, err
			}
			return conn.(*net.TCPConn), nil
		},
		func(port string) talk {
			conn, err := dial("udp", port)
			if err != nil {
				d.t.Fatal(err)
			}
			d.t.Cleanup(func() { conn.Close() })
			return conn
		}}
}

// bySOCKS goes by the client's proxy.
func (d *device) bySOCKS() reaching {
	dialer, err := proxy.SOCKS5("tcp", net.JoinHostPort("127.0.0.1", socksPort), nil, onDevice{d})
	if err != nil {
		d.t.Fatal(err)
	}
	return reaching{"SOCKS5",
		func(port string) (*net.TCPConn, error) {
			conn, err := dialer.Dial("tcp", net.JoinHostPort(Backend.Addr(), port))
			if err != nil {
				return nil, err
			}
			return conn.(*net.TCPConn), nil
		},
		func(port string) talk { return d.associate(Backend.Addr(), port) }}
}

// onDevice dials from the device.
type onDevice struct{ *device }

func (d onDevice) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), patient)
	defer cancel()
	return d.device.Dial(ctx, Device, network, address)
}

// serveTCP has each connection to a port of the servers' machine handled.
func (d *device) serveTCP(port string, handle func(*net.TCPConn)) (stop func()) {
	d.t.Helper()
	l, err := d.Listen(Backend, net.JoinHostPort(Backend.Addr(), port))
	if err != nil {
		d.t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { defer conn.Close(); handle(conn.(*net.TCPConn)) })
		}
	})
	return func() { l.Close(); running.Wait() }
}

// TestPrivateTruthByProxy: through the proxy everything is as it is by the interface (TestDeviceByInterface).
func TestPrivateTruthByProxy(t *testing.T) {
	t.Parallel()
	d := newDevice(t, "10.20.0.20:1-65535/both")
	d.proxies()
	d.expectTruth(d.bySOCKS())
	d.expectNothingInbound()
}

// expectTruth: what a server does is what a program of the device sees.
func (d *device) expectTruth(r reaching) {
	d.t.Helper()
	d.expectEnds(r)
	d.expectServerFirst(r)
	d.expectNoCrosstalk(r)
	d.expectDatagrams(r)
}

func (d *device) must(r reaching, port string) *net.TCPConn {
	d.t.Helper()
	conn, err := r.tcp(port)
	if err != nil {
		d.t.Fatalf("%s: %v", r.name, err)
	}
	d.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * patient))
	return conn
}

// expectEnds: an end of one direction, a reset and a port that is closed are seen as they are.
func (d *device) expectEnds(r reaching) {
	t := d.t
	t.Helper()
	defer d.serveTCP("7001", func(far *net.TCPConn) {
		got, _ := io.ReadAll(far)
		_, _ = far.Write(got) // after the other one's end
	})()
	defer d.serveTCP("7003", func(far *net.TCPConn) {
		_, _ = io.WriteString(far, "half a")
		_, _ = io.ReadFull(far, make([]byte, 1)) // the other one has it
		_ = far.SetLinger(0)
	})()
	sent := make([]byte, 4<<20)
	_, _ = rand.Read(sent) // never fails
	near := d.must(r, "7001")
	go func() { // ends with the connection
		_, _ = near.Write(sent)
		_ = near.CloseWrite()
	}()
	if got, err := io.ReadAll(near); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%s: %d of %d bytes came back after the end of what was sent, %v", r.name, len(got), len(sent), err)
	}
	near = d.must(r, "7003")
	if _, err := io.ReadFull(near, make([]byte, 6)); err != nil {
		t.Error(err)
	}
	_, _ = near.Write([]byte("!"))
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%s: a reset looks like %v", r.name, err)
	}
	if conn, err := r.tcp("7002"); err == nil {
		conn.Close()
		t.Errorf("%s: a closed port is open", r.name)
	} else if r.name == "interface" && !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%s: a closed port looks like %v", r.name, err)
	}
}

// expectServerFirst: a server that speaks first is heard, also if it then ends at once.
func (d *device) expectServerFirst(r reaching) {
	d.t.Helper()
	defer d.serveTCP("7004", func(far *net.TCPConn) { _, _ = io.WriteString(far, "220 hello") })()
	if got, err := io.ReadAll(d.must(r, "7004")); err != nil || string(got) != "220 hello" {
		d.t.Errorf("%s: a server that speaks first said %q, %v", r.name, got, err)
	}
}

// expectNoCrosstalk: many flows at once, beside one whose reader does not read. Each gets back what it sent, and the stalled one everything
// in the end.
func (d *device) expectNoCrosstalk(r reaching) {
	d.t.Helper()
	const much = 16 << 20 // bytes: more than all buffers on the way take
	written := make(chan error, 1)
	defer d.serveTCP("7005", func(far *net.TCPConn) { _, err := far.Write(make([]byte, much)); written <- err })()
	defer d.serveTCP("7006", func(far *net.TCPConn) { _, _ = io.Copy(far, far) })()
	stalled := d.must(r, "7005")
	if _, err := io.ReadFull(stalled, make([]byte, 1)); err != nil {
		d.t.Fatal(err)
	}
	var all sync.WaitGroup
	flows := size.Of(100, 500)
	began := time.Now()
	opened, errs := make(chan struct{}, flows), make(chan error, flows)
	together := make(chan struct{})
	for i := range flows {
		all.Go(func() {
			conn, err := r.tcp("7006")
			opened <- struct{}{}
			if err != nil {
				errs <- err
				return
			}
			defer conn.Close()
			<-together // all are open at once
			errs <- pingPong(conn, fmt.Sprintf("flow %d;", i))
		})
	}
	for range flows {
		<-opened
	}
	close(together)
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			d.t.Errorf("%s: one of %d flows: %v", r.name, flows, err)
		}
	}
	d.t.Logf("%s: %d flows beside a stalled one took %v", r.name, flows, time.Since(began).Round(time.Millisecond))
	select {
	case err := <-written:
		d.t.Errorf("%s: %d bytes were taken for a reader that reads nothing: %v", r.name, much, err)
	default:
	}
	if got, err := io.Copy(io.Discard, stalled); err != nil || got != much-1 {
		d.t.Errorf("%s: the stalled flow got %d of %d bytes, %v", r.name, got+1, much, err)
	}
	<-written
}

// pingPong sends a text of its own again and again, and wants each back before the next.
func pingPong(conn *net.TCPConn, word string) error {
	_ = conn.SetDeadline(time.Now().Add(2 * patient))
	sent := bytes.Repeat([]byte(word), 2000)
	got := make([]byte, len(sent))
	for range 4 {
		if _, err := conn.Write(sent); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, got); err != nil {
			return err
		}
		if !bytes.Equal(got, sent) {
			return fmt.Errorf("%q got another one's bytes: %q", word, got[:40])
		}
	}
	return nil
}

// expectDatagrams: each stays what it is, whatever its size.
func (d *device) expectDatagrams(r reaching) {
	t := d.t
	t.Helper()
	server, err := d.ListenPacket(Backend, net.JoinHostPort(Backend.Addr(), "7003"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buffer := make([]byte, 1<<16); ; {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(buffer[:n], from)
		}
	}()
	defer func() { server.Close(); <-done }()
	conn := r.udp("7003")
	_ = conn.SetDeadline(time.Now().Add(2 * patient))
	largest := 65507
	if r.name == "SOCKS5" {
		largest -= 10 // of the proxy's header, which is in the datagram
	}
	for _, size := range []int{1, 200, 1472, 9000, largest} {
		sent := make([]byte, size)
		_, _ = rand.Read(sent) // never fails
		if _, err := conn.Write(sent); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 1<<16)
		if n, err := conn.Read(got); err != nil || !bytes.Equal(got[:n], sent) {
			t.Errorf("%s: a datagram of %d bytes came back as %d, %v", r.name, size, n, err)
		}
	}
}
