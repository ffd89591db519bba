package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/dial"
	"postern/internal/match"
)

// A server is one of the directory's URLs, taken apart.
type server struct {
	url  string
	host string
	port string
	tls  bool // from the first byte: ldaps
}

// The hops on the way to an answer, in their order.
const (
	HopResolve = "resolve"
	HopDial    = "dial"
	HopTLS     = "TLS"
	HopBind    = "bind"
	HopSearch  = "search"
)

// HopError says on which hop to which server something failed.
type HopError struct {
	Server string
	Hop    string
	Cure   string // what an administrator can do about it
	Err    error
}

// Error names the server, the hop and what went wrong.
func (e *HopError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Server, e.Hop, e.Err) }

// Unwrap gives what went wrong.
func (e *HopError) Unwrap() error { return e.Err }

func newServer(url string) (server, error) {
	scheme, rest, _ := strings.Cut(url, "://")
	s := server{url: url, tls: scheme == "ldaps", port: "389"}
	if s.tls {
		s.port = "636"
	}
	s.host = strings.Trim(strings.TrimSuffix(rest, "/"), "[]")
	if host, port, err := net.SplitHostPort(rest); err == nil {
		s.host, s.port = host, port
	}
	if s.host == "" || scheme != "ldap" && scheme != "ldaps" {
		return s, fmt.Errorf("%q is not a directory's URL", url)
	}
	return s, nil
}

func (s *server) hop(hop, cure string, err error) *HopError {
	return &HopError{Server: s.url, Hop: hop, Cure: cure, Err: err}
}

// conn is a connection to a directory, made private if that is asked for. Nobody is bound on it yet.
type conn struct {
	ldap   *goldap.Conn
	guard  *guard
	server *server
	opened time.Time
	used   time.Time
	spoilt bool // something of an earlier exchange may still come, or its deadline
}

// connect dials a server and makes the connection private.
func (c *Client) connect(ctx context.Context, s *server) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	raw, err := c.dial(ctx, s)
	if err != nil {
		return nil, err
	}
	private, err := c.secure(ctx, s, raw)
	if err != nil {
		raw.Close()
		return nil, err
	}
	g := &guard{Conn: private}
	g.allow()
	made := &conn{ldap: goldap.NewConn(g, s.tls || c.cfg.Settings.StartTLS), guard: g, server: s, opened: c.cfg.Now(), used: c.cfg.Now()}
	made.ldap.SetTimeout(c.cfg.Timeout)
	made.ldap.Start()
	return made, nil
}

// dial resolves the server's name once and dials the addresses that it may have.
func (c *Client) dial(ctx context.Context, s *server) (net.Conn, error) {
	addresses, err := resolve(ctx, s.host)
	if err != nil {
		return nil, s.hop(HopResolve, "Check the host's name and this machine's DNS.", err)
	}
	var failed []error
	for i, address := range addresses {
		if err := c.mayDial(s, address); err != nil {
			failed = append(failed, err)
			continue
		}
		// Each address gets its share, so that one that swallows everything does not take all the time.
		share, cancel := shared(ctx, len(addresses)-i)
		conn, err := (&net.Dialer{}).DialContext(share, "tcp", net.JoinHostPort(address.String(), s.port))
		cancel()
		if err == nil {
			return conn, nil
		}
		failed = append(failed, s.hop(HopDial, "Check that the directory runs, its port, and the firewalls between.", err))
	}
	return nil, errors.Join(failed...)
}

// mayDial refuses addresses that mean something else to this machine than to the network.
func (c *Client) mayDial(s *server, address netip.Addr) error {
	what, cure := match.Special(address), "Name the directory by an address of the network."
	port, err := strconv.ParseUint(s.port, 10, 16)
	switch {
	case err != nil:
		return s.hop(HopDial, "Give the port as a number.", err)
	case c.cfg.Own != nil && c.cfg.Own(netip.AddrPortFrom(address.Unmap().WithZone(""), uint16(port))):
		what = "one where this service itself listens"
	case what == "":
		return nil
	case address.Unmap().IsLoopback() && c.cfg.Settings.AllowLoopback:
		return nil
	case address.Unmap().IsLoopback():
		cure = "Name the directory by an address of the network, or set allowLoopback if it runs on this very machine."
	}
	return s.hop(HopDial, cure, fmt.Errorf("%s is %s, which is not dialled", address, what))
}

func shared(ctx context.Context, parts int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/time.Duration(parts))
}

func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{address}, nil
	}
	if dial.IsLocalhost(host) {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// secure makes the connection private, by TLS from the first byte or by StartTLS, and gives it as it
// is only where the settings allow that in so many words.
func (c *Client) secure(ctx context.Context, s *server, raw net.Conn) (net.Conn, error) {
	switch {
	case s.tls:
	case c.cfg.Settings.StartTLS:
		if err := startTLS(ctx, raw); err != nil {
			return nil, s.hop(HopTLS, "Give the directory a certificate and switch StartTLS on, or use ldaps://.", err)
		}
	case c.cfg.Settings.AllowPlain:
		return raw, nil
	default:
		return nil, s.hop(HopTLS, "Use ldaps:// or StartTLS.", errors.New("passwords would cross the network for anybody to read"))
	}
	conn := tls.Client(raw, &tls.Config{ServerName: s.host, RootCAs: c.roots, MinVersion: tls.VersionTLS12})
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, s.hop(HopTLS, cureOfTLS(err, s.host), err)
	}
	return conn, nil
}

// startTLS asks for TLS on a plain connection. It reads the answer to the byte and no further: what
// somebody on the way adds behind it is then part of the handshake and breaks it.
func startTLS(ctx context.Context, raw net.Conn) error {
	deadline, _ := ctx.Deadline()
	if err := raw.SetDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	const request = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + "1.3.6.1.4.1.1466.20037" // RFC 4511, section 4.14
	if _, err := io.WriteString(raw, request); err != nil {
		return err
	}
	message, err := readMessage(raw)
	if err != nil {
		return fmt.Errorf("read the answer to StartTLS: %w", err)
	}
	code, err := extendedResult(message)
	switch {
	case err != nil:
		return err
	case code != 0:
		return fmt.Errorf("StartTLS is refused: %s (%d)", goldap.LDAPResultCodeMap[uint16(code)], code)
	}
	if !stop() {
		return context.Cause(ctx)
	}
	return raw.SetDeadline(time.Time{})
}

// readMessage reads one small message exactly.
func readMessage(raw net.Conn) ([]byte, error) {
	var head []byte
	for {
		var next [1]byte
		if _, err := io.ReadFull(raw, next[:]); err != nil {
			return nil, err
		}
		head = append(head, next[0])
		size, complete, err := frame(head)
		if err != nil {
			return nil, err
		}
		if complete {
			if size > 16<<10 {
				return nil, fmt.Errorf("it has %d bytes", size)
			}
			body := make([]byte, size)
			_, err := io.ReadFull(raw, body)
			return body, err
		}
	}
}

// extendedResult gives the result code of the answer to our first message.
func extendedResult(message []byte) (code byte, err error) {
	unexpected := errors.New("the answer to StartTLS is none")
	tag, id, rest, ok := element(message)
	if !ok || tag != tagInteger || len(id) == 0 || id[len(id)-1] != 1 {
		return 0, unexpected
	}
	if tag, rest, _, ok = element(rest); !ok || tag != tagExtended {
		return 0, unexpected
	}
	tag, result, _, ok := element(rest)
	if !ok || tag != tagEnumerated || len(result) != 1 {
		return 0, unexpected
	}
	return result[0], nil
}
