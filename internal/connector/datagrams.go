package connector

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"postern/internal/sock"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// datagramsIdle is how long a flow of datagrams may be silent both ways: what RFC 4787, section 4.3, recommends for the memory of a NAT.
const datagramsIdle = 5 * time.Minute

// serveDatagrams carries a flow of datagrams: each one as it is, whole or not at all.
func (c *Connector) serveDatagrams(f *flow, st *tunnel.Stream, open wire.Open, t *target) {
	conn, opened, refusal := c.dialDatagrams(st.Context(), t)
	if refusal != nil {
		c.refuse(f.link, st, open, refusal)
		return
	}
	defer conn.Close()
	c.metrics.opened(t, opened)
	if st.Accept(wire.Encode(opened)) != nil {
		return // the opener is gone
	}
	log := c.log.With("request", clip(open.Request), "application", t.Application)
	log.Debug("flow of datagrams opened", "address", opened.Address, "gateway", f.link.name())
	started := time.Now()
	why := relayDatagrams(st, conn, datagramsIdle)
	c.metrics.streams.Observe(time.Since(started).Seconds())
	log.Debug("flow of datagrams ended", "how", why)
}

// dialDatagrams goes from a target to a socket that sends to, and takes from, one checked address only.
func (c *Connector) dialDatagrams(ctx context.Context, t *target) (*net.UDPConn, wire.Opened, *wire.Refusal) {
	var opened wire.Opened
	started := time.Now()
	addrs, refusal := c.addresses(ctx, t)
	if refusal != nil {
		return nil, opened, refusal
	}
	opened.Resolve = time.Since(started)
	var last error
	for _, addr := range addrs {
		to := netip.AddrPortFrom(addr, t.Port)
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
		if err == nil {
			opened.Address = to.String()
			return conn, opened, nil
		}
		last = err // this machine has no way to that family of addresses
	}
	return nil, opened, connectRefusal(t, last)
}

var errIdle = errors.New("it was silent for too long")

// relayDatagrams copies both ways until one side fails or both are silent, and says how it ended. A port that is closed at the other
// end (ICMP) resets the stream, so that the opener learns of it as it would there.
func relayDatagrams(st *tunnel.Stream, conn *net.UDPConn, idle time.Duration) string {
	ctx, end := context.WithCancelCause(st.Context())
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // both directions end with one
	defer stop()
	var moved atomic.Bool
	down := make(chan struct{})
	go func() {
		defer close(down)
		end(sock.ReadDatagrams(conn, func(p []byte) error {
			moved.Store(true)
			return st.SendDatagram(p)
		}))
	}()
	end(datagramsUp(ctx, datagramFlow{st, conn, idle, &moved}))
	<-down
	why := context.Cause(ctx)
	if errors.Is(why, errIdle) || errors.Is(why, io.EOF) {
		_ = st.Close() // never fails
	} else {
		st.Reset(tunnel.CodeCancelled)
	}
	return why.Error()
}

type datagramFlow struct {
	st    *tunnel.Stream
	conn  *net.UDPConn
	idle  time.Duration
	moved *atomic.Bool // since it was looked last, either way
}

// datagramsUp sends what the opener sends.
func datagramsUp(ctx context.Context, f datagramFlow) error {
	_ = f.st.SetReadDeadline(time.Now().Add(f.idle)) // fails on a stream that is over, which reading then says
	for {
		p, err := f.st.ReceiveDatagram(ctx)
		switch {
		case err == nil:
			f.moved.Store(true)
			if _, err = f.conn.Write(p); err != nil && !errors.Is(err, syscall.ENOBUFS) { // no room just now: lost, as datagrams are
				return err
			}
		case errors.Is(err, os.ErrDeadlineExceeded) && f.moved.Swap(false):
			_ = f.st.SetReadDeadline(time.Now().Add(f.idle)) // as above
		case errors.Is(err, os.ErrDeadlineExceeded):
			return errIdle
		default:
			return err
		}
	}
}
