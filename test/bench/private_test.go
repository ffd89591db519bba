//go:build linux

package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkPrivateBulk prints how fast eight flows carry bytes to a program: by the client's SOCKS proxy, gateway and connector, beside TLS to
// the backend itself and beside a port that ssh -J forwards over as many hops.
func BenchmarkPrivateBulk(b *testing.B) {
	w := startPrivate(b)
	ways := []way{w.directTLS(b), w.postern, w.forwarded(b)}
	const streams, each = 8, 24 << 20
	compareWays(b, ways, "MB/s", func(at way) (Round, error) {
		return timed(at, streams*each/1e6, func() error {
			return together(streams, func(int) error { return download(at, each) })
		})
	})
}

// BenchmarkPrivateFlows prints how many flows a second a program opens, uses for a byte and ends, eight at a time, beside ssh -D to one hop and
// over two, and without any proxy: what the program, the backend and the kernel take of it themselves.
func BenchmarkPrivateFlows(b *testing.B) {
	w := startPrivate(b)
	ways := []way{w.direct(), w.dynamic(b, "one"), w.dynamic(b, "two"), w.postern}
	compareWays(b, ways, "flows/s", func(at way) (Round, error) {
		var done atomic.Int64
		until := time.Now().Add(2 * time.Second)
		before, err := cpuOf(at.PIDs)
		if err != nil {
			return Round{}, err
		}
		began := time.Now()
		err = together(8, func(int) error {
			for time.Now().Before(until) {
				if err := useOnce(at); err != nil {
					return err
				}
				done.Add(1)
			}
			return nil
		})
		took := time.Since(began)
		after, err2 := cpuOf(at.PIDs)
		if err != nil || err2 != nil {
			return Round{}, fmt.Errorf("%s: %w %w", at.Name, err, err2)
		}
		return Round{Requests: done.Load(), Rate: float64(done.Load()) / took.Seconds(), CPU: (after - before) / time.Duration(max(1, done.Load()))}, nil
	})
}

// BenchmarkPrivateLatency prints how long a byte there and back takes on a flow that is open.
func BenchmarkPrivateLatency(b *testing.B) {
	w := startPrivate(b)
	ways := []way{w.direct(), w.postern, w.forwarded(b)}
	for b.Loop() {
		results, err := inTurn(rounds(), sidesOf(ways), func(side Side) (Latencies, error) { return roundTrips(wayOf(ways, side), 3000) })
		if err != nil {
			b.Fatal(err)
		}
		fmt.Println()
		for i, at := range ways {
			low, middle, high := spread(results[i], func(l Latencies) float64 { return float64(l.P50.Microseconds()) })
			_, tail, _ := spread(results[i], func(l Latencies) float64 { return float64(l.P99.Microseconds()) })
			fmt.Printf("%24s  p50 %4.0f µs (%.0f–%.0f)   p99 %5.0f µs\n", at.Name, middle, low, high, tail)
			if at.Name == "postern" {
				b.ReportMetric(middle, "p50-µs")
			}
		}
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkPrivateIdle prints the memory of an idle flow: over gateway and connector, and of the client. The service is started anew before, since
// flows would lie in what hashing a password took and was not given back; and some flows are open before the ones that count.
func BenchmarkPrivateIdle(b *testing.B) {
	const before, count = 1000, 3000
	w := startPrivate(b)
	w.restart(b)
	for b.Loop() {
		first := w.open(b, before)
		was := w.memory(b)
		second := w.open(b, count)
		is := w.memory(b)
		for _, conn := range append(first, second...) {
			_ = conn.Close()
		}
		for i, name := range []string{"gateway", "connector", "client"} {
			fmt.Printf("%24s  %.1f KiB for each of %d idle flows\n", name, float64(is[i]-was[i])/count/1024, count)
		}
		b.ReportMetric(float64(is[0]+is[1]-was[0]-was[1])/count/1024, "KiB/flow")
		b.ReportMetric(0, "ns/op")
	}
}

// restart kills the service and starts it again.
func (w *private) restart(b *testing.B) {
	b.Helper()
	if err := syscall.Kill(w.postern.PIDs[0], syscall.SIGKILL); err != nil {
		b.Fatal(err)
	}
	w.system.Await("the service to be gone", func() bool { return useOnce(w.postern) != nil })
	w.postern.PIDs[0] = w.serve()
	w.system.Await("a flow again", func() bool { return useOnce(w.postern) == nil })
}

// open opens so many flows that have had an answer each.
func (w *private) open(b *testing.B, count int) []net.Conn {
	b.Helper()
	conns := make([]net.Conn, count)
	err := together(16, func(worker int) (err error) {
		for i := worker; i < count && err == nil; i += 16 {
			if conns[i], err = w.postern.dial(); err == nil {
				err = echo(conns[i])
			}
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return conns
}

// BenchmarkPrivateDatagrams prints what 10,000 datagrams of 200 bytes a second cost, there and back, and how many are lost, beside the
// same without Postern.
func BenchmarkPrivateDatagrams(b *testing.B) {
	w := startPrivate(b)
	ways := []way{{Name: "direct", dial: w.datagrams}, {Name: "postern", PIDs: w.postern.PIDs, dial: w.socksDatagrams}}
	for b.Loop() {
		results, err := inTurn(rounds(), sidesOf(ways), func(side Side) (paced, error) { return pace(wayOf(ways, side), 10_000, 3*time.Second) })
		if err != nil {
			b.Fatal(err)
		}
		fmt.Println()
		for i, at := range ways {
			_, cpu, _ := spread(results[i], func(p paced) float64 { return float64(p.cpu.Nanoseconds()) / 1000 })
			_, lost, worst := spread(results[i], func(p paced) float64 { return 100 * float64(p.lost) / float64(p.sent) })
			fmt.Printf("%24s  CPU %5.1f µs a datagram there and back, sender and backend included   lost %.3f %% (at most %.3f %%)\n", at.Name, cpu, lost, worst)
			if at.Name == "postern" {
				b.ReportMetric(cpu, "µs/datagram")
				b.ReportMetric(lost, "%lost")
			}
		}
		b.ReportMetric(0, "ns/op")
	}
}

// compareWays lets ways take turns and prints their rates with the ratio to the first.
func compareWays(b *testing.B, ways []way, unit string, do func(way) (Round, error)) {
	b.Helper()
	for b.Loop() {
		results, err := inTurn(rounds(), sidesOf(ways), func(side Side) (Round, error) { return do(wayOf(ways, side)) })
		if err != nil {
			b.Fatal(err)
		}
		fmt.Println()
		for i, at := range ways {
			low, middle, high := spread(results[i], rate)
			_, used, _ := spread(results[i], cpu)
			fmt.Printf("%24s  %8.0f %s (%.0f–%.0f)  ratio %.2f  CPU %.0f µs each\n", at.Name, middle, unit, low, high, ratio(results[i], results[0], rate), used/1000)
			if at.Name != "postern" {
				continue
			}
			for j, other := range ways {
				if j != i {
					b.ReportMetric(ratio(results[i], results[j], rate), "x-"+other.tag)
				}
			}
		}
		b.ReportMetric(0, "ns/op")
	}
}

func sidesOf(ways []way) []Side {
	sides := make([]Side, len(ways))
	for i, at := range ways {
		sides[i] = Side{Name: at.Name, PIDs: at.PIDs}
	}
	return sides
}

func wayOf(ways []way, side Side) way {
	return ways[slices.IndexFunc(ways, func(w way) bool { return w.Name == side.Name })]
}

// timed gives how many units a second something carries.
func timed(at way, units float64, do func() error) (Round, error) {
	before, err := cpuOf(at.PIDs)
	if err != nil {
		return Round{}, err
	}
	began := time.Now()
	if err := do(); err != nil {
		return Round{}, err
	}
	took := time.Since(began)
	after, err := cpuOf(at.PIDs)
	return Round{Requests: int64(units), Rate: units / took.Seconds(), CPU: time.Duration(float64(after-before) / units)}, err
}

// download takes so many bytes by a flow of its own, and wants them all.
func download(at way, size int64) error {
	conn, err := at.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write(binary.BigEndian.AppendUint64([]byte{'d'}, uint64(size))); err != nil {
		return err
	}
	if got, err := io.Copy(io.Discard, conn); err != nil || got != size {
		return fmt.Errorf("%s: %d of %d bytes: %w", at.Name, got, size, err)
	}
	return nil
}

func useOnce(at way) error {
	conn, err := at.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	return echo(conn)
}

// echo has one byte sent back on a new flow.
func echo(conn net.Conn) error {
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte("ex")); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}

func roundTrips(at way, count int) (Latencies, error) {
	conn, err := at.dial()
	if err != nil {
		return Latencies{}, err
	}
	defer conn.Close()
	if err := echo(conn); err != nil {
		return Latencies{}, err
	}
	took := make([]time.Duration, count)
	for i := range took {
		began := time.Now()
		if _, err := conn.Write([]byte{'x'}); err != nil {
			return Latencies{}, err
		}
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			return Latencies{}, err
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return Latencies{P50: took[count/2], P99: took[count*99/100]}, nil
}

// paced is what became of datagrams that were sent at a steady rate.
type paced struct {
	sent, lost int
	cpu        time.Duration // for each, there and back, of everything that took part
}

func pace(at way, rate int, length time.Duration) (paced, error) {
	conn, err := at.dial()
	if err != nil {
		return paced{}, err
	}
	defer conn.Close()
	pids := append([]int{os.Getpid()}, at.PIDs...)
	before, err := cpuOf(pids)
	if err != nil {
		return paced{}, err
	}
	count := rate * int(length/time.Second)
	back := make(chan int, 1)
	go func() { back <- countBack(conn, count) }()
	began, datagram := time.Now(), make([]byte, 200)
	beat := time.NewTicker(time.Millisecond)
	defer beat.Stop()
	for sent := 0; sent < count; {
		due := min(count, int(time.Since(began).Seconds()*float64(rate)))
		for ; sent < due; sent++ {
			if _, err := conn.Write(datagram); err != nil {
				return paced{}, err
			}
		}
		<-beat.C
	}
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second)) // for the last ones
	got := <-back
	after, err := cpuOf(pids)
	return paced{sent: count, lost: count - got, cpu: (after - before) / time.Duration(count)}, err
}

func countBack(conn net.Conn, count int) (got int) {
	for buffer := make([]byte, math.MaxUint16); got < count; got++ {
		if _, err := conn.Read(buffer); err != nil {
			break
		}
	}
	return got
}

// memory gives that of gateway, connector and client, once they have settled.
func (w *private) memory(b *testing.B) [3]int64 {
	b.Helper()
	var all [3]int64
	for i, pid := range w.postern.PIDs {
		now, err := settled(pid)
		if err != nil {
			b.Fatal(err)
		}
		all[i] = now
	}
	return all
}

// awaitDial waits until somebody listens.
func awaitDial(b *testing.B, address string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ctx.Done():
			b.Fatalf("nobody listens on %s: %v", address, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// look finds a program, which may be where only root has its path.
func look(b *testing.B, name string) string {
	b.Helper()
	for _, at := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(at); err == nil {
			return path
		}
	}
	b.Fatalf("there is no %s", name)
	return ""
}
