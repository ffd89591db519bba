package control

import (
	"context"
	"slices"
	"time"

	"postern/internal/access"
	"postern/internal/store"
	"postern/internal/wire"
)

// Labels of a connector for one application, beside those of connectors: LabelActive is only what has just been seen.
const (
	LabelUnreachable Label = "unreachable" // it has a tunnel and does not reach the application
	LabelUnknown     Label = "unknown"     // it has a tunnel and could not be asked
)

// Reaching is how one connector reaches one application.
type Reaching struct {
	Connector *access.Connector
	Backup    bool // it is of the backup group
	Label     Label
	Why       string
	Code      string        // a stable word, where it does not reach it
	Address   string        // that it reached
	Took      time.Duration // to resolve, connect and agree on TLS
	Since     time.Time     // for how long gateways have known that it does not; zero: they do not
}

// ApplicationConnectors asks the connectors that may carry an application's traffic, now, whether they reach it.
func (c *Control) ApplicationConnectors(ctx context.Context, by access.Actor, id access.ID) ([]Reaching, error) {
	var app access.Application
	err := c.read(ctx, request{by: by, perm: readApplication, object: id}, func(tx *store.Tx) (err error) {
		app, err = tx.Application(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	said := map[access.ID]reached{}
	if c.cfg.Ask != nil {
		for _, r := range c.askReach(ctx, &app) {
			said[r.connector.ID] = r
		}
	}
	var list []Reaching
	for _, k := range c.servers(&app) {
		r := Reaching{Connector: k, Backup: k.GroupID != app.GroupID}
		answer, asked := said[k.ID]
		r.judge(&app, c.ConnectorStatus(k.ID), answer, asked)
		list = append(list, r)
	}
	return list, nil
}

// ApplicationName gives the name of an application; empty if there is none.
func (c *Control) ApplicationName(id access.ID) string {
	if app, ok := c.current().Application(id); ok {
		return app.Name
	}
	return ""
}

// servers lists the connectors that may carry an application's traffic, those of its own group first.
func (c *Control) servers(app *access.Application) []*access.Connector {
	snap := c.current()
	list := slices.Clone(snap.Members(app.GroupID))
	if backup, ok := snap.Backup(app.GroupID); ok {
		list = append(list, snap.Members(backup)...)
	}
	return list
}

// judge says how a connector is for an application, from its status and what it answered.
func (r *Reaching) judge(app *access.Application, s Status, answer reached, asked bool) {
	known := slices.IndexFunc(s.Unreached, func(u wire.Unreached) bool { return u.Application == string(app.ID) })
	if known >= 0 {
		r.Since = s.Unreached[known].Since
	}
	switch {
	case s.Tunnels == 0, s.Label == LabelDisabled:
		r.Label, r.Why = s.Label, s.Why
	case asked && answer.err == nil && answer.said.Opened != nil:
		o := answer.said.Opened
		r.Label, r.Address, r.Took = LabelActive, short(o.Address, 64), o.Resolve+o.Connect+o.Handshake
		if s.Label != LabelActive { // it drains, or does not answer probes
			r.Label, r.Why = s.Label, s.Why
		}
	case asked && answer.err == nil:
		r.Label, r.Code, r.Why = LabelUnreachable, short(answer.said.Refusal.Code, 64), "It "+refusedBy(answer.said.Refusal)+"."
	case known >= 0:
		u := s.Unreached[known]
		r.Label, r.Code = LabelUnreachable, u.Code
		r.Why = "It " + refusedBy(&wire.Refusal{Phase: u.Phase, Message: u.Message}) + "."
	case asked:
		r.Label, r.Why = LabelUnknown, "It could not be asked: "+unasked(answer.err)+"."
	default:
		r.Label, r.Why = LabelUnknown, "It was not asked, since there are many; nothing bad is known."
	}
}
