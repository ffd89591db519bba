// Package dial connects to TCP addresses as browsers do: names under localhost are this machine,
// whatever the resolver says or does not know (RFC 6761, section 6.3), and of a name's addresses, old and new ones in turn, the
// first that answers is taken. It also bounds what the kernel keeps for a connection.
package dial

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// timeout bounds every dial.
const timeout = 30 * time.Second

// A Control is called for each socket before it is connected, as that of net.Dialer.
type Control func(network, address string, c syscall.RawConn) error

type controlKey struct{}

// With has every dial under a context call control, also those of transports that dial by this package. nil: as before.
func With(ctx context.Context, control Control) context.Context {
	if control == nil {
		return ctx
	}
	return context.WithValue(ctx, controlKey{}, control)
}

// dialer gives what dials under a context.
func dialer(ctx context.Context) *net.Dialer {
	control, _ := ctx.Value(controlKey{}).(Control)
	return &net.Dialer{Control: control}
}

// Context dials with the timeout of ctx, at most 30 seconds. Its signature is that of
// net.Dialer.DialContext, for use in transports.
func Context(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	number, numeric := strconv.ParseUint(port, 10, 16)
	_, literal := netip.ParseAddr(host)
	if err != nil || numeric != nil || literal == nil || network != "tcp" {
		return dialer(ctx).DialContext(ctx, network, address)
	}
	addrs := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	if !IsLocalhost(host) {
		if addrs, err = lookup(ctx, host); err != nil {
			return nil, err
		}
	}
	conn, _, err := Any(ctx, addrs, uint16(number), nil)
	if err != nil {
		return nil, err // not a nil *net.TCPConn in an interface
	}
	return conn, nil
}

func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, nil
}

// IsLocalhost reports whether the host is localhost or a name under it.
func IsLocalhost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
