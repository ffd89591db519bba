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

	"postern/internal/fault"
	"postern/internal/uplink/pac"
)

// Direct is the Config.Proxy that uses no proxy.
const Direct = "direct"

// Config holds what a Dialer needs. Every field is optional.
type Config struct {
	// Proxy says what goes between. "": HTTPS_PROXY and NO_PROXY of the environment; Direct: nothing; a URL: http, https, socks5, with user
	// and password if need be; "pac:" and the URL or file of a proxy auto-configuration script; "wpad" or "wpad:" and a
	// domain: the script that the network offers. WPAD trusts whoever answers to a name, so it is never tried unasked.
	Proxy      string
	NoProxy    string         // with a Proxy URL: hosts to dial directly, in the form of NO_PROXY
	User       *url.Userinfo  // for proxies whose URL names no user; not with wpad or a script from http://
	Kerberos   Kerberos       // for proxies that want Negotiate; as User
	Script     pac.Find       // runs scripts; without it there is neither pac nor wpad
	ProxyRoots *x509.CertPool // whom to trust for an https proxy's certificate; the system's if nil
	Timeout    time.Duration  // of a dial, TLS included; 3 s if zero
}

// Dialer dials the service.
type Dialer struct {
	chooser  chooser
	kerberos Kerberos
	roots    *x509.CertPool
	timeout  time.Duration
	bad      *badProxies
	wants    wantsNegotiate
	refused  refusedKey
	upgrades *upgrades
	busy     *busy
}

// New gives a Dialer. The environment is read once, here. As with other programs, this machine's own
// names and addresses are always dialled directly.
func New(cfg Config) (*Dialer, error) {
	d := &Dialer{roots: cfg.ProxyRoots, timeout: cfg.Timeout, kerberos: cfg.Kerberos, bad: &badProxies{when: map[string]time.Time{}}, upgrades: newUpgrades(), busy: newBusy()}
	if d.timeout <= 0 {
		d.timeout = 3 * time.Second
	}
	if d.kerberos.given() || d.kerberos.Principal != "" {
		if err := d.kerberos.check(); err != nil {
			return nil, err
		}
	}
	var err error
	d.chooser, err = cfg.chooser()
	return d, err
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
		return nil, errors.New("must start with http://, https:// or socks5://, or be pac:URL, pac:FILE, wpad or direct")
	}
	return u, nil
}

var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// Proxy gives the URL of the proxy that is tried first for host:port, without its password; empty: none.
func (d *Dialer) Proxy(address string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	ways, err := d.Ways(ctx, address)
	if err != nil || len(ways) == 0 {
		return "", err
	}
	return ways[0], nil
}

// Dial connects to host:port without TLS, within the dialer's time.
func (d *Dialer) Dial(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	conn, _, err := d.dial(ctx, address)
	return conn, err
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

	blocked bool // somebody between us and the service may be the reason
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
		if several, ok := err.(interface{ Unwrap() []error }); ok && len(several.Unwrap()) > 0 {
			err = several.Unwrap()[0]
			continue
		}
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
