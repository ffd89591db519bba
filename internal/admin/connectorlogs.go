package admin

import (
	"strconv"
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/fault"
	"postern/internal/wire"
)

// connectorLog answers with a part of a connector's log.
func (h *Handler) connectorLog() operation {
	query := []parameter{
		{"log", "admin (key events; if left out), session (every transaction while it is switched on) or program (all that the program says).", ""},
		{"instance", "The instance of the answer before.", ""},
		{"after", "The next of the answer before.", "int64"},
		{"limit", "How many entries at most, 1 to 500, the newest; 500 if left out.", "int32"},
		{"wait", "For how many seconds to wait for something new, 0 to 20.", "int32"},
	}
	return operation{out: typeOf[api.ConnectorLog](), status: 200, path: access.PrefixConnector, query: query, run: func(c *call) (reply, error) {
		ask, err := c.logQuestion()
		if err != nil {
			return reply{}, err
		}
		page, err := h.cfg.Control.ConnectorLog(c, c.by, c.id, ask)
		if err != nil {
			return reply{}, err
		}
		return reply{body: showLog(page)}, nil
	}}
}

func (c *call) logQuestion() (wire.AskLog, error) {
	var p fault.Problems
	number := func(name string, most uint64) uint64 {
		text := c.query.Get(name)
		if text == "" {
			return 0
		}
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil || n > most {
			p.Add(name, "must be a whole number from 0 to %d", most)
		}
		return n
	}
	ask := wire.AskLog{Log: c.query.Get("log"), Instance: c.query.Get("instance"), After: number("after", 1<<62), Limit: int(number("limit", 500)),
		Wait: time.Duration(number("wait", 20)) * time.Second}
	if ask.Log == "" {
		ask.Log = wire.LogAdmin
	}
	if len(ask.Instance) > 64 {
		p.Add("instance", "must be that of an answer before")
	}
	return ask, p.Err()
}

func showLog(page wire.LogPage) api.ConnectorLog {
	shown := api.ConnectorLog{Instance: page.Instance, Next: page.Next, Missed: page.Missed, Entries: make([]api.ConnectorLogEntry, len(page.Entries))}
	for i, e := range page.Entries {
		entry := api.ConnectorLogEntry{Time: e.Time.UTC(), Severity: e.Severity, Event: e.Event, Message: e.Message}
		for _, f := range e.Pairs() {
			if entry.Fields == nil {
				entry.Fields = map[string]string{}
			}
			entry.Fields[f.Name] = f.Value
		}
		shown.Entries[i] = entry
	}
	return shown
}
