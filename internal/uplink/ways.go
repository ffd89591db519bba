package uplink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpproxy"

	"postern/internal/dial"
	"postern/internal/fault"
)

// Way is how a connection goes.
type Way struct {
	Proxy    string // on the way, without its password; empty: none
	Upgraded bool   // inside somebody else's TLS, by HTTP's Upgrade: our own is end to end in it
	Issuer   string // with Upgraded: who vouches for the outer certificate
}

// String gives the way in words, for logs and status; nothing for the plain one.
func (w Way) String() string {
	var words []string
	if w.Proxy != "" {
		words = append(words, "through the proxy "+w.Proxy)
	}
	if w.Upgraded {
		words = append(words, fmt.Sprintf("by HTTP Upgrade, since TLS is intercepted or ended on the way (certificate issued by %q)", w.Issuer))
	}
	return strings.Join(words, ", ")
}

// chooser gives the proxies to try for host:port, in order; nil among them: directly.
type chooser interface {
	choose(ctx context.Context, address string) ([]*url.URL, error)
}

// fixed is a proxy of the settings or the environment.
type fixed func(*url.URL) (*url.URL, error)

func (f fixed) choose(_ context.Context, address string) ([]*url.URL, error) {
	via, err := f(&url.URL{Scheme: "https", Host: address})
	return []*url.URL{via}, err
}

// chooser makes what the settings say. This machine's own names and addresses are always dialled directly.
func (cfg Config) chooser() (chooser, error) {
	kind, where, _ := strings.Cut(cfg.Proxy, ":")
	switch {
	case kind == kindPAC || kind == kindWPAD:
		return newScript(cfg, kind, where)
	case cfg.Proxy == "":
		return fixedProxy(httpproxy.FromEnvironment(), "HTTPS_PROXY", cfg.User)
	case cfg.Proxy == Direct:
		return fixedProxy(&httpproxy.Config{NoProxy: cfg.NoProxy}, "proxy", nil)
	}
	return fixedProxy(&httpproxy.Config{HTTPSProxy: cfg.Proxy, NoProxy: cfg.NoProxy}, "proxy", cfg.User)
}

func fixedProxy(proxies *httpproxy.Config, name string, user *url.Userinfo) (chooser, error) {
	if proxies.HTTPSProxy != "" {
		u, err := parseProxy(proxies.HTTPSProxy)
		if err != nil {
			return nil, fault.Invalid(name, "%s", err.Error())
		}
		if u.User == nil {
			u.User = user
		}
		proxies.HTTPSProxy = u.String()
	}
	return fixed(proxies.ProxyFunc()), nil
}

// ownMachine reports whether an address is this machine's, which no proxy leads to, in the way of package httpproxy.
func ownMachine(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

const (
	badTime = 5 * time.Minute // that a proxy which failed is tried after all others
	maxBad  = 64              // proxies that are remembered
)

// badProxies remembers which proxies failed.
type badProxies struct {
	mu   sync.Mutex           // guards when
	when map[string]time.Time // by host
}

// last gives the ways with those that failed of late at the end.
func (b *badProxies) last(ways []*url.URL) []*url.URL {
	if len(ways) < 2 {
		return ways
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	failed := func(via *url.URL) int {
		if via != nil && time.Since(b.when[via.Host]) < badTime {
			return 1
		}
		return 0
	}
	ways = slices.Clone(ways)
	slices.SortStableFunc(ways, func(a, c *url.URL) int { return failed(a) - failed(c) })
	return ways
}

func (b *badProxies) note(via *url.URL, err error) {
	if via == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		delete(b.when, via.Host)
		return
	}
	if len(b.when) >= maxBad {
		clear(b.when) // it is a memory of what to try first, nothing more
	}
	b.when[via.Host] = time.Now()
}

// dial connects to host:port over TCP, by the first way of those that are due for it that leads there. Errors are *Error.
func (d *Dialer) dial(ctx context.Context, address string) (net.Conn, Way, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" || strings.ContainsAny(address, " \t\r\n/@") {
		return nil, Way{}, &Error{Step: StepAddress, Address: address, Fault: fault.Invalid("address", "must be host:port")}
	}
	ways, err := d.chooser.choose(ctx, address)
	if err != nil {
		said := fault.Unavailable("no proxy can be chosen for %s: %s", address, err.Error()).Because(err)
		return nil, Way{}, &Error{Step: StepProxy, Address: address, Fault: said}
	}
	ways = d.bad.last(ways)
	var failed error
	for i, via := range ways {
		conn, err := d.dialWay(ctx, via, address, len(ways)-i)
		d.bad.note(via, err)
		if err == nil {
			return conn, wayOf(via), nil
		}
		failed = alsoFailed(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, Way{}, failed
}

func wayOf(via *url.URL) Way {
	if via == nil {
		return Way{}
	}
	return Way{Proxy: via.Redacted()}
}

// alsoFailed adds what became of another way to the first one's error.
func alsoFailed(first, err error) error {
	e, ok := errors.AsType[*Error](first)
	if !ok {
		return err
	}
	said := fault.New(e.Fault.Kind, "%s; the next way failed, too: %s", e.Error(), err.Error()).Because(first)
	return &Error{Step: e.Step, Address: e.Address, Proxy: e.Proxy, Fault: said}
}

// dialWay goes one way of so many that are left, within its share of the time.
func (d *Dialer) dialWay(ctx context.Context, via *url.URL, address string, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
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
