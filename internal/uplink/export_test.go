package uplink

import (
	"context"
	"net"
)

// Dial connects without TLS, within the dialer's time.
func (d *Dialer) Dial(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	conn, _, err := d.dial(ctx, address)
	return conn, err
}

// WPADNames gives where scripts are looked for by a resolver's configuration.
func WPADNames(resolvConf string) []string { return wpadURLs(searchDomains(resolvConf)) }
