package proxy

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"postern/internal/client/flow"
)

// ServeForward carries every connection to a listener to one destination, until ctx ends.
func ServeForward(ctx context.Context, l net.Listener, to flow.To, cfg Config) error {
	cfg = cfg.withDefaults()
	return cfg.serve(ctx, l, func(ctx context.Context, conn *net.TCPConn) {
		f, err := cfg.open(ctx, cfg.wants(to, conn))
		if err != nil {
			_ = conn.SetLinger(0) // it shall not look like a service that has nothing to say
			return
		}
		cfg.join(conn, 0, f)
	})
}

// ServeForwardDatagrams carries the datagrams that come to a socket to one destination, each sender's by a flow of its own, until ctx
// ends. The socket is closed.
func ServeForwardDatagrams(ctx context.Context, socket *net.UDPConn, to flow.To, cfg Config) error {
	cfg = cfg.withDefaults()
	ctx, cancel := context.WithCancel(ctx)
	x := newExchanges[netip.AddrPort](cfg)
	x.program = func(from netip.AddrPort) string { return cfg.program("udp", from, socket.LocalAddr()) }
	defer x.running.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = socket.Close() })()
	buffer := make([]byte, flow.MaxDatagram)
	for {
		n, from, err := socket.ReadFromUDPAddrPort(buffer)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			continue // an answer that nobody took (ICMP) ends nothing
		}
		x.send(ctx, from, to, buffer[:n], func(p []byte) error {
			_, err := socket.WriteToUDPAddrPort(p, from)
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			return nil // what the program does not take is lost
		})
	}
}
