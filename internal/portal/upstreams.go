package portal

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/web"
)

// Upstreams is the part of the control plane with which people sign in elsewhere.
type Upstreams interface {
	SignInChoices(ctx context.Context) ([]control.SignInChoice, error)
	Depart(ctx context.Context, in control.Departure) (control.Departed, error)
	// Reprove begins to ask the upstream of somebody signed in once more whether they are still let in.
	Reprove(ctx context.Context, in control.Departure) (out control.Departed, ok bool, err error)
	Arrive(ctx context.Context, by access.Actor, in control.Return) (control.Progress, error)
	EndAtUpstream(ctx context.Context, who access.Principal) string
	// EndedAtUpstream and EndedInBrowser take an upstream's word that a session ended there.
	EndedAtUpstream(ctx context.Context, by access.Actor, id access.ID, said control.LogoutMessage) (reply string, err error)
	EndedInBrowser(ctx context.Context, by access.Actor, id access.ID, said url.Values) error
	UpstreamMetadata(ctx context.Context, id access.ID) ([]byte, error)
}

//go:embed onward.html
var onwardText string

var onwardTemplate = template.Must(template.New("onward").Parse(onwardText))

// flowCookie begins the names of cookies that hold a sign-in under way elsewhere: one for each, so
// that many tabs work. When it began follows, so that the oldest can be told, and then the state.
const (
	flowCookie = "__Host-postern-flow-"
	maxFlows   = 24
	flowAge    = 600 // seconds
)

// maxAnswer bounds the form with which an upstream answers: an encrypted assertion with many groups is long.
const maxAnswer = 2 << 20

func (p *portal) upstreams(mux *http.ServeMux, protection *http.CrossOriginProtection) {
	mux.HandleFunc("GET /upstreams/{id}/begin", p.page(p.depart))
	mux.HandleFunc("GET /upstreams/{id}/callback", p.page(p.arrive))
	mux.HandleFunc("POST /upstreams/{id}/callback", p.pageOf(maxAnswer, p.arrivePosted))
	mux.HandleFunc("POST /upstreams/{id}/logout", p.backLogout)
	mux.HandleFunc("GET /upstreams/{id}/logout", p.page(p.logoutBy))
	mux.HandleFunc("GET /upstreams/{id}/metadata", p.page(p.metadata))
	mux.HandleFunc("GET /upstreams/{id}/front-logout", p.frontLogout)
	// What comes here from other sites proves itself, by a signature and a state.
	protection.AddInsecureBypassPattern("POST /upstreams/{id}/callback")
	protection.AddInsecureBypassPattern("POST /upstreams/{id}/logout")
}

// elsewhere gives where a user signs in on pages that are not ours; nil for one who has a password.
func (p *portal) elsewhere(r *http.Request, user *access.User) (*control.SignInChoice, error) {
	if user.Upstream == "" {
		return nil, nil
	}
	all, err := p.choices(r)
	for i := range all {
		if all[i].ID == user.Upstream {
			return &all[i], nil
		}
	}
	return nil, err
}

func upstreamID(r *http.Request) (access.ID, error) {
	id := access.ID(r.PathValue("id"))
	if !id.Valid(access.PrefixUpstream) {
		return "", fault.NotFound("There is no page at this address.")
	}
	return id, nil
}

// depart sends a browser to an upstream. It stores nothing here: a cookie of this browser alone
// holds what the answer must fit.
func (p *portal) depart(w http.ResponseWriter, r *http.Request) error {
	id, err := upstreamID(r)
	if err != nil {
		return err
	}
	who, err := p.session(r)
	if err != nil {
		return err
	}
	in := control.Departure{Upstream: id, Binding: bind(w, r), Request: r.URL.Query().Get("request")}
	confirm, stepUp := r.URL.Query().Get("confirm") != "", r.URL.Query().Get("step-up") != ""
	switch {
	case (confirm || stepUp) && who == nil:
		http.Redirect(w, r, "/sign-in?"+url.Values{"request": {in.Request}}.Encode(), http.StatusSeeOther)
		return nil
	case stepUp:
		d, err := p.StepUps.Weigh(*who, in.Request)
		if err != nil {
			return err
		}
		if d.StepUp == "" {
			http.Redirect(w, r, after(in.Request), http.StatusSeeOther)
			return nil
		}
		in.Who, in.Need = who, d.StepUp
	case confirm:
		in.Who, in.Request = who, ""
	case who != nil:
		http.Redirect(w, r, after(in.Request), http.StatusSeeOther)
		return nil
	}
	out, err := p.Upstreams.Depart(r.Context(), in)
	if err != nil {
		return err
	}
	return p.sendOff(w, r, out)
}

func flowOf(state string) string {
	sum := sha256.Sum256([]byte(state))
	return hex.EncodeToString(sum[:12])
}

// dropFlows removes the oldest sign-ins under way of a browser that has begun very many.
func dropFlows(w http.ResponseWriter, r *http.Request) {
	var names []string
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, flowCookie) {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	for len(names) >= maxFlows {
		dropFlow(w, names[0])
		names = names[1:]
	}
}

func dropFlow(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{Name: name, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: -1})
}

// flow gives what the browser holds of the sign-in that a state belongs to.
func flow(r *http.Request, state string) (name, signed, request string) {
	if state == "" {
		return "", "", ""
	}
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, flowCookie) && strings.HasSuffix(c.Name, "-"+flowOf(state)) {
			signed, request, _ = strings.Cut(c.Value, "~")
			return c.Name, signed, request
		}
	}
	return "", "", ""
}

// arrive takes a browser that comes back.
func (p *portal) arrive(w http.ResponseWriter, r *http.Request) error {
	return p.arriveWith(w, r, r.URL.Query())
}

// arrivePosted takes one that comes back with a form. From another site it brings none of our
// cookies: our own page sends it once more.
func (p *portal) arrivePosted(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return errForm
	}
	if _, err := r.Cookie(bindingCookie); err != nil && r.PostForm.Get("again") == "" {
		return p.onward(w, r, r.PostForm)
	}
	answer := r.PostForm
	answer.Del("again")
	return p.arriveWith(w, r, answer)
}

// onward is what a page says that goes on by itself: to an address, or with a form.
type onward struct {
	Where, Action, Says string
	Form                url.Values
}

// onward shows a page that sends a form once more, by script or by its button.
func (p *portal) onward(w http.ResponseWriter, r *http.Request, form url.Values) error {
	form.Set("again", "1")
	body, err := web.Render(onwardTemplate, onward{Action: r.URL.Path, Form: form, Says: "Your identity provider has sent you back."})
	if err != nil {
		return err
	}
	web.Page{Title: "Signing in", Body: body, Script: scriptPath}.Write(w, r)
	return nil
}

func (p *portal) arriveWith(w http.ResponseWriter, r *http.Request, answer url.Values) error {
	id, err := upstreamID(r)
	if err != nil {
		return err
	}
	state := answer.Get("state")
	if state == "" {
		state = answer.Get("RelayState")
	}
	name, signed, request := flow(r, state)
	who, err := p.known(r)
	if err != nil {
		return err
	}
	progress, err := p.Upstreams.Arrive(r.Context(), anyone(r), control.Return{Upstream: id, State: state, Flow: signed, Answer: answer,
		Binding: bind(w, r), UserAgent: r.UserAgent(), Who: who})
	if name != "" && !fault.Is(err, fault.KindUnavailable) {
		dropFlow(w, name)
	}
	if progress.Proof != nil {
		return p.provedAgain(w, r, proved{who, request, *progress.Proof, err})
	}
	if fault.Is(err, fault.KindForbidden) || fault.Is(err, fault.KindUnauthenticated) {
		if progress.Next == nil && who != nil && good(p, request) != "" {
			return p.showStepUp(w, r, request, err)
		}
		if progress.Next == nil && who == nil {
			doc := web.Describe(r.Context(), err)
			return p.showSignIn(w, r, doc.Status, signInData{Request: good(p, request), Problem: sentence(doc)})
		}
	}
	r.PostForm = url.Values{"request": {request}} // where goOn looks for it
	if err == nil && progress.Confirmed != "" {
		return p.confirmedElsewhere(w, r, progress)
	}
	return p.goOn(w, r, progress, err)
}

// good gives the request, unless it is too old to go on with.
func good(p *portal, request string) string {
	if _, err := p.Control.SignInTarget(request); request != "" && err != nil {
		return ""
	}
	return request
}

// confirmedElsewhere keeps that somebody confirmed, and goes on by a page of ours: a browser that
// another site sent shows no strict cookie.
func (p *portal) confirmedElsewhere(w http.ResponseWriter, r *http.Request, progress control.Progress) error {
	http.SetCookie(w, &http.Cookie{Name: confirmedCookie, Value: progress.Confirmed, Path: "/", Secure: true, HttpOnly: true,
		SameSite: http.SameSiteStrictMode, MaxAge: 600})
	return p.leave(w, r, "Thank you", "/account")
}

// leave shows a page that goes on by itself. It follows forms whose answer may not lead elsewhere.
func (p *portal) leave(w http.ResponseWriter, r *http.Request, title, where string) error {
	body, err := web.Render(onwardTemplate, onward{Where: where})
	if err != nil {
		return err
	}
	w.Header().Set("Refresh", "0; url="+where)
	web.Page{Title: title, Body: body}.Write(w, r)
	return nil
}

// backLogout takes an upstream's message that sessions ended there (OpenID Connect Back-Channel Logout
// 1.0, section 2.5), or one that a browser posts for it (SAML).
func (p *portal) backLogout(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	id, err := upstreamID(r)
	if err == nil && r.ParseForm() != nil {
		err = errForm
	}
	var reply string
	if err == nil {
		reply, err = p.Upstreams.EndedAtUpstream(r.Context(), anyone(r), id, control.LogoutMessage{Query: r.URL.RawQuery, Form: r.PostForm})
	}
	switch {
	case err != nil:
		if fault.Is(err, fault.KindInternal) {
			p.Log.Error("logout by an upstream failed", "error", err, "request", web.RequestID(r.Context()))
		}
		web.Problem(w, r, err)
	case reply != "":
		http.Redirect(w, r, reply, http.StatusSeeOther)
	}
}

// logoutBy takes the same from a browser that the upstream sent here, and shows the end of a logout
// that began here.
func (p *portal) logoutBy(w http.ResponseWriter, r *http.Request) error {
	id, err := upstreamID(r)
	if err != nil {
		return err
	}
	reply := ""
	if r.URL.Query().Has("SAMLRequest") {
		if reply, err = p.Upstreams.EndedAtUpstream(r.Context(), anyone(r), id, control.LogoutMessage{Query: r.URL.RawQuery}); err != nil {
			return err
		}
	}
	if reply == "" {
		reply = "/sign-out"
	}
	http.Redirect(w, r, reply, http.StatusSeeOther)
	return nil
}

// metadata gives what a provider may read of us.
func (p *portal) metadata(w http.ResponseWriter, r *http.Request) error {
	id, err := upstreamID(r)
	if err != nil {
		return err
	}
	text, err := p.Upstreams.UpstreamMetadata(r.Context(), id)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/samlmetadata+xml")
	w.Write(text)
	return nil
}

// frontLogout takes the word of an upstream through a frame of its page.
func (p *portal) frontLogout(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	id, err := upstreamID(r)
	if err == nil {
		err = p.Upstreams.EndedInBrowser(r.Context(), anyone(r), id, r.URL.Query())
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
