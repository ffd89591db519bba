package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"postern/internal/fault"
	"postern/internal/wire"
)

// Tunnel says how to dial a gateway.
type Tunnel struct {
	Gateway wire.Gateway
	Service string                  // URL of the service; its host is the server name where the gateway's address is an IP
	TLS     *tls.Config             // from credential.TunnelTLS
	Wrap    func(net.Conn) net.Conn // optional; goes around the connection below TLS
}

// Tunnel dials a gateway and gives the connection after the handshake: TLS 1.3, the gateway proven,
// wire.ProtocolTunnel agreed. Whether the gateway takes our certificate shows with the first read:
// see Rejected.
func (d *Dialer) Tunnel(ctx context.Context, t Tunnel) (*tls.Conn, error) {
	conn, _, err := d.TunnelBy(ctx, t)
	return conn, err
}

// TunnelBy is Tunnel and tells by which way.
func (d *Dialer) TunnelBy(ctx context.Context, t Tunnel) (*tls.Conn, Way, error) {
	s := secured{address: t.Gateway.Address, name: serverName(t.Gateway.Address, t.Service), service: t.Service, config: t.TLS, wrap: t.Wrap}
	if t.TLS != nil && t.TLS.ClientSessionCache != nil {
		s.config = t.TLS.Clone()
		s.config.ClientSessionCache = gatewaySessions{t.TLS.ClientSessionCache, t.Gateway.ID + " " + t.Gateway.Address}
	}
	return d.secure(ctx, s)
}

// serverName gives what to send as SNI: the address's own name, or the service's where it is an IP.
func serverName(address, service string) string {
	host, _, _ := net.SplitHostPort(address)
	if _, err := netip.ParseAddr(host); err != nil {
		return host
	}
	if u, err := url.Parse(service); err == nil {
		return u.Hostname()
	}
	return ""
}

// gatewaySessions keeps the sessions of gateways apart that share a server name: a resumed session
// tells who issued the ticket, not who took it.
type gatewaySessions struct {
	tls.ClientSessionCache
	gateway string
}

func (g gatewaySessions) Get(key string) (*tls.ClientSessionState, bool) {
	return g.ClientSessionCache.Get(g.gateway + " " + key)
}

func (g gatewaySessions) Put(key string, state *tls.ClientSessionState) {
	g.ClientSessionCache.Put(g.gateway+" "+key, state)
}

// Rejected reports whether the error of a connection's first read or write says that the other side
// did not accept our certificate: in TLS 1.3 it says so only after our handshake is over.
func Rejected(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "remote error" && e.Err != nil && strings.Contains(e.Err.Error(), "certificate")
}

// secured is one dial with TLS.
type secured struct {
	address string
	name    string // server name
	service string // URL of the service, whose host has the way by Upgrade; that of address if empty
	config  *tls.Config
	wrap    func(net.Conn) net.Conn
}

// authority gives what the service calls itself in HTTP.
func (s secured) authority() string {
	if u, err := url.Parse(s.service); err == nil && u.Host != "" {
		return u.Host
	}
	return s.address
}

func (s secured) portal() string {
	if u, err := url.Parse(s.service); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return s.name
}

// secure dials, shakes hands and checks that the first of the configuration's protocols was agreed. Where somebody between us and the
// service opens TLS, or ends it for the service, it goes inside his, by Upgrade.
func (d *Dialer) secure(ctx context.Context, s secured) (*tls.Conn, Way, error) {
	if s.config == nil || s.config.VerifyConnection == nil || len(s.config.NextProtos) == 0 {
		return nil, Way{}, fault.New(fault.KindInternal, "the check of the service's certificate is not set up")
	}
	if d.upgrades.due(s.address) {
		conn, way, err := d.upgrade(ctx, s)
		if err == nil {
			return conn, way, nil
		}
		d.upgrades.note(s.address, false)
	}
	conn, way, err := d.plainly(ctx, s)
	if err == nil || ctx.Err() != nil || !blocked(err) {
		return conn, way, err
	}
	conn, way, inside := d.upgrade(ctx, s)
	if inside != nil {
		return nil, way, alsoUpgrade(err, inside)
	}
	d.upgrades.note(s.address, true)
	return conn, way, nil
}

// plainly dials and makes our own TLS on the connection itself.
func (d *Dialer) plainly(ctx context.Context, s secured) (*tls.Conn, Way, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	raw, way, err := d.dial(ctx, s.address)
	if err != nil {
		return nil, way, err
	}
	conn, seen, err := s.handshake(ctx, raw)
	if err != nil {
		return nil, way, d.explain(ctx, failedTLS{s, way, seen}, err)
	}
	d.busy.over(s.address)
	return conn, way, nil
}

// handshake makes our own TLS on a connection, which it closes if that does not work. It gives what was shown.
func (s secured) handshake(ctx context.Context, raw net.Conn) (conn *tls.Conn, seen []*x509.Certificate, err error) {
	under := raw
	if s.wrap != nil {
		under = s.wrap(raw)
	}
	config := s.config.Clone()
	config.ServerName = s.name
	config.VerifyConnection = func(cs tls.ConnectionState) error {
		seen = cs.PeerCertificates
		return s.config.VerifyConnection(cs)
	}
	conn = tls.Client(under, config)
	err = conn.HandshakeContext(ctx)
	if err == nil && conn.ConnectionState().NegotiatedProtocol != s.config.NextProtos[0] {
		err = errProtocol
	}
	if err != nil {
		under.Close()
		return nil, seen, err
	}
	return conn, seen, nil
}

var errProtocol = errors.New("tls: no application protocol")

// Intercepted says that somebody else than the service answered, with a certificate of another
// authority: a proxy that opens TLS, another server, or the service after it exchanged its authority.
type Intercepted struct {
	Address string // that was dialled
	Issuer  string // distinguished name
	Subject string
	Service string // trust domain of the service of Postern that it says it is; empty: it says no such thing
	Upgrade string // why the way inside that TLS does not work either
	Err     error
}

// Error names the issuer and says what to do.
func (e *Intercepted) Error() string {
	if e.Service != "" {
		return fmt.Sprintf("%s answered as a gateway of the service %s, with a certificate of an authority that this machine does not know (%q): "+
			"if the service finished the exchange of its authority meanwhile, this machine must be enrolled with a new token "+
			"(after postern-connector uninstall --force, if it was enrolled before); if it did not, somebody pretends to be it", e.Address, e.Service, e.Issuer)
	}
	text := fmt.Sprintf("%s answered with a certificate for %q issued by %q instead of the service's own: if that is a proxy or firewall "+
		"that inspects TLS, exempt this address from inspection; otherwise the address leads to another server",
		e.Address, e.Subject, e.Issuer)
	if e.Upgrade != "" {
		text += " (" + e.Upgrade + ")"
	}
	return text
}

// Unwrap gives what the check said.
func (e *Intercepted) Unwrap() error { return e.Err }

func intercepted(address string, leaf *x509.Certificate, err error) *Intercepted {
	subject := leaf.Subject.String()
	if subject == "" && len(leaf.DNSNames) > 0 {
		subject = leaf.DNSNames[0]
	}
	e := &Intercepted{Address: address, Issuer: leaf.Issuer.String(), Subject: subject, Err: err}
	if len(leaf.URIs) == 1 { // what it says of itself; nobody believes it
		if id, err := wire.ParseIdentity(leaf.URIs[0]); err == nil && id.Role == wire.RoleGateway {
			e.Service = id.TrustDomain
		}
	}
	return e
}

// failedTLS is what is known of a TLS session that did not come about.
type failedTLS struct {
	secured
	way  Way
	seen []*x509.Certificate
}

// turnedAway is what a gateway says that has too many handshakes to do: crypto/tls sends internal_error (RFC 8446, section 6) for
// whatever keeps a server from choosing how to answer, and gives a peer's alert no type that could be asked for.
const turnedAway = tls.AlertError(80)

// explain says why no TLS session came about.
func (d *Dialer) explain(ctx context.Context, s failedTLS, err error) error {
	if _, foreign := errors.AsType[x509.UnknownAuthorityError](err); foreign && len(s.seen) > 0 {
		return intercepted(s.address, s.seen[0], err)
	}
	e := &Error{Step: StepTLS, Address: s.address, Proxy: s.way.Proxy}
	said, isOurs := errors.AsType[*fault.Error](err)
	op, isOp := errors.AsType[*net.OpError](err)
	_, isPlain := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case isOurs:
		e.Fault = fault.New(said.Kind, "%s: %s", s.address, said.Error())
	case isOp && op.Op == "remote error" && op.Err.Error() == turnedAway.Error() && d.busy.still(s.address):
		e.Fault = fault.Unavailable("%s turned this machine away for the moment (%s): too many connect at once; if that lasts, something before it may be what refuses",
			s.address, rootCause(err))
	case isOp && op.Op == "remote error" || errors.Is(err, errProtocol):
		if leaf := d.inspect(ctx, s.secured); leaf != nil {
			return intercepted(s.address, leaf, err)
		}
		e.blocked = true
		e.Fault = fault.New(fault.KindUpstream, "%s refused the TLS handshake (%s): is it a Postern service, and does everything before it pass TLS through?",
			s.address, rootCause(err))
	case isPlain:
		e.Fault = fault.New(fault.KindUpstream, "%s does not speak TLS: is it the service, or a page of the network that wants a sign-in first?", s.address)
	case isTimeout(ctx, err):
		e.Fault = fault.New(fault.KindTimeout, "%s took the connection but did not finish the TLS handshake within %s", s.address, d.timeout)
	case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
		e.blocked = true
		e.Fault = fault.Unavailable("%s closed the connection during the TLS handshake: does a firewall between here and there inspect TLS?", s.address)
	default:
		e.Fault = fault.Unavailable("no TLS session with %s (%s)", s.address, rootCause(err))
	}
	e.Fault = e.Fault.Because(err)
	return e
}

// inspect asks whoever refused our handshake once more, in the most common way, for nothing but a
// certificate that tells who it is: those who open TLS rarely pass our protocol on. Nothing is sent
// and nothing of the answer is trusted.
func (d *Dialer) inspect(ctx context.Context, s secured) *x509.Certificate {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.timeout)
	defer cancel()
	raw, _, err := d.dial(ctx, s.address)
	if err != nil {
		return nil
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{ServerName: s.name, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	if conn.HandshakeContext(ctx) != nil {
		return nil
	}
	return conn.ConnectionState().PeerCertificates[0]
}
