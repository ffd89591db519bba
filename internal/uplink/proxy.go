package uplink

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/proxy"

	"postern/internal/dial"
	"postern/internal/fault"
)

// maxHead bounds a proxy's answer to CONNECT, in bytes.
const maxHead = 16 << 10

// dialVia connects to address through a proxy. One that asks for Negotiate is asked again with a ticket, on a new connection,
// so that what it said with its refusal needs not be read.
func (d *Dialer) dialVia(ctx context.Context, via *url.URL, address string) (net.Conn, error) {
	port := via.Port()
	if port == "" {
		port = proxyPorts[via.Scheme]
	}
	p := passage{via: via, at: net.JoinHostPort(via.Hostname(), port), address: address}
	if via.User != nil {
		password, _ := via.User.Password()
		p.authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(via.User.Username()+":"+password))
	}
	known := d.kerberos.given() && d.wants.has(via.Host)
	if known {
		if err := p.negotiate(ctx, d); err != nil {
			return nil, err
		}
	}
	conn, err := d.pass(ctx, p)
	if errors.Is(err, errNegotiate) && !known {
		if err := p.negotiate(ctx, d); err != nil {
			return nil, err
		}
		conn, err = d.pass(ctx, p)
		if err == nil {
			d.wants.note(via.Host)
		}
	}
	return conn, err
}

// passage is one way through a proxy.
type passage struct {
	via           *url.URL
	at            string // host:port of the proxy
	address       string // host:port behind it
	authorization string // empty: none
}

// errNegotiate says that a proxy wants Negotiate, which we have not tried.
var errNegotiate = errors.New("the proxy wants Negotiate")

func (p *passage) fail(err *fault.Error) error {
	return &Error{Step: StepProxy, Address: p.address, Proxy: p.via.Redacted(), Fault: err}
}

// negotiate gets a ticket for the proxy.
func (p *passage) negotiate(ctx context.Context, d *Dialer) (err error) {
	p.authorization, err = d.authorization(ctx, p.via.Hostname())
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return p.fail(e)
	}
	return err
}

// wantsNegotiate remembers the proxy that asked for Negotiate last, which then gets its ticket at once.
type wantsNegotiate struct{ last atomic.Pointer[string] }

func (w *wantsNegotiate) has(proxy string) bool {
	last := w.last.Load()
	return last != nil && *last == proxy
}

func (w *wantsNegotiate) note(proxy string) { w.last.Store(&proxy) }

// pass goes through a proxy once.
func (d *Dialer) pass(ctx context.Context, p passage) (net.Conn, error) {
	conn, err := dial.Context(ctx, "tcp", p.at)
	if err != nil {
		e := d.connectError(ctx, p.at, err)
		return nil, p.fail(fault.New(e.Fault.Kind, "the proxy on the way: %s", e.Error()).Because(err))
	}
	through := d.connect
	if strings.HasPrefix(p.via.Scheme, "socks5") {
		through = d.socks
	}
	// A proxy that says nothing must not hold us: the end of ctx ends reads and writes.
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	onward, err := through(ctx, conn, p)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		return onward, nil
	}
	conn.Close()
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return nil, p.fail(e)
	}
	if errors.Is(err, errNegotiate) {
		return nil, err
	}
	if isTimeout(ctx, err) {
		return nil, p.fail(fault.New(fault.KindTimeout, "the proxy %s did not connect to %s within %s", p.at, p.address, d.timeout).Because(err))
	}
	return nil, p.fail(fault.Unavailable("the proxy %s did not connect to %s (%s)", p.at, p.address, rootCause(err)).Because(err))
}

// connect asks an http or https proxy for a tunnel (RFC 9110, section 9.3.6).
func (d *Dialer) connect(ctx context.Context, conn net.Conn, p passage) (net.Conn, error) {
	if p.via.Scheme == "https" {
		secure := tls.Client(conn, &tls.Config{ServerName: p.via.Hostname(), RootCAs: d.roots, NextProtos: []string{"http/1.1"}})
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS with the proxy: %w", err)
		}
		conn = secure
	}
	head := "CONNECT " + p.address + " HTTP/1.1\r\nHost: " + p.address + "\r\nUser-Agent: postern\r\n"
	if p.authorization != "" {
		head += "Proxy-Authorization: " + p.authorization + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(io.LimitReader(conn, maxHead))
	answer, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, err
	}
	// Its body stays unread: there is none, or it is a page about a refusal after which we hang up.
	if answer.StatusCode/100 != 2 {
		return nil, d.refusal(p, answer)
	}
	if reader.Buffered() > 0 {
		return nil, fault.New(fault.KindUpstream, "the proxy %s sent data of its own into the connection to %s", p.via.Host, p.address)
	}
	return conn, nil
}

// refusal says why a proxy did not connect us.
func (d *Dialer) refusal(p passage, answer *http.Response) error {
	if answer.StatusCode >= http.StatusInternalServerError {
		return fault.Unavailable("the proxy %s could not reach %s (it answered %d): does it find the name, and does the firewall let it out?",
			p.via.Host, p.address, answer.StatusCode)
	}
	if answer.StatusCode != http.StatusProxyAuthRequired {
		return fault.Unavailable("the proxy %s refused to connect to %s (it answered %d): it must allow CONNECT to that address",
			p.via.Host, p.address, answer.StatusCode)
	}
	schemes := offered(answer)
	negotiate := slices.ContainsFunc(schemes, func(s string) bool { return strings.EqualFold(s, "Negotiate") })
	switch {
	case strings.HasPrefix(p.authorization, "Negotiate "):
		return fault.Unauthenticated("the proxy %s did not accept the Kerberos ticket (it answered 407): is it for this proxy, and may its principal use it?", p.via.Host)
	case negotiate && d.kerberos.given():
		return errNegotiate
	case p.via.User != nil:
		return fault.Unauthenticated("the proxy %s did not accept the user and password in its URL (it answered 407)", p.via.Host)
	}
	hint := "put them into its URL, or let it pass this machine without"
	if negotiate {
		hint = "put them into its URL, or name a Kerberos keytab (--proxy-keytab), or let it pass this machine without"
	}
	return fault.Unauthenticated("the proxy %s wants a user and password (it answered 407 and offers %s): %s", p.via.Host, quoted(schemes), hint)
}

// offered gives the schemes of authentication that a proxy offers, bounded.
func offered(answer *http.Response) (schemes []string) {
	for _, line := range answer.Header.Values("Proxy-Authenticate") {
		// Several may stand in one line; what follows a comma and has no "=" begins one.
		for part := range strings.SplitSeq(line, ",") {
			scheme, _, _ := strings.Cut(strings.TrimSpace(part), " ")
			if len(schemes) < 8 && scheme != "" && len(scheme) < 32 && !strings.Contains(scheme, "=") {
				schemes = append(schemes, scheme)
			}
		}
	}
	return schemes
}

func quoted(words []string) string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = fmt.Sprintf("%q", word)
	}
	return strings.Join(list, ", ")
}

// socks asks a SOCKS5 proxy (RFC 1928, RFC 1929). The proxy resolves the name.
func (d *Dialer) socks(ctx context.Context, conn net.Conn, p passage) (net.Conn, error) {
	via := p.via
	var auth *proxy.Auth
	if via.User != nil {
		password, _ := via.User.Password()
		auth = &proxy.Auth{User: via.User.Username(), Password: password}
	}
	dialer, err := proxy.SOCKS5("tcp", via.Host, auth, nil)
	if err != nil {
		return nil, err
	}
	client, ok := dialer.(interface {
		DialWithConn(ctx context.Context, c net.Conn, network, address string) (net.Addr, error)
	})
	if !ok {
		return nil, fault.New(fault.KindInternal, "the SOCKS client lacks what it had")
	}
	if _, err := client.DialWithConn(ctx, conn, "tcp", p.address); err != nil {
		return nil, err
	}
	return conn, nil
}
