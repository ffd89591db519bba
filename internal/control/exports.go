package control

import (
	"context"
	"time"

	"postern/internal/access"
	"postern/internal/export"
	"postern/internal/fault"
	"postern/internal/store"
)

// maxExports bounds how many destinations there are.
const maxExports = 20

// Exported is a destination with how far it is.
type Exported struct {
	access.Export
	States []access.ExportState
}

// Exports lists the destinations that logs are sent to, and gives the cursor of the next page.
func (c *Control) Exports(ctx context.Context, by access.Actor, page access.Page) (list []Exported, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readExport}, func(tx *store.Tx) error {
		found, cursor, err := tx.Exports(ctx, page)
		if err != nil {
			return err
		}
		states, err := tx.ExportStates(ctx, "")
		list, next = nil, cursor
		for _, e := range found {
			list = append(list, Exported{e, states[e.ID]})
		}
		return err
	})
	return list, next, err
}

// Export gives one destination.
func (c *Control) Export(ctx context.Context, by access.Actor, id access.ID) (out Exported, err error) {
	err = c.read(ctx, request{by: by, perm: readExport, object: id}, func(tx *store.Tx) error {
		if out.Export, err = tx.Export(ctx, id); err != nil {
			return err
		}
		states, err := tx.ExportStates(ctx, id)
		out.States = states[id]
		return err
	})
	return out, err
}

// NewExport is a destination to be made.
type NewExport struct {
	access.Export
	Secret    []byte
	Beginning bool // send what is in the logs already, too
}

// CreateExport adds a destination.
func (c *Control) CreateExport(ctx context.Context, by access.Actor, n NewExport) (Exported, error) {
	err := c.act(ctx, request{by: by, perm: createExport, name: n.Name}, func(ch *change) error {
		n.Meta = ch.fresh(access.PrefixExport)
		return ch.insertExport(n)
	})
	if err != nil {
		return Exported{}, err
	}
	return c.Export(ctx, access.Actor{Kind: access.ActorSystem}, n.ID)
}

// insertExport adds a destination that has its Meta.
func (ch *change) insertExport(n NewExport) error {
	e := n.Export
	e.HasSecret = len(n.Secret) > 0
	if err := checkExport(&e, n.Secret); err != nil {
		return err
	}
	all, err := ch.tx.AllExports(ch.ctx)
	if err != nil {
		return err
	}
	if len(all) >= maxExports {
		return fault.Conflict("there are %d exports already, and each is sent everything; delete one first", len(all))
	}
	if err := ch.tx.InsertExport(ch.ctx, &e); err != nil {
		return err
	}
	if err := ch.tx.SetExportSecret(ch.ctx, e.ID, n.Secret); err != nil {
		return err
	}
	ch.audit(createExport, object{e.Meta, e.Name}, nil, e)
	for _, stream := range e.Streams {
		if err := ch.tx.StartExport(ch.ctx, e.ID, stream, n.Beginning); err != nil {
			return err
		}
	}
	return nil
}

func checkExport(e *access.Export, secret []byte) error {
	if err := e.Validate(); err != nil {
		return err
	}
	if len(secret) > 0 && e.Kind == access.ExportSyslog {
		return fault.Invalid("secret", "is for a webhook, which it signs, a collector, whose token it is, or the user of a mail server, whose password it is; syslog has none")
	}
	if len(secret) > 4096 {
		return fault.Invalid("secret", "must be at most 4096 bytes long")
	}
	for _, b := range secret {
		if e.Kind == access.ExportOTLP && (b <= ' ' || b >= 0x7f) {
			return fault.Invalid("secret", "must be printable ASCII without blanks, since it goes into a header")
		}
	}
	return nil
}

// UpdateExport changes a destination; e.Version is the version that the caller saw. Its secret stays,
// unless logs go to another host then: who may not read the secret must not have it sent anywhere.
func (c *Control) UpdateExport(ctx context.Context, by access.Actor, wanted Exported) (Exported, error) {
	e := wanted.Export
	out := e
	err := c.act(ctx, request{by: by, perm: updateExport, object: e.ID, name: e.Name}, func(ch *change) error {
		old, err := ch.tx.Export(ctx, e.ID)
		if err != nil {
			return err
		}
		out = e
		return ch.updateExport(&old, &out)
	})
	if err != nil {
		return Exported{}, err
	}
	return c.Export(ctx, access.Actor{Kind: access.ActorSystem}, out.ID)
}

func (ch *change) updateExport(old, e *access.Export) error {
	e.Created, e.Updated, e.HasSecret = old.Created, ch.now, old.HasSecret
	if e.Kind != old.Kind {
		return fault.Invalid("kind", "cannot be changed; make another export")
	}
	if err := e.Validate(); err != nil {
		return err
	}
	if old.HasSecret && old.URL != e.URL {
		return fault.Conflict("this export has a secret, which must not be sent elsewhere: remove the secret first, or make another export")
	}
	if err := ch.tx.UpdateExport(ch.ctx, e); err != nil {
		return err
	}
	ch.audit(updateExport, object{e.Meta, e.Name}, *old, *e)
	return ch.restream(old, e)
}

// restream begins with the streams that are new, and forgets those that are gone.
func (ch *change) restream(old, e *access.Export) error {
	wanted := map[access.ExportStream]bool{}
	for _, stream := range e.Streams {
		wanted[stream] = true
		if err := ch.tx.StartExport(ch.ctx, e.ID, stream, false); err != nil {
			return err
		}
	}
	for _, stream := range old.Streams {
		if wanted[stream] {
			continue
		}
		if err := ch.tx.StopExport(ch.ctx, e.ID, stream); err != nil {
			return err
		}
	}
	return nil
}

// SetExportSecret gives a destination another secret, or none.
func (c *Control) SetExportSecret(ctx context.Context, by access.Actor, id access.ID, secret []byte) error {
	return c.act(ctx, request{by: by, perm: secretExport, object: id}, func(ch *change) error {
		e, err := ch.tx.Export(ctx, id)
		if err != nil {
			return err
		}
		if err := checkExport(&e, secret); err != nil {
			return err
		}
		ch.audit(secretExport, object{e.Meta, e.Name}, map[string]any{"hasSecret": e.HasSecret}, map[string]any{"hasSecret": len(secret) > 0})
		return ch.tx.SetExportSecret(ctx, id, secret)
	})
}

// DeleteExport deletes a destination. What it has not been sent stays in the logs.
func (c *Control) DeleteExport(ctx context.Context, by access.Actor, id access.ID, version int64) error {
	return c.act(ctx, request{by: by, perm: deleteExport, object: id}, func(ch *change) error {
		return ch.deleteExport(id, version)
	})
}

func (ch *change) deleteExport(id access.ID, version int64) error {
	old, err := ch.tx.Export(ch.ctx, id)
	if err != nil {
		return err
	}
	if err := ch.tx.DeleteExport(ch.ctx, id, version); err != nil {
		return err
	}
	ch.audit(deleteExport, object{old.Meta, old.Name}, old, nil)
	return nil
}

// TestExport sends one event that tells of nothing, from this replica and now. The answer is what the other side said, if it says something.
func (c *Control) TestExport(ctx context.Context, by access.Actor, id access.ID) (answer string, err error) {
	r := request{by: by, perm: testExport, object: id}
	var e access.Export
	var secret []byte
	err = c.act(ctx, r, func(ch *change) (err error) {
		if e, err = ch.tx.Export(ctx, id); err != nil {
			return err
		}
		ch.audit(testExport, object{e.Meta, e.Name}, nil, nil)
		secret, err = ch.tx.ExportSecret(ctx, id)
		return err
	})
	if err != nil {
		return "", err
	}
	sender, err := c.sender(&e, secret)
	if err != nil {
		return "", err
	}
	defer sender.Close()
	now := c.now()
	err = sender.Send(ctx, []export.Event{{Stream: "test", ID: string(access.NewID(access.PrefixExport, now)), Time: now,
		Summary: "Postern sends logs here", Data: []byte(`{"test":true,"time":"` + now.Format(time.RFC3339Nano) + `"}`)}})
	if told, ok := sender.(interface{ Answer() string }); ok {
		answer = told.Answer()
	}
	return answer, err
}

// ExportHistory gives the versions of a destination, the newest first.
func (c *Control) ExportHistory(ctx context.Context, by access.Actor, id access.ID) ([]Version[access.Export], error) {
	return c.exportVersions(ctx, request{by: by, perm: readExport, object: id})
}

// UndoExport gives a destination the fields of an earlier version. The secret stays, and must not be sent elsewhere by it.
func (c *Control) UndoExport(ctx context.Context, by access.Actor, u Undo) (Exported, error) {
	list, err := c.exportVersions(ctx, request{by: by, perm: updateExport, object: u.ID})
	if err != nil {
		return Exported{}, err
	}
	old, err := pick(list, u)
	if err != nil {
		return Exported{}, err
	}
	old.Meta = access.Meta{ID: u.ID, Version: u.Version}
	return c.UpdateExport(ctx, by, Exported{Export: old})
}

func (c *Control) exportVersions(ctx context.Context, r request) (list []Version[access.Export], err error) {
	err = c.read(ctx, r, func(tx *store.Tx) error {
		now, err := tx.Export(ctx, r.object)
		if err != nil {
			return err
		}
		list, err = past(ctx, tx, lived[access.Export]{now, now.Meta, []permission{createExport, updateExport}})
		for i := range list {
			list[i].Object.HasSecret = now.HasSecret
		}
		return err
	})
	return list, err
}

// RestoreExport brings a deleted destination back, without its secret. What came to the logs while it was gone is not sent.
func (c *Control) RestoreExport(ctx context.Context, by access.Actor, id access.ID) (Exported, error) {
	err := c.act(ctx, request{by: by, perm: createExport, object: id}, func(ch *change) error {
		e, err := deleted[access.Export](ch, id, gone{"export", deleteExport,
			func(ctx context.Context, tx *store.Tx, id access.ID) error { _, err := tx.Export(ctx, id); return err }})
		if err != nil {
			return err
		}
		e.Meta = ch.again(id)
		return ch.insertExport(NewExport{Export: e})
	})
	if err != nil {
		return Exported{}, err
	}
	return c.Export(ctx, access.Actor{Kind: access.ActorSystem}, id)
}
