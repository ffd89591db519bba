package control

import (
	"cmp"
	"context"
	"errors"

	"postern/internal/access"
	"postern/internal/store"
)

// Snapshot waits for a snapshot newer than after; 0 gives the current one at once.
func (c *Control) Snapshot(ctx context.Context, after uint64) (*access.Snapshot, error) {
	for {
		snap, changed := c.snapshot.get()
		if snap != nil && snap.Version > after {
			return snap, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (c *Control) current() *access.Snapshot {
	snap, _ := c.snapshot.get()
	return snap
}

// refresh reads what is new in the store: configuration and revocations of a new version, endings.
// When the store is away, all stays as it was.
func (c *Control) refresh(ctx context.Context) error {
	at := c.now()
	seen := uint64(0)
	if snap := c.current(); snap != nil {
		seen = snap.Version
	}
	var content *access.Content
	var keys keyMaterial
	var news []access.Ending
	var gateways []access.Gateway
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		version, err := tx.Version(ctx)
		if err != nil {
			return err
		}
		if version != seen {
			if content, err = c.content(ctx, tx, version); err != nil {
				return err
			}
			if keys, err = c.readKeyMaterial(ctx, tx); err != nil {
				return err
			}
		}
		if gateways, err = c.runningGateways(ctx, tx); err != nil {
			return err
		}
		news, err = c.endings.read(ctx, tx)
		return err
	})
	if err != nil {
		c.lost(ctx, err)
		return err
	}
	c.found()
	if content != nil {
		// Revocations and certificates first: whoever sees the new version must find them in force.
		c.certs.replace(keys)
		content.Roots, content.Issuer, content.GrantKeys = keys.authority.pem, keys.authority.wanted(), keys.signing.publics(at)
		content.Gateways = gateways
		c.snapshot.set(access.NewSnapshot(*content))
	} else if snap := c.current(); !sameGateways(snap.Gateways, gateways) {
		same := snap.Content
		same.Gateways = gateways
		c.snapshot.set(access.NewSnapshot(same))
	}
	c.turnKeys()
	c.tell(news, at)
	return nil
}

// lost remembers that the store could not be read, and logs it once.
func (c *Control) lost(ctx context.Context, err error) {
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return // we are being stopped
	}
	if c.away.CompareAndSwap(nil, &awayError{err, c.now()}) {
		c.log.Error("database lost; traffic goes on with the last configuration", "error", cause(err))
		return
	}
	if old := c.away.Load(); old != nil {
		c.away.CompareAndSwap(old, &awayError{err, old.since})
	}
}

// found says that the store can be read again, if it could not.
func (c *Control) found() {
	if old := c.away.Swap(nil); old != nil {
		c.log.Info("database is back", "away", c.now().Sub(old.since).String())
	}
}

// content reads all that a snapshot is made of, in one transaction.
func (c *Control) content(ctx context.Context, tx *store.Tx, version uint64) (*access.Content, error) {
	out := &access.Content{
		Version:     version,
		TrustDomain: c.instance.trustDomain,
		Names:       c.cfg.Names,
	}
	applications, err1 := tx.AllApplications(ctx)
	groups, err2 := tx.AllConnectorGroups(ctx)
	connectors, err3 := tx.AllConnectors(ctx)
	assignments, err4 := tx.AllAssignments(ctx)
	policies, err5 := tx.AllPolicies(ctx)
	branding, err6 := tx.Branding(ctx)
	retention, err7 := tx.Retention(ctx)
	clients, err8 := tx.Clients(ctx)
	if err := cmp.Or(err1, err2, err3, err4, err5, err6, err7, err8); err != nil { // not joined: its kind counts
		return nil, err
	}
	out.Applications = pointers(applications)
	out.Groups = pointers(groups)
	out.Connectors = pointers(connectors)
	out.Assignments = pointers(assignments)
	out.Policies = pointers(policies)
	out.Branding, out.Retention, out.Clients = branding, retention, clients
	return out, nil
}

func pointers[T any](values []T) []*T {
	out := make([]*T, len(values))
	for i := range values {
		out[i] = &values[i]
	}
	return out
}
