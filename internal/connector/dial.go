package connector

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"postern/internal/dial"
	"postern/internal/fault"
	"postern/internal/match"
	"postern/internal/uplink"
	"postern/internal/wire"
)

// Resolver finds the addresses of a name. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

const (
	resolveTimeout   = 5 * time.Second
	connectTimeout   = 10 * time.Second
	handshakeTimeout = 10 * time.Second
)

// backend is an open connection to a target.
type backend struct {
	net.Conn
	tcp     *net.TCPConn
	watched *watchedConn // below TLS; nil without it
	opened  wire.Opened

	writeFailed atomic.Bool // the backend took no more
}

// refuse makes a refusal. Nothing that this package refuses has reached a backend.
func refuse(phase wire.Phase, code, format string, args ...any) *wire.Refusal {
	return &wire.Refusal{Phase: phase, Code: code, Message: fmt.Sprintf(format, args...)}
}

// dialTarget goes from a target to a connection: local rules, look-up, rules again for every address, TCP, TLS.
func (c *Connector) dialTarget(ctx context.Context, t *target) (*backend, *wire.Refusal) {
	b := &backend{}
	started := time.Now()
	addrs, refusal := c.addresses(ctx, t)
	b.opened.Resolve = time.Since(started)
	if refusal != nil {
		return nil, refusal
	}
	started = time.Now()
	connecting, cancel := context.WithTimeout(ctx, connectTimeout)
	tcp, to, err := dial.Any(connecting, addrs, t.Port, c.cfg.Backends)
	cancel()
	b.opened.Connect = time.Since(started)
	if err != nil {
		return nil, connectRefusal(t, err)
	}
	b.Conn, b.tcp = tcp, tcp
	b.opened.Address = to.String()
	if t.header != nil {
		if err := t.header.send(tcp, to); err != nil {
			_ = tcp.Close() // it is of no use any more
			return nil, connectRefusal(t, err)
		}
	}
	if t.tls == nil {
		return b, nil
	}
	return b.handshake(ctx, t)
}

// addresses gives the addresses of the target that the local rules let through. The name is looked up once: what
// was checked is what is dialled.
func (c *Connector) addresses(ctx context.Context, t *target) ([]netip.Addr, *wire.Refusal) {
	rules := c.local.rules()
	if v := rules.Name(t.host, t.Port); !v.Allow {
		return nil, localRefusal(t, t.host.String(), v)
	}
	if t.host.Addr.IsValid() {
		return []netip.Addr{t.host.Addr}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	found, err := c.cfg.Resolver.LookupNetIP(ctx, "ip", t.host.String())
	if err != nil {
		return nil, resolveRefusal(t, err)
	}
	return allowed(rules, t, found)
}

func allowed(rules *match.Rules, t *target, found []netip.Addr) ([]netip.Addr, *wire.Refusal) {
	if len(found) == 0 {
		return nil, refuse(wire.PhaseResolve, "name-not-found", "the connector finds no address of %s", t.Host)
	}
	var good []netip.Addr
	var denied *wire.Refusal
	for _, addr := range found {
		addr = addr.Unmap()
		v := rules.Address(t.host, addr, t.Port)
		if v.Allow && addr.Zone() == "" {
			good = append(good, addr)
		} else if denied == nil {
			denied = localRefusal(t, fmt.Sprintf("%s (an address of %s)", addr, t.host), v)
		}
	}
	if len(good) == 0 {
		return nil, denied
	}
	return good, nil
}

func localRefusal(t *target, what string, v match.Verdict) *wire.Refusal {
	if v.Special != "" && v.Line == 0 {
		return refuse(wire.PhaseLocal, "address-refused",
			"%s is %s: the connector goes there only if its local rules allow the address itself", what, v.Special)
	}
	return refuse(wire.PhaseLocal, "rule-refused", "%s, port %d, %s of the connector's local rules", what, t.Port, v)
}

func resolveRefusal(t *target, err error) *wire.Refusal {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return refuse(wire.PhaseResolve, "name-not-found", "the connector's DNS does not know %s", t.Host)
	case isTimeout(err):
		r := refuse(wire.PhaseResolve, "resolve-timeout", "the connector's DNS did not answer for %s in time", t.Host)
		r.Timeout = true
		return r
	}
	return refuse(wire.PhaseResolve, "resolve-failed", "the connector's DNS could not look up %s: %s", t.Host, err)
}

// dialOne connects to one address plainly.
func dialOne(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	conn, _, err := dial.Any(ctx, []netip.Addr{to.Addr()}, to.Port(), nil)
	return conn, err
}

func connectRefusal(t *target, err error) *wire.Refusal {
	to := net.JoinHostPort(t.Host, fmt.Sprint(t.Port))
	proxied, byProxy := errors.AsType[*uplink.Error](err)
	switch {
	case byProxy:
		r := refuse(wire.PhaseConnect, "backend-proxy-failed", "the connector cannot connect to %s by its proxy for applications: %s", to, proxied)
		r.Timeout = fault.Is(err, fault.KindTimeout)
		return r
	case errors.Is(err, syscall.ECONNREFUSED):
		return refuse(wire.PhaseConnect, "connection-refused", "%s refuses connections: is the application running there?", to)
	case isTimeout(err):
		r := refuse(wire.PhaseConnect, "connection-timeout", "%s does not answer", to)
		r.Timeout = true
		return r
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return refuse(wire.PhaseConnect, "no-route", "the connector has no route to %s", to)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return refuse(wire.PhaseLimit, "out-of-files", "the connector's machine has no file left to connect to %s", to)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return refuse(wire.PhaseLimit, "out-of-ports", "the connector's machine has no port of its own left to connect to %s from", to)
	}
	return refuse(wire.PhaseConnect, "connect-failed", "the connector cannot connect to %s: %s", to, err)
}

// handshake makes TLS with the backend. It closes the connection if that does not work.
func (b *backend) handshake(ctx context.Context, t *target) (*backend, *wire.Refusal) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	started := time.Now()
	b.watched = &watchedConn{TCPConn: b.tcp}
	conn := tls.Client(b.watched, t.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = b.tcp.Close() // it is of no use any more
		return nil, tlsRefusal(t, err)
	}
	if refusal := agreed(t, conn.ConnectionState().NegotiatedProtocol); refusal != nil {
		_ = b.tcp.Close() // nothing was sent
		return nil, refusal
	}
	b.Conn = conn
	b.opened.Handshake = time.Since(started)
	state := conn.ConnectionState()
	b.opened.ALPN = state.NegotiatedProtocol
	b.opened.Unverified = t.SkipVerify
	if len(state.PeerCertificates) > 0 {
		sum := sha256.Sum256(state.PeerCertificates[0].Raw)
		b.opened.CertificateSHA256 = hex.EncodeToString(sum[:])
	}
	return b, nil
}

// agreed refuses a backend that speaks another protocol than the only one that was offered. One that says nothing of
// protocols speaks HTTP/1.1, as all did before there was a choice.
func agreed(t *target, chosen string) *wire.Refusal {
	if chosen == "" && slices.Equal(t.tls.NextProtos, []string{alpnHTTP2}) {
		return noHTTP2(t, "does not say that it does (ALPN)")
	}
	return nil
}

func noHTTP2(t *target, how string) *wire.Refusal {
	return refuse(wire.PhaseTLS, wire.CodeNoHTTP2, "%s does not speak HTTP/2, which the application is set to: it %s", net.JoinHostPort(t.Host, fmt.Sprint(t.Port)), how)
}

func tlsRefusal(t *target, err error) *wire.Refusal {
	to := net.JoinHostPort(t.Host, fmt.Sprint(t.Port))
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &authority):
		return refuse(wire.PhaseTLS, "certificate-untrusted",
			"the certificate of %s is of an authority that neither the connector's system nor the application trusts: %s", to, err)
	case errors.As(err, &name):
		return refuse(wire.PhaseTLS, "certificate-name", "the certificate of %s is for another name: %s", to, err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return refuse(wire.PhaseTLS, "certificate-expired", "the certificate of %s is not in force: %s", to, err)
	case errors.As(err, &invalid):
		return refuse(wire.PhaseTLS, "certificate-invalid", "the certificate of %s is not acceptable: %s", to, err)
	case noProtocol(err) && slices.Equal(t.tls.NextProtos, []string{alpnHTTP2}):
		return noHTTP2(t, "refuses it in TLS (ALPN)")
	case noProtocol(err):
		return refuse(wire.PhaseTLS, "no-common-protocol", "%s refuses the version of HTTP that it is offered in TLS (ALPN): %s", to, strings.Join(t.tls.NextProtos, ", "))
	case errors.As(err, &header):
		return refuse(wire.PhaseTLS, "not-tls", "%s does not speak TLS: should the internal URL start with http:// ?", to)
	case isTimeout(err):
		r := refuse(wire.PhaseTLS, "tls-timeout", "%s accepted the connection but did not finish TLS in time", to)
		r.Timeout = true
		return r
	}
	return refuse(wire.PhaseTLS, "tls-failed", "no TLS session with %s: %s", to, err)
}

// noProtocol reports whether the peer said, with TLS's own word for it (RFC 7301, section 3.2), that it speaks none of the
// protocols that were offered. crypto/tls gives a peer's alert no type that could be asked for.
func noProtocol(err error) bool {
	const alert = tls.AlertError(120)
	remote, ok := errors.AsType[*net.OpError](err)
	return ok && remote.Op == "remote error" && remote.Err.Error() == alert.Error()
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}
