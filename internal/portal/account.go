package portal

import (
	_ "embed"
	"html/template"
	"net/http"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/web"
)

//go:embed account.html
var accountText string

//go:embed confirm.html
var confirmText string

//go:embed link.html
var linkText string

var (
	accountTemplate = template.Must(template.New("account").Funcs(template.FuncMap{"browser": browserName}).Parse(accountText))
	confirmTemplate = template.Must(template.New("confirm").Parse(confirmText))
	linkTemplate    = template.Must(template.New("link").Parse(linkText))
)

// account adds the pages with which people look after their own account.
func (p *portal) account(mux *http.ServeMux) {
	mux.HandleFunc("GET /account", p.own(p.showAccount))
	mux.HandleFunc("GET /account/confirm", p.own(p.confirmForm))
	mux.HandleFunc("POST /account/confirm", p.own(p.confirm))
	mux.HandleFunc("GET /account/factors/add", p.own(p.addForm))
	mux.HandleFunc("POST /account/factors/add", p.own(p.addFactor))
	mux.HandleFunc("POST /account/factors/remove", p.own(p.removeFactor))
	mux.HandleFunc("POST /account/recovery", p.own(p.renewRecovery))
	mux.HandleFunc("POST /account/password", p.own(p.changePassword))
	mux.HandleFunc("POST /account/sessions/end", p.own(p.endSession))
	mux.HandleFunc("GET /link", p.page(p.linkForm))
	mux.HandleFunc("POST /link", p.page(p.followLink))
}

// own makes a handler of one for somebody signed in. Others go to the form; who has to confirm first
// goes to that.
func (p *portal) own(serve func(http.ResponseWriter, *http.Request, control.Own) error) http.HandlerFunc {
	return p.page(func(w http.ResponseWriter, r *http.Request) error {
		who, err := p.session(r)
		if err != nil {
			return err
		}
		if who == nil {
			http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
			return nil
		}
		if err := r.ParseForm(); err != nil {
			return errForm
		}
		own := control.Own{Who: *who, Binding: bind(w, r)}
		if c, err := r.Cookie(confirmedCookie); err == nil {
			own.Confirmed = c.Value
		}
		return serve(w, r, own)
	})
}

// confirmedFirst shows a refusal on the account's page, and sends who has not confirmed there first.
func (p *portal) confirmedFirst(w http.ResponseWriter, r *http.Request, own control.Own, err error) error {
	switch {
	case err == nil:
		http.Redirect(w, r, "/account", http.StatusSeeOther)
		return nil
	case fault.Is(err, fault.KindUnauthenticated):
		http.Redirect(w, r, "/account/confirm", http.StatusSeeOther)
		return nil
	case fault.Is(err, fault.KindConflict), fault.Is(err, fault.KindInvalid):
		return p.renderAccount(w, r, own, fieldSentence(web.Describe(r.Context(), err)))
	}
	return err
}

// fieldSentence gives what is wrong with what somebody typed.
func fieldSentence(doc web.Document) string {
	if len(doc.Fields) == 0 {
		return sentence(doc)
	}
	text := "The " + doc.Fields[0].Name + " " + doc.Fields[0].Message
	return text + "."
}

func (p *portal) showAccount(w http.ResponseWriter, r *http.Request, own control.Own) error {
	return p.renderAccount(w, r, own, "")
}

func (p *portal) renderAccount(w http.ResponseWriter, r *http.Request, own control.Own, problem string) error {
	account, err := p.Accounts.Account(r.Context(), own.Who)
	if err != nil {
		return err
	}
	devices, err := p.deviceLines(r.Context(), own)
	if err != nil {
		return err
	}
	body, err := web.Render(accountTemplate, struct {
		Account       control.Account
		Devices       []deviceLine
		Confirmed     bool
		Here          access.ID
		Done, Problem string
	}{account, devices, p.Accounts.IsConfirmed(own) == nil, own.Who.Session, "", problem})
	if err != nil {
		return err
	}
	status := http.StatusOK
	if problem != "" {
		status = http.StatusUnprocessableEntity
	}
	web.Page{Status: status, Title: "Your account", Body: body, Wide: true}.Write(w, r)
	return nil
}

func (p *portal) confirmForm(w http.ResponseWriter, r *http.Request, own control.Own) error {
	return p.showConfirm(w, r, own, nil)
}

func (p *portal) showConfirm(w http.ResponseWriter, r *http.Request, own control.Own, problem error) error {
	offer, err := p.Control.OfferPasskey(own.Binding, &own.Who)
	if err != nil {
		return err
	}
	account, err := p.Accounts.Account(r.Context(), own.Who)
	if err != nil {
		return err
	}
	status, text := http.StatusOK, ""
	if problem != nil {
		web.RetryAfter(w.Header(), problem)
		doc := web.Describe(r.Context(), problem)
		status, text = doc.Status, sentence(doc)
	}
	elsewhere, err := p.elsewhere(r, &account.User)
	if err != nil {
		return err
	}
	body, err := web.Render(confirmTemplate, struct {
		Name, State, Options, Problem string
		Password                      bool
		Elsewhere                     *control.SignInChoice
	}{own.Who.Name, offer.State, string(offer.Passkey), text, !account.User.PasswordSet.IsZero() || account.User.Upstream != "" && elsewhere == nil, elsewhere})
	if err != nil {
		return err
	}
	web.Page{Status: status, Title: "Confirm that it is you", Body: body, Script: scriptPath}.Write(w, r)
	return nil
}

func (p *portal) confirm(w http.ResponseWriter, r *http.Request, own control.Own) error {
	progress, err := p.Control.SignIn(r.Context(), actor(r, &own.Who), control.Credentials{
		Password: r.PostForm.Get("password"), UserAgent: r.UserAgent(), Binding: own.Binding, Who: &own.Who,
	})
	if refusal(err) {
		return p.showConfirm(w, r, own, err)
	}
	return p.goOn(w, r, progress, err)
}

func (p *portal) addForm(w http.ResponseWriter, r *http.Request, own control.Own) error {
	ask, err := p.Accounts.OfferFactor(r.Context(), own)
	if err != nil {
		return p.confirmedFirst(w, r, own, err)
	}
	return p.showStep(w, r, step{Ask: ask, Action: "/account/factors/add", Adding: true})
}

func (p *portal) addFactor(w http.ResponseWriter, r *http.Request, own control.Own) error {
	codes, err := p.Accounts.AddFactor(r.Context(), actor(r, &own.Who), own, answer(w, r))
	if fault.Is(err, fault.KindUnauthenticated) && p.Accounts.IsConfirmed(own) == nil { // a wrong code: a new try
		ask, failed := p.Accounts.OfferFactor(r.Context(), own)
		if failed != nil {
			return failed
		}
		doc := web.Describe(r.Context(), err)
		return p.showStep(w, r, step{Ask: ask, Action: "/account/factors/add", Adding: true, Problem: sentence(doc), status: doc.Status})
	}
	if err == nil && len(codes) > 0 {
		return showCodes(w, r, codes, "/account")
	}
	return p.confirmedFirst(w, r, own, err)
}

func (p *portal) removeFactor(w http.ResponseWriter, r *http.Request, own control.Own) error {
	err := p.Accounts.RemoveFactor(r.Context(), actor(r, &own.Who), own, access.ID(r.PostForm.Get("id")))
	return p.confirmedFirst(w, r, own, err)
}

func (p *portal) renewRecovery(w http.ResponseWriter, r *http.Request, own control.Own) error {
	codes, err := p.Accounts.RenewRecoveryCodes(r.Context(), actor(r, &own.Who), own)
	if err != nil {
		return p.confirmedFirst(w, r, own, err)
	}
	return showCodes(w, r, codes, "/account")
}

var errAgain error = fault.Invalid("password", "was not typed the same twice")

func (p *portal) changePassword(w http.ResponseWriter, r *http.Request, own control.Own) error {
	password := r.PostForm.Get("password")
	if password != r.PostForm.Get("again") {
		return p.confirmedFirst(w, r, own, errAgain)
	}
	if err := p.Accounts.ChangePassword(r.Context(), actor(r, &own.Who), own, password); err != nil {
		return p.confirmedFirst(w, r, own, err)
	}
	setCookie(w, "")
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	return nil
}

// endSession ends one of somebody's own sessions. It needs no confirmation: it only takes away.
func (p *portal) endSession(w http.ResponseWriter, r *http.Request, own control.Own) error {
	err := p.Control.SignOut(r.Context(), actor(r, &own.Who), access.ID(r.PostForm.Get("id")))
	return p.confirmedFirst(w, r, own, err)
}

func (p *portal) linkForm(w http.ResponseWriter, r *http.Request) error {
	return p.showLink(w, r, r.URL.Query().Get("code"), nil)
}

func (p *portal) showLink(w http.ResponseWriter, r *http.Request, code string, problem error) error {
	link, user, err := p.Accounts.Link(r.Context(), code)
	if err != nil {
		return err
	}
	status, text := http.StatusOK, ""
	if problem != nil {
		doc := web.Describe(r.Context(), problem)
		status, text = doc.Status, fieldSentence(doc)
	}
	body, err := web.Render(linkTemplate, struct {
		Kind                access.LinkKind
		Name, Code, Problem string
	}{link.Kind, user.Name, code, text})
	if err != nil {
		return err
	}
	web.Page{Status: status, Title: "Set your password", Body: body}.Write(w, r)
	return nil
}

func (p *portal) followLink(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return errForm
	}
	code, password := r.PostForm.Get("code"), r.PostForm.Get("password")
	err := errAgain
	if password == r.PostForm.Get("again") {
		err = p.Accounts.FollowLink(r.Context(), anyone(r), code, password)
	}
	if fault.Is(err, fault.KindInvalid) {
		return p.showLink(w, r, code, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	return nil
}
