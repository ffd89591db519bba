package control

import (
	"context"

	"postern/internal/access"
	"postern/internal/store"
)

// Summary counts what there is, so that nobody must read whole lists to know how many there are.
type Summary struct {
	Connectors   map[Label]int // without the archived ones
	Groups       []GroupSummary
	Applications int
	Disabled     int // of them
	Assignments  int // that have not ended
	Gateways     int
	Reached      int // of them, by the one that is asked; itself among them
}

// GroupSummary counts what a connector group has.
type GroupSummary struct {
	ID           access.ID
	Connectors   int // without the archived ones
	Active       int // of them
	Applications int
}

// Summary counts connectors by their labels, groups, applications, assignments and gateways, at this moment.
func (c *Control) Summary(ctx context.Context, by access.Actor) (Summary, error) {
	var s Summary
	err := c.read(ctx, request{by: by, perm: readSummary}, func(tx *store.Tx) error {
		s = Summary{Connectors: map[Label]int{}}
		groups, err := tx.AllConnectorGroups(ctx)
		if err != nil {
			return err
		}
		at := make(map[access.ID]int, len(groups))
		for i, g := range groups {
			s.Groups, at[g.ID] = append(s.Groups, GroupSummary{ID: g.ID}), i
		}
		places, err := tx.Places(ctx)
		if err != nil {
			return err
		}
		for _, p := range places {
			g, label := &s.Groups[at[p.Group]], c.labelOf(&p) // the database knows of no group that there is not
			s.Connectors[label]++
			g.Connectors++
			if label == LabelActive {
				g.Active++
			}
		}
		counts, err := tx.CountApplications(ctx)
		if err != nil {
			return err
		}
		for _, n := range counts {
			s.Groups[at[n.Group]].Applications = n.All
			s.Applications += n.All
			s.Disabled += n.Disabled
		}
		s.Assignments, err = tx.CountAssignments(ctx, c.now())
		return err
	})
	for _, g := range c.current().Gateways {
		s.Gateways++
		if c.gatewayStatus(g).Label != LabelUnreached {
			s.Reached++
		}
	}
	return s, err
}

// labelOf is the label of a connector as lists show it: of what administrators just said gateways hear a moment later.
func (c *Control) labelOf(p *store.Place) Label {
	switch {
	case p.Disabled:
		return LabelDisabled
	case p.Waiting:
		return LabelWaiting
	}
	return c.ConnectorStatus(p.Connector).Label
}
