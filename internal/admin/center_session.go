package admin

import (
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/web"
)

// The names of the admin center's cookies. The prefix makes browsers refuse them from any other host, from plain HTTP and with a
// Domain.
const (
	centerCookie  = "__Host-postern-center"
	bindingCookie = "__Host-postern-center-binding" // ties a sign-in to one browser
)

//go:embed center/signed-in.html
var signedInText string

// centerSessions adds how a browser signs in and out.
func (h *Handler) centerSessions() {
	h.mux.HandleFunc("GET /sign-in", h.signIn)
	h.mux.HandleFunc("GET "+access.CallbackPath, h.callback)
	h.mux.HandleFunc("POST /sign-out", h.signOut)
	h.mux.HandleFunc("GET /signed-in", func(w http.ResponseWriter, r *http.Request) {
		h.writePage(w, r, page{http.StatusOK, "You are signed in", signedInText, "/signed-in.js"}, nil)
	})
}

// signIn sends a browser to the portal; before there is anybody who could sign in, to the set-up page.
func (h *Handler) signIn(w http.ResponseWriter, r *http.Request) {
	pending, err := h.cfg.Control.Unclaimed(r.Context())
	if err != nil {
		h.signInFailed(w, r, err)
		return
	}
	if pending {
		http.Redirect(w, r, "/setup", http.StatusSeeOther)
		return
	}
	binding, ok := web.Cookie(r, bindingCookie)
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(binding); !ok || err != nil || len(raw) != sha256.Size {
		var raw [sha256.Size]byte
		rand.Read(raw[:]) // never fails
		binding = base64.RawURLEncoding.EncodeToString(raw[:])
		setCookie(w, bindingCookie, binding)
	}
	portal, err := h.cfg.Control.BeginCenter(r.URL.Query().Get("return"), bindingHash(binding))
	if err != nil {
		h.signInFailed(w, r, err)
		return
	}
	http.Redirect(w, r, portal, http.StatusSeeOther)
}

// callback swaps the portal's one-time code for a session of this host.
func (h *Handler) callback(w http.ResponseWriter, r *http.Request) {
	binding, _ := web.Cookie(r, bindingCookie)
	cookie, back, err := h.cfg.Control.SwapCenter(r.Context(), access.CodeShown{
		Code: r.URL.Query().Get("code"), Binding: bindingHash(binding), Address: web.ClientAddress(r), UserAgent: r.UserAgent(), Request: web.RequestID(r.Context()),
	})
	if err != nil {
		h.signInFailed(w, r, err)
		return
	}
	setCookie(w, centerCookie, cookie)
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// signOut ends the portal's session, too: the next click would sign in again otherwise.
func (h *Handler) signOut(w http.ResponseWriter, r *http.Request) {
	if err := h.origin.Check(r); err != nil {
		web.Problem(w, r, fault.Forbidden("the request comes from a page of another site").Because(err))
		return
	}
	if cookie, ok := web.Cookie(r, centerCookie); ok {
		err := h.cfg.Control.EndCenter(r.Context(), access.Credential{Secret: cookie, Address: web.ClientAddress(r), Request: web.RequestID(r.Context())})
		if err != nil {
			web.Problem(w, r, err)
			return
		}
	}
	setCookie(w, centerCookie, "")
	w.WriteHeader(http.StatusNoContent)
}

func (h *Handler) signInFailed(w http.ResponseWriter, r *http.Request, err error) {
	doc := web.Describe(r.Context(), err)
	if fault.KindOf(err) == fault.KindInternal {
		h.cfg.Log.Error("sign-in at the admin center went wrong", "error", err, "reference", doc.Reference)
	}
	web.RetryAfter(w.Header(), err)
	web.ErrorPage{Status: doc.Status, Code: "sign-in-stale", Title: "This sign-in cannot be finished", Message: sentence(doc.Detail),
		Advice: "Begin again.", Link: "/", LinkText: "To the admin center"}.Write(w, r)
}

// session finds out whose browser it is.
func (h *Handler) session(r *http.Request) (access.Actor, error) {
	cookie, ok := web.Cookie(r, centerCookie)
	if !ok {
		return access.Actor{}, fault.Unauthenticated("send an API key: Authorization: Bearer …")
	}
	return h.cfg.Control.CenterActor(r.Context(), cookie, web.ClientAddress(r), web.RequestID(r.Context()))
}

// bindingHash is what others are told of a binding.
func bindingHash(binding string) string {
	sum := sha256.Sum256([]byte(binding))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// setCookie stores something in the browser until it closes; an empty value removes it.
func setCookie(w http.ResponseWriter, name, value string) {
	c := http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, &c)
}

// sentence makes one of an error's text.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return strings.TrimSuffix(string(unicode.ToUpper(first))+text[size:], ".") + "."
}
