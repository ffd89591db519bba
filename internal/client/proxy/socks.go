package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"postern/internal/client/flow"
	"postern/internal/fault"
	"postern/internal/match"
	"postern/internal/wire"
)

// SOCKS 5 (RFC 1928; RFC 1929 for users with a password).
const (
	socksVersion = 5
	userVersion  = 1

	methodNone    = 0
	methodUser    = 2
	methodNothing = 0xff

	commandConnect   = 1
	commandAssociate = 3

	kindIPv4   = 1
	kindDomain = 3
	kindIPv6   = 4
)

// The replies of RFC 1928, section 6.
const (
	replyOK          = 0
	replyFailed      = 1
	replyForbidden   = 2
	replyNetwork     = 3
	replyHost        = 4
	replyRefused     = 5
	replyExpired     = 6
	replyCommand     = 7
	replyAddressKind = 8
)

// socksError is a request that cannot be served, with its reply.
type socksError struct {
	reply byte
	text  string
}

func (e *socksError) Error() string { return e.text }

func socksErrorf(reply byte, format string, args ...any) error {
	return &socksError{reply, fmt.Sprintf(format, args...)}
}

// ServeSOCKS serves SOCKS5 on a listener until ctx ends: CONNECT and UDP ASSOCIATE, with names and addresses.
func ServeSOCKS(ctx context.Context, l net.Listener, cfg Config) error {
	cfg = cfg.withDefaults()
	return cfg.serve(ctx, l, cfg.socks)
}

func (c Config) socks(ctx context.Context, conn *net.TCPConn) {
	a := c.ask(conn)
	if err := c.greet(a.in, conn); err != nil {
		c.Log.Debug("SOCKS greeting refused", "from", conn.RemoteAddr(), "error", err)
		return
	}
	command, to, err := readRequest(a.in)
	if err != nil {
		c.Log.Info("SOCKS request refused", "from", conn.RemoteAddr(), "error", err)
		if wrong, ok := errors.AsType[*socksError](err); ok {
			c.replySOCKS(conn, wrong.reply, nil)
		}
		return
	}
	if command == commandAssociate {
		_ = conn.SetDeadline(time.Time{}) // it stays as long as the program does
		c.associate(ctx, conn)
		return
	}
	c.asked(a)
	f, err := c.open(ctx, c.wants(to, conn))
	if err != nil {
		c.replySOCKS(conn, replyOf(err), nil)
		return
	}
	if !c.replySOCKS(conn, replyOK, nil) {
		f.Close()
		return
	}
	c.carry(a, f)
}

// greet agrees on how the program says who it is.
func (c Config) greet(in *bufio.Reader, out io.Writer) error {
	methods, err := readMethods(in)
	if err != nil {
		return err
	}
	want := byte(methodNone)
	if c.User != nil {
		want = methodUser
	}
	for _, m := range methods {
		if m != want {
			continue
		}
		if _, err := out.Write([]byte{socksVersion, want}); err != nil || c.User == nil {
			return err
		}
		return c.checkUser(in, out)
	}
	_, _ = out.Write([]byte{socksVersion, methodNothing}) // it is refused either way
	return fmt.Errorf("the program offers none of the methods of this proxy (it offers %d)", methods)
}

func (c Config) checkUser(in *bufio.Reader, out io.Writer) error {
	name, password, err := readUser(in)
	if err != nil {
		return err
	}
	if !c.User.is(name, password) {
		_, _ = out.Write([]byte{userVersion, 1}) // it is refused either way
		return errors.New("wrong user or password")
	}
	_, err = out.Write([]byte{userVersion, 0})
	return err
}

func readMethods(in io.Reader) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	if head[0] != socksVersion {
		return nil, fmt.Errorf("it is not SOCKS 5 (the first byte is %d)", head[0])
	}
	methods := make([]byte, head[1])
	_, err := io.ReadFull(in, methods)
	return methods, err
}

func readUser(in io.Reader) (name, password string, err error) {
	var version [1]byte
	if _, err := io.ReadFull(in, version[:]); err != nil {
		return "", "", err
	}
	if version[0] != userVersion {
		return "", "", fmt.Errorf("user and password are of version %d", version[0])
	}
	if name, err = readText(in); err != nil {
		return "", "", err
	}
	password, err = readText(in)
	return name, password, err
}

// readText reads a text that its length goes before, in one byte.
func readText(in io.Reader) (string, error) {
	var length [1]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return "", err
	}
	text := make([]byte, length[0])
	_, err := io.ReadFull(in, text)
	return string(text), err
}

// readRequest reads what the program wants. Of commandAssociate the destination does not count: it says where the program will send
// from, which many do not know.
func readRequest(in io.Reader) (command byte, to flow.To, err error) {
	var head [3]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, to, err
	}
	if head[0] != socksVersion {
		return 0, to, socksErrorf(replyFailed, "the request is of version %d", head[0])
	}
	host, port, err := readDestination(in)
	switch {
	case err != nil:
		return 0, to, err
	case head[1] == commandAssociate:
		return commandAssociate, to, nil
	case head[1] != commandConnect:
		return 0, to, socksErrorf(replyCommand, "the command %d is not one of CONNECT (1) and UDP ASSOCIATE (3)", head[1])
	}
	to, err = flow.Parse(flow.TCP, host, port)
	if err != nil {
		return 0, to, socksErrorf(replyHost, "%s", err)
	}
	return commandConnect, to, nil
}

func readDestination(in io.Reader) (host string, port uint16, err error) {
	var kind [1]byte
	if _, err := io.ReadFull(in, kind[:]); err != nil {
		return "", 0, err
	}
	switch kind[0] {
	case kindIPv4:
		var a [4]byte
		_, err = io.ReadFull(in, a[:])
		host = netip.AddrFrom4(a).String()
	case kindIPv6:
		var a [16]byte
		_, err = io.ReadFull(in, a[:])
		host = netip.AddrFrom16(a).String()
	case kindDomain:
		host, err = readText(in)
	default:
		return "", 0, socksErrorf(replyAddressKind, "the kind %d of address is none of IPv4 (1), name (3) and IPv6 (4)", kind[0])
	}
	var p [2]byte
	if err == nil {
		_, err = io.ReadFull(in, p[:])
	}
	return host, uint16(p[0])<<8 | uint16(p[1]), err
}

// replySOCKS answers a request; at is where a program sends datagrams to.
func (c Config) replySOCKS(out io.Writer, reply byte, at net.Addr) bool {
	bound := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	if udp, ok := at.(*net.UDPAddr); ok {
		bound = udp.AddrPort()
	}
	_, err := out.Write(appendAddress([]byte{socksVersion, reply, 0}, bound))
	return err == nil
}

func appendAddress(b []byte, at netip.AddrPort) []byte {
	addr := at.Addr().Unmap()
	kind := byte(kindIPv4)
	if addr.Is6() {
		kind = kindIPv6
	}
	b = append(append(b, kind), addr.AsSlice()...)
	return append(b, byte(at.Port()>>8), byte(at.Port()))
}

// appendHost appends a destination as it was asked for.
func appendHost(b []byte, host match.Host, port uint16) []byte {
	if host.Addr.IsValid() {
		return appendAddress(b, netip.AddrPortFrom(host.Addr, port))
	}
	name := host.String()
	b = append(append(b, kindDomain, byte(len(name))), name...)
	return append(b, byte(port>>8), byte(port))
}

// replyOf gives the reply that says best why a flow could not be opened.
func replyOf(err error) byte {
	refusal := refusalOf(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return replyExpired
	case refusal == nil && fault.Is(err, fault.KindForbidden):
		return replyForbidden
	case refusal == nil && fault.Is(err, fault.KindUnavailable):
		return replyNetwork
	case refusal == nil:
		return replyFailed
	case refusal.Phase == wire.PhaseDecide, refusal.Phase == wire.PhaseGrant, refusal.Phase == wire.PhaseLocal, refusal.Phase == wire.PhaseTarget:
		return replyForbidden
	case refusal.Phase == wire.PhaseResolve:
		return replyHost
	case refusal.Phase == wire.PhaseConnect && refusal.Code == "connection-refused":
		return replyRefused
	case refusal.Timeout:
		return replyExpired
	case refusal.Phase == wire.PhaseConnect:
		return replyNetwork
	}
	return replyFailed
}
