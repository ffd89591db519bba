package tunnel

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wire is a link with a delay between two network namespaces that exist for one benchmark: a TUN device in each, and
// this process carrying packets between them. It needs root.
type wire struct{ near, far *namespace }

// namespace runs functions on a thread of its own in a new network namespace. Sockets made there stay there.
type namespace struct {
	calls chan func()
	tun   *os.File
}

const (
	wireMTU   = 1500
	wireQueue = 1 << 16 // packets under way in each direction
)

func newWire(t testing.TB, delay time.Duration) *wire {
	w := &wire{near: newNamespace(t, "10.77.0.1"), far: newNamespace(t, "10.77.0.2")}
	var carriers sync.WaitGroup
	carriers.Go(func() { carry(w.near.tun, w.far.tun, delay) })
	carriers.Go(func() { carry(w.far.tun, w.near.tun, delay) })
	t.Cleanup(func() {
		w.near.tun.Close()
		w.far.tun.Close()
		carriers.Wait()
		close(w.near.calls)
		close(w.far.calls)
	})
	return w
}

func newNamespace(t testing.TB, addr string) *namespace {
	t.Helper()
	n := &namespace{calls: make(chan func())}
	ready := make(chan error, 1)
	go func() {
		// The thread is never unlocked: it ends with this goroutine, and the namespace with it.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			n.tun, err = openTUN(addr)
		}
		ready <- err
		if err != nil {
			return
		}
		for call := range n.calls {
			call()
		}
	}()
	if err := <-ready; err != nil {
		t.Fatalf("network namespace with a TUN device (needs root): %v", err)
	}
	return n
}

// do runs f in the namespace.
func (n *namespace) do(f func()) {
	done := make(chan struct{})
	n.calls <- func() { defer close(done); f() }
	<-done
}

// openTUN makes the device tun0 with an address in a /24 and brings it up, without any program's help.
func openTUN(addr string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ctl, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(ctl)
	steps := []struct {
		fd      int
		request uint
		value   []byte
	}{
		{fd, unix.TUNSETIFF, binary.NativeEndian.AppendUint16(nil, unix.IFF_TUN|unix.IFF_NO_PI)},
		{ctl, unix.SIOCSIFADDR, inetAddr(addr)},
		{ctl, unix.SIOCSIFNETMASK, inetAddr("255.255.255.0")},
		{ctl, unix.SIOCSIFMTU, binary.NativeEndian.AppendUint32(nil, wireMTU)},
		{ctl, unix.SIOCSIFTXQLEN, binary.NativeEndian.AppendUint32(nil, 10000)},
		{ctl, unix.SIOCSIFFLAGS, binary.NativeEndian.AppendUint16(nil, unix.IFF_UP)},
	}
	for _, step := range steps {
		var ifreq [40]byte
		copy(ifreq[:], "tun0")
		copy(ifreq[unix.IFNAMSIZ:], step.value)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(step.fd), uintptr(step.request), uintptr(unsafe.Pointer(&ifreq))); errno != 0 {
			unix.Close(fd)
			return nil, fmt.Errorf("ioctl %#x: %w", step.request, errno)
		}
	}
	return os.NewFile(uintptr(fd), "tun"), nil
}

func inetAddr(addr string) []byte {
	b := binary.NativeEndian.AppendUint16(nil, unix.AF_INET)
	return append(append(b, 0, 0), net.ParseIP(addr).To4()...)
}

// carry takes packets from one device to the other after a delay, until a device is closed.
func carry(from, to *os.File, delay time.Duration) {
	type packet struct {
		due  time.Time
		data []byte
	}
	queue := make(chan packet, wireQueue)
	go func() {
		defer close(queue)
		for {
			buf := make([]byte, wireMTU)
			n, err := from.Read(buf)
			if err != nil {
				return
			}
			select {
			case queue <- packet{time.Now().Add(delay), buf[:n]}:
			default: // a full link drops
			}
		}
	}()
	for p := range queue {
		if wait := time.Until(p.due); wait > 0 {
			<-time.After(wait)
		}
		to.Write(p.data)
	}
}

// tcpPair connects the two ends of the wire.
func (w *wire) tcpPair(t testing.TB) (dialled, accepted net.Conn) {
	t.Helper()
	var ln net.Listener
	var err error
	w.far.do(func() { ln, err = net.Listen("tcp4", "10.77.0.2:0") })
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	w.near.do(func() { dialled, err = net.Dial("tcp4", ln.Addr().String()) })
	if err != nil {
		t.Fatal(err)
	}
	if accepted, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialled.Close(); accepted.Close() })
	return dialled, accepted
}

// rawMux is the yardstick of the wire: a TCP connection with nothing on it.
func rawMux(t testing.TB, dialled, accepted net.Conn, serve func(net.Conn)) mux {
	var served sync.WaitGroup
	served.Go(func() { serve(accepted) })
	return mux{
		open:  func() (net.Conn, error) { return dialled, nil },
		close: func() { dialled.Close(); accepted.Close(); served.Wait() },
	}
}

// wireRate returns the bytes per second of one stream over the wire, between two seconds after the start and the end.
func wireRate(t testing.TB, w *wire, maker muxMaker, d time.Duration) float64 {
	dialled, accepted := w.tcpPair(t)
	rate := make(chan float64, 1)
	m := maker(t, dialled, accepted, func(conn net.Conn) {
		buf := make([]byte, 256<<10)
		warm := during(d / 3)
		for warm() {
			if _, err := conn.Read(buf); err != nil {
				return
			}
		}
		begin, total, more := time.Now(), 0, during(d)
		for more() {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			total += n
		}
		rate <- float64(total) / time.Since(begin).Seconds()
		io.Copy(io.Discard, conn)
	})
	st, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var writer sync.WaitGroup
	writer.Go(func() {
		buf := make([]byte, 64<<10)
		for ctx.Err() == nil {
			if _, err := st.Write(buf); err != nil {
				return
			}
		}
	})
	got := <-rate
	cancel()
	dialled.Close()
	writer.Wait()
	m.close()
	return got
}

// BenchmarkWire compares one stream over a link of 40 ms with a raw TCP connection on it, and with yamux.
func BenchmarkWire(b *testing.B) {
	w := newWire(b, 20*time.Millisecond)
	for range b.N {
		var raw, ours, theirs, ratio []float64
		for range 3 {
			r := wireRate(b, w, rawMux, 3*time.Second)
			o := wireRate(b, w, oursMux, 3*time.Second)
			y := wireRate(b, w, yamuxMux, 3*time.Second)
			raw, ours, theirs, ratio = append(raw, r), append(ours, o), append(theirs, y), append(ratio, o/r)
		}
		fmt.Printf("\nwire of 40 ms, one stream: raw TCP %.0f, ours %.0f, yamux %.0f Mbit/s; ours/raw %.2f, bar >= 0.8\n",
			median(raw)*8e-6, median(ours)*8e-6, median(theirs)*8e-6, median(ratio))
		b.ReportMetric(median(ratio), "raw-ratio")
	}
}
