package admin

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"postern/internal/fault"
	"postern/internal/web"
)

// What `make` built of ui/ lies in center/app, which is not committed; without it a page says how else to administer.
//
//go:embed center
var centerFiles embed.FS

const (
	centerIndex = "center/app/index.html"
	nonceMark   = "POSTERN_NONCE" // in that page: where each answer has a nonce of its own
)

// centerPages are the admin center's addresses: all are the same page, which shows what its address says.
var centerPages = []string{"", "overview", "first-steps", "connectors", "applications", "people", "policies", "keys", "logs", "settings", "signed-out"}

// center serves the admin center.
func (h *Handler) center() {
	page := h.placeholder
	if index, err := centerFiles.ReadFile(centerIndex); err == nil {
		page = showIndex(index)
	}
	for _, name := range centerPages {
		if name == "" {
			h.mux.HandleFunc("GET /{$}", page)
			continue
		}
		h.mux.HandleFunc("GET /"+name, page)
		h.mux.HandleFunc("GET /"+name+"/{rest...}", page)
	}
	h.mux.HandleFunc("GET /assets/{name}", asset)
	h.mux.HandleFunc("GET /favicon.svg", func(w http.ResponseWriter, r *http.Request) { writeFile(w, r, "center/app", "favicon.svg") })
	for _, name := range []string{"setup.js", "signed-in.js"} {
		h.mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFileFS(w, r, centerFiles, path.Join("center", name))
		})
	}
	h.centerSessions()
}

func (h *Handler) placeholder(w http.ResponseWriter, r *http.Request) {
	text, _ := centerFiles.ReadFile("center/index.html") // it is embedded
	h.writePage(w, r, page{http.StatusOK, "Postern admin", string(text), ""}, h.url(r))
}

// showIndex makes the handler of the admin center's page. Its script may only be ours, and its styles ours or made by that script:
// the nonce is for those.
func showIndex(index []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var raw [16]byte
		rand.Read(raw[:]) // never fails
		nonce := base64.RawURLEncoding.EncodeToString(raw[:])
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"+nonce+
			"'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"+
			"; require-trusted-types-for 'script'; trusted-types 'none'")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		w.Write(bytes.ReplaceAll(index, []byte(nonceMark), []byte(nonce)))
	}
}

// asset serves a file whose name holds a hash of what is in it: it never changes.
func asset(w http.ResponseWriter, r *http.Request) {
	writeFile(w, r, "center/app/assets", r.PathValue("name"))
}

// writeFile serves a file of the built admin center, as it was compressed when it was built.
func writeFile(w http.ResponseWriter, r *http.Request, where, name string) {
	name = path.Join(where, name)
	header := w.Header()
	if info, err := fs.Stat(centerFiles, name); err != nil || path.Dir(name) != where || info.IsDir() || strings.HasSuffix(name, ".br") || strings.HasSuffix(name, ".gz") {
		web.Problem(w, r, fault.NotFound("there is nothing at this address"))
		return
	}
	header.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Vary", "Accept-Encoding")
	for _, coding := range []struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}} {
		if !accepts(r.Header.Get("Accept-Encoding"), coding.name) {
			continue
		}
		if packed, err := centerFiles.ReadFile(name + coding.suffix); err == nil {
			header.Set("Content-Encoding", coding.name)
			w.Write(packed)
			return
		}
	}
	body, _ := centerFiles.ReadFile(name) // it is there
	w.Write(body)
}

// accepts reports whether a coding is named and not refused (RFC 9110, section 12.5.3).
func accepts(header, coding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			quality, _ := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
			return strings.Trim(quality, "0.") != "" || quality == ""
		}
	}
	return false
}
