package fetch

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"

	"postern/internal/fault"
	"postern/internal/match"
)

// Dial connects to host:port under the same rules as a question, for what does not speak HTTP. The network is tcp,
// udp or tls. Errors are faults as those of Do.
func (c *Client) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	name, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fault.New(fault.KindInvalid, "%s cannot be asked: it must be host:port", fault.Readable(address))
	}
	host, err := match.ParseHost(name)
	if err != nil {
		return nil, fault.New(fault.KindInvalid, "%s cannot be asked: %s", fault.Readable(name), err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return nil, fault.New(fault.KindInvalid, "%s cannot be asked: %s is no port", fault.Readable(name), fault.Readable(text))
	}
	if err := c.name(host, uint16(port)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	transport := network
	if network == "tls" {
		transport = "tcp"
	}
	conn, err := c.dial(ctx, transport, address)
	if err != nil {
		return nil, c.explain(ctx, address, err)
	}
	if network != "tls" {
		return conn, nil
	}
	secure := tls.Client(conn, c.TLS(host.String()))
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, c.explain(ctx, address, err)
	}
	return secure, nil
}

// TLS gives how to speak TLS with a host on a connection of Dial whose protocol begins without.
func (c *Client) TLS(host string) *tls.Config {
	return &tls.Config{RootCAs: c.cfg.Roots, MinVersion: tls.VersionTLS12, ServerName: host}
}

// Explain says in a sentence what went wrong on a connection of Dial to host:port. It is a fault as those of Do.
func (c *Client) Explain(ctx context.Context, address string, err error) error {
	return c.explain(ctx, address, err)
}
