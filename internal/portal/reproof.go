package portal

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/web"
)

// Where an upstream can be asked about its users only by sending their browsers there, that is done with the page
// that somebody opens next: as a rule they see nothing of it.

// ended reports whether nothing is known of somebody signed in until their upstream has vouched for them once more.
func ended(who *access.Principal, now time.Time) bool {
	return !who.Ends.IsZero() && !now.Before(who.Ends)
}

// goesByUpstream sends a browser by the upstream of who is signed in, if that is due, and reports whether it did.
func (p *portal) goesByUpstream(w http.ResponseWriter, r *http.Request) (gone bool, err error) {
	if r.Method != http.MethodGet || p.Upstreams == nil || strings.HasPrefix(r.URL.Path, "/upstreams/") || r.URL.Path == "/sign-out" {
		return false, nil
	}
	if dest := r.Header.Get("Sec-Fetch-Dest"); dest != "" && dest != "document" {
		return false, nil
	}
	who, err := p.known(r)
	if err != nil || who == nil || who.Reprove.IsZero() || p.Now().Before(who.Reprove) && !ended(who, p.Now()) {
		return false, nil // an error is told by the page itself
	}
	out, ok, err := p.Upstreams.Reprove(r.Context(), control.Departure{Binding: bind(w, r), Request: p.backTo(r), Who: who})
	switch {
	case err != nil && !ended(who, p.Now()) && (fault.Is(err, fault.KindUnavailable) || fault.Is(err, fault.KindUpstream)):
		return false, nil // it is away; who is signed in goes on for now
	case err != nil || !ok:
		return false, err
	}
	return true, p.sendOff(w, r, out)
}

// backTo gives the signed request with which a browser comes back to the page that it opens.
func (p *portal) backTo(r *http.Request) string {
	switch r.URL.Path {
	case "/authorize", "/sign-in", "/step-up":
		return r.URL.Query().Get("request")
	case "/":
		return ""
	}
	request, err := p.Programs.SignInHere(r.URL.RequestURI())
	if err != nil {
		return "" // an address that nobody is sent to
	}
	return request
}

// sendOff sends a browser to an upstream. A cookie of this browser alone holds what the answer must fit.
func (p *portal) sendOff(w http.ResponseWriter, r *http.Request, out control.Departed) error {
	dropFlows(w, r)
	http.SetCookie(w, &http.Cookie{Name: fmt.Sprintf("%s%010d-%s", flowCookie, p.Now().Unix(), flowOf(out.State)), Value: out.Flow + "~" + out.Request,
		Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: flowAge})
	switch {
	case out.Form != nil:
		return p.sendForm(w, r, out)
	case r.Method == http.MethodPost:
		return p.leave(w, r, "Signing in", out.URL)
	}
	http.Redirect(w, r, out.URL, http.StatusSeeOther)
	return nil
}

// sendForm shows a page that posts a form to an upstream, by script or by its button.
func (p *portal) sendForm(w http.ResponseWriter, r *http.Request, out control.Departed) error {
	to, err := url.Parse(out.URL)
	if err != nil {
		return fault.Internal(err, "read the address of an upstream")
	}
	body, err := web.Render(onwardTemplate, onward{Action: out.URL, Form: out.Form, Says: "Your identity provider will ask you who you are."})
	if err != nil {
		return err
	}
	// Where it leads from there, when nobody has to be asked, is back to us.
	w.Header().Set("Content-Security-Policy", strings.Replace(w.Header().Get("Content-Security-Policy"), "form-action 'self'", "form-action 'self' https://"+to.Host, 1))
	web.Page{Title: "Signing in", Body: body, Script: scriptPath}.Write(w, r)
	return nil
}

// proved is what came of sending somebody's browser by their upstream.
type proved struct {
	who     *access.Principal
	request string
	what    control.Proof
	err     error
}

// provedAgain goes on after that.
func (p *portal) provedAgain(w http.ResponseWriter, r *http.Request, c proved) error {
	switch {
	case c.what.Done:
		return p.goThere(w, r, after(good(p, c.request)))
	case c.what.Interact:
		out, _, err := p.Upstreams.Reprove(r.Context(), control.Departure{Binding: bind(w, r), Request: good(p, c.request), Who: c.who, Ask: true})
		if err != nil {
			return err
		}
		return p.sendOff(w, r, out)
	case c.what.Ended:
		setCookie(w, "")
		doc := web.Describe(r.Context(), c.err)
		return p.showSignIn(w, r, doc.Status, signInData{Request: good(p, c.request), Problem: sentence(doc)})
	case !ended(c.who, p.Now()) && (fault.Is(c.err, fault.KindUnavailable) || fault.Is(c.err, fault.KindUpstream)):
		return p.goThere(w, r, after(good(p, c.request))) // it could not be found out, and is asked again soon
	}
	return c.err
}

// goThere goes on to another page. After a form that came from another site it is a page that goes on by itself: browsers
// hold the redirects that follow a form against what that site's page, or ours that sent it once more, may lead to.
func (p *portal) goThere(w http.ResponseWriter, r *http.Request, where string) error {
	if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/upstreams/") {
		return p.leave(w, r, "Signing in", where)
	}
	http.Redirect(w, r, where, http.StatusSeeOther)
	return nil
}
