package control

import (
	"context"
	"fmt"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// A connector that enrolled with a token that holds has tunnels and nothing else until an administrator approves it: no
// configuration, no keys of grants, no place in its group. Nobody who finds a token gets into the network by it alone.

// ApproveConnector lets a connector that waits into its group.
func (c *Control) ApproveConnector(ctx context.Context, by access.Actor, id access.ID) (approved access.Connector, err error) {
	err = c.act(ctx, request{by: by, perm: approveConnector, object: id}, func(ch *change) error {
		old, err := ch.waiting(id)
		if err != nil {
			return err
		}
		approved = old
		approved.Waiting, approved.Updated = time.Time{}, ch.now
		if err := ch.tx.UpdateConnector(ctx, &approved); err != nil {
			return err
		}
		ch.audit(approveConnector, object{approved.Meta, approved.Name}, old, approved)
		return nil
	})
	return approved, err
}

// RejectConnector deletes a connector that waits. Its machine would have to enrol again, with another token.
func (c *Control) RejectConnector(ctx context.Context, by access.Actor, id access.ID) error {
	return c.act(ctx, request{by: by, perm: rejectConnector, object: id}, func(ch *change) error {
		old, err := ch.waiting(id)
		if err != nil {
			return err
		}
		return ch.deleteConnector(rejectConnector, id, old.Version)
	})
}

// waiting gives a connector that waits, also one whose time is over but that nobody has removed yet.
func (ch *change) waiting(id access.ID) (access.Connector, error) {
	k, err := ch.tx.Connector(ch.ctx, id)
	if err == nil && k.Waiting.IsZero() {
		err = fault.Conflict("the connector %s does not wait for approval: it was approved, or its token did not ask for it", k.Name)
	}
	return k, err
}

// rejectOverdue deletes connectors for whose approval nobody cared.
func (c *Control) rejectOverdue(ctx context.Context) {
	now := c.now()
	for _, k := range c.current().Connectors {
		if k.Waiting.IsZero() || now.Before(k.Waiting) {
			continue
		}
		within, cancel := context.WithTimeout(ctx, writeWithin)
		err := c.RejectConnector(within, bySystem("approval"), k.ID)
		cancel()
		if err != nil && !fault.Is(err, fault.KindNotFound) && !fault.Is(err, fault.KindConflict) {
			c.log.Warn("delete a connector that nobody approved", "connector", k.ID, "error", cause(err))
			continue
		}
		c.log.Info("a connector that nobody approved was deleted", "connector", k.ID, "name", k.Name)
	}
}

// findWaiting tells of connectors that wait.
func (f *findings) findWaiting(snap *access.Snapshot) {
	for _, k := range snap.Connectors {
		if k.Waiting.IsZero() || k.Disabled {
			continue
		}
		f.add(Finding{Code: "connector-waiting", Severity: SeverityWarning, Object: k.ID, Due: k.Waiting,
			Sentence: fmt.Sprintf("The connector %s waits for approval. It enrolled at %s from %s, on a machine that calls itself %q; at %s it is deleted.",
				k.Name, k.Created.UTC().Format("2006-01-02 15:04 UTC"), k.Address, k.Host.MachineName, k.Waiting.UTC().Format("2006-01-02 15:04 UTC")),
			Cure: fmt.Sprintf("postern connectors approve %s, if it is meant to be there; postern connectors reject %s otherwise.", quoted(k.Name), quoted(k.Name))})
	}
}

// waitsUntil tells until when a connector waits, as it is stored: it may be newer than the snapshot.
func (c *Control) waitsUntil(ctx context.Context, id access.ID) (until time.Time, err error) {
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		k, err := tx.Connector(ctx, id)
		until = k.Waiting
		return orElse(err, fault.KindNotFound, nil) // deleted meanwhile: whoever asks next is told
	})
	return until, err
}
