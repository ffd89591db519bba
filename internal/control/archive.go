package control

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"postern/internal/access"
	"postern/internal/store"
)

// How long a connector is absent is not told by clocks, which jump: it is counted, in steps of a minute, by the service that misses
// it. A step counts only if the service ran for all of it and could be reached from outside meanwhile: somebody else has a tunnel, or
// used a session or a key. Whichever replica sees the connector sets the count back.

// archiveEvery is the longest step.
const archiveEvery = time.Minute

// archiving is what the counting needs.
type archiving struct {
	last    time.Time     // when the last step ended; of the monotonic clock
	used    atomic.Bool   // a session or a key was used since
	arrived chan struct{} // takes one: an archived connector may be here
}

// archiveStep gives the time between two looks.
func (c *Control) archiveStep() time.Duration {
	return min(archiveEvery, c.cfg.Settings.ArchiveAfter/10)
}

// archive counts absence, puts away connectors that are absent for too long and at last deletes them.
func (c *Control) archive(ctx context.Context) {
	now := time.Now()
	step := now.Sub(c.archiving.last)
	first := c.archiving.last.IsZero() || step > 3*c.archiveStep() // the lease was elsewhere, or the machine slept
	c.archiving.last = now
	if used := c.archiving.used.Swap(false); !first {
		c.miss(ctx, step, used)
	}
}

// miss counts a step of absence. used: somebody used a session or a key in it.
func (c *Control) miss(ctx context.Context, step time.Duration, used bool) {
	present, missed := c.absentees()
	if len(missed) == 0 || !used && present == 0 {
		return
	}
	var away, over []access.Connector
	err := c.writeSingly(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if err = tx.MissConnectors(ctx, missed, step); err != nil {
			return err
		}
		if away, err = tx.AbsentConnectors(ctx, false, c.cfg.Settings.ArchiveAfter); err != nil {
			return err
		}
		over, err = tx.AbsentConnectors(ctx, true, c.cfg.Settings.ArchiveAfter+c.cfg.Settings.ArchiveKeep)
		return err
	})
	if err != nil {
		c.log.Warn("count absent connectors", "error", cause(err))
		return
	}
	for i := range away {
		c.putAway(ctx, &away[i])
	}
	for i := range over {
		c.giveUp(ctx, &over[i])
	}
}

// absentees gives how many connectors have a tunnel, to whichever gateway, and those that have none. Disabled ones are not let in, so
// their absence says nothing.
func (c *Control) absentees() (present int, missed []access.ID) {
	snap := c.current()
	c.presence.mu.Lock()
	defer c.presence.mu.Unlock()
	for _, k := range snap.Connectors {
		switch s := c.presence.seen[k.ID]; {
		case s != nil && len(s.tunnels) > 0:
			present++
		case !k.Disabled:
			missed = append(missed, k.ID)
		}
	}
	return present, missed
}

func bySystem(name string) access.Actor { return access.Actor{Kind: access.ActorSystem, Name: name} }

// putAway archives a connector.
func (c *Control) putAway(ctx context.Context, k *access.Connector) {
	err := c.act(ctx, request{by: bySystem("archive"), perm: archiveConnector, object: k.ID, name: k.Name}, func(ch *change) error {
		return ch.shelve(k.ID, archiveConnector, ch.now)
	})
	if err != nil {
		c.log.Warn("archive connector", "connector", k.ID, "error", cause(err))
		return
	}
	c.happened(Finding{Code: "connector-archived", Severity: SeverityWarning, Object: k.ID,
		Sentence: fmt.Sprintf("The connector %s was absent for %s and was archived.", k.Name, c.cfg.Settings.ArchiveAfter),
		Cure:     "Delete it if it is not needed any more; otherwise it is back as soon as it connects."})
}

// shelve changes whether a connector is archived: at, or zero for not any more.
func (ch *change) shelve(id access.ID, perm permission, at time.Time) error {
	old, err := ch.tx.Connector(ch.ctx, id)
	if err != nil {
		return err
	}
	changed := old
	if changed.Archived.IsZero() != at.IsZero() { // another replica may have done it
		changed.Archived, changed.Updated = at, ch.now
		if err := ch.tx.UpdateConnector(ch.ctx, &changed); err != nil {
			return err
		}
	}
	ch.audit(perm, object{changed.Meta, changed.Name}, old, changed)
	if at.IsZero() {
		return ch.tx.PresentConnector(ch.ctx, id)
	}
	return nil
}

// giveUp deletes a connector that was archived for long. It would have to enrol again.
func (c *Control) giveUp(ctx context.Context, k *access.Connector) {
	err := c.act(ctx, request{by: bySystem("archive"), perm: deleteConnector, object: k.ID, name: k.Name}, func(ch *change) error {
		return ch.deleteConnector(deleteConnector, k.ID, 0)
	})
	if err != nil {
		c.log.Warn("delete archived connector", "connector", k.ID, "error", cause(err))
		return
	}
	c.log.Warn("archived connector deleted", "connector", k.ID, "name", k.Name)
}

// arrival has somebody look whether an archived connector is back.
func (a *archiving) arrival() {
	select {
	case a.arrived <- struct{}{}:
	default: // somebody will
	}
}

// takeReturned takes archived connectors that have a tunnel here back into their groups, when one arrives and now and then.
func (c *Control) takeReturned(ctx context.Context) {
	ticker := time.NewTicker(c.archiveStep())
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.archiving.arrived:
		case <-ticker.C:
		}
		for _, k := range c.returned() {
			within, cancel := context.WithTimeout(ctx, writeWithin)
			err := c.act(within, request{by: bySystem("archive"), perm: returnConnector, object: k.ID, name: k.Name}, func(ch *change) error {
				return ch.shelve(k.ID, returnConnector, time.Time{})
			})
			cancel()
			if err != nil {
				c.log.Warn("take an archived connector back", "connector", k.ID, "error", cause(err))
				continue
			}
			c.happened(Finding{Code: "connector-returned", Severity: SeverityWarning, Object: k.ID,
				Sentence: fmt.Sprintf("The connector %s returned from the archive and is in its group again.", k.Name),
				Cure:     "See that it is meant to be there; delete it otherwise."})
		}
	}
}

// returned gives the archived connectors that have a tunnel to the gateway of this process.
func (c *Control) returned() []*access.Connector {
	snap := c.current()
	c.presence.mu.Lock()
	defer c.presence.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(snap.Connectors), func(k *access.Connector) bool {
		if k.Archived.IsZero() || k.Disabled {
			return true
		}
		if s := c.presence.seen[k.ID]; s != nil {
			for _, t := range s.tunnels {
				if !c.elsewhere(t.Gateway) {
					return false
				}
			}
		}
		return true
	})
}
