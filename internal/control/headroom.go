package control

import (
	"context"
	"fmt"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/store"
	"postern/internal/wire"
)

// Whether a connector has enough of everything, and whether the others of its group would if it went. Only what lasts counts: what was
// used for most of the last minutes. An alert that is open stays until there is clearly enough again.
const (
	scarce      = 0.90
	enough      = 0.75
	settled     = wire.LoadWindow - 30*time.Second // what a load must have been measured over
	matters     = 0.05                             // of what the others have: who uses less overloads nobody by going
	idleMemory  = 32 << 20                         // bytes that a connector has for itself, whatever it carries
	namedInFull = 3                                // connectors in a sentence
)

// resourceWords name resources in sentences.
var resourceWords = map[string]string{wire.ResourceCPU: "processors", wire.ResourceMemory: "memory", wire.ResourceStreams: "streams",
	wire.ResourcePorts: "ports", wire.ResourceHandles: "open files"}

// findLoads looks for connectors that are short of something, and for groups that would be.
func (c *Control) findLoads(ctx context.Context, tx *store.Tx, f *findings) error {
	open, err := tx.OpenAlerts(ctx)
	if err != nil {
		return err
	}
	told := map[access.AlertKey]bool{}
	for i := range open {
		told[open[i].Key()] = true
	}
	limit := func(code string, object access.ID) float64 {
		if told[access.AlertKey{Code: code, Object: object}] {
			return enough
		}
		return scarce
	}
	snap := c.current()
	for _, g := range snap.Groups {
		members, known := c.loaded(snap, g.ID)
		for _, m := range members {
			if r, ok := m.load.Narrowest(); ok && r.Share() >= limit(codeOverloaded, m.k.ID) {
				f.add(Finding{Code: codeOverloaded, Severity: SeverityWarning, Object: m.k.ID,
					Sentence: fmt.Sprintf("The connector %s has used %d %% of its %s for minutes.", m.k.Name, percent(r.Share()), resourceWords[r.Name]),
					Cure:     "Add a connector to its group (postern tokens create), or give its machine more; postern connectors series " + quoted(m.k.Name) + " shows since when."})
			}
		}
		if !known || len(members) < 2 {
			continue // with one there is nobody to overload
		}
		if w := worstLoss(members); w.share >= limit(codeShort, g.ID) {
			f.add(Finding{Code: codeShort, Severity: SeverityWarning, Object: g.ID,
				Sentence: fmt.Sprintf("If the connector %s of the group %s went, %s would need %d %% of the %s that they have.", w.lost.Name, g.Name, w.rest, percent(w.share), resourceWords[w.resource]),
				Cure:     "Add a connector to the group (postern tokens create --connector-group " + quoted(g.Name) + "), or give their machines more; docs/planning.md says how many a group needs."})
		}
	}
	return nil
}

const (
	codeOverloaded = "connector-overloaded"
	codeShort      = "group-short-of-head-room"
)

// loadedMember is a connector that carries traffic, and what it uses.
type loadedMember struct {
	k    *access.Connector
	load *wire.Load
}

// loaded gives the connectors of a group that take traffic now and have told for long enough what they use; known: that are all.
func (c *Control) loaded(snap *access.Snapshot, group access.ID) (members []loadedMember, known bool) {
	known = true
	for _, k := range snap.Members(group) {
		if k.Disabled || k.Draining || !k.Archived.IsZero() || !k.Waiting.IsZero() {
			continue
		}
		status := c.ConnectorStatus(k.ID)
		if status.Tunnels == 0 {
			continue
		}
		if status.Load == nil || status.Load.Window < settled {
			known = false
			continue
		}
		members = append(members, loadedMember{k, status.Load})
	}
	return members, known
}

// loss is what would be if a connector went.
type loss struct {
	lost     *access.Connector
	rest     string // who is left, in words
	resource string
	share    float64 // that they would need of what they have
}

// worstLoss gives the loss that would leave the others with least. What the lost one carried is taken to be spread over them by what they
// have left, as balancing does.
func worstLoss(members []loadedMember) (worst loss) {
	for i, lost := range members {
		for _, r := range lost.load.Resources {
			need, have, comparable := 0.0, 0.0, true
			var names []string
			for j, m := range members {
				if j == i {
					continue
				}
				other, ok := resourceOf(m.load, r.Name)
				need, have, comparable = need+other.Sustained, have+other.Limit, comparable && ok
				names = append(names, m.k.Name)
			}
			if moves := moving(r); comparable && moves >= matters*have && (need+moves)/have > worst.share {
				worst = loss{lost.k, restOf(names), r.Name, (need + moves) / have}
			}
		}
	}
	return worst
}

// moving gives how much of a resource goes over to others with the traffic.
func moving(r wire.Resource) float64 {
	if r.Name == wire.ResourceMemory {
		return max(0, r.Sustained-idleMemory)
	}
	return r.Sustained
}

func restOf(names []string) string {
	if len(names) > namedInFull {
		return fmt.Sprintf("the other %d", len(names))
	}
	return strings.Join(names, ", ")
}
