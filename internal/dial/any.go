package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

const (
	attemptDelay = 250 * time.Millisecond // before the next address is tried beside the last (RFC 8305, section 5)
	maxAddresses = 16                     // of one name that are tried
)

// One connects to an address.
type One func(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error)

// Any connects to the first address that answers ("happy eyeballs", RFC 8305): the next one starts when the last
// failed or has been silent for a while. It tells which one that is. A nil one dials plainly.
func Any(ctx context.Context, addrs []netip.Addr, port uint16, one One) (*net.TCPConn, netip.AddrPort, error) {
	if one == nil {
		one = plainly
	}
	if len(addrs) == 1 { // without a goroutine, which would cost a tenth of what opening a short flow costs a connector
		to := netip.AddrPortFrom(addrs[0], port)
		conn, err := one(ctx, to)
		if err != nil {
			return nil, netip.AddrPort{}, err
		}
		return conn, to, nil
	}
	return race(ctx, addrs, port, one)
}

func race(ctx context.Context, addrs []netip.Addr, port uint16, one One) (*net.TCPConn, netip.AddrPort, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	addrs = interleave(addrs)
	type result struct {
		conn *net.TCPConn
		to   netip.AddrPort
		err  error
	}
	results := make(chan result)
	pause := time.NewTimer(0)
	defer pause.Stop()
	failed := errors.New("no address to connect to")
	if len(addrs) > 0 {
		failed = nil
	}
	var won result
	for next, running := 0, 0; next < len(addrs) && won.conn == nil && ctx.Err() == nil || running > 0; {
		start := pause.C
		if next == len(addrs) || won.conn != nil || ctx.Err() != nil {
			start = nil
		}
		select {
		case <-start:
			to := netip.AddrPortFrom(addrs[next], port)
			next, running = next+1, running+1
			go func() { // ends with the dial; this loop receives every result
				conn, err := one(ctx, to)
				results <- result{conn, to, err}
			}()
			pause.Reset(attemptDelay)
		case r := <-results:
			running--
			switch {
			case r.err != nil:
				failed = errors.Join(failed, r.err)
				pause.Reset(0)
			case won.conn == nil:
				won = r
				cancel()
			default:
				_ = r.conn.Close() // two answered at once: one is enough
			}
		}
	}
	if won.conn != nil {
		return won.conn, won.to, nil
	}
	if failed == nil {
		failed = context.Cause(ctx)
	}
	return nil, netip.AddrPort{}, failed
}

// interleave orders addresses so that the families take turns, beginning with the family that the resolver put first.
func interleave(addrs []netip.Addr) []netip.Addr {
	var first, second, mixed []netip.Addr
	for _, a := range addrs {
		if a.Is4() == addrs[0].Is4() {
			first = append(first, a)
		} else {
			second = append(second, a)
		}
	}
	for i := range max(len(first), len(second)) {
		mixed = append(append(mixed, first[min(i, len(first)):min(i+1, len(first))]...), second[min(i, len(second)):min(i+1, len(second))]...)
	}
	return mixed[:min(len(mixed), maxAddresses)]
}

func plainly(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	d := dialer(ctx)
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}
