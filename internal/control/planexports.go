package control

import (
	"fmt"
	"slices"

	"postern/internal/access"
	"postern/internal/fault"
)

// Destinations of logs are part of a document for those who may see them. Their secrets never are: one that is
// there stays, and keeps the logs from being sent elsewhere.

// withoutExports leaves out what the actor may not see, and tells that from there being none.
func withoutExports(by access.Actor, doc access.Document) access.Document {
	switch {
	case allow(by, readExport) != nil:
		doc.Exports = nil
	case doc.Exports == nil:
		doc.Exports = []access.Export{}
	}
	return doc
}

// speaksOfExports refuses a document that would show what the actor may not see.
func speaksOfExports(by access.Actor, doc *access.Document) error {
	if doc.Exports == nil {
		return nil
	}
	if err := allow(by, readExport); err != nil {
		return fault.Forbidden("your roles do not allow to see where logs are sent; leave exports out of the document").Because(err)
	}
	return nil
}

func (w *world) nameExports() {
	for i := range w.doc.Exports {
		e := &w.doc.Exports[i]
		w.ids[reference(access.PrefixExport, e.Name)] = e.ID
		e.HasSecret, e.Streams = false, sorted(e.Streams)
	}
}

func (p *planner) checkExports() {
	count := len(p.doc.Exports)
	wanted := map[string]bool{}
	for i := range p.doc.Exports {
		wanted[folded(p.doc.Exports[i].Name)] = true
	}
	for i := range p.w.doc.Exports {
		old := &p.w.doc.Exports[i]
		if _, stays := p.names[reference(access.PrefixExport, old.Name)]; stays && !wanted[folded(old.Name)] {
			count++
		}
	}
	if count > maxExports {
		p.problems.Add("exports", "would be %d, and each is sent everything; there may be %d", count, maxExports)
	}
	for i := range p.doc.Exports {
		e := &p.doc.Exports[i]
		e.HasSecret = false
		err := e.Validate()
		p.check("exports", i, err)
		e.Streams = sorted(e.Streams)
		id, there := p.w.ids[reference(access.PrefixExport, e.Name)]
		if !there || err != nil {
			continue
		}
		old := p.w.exports[id]
		if old.Kind != e.Kind {
			p.problems.Add(fmt.Sprintf("exports[%d].kind", i), "cannot be changed; give the new export another name")
		} else if old.HasSecret && old.URL != e.URL {
			p.problems.Add(fmt.Sprintf("exports[%d].url", i), "cannot be changed while there is a secret, which must not be sent elsewhere: remove that first, or give the new export another name")
		} else if old.HasSecret && e.Kind == access.ExportMail && e.User == "" {
			p.problems.Add(fmt.Sprintf("exports[%d].user", i), "must say whose password the secret is; remove the secret first if nobody is to sign in")
		}
	}
}

func (a *applier) deleteExports() error {
	for _, s := range a.plan.exports {
		if s.after != nil {
			continue
		}
		if err := a.change.deleteExport(s.before.ID, s.before.Version); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) writeExports() error {
	for _, s := range a.plan.exports {
		if s.after == nil {
			continue
		}
		e := *s.after
		e.Streams = slices.Clone(e.Streams)
		if s.before == nil {
			e.Meta = a.fresh(access.PrefixExport)
			if err := a.insertExport(NewExport{Export: e}); err != nil {
				return err
			}
			continue
		}
		old := a.w.exports[e.ID]
		if err := a.change.updateExport(&old, &e); err != nil {
			return err
		}
	}
	return nil
}
