package admin

import (
	"net/netip"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/fault"
)

// explain says whether a user may use an application, by the code that decides it.
func (h *Handler) explain() operation {
	query := []parameter{
		{"user", "The user.", ""}, {"application", "The application.", ""},
		{"from", "The client's address; without it, policies that ask for networks are not met.", ""},
		{"device", "A device of the user's, from which they come by postern-client; a browser if left out.", ""},
		{"at", "The moment; now if left out.", "date-time"},
		{"strength", "Assume a fresh sign-in of this strength; otherwise the user's latest session counts, or the best sign-in that their factors allow.", ""},
		{"reach", "false: do not ask the connectors whether they reach the application, which takes up to six seconds where one does not.", ""},
	}
	return operation{out: typeOf[api.Explanation](), status: 200, query: query, run: func(c *call) (reply, error) {
		q, err := c.question()
		if err != nil {
			return reply{}, err
		}
		e, err := h.cfg.Control.Explain(c, c.by, q)
		if err != nil {
			return reply{}, err
		}
		return reply{body: showExplanation(e)}, nil
	}}
}

func (c *call) question() (q control.Question, err error) {
	var p fault.Problems
	q.User, err = c.reference("user", access.PrefixUser)
	p.Check("user", err)
	q.Application, err = c.reference("application", access.PrefixApplication)
	p.Check("application", err)
	q.Device, err = c.reference("device", access.PrefixDevice)
	p.Check("device", err)
	if q.User == "" && c.query.Get("user") == "" {
		p.Add("user", "must be given")
	}
	if q.Application == "" && c.query.Get("application") == "" {
		p.Add("application", "must be given")
	}
	if text := c.query.Get("from"); text != "" {
		if q.From, err = netip.ParseAddr(text); err != nil {
			p.Add("from", "must be an IP address such as 192.0.2.7")
		}
	}
	if q.At, err = c.time("at"); err != nil {
		p.Add("at", "must be a time such as 2026-01-31T12:00:00Z")
	}
	q.Strength = access.Strength(c.query.Get("strength"))
	if q.Strength != "" && !q.Strength.Meets(access.SingleFactor) {
		p.Add("strength", "must be %s, %s or %s", access.SingleFactor, access.MultiFactor, access.PhishingResistant)
	}
	switch c.query.Get("reach") {
	case "", "true":
	case "false":
		q.Unasked = true
	default:
		p.Add("reach", "must be true or false")
	}
	return q, p.Err()
}

func showExplanation(e control.Explanation) api.Explanation {
	shown := api.Explanation{User: e.User, Application: e.App, At: e.At.UTC(), Allow: e.Allow, Reason: e.Reason, Message: e.Message,
		Failed: e.Failed, Cure: e.Cure, StepUp: string(e.Decision.StepUp), Hops: make([]api.ExplainHop, len(e.Hops))}
	for i, h := range e.Hops {
		shown.Hops[i] = api.ExplainHop{Name: h.Name, Object: h.Object, State: string(h.State), Detail: h.Detail, Cure: h.Cure}
	}
	return shown
}
