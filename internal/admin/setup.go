package admin

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"strings"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/web"
)

//go:embed center/setup.html
var setupText string

//go:embed center/done.html
var doneText string

const maxForm = 16 << 10 // bytes of the set-up form

func (h *Handler) setUp() operation {
	return operation{in: typeOf[api.SetupRequest](), out: typeOf[api.SetupDone](), status: 201, run: func(c *call) (reply, error) {
		in, err := into[api.SetupRequest](c.body)
		if err != nil {
			return reply{}, err
		}
		key, err := h.claim(c, c.by, in)
		return reply{body: api.SetupDone{Key: key}}, err
	}}
}

// claim makes the first Owner and key. Wrong codes count like wrong API keys.
func (h *Handler) claim(ctx context.Context, by access.Actor, in api.SetupRequest) (string, error) {
	sum := sha256.Sum256([]byte("set-up " + in.Code))
	if wait := h.failures.wait(by.Address, sum); wait > 0 {
		return "", fault.New(fault.KindLimited, "too many wrong codes came from your address").After(wait)
	}
	key, err := h.cfg.Control.Setup(ctx, by, control.SetupRequest{
		Code:     strings.TrimSpace(in.Code),
		User:     access.User{Name: in.Name, DisplayName: in.DisplayName, Email: in.Email},
		Password: in.Password,
	})
	if err != nil {
		h.failures.bad(by.Address, sum)
	}
	return key, err
}

// setupPage is what the set-up form shows: what was typed, except secrets, and what is wrong.
type setupPage struct {
	api.SetupRequest
	Message string
	Wrong   map[string]string
}

func (h *Handler) showSetup(w http.ResponseWriter, r *http.Request) {
	h.writeSetup(w, r, http.StatusOK, setupPage{})
}

func (h *Handler) writeSetup(w http.ResponseWriter, r *http.Request, status int, data setupPage) {
	data.Password = ""
	h.writePage(w, r, page{status, "Set up Postern", setupText, "/setup.js"}, data)
}

type page struct {
	status      int
	title, text string
	script      string
}

func (h *Handler) writePage(w http.ResponseWriter, r *http.Request, p page, data any) {
	t, err := template.New("page").Parse(p.text)
	if err == nil {
		var body template.HTML
		if body, err = web.Render(t, data); err == nil {
			web.Page{Status: p.status, Title: p.title, Body: body, Script: p.script}.Write(w, r)
			return
		}
	}
	h.cfg.Log.Error("page cannot be made", "page", p.title, "error", err)
	web.ErrorPage{Status: http.StatusInternalServerError, Title: "Something went wrong", Message: "This page could not be made.",
		Advice: "Try again; if it stays so, the service's log tells more."}.Write(w, r)
}

// postSetup takes the form. It answers with the API key once; nothing keeps it.
func (h *Handler) postSetup(w http.ResponseWriter, r *http.Request) {
	if h.origin.Check(r) != nil {
		web.ErrorPage{Status: http.StatusForbidden, Title: "Not from here", Message: "The form was sent from a page of another site.",
			Advice: "Open the set-up link that the service printed when it started."}.Write(w, r)
		return
	}
	in, err := readSetup(w, r)
	if err == nil {
		var key string
		if key, err = h.claim(r.Context(), anyone(r), in); err == nil {
			h.cfg.Log.Info("service set up", "owner", in.Name)
			h.writePage(w, r, page{http.StatusOK, "Postern is yours", doneText, ""},
				map[string]string{"Key": key, "Line": h.loginLine(r), "Name": in.Name, "CAFile": h.cfg.CAFile})
			return
		}
	}
	data := setupPage{SetupRequest: in, Wrong: map[string]string{}}
	e, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok || e.Kind == fault.KindInternal:
		h.cfg.Log.Error("set-up went wrong", "reference", web.RequestID(r.Context()), "error", err)
		data.Message = "Something went wrong in Postern itself; its log tells more under " + web.RequestID(r.Context()) + "."
	default:
		data.Message = e.Message
		for _, f := range e.Fields {
			data.Wrong[f.Name] = f.Message
		}
	}
	web.RetryAfter(w.Header(), err)
	h.writeSetup(w, r, web.Status(fault.KindOf(err)), data)
}

// readSetup reads the form strictly: each field at most once, no others.
func readSetup(w http.ResponseWriter, r *http.Request) (api.SetupRequest, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return api.SetupRequest{}, fault.New(fault.KindTooLarge, "The form is larger than %d bytes.", maxForm)
		}
		return api.SetupRequest{}, fault.New(fault.KindInvalid, "The form could not be read.")
	}
	var in api.SetupRequest
	var p fault.Problems
	fields := map[string]*string{"code": &in.Code, "name": &in.Name, "displayName": &in.DisplayName, "email": &in.Email, "password": &in.Password}
	for name, values := range r.PostForm {
		field, known := fields[name]
		if !known || len(values) != 1 {
			p.Add(join("", name), "must be given once, if it is a field of this form")
			continue
		}
		*field = values[0]
		checkText(&p, name, values[0])
	}
	if in.Password == "" {
		p.Add("password", "must not be empty")
	}
	if in.Code == "" {
		p.Add("code", "must be the code of the set-up link")
	}
	return in, p.Err()
}

// loginLine is what the administrator types next. The key goes in by standard input, not as an
// argument, which every user of that machine could read.
func (h *Handler) loginLine(r *http.Request) string {
	line := "postern login " + h.url(r)
	if h.cfg.CAFile != "" {
		line += " --ca-file '" + strings.ReplaceAll(h.cfg.CAFile, "'", `'\''`) + "'"
	}
	return line
}

func (h *Handler) url(r *http.Request) string {
	if h.cfg.URL != "" {
		return h.cfg.URL
	}
	return "https://" + r.Host
}
