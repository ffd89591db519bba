package portal

import (
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/web"
)

//go:embed requests.html
var requestsText string

var requestsTemplate = template.Must(template.New("requests").Parse(requestsText))

// Requests is the part of the control plane with which people ask for applications, and owners answer.
type Requests interface {
	// Requestable lists the applications that somebody may ask for.
	Requestable(who access.Principal) []*access.Application
	// OwnRequests gives the latest requests of somebody, the newest first.
	OwnRequests(ctx context.Context, who access.Principal) ([]access.AccessRequest, error)
	// ToAnswer gives the requests that somebody may answer, and what their users are called.
	ToAnswer(ctx context.Context, who access.Principal) ([]access.AccessRequest, map[access.ID]string, error)
	RequestAccess(ctx context.Context, by access.Actor, ask control.Ask) (access.AccessRequest, error)
	WithdrawRequest(ctx context.Context, by access.Actor, id access.ID) error
	AnswerRequest(ctx context.Context, by access.Actor, v control.Verdict) (access.AccessRequest, error)
}

func (p *portal) requests(mux *http.ServeMux) {
	mux.HandleFunc("GET /requests", p.own(p.showRequests))
	mux.HandleFunc("POST /requests/ask", p.own(p.askAccess))
	mux.HandleFunc("POST /requests/withdraw", p.own(p.withdrawRequest))
	mux.HandleFunc("POST /requests/answer", p.own(p.answerRequest))
}

// periods are what can be asked for and granted.
var periods = []struct {
	value time.Duration
	text  string
}{
	{8 * time.Hour, "8 hours"}, {24 * time.Hour, "1 day"}, {7 * 24 * time.Hour, "1 week"}, {30 * 24 * time.Hour, "30 days"},
	{90 * 24 * time.Hour, "90 days"}, {365 * 24 * time.Hour, "1 year"},
}

// choice is a list of periods of which one is chosen.
type choice struct {
	ID      string // of the field
	Periods []period
}

type period struct {
	Value, Text string
	Chosen      bool
}

func choose(id string, chosen time.Duration) choice {
	c := choice{ID: id}
	known := false
	for _, p := range periods {
		c.Periods = append(c.Periods, period{p.value.String(), p.text, p.value == chosen})
		known = known || p.value == chosen
	}
	if !known {
		c.Periods = append(c.Periods, period{chosen.String(), spell(chosen), true})
	}
	return c
}

// spell says a period as a person would.
func spell(d time.Duration) string {
	for _, p := range periods {
		if p.value == d {
			return p.text
		}
	}
	if days := d / (24 * time.Hour); d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", days)
	}
	return fmt.Sprintf("%d hours", (d+time.Hour-1)/time.Hour)
}

// What the page shows.
type (
	openApplication struct {
		ID     access.ID
		Name   string
		Chosen bool
	}
	ownRequest struct {
		ID                                            access.ID
		Application, Period, State, Until, By, Answer string
		Asked                                         time.Time
		Pending                                       bool
	}
	toAnswer struct {
		ID                               access.ID
		Who, Application, Period, Reason string
		Asked                            time.Time
		Choice                           choice
	}
	requestsPage struct {
		Done, Problem, Reason string
		Open                  []openApplication
		Choice                choice
		Own                   []ownRequest
		Answer                []toAnswer
	}
)

var done = map[string]string{
	"asked": "Your request is sent to the owners of the application.", "withdrawn": "Your request is withdrawn.",
	"approve": "The request is approved.", "deny": "The request is denied.",
}

func (p *portal) showRequests(w http.ResponseWriter, r *http.Request, own control.Own) error {
	return p.writeRequests(w, r, own, nil)
}

func (p *portal) writeRequests(w http.ResponseWriter, r *http.Request, own control.Own, problem error) error {
	page, err := p.requestsPage(r, own.Who)
	if err != nil {
		return err
	}
	page.Done = done[r.URL.Query().Get("done")]
	status := http.StatusOK
	if problem != nil {
		doc := web.Describe(r.Context(), problem)
		status, page.Problem, page.Done = doc.Status, fieldSentence(doc), ""
	}
	body, err := web.Render(requestsTemplate, page)
	if err != nil {
		return err
	}
	web.Page{Status: status, Title: "Access requests", Body: body, Wide: true}.Write(w, r)
	return nil
}

func (p *portal) requestsPage(r *http.Request, who access.Principal) (requestsPage, error) {
	snap, err := p.Control.Snapshot(r.Context(), 0)
	if err != nil {
		return requestsPage{}, err
	}
	name := func(id access.ID) string {
		if app, ok := snap.Application(id); ok {
			return app.Name
		}
		return "an application that is gone"
	}
	asked := access.ID(r.Form.Get("application"))
	page := requestsPage{Reason: r.PostForm.Get("reason"), Choice: choose("period", 7*24*time.Hour)}
	for _, app := range p.Requests.Requestable(who) {
		page.Open = append(page.Open, openApplication{app.ID, app.Name, app.ID == asked})
	}
	list, err := p.Requests.OwnRequests(r.Context(), who)
	if err != nil {
		return page, err
	}
	for _, q := range list {
		shown := ownRequest{ID: q.ID, Application: name(q.Application), Period: spell(q.Period), State: string(q.State), By: q.DecidedName, Answer: q.Answer,
			Asked: q.Created, Pending: q.State == access.RequestPending}
		if q.State == access.RequestApproved && !q.Expires.IsZero() {
			shown.Until = q.Expires.UTC().Format("2 January 2006 15:04") + " UTC"
		}
		if q.State == access.RequestWithdrawn {
			shown.By = ""
		}
		page.Own = append(page.Own, shown)
	}
	todo, names, err := p.Requests.ToAnswer(r.Context(), who)
	if err != nil {
		return page, err
	}
	for _, q := range todo {
		page.Answer = append(page.Answer, toAnswer{q.ID, names[q.User], name(q.Application), spell(q.Period), q.Reason, q.Created, choose("period-"+string(q.ID), q.Period)})
	}
	return page, nil
}

// outcome shows what came of a change: the page anew with a word about it, or the page with what is
// wrong.
func (p *portal) outcome(w http.ResponseWriter, r *http.Request, own control.Own, of change) error {
	if of.err == nil {
		http.Redirect(w, r, "/requests?done="+of.word, http.StatusSeeOther)
		return nil
	}
	switch fault.KindOf(of.err) {
	case fault.KindInvalid, fault.KindConflict, fault.KindLimited, fault.KindForbidden, fault.KindChanged:
		return p.writeRequests(w, r, own, of.err)
	}
	return of.err
}

// change is what somebody wanted to do, and what came of it.
type change struct {
	err  error
	word string
}

// readPeriod reads a period that a form gave; zero where it is none, which is refused later.
func readPeriod(r *http.Request) time.Duration {
	d, err := time.ParseDuration(r.PostForm.Get("period"))
	if err != nil {
		return -1
	}
	return d
}

func (p *portal) askAccess(w http.ResponseWriter, r *http.Request, own control.Own) error {
	_, err := p.Requests.RequestAccess(r.Context(), actor(r, &own.Who), control.Ask{
		Application: access.ID(r.PostForm.Get("application")), Reason: r.PostForm.Get("reason"), Period: readPeriod(r),
	})
	return p.outcome(w, r, own, change{err, "asked"})
}

func (p *portal) withdrawRequest(w http.ResponseWriter, r *http.Request, own control.Own) error {
	err := p.Requests.WithdrawRequest(r.Context(), actor(r, &own.Who), access.ID(r.PostForm.Get("id")))
	return p.outcome(w, r, own, change{err, "withdrawn"})
}

func (p *portal) answerRequest(w http.ResponseWriter, r *http.Request, own control.Own) error {
	verdict := r.PostForm.Get("verdict")
	if verdict != "approve" && verdict != "deny" {
		return errForm
	}
	_, err := p.Requests.AnswerRequest(r.Context(), actor(r, &own.Who), control.Verdict{
		ID: access.ID(r.PostForm.Get("id")), Approve: verdict == "approve", Period: readPeriod(r), Answer: r.PostForm.Get("answer"),
	})
	return p.outcome(w, r, own, change{err, verdict})
}
