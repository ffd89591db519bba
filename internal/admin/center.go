package admin

import (
	_ "embed"
	"net/http"
)

//go:embed center/index.html
var indexText string

// center serves the admin center's place: until it is there, a page that says how else to
// administer.
func (h *Handler) center() {
	h.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		h.writePage(w, r, page{http.StatusOK, "Postern admin", indexText, ""}, h.url(r))
	})
	h.mux.HandleFunc("GET /setup.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Write(setupScript)
	})
}
