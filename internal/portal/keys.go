package portal

import (
	"context"
	_ "embed"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/web"
)

// Keys is the part of the control plane with which people make keys for their own programs.
type Keys interface {
	OwnAccessKeys(ctx context.Context, who access.Principal) ([]access.AccessKey, error)
	// CreateAccessKey gives the secret once; who has not confirmed is KindUnauthenticated.
	CreateAccessKey(ctx context.Context, by access.Actor, own control.Own, k access.AccessKey) (access.AccessKey, string, error)
	DeleteOwnAccessKey(ctx context.Context, by access.Actor, who access.Principal, id access.ID) error
}

//go:embed keys.html
var keysText string

var keysTemplate = template.Must(template.New("keys").Parse(keysText))

// accessKeys adds the pages about somebody's own access keys.
func (p *portal) accessKeys(mux *http.ServeMux) {
	mux.HandleFunc("GET /account/keys", p.own(func(w http.ResponseWriter, r *http.Request, own control.Own) error {
		return p.showKeys(w, r, own, keysData{})
	}))
	mux.HandleFunc("POST /account/keys", p.own(p.createKey))
	mux.HandleFunc("POST /account/keys/delete", p.own(p.deleteKey))
}

type keysData struct {
	Keys      []keyLine
	Tiles     []tile // applications for which the user may make some
	Confirmed bool
	Secret    string // of the new one, shown this once
	Problem   string
	Name      string // as typed
}

type keyLine struct {
	access.AccessKey
	Title string // of the application
	Over  bool
}

func (p *portal) showKeys(w http.ResponseWriter, r *http.Request, own control.Own, data keysData) error {
	list, err := p.Keys.OwnAccessKeys(r.Context(), own.Who)
	if err != nil {
		return err
	}
	snap, err := p.Control.Snapshot(r.Context(), 0)
	if err != nil {
		return err
	}
	for _, k := range list {
		line := keyLine{AccessKey: k, Title: string(k.Application), Over: !p.Now().Before(k.Expires)}
		if app, ok := snap.Application(k.Application); ok {
			line.Title, line.Over = app.Name, line.Over || !app.AccessKeys
		}
		data.Keys = append(data.Keys, line)
	}
	for _, t := range p.tiles(snap, &own.Who) {
		if app, ok := snap.Application(t.ID); ok && app.AccessKeys {
			data.Tiles = append(data.Tiles, t)
		}
	}
	data.Confirmed = p.Accounts.IsConfirmed(own) == nil
	body, err := web.Render(keysTemplate, data)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if data.Problem != "" {
		status = http.StatusUnprocessableEntity
	}
	web.Page{Status: status, Title: "Access keys", Body: body, Wide: true}.Write(w, r)
	return nil
}

func (p *portal) createKey(w http.ResponseWriter, r *http.Request, own control.Own) error {
	days, err := strconv.Atoi(r.PostForm.Get("days"))
	if err != nil {
		days = 0 // refused below, by name
	}
	name := r.PostForm.Get("name")
	_, secret, err := p.Keys.CreateAccessKey(r.Context(), actor(r, &own.Who), own, access.AccessKey{
		Name: name, Application: access.ID(r.PostForm.Get("application")), Expires: p.Now().Add(time.Duration(min(days, 9999)) * 24 * time.Hour),
	})
	switch {
	case fault.Is(err, fault.KindInvalid), fault.Is(err, fault.KindConflict):
		return p.showKeys(w, r, own, keysData{Problem: fieldSentence(web.Describe(r.Context(), err)), Name: name})
	case err != nil:
		return p.confirmedFirst(w, r, own, err)
	}
	return p.showKeys(w, r, own, keysData{Secret: secret})
}

func (p *portal) deleteKey(w http.ResponseWriter, r *http.Request, own control.Own) error {
	err := p.Keys.DeleteOwnAccessKey(r.Context(), actor(r, &own.Who), own.Who, access.ID(r.PostForm.Get("id")))
	if err != nil && !fault.Is(err, fault.KindNotFound) { // it is gone, which is what was asked for
		return err
	}
	http.Redirect(w, r, "/account/keys", http.StatusSeeOther)
	return nil
}
