package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"

	"postern/internal/client/flow"
)

// associate serves UDP ASSOCIATE (RFC 1928, section 7): datagrams to a socket of its own, each with its destination in front, until the
// connection that asked for it ends.
func (c Config) associate(ctx context.Context, conn *net.TCPConn) {
	local := conn.LocalAddr().(*net.TCPAddr)
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: local.IP, Zone: local.Zone})
	if err != nil {
		c.Log.Warn("UDP ASSOCIATE failed", "error", err)
		c.replySOCKS(conn, replyFailed, nil)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = socket.Close() })()
	if !c.replySOCKS(conn, replyOK, socket.LocalAddr()) {
		_ = socket.Close()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.relayDatagrams(ctx, socket, conn)
	}()
	_, _ = io.Copy(io.Discard, conn) // it says nothing more, and its end is the association's
	cancel()
	<-done
}

// relayDatagrams carries what comes from the program, which is known by its address and then by the port that it sends from first.
func (c Config) relayDatagrams(ctx context.Context, socket *net.UDPConn, conn *net.TCPConn) {
	x := newExchanges[flow.To](c)
	x.program = func(flow.To) string { return c.wants(flow.To{}, conn).Process }
	program := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	defer x.running.Wait()
	defer socket.Close() // its end ends nobody else's
	var port atomic.Uint32
	buffer := make([]byte, flow.MaxDatagram)
	for {
		n, from, err := socket.ReadFromUDPAddrPort(buffer)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an answer that nobody took (ICMP) ends nothing
		}
		if from.Addr().Unmap() != program || !port.CompareAndSwap(0, uint32(from.Port())) && port.Load() != uint32(from.Port()) {
			continue // not the program
		}
		to, data, err := readDatagram(buffer[:n])
		if err != nil {
			c.Log.Debug("SOCKS datagram dropped", "error", err)
			continue
		}
		head := appendHost([]byte{0, 0, 0}, to.Host, to.Port)
		x.send(ctx, to, to, data, func(p []byte) error {
			if len(head)+len(p) > flow.MaxDatagram {
				return nil // it does not fit any more with its head: lost
			}
			_, err := socket.WriteToUDPAddrPort(append(bytes.Clone(head), p...), from)
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			return nil // what the program does not take is lost
		})
	}
}

// readDatagram reads a datagram with its destination in front. Fragments are dropped, as the RFC allows.
func readDatagram(p []byte) (to flow.To, data []byte, err error) {
	if len(p) < 3 || p[0] != 0 || p[1] != 0 {
		return to, nil, errors.New("it has no head")
	}
	if p[2] != 0 {
		return to, nil, errors.New("it is a fragment")
	}
	rest := bytes.NewReader(p[3:])
	host, port, err := readDestination(rest)
	if err != nil {
		return to, nil, err
	}
	to, err = flow.Parse(flow.UDP, host, port)
	return to, p[len(p)-rest.Len():], err
}
