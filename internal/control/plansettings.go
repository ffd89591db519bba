package control

import (
	"postern/internal/access"
	"postern/internal/fault"
)

// What there is one of (the branding, how long logs are kept, what holds for all clients) is a part of a document as a value; nil does not speak of it.

func (w *world) nameSettings(b access.Branding, r access.Retention, c access.Clients) {
	w.branding, w.retention, w.clients = b, r, c
	w.doc.Branding, w.doc.Retention, w.doc.Clients = &b, &r, &c
}

// checkSettings also gives what is wanted the form in which it would be stored.
func (p *planner) checkSettings() {
	if p.doc.Branding != nil {
		b := *p.doc.Branding
		p.checkSetting("branding", b.Validate())
		p.doc.Branding = &b
	}
	if p.doc.Retention != nil {
		r := *p.doc.Retention
		p.checkSetting("retention", r.Validate())
		p.doc.Retention = &r
	}
	if p.doc.Clients != nil {
		c := *p.doc.Clients
		p.checkSetting("clients", c.Validate())
		p.doc.Clients = &c
	}
}

func (p *planner) checkSetting(place string, err error) {
	var e *fault.Error
	if err == nil || !asFault(err, &e) {
		return
	}
	for _, f := range e.Fields {
		p.problems.Add(place+"."+f.Name, "%s", f.Message)
	}
}

func (p *planner) compareSettings(plan *Plan) {
	if want := p.doc.Branding; want != nil {
		old := p.w.branding
		want.Meta = old.Meta
		if difference(old, *want) != "{}" {
			plan.branding = []step[access.Branding]{{&old, want}}
		}
	}
	if want := p.doc.Retention; want != nil {
		old := p.w.retention
		want.Meta = old.Meta
		if difference(old, *want) != "{}" {
			plan.retention = []step[access.Retention]{{&old, want}}
		}
	}
	if want := p.doc.Clients; want != nil {
		old := p.w.clients
		want.Meta = old.Meta
		if difference(old, *want) != "{}" {
			plan.clients = []step[access.Clients]{{&old, want}}
		}
	}
	list(plan, plan.branding, shown[access.Branding]{func(*access.Branding) string { return brandingName }, updateBranding, updateBranding, updateBranding})
	list(plan, plan.retention, shown[access.Retention]{func(*access.Retention) string { return retentionName }, updateRetention, updateRetention, updateRetention})
	list(plan, plan.clients, shown[access.Clients]{func(*access.Clients) string { return clientsName }, updateClients, updateClients, updateClients})
}

func (a *applier) writeSettings() error {
	for _, s := range a.plan.branding {
		b := *s.after
		if err := a.updateBranding(s.before, &b); err != nil {
			return err
		}
	}
	for _, s := range a.plan.retention {
		r := *s.after
		if err := a.updateRetention(s.before, &r); err != nil {
			return err
		}
	}
	for _, s := range a.plan.clients {
		c := *s.after
		if err := a.updateClients(s.before, &c); err != nil {
			return err
		}
	}
	return nil
}
