package portal

import (
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/policy"
	"postern/internal/web"
)

//go:embed sign-in.html
var signInText string

//go:embed home.html
var homeText string

//go:embed sign-out.html
var signOutText string

var (
	signInTemplate  = template.Must(template.New("sign-in").Parse(signInText))
	homeTemplate    = template.Must(template.New("home").Parse(homeText))
	signOutTemplate = template.Must(template.New("sign-out").Parse(signOutText))
)

type tile struct {
	ID              access.ID
	Name, URL, Host string
	Client          bool   // it is reached by a device with the client, not by a browser
	Closed          string // why it cannot be opened now, where signing in does not help
}

// home lists the applications that the signed-in user may open.
func (p *portal) home(w http.ResponseWriter, r *http.Request) error {
	who, err := p.session(r)
	if err != nil {
		return err
	}
	if who == nil {
		http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
		return nil
	}
	snap, err := p.Control.Snapshot(r.Context(), 0)
	if err != nil {
		return err
	}
	name := who.DisplayName
	if name == "" {
		name = who.Name
	}
	waiting, _, err := p.Requests.ToAnswer(r.Context(), *who)
	if err != nil {
		return err
	}
	asks := slices.ContainsFunc(snap.Applications, func(a *access.Application) bool { return a.Requestable })
	body, err := web.Render(homeTemplate, struct {
		Name     string
		Tiles    []tile
		Requests bool
		Waiting  int
		Admin    string // where the admin center is, for who has something to do there
	}{name, p.tiles(snap, who), asks || len(waiting) > 0, len(waiting), p.adminFor(who)})
	if err != nil {
		return err
	}
	web.Page{Title: "Your applications", Body: body, Wide: true}.Write(w, r)
	return nil
}

// adminFor gives the address of the admin center to who has a role.
func (p *portal) adminFor(who *access.Principal) string {
	if len(who.Roles) == 0 {
		return ""
	}
	return p.AdminURL
}

func (p *portal) tiles(snap *access.Snapshot, who *access.Principal) []tile {
	var tiles []tile
	for _, app := range snap.Applications {
		d := policy.Decide(snap, app, policy.Request{Who: who, Address: who.Address, Now: p.Now()})
		if !d.Allow && d.Finding == nil {
			continue
		}
		shown := tile{ID: app.ID, Name: app.Name}
		if app.Private() {
			shown.Client = true
		} else {
			shown.URL, shown.Host = app.ExternalURL, app.External().Authority()
		}
		if !d.Allow && d.StepUp == "" {
			shown.Closed = d.Message
		}
		tiles = append(tiles, shown)
	}
	slices.SortFunc(tiles, func(a, b tile) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return tiles
}

type signInData struct {
	Application string // the name of the application that asked, or nothing
	Program     bool   // a page of the portal asked, to sign in a program
	Request     string
	Name        string
	Problem     string
	Choices     []control.SignInChoice
	State       string // of the passkey that may answer, with Options
	Options     string
}

// signInForm shows the form. Somebody who is signed in already goes on at once.
func (p *portal) signInForm(w http.ResponseWriter, r *http.Request) error {
	who, err := p.session(r)
	if err != nil {
		return err
	}
	request := r.URL.Query().Get("request")
	if who != nil {
		http.Redirect(w, r, after(request), http.StatusSeeOther)
		return nil
	}
	choices, err := p.choices(r)
	if err != nil {
		return err
	}
	for _, c := range choices {
		if c.Default && r.URL.Query().Get("local") == "" {
			http.Redirect(w, r, "/upstreams/"+string(c.ID)+"/begin?"+url.Values{"request": {request}}.Encode(), http.StatusSeeOther)
			return nil
		}
	}
	return p.showSignIn(w, r, http.StatusOK, signInData{Request: request})
}

func (p *portal) showSignIn(w http.ResponseWriter, r *http.Request, status int, data signInData) error {
	if data.Request != "" {
		target, err := p.Control.SignInTarget(data.Request)
		if err != nil {
			return err
		}
		data.Application, data.Program = target.Host, target.Continue != ""
		if target.Center {
			data.Application = "the admin center"
		}
		if snap, err := p.Control.Snapshot(r.Context(), 0); err == nil {
			if app, ok := snap.Application(target.Application); ok {
				data.Application = app.Name
			}
		}
		allowReturn(w.Header(), target.Host)
	}
	offer, err := p.Control.OfferPasskey(bind(w, r), nil)
	if err != nil {
		return err
	}
	if data.Choices, err = p.choices(r); err != nil {
		return err
	}
	data.State, data.Options = offer.State, string(offer.Passkey)
	body, err := web.Render(signInTemplate, data)
	if err != nil {
		return err
	}
	web.Page{Status: status, Title: "Sign in", Body: body, Script: scriptPath}.Write(w, r)
	return nil
}

// choices lists where else somebody may sign in.
func (p *portal) choices(r *http.Request) ([]control.SignInChoice, error) {
	if p.Upstreams == nil {
		return nil, nil
	}
	return p.Upstreams.SignInChoices(r.Context())
}

// allowReturn lets the form's answer lead to the application that asked: browsers apply
// form-action also to the redirects that follow a form (CSP level 3, section 6.4.1).
func allowReturn(h http.Header, host string) {
	if host == "" {
		return // the sign-in is for a page of the portal
	}
	h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"),
		"form-action 'self'", "form-action 'self' https://"+host, 1))
}

// signIn checks the form and makes a new session, never one that the browser brought along.
func (p *portal) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.KindTooLarge, "The form was not understood. Go back and try again.")
	}
	data := signInData{Request: r.PostForm.Get("request"), Name: strings.ToLower(strings.TrimSpace(r.PostForm.Get("name")))}
	progress, err := p.Control.SignIn(r.Context(), anyone(r), control.Credentials{
		Name: data.Name, Password: r.PostForm.Get("password"), UserAgent: r.UserAgent(), Binding: bind(w, r),
	})
	if refusal(err) {
		web.RetryAfter(w.Header(), err)
		doc := web.Describe(r.Context(), err)
		data.Problem = sentence(doc)
		return p.showSignIn(w, r, doc.Status, data)
	}
	return p.goOn(w, r, progress, err)
}

// refusal reports whether an error is one that the person at the form can do something about.
func refusal(err error) bool {
	return fault.Is(err, fault.KindUnauthenticated) || fault.Is(err, fault.KindLimited) ||
		fault.Is(err, fault.KindForbidden) || fault.Is(err, fault.KindInvalid) || fault.Is(err, fault.KindGone)
}

// endOld ends the session that this browser had before, so that none is forgotten behind it.
func (p *portal) endOld(r *http.Request, who *access.Principal) {
	old, err := p.session(r)
	if err != nil || old == nil || old.Session == who.Session {
		return
	}
	if err := p.Control.SignOut(r.Context(), actor(r, old), old.Session); err != nil {
		p.Log.Warn("the browser's earlier session was not ended", "error", err, "session", old.Session)
	}
}

// authorize sends a signed-in browser back to the application that asked, and everybody else to
// the form first.
func (p *portal) authorize(w http.ResponseWriter, r *http.Request) error {
	request := r.URL.Query().Get("request")
	asked, err := p.Control.SignInTarget(request)
	if err != nil {
		return err
	}
	who, err := p.session(r)
	if err != nil {
		return err
	}
	if who == nil {
		http.Redirect(w, r, "/sign-in?"+url.Values{"request": {request}}.Encode(), http.StatusSeeOther)
		return nil
	}
	if asked.Continue != "" {
		http.Redirect(w, r, asked.Continue, http.StatusSeeOther)
		return nil
	}
	target, err := p.Control.Authorize(r.Context(), actor(r, who), *who, request)
	if address, ok := stepsUp(err, request); ok {
		http.Redirect(w, r, address, http.StatusSeeOther)
		return nil
	}
	if fault.Is(err, fault.KindForbidden) {
		p.showForbidden(w, r, forbidden{who, asked.Center, err})
		return nil
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, target, http.StatusSeeOther)
	return nil
}

// denials are the titles of pages for reasons of which there is more to say; gateways say the same.
var denials = map[string]string{
	policy.ReasonPolicyNetwork: "You may not use this application from here",
	policy.ReasonPolicyTime:    "This application is closed now",
	policy.ReasonPolicyDevice:  "You may not use this application from this device",
}

// forbidden is who may not use what was asked for, and why.
type forbidden struct {
	who    *access.Principal
	center bool // it was the admin center
	err    error
}

// showForbidden tells somebody who is signed in that this application is not for them, and as whom
// they are signed in: with another account it may be.
func (p *portal) showForbidden(w http.ResponseWriter, r *http.Request, f forbidden) {
	code, title := "not-allowed", "You may not use this application"
	if f.center {
		code, title = "no-role", "You may not use the admin center"
	}
	if d, ok := errors.AsType[*control.Denied](f.err); ok {
		code = d.Reason
		if more, ok := denials[code]; ok {
			title = more
		}
	}
	web.ErrorPage{
		Status: http.StatusForbidden, Code: code, Title: title,
		Message: sentence(web.Describe(r.Context(), f.err)), Advice: "You are signed in as " + f.who.Name + ".",
		Link: "/", LinkText: "To your applications",
	}.Write(w, r)
}

func (p *portal) signOutForm(w http.ResponseWriter, r *http.Request) error {
	who, err := p.session(r)
	if err != nil {
		return err
	}
	body, err := web.Render(signOutTemplate, who)
	if err != nil {
		return err
	}
	title := "Sign out"
	if who == nil {
		title = "You are signed out"
	}
	web.Page{Title: title, Body: body}.Write(w, r)
	return nil
}

// signOut ends the session and with it those at all applications.
func (p *portal) signOut(w http.ResponseWriter, r *http.Request) error {
	who, err := p.known(r)
	if err != nil {
		return err
	}
	elsewhere := ""
	if who != nil {
		if p.Upstreams != nil {
			elsewhere = p.Upstreams.EndAtUpstream(r.Context(), *who)
		}
		if err := p.Control.SignOut(r.Context(), actor(r, who), who.Session); err != nil {
			return err
		}
	}
	setCookie(w, "")
	if elsewhere != "" {
		return p.leave(w, r, "You are signed out here", elsewhere)
	}
	http.Redirect(w, r, "/sign-out", http.StatusSeeOther)
	return nil
}
