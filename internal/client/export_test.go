package client

import (
	"context"
	"net/netip"

	"postern/internal/client/flow"
	"postern/internal/local"
)

// Moved tells the client that the machine has these addresses now.
func (c *Client) Moved(addrs ...netip.Addr) { c.fleet.moved(addrs) }

// Probe has the client look whether its tunnels answer.
func (c *Client) Probe() { c.fleet.probe() }

// Renew renews the device's certificate.
func (c *Client) Renew(ctx context.Context) error { return c.renew(ctx, c.current.Load()) }

// Reshow has the client show newer tokens over all tunnels.
func (c *Client) Reshow(ctx context.Context) error {
	links, _ := c.fleet.live()
	for _, l := range links {
		if err := c.fleet.reshow(ctx, l, l.known.Load()); err != nil {
			return err
		}
	}
	return nil
}

// Redial has the client make its tunnels anew, as with a new certificate.
func (c *Client) Redial() { c.fleet.renew() }

// OpenAnyway asks a gateway for a flow, whatever the rules are.
func (c *Client) OpenAnyway(ctx context.Context, to flow.To) (*flow.Flow, error) {
	links, _ := c.fleet.live()
	return c.openOn(ctx, links[0], to)
}

// Shared gives how programs of users come to the control socket of a service, and go.
func Shared(state *State) (enter func(local.Peer) bool, leave func(local.Peer)) {
	s := &Control{c: &Client{state: state}, owned: &ownership{programs: map[string]int{}}}
	return func(p local.Peer) bool { return s.enter(program{p}) }, func(p local.Peer) { s.leave(program{p}) }
}

// MaxOfUser is how many programs of a user may talk to a service of somebody else's.
const MaxOfUser = maxOfUser
