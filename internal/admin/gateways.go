package admin

import (
	"postern/internal/api"
	"postern/internal/control"
)

func showGateway(g control.GatewayStatus) api.Gateway {
	return api.Gateway{
		ID: string(g.ID), Address: g.Address, Region: g.Region, Version: g.Program, Since: g.Started, Answers: g.Own,
		Label: string(g.Label), Why: g.Why, Tunnels: g.State.Tunnels, Exchanges: g.State.Exchanges, Forwarded: g.State.Forwarded,
		Change: g.State.Version, Peers: g.State.Peers, Unreached: g.State.Unreached,
	}
}
