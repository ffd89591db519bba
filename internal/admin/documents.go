package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/fault"
)

// configuration lists the routes of the configuration as a whole.
func (h *Handler) configuration() []route {
	get, post := http.MethodGet, http.MethodPost
	return []route{
		{get, "/export", "exportConfiguration", "configuration", "Give the whole configuration, without secrets", viewers, false, h.exportDocument()},
		{post, "/plan", "planConfiguration", "configuration", "Say what applying a configuration would change", viewers, false, h.planDocument()},
		{post, "/apply", "applyConfiguration", "configuration", "Make the configuration what a document says, all of it or nothing; each change needs its own role, too", assigns, false, h.applyDocument()},
	}
}

func (h *Handler) exportDocument() operation {
	return operation{out: typeOf[api.Document](), status: 200, run: func(c *call) (reply, error) {
		doc, err := h.cfg.Control.Document(c, c.by)
		if err != nil {
			return reply{}, err
		}
		return reply{body: showDocument(doc)}, nil
	}}
}

func (h *Handler) planDocument() operation {
	return operation{in: typeOf[api.PlanRequest](), out: typeOf[api.Plan](), status: 200, large: true, run: func(c *call) (reply, error) {
		in, err := into[api.PlanRequest](c.body)
		if err != nil {
			return reply{}, err
		}
		return h.apply(c, api.ApplyRequest{PlanRequest: in}, h.cfg.Control.PlanDocument)
	}}
}

func (h *Handler) applyDocument() operation {
	return operation{in: typeOf[api.ApplyRequest](), out: typeOf[api.Plan](), status: 200, large: true, run: func(c *call) (reply, error) {
		in, err := into[api.ApplyRequest](c.body)
		if err != nil {
			return reply{}, err
		}
		return h.apply(c, in, h.cfg.Control.ApplyDocument)
	}}
}

type applying = func(context.Context, access.Actor, control.ApplyRequest) (control.Plan, error)

func (h *Handler) apply(c *call, in api.ApplyRequest, do applying) (reply, error) {
	doc, err := readDocument(in.Document)
	if err != nil {
		return reply{}, err
	}
	plan, err := do(c, c.by, control.ApplyRequest{Document: doc, Prune: in.Prune, Digest: in.Digest})
	if err != nil {
		return reply{}, inDocument(err)
	}
	return reply{body: showPlan(plan)}, nil
}

// inDocument names fields as they stand in the request.
func inDocument(err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.KindInvalid {
		return err
	}
	var p fault.Problems
	for _, f := range e.Fields {
		p.Add("document."+f.Name, "%s", f.Message)
	}
	placed, ok := errors.AsType[*fault.Error](p.Err())
	if !ok {
		return err
	}
	placed.Message = e.Message
	return placed
}

// readDocument turns lists of the API into those of the domain; nil stays nil.
func readDocument(in api.Document) (access.Document, error) {
	var p fault.Problems
	doc := access.Document{
		ConnectorGroups: each(in.ConnectorGroups, func(_ int, g api.DocumentConnectorGroup) access.ConnectorGroup {
			return access.ConnectorGroup{Name: g.Name, Default: g.Default, Region: g.Region, BackupGroup: access.ID(g.BackupGroup)}
		}),
		Assignments: each(in.Assignments, func(_ int, a api.AssignmentInput) access.Assignment {
			return access.Assignment{Application: access.ID(a.Application), User: access.ID(a.User), Group: access.ID(a.Group), Expires: a.Expires}
		}),
		Exports: each(in.Exports, func(_ int, e api.ExportInput) access.Export { return exportOf(e) }),
	}
	applySettings(&p, in, &doc)
	doc.Upstreams = placed(&p, "upstreams", in.Upstreams, applyUpstream)
	doc.Users = placed(&p, "users", in.Users, applyUser)
	doc.Groups = placed(&p, "groups", in.Groups, applyGroup)
	doc.Policies = placed(&p, "policies", in.Policies, applyPolicy)
	doc.Applications = placed(&p, "applications", in.Applications, applyApplication)
	return doc, p.Err()
}

func each[A, B any](from []A, turn func(int, A) B) []B {
	if from == nil {
		return nil
	}
	to := make([]B, len(from))
	for i, a := range from {
		to[i] = turn(i, a)
	}
	return to
}

// placed notes what is wrong with one object of a list under its place in the document.
func placed[I, D any](p *fault.Problems, list string, from []I, apply func(*D, I) error) []D {
	return each(from, func(i int, in I) D {
		var d D
		err := apply(&d, in)
		if e, ok := errors.AsType[*fault.Error](err); ok {
			for _, f := range e.Fields {
				p.Add(fmt.Sprintf("document.%s[%d].%s", list, i, f.Name), "%s", f.Message)
			}
		}
		return d
	})
}

func showDocument(doc access.Document) api.Document {
	shown := api.Document{
		ConnectorGroups: orNone(each(doc.ConnectorGroups, func(_ int, g access.ConnectorGroup) api.DocumentConnectorGroup { return describeGroup(g) })),
		Upstreams:       orNone(each(doc.Upstreams, func(_ int, u access.Upstream) api.UpstreamInput { return inputUpstream(u) })),
		Users:           orNone(each(doc.Users, func(_ int, u access.User) api.UserInput { return inputUser(u) })),
		Groups:          orNone(each(doc.Groups, func(_ int, g access.Group) api.GroupInput { return inputGroup(g) })),
		Applications:    orNone(each(doc.Applications, func(_ int, a access.Application) api.ApplicationInput { return inputApplication(a) })),
		Policies:        orNone(each(doc.Policies, func(_ int, p access.Policy) api.PolicyInput { return inputPolicy(p) })),
		Assignments:     orNone(each(doc.Assignments, func(_ int, a access.Assignment) api.AssignmentInput { return inputAssignment(a) })),
		Exports:         each(doc.Exports, func(_ int, e access.Export) api.ExportInput { return inputExport(e) }), // nil for who may not see them
	}
	if doc.Branding != nil && doc.Retention != nil && doc.Clients != nil {
		b, r, c := inputBranding(*doc.Branding), inputRetention(*doc.Retention), inputClients(*doc.Clients)
		shown.Branding, shown.Retention, shown.Clients = &b, &r, &c
	}
	return shown
}

// orNone gives an empty list for nil: an export says that there are none.
func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func describeGroup(g access.ConnectorGroup) api.DocumentConnectorGroup {
	return api.DocumentConnectorGroup{Name: g.Name, Default: g.Default, Region: g.Region, BackupGroup: string(g.BackupGroup)}
}

func showPlan(plan control.Plan) api.Plan {
	shown := api.Plan{Changes: make([]api.PlannedChange, len(plan.Steps)), Digest: plan.Digest}
	for i, s := range plan.Steps {
		shown.Changes[i] = api.PlannedChange{Action: s.Action, Name: s.Name, Fields: compare(written(s.Before), written(s.After))}
	}
	return shown
}

// written gives what may be written of an object of the domain.
func written(object any) any {
	switch o := object.(type) {
	case access.ConnectorGroup:
		return describeGroup(o)
	case access.Connector:
		return inputConnector(o)
	case access.Upstream:
		return inputUpstream(o)
	case access.User:
		return inputUser(o)
	case access.Group:
		return inputGroup(o)
	case access.Application:
		return inputApplication(o)
	case access.Policy:
		return inputPolicy(o)
	case access.Assignment:
		return inputAssignment(o)
	case access.Export:
		return inputExport(o)
	case access.Branding:
		return tellBranding(control.ToldBranding(&o))
	case control.BrandingTold:
		return tellBranding(o)
	case access.Retention:
		return inputRetention(o)
	case access.Clients:
		return inputClients(o)
	}
	return struct{}{}
}

// compare lists the members in which two JSON objects differ, in their order. One that is empty is
// as good as one that is not there.
func compare(old, new any) []api.FieldChange {
	before, after := members(old), members(new)
	changes := []api.FieldChange{}
	for _, m := range after {
		if was := find(before, m.Name); !bytes.Equal(was, m.New) {
			changes = append(changes, api.FieldChange{Name: m.Name, Old: was, New: m.New})
		}
	}
	for _, m := range before {
		if find(after, m.Name) == nil {
			changes = append(changes, api.FieldChange{Name: m.Name, Old: m.New})
		}
	}
	return changes
}

func find(in []api.FieldChange, name string) json.RawMessage {
	for _, m := range in {
		if m.Name == name {
			return m.New
		}
	}
	return nil
}

// members gives the members of a value of the API, without empty ones.
func members(value any) []api.FieldChange {
	data, err := json.Marshal(value)
	if err != nil {
		return nil // values of our own: cannot fail
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return nil
	}
	var list []api.FieldChange
	for d.More() {
		name, err := d.Token()
		var m json.RawMessage
		if err != nil || d.Decode(&m) != nil {
			return list
		}
		switch string(m) {
		case `""`, "false", "null", "[]", "{}":
		default:
			list = append(list, api.FieldChange{Name: fmt.Sprint(name), New: m})
		}
	}
	return list
}
