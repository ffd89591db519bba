//go:build darwin || windows

package tun

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	device "golang.zx2c4.com/wireguard/tun"
)

// How traffic comes here where there is one table of routes: ours stand in it beside the machine's own. So none is made of what the machine
// reaches by a route of its own, and our own sockets are bound to the interface by which they would go without us.

// ourLink is the number of our interface, once there is one.
var ourLink atomic.Int64

// Mark binds a socket of our own to the interface by which it would go if ours were not there: also before it is, since the socket may live on.
func Mark(network, address string, c syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || to.Addr().IsLoopback() || to.Addr().IsLinkLocalUnicast() { // those have their interface
		return nil
	}
	addr := to.Addr().Unmap()
	if pool4.Contains(addr) || pool6.Contains(addr) {
		return fmt.Errorf("%s %s: this address stands for a name, and only here: %w", network, to, syscall.ENETUNREACH)
	}
	hops, err := hops()
	if err != nil {
		return fmt.Errorf("find the way to %s around our own interface: %w", to, err)
	}
	link := int(ourLink.Load())
	out := outgoing(hops, addr, link)
	switch {
	case out == 0 && link == 0:
		return nil // the system says what is wrong
	case out == 0: // else it would come back to ourselves
		return fmt.Errorf("%s %s: %w", network, to, syscall.ENETUNREACH)
	}
	var failed error
	err = c.Control(func(fd uintptr) { failed = bind(fd, to.Addr().Is4(), out) })
	return errors.Join(err, failed)
}

// routed is a machine with one table of routes, and whoever answers for its names.
type routed struct {
	cfg  Config
	link netLink
	dns  nameServers

	mu   sync.Mutex // guards the fields below
	now  plan
	made map[netip.Prefix]bool // routes of ours
	gone bool
}

func newRouted(cfg Config, l netLink, dns nameServers, d device.Device) *routed {
	ourLink.Store(int64(l.index))
	go func() { // ends with the device, which would wait for whoever listens
		for range d.Events() {
			continue
		}
	}()
	return &routed{cfg: cfg, link: l, dns: dns, made: map[netip.Prefix]bool{}}
}

// Apply puts a plan in force.
func (s *routed) Apply(next plan) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return nil
	}
	s.now = next
	return s.put()
}

// put makes what is missing of the plan, and takes away what is too much: the machine's own routes may be others than a moment ago, and
// ours may have been taken away.
func (s *routed) put() error {
	hops, err := hops()
	if err != nil {
		return fmt.Errorf("look at the machine's routes: %w", err)
	}
	errs := s.routes(unclaimed(s.now.routes, hops, s.link.index), hops)
	other := rival(hops, s.link.index)
	switch {
	case s.now.names && other != 0:
		errs = append(errs, fmt.Errorf("private names are not answered: the interface %s has addresses of %s, which they would get", linkName(other), pool4), s.dns.restore())
	case s.now.names:
		errs = append(errs, s.dns.take(s.now.search))
	default:
		errs = append(errs, s.dns.restore())
	}
	return errors.Join(errs...)
}

// routes has those wanted be there, and none else of ours.
func (s *routed) routes(wanted []netip.Prefix, hops []hop) (errs []error) {
	there, want := map[netip.Prefix]bool{}, map[netip.Prefix]bool{}
	for _, h := range hops {
		if h.link == s.link.index {
			there[h.to] = true
		}
	}
	for _, p := range wanted {
		want[p] = true
		if s.made[p] && there[p] {
			continue
		}
		if err := s.link.route(true, p); err != nil {
			if p.Addr().Is4() { // without IPv6 nothing goes there anyway
				errs = append(errs, fmt.Errorf("route %s: %w", p, err))
			}
			continue
		}
		s.made[p] = true
	}
	for _, p := range slices.SortedFunc(maps.Keys(s.made), comparePrefixes) {
		if want[p] {
			continue
		}
		if there[p] {
			if err := s.link.route(false, p); err != nil {
				errs = append(errs, fmt.Errorf("take away the route %s: %w", p, err))
			}
		}
		delete(s.made, p)
	}
	return errs
}

func linkName(index int) string {
	if i, err := net.InterfaceByIndex(index); err == nil {
		return i.Name
	}
	return strconv.Itoa(index)
}

// Upstreams gives the name servers that the machine would use without us.
func (s *routed) Upstreams() []string { return s.dns.servers() }

// Keep looks for other routes of the machine, and for what others changed of ours.
func (s *routed) Keep(ctx context.Context) {
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
			said = warnOnce(s.cfg.Log, "keep routes and name servers in force", s.put(), said)
		}
		s.mu.Unlock()
	}
}

// Undo puts back the machine. The routes go with the interface.
func (s *routed) Undo() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	return s.dns.restore()
}
