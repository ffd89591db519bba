package admin

import (
	"postern/internal/api"
	"postern/internal/control"
)

// summary counts what there is.
func (h *Handler) summary() operation {
	return operation{out: typeOf[api.Summary](), status: 200, run: func(c *call) (reply, error) {
		s, err := h.cfg.Control.Summary(c, c.by)
		if err != nil {
			return reply{}, err
		}
		return reply{body: showSummary(s)}, nil
	}}
}

func showSummary(s control.Summary) api.Summary {
	n := s.Connectors
	shown := api.Summary{
		Connectors: api.ConnectorCounts{Active: n[control.LabelActive], Degraded: n[control.LabelDegraded], Draining: n[control.LabelDraining],
			Inactive: n[control.LabelInactive], Disabled: n[control.LabelDisabled], Waiting: n[control.LabelWaiting]},
		Applications: api.ApplicationCounts{All: s.Applications, Disabled: s.Disabled},
		Assignments:  s.Assignments,
		Gateways:     api.GatewayCounts{All: s.Gateways, Reached: s.Reached},
		Groups:       make([]api.GroupCounts, len(s.Groups)),
	}
	for i, g := range s.Groups {
		shown.Groups[i] = api.GroupCounts{ID: string(g.ID), Connectors: g.Connectors, Active: g.Active, Applications: g.Applications}
		shown.Connectors.All += g.Connectors
		if g.Active > 0 {
			shown.Carrying++
		}
	}
	return shown
}
