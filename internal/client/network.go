package client

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

const (
	networkEvery = 2 * time.Second        // how often this machine's addresses are looked at
	asleepAfter  = 5 * time.Second        // that the clock went on while this program did not: the machine slept
	awakeWithin  = 3 * time.Second        // for a gateway to answer after that
	settleWithin = 300 * time.Millisecond // for the routes of a network that was joined
)

// watchNetwork notices what the system does not tell a connection: that the machine slept, or that the address that a tunnel goes out by is
// not its own any more. So tunnels are made anew at once, not when their silence is long enough.
func (c *Client) watchNetwork(ctx context.Context) {
	before, looked := ownAddresses(), time.Now()
	routes := routeChanges(ctx)
	ticker := time.NewTicker(networkEvery)
	defer ticker.Stop()
	for {
		rerouted := false
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-routes:
			rerouted = true
			pause(ctx, settleWithin)
		}
		addrs, now := ownAddresses(), time.Now()
		slept := now.Round(0).Sub(looked.Round(0)) - now.Sub(looked) // by the clock on the wall, and by what stands still in sleep
		looked = now
		switch {
		case slept > asleepAfter:
			c.log.Info("the machine slept, or its clock was set", "for", slept.Round(time.Second))
			c.fleet.probe()
		case !slices.Equal(addrs, before):
			c.log.Debug("the addresses of this machine have changed")
			c.fleet.moved(addrs)
		case rerouted:
			c.log.Debug("this machine goes out another way")
			c.fleet.probe()
		default:
			continue
		}
		before = addrs
		c.fleet.hurry()
	}
}

// ownAddresses gives the addresses of this machine in order; none where the system does not tell.
func ownAddresses() []netip.Addr {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var addrs []netip.Addr
	for _, a := range list {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			addrs = append(addrs, prefix.Addr().Unmap())
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs
}

// probe ends the tunnels that do not answer any more.
func (f *fleet) probe() {
	links, _ := f.all()
	for _, l := range links {
		f.running.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), awakeWithin)
			defer cancel()
			if _, err := l.session.Ping(ctx); err != nil {
				f.c.note("wake up", fmt.Errorf("gateway %s does not answer over the tunnel of before: %w", l.gateway, err))
				_ = l.Close() // what was open over it is cut
				f.hurry()
			}
		})
	}
}

// moved ends the tunnels that go out by an address that is not this machine's any more.
func (f *fleet) moved(addrs []netip.Addr) {
	if len(addrs) == 0 {
		return // the system does not tell
	}
	links, _ := f.all()
	for _, l := range links {
		if l.local.IsValid() && !slices.Contains(addrs, l.local) {
			f.c.log.Info("a tunnel went out by an address that this machine has lost", "gateway", l.gateway, "address", l.local)
			f.running.Go(func() {
				_ = l.Close() // as above
				f.hurry()     // only now there is none left: one that did not live long is otherwise waited for
			})
		}
	}
}

// hurry has those try at once who wait before they try again, if there is no tunnel.
func (f *fleet) hurry() {
	id := f.c.current.Load()
	if live, _ := f.live(); len(live) > 0 || id == nil {
		return
	}
	f.mu.Lock()
	for g, stop := range f.slots {
		stop()
		delete(f.slots, g)
	}
	f.mu.Unlock()
	f.follow(id.cred.Connection.Gateways)
}

// localAddress gives the address that a connection goes out by.
func localAddress(conn net.Conn) netip.Addr {
	at, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return netip.Addr{} // it is not a plain connection
	}
	return at.Addr().Unmap().WithZone("")
}
