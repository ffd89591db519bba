package control

import (
	"context"
	"sync"

	"postern/internal/access"
	"postern/internal/agentview"
	"postern/internal/store"
)

// noted is where act leaves which change it made, for who wants to tell.
type noted struct{}

// Noting gives a context in which act notes the version of the change that it made; zero: it made none.
func Noting(ctx context.Context) (context.Context, *uint64) {
	version := new(uint64)
	return context.WithValue(ctx, noted{}, version), version
}

func note(ctx context.Context, version uint64) {
	if at, ok := ctx.Value(noted{}).(*uint64); ok {
		*at = version
	}
}

// having keeps which configuration each connector said the last time that it has, to the service of this process.
type having struct {
	mu   sync.Mutex // guards hash
	hash map[access.ID]string
}

func (h *having) told(id access.ID, hash string) {
	if hash == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hash == nil {
		h.hash = map[access.ID]string{}
	}
	h.hash[id] = hash
}

// keep forgets connectors that are not there any more.
func (h *having) keep(snap *access.Snapshot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.hash {
		if _, there := snap.Connector(id); !there {
			delete(h.hash, id)
		}
	}
}

func (h *having) of(id access.ID) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hash[id]
}

// Rollout says who runs a change of the configuration already.
type Rollout struct {
	Newest            uint64 // change that is stored
	Gateways          int
	LateGateways      []access.Gateway
	Connectors        int // that have a tunnel
	LateConnectors    []*access.Connector
	UnknownConnectors int // that have one, and talk to the service of another process
	AwayConnectors    int // that have none: they get what is in force when they come
}

// Rollout tells which gateways and connectors run a change, the last one if it is 0. Of a connector it counts what is meant for it: a change that is
// not runs there at once.
func (c *Control) Rollout(ctx context.Context, by access.Actor, change uint64) (r Rollout, err error) {
	err = c.read(ctx, request{by: by, perm: readGateway}, func(tx *store.Tx) error {
		r.Newest, err = tx.Version(ctx)
		return err
	})
	if err != nil {
		return r, err
	}
	if change == 0 {
		change = r.Newest
	}
	snap := c.newest(ctx)
	c.having.keep(snap)
	for _, g := range snap.Gateways {
		r.Gateways++
		if c.gatewayStatus(g).State.Version < change {
			r.LateGateways = append(r.LateGateways, g)
		}
	}
	for _, k := range snap.Connectors {
		switch s := c.ConnectorStatus(k.ID); {
		case s.Label == LabelDisabled || s.Label == LabelArchived:
			continue
		case s.Tunnels == 0:
			r.AwayConnectors++
			continue
		}
		r.Connectors++
		wants, _ := agentview.Configuration(snap, k.ID)
		switch c.having.of(k.ID) {
		case wants.Hash:
		case "":
			r.UnknownConnectors++
		default:
			r.LateConnectors = append(r.LateConnectors, k)
		}
	}
	return r, nil
}
