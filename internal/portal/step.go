package portal

import (
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"

	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/web"
)

// The cookies beside the session's. Neither says who somebody is.
const (
	bindingCookie   = "__Host-postern-step"      // binds what is under way to the browser; kept, so that many tabs work
	confirmedCookie = "__Host-postern-confirmed" // that somebody signed in proved it again, for ten minutes
)

const scriptPath = "/passkeys.js"

//go:embed passkeys.js
var scriptText []byte

//go:embed step.html
var stepText string

//go:embed codes.html
var codesText string

var (
	stepTemplate  = template.Must(template.New("step").Parse(stepText))
	codesTemplate = template.Must(template.New("codes").Parse(codesText))
)

func script(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Write(scriptText)
}

// bind gives the secret that binds what is under way to this browser, and makes one for a browser
// that has none.
func bind(w http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie(bindingCookie); err == nil && len(c.Value) >= 26 && len(c.Value) <= 64 {
		return c.Value
	}
	made := &http.Cookie{Name: bindingCookie, Value: rand.Text(), Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	http.SetCookie(w, made)
	r.AddCookie(made) // for whoever asks again while this request is answered
	return made.Value
}

// step shows what is asked before a sign-in goes on.
type step struct {
	Ask     control.Challenge
	Action  string
	Request string
	Problem string
	Options string
	Picture template.URL
	Adding  bool
	status  int
}

func (p *portal) showStep(w http.ResponseWriter, r *http.Request, s step) error {
	if s.Request != "" {
		target, err := p.Control.SignInTarget(s.Request)
		if err != nil {
			return err
		}
		allowReturn(w.Header(), target.Host)
	}
	s.Options = string(s.Ask.Passkey)
	s.Picture = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(s.Ask.Picture))
	body, err := web.Render(stepTemplate, s)
	if err != nil {
		return err
	}
	title := "Confirm that it is you"
	switch {
	case s.Adding:
		title = "Add a second factor"
	case s.Ask.Enrol:
		title = "Set up a second factor"
	}
	web.Page{Status: s.status, Title: title, Body: body, Script: scriptPath}.Write(w, r)
	return nil
}

// continueSignIn takes the answer to what was asked.
func (p *portal) continueSignIn(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return errForm
	}
	progress, err := p.Control.ContinueSignIn(r.Context(), anyone(r), answer(w, r))
	if err != nil && progress.Next == nil && refusal(err) { // a passkey was refused: back to the form
		doc := web.Describe(r.Context(), err)
		return p.showSignIn(w, r, doc.Status, signInData{Request: r.PostForm.Get("request"), Problem: sentence(doc)})
	}
	return p.goOn(w, r, progress, err)
}

var errForm = fault.New(fault.KindTooLarge, "The form was not understood. Go back and try again.")

func answer(w http.ResponseWriter, r *http.Request) control.Answer {
	return control.Answer{
		State: r.PostForm.Get("state"), Binding: bind(w, r), UserAgent: r.UserAgent(), Code: r.PostForm.Get("code"),
		Recovery: r.PostForm.Get("recovery"), Passkey: []byte(r.PostForm.Get("passkey")), Name: r.PostForm.Get("label"),
	}
}

// goOn goes where a sign-in stands: to the next step, to the account, or on as signed in.
func (p *portal) goOn(w http.ResponseWriter, r *http.Request, progress control.Progress, err error) error {
	request := r.PostForm.Get("request")
	switch {
	case progress.Next != nil:
		s := step{Ask: *progress.Next, Action: "/sign-in/continue", Request: request, status: http.StatusOK}
		if err != nil {
			web.RetryAfter(w.Header(), err)
			doc := web.Describe(r.Context(), err)
			s.Problem, s.status = sentence(doc), doc.Status
		}
		return p.showStep(w, r, s)
	case err != nil:
		return err
	case progress.Confirmed != "":
		http.SetCookie(w, &http.Cookie{Name: confirmedCookie, Value: progress.Confirmed, Path: "/", Secure: true, HttpOnly: true,
			SameSite: http.SameSiteStrictMode, MaxAge: 600})
		http.Redirect(w, r, "/account", http.StatusSeeOther)
		return nil
	}
	p.endOld(r, &progress.Who)
	setCookie(w, progress.Cookie)
	if len(progress.RecoveryCodes) > 0 {
		return showCodes(w, r, progress.RecoveryCodes, after(request))
	}
	return p.goThere(w, r, after(request))
}

func showCodes(w http.ResponseWriter, r *http.Request, codes []string, next string) error {
	body, err := web.Render(codesTemplate, struct {
		Codes []string
		Next  string
	}{codes, next})
	if err != nil {
		return err
	}
	web.Page{Title: "Keep your recovery codes", Body: body}.Write(w, r)
	return nil
}
