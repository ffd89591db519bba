// Package dial connects to TCP addresses as browsers do: names under localhost are this machine,
// whatever the resolver says or does not know (RFC 6761, section 6.3). It also bounds what the kernel keeps for a connection.
package dial

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"
)

// Context dials with the timeout of ctx, at most 30 seconds. Its signature is that of
// net.Dialer.DialContext, for use in transports.
func Context(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: 30 * time.Second}
	host, port, err := net.SplitHostPort(address)
	if err != nil || !IsLocalhost(host) {
		return dialer.DialContext(ctx, network, address)
	}
	conn, err := dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	if err == nil {
		return conn, nil
	}
	conn, err6 := dialer.DialContext(ctx, network, net.JoinHostPort("::1", port))
	if err6 == nil {
		return conn, nil
	}
	return nil, errors.Join(err, err6)
}

// IsLocalhost reports whether the host is localhost or a name under it.
func IsLocalhost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
