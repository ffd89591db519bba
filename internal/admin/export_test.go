package admin

import (
	"net/http"

	"postern/internal/access"
)

// Row is what tests outside see of the table of routes.
type Row struct {
	Method, Pattern, Name, Match string
	Roles                        []access.Role
	Open, Body, Large            bool
}

// Table lists the routes.
func Table() []Row {
	var rows []Row
	for _, rt := range (&Handler{}).table() {
		rows = append(rows, Row{rt.method, rt.pattern, rt.name, rt.match, rt.roles, rt.open, rt.in != nil, rt.large})
	}
	return rows
}

// StandIn is the page that stands in for an admin center that was not built.
func (h *Handler) StandIn(w http.ResponseWriter, r *http.Request) { h.placeholder(w, r) }
