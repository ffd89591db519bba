package client

import (
	"context"
	"time"

	"postern/internal/wire"
)

// Export is all that helps somebody to find out what is wrong with a client. It holds no secrets: no tokens, no keys.
type Export struct {
	Time      time.Time      `json:"time"`
	Program   string         `json:"program"`
	Diagnosis wire.Diagnosis `json:"diagnosis"`
	Status    *Status        `json:"status,omitempty"`
	Rules     *wire.Rules    `json:"rules,omitempty"`
	Flows     []FlowStatus   `json:"flows,omitempty"`
	Names     []NameStatus   `json:"names,omitempty"`
	Logs      []Record       `json:"logs,omitempty"`
	Missing   []string       `json:"missing,omitempty"` // what could not be asked, and why
}

const exportLogs = 1000 // lines

// Fill asks the client that runs for all of it but the diagnosis.
func (e *Export) Fill(ctx context.Context, r *Remote) {
	take := func(what string, err error) {
		if err != nil {
			e.Missing = append(e.Missing, what+": "+err.Error())
		}
	}
	if s, err := r.Status(ctx); err == nil {
		e.Status = &s
	} else {
		take("status", err)
	}
	if told, err := r.Rules(ctx); err == nil {
		e.Rules = &told
	} else {
		take("rules", err)
	}
	var err error
	e.Flows, err = r.Flows(ctx)
	take("flows", err)
	e.Names, err = r.Names(ctx)
	take("names", err)
	e.Logs, err = r.Logs(ctx, 0, exportLogs, 0)
	take("logs", err)
}
