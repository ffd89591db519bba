package client_test

import (
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"postern/internal/client/flow"
	proxies "postern/internal/client/proxy"
)

// BenchmarkFlows opens a flow by the SOCKS proxy, sends a byte, reads it back and ends it, in several programs at once: all of it, gateway and connector
// included, in this process.
func BenchmarkFlows(b *testing.B) {
	w := newWorld(b)
	w.tcp.echo()
	d := w.Device("ada")
	w.ready(d, 1)
	socks := serve(b, proxies.ServeSOCKS, proxies.Config{Opener: d})
	head := socksHead(to(b, flow.TCP, "127.0.0.1", w.tcp.port))
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		reply := make([]byte, 13)
		for pb.Next() {
			conn, err := net.Dial("tcp", socks)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = conn.Write(append(head, 'x'))
			if _, err := io.ReadFull(conn, reply); err != nil {
				b.Error(err)
			}
			_ = conn.Close()
		}
	})
}

// socksHead is what a program says without waiting: greeting and request.
func socksHead(to flow.To) []byte {
	ip := to.Host.Addr.As4()
	return []byte{5, 1, 0, 5, 1, 0, 1, ip[0], ip[1], ip[2], ip[3], byte(to.Port >> 8), byte(to.Port)}
}

// BenchmarkBulk carries 64 KiB pieces there and back by the SOCKS proxy.
func BenchmarkBulk(b *testing.B) {
	w := newWorld(b)
	w.tcp.echo()
	d := w.Device("ada")
	w.ready(d, 1)
	socks := serve(b, proxies.ServeSOCKS, proxies.Config{Opener: d})
	conn := must(net.Dial("tcp", socks))(b).(*net.TCPConn)
	defer conn.Close()
	_, _ = conn.Write(socksHead(to(b, flow.TCP, "127.0.0.1", w.tcp.port)))
	if _, err := io.ReadFull(conn, make([]byte, 12)); err != nil {
		b.Fatal(err)
	}
	piece := make([]byte, 64<<10)
	b.SetBytes(int64(len(piece)))
	b.ResetTimer()
	go func() {
		for range b.N {
			_, _ = conn.Write(piece)
		}
		_ = conn.CloseWrite()
	}()
	if n, err := io.Copy(io.Discard, conn); n != int64(b.N*len(piece)) || err != nil {
		b.Fatal(n, err)
	}
}

// BenchmarkIdle tells the memory of an idle flow by the SOCKS proxy, of client, gateway and connector together and the backend, too.
func BenchmarkIdle(b *testing.B) {
	const flows = 2000
	w := newWorld(b)
	w.tcp.echo()
	d := w.Device("ada")
	w.ready(d, 1)
	socks := serve(b, proxies.ServeSOCKS, proxies.Config{Opener: d})
	head := socksHead(to(b, flow.TCP, "127.0.0.1", w.tcp.port))
	for b.Loop() {
		before := inUse()
		conns := make([]net.Conn, flows)
		var all sync.WaitGroup
		for i := range conns {
			all.Go(func() {
				conns[i] = must(net.Dial("tcp", socks))(b)
				_, _ = conns[i].Write(append(head, 'x'))
				if _, err := io.ReadFull(conns[i], make([]byte, 13)); err != nil {
					b.Error(err)
				}
			})
			if i%100 == 99 {
				all.Wait()
			}
		}
		all.Wait()
		b.ReportMetric(float64(inUse()-before)/flows, "B/flow")
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
}

func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
