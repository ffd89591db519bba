package admin

import (
	"net/http"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
)

// exports gives the routes of the destinations that logs are sent to.
func (h *Handler) exports() []route {
	c := h.cfg.Control
	get, post, patch, del := http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	return []route{
		{get, "/exports", "listExports", "exports", "List where logs are sent, and how far that is", auditors, false, list(c.Exports, showExport, ofDisabled, ofExportKind, ofStream, ofFailing)},
		{post, "/exports", "createExport", "exports", "Send logs to a syslog server, a webhook or a collector, or alerts by mail", owner, false, create(h.createExport)},
		{get, "/exports/{id}", "showExport", "exports", "Show an export without its secret", auditors, false, one(access.PrefixExport, c.Export, showExport)},
		{patch, "/exports/{id}", "updateExport", "exports", "Change, disable or enable an export", owner, false, update(h.changeExport())},
		{del, "/exports/{id}", "deleteExport", "exports", "Delete an export", owner, false, remove(access.PrefixExport, c.DeleteExport)},
		{post, "/exports/{id}/secret", "setExportSecret", "exports", "Give an export another secret", owner, false, h.setExportSecret()},
		{post, "/exports/{id}/test", "testExport", "exports", "Send one event that tells of nothing", owner, false, h.testExport()},
	}
}

func showExport(e control.Exported) api.Export {
	out := api.Export{Meta: meta(e.Meta), HasSecret: e.HasSecret, States: []api.ExportState{}, ExportInput: inputExport(e.Export)}
	for _, s := range e.States {
		out.States = append(out.States, api.ExportState{Stream: string(s.Stream), Gateway: s.Gateway, Seq: s.Seq, Sent: s.Sent, Waiting: max(0, s.Waiting), Missed: s.Missed,
			Error: s.Error, Failing: s.Failing})
	}
	return out
}

func inputExport(e access.Export) api.ExportInput {
	return api.ExportInput{Name: e.Name, Kind: string(e.Kind), Disabled: e.Disabled, Streams: words(e.Streams), URL: e.URL, Array: e.Array, CA: e.CA,
		AllowPrivate: e.AllowPrivate, AllowLoopback: e.AllowLoopback, From: e.From, To: e.To, User: e.User}
}

func exportOf(in api.ExportInput) access.Export {
	e := access.Export{Name: in.Name, Kind: access.ExportKind(in.Kind), Disabled: in.Disabled, URL: in.URL, Array: in.Array, CA: in.CA,
		AllowPrivate: in.AllowPrivate, AllowLoopback: in.AllowLoopback, From: in.From, To: in.To, User: in.User}
	for _, s := range in.Streams {
		e.Streams = append(e.Streams, access.ExportStream(s))
	}
	return e
}

func (h *Handler) changeExport() change[control.Exported, api.ExportInput, api.Export] {
	return change[control.Exported, api.ExportInput, api.Export]{
		prefix: access.PrefixExport, read: h.cfg.Control.Export, write: h.cfg.Control.UpdateExport, show: showExport,
		input: func(e control.Exported) api.ExportInput { return inputExport(e.Export) },
		apply: func(e *control.Exported, in api.ExportInput) error {
			id := e.Meta
			e.Export = exportOf(in)
			e.Meta = id
			return nil
		},
	}
}

func (h *Handler) setExportSecret() operation {
	return operation{in: typeOf[api.SecretInput](), status: 204, path: access.PrefixExport, run: func(c *call) (reply, error) {
		in, err := into[api.SecretInput](c.body)
		if err != nil {
			return reply{}, err
		}
		return reply{}, h.cfg.Control.SetExportSecret(c, c.by, c.id, []byte(in.Secret))
	}}
}

func (h *Handler) testExport() operation {
	return operation{out: typeOf[api.ExportTest](), status: 200, path: access.PrefixExport, run: func(c *call) (reply, error) {
		answer, err := h.cfg.Control.TestExport(c, c.by, c.id)
		if err != nil {
			return reply{}, err
		}
		return reply{body: api.ExportTest{Answer: answer}}, nil
	}}
}

func (h *Handler) createExport(c *call, in api.ExportCreate) (api.Export, error) {
	made, err := h.cfg.Control.CreateExport(c, c.by, control.NewExport{Export: exportOf(in.ExportInput), Secret: []byte(in.Secret), Beginning: in.Beginning})
	if err != nil {
		return api.Export{}, err
	}
	return showExport(made), nil
}
