package fetch

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"postern/internal/dial"
	"postern/internal/fault"
	"postern/internal/match"
)

// target reads host and port. What two readers could take for different hosts is refused.
func target(u *url.URL) (match.Host, uint16, error) {
	host, err := match.ParseHost(u.Hostname())
	if err != nil {
		return match.Host{}, 0, fault.New(fault.KindInvalid, "%s cannot be asked: %s", fault.Readable(u.Hostname()), err)
	}
	text := u.Port()
	switch {
	case text == "" && u.Scheme == "http":
		text = "80"
	case text == "":
		text = "443"
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return match.Host{}, 0, fault.New(fault.KindInvalid, "%s cannot be asked: %s is no port", fault.Readable(u.Hostname()), fault.Readable(text))
	}
	return host, uint16(port), nil
}

// name refuses what is clear before anything is looked up.
func (c *Client) name(host match.Host, port uint16) error {
	if host.Addr.IsValid() {
		return c.address(host, host.Addr, port)
	}
	if v := c.cfg.Rules.Name(host, port); !v.Allow {
		return fault.New(fault.KindInvalid, "%s is not asked: its name %s of the rules", host, v)
	}
	return nil
}

// address decides about an address that is about to be dialled.
func (c *Client) address(host match.Host, addr netip.Addr, port uint16) error {
	refuse := func(why string) error {
		if host.Addr.IsValid() {
			return fault.New(fault.KindInvalid, "%s is not asked: it is %s", host, why)
		}
		return fault.New(fault.KindInvalid, "%s is not asked: its address %s is %s", host, addr, why)
	}
	v := c.cfg.Rules.Address(host, addr, port)
	switch {
	case v.Line > 0 && v.Allow:
		return nil
	case v.Line > 0:
		return refuse(fmt.Sprintf("denied by line %d of the rules", v.Line))
	case v.Special != "":
		return refuse(v.Special)
	case !v.Allow:
		return refuse("not allowed by the rules")
	case c.cfg.Own != nil && c.cfg.Own(netip.AddrPortFrom(addr.Unmap().WithZone(""), port)):
		return refuse("one where this service itself listens")
	case !c.cfg.Private && match.Private(addr):
		return refuse("in a private network, which must be allowed first")
	}
	return nil
}

// dial connects for the transport. The very address that is dialled is checked, after the name was looked up
// and before a packet leaves: a name that means something else a moment later gains nothing.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	host, err := match.ParseHost(name)
	if err != nil {
		return nil, fault.New(fault.KindInvalid, "%s cannot be asked: %s", fault.Readable(name), err)
	}
	dialer := net.Dialer{
		Timeout:  c.cfg.Timeout,
		Resolver: c.cfg.Resolver,
		Control: func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			return c.address(host, to.Addr(), to.Port())
		},
	}
	if !dial.IsLocalhost(name) {
		return dialer.DialContext(ctx, network, net.JoinHostPort(host.String(), port))
	}
	conn, err := dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port)) // whatever DNS says or does not know
	if err != nil {
		if six, err6 := dialer.DialContext(ctx, network, net.JoinHostPort("::1", port)); err6 == nil {
			return six, nil
		}
	}
	return conn, err
}

// interfacesAge is how long the addresses of this machine are taken for what they were.
const interfacesAge = 10 * time.Second

// Listeners tells which addresses are those of the listeners, for Config.Own. One that listens on every address
// counts on each that this machine has.
func Listeners(listeners ...net.Addr) func(netip.AddrPort) bool {
	var exact []netip.AddrPort
	var everywhere []uint16
	for _, l := range listeners {
		tcp, ok := l.(*net.TCPAddr)
		if !ok {
			continue
		}
		at := tcp.AddrPort()
		if tcp.IP == nil || tcp.IP.IsUnspecified() {
			everywhere = append(everywhere, at.Port())
			continue
		}
		exact = append(exact, netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port()))
	}
	var machine interfaces
	return func(to netip.AddrPort) bool {
		return slices.Contains(exact, to) || slices.Contains(everywhere, to.Port()) && machine.has(to.Addr())
	}
}

// interfaces remembers this machine's addresses for a moment.
type interfaces struct {
	mu   sync.Mutex // guards the rest
	all  []netip.Addr
	read time.Time
}

func (i *interfaces) has(addr netip.Addr) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.all == nil || time.Since(i.read) > interfacesAge {
		i.all, i.read = nil, time.Now()
		all, err := net.InterfaceAddrs()
		if err != nil {
			return true // nothing is known to be somebody else's
		}
		for _, a := range all {
			if ip, ok := a.(*net.IPNet); ok {
				if one, ok := netip.AddrFromSlice(ip.IP); ok {
					i.all = append(i.all, one.Unmap())
				}
			}
		}
	}
	return slices.Contains(i.all, addr)
}
