package admin

import "postern/internal/access"

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
