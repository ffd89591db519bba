package control

import (
	"context"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/agentview"
	"postern/internal/fault"
	"postern/internal/store"
	"postern/internal/wire"
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

// all gives what every connector said.
func (h *having) all() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make(map[string]string, len(h.hash))
	for id, hash := range h.hash {
		all[string(id)] = hash
	}
	return all
}

// Rollout says who runs a change of the configuration already.
type Rollout struct {
	Newest            uint64 // change that is stored
	Gateways          int
	LateGateways      []access.Gateway
	Connectors        int // that have a tunnel
	LateConnectors    []*access.Connector
	UnknownConnectors int // that have one, and of which neither this service nor another one that can be asked knows it
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
	if change > r.Newest {
		return r, fault.NotFound("there is no change %d; the last is %d", change, r.Newest)
	}
	if change == 0 {
		change = r.Newest
	}
	var open []silent
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
		if wants, _ := agentview.Configuration(snap, k.ID); c.having.of(k.ID) != wants.Hash {
			open = append(open, silent{k, wants.Hash})
		}
	}
	c.sort(ctx, &r, open)
	return r, nil
}

// silent is a connector that did not say to this service that it has what is meant for it.
type silent struct {
	connector *access.Connector
	wants     string
}

// sort finds out from the other services which of those have it: a connector speaks with one of them.
func (c *Control) sort(ctx context.Context, r *Rollout, open []silent) {
	var others []map[string]string
	if len(open) > 0 {
		others = c.askHaving(ctx)
	}
	for _, w := range open {
		known := c.having.of(w.connector.ID) != ""
		has := false
		for _, said := range others {
			hash, there := said[string(w.connector.ID)]
			known, has = known || there, has || hash == w.wants
		}
		switch {
		case has:
		case known:
			r.LateConnectors = append(r.LateConnectors, w.connector)
		default:
			r.UnknownConnectors++
		}
	}
}

// havingWithin is how long another gateway may take to say what its connectors have.
const havingWithin = 2 * time.Second

// askHaving asks the other gateways what their connectors have. Who does not answer, or is too old to, is left out.
func (c *Control) askHaving(ctx context.Context) []map[string]string {
	if c.cfg.AskGateway == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, havingWithin)
	defer cancel()
	gateways := c.current().Gateways
	answers := make([]map[string]string, len(gateways))
	var asking sync.WaitGroup
	for i, g := range gateways {
		if g.ID == c.cfg.Gateway.ID {
			continue
		}
		asking.Go(func() {
			answer, err := c.cfg.AskGateway(ctx, string(g.ID), wire.QuestionHaving, []byte("{}"))
			if err != nil {
				return
			}
			if said, err := wire.Decode[wire.Having](answer); err == nil {
				answers[i] = said.Hashes
			}
		})
	}
	asking.Wait()
	return answers
}
