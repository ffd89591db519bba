package admin

import (
	"strconv"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/fault"
)

func showGateway(g control.GatewayStatus) api.Gateway {
	return api.Gateway{
		ID: string(g.ID), Address: g.Address, Region: g.Region, Version: g.Program, Since: g.Started, Answers: g.Own,
		Label: string(g.Label), Why: g.Why, Tunnels: g.State.Tunnels, Exchanges: g.State.Exchanges, Forwarded: g.State.Forwarded,
		Change: g.State.Version, Peers: g.State.Peers, Unreached: g.State.Unreached,
	}
}

// rollout says who runs a change: the one that Postern-Change of an answer named, or the last.
func (h *Handler) rollout() operation {
	query := []parameter{{"change", "The change, as the header Postern-Change of the answer that made it says; the last one if left out.", ""}}
	return operation{out: typeOf[api.Rollout](), status: 200, query: query, run: func(c *call) (reply, error) {
		var change uint64
		if text, given := c.query["change"]; given {
			var err error
			if change, err = strconv.ParseUint(text[0], 10, 63); err != nil || change == 0 {
				return reply{}, fault.Invalid("change", "must be the number of a change")
			}
		}
		r, err := h.cfg.Control.Rollout(c, c.by, change)
		if err != nil {
			return reply{}, err
		}
		return reply{body: api.Rollout{Newest: r.Newest, Unknown: r.UnknownConnectors, Away: r.AwayConnectors,
			Gateways:   late(r.Gateways, r.LateGateways, func(g access.Gateway) api.RolloutLate { return api.RolloutLate{ID: string(g.ID), Name: g.Address} }),
			Connectors: late(r.Connectors, r.LateConnectors, func(k *access.Connector) api.RolloutLate { return api.RolloutLate{ID: string(k.ID), Name: k.Name} })}}, nil
	}}
}

// lateShown is how many of those that are late are named.
const lateShown = 100

func late[T any](all int, list []T, show func(T) api.RolloutLate) api.RolloutParties {
	out := api.RolloutParties{All: all, Late: []api.RolloutLate{}}
	for i, one := range list {
		if i == lateShown {
			out.More = len(list) - i
			break
		}
		out.Late = append(out.Late, show(one))
	}
	return out
}
