package client_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"postern/internal/client/flow"
	proxies "postern/internal/client/proxy"
)

// TestManyFlows: many programs at once by a proxy, each gets its own bytes back, while one does not read.
func TestManyFlows(t *testing.T) {
	const flows = 500
	w := newWorld(t)
	w.tcp.echo()
	d := w.Device("ada")
	w.ready(d, 1)
	socks := serve(t, proxies.ServeSOCKS, proxies.Config{Opener: d, Log: w.Log})
	dest := to(t, flow.TCP, "127.0.0.1", w.tcp.port).Address()
	stalled := bySOCKS(t, socks, dest)
	_ = stalled.SetReadBuffer(4 << 10)
	go func() { _, _ = stalled.Write(make([]byte, 64<<20)) }() // nobody reads what comes back; ends with the connection
	var all sync.WaitGroup
	opening := make(chan struct{}, 16) // more at once would only wait for each other
	for i := range flows {
		all.Go(func() {
			if err := echoed(socks, dest, uint64(i), opening); err != nil {
				t.Errorf("flow %d: %v", i, err)
			}
		})
	}
	all.Wait()
	w.Await("the flows to be over", func() bool { return d.Status().Flows.Open <= 1 })
}

// echoed sends bytes that belong to a number, reads them back and compares.
func echoed(socks, dest string, number uint64, opening chan struct{}) error {
	opening <- struct{}{}
	conn, err := openedSOCKS(socks, dest)
	<-opening
	if err != nil {
		return err
	}
	defer conn.Close()
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], number)
	sent := make([]byte, 20000+int(number)*7)
	_, _ = rand.NewChaCha8(seed).Read(sent) // never fails
	go func() { _, _ = conn.Write(sent); _ = conn.(*net.TCPConn).CloseWrite() }()
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, sent) {
		return fmt.Errorf("%d of %d bytes, hash %x: %w", len(got), len(sent), sha256.Sum256(got), err)
	}
	return nil
}

func openedSOCKS(socks, dest string) (net.Conn, error) {
	conn, err := net.Dial("tcp", socks)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(4 * patience))
	host, port, _ := net.SplitHostPort(dest)
	var n uint16
	_, _ = fmt.Sscan(port, &n)
	ip := net.ParseIP(host).To4()
	_, _ = conn.Write(append([]byte{5, 1, 0, 5, 1, 0, 1, ip[0], ip[1], ip[2], ip[3]}, byte(n>>8), byte(n)))
	reply := make([]byte, 12)
	if _, err := io.ReadFull(conn, reply); err != nil || reply[3] != 0 {
		return conn, fmt.Errorf("SOCKS answered %x, %v", reply, err)
	}
	return conn, nil
}
