package tun

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	device "golang.zx2c4.com/wireguard/tun"
)

// How traffic comes here on Linux: a routing table of our own, which is looked at after every route that the machine has but the
// default one. So what is on the local network stays there, and routes that are more exact than ours win. Our own sockets are marked, and
// what is marked does not look at the table: a private network may contain the gateways.
const (
	// DefaultName is what the interface is called if nobody says otherwise.
	DefaultName = "postern0"

	table     = 0x9057
	mark      = 0x9057
	ruleLocal = 5210 // the machine's own routes, but for the default one
	ruleOurs  = 5211

	resolvConfPath = "/etc/resolv.conf"
	errorDetails   = "the TUN mode needs root, or CAP_NET_ADMIN: use the proxies (postern-client up --socks 1080) without"
)

// Mark marks a socket of our own.
func Mark(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, mark) })
	return errors.Join(err, failed)
}

// linux is a machine's routes and name servers.
type linux struct {
	cfg  Config
	link netlink.Link
	dns  nameServers
	file *resolvConf // what was left of the last time is put back in any case

	mu   sync.Mutex // guards now
	now  plan
	gone bool
}

// Restore puts back what a client of a state directory left that was killed. None may run with an interface.
func Restore(state string) error {
	file := newResolvConf(resolvConfPath, state)
	return (&linux{dns: file, file: file}).clean()
}

func open(cfg Config) (device.Device, system, error) {
	name := cfg.Name
	file := newResolvConf(resolvConfPath, cfg.State)
	s := &linux{cfg: cfg, dns: file, file: file}
	if err := s.clean(); err != nil {
		return nil, nil, fmt.Errorf("put back what was left of the last time: %w", err)
	}
	d, err := device.CreateTUN(name, mtu)
	if err != nil {
		if errors.Is(err, os.ErrPermission) || errors.Is(err, unix.EPERM) {
			err = fmt.Errorf("%w (%s)", err, errorDetails)
		}
		return nil, nil, fmt.Errorf("make the interface %s: %w", name, err)
	}
	if err := s.raise(name); err != nil {
		return nil, nil, errors.Join(err, s.Undo(), d.Close())
	}
	if isStub(resolvConfPath) {
		if r := systemResolved(s.link.Attrs().Index); r != nil {
			s.dns = r
			cfg.Log.Info("names are answered by systemd-resolved's interface")
		}
	}
	return d, s, nil
}

// raise gives the interface its addresses and adds the rules.
func (s *linux) raise(name string) (err error) {
	if s.link, err = netlink.LinkByName(name); err != nil {
		return fmt.Errorf("find the interface %s: %w", name, err)
	}
	for _, addr := range []netip.Addr{server4.Next(), server6.Next()} {
		a := &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(addr, addr.BitLen())), Flags: unix.IFA_F_NODAD}
		if err := netlink.AddrReplace(s.link, a); err != nil && addr.Is4() { // a machine may have no IPv6
			return fmt.Errorf("give the interface %s an address: %w", name, err)
		}
	}
	if err := netlink.LinkSetUp(s.link); err != nil {
		return fmt.Errorf("raise the interface %s: %w", name, err)
	}
	for _, family := range families {
		for _, r := range rules(family) {
			if err := netlink.RuleAdd(r); err != nil && !errors.Is(err, os.ErrExist) && family == netlink.FAMILY_V4 {
				return fmt.Errorf("add a rule for routes: %w", err)
			}
		}
	}
	return nil
}

var families = []int{netlink.FAMILY_V4, netlink.FAMILY_V6}

func rules(family int) []*netlink.Rule {
	local, ours := netlink.NewRule(), netlink.NewRule()
	local.Family, local.Priority, local.Table, local.SuppressPrefixlen = family, ruleLocal, unix.RT_TABLE_MAIN, 0
	all := uint32(0xffffffff)
	ours.Family, ours.Priority, ours.Table, ours.Mark, ours.Mask, ours.Invert = family, ruleOurs, table, mark, &all, true
	return []*netlink.Rule{local, ours}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func (p plan) equal(q plan) bool {
	return p.names == q.names && slices.Equal(p.routes, q.routes) && slices.Equal(p.search, q.search)
}

// Apply adds and takes away routes, and takes over names or lets go of them.
func (s *linux) Apply(next plan) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone || next.equal(s.now) {
		return nil
	}
	var errs []error
	had := map[netip.Prefix]bool{}
	for _, p := range s.now.routes {
		had[p] = true
	}
	for _, p := range next.routes {
		if had[p] {
			delete(had, p)
			continue
		}
		errs = append(errs, s.route(netlink.RouteReplace, p))
	}
	for p := range had {
		errs = append(errs, s.route(netlink.RouteDel, p))
	}
	if next.names {
		errs = append(errs, s.dns.take(next.search))
	} else {
		errs = append(errs, s.dns.restore())
	}
	s.now = next
	return errors.Join(errs...)
}

func (s *linux) route(do func(*netlink.Route) error, p netip.Prefix) error {
	err := do(&netlink.Route{LinkIndex: s.link.Attrs().Index, Dst: ipNet(p), Table: table, Scope: netlink.SCOPE_LINK})
	if err != nil && p.Addr().Is6() { // without IPv6 nothing goes there anyway
		return nil
	}
	if err != nil {
		return fmt.Errorf("route %s: %w", p, err)
	}
	return nil
}

// Upstreams gives the name servers that the machine had before.
func (s *linux) Upstreams() []string { return s.dns.servers() }

// Keep takes names over again after others wrote the file: a network that was joined, for example. Its name servers are asked from then on.
func (s *linux) Keep(ctx context.Context) {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for said := ""; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		if s.now.names && !s.gone {
			said = warnOnce(s.cfg.Log, "take over names", s.dns.take(s.now.search), said)
		}
		s.mu.Unlock()
	}
}

// Undo puts back the machine. The routes go with the interface.
func (s *linux) Undo() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	return s.clean()
}

// clean takes away what there is of ours, also of a process that was killed.
func (s *linux) clean() error {
	errs := []error{s.dns.restore(), s.file.restore()}
	for _, family := range families {
		list, err := netlink.RuleList(family)
		if err != nil {
			continue // the family is not there
		}
		for i := range list {
			if r := &list[i]; r.Priority == ruleOurs && r.Table == table || r.Priority == ruleLocal && r.Table == unix.RT_TABLE_MAIN && r.SuppressPrefixlen == 0 {
				r.Family = family
				if err := netlink.RuleDel(r); err != nil && !errors.Is(err, os.ErrNotExist) {
					errs = append(errs, fmt.Errorf("take away a rule for routes: %w", err))
				}
			}
		}
	}
	return errors.Join(errs...)
}
