package gateway

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"postern/internal/access"
)

// ownHeader carries a credential of ours beside an Authorization of the backend's own. Like all of its
// name it is never forwarded.
const ownHeader = "Postern-Authorization"

// pathResource says who signs in for an application (RFC 9728); the application's path follows.
const pathResource = access.ReservedPath + "oauth-protected-resource"

const maxCredential = 4096

// ourSecret reports whether a secret is one of ours by its look.
func ourSecret(secret string) bool {
	return strings.HasPrefix(secret, access.TokenPrefix) || strings.HasPrefix(secret, access.AccessKeyPrefix)
}

// takeCredential takes the access token or access key out of a request, so that no backend gets it,
// whatever becomes of the request. A backend's own Authorization stays. ok is false when more than one
// was sent, or when ours cannot be read.
func (x *exchange) takeCredential() (ok bool) {
	own, theirs := x.header[ownHeader], x.header["Authorization"]
	if len(own) == 0 && len(theirs) == 0 {
		return true
	}
	found := ""
	for _, value := range theirs {
		secret := secretOf(value)
		if secret == "" {
			continue
		}
		if len(theirs) > 1 || len(own) > 0 {
			return false
		}
		found = secret
		x.header = x.header.Clone() // as received it belongs to whoever made the exchange
		delete(x.header, "Authorization")
	}
	if len(own) > 0 {
		secret := secretOf(own[0])
		if ourSecret(own[0]) {
			secret = own[0]
		}
		if len(own) > 1 || secret == "" {
			return false
		}
		found = secret
	}
	if found != "" {
		x.secret, x.credential = found, true
	}
	return len(found) <= maxCredential
}

// secretOf gives the secret of ours in a header's value: as a bearer, or as a password or user name
// where programs know nothing else.
func secretOf(value string) string {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "Bearer") && ourSecret(rest):
		return rest
	case strings.EqualFold(scheme, "Basic"):
		text, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return ""
		}
		user, password, _ := strings.Cut(string(text), ":")
		if ourSecret(password) {
			return password
		}
		if ourSecret(user) {
			return user
		}
	}
	return ""
}

// keysOff reports whether an access key was shown where none are taken, or none any more.
func (x *exchange) keysOff(v *view) bool {
	if !x.credential || !strings.HasPrefix(x.secret, access.AccessKeyPrefix) {
		return false
	}
	app, ok := v.snap.Application(x.app.ID)
	return !ok || !app.AccessKeys
}

// challenge tells a program how to sign in (RFC 6750, RFC 9728). A browser is never asked for a
// password this way: it would keep it.
func (x *exchange) challenge(h http.Header, problem string) {
	e := x.app.external
	bearer := `Bearer resource_metadata="` + e.Origin() + pathResource + strings.TrimSuffix(e.Path, "/") + `"`
	if problem != "" {
		bearer += `, error="` + problem + `"`
	}
	h.Add("Www-Authenticate", bearer)
	if x.app.AccessKeys && x.header.Get("Sec-Fetch-Mode") == "" && x.header.Get("Sec-Fetch-Dest") == "" {
		h.Add("Www-Authenticate", `Basic realm="access key", charset="UTF-8"`)
	}
}

// refuseCredential answers a program whose credential is not good, or not good enough.
func (g *Gateway) refuseCredential(x *exchange, problem, message string) error {
	x.record.Action, x.record.Reason = "deny", "credential-refused"
	w, _ := x.page()
	w.Header().Set("Postern-Reference", x.id)
	w.Header().Set("Cache-Control", "no-store")
	x.challenge(w.Header(), problem)
	writeProblem(w, &failure{status: http.StatusUnauthorized, reason: "credential-refused", title: "The credential is not good", message: message}, x.id)
	x.record.Complete = true
	return nil
}

// resource answers programs that ask who signs in for an application.
func (g *Gateway) resource(x *exchange, v *view, path string) error {
	for _, app := range v.apps {
		if app.external.Host != x.host || strings.TrimSuffix(app.external.Path, "/") != path || app.PreAuthentication == access.Passthrough {
			continue
		}
		body, err := json.Marshal(map[string]any{
			"resource": app.external.Origin() + app.external.Path, "authorization_servers": []string{v.portal.Origin()},
			"bearer_methods_supported": []string{"header"},
		})
		if err != nil {
			return err // words: cannot be
		}
		w, _ := x.page()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=300")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(body) // the client may be gone
		x.record.Complete = true
		return nil
	}
	f := notPublished
	return &f
}
