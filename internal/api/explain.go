package api

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Explanation tells, hop by hop, whether a user may use an application, and reaches it.
type Explanation struct {
	User        string       `json:"user" doc:"The user's sign-in name."`
	Application string       `json:"application" doc:"The application's name."`
	At          Time         `json:"at" doc:"The moment that is asked about."`
	Allow       bool         `json:"allow" doc:"Whether a request would get through."`
	Reason      string       `json:"reason,omitempty" doc:"The stable word of the denial, as the gateway says it; absent when allowed."`
	Message     string       `json:"message,omitempty" doc:"What the user is told."`
	Failed      string       `json:"failed,omitempty" doc:"The hop that fails."`
	Cure        string       `json:"cure,omitempty" doc:"What to do about it."`
	StepUp      string       `json:"stepUp,omitempty" doc:"The user gets through after signing in again with this strength."`
	Hops        []ExplainHop `json:"hops" doc:"Every station on the way, in order."`
}

// ExplainHop is one station on the way.
type ExplainHop struct {
	Name   string `json:"name" doc:"user, session, device, application, assignment, policy, connectors or target."`
	Object string `json:"object,omitempty" doc:"The name of what it is about."`
	State  string `json:"state" enum:"ok,failed,note,skipped" doc:"How it is; a note is in nobody's way."`
	Detail string `json:"detail" doc:"What was found."`
	Cure   string `json:"cure,omitempty" doc:"What to do about it."`
}

// ExplainQuestion asks whether a user may use an application.
type ExplainQuestion struct {
	User, Application string    // ids
	From              string    // the client's address; optional
	Device            string    // id of a device of the user's; empty: a browser
	At                time.Time // zero for now
	Strength          string    // of a fresh sign-in that is assumed; optional
	Unasked           bool      // connectors are not asked whether they reach the application
}

// Explain says whether a user may use an application, and why.
func (c *Client) Explain(ctx context.Context, q ExplainQuestion) (Explanation, error) {
	query := url.Values{"user": {q.User}, "application": {q.Application}}
	for name, value := range map[string]string{"from": q.From, "device": q.Device, "strength": q.Strength} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if q.Unasked {
		query.Set("reach", "false")
	}
	if !q.At.IsZero() {
		query.Set("at", q.At.UTC().Format(time.RFC3339Nano))
	}
	var out Explanation
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"explain"}, query: query, out: &out})
	return out, err
}
