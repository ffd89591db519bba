package portal

import (
	"net/http"
	"net/url"

	"postern/internal/fault"
	"postern/internal/web"
)

// deviceForm asks for the code that a program without a browser shows. It is only filled in from the
// address, never acted on: a link must not sign in somebody else's program.
func (p *portal) deviceForm(w http.ResponseWriter, r *http.Request) error {
	code := r.URL.Query().Get("user_code")
	if len(code) > 64 {
		code = ""
	}
	path := "/device"
	if code != "" {
		path += "?" + url.Values{"user_code": {code}}.Encode()
	}
	who, err := p.signInFirst(w, r, path)
	if err != nil || who == nil {
		return err
	}
	return p.showDevice(w, r, deviceData{Code: code, Who: who.Name})
}

type deviceData struct {
	Code, Who, Problem, Done string
	status                   int
}

func (p *portal) showDevice(w http.ResponseWriter, r *http.Request, data deviceData) error {
	body, err := web.Render(deviceTemplate, data)
	if err != nil {
		return err
	}
	title := "Sign in a program"
	if data.Done != "" {
		title = "Done"
	}
	web.Page{Status: data.status, Title: title, Body: body}.Write(w, r)
	return nil
}

// askDevice shows what the code is of and from where, and asks.
func (p *portal) askDevice(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return errForm
	}
	who, err := p.signInFirst(w, r, "/device")
	if err != nil || who == nil {
		return err
	}
	code := r.PostForm.Get("user_code")
	ask, err := p.Programs.DeviceAsk(r.Context(), actor(r, who), *who, code)
	if err != nil {
		return p.deviceTrouble(w, r, deviceData{Code: code, Who: who.Name}, err)
	}
	return p.showProgram(w, r, programData{Ask: ask, Who: who.Name, Action: "/device/decide", Code: ask.Code})
}

// deviceTrouble shows the form again with what is wrong, if that is about the code.
func (p *portal) deviceTrouble(w http.ResponseWriter, r *http.Request, data deviceData, err error) error {
	if !fault.Is(err, fault.KindNotFound) && !fault.Is(err, fault.KindLimited) {
		return err
	}
	web.RetryAfter(w.Header(), err)
	doc := web.Describe(r.Context(), err)
	data.Problem, data.status = sentence(doc), doc.Status
	if len(data.Code) > 64 {
		data.Code = ""
	}
	return p.showDevice(w, r, data)
}

func (p *portal) decideDevice(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return errForm
	}
	who, err := p.signInFirst(w, r, "/device")
	if err != nil || who == nil {
		return err
	}
	allow := r.PostForm.Get("answer") == "allow"
	data := deviceData{Code: r.PostForm.Get("user_code"), Who: who.Name}
	if err := p.Programs.DecideDevice(r.Context(), actor(r, who), *who, data.Code, allow); err != nil {
		return p.deviceTrouble(w, r, data, err)
	}
	data.Done = "The program was refused. If somebody sent you its code or its link, tell your administrator."
	if allow {
		data.Done = "The program is signed in within a few seconds. You may close this page. Your account lists it, and signs it out."
	}
	return p.showDevice(w, r, data)
}
