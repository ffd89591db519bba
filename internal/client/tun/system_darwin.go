package tun

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/net/route"
	"golang.org/x/sys/unix"
	device "golang.zx2c4.com/wireguard/tun"
)

// DefaultName is what the interface is called if nobody says otherwise: macOS numbers it.
const DefaultName = "utun"

func systemNames() *resolverFiles {
	return &resolverFiles{dir: "/etc/resolver", conf: "/etc/resolv.conf"}
}

// Restore puts back what a client left that was killed. None may run with an interface.
func Restore(string) error { return systemNames().restore() }

func open(cfg Config) (device.Device, system, error) {
	names := systemNames()
	if os.Geteuid() != 0 {
		return nil, nil, errors.New("the TUN mode needs root (sudo): use the proxies (postern-client up --socks 1080) without")
	}
	if err := names.restore(); err != nil {
		return nil, nil, fmt.Errorf("put back what was left of the last time: %w", err)
	}
	d, err := device.CreateTUN(cfg.Name, mtu)
	if err != nil {
		return nil, nil, fmt.Errorf("make the interface %s: %w", cfg.Name, err)
	}
	l, err := raise(d)
	if err != nil {
		return nil, nil, errors.Join(err, d.Close())
	}
	return d, newRouted(cfg, l, names, d), nil
}

// netLink is our interface, as macOS numbers it.
type netLink struct{ index int }

// raise gives an interface its addresses.
func raise(d device.Device) (netLink, error) {
	name, err := d.Name()
	if err != nil {
		return netLink{}, err
	}
	at, err := net.InterfaceByName(name)
	if err != nil {
		return netLink{}, fmt.Errorf("find the interface %s: %w", name, err)
	}
	for _, addr := range []netip.Addr{server4.Next(), server6.Next()} {
		arguments := []string{name, "inet", addr.String() + "/32", addr.String(), "alias"}
		if addr.Is6() {
			arguments = []string{name, "inet6", addr.String() + "/128", "alias"}
		}
		out, err := exec.Command("/sbin/ifconfig", arguments...).CombinedOutput()
		if err != nil && addr.Is4() { // a machine may have no IPv6
			return netLink{}, fmt.Errorf("give the interface %s an address: %w: %s", name, err, strings.TrimSpace(string(out)))
		}
	}
	return netLink{index: at.Index}, nil
}

// route adds or takes away a route to our interface (route(4)).
func (l *netLink) route(add bool, p netip.Prefix) error {
	m := route.RouteMessage{Version: unix.RTM_VERSION, Type: unix.RTM_DELETE, Flags: unix.RTF_UP | unix.RTF_STATIC | unix.RTF_GATEWAY, Seq: 1}
	if add {
		m.Type = unix.RTM_ADD
	}
	own, mask := server4.Next(), net.CIDRMask(p.Bits(), p.Addr().BitLen())
	if p.Addr().Is6() {
		own = server6.Next()
	}
	masked, _ := netip.AddrFromSlice(mask) // it has the length of an address
	m.Addrs = []route.Addr{unix.RTAX_DST: rawAddr(p.Addr()), unix.RTAX_GATEWAY: rawAddr(own), unix.RTAX_NETMASK: rawAddr(masked)}
	request, err := m.Marshal()
	if err != nil {
		return err
	}
	socket, err := unix.Socket(unix.AF_ROUTE, unix.SOCK_RAW, unix.AF_UNSPEC)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer func() { _ = unix.Close(socket) }()
	_, err = unix.Write(socket, request)
	if add && errors.Is(err, unix.EEXIST) || !add && errors.Is(err, unix.ESRCH) {
		return nil
	}
	return os.NewSyscallError("write", err)
}

func rawAddr(addr netip.Addr) route.Addr {
	if addr.Is4() {
		return &route.Inet4Addr{IP: addr.As4()}
	}
	return &route.Inet6Addr{IP: addr.As16()}
}

// hops gives the routes of the machine, with ours. Those that macOS made of another one, for one host, are no more than that one. A network
// that was joined while a route of ours to the same was there has a scoped route only.
func hops() (list []hop, err error) {
	dump, err := route.FetchRIB(unix.AF_UNSPEC, route.RIBTypeRoute, 0)
	if err != nil {
		return nil, fmt.Errorf("look at the routes: %w", err)
	}
	messages, err := route.ParseRIB(route.RIBTypeRoute, dump)
	if err != nil {
		return nil, fmt.Errorf("read the routes: %w", err)
	}
	const copied = unix.RTF_WASCLONED | unix.RTF_LLINFO
	for _, message := range messages {
		m, ok := message.(*route.RouteMessage)
		if !ok || m.Flags&unix.RTF_UP == 0 || m.Flags&copied != 0 || len(m.Addrs) <= unix.RTAX_NETMASK {
			continue
		}
		to, ok := destination(m)
		scoped := m.Flags&unix.RTF_IFSCOPE != 0
		if ok && (!scoped || m.Flags&unix.RTF_HOST == 0 && to.Bits() > 0) {
			list = append(list, hop{to: to, link: m.Index, scoped: scoped})
		}
	}
	return list, nil
}

// destination reads where a route leads.
func destination(m *route.RouteMessage) (netip.Prefix, bool) {
	var to netip.Addr
	switch a := m.Addrs[unix.RTAX_DST].(type) {
	case *route.Inet4Addr:
		to = netip.AddrFrom4(a.IP)
	case *route.Inet6Addr:
		to = netip.AddrFrom16(a.IP)
	default:
		return netip.Prefix{}, false
	}
	if m.Flags&unix.RTF_HOST != 0 {
		return netip.PrefixFrom(to, to.BitLen()), true
	}
	var mask net.IPMask
	switch a := m.Addrs[unix.RTAX_NETMASK].(type) {
	case *route.Inet4Addr:
		mask = a.IP[:]
	case *route.Inet6Addr:
		mask = a.IP[:]
	}
	ones, size := mask.Size()
	if size != 0 && size != to.BitLen() || size == 0 && !to.IsUnspecified() { // a default route may come without one
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(to, ones), true
}

// bind has a socket send by an interface.
func bind(fd uintptr, v4 bool, index int) error {
	if v4 {
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BOUND_IF, index))
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_BOUND_IF, index))
}
