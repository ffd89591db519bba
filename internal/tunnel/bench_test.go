//go:build unix

package tunnel

import (
	"context"
	"io"
	"log"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/yamux"
)

// The benchmarks put this package and hashicorp/yamux, in its default configuration, over the same mutual TLS on loopback, take turns
// in one run, and report ratios: rates on a shared machine are noise, ratios of one run are not.
//
//	go test -run '^$' -bench Table -benchtime 1x ./internal/tunnel      prints the table
//	go test -run '^$' -bench Exchange/ours -cpuprofile cpu.out ./internal/tunnel

// mux is what the benchmarks need of a multiplexer: streams from one end, served at the other.
type mux struct {
	open  func() (net.Conn, error)
	close func()
}

type muxMaker func(t testing.TB, dialled, accepted net.Conn, serve func(net.Conn)) mux

var muxes = []struct {
	name string
	make muxMaker
}{{"ours", oursMux}, {"yamux", yamuxMux}}

func oursMux(t testing.TB, dialled, accepted net.Conn, serve func(net.Conn)) mux {
	c, s := mutualTLS(t, Coalesce(dialled), Coalesce(accepted))
	accept := func(st *Stream) {
		if st.Accept(nil) == nil {
			serve(st)
		}
		st.Close()
	}
	client, err := New(Config{Conn: c, Dialler: true})
	if err != nil {
		t.Fatal(err)
	}
	server, err := New(Config{Conn: s, Accept: accept})
	if err != nil {
		t.Fatal(err)
	}
	var runs sync.WaitGroup
	runs.Go(func() { client.Run(context.Background()) })
	runs.Go(func() { server.Run(context.Background()) })
	return mux{
		open:  func() (net.Conn, error) { return client.Open(context.Background(), nil) },
		close: func() { client.Close(); server.Close(); runs.Wait() },
	}
}

func yamuxMux(t testing.TB, dialled, accepted net.Conn, serve func(net.Conn)) mux {
	c, s := mutualTLS(t, dialled, accepted)
	cfg := yamux.DefaultConfig()
	cfg.LogOutput, cfg.Logger = nil, log.New(io.Discard, "", 0)
	client, err := yamux.Client(c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	server, err := yamux.Server(s, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var runs sync.WaitGroup
	runs.Go(func() {
		for {
			st, err := server.AcceptStream()
			if err != nil {
				return
			}
			runs.Go(func() {
				serve(st)
				st.Close()
			})
		}
	})
	return mux{
		open:  func() (net.Conn, error) { return client.OpenStream() },
		close: func() { client.Close(); server.Close(); runs.Wait() },
	}
}

// cpuTime returns what this process, both ends and the load included, has used.
func cpuTime() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// exchangers keep conc streams on which one side asks with 1 KiB and the other answers with 1 KiB.
type exchangers struct {
	m       mux
	streams []net.Conn
}

const exchangeSize = 1 << 10

func answerExchanges(conn net.Conn) {
	buf := make([]byte, exchangeSize)
	for {
		if _, err := io.ReadFull(conn, buf); err != nil {
			return
		}
		if _, err := conn.Write(buf); err != nil {
			return
		}
	}
}

func newExchangers(t testing.TB, maker muxMaker, conc int) *exchangers {
	dialled, accepted := tcpPair(t)
	e := &exchangers{m: maker(t, dialled, accepted, answerExchanges)}
	for range conc {
		st, err := e.m.open()
		if err != nil {
			t.Fatal(err)
		}
		e.streams = append(e.streams, st)
	}
	return e
}

// run makes exchanges on all streams until more returns false, and returns how many.
func (e *exchangers) run(t testing.TB, more func() bool) int64 {
	var n atomic.Int64
	var wg sync.WaitGroup
	for _, st := range e.streams {
		wg.Go(func() {
			buf := make([]byte, exchangeSize)
			for more() {
				if _, err := st.Write(buf); err != nil {
					t.Error(err)
					return
				}
				if _, err := io.ReadFull(st, buf); err != nil {
					t.Error(err)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return n.Load()
}

func (e *exchangers) close() {
	for _, st := range e.streams {
		st.Close()
	}
	e.m.close()
}

func during(d time.Duration) func() bool {
	var over atomic.Bool
	time.AfterFunc(d, func() { over.Store(true) })
	return func() bool { return !over.Load() }
}

func BenchmarkExchange(b *testing.B) {
	for _, m := range muxes {
		b.Run(m.name, func(b *testing.B) {
			e := newExchangers(b, m.make, 64)
			defer e.close()
			var left atomic.Int64
			left.Store(int64(b.N))
			before := cpuTime()
			b.ResetTimer()
			n := e.run(b, func() bool { return left.Add(-1) >= 0 })
			b.ReportMetric(float64((cpuTime()-before).Nanoseconds())/float64(n), "cpu-ns/op")
		})
	}
}

// bulk sends size bytes on one stream and returns the bytes per second.
func bulk(t testing.TB, m mux, size int64) float64 {
	st, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	buf := make([]byte, 64<<10)
	begin := time.Now()
	go func() {
		for left := size; left > 0; left -= int64(len(buf)) {
			if _, err := st.Write(buf); err != nil {
				return
			}
		}
	}()
	var done [1]byte
	if _, err := io.ReadFull(st, done[:]); err != nil {
		t.Fatal(err)
	}
	return float64(size) / time.Since(begin).Seconds()
}

// sink reads size bytes and answers with one.
func sink(size int64) func(net.Conn) {
	return func(conn net.Conn) {
		buf := make([]byte, 64<<10)
		for left := size; left > 0; {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			left -= int64(n)
		}
		conn.Write(buf[:1])
		io.ReadFull(conn, buf[:1])
	}
}

func BenchmarkBulk(b *testing.B) {
	const size = 64 << 20
	for _, m := range muxes {
		b.Run(m.name, func(b *testing.B) {
			dialled, accepted := tcpPair(b)
			x := m.make(b, dialled, accepted, sink(size))
			defer x.close()
			b.SetBytes(size)
			b.ResetTimer()
			for range b.N {
				bulk(b, x, size)
			}
		})
	}
}

// churn opens streams, each with a loopback dial at the far end and one byte there and back, and returns streams per second.
func churn(t testing.TB, m mux, workers int, more func() bool) float64 {
	var n atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for range workers {
		wg.Go(func() {
			one := []byte{1}
			for more() {
				st, err := m.open()
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := st.Write(one); err != nil {
					t.Error(err)
				}
				if _, err := io.ReadFull(st, one); err != nil {
					t.Error(err)
				}
				st.Close()
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(begin).Seconds()
}

// echoServer is a backend that sends back what it gets.
func echoServer(t testing.TB) (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer conn.Close()
				buf := make([]byte, 64)
				for {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					conn.Write(buf[:n])
				}
			})
		}
	})
	t.Cleanup(func() { ln.Close(); conns.Wait() })
	return ln.Addr().String()
}

// relay dials addr and copies both ways until either side ends.
func relay(addr string) func(net.Conn) {
	return func(conn net.Conn) {
		backend, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		// A reset instead of TIME_WAIT: the ports of a machine are few.
		backend.(*net.TCPConn).SetLinger(0)
		var up sync.WaitGroup
		up.Go(func() {
			io.Copy(backend, conn)
			backend.Close()
		})
		io.Copy(conn, backend)
		conn.Close()
		up.Wait()
	}
}

func BenchmarkChurn(b *testing.B) {
	addr := echoServer(b)
	for _, m := range muxes {
		b.Run(m.name, func(b *testing.B) {
			dialled, accepted := tcpPair(b)
			x := m.make(b, dialled, accepted, relay(addr))
			defer x.close()
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			churn(b, x, 16, func() bool { return left.Add(-1) >= 0 })
		})
	}
}

// idleMemory returns the bytes per idle stream, both ends together, with a goroutine that waits to read at each end.
func idleMemory(t testing.TB, maker muxMaker, n int) float64 {
	dialled, accepted := tcpPair(t)
	var waiting sync.WaitGroup
	m := maker(t, dialled, accepted, func(conn net.Conn) {
		var b [1]byte
		io.ReadFull(conn, b[:])
		waiting.Done()
		io.ReadFull(conn, b[:])
	})
	before := inUse()
	var streams []net.Conn
	var readers sync.WaitGroup
	for range n {
		waiting.Add(1)
		st, err := m.open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		streams = append(streams, st)
		readers.Go(func() { io.ReadFull(st, make([]byte, 1)) })
	}
	waiting.Wait()
	after := inUse()
	for _, st := range streams {
		st.Close()
	}
	m.close()
	readers.Wait()
	return (after - before) / float64(n)
}

func inUse() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse + m.StackInuse)
}

// stalled returns the rate of 16 exchanging streams while 32 others are full and unread, relative to the rate without them.
func stalled(t testing.TB, maker muxMaker, d time.Duration) float64 {
	dialled, accepted := tcpPair(t)
	serve := func(conn net.Conn) {
		var kind [1]byte
		if _, err := io.ReadFull(conn, kind[:]); err != nil {
			return
		}
		if kind[0] == 1 {
			answerExchanges(conn)
			return
		}
		buf := make([]byte, 32<<10)
		for {
			if _, err := conn.Write(buf); err != nil {
				return
			}
		}
	}
	m := maker(t, dialled, accepted, serve)
	e := &exchangers{m: m}
	open := func(kind byte) net.Conn {
		st, err := m.open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Write([]byte{kind}); err != nil {
			t.Fatal(err)
		}
		return st
	}
	for range 16 {
		e.streams = append(e.streams, open(1))
	}
	defer e.close()
	e.run(t, during(d/4))
	free := e.run(t, during(d))
	for range 32 {
		defer open(2).Close()
	}
	e.run(t, during(d/4))
	full := e.run(t, during(d))
	return float64(full) / float64(free)
}

// TestMemoryPerIdleStream: the ceiling of the design, both ends and a waiting goroutine at each.
func TestMemoryPerIdleStream(t *testing.T) {
	if got := idleMemory(t, oursMux, 1000) / 1024; got > 20 {
		t.Errorf("%.1f KiB per idle stream, at most 20", got)
	}
}
