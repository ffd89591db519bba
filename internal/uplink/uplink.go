// Package uplink is how agents dial out to their service: directly or through proxies, with TLS that
// nobody on the way can open unnoticed.
//
// Every failure says which step failed, with whom, and what to do. Names are resolved anew for each
// dial and each dial ends within its timeout.
package uplink

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/http/httpproxy"

	"postern/internal/dial"
	"postern/internal/fault"
)

// Direct is the Config.Proxy that uses no proxy.
const Direct = "direct"

// Config holds what a Dialer needs. Every field is optional.
type Config struct {
	Proxy      string         // "": HTTPS_PROXY and NO_PROXY of the environment; Direct: none; else a URL: http, https, socks5, with user and password if need be
	NoProxy    string         // with a Proxy URL: hosts to dial directly, in the form of NO_PROXY
	ProxyRoots *x509.CertPool // whom to trust for an https proxy's certificate; the system's if nil
	Timeout    time.Duration  // of a dial, TLS included; 3 s if zero
}

// Dialer dials the service.
type Dialer struct {
	proxy   func(*url.URL) (*url.URL, error)
	roots   *x509.CertPool
	timeout time.Duration
}

// New gives a Dialer. The environment is read once, here. As with other programs, this machine's own
// names and addresses are always dialled directly.
func New(cfg Config) (*Dialer, error) {
	d := &Dialer{roots: cfg.ProxyRoots, timeout: cfg.Timeout}
	if d.timeout <= 0 {
		d.timeout = 3 * time.Second
	}
	proxies, name := &httpproxy.Config{HTTPSProxy: cfg.Proxy, NoProxy: cfg.NoProxy}, "proxy"
	switch cfg.Proxy {
	case Direct:
		proxies.HTTPSProxy = ""
	case "":
		proxies, name = httpproxy.FromEnvironment(), "HTTPS_PROXY"
	}
	if proxies.HTTPSProxy != "" {
		u, err := parseProxy(proxies.HTTPSProxy)
		if err != nil {
			return nil, fault.Invalid(name, "%s", err.Error())
		}
		proxies.HTTPSProxy = u.String()
	}
	d.proxy = proxies.ProxyFunc()
	return d, nil
}

// parseProxy reads a proxy's URL; without a scheme it is http, as everywhere. Its errors do not
// repeat the URL: it may hold a password.
func parseProxy(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("must be a URL such as http://proxy.example.com:3128")
	}
	if _, ok := proxyPorts[u.Scheme]; !ok {
		return nil, errors.New("must start with http://, https:// or socks5://")
	}
	return u, nil
}

var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// Proxy gives the URL of the proxy that is due for host:port, without its password; empty: none.
func (d *Dialer) Proxy(address string) (string, error) {
	u, err := d.proxy(&url.URL{Scheme: "https", Host: address})
	if err != nil || u == nil {
		return "", err
	}
	return u.Redacted(), nil
}

// dial connects to host:port over TCP, through the proxy that is due for it. Errors are *Error.
func (d *Dialer) dial(ctx context.Context, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" || strings.ContainsAny(address, " \t\r\n/@") {
		return nil, &Error{Step: StepAddress, Address: address, Fault: fault.Invalid("address", "must be host:port")}
	}
	via, err := d.proxy(&url.URL{Scheme: "https", Host: address})
	if err != nil {
		return nil, &Error{Step: StepProxy, Address: address, Fault: fault.Unavailable("no proxy can be chosen for %s", address).Because(err)}
	}
	if via != nil {
		return d.dialVia(ctx, via, address)
	}
	conn, err := dial.Context(ctx, "tcp", address)
	if err != nil {
		return nil, d.connectError(ctx, address, err)
	}
	return conn, nil
}

// Step says where on the way a dial failed.
type Step string

// The steps, in order.
const (
	StepAddress Step = "address" // not host:port
	StepResolve Step = "resolve" // the name was not found
	StepConnect Step = "connect" // no TCP connection
	StepProxy   Step = "proxy"   // the proxy was not reached or did not connect us
	StepTLS     Step = "tls"     // no TLS session, or not with the right one
)

// Error is a dial that failed. Fault's sentence names who and what to do.
type Error struct {
	Step    Step
	Address string // that was to be reached
	Proxy   string // on the way, without its password; empty: none
	Fault   *fault.Error
}

// Error gives the sentence.
func (e *Error) Error() string { return e.Fault.Error() }

// Unwrap gives the fault.
func (e *Error) Unwrap() error { return e.Fault }

// connectError says why no TCP connection came about.
func (d *Dialer) connectError(ctx context.Context, address string, err error) *Error {
	e := &Error{Step: StepConnect, Address: address}
	host, _, _ := net.SplitHostPort(address)
	dns, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case isDNS && !dns.IsTimeout && ctx.Err() == nil:
		e.Step = StepResolve
		e.Fault = fault.Unavailable("the name %s was not found: is it right, and does this machine's DNS work?", host)
	case isDNS:
		e.Step = StepResolve
		e.Fault = fault.Unavailable("no answer from DNS about %s", host)
	case isTimeout(ctx, err):
		e.Fault = fault.New(fault.KindTimeout, "no answer from %s within %s: does the firewall let this machine out to it?", address, d.timeout)
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Fault = fault.Unavailable("%s refused the connection: is the service running there, and does the firewall let this machine out to it?", address)
	default:
		e.Fault = fault.Unavailable("%s was not reached (%s)", address, rootCause(err))
	}
	e.Fault = e.Fault.Because(err)
	return e
}

// isTimeout reports whether the dial's own time or the network's was over.
func isTimeout(ctx context.Context, err error) bool {
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return true
	}
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// rootCause gives the innermost error's words, without the addresses that we name ourselves.
func rootCause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
