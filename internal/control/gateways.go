package control

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
	"postern/internal/wire"
)

// Labels of gateways, beside LabelActive.
const (
	LabelDraining  Label = "draining"  // it is about to stop
	LabelUnreached Label = "unreached" // it runs, but the gateway that is asked has no tunnel with it
)

// GatewayStatus is how a gateway is, as the gateway of this process knows it.
type GatewayStatus struct {
	access.Gateway
	Own   bool // it is that of this process
	Label Label
	Why   string            // a sentence, empty when active
	State wire.GatewayState // what it last told; zero if it never did
}

// stateFresh is how long what a gateway told counts.
const stateFresh = 15 * time.Second

// gatewayStates are what the gateways tell of themselves.
type gatewayStates struct {
	mu        sync.Mutex // guards both
	told      map[access.ID]toldState
	unreached map[access.ID]time.Time // of this process's gateway: since when
}

type toldState struct {
	wire.GatewayState
	at time.Time
}

// ReportGateway takes how a gateway is. It does not block.
func (c *Control) ReportGateway(s wire.GatewayState) {
	running := c.current().Gateways
	id := access.ID(s.Gateway)
	if !slices.ContainsFunc(running, func(g access.Gateway) bool { return g.ID == id }) && id != c.cfg.Gateway.ID {
		return // it is about to be known, and tells again
	}
	now := time.Now()
	g := &c.gateways
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.told == nil {
		g.told, g.unreached = map[access.ID]toldState{}, map[access.ID]time.Time{}
	}
	g.told[id] = toldState{s, now}
	for other := range g.told {
		if other != c.cfg.Gateway.ID && !slices.ContainsFunc(running, func(g access.Gateway) bool { return g.ID == other }) {
			delete(g.told, other)
		}
	}
	if id != c.cfg.Gateway.ID {
		return
	}
	before := g.unreached
	g.unreached = map[access.ID]time.Time{}
	for _, other := range s.Unreached {
		since, known := before[access.ID(other)]
		if !known {
			since = now
		}
		g.unreached[access.ID(other)] = since
	}
}

// Gateways lists the gateways that run, all of them on one page.
func (c *Control) Gateways(ctx context.Context, by access.Actor, page access.Page) (list []GatewayStatus, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readGateway}, func(*store.Tx) error {
		list = nil
		if page.After != "" {
			return nil
		}
		search := strings.ToLower(page.Search)
		for _, g := range c.current().Gateways {
			if strings.Contains(strings.ToLower(string(g.ID)+" "+g.Address), search) {
				list = append(list, c.gatewayStatus(g))
			}
		}
		return nil
	})
	return list, "", err
}

func (c *Control) gatewayStatus(g access.Gateway) GatewayStatus {
	c.gateways.mu.Lock()
	told, ok := c.gateways.told[g.ID]
	reached := slices.Contains(c.gateways.told[c.cfg.Gateway.ID].Peers, string(g.ID))
	c.gateways.mu.Unlock()
	s := GatewayStatus{Gateway: g, Own: g.ID == c.cfg.Gateway.ID, State: told.GatewayState, Label: LabelActive}
	switch {
	case !s.Own && (!ok || !reached):
		s.Label, s.Why = LabelUnreached, "The gateway that answers you has no tunnel with it: does its --gateway-address lead to it from there?"
	case told.Draining:
		s.Label, s.Why = LabelDraining, "It is about to stop and takes nothing new."
	}
	return s
}

// peersHealth says that requests cannot be passed on to a gateway that runs.
func (c *Control) peersHealth() error {
	c.gateways.mu.Lock()
	defer c.gateways.mu.Unlock()
	for _, g := range c.current().Gateways {
		if since, ok := c.gateways.unreached[g.ID]; ok && time.Since(since) > stateFresh {
			return fault.Unavailable("there is no tunnel with gateway %s at %s: nothing can be passed on to the connectors that only it reaches", g.ID, g.Address)
		}
	}
	return nil
}
