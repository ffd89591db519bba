package api

import (
	"context"
	"net/http"
)

// AccessRequest is a user's wish to use an application for a period.
type AccessRequest struct {
	Meta
	Application string         `json:"application" doc:"The application that is asked for."`
	User        string         `json:"user" doc:"Who asks."`
	Reason      string         `json:"reason" doc:"What for, in the user's own words."`
	Period      string         `json:"period" doc:"For how long." example:"168h"`
	State       string         `json:"state" enum:"pending,approved,denied,withdrawn" doc:"What became of it."`
	Answered    Time           `json:"answered,omitzero" doc:"When it was approved, denied or withdrawn."`
	By          *RequestAnswer `json:"by,omitempty" doc:"Who did that."`
	Answer      string         `json:"answer,omitempty" doc:"What they said."`
	Expires     Time           `json:"expires,omitzero" doc:"When what was granted ends."`
	Assignment  string         `json:"assignment,omitempty" doc:"The assignment that was granted."`
}

// RequestAnswer is who answered a request.
type RequestAnswer struct {
	ID   string `json:"id" doc:"Its id."`
	Name string `json:"name" doc:"Its name at that time."`
}

// ApproveInput approves a request.
type ApproveInput struct {
	Period string `json:"period" required:"false" doc:"For how long, such as 8h or 720h; what was asked for if left out." example:"168h"`
	Answer string `json:"answer" required:"false" doc:"What to say to who asked."`
}

// DenyInput denies a request.
type DenyInput struct {
	Answer string `json:"answer" required:"false" doc:"What to say to who asked."`
}

// Requests are what users ask for; they make them on the page of their applications.
type Requests struct {
	reads[AccessRequest]
	shows[AccessRequest]
}

// Approve grants what is asked for, as an assignment that ends.
func (n Requests) Approve(ctx context.Context, id string, in ApproveInput) (AccessRequest, error) {
	return n.answer(ctx, id, "approve", in)
}

// Deny says no.
func (n Requests) Deny(ctx context.Context, id string, in DenyInput) (AccessRequest, error) {
	return n.answer(ctx, id, "deny", in)
}

func (n Requests) answer(ctx context.Context, id, verdict string, in any) (AccessRequest, error) {
	c, path := n.reads.c, n.reads.path
	var out AccessRequest
	err := c.do(ctx, call{method: http.MethodPost, path: []string{path, id, verdict}, in: in, out: &out})
	return out, err
}
