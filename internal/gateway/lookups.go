package gateway

import (
	"context"
	"fmt"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/match"
	"postern/internal/policy"
	"postern/internal/wire"
)

// lookUp asks the connectors of the application that a name belongs to what it stands for. On different ports a name may be of several
// applications: it is looked up in the first of them that the user may use.
func (d *device) lookUp(ctx context.Context, q wire.AskLookup) (wire.Looked, error) {
	v, who := d.g.view.Load(), d.user()
	switch {
	case who == nil:
		return wire.Looked{}, fault.Unauthenticated("nobody is signed in on this device: show a token first")
	case v == nil:
		return wire.Looked{}, fault.Unavailable("this gateway has no configuration yet")
	}
	host, err := match.ParseHost(q.Name)
	if err != nil {
		return wire.Looked{}, fault.Invalid("name", "%s", err)
	}
	app, refusal := d.nameOwner(v, who, host)
	if refusal != nil {
		return wire.Looked{Refusal: refusal}, nil
	}
	looked, err := d.askConnectors(ctx, app, who, q)
	looked.Application = string(app.ID)
	return looked, err
}

// nameOwner gives the application in which a name is looked up for somebody.
func (d *device) nameOwner(v *view, who *access.Principal, host match.Host) (*access.Application, *wire.Refusal) {
	denied := decided(wire.CodeNobodys, fmt.Sprintf("%s belongs to no private application", host))
	for _, e := range v.destinations.table.Covering(host) {
		app, _ := v.snap.Application(access.ID(e.Owner))
		decision := policy.Decide(v.snap, app, policy.Request{Who: who, Address: who.Address, Now: d.g.now()})
		if decision.Allow {
			return app, nil
		}
		if denied.Code == wire.CodeNobodys {
			denied = decided(decision.Reason, decision.Message)
		}
	}
	return nil, denied
}

// askConnectors asks one connector of the application after another, as long as the next one may know better.
func (d *device) askConnectors(ctx context.Context, app *access.Application, who *access.Principal, q wire.AskLookup) (wire.Looked, error) {
	g := d.g
	grant, err := g.grants.grant(ctx, app.ID, who)
	if err != nil {
		return wire.Looked{}, err
	}
	body := wire.Encode(wire.SignedLookup{AskLookup: q, Application: string(app.ID), Version: app.Version, Grant: grant})
	last := wire.Looked{Refusal: &wire.Refusal{Phase: wire.PhaseConnect, Code: wire.CodeNoConnector, Message: "none of the application's connectors is connected to Postern at the moment"}}
	var tried map[*link]bool
	for range lookupTries {
		l := g.links.choose(g.view.Load().snap, wanted{app, sticky(app, who, d.client.Addr()), tried}).link
		if l == nil {
			break
		}
		if tried == nil {
			tried = map[*link]bool{}
		}
		tried[l] = true
		within, cancel := context.WithTimeout(ctx, lookupWithin)
		answer, err := l.ask(within, wire.QuestionLookup, body)
		cancel()
		if err != nil {
			if ctx.Err() != nil {
				return wire.Looked{}, context.Cause(ctx)
			}
			continue
		}
		if last, err = wire.Decode[wire.Looked](answer); err == nil && (last.Refusal == nil || last.Refusal.Phase == wire.PhaseTarget && last.Refusal.Code != "configuration-behind") {
			break
		}
	}
	return last, nil
}
