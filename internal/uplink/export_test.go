package uplink

import (
	"context"
	"net"
)

// Dial connects without TLS, within the dialer's time.
func (d *Dialer) Dial(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	return d.dial(ctx, address)
}
