package admin

import (
	"net/http"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/fault"
)

// requests lists the routes of access requests.
func (h *Handler) requests() []route {
	get, post := http.MethodGet, http.MethodPost
	c := h.cfg.Control
	return []route{
		{get, "/requests", "listRequests", "requests", "List access requests, the oldest first", viewers, false, unnamed(c.AccessRequests, showRequest, ofState, byUser, toApplication)},
		{get, "/requests/{id}", "showRequest", "requests", "Show an access request", viewers, false, one(access.PrefixRequest, c.AccessRequest, showRequest)},
		{post, "/requests/{id}/approve", "approveRequest", "requests", "Approve an access request: an assignment that ends", people, false, h.approveRequest()},
		{post, "/requests/{id}/deny", "denyRequest", "requests", "Deny an access request", people, false, h.denyRequest()},
	}
}

var (
	ofState       = filter{"state", "Only those in this state.", "", words(access.RequestStates())}
	byUser        = filter{"user", "Only those of this user.", access.PrefixUser, nil}
	toApplication = filter{"application", "Only those for this application.", access.PrefixApplication, nil}
)

func showRequest(r access.AccessRequest) api.AccessRequest {
	shown := api.AccessRequest{Meta: meta(r.Meta), Application: string(r.Application), User: string(r.User), Reason: r.Reason, Period: duration(r.Period),
		State: string(r.State), Answered: r.Decided, Answer: r.Answer, Expires: r.Expires, Assignment: string(r.Assignment)}
	if r.DecidedBy != "" {
		shown.By = &api.RequestAnswer{ID: string(r.DecidedBy), Name: r.DecidedName}
	}
	return shown
}

func (h *Handler) approveRequest() operation {
	return operation{in: typeOf[api.ApproveInput](), out: typeOf[api.AccessRequest](), status: 200, path: access.PrefixRequest, tagged: true, run: func(c *call) (reply, error) {
		in, err := into[api.ApproveInput](c.body)
		if err != nil {
			return reply{}, err
		}
		var p fault.Problems
		v := control.Verdict{ID: c.id, Approve: true, Period: parseDuration(&p, "period", in.Period), Answer: in.Answer}
		if err := p.Err(); err != nil {
			return reply{}, err
		}
		return h.answerRequest(c, v)
	}}
}

func (h *Handler) denyRequest() operation {
	return operation{in: typeOf[api.DenyInput](), out: typeOf[api.AccessRequest](), status: 200, path: access.PrefixRequest, tagged: true, run: func(c *call) (reply, error) {
		in, err := into[api.DenyInput](c.body)
		if err != nil {
			return reply{}, err
		}
		return h.answerRequest(c, control.Verdict{ID: c.id, Answer: in.Answer})
	}}
}

func (h *Handler) answerRequest(c *call, v control.Verdict) (reply, error) {
	answered, err := h.cfg.Control.DecideRequest(c, c.by, v)
	if err != nil {
		return reply{}, err
	}
	return tagged(showRequest(answered)), nil
}
