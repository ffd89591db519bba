//go:build darwin || windows

package tun

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// How traffic comes here where there is one table of routes: ours stand in it beside the machine's own. So none is made of what the machine
// reaches by a route of its own, and our own sockets are bound to the interface by which they would go without us.

// ourLink is the number of our interface, while there is one.
var ourLink atomic.Int64

// Mark binds a socket of our own to the interface by which it would go if ours were not there.
func Mark(network, address string, c syscall.RawConn) error {
	link := int(ourLink.Load())
	to, err := netip.ParseAddrPort(address)
	if link == 0 || err != nil || to.Addr().IsLoopback() {
		return nil
	}
	hops, err := hops()
	if err != nil {
		return fmt.Errorf("find the way to %s around our own interface: %w", to, err)
	}
	out := outgoing(hops, to.Addr().Unmap().WithZone(""), link)
	if out == 0 { // else it would come back to ourselves
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

func newRouted(cfg Config, l netLink, dns nameServers) *routed {
	ourLink.Store(int64(l.index))
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

// put makes what is missing of the plan, and takes away what is too much: the machine's own routes may be others than a moment ago.
func (s *routed) put() error {
	hops, err := hops()
	if err != nil {
		return fmt.Errorf("look at the machine's routes: %w", err)
	}
	var errs []error
	wanted := map[netip.Prefix]bool{}
	for _, p := range unclaimed(s.now.routes, hops, s.link.index) {
		wanted[p] = true
	}
	for p := range s.made {
		if !wanted[p] {
			errs = append(errs, s.link.route(false, p))
			delete(s.made, p)
		}
	}
	for p := range wanted {
		if s.made[p] {
			continue
		}
		if err := s.link.route(true, p); err != nil {
			errs = append(errs, fmt.Errorf("route %s: %w", p, err))
			continue
		}
		s.made[p] = true
	}
	if s.now.names {
		errs = append(errs, s.dns.take(s.now.search))
	} else {
		errs = append(errs, s.dns.restore())
	}
	return errors.Join(errs...)
}

// Upstreams gives the name servers that the machine would use without us.
func (s *routed) Upstreams() []string { return s.dns.servers() }

// Keep looks for other routes of the machine, and for what others changed of ours.
func (s *routed) Keep(ctx context.Context) {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		if s.now.names && !s.gone {
			if err := s.put(); err != nil {
				s.cfg.Log.Warn("keep routes and name servers in force", "error", err)
			}
		}
		s.mu.Unlock()
	}
}

// Undo puts back the machine. The routes go with the interface.
func (s *routed) Undo() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	ourLink.Store(0)
	return s.dns.restore()
}
