package portal

import (
	"context"
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/policy"
	"postern/internal/web"
)

//go:embed stepup.html
var stepUpText string

var stepUpTemplate = template.Must(template.New("step-up").Parse(stepUpText))

// StepUps is the part of the control plane that leads somebody signed in to prove more, where a
// policy asks for it.
type StepUps interface {
	// Weigh decides about a signed request without acting on it.
	Weigh(who access.Principal, request string) (policy.Decision, error)
	// OfferStepUp gives what to ask a browser that may hold a passkey.
	OfferStepUp(binding string, who *access.Principal, need access.Strength) (control.Challenge, error)
}

func (p *portal) stepUps(mux *http.ServeMux) {
	mux.HandleFunc("GET /step-up", p.page(p.stepUpForm))
	mux.HandleFunc("POST /step-up", p.page(p.stepUp))
	mux.HandleFunc("POST /step-up/again", p.page(p.signInAnew))
}

// stepsUp gives the address that leads on from a refusal, if proving more does.
func stepsUp(err error, request string) (address string, ok bool) {
	d, is := errors.AsType[*control.Denied](err)
	if !is || d.StepUp == "" {
		return "", false
	}
	return "/step-up?" + url.Values{"request": {request}}.Encode(), true
}

func (p *portal) stepUpForm(w http.ResponseWriter, r *http.Request) error {
	return p.showStepUp(w, r, r.URL.Query().Get("request"), nil)
}

// weigh gives who is signed in and what the application asks of them. It gives nobody when it has sent the browser on:
// who is not signed in to do that, and who meets what is asked already, or cannot by signing in, to where that is said.
func (p *portal) weigh(w http.ResponseWriter, r *http.Request, request string) (*access.Principal, policy.Decision, error) {
	who, err := p.session(r)
	if err != nil {
		return nil, policy.Decision{}, err
	}
	if who == nil {
		http.Redirect(w, r, "/sign-in?"+url.Values{"request": {request}}.Encode(), http.StatusSeeOther)
		return nil, policy.Decision{}, nil
	}
	d, err := p.StepUps.Weigh(*who, request)
	if err == nil && d.StepUp == "" {
		http.Redirect(w, r, after(request), http.StatusSeeOther)
		return nil, d, nil
	}
	return who, d, err
}

// showStepUp says what the application asks for and asks for it.
func (p *portal) showStepUp(w http.ResponseWriter, r *http.Request, request string, problem error) error {
	who, d, err := p.weigh(w, r, request)
	if who == nil || err != nil {
		return err
	}
	return p.writeStepUp(w, r, stepUpPage{who: who, decision: d, request: request, problem: problem})
}

// stepUpPage is what the page says.
type stepUpPage struct {
	who      *access.Principal
	decision policy.Decision
	request  string
	problem  error
}

func (p *portal) writeStepUp(w http.ResponseWriter, r *http.Request, s stepUpPage) error {
	target, err := p.Control.SignInTarget(s.request)
	if err != nil {
		return err
	}
	account, err := p.Accounts.Account(r.Context(), *s.who)
	if err != nil {
		return err
	}
	offer, err := p.StepUps.OfferStepUp(bind(w, r), s.who, s.decision.StepUp)
	if err != nil {
		return err
	}
	status, text := http.StatusOK, ""
	if s.problem != nil {
		web.RetryAfter(w.Header(), s.problem)
		doc := web.Describe(r.Context(), s.problem)
		status, text = doc.Status, sentence(doc)
	}
	passkey := slices.ContainsFunc(account.Factors, func(f access.Factor) bool { return f.Kind == access.FactorPasskey })
	// Only a passkey resists phishing; of one who has no factor at all, the password leads to adding one.
	onlyPasskey := s.decision.StepUp == access.PhishingResistant && len(account.Factors) > 0
	elsewhere, err := p.elsewhere(r, &account.User)
	if err != nil {
		return err
	}
	if onlyPasskey {
		elsewhere = nil
	}
	allowReturn(w.Header(), target.Host)
	body, err := web.Render(stepUpTemplate, struct {
		Message, Name, Application, Request, State, Options, Problem string
		Passkey, Password, AddPasskey                                bool
		Elsewhere                                                    *control.SignInChoice
	}{s.decision.Message, s.who.Name, p.nameOf(r.Context(), target), s.request, offer.State, string(offer.Passkey), text,
		passkey, (!account.User.PasswordSet.IsZero() || account.User.Upstream != "" && elsewhere == nil) && !onlyPasskey, onlyPasskey && !passkey, elsewhere})
	if err != nil {
		return err
	}
	web.Page{Status: status, Title: "Sign in again", Body: body, Script: scriptPath}.Write(w, r)
	return nil
}

// nameOf gives what the application of a request is called.
func (p *portal) nameOf(ctx context.Context, target access.SignInRequest) string {
	if snap, err := p.Control.Snapshot(ctx, 0); err == nil {
		if app, ok := snap.Application(target.Application); ok {
			return app.Name
		}
	}
	return target.Host
}

// stepUp takes the password of somebody signed in whose session is to prove more.
func (p *portal) stepUp(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return errForm
	}
	request := r.PostForm.Get("request")
	who, d, err := p.weigh(w, r, request)
	if who == nil || err != nil {
		return err
	}
	progress, err := p.Control.SignIn(r.Context(), actor(r, who), control.Credentials{
		Password: r.PostForm.Get("password"), UserAgent: r.UserAgent(), Binding: bind(w, r), Who: who, Need: d.StepUp,
	})
	if refusal(err) {
		return p.showStepUp(w, r, request, err)
	}
	return p.goOn(w, r, progress, err)
}

// signInAnew signs somebody out and begins with the form: for another user, or for one whose proof an
// upstream takes.
func (p *portal) signInAnew(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return errForm
	}
	request := r.PostForm.Get("request")
	if _, err := p.Control.SignInTarget(request); err != nil {
		return err
	}
	who, err := p.session(r)
	if err != nil {
		return err
	}
	if who != nil {
		if err := p.Control.SignOut(r.Context(), actor(r, who), who.Session); err != nil && !fault.Is(err, fault.KindForbidden) {
			return err
		}
	}
	setCookie(w, "")
	http.Redirect(w, r, "/sign-in?"+url.Values{"request": {request}}.Encode(), http.StatusSeeOther)
	return nil
}
