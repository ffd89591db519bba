package gateway

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"postern/internal/access"
)

// ownHeader carries a credential of ours beside an Authorization of the backend's own. Like all of its
// name it is never forwarded.
const ownHeader = "postern-authorization"

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
	own, theirs := x.fields.Count(ownHeader), x.fields.Count("authorization")
	if own == 0 && theirs == 0 {
		return true
	}
	found := ""
	if theirs > 0 {
		for i := range x.fields {
			if !x.fields[i].Is("authorization") {
				continue
			}
			secret := secretOf(string(x.fields[i].Value))
			if secret == "" {
				continue
			}
			if theirs > 1 || own > 0 {
				return false
			}
			found = secret
			x.fields = slices.Delete(slices.Clone(x.fields), i, i+1) // as received they belong to whoever made the exchange
			break
		}
	}
	if own > 0 {
		text := string(x.fields.Get(ownHeader))
		secret := secretOf(text)
		if ourSecret(text) {
			secret = text
		}
		if own > 1 || secret == "" {
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
	if x.app.AccessKeys && x.fields.Count("sec-fetch-mode") == 0 && x.fields.Count("sec-fetch-dest") == 0 {
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
