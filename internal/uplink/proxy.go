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
	"strings"
	"time"

	"golang.org/x/net/proxy"

	"postern/internal/dial"
	"postern/internal/fault"
)

// maxHead bounds a proxy's answer to CONNECT, in bytes.
const maxHead = 16 << 10

// dialVia connects to address through a proxy.
func (d *Dialer) dialVia(ctx context.Context, via *url.URL, address string) (net.Conn, error) {
	port := via.Port()
	if port == "" {
		port = proxyPorts[via.Scheme]
	}
	at := net.JoinHostPort(via.Hostname(), port)
	fail := func(err *fault.Error) error {
		return &Error{Step: StepProxy, Address: address, Proxy: via.Redacted(), Fault: err}
	}
	conn, err := dial.Context(ctx, "tcp", at)
	if err != nil {
		e := d.connectError(ctx, at, err)
		return nil, fail(fault.New(e.Fault.Kind, "the proxy on the way: %s", e.Error()).Because(err))
	}
	through := d.connect
	if strings.HasPrefix(via.Scheme, "socks5") {
		through = d.socks
	}
	// A proxy that says nothing must not hold us: the end of ctx ends reads and writes.
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	onward, err := through(ctx, conn, via, address)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		if e, ok := errors.AsType[*fault.Error](err); ok {
			return nil, fail(e)
		}
		if isTimeout(ctx, err) {
			return nil, fail(fault.New(fault.KindTimeout, "the proxy %s did not connect to %s within %s", at, address, d.timeout).Because(err))
		}
		return nil, fail(fault.Unavailable("the proxy %s did not connect to %s (%s)", at, address, rootCause(err)).Because(err))
	}
	return onward, nil
}

// connect asks an http or https proxy for a tunnel (RFC 9110, section 9.3.6).
func (d *Dialer) connect(ctx context.Context, conn net.Conn, via *url.URL, address string) (net.Conn, error) {
	if via.Scheme == "https" {
		secure := tls.Client(conn, &tls.Config{ServerName: via.Hostname(), RootCAs: d.roots, NextProtos: []string{"http/1.1"}})
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS with the proxy: %w", err)
		}
		conn = secure
	}
	head := "CONNECT " + address + " HTTP/1.1\r\nHost: " + address + "\r\nUser-Agent: postern\r\n"
	if via.User != nil {
		password, _ := via.User.Password()
		head += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(via.User.Username()+":"+password)) + "\r\n"
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
		return nil, refusal(via, address, answer)
	}
	if reader.Buffered() > 0 {
		return nil, fault.New(fault.KindUpstream, "the proxy %s sent data of its own into the connection to %s", via.Host, address)
	}
	return conn, nil
}

// refusal says why a proxy did not connect us.
func refusal(via *url.URL, address string, answer *http.Response) error {
	if answer.StatusCode != http.StatusProxyAuthRequired {
		return fault.Unavailable("the proxy %s refused to connect to %s (it answered %d): it must allow CONNECT to that address",
			via.Host, address, answer.StatusCode)
	}
	if via.User != nil {
		return fault.Unauthenticated("the proxy %s did not accept the user and password in its URL (it answered 407)", via.Host)
	}
	var schemes []string
	for _, challenge := range answer.Header.Values("Proxy-Authenticate") {
		scheme, _, _ := strings.Cut(challenge, " ")
		if len(schemes) < 8 && len(scheme) < 32 {
			schemes = append(schemes, fmt.Sprintf("%q", scheme))
		}
	}
	return fault.Unauthenticated(
		"the proxy %s wants a user and password (it answered 407 and offers %s): put them into its URL, or let it pass this machine without",
		via.Host, strings.Join(schemes, ", "))
}

// socks asks a SOCKS5 proxy (RFC 1928, RFC 1929). The proxy resolves the name.
func (d *Dialer) socks(ctx context.Context, conn net.Conn, via *url.URL, address string) (net.Conn, error) {
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
	if _, err := client.DialWithConn(ctx, conn, "tcp", address); err != nil {
		return nil, err
	}
	return conn, nil
}
