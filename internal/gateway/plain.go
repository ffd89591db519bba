package gateway

import (
	"net/http"
)

// plain answers port 80: the revocation list, and redirects to the same address under https.
// Nothing else, and nothing for hosts that are not ours.
func (g *Gateway) plain(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this port only redirects to https", http.StatusMethodNotAllowed)
		return
	}
	if r.URL.Path == pathCRL {
		g.crl(w, r)
		return
	}
	v := g.view.Load()
	name, ok := parseAuthority(r.Host)
	t, _, valid := parseTarget(r.RequestURI)
	if v == nil || !ok || !valid {
		http.Error(w, "this request cannot be redirected", http.StatusBadRequest)
		return
	}
	external, served := v.external(name.host)
	if !served || external.Scheme != "https" {
		http.Error(w, "nothing is published here", http.StatusNotFound)
		return
	}
	w.Header().Set("Location", external.Origin()+t.raw+t.query)
	w.WriteHeader(http.StatusPermanentRedirect)
}
