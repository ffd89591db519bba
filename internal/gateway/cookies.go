package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"postern/internal/access"
)

// Our cookies on application hosts. No backend ever sees or sets one.
const (
	cookiePrefix  = "__Host-postern-"
	sessionCookie = cookiePrefix + "session"
	bindingCookie = cookiePrefix + "binding"
)

// ourCookie reports whether a cookie's name is ours under any folding of case and "_".
func ourCookie(name string) bool {
	return strings.HasPrefix(fold(name), fold(cookiePrefix))
}

// sessionCookieName gives the name of an application's session cookie on its host. Applications
// that share a host have one each, since a __Host- cookie knows no path.
func sessionCookieName(app *published) string {
	if app.external.Path == "/" {
		return sessionCookie
	}
	_, id, _ := strings.Cut(string(app.ID), "_")
	return sessionCookie + "-" + id
}

// cookie gives the value of the cookie with exactly that name. A cookie that is there twice with
// different values is nobody's: one of them was planted.
func cookie(values []string, name string) string {
	found := ""
	for _, value := range values {
		for pair := range strings.SplitSeq(value, ";") {
			key, text, ok := strings.Cut(strings.TrimLeft(pair, " \t"), "=")
			if !ok || key != name {
				continue
			}
			if found != "" && found != text {
				return ""
			}
			found = text
		}
	}
	return found
}

// ourCookiesOut takes our cookies out of Cookie headers. Other cookies keep every byte and their
// order; a header without any of ours is not touched at all.
func ourCookiesOut(values []string) []string {
	if !slices.ContainsFunc(values, func(v string) bool { return strings.Contains(fold(v), fold(cookiePrefix)) }) {
		return values
	}
	var out []string
	for _, value := range values {
		var kept []string
		for pair := range strings.SplitSeq(value, ";") {
			name, _, _ := strings.Cut(strings.TrimLeft(pair, "= \t"), "=")
			if !ourCookie(strings.Trim(name, " \t")) {
				kept = append(kept, pair)
			}
		}
		if len(kept) > 0 {
			out = append(out, strings.TrimLeft(strings.Join(kept, ";"), " \t"))
		}
	}
	return out
}

// cookiesBack gives a backend's cookies as the browser gets them: ours dropped, Domain and Path
// turned back from internal to external.
func (p *published) cookiesBack(values []string) []string {
	if len(values) == 0 {
		return nil
	}
	out := make([]string, 0, len(values))
	for _, value := range values {
		// Browsers store "=name=value" as a cookie without a name and send it back as "name=value".
		name, _, _ := strings.Cut(strings.TrimLeft(value, "= \t"), "=")
		name, _, _ = strings.Cut(name, ";")
		if !ourCookie(strings.TrimSpace(name)) {
			out = append(out, p.cookieBack(value))
		}
	}
	return out
}

func (p *published) cookieBack(value string) string {
	parts := strings.Split(value, ";")
	for i, part := range parts[1:] {
		key, text, _ := strings.Cut(part, "=")
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "domain":
			domain := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(text), "."))
			if p.HostHeader != access.HostExternal && domain != "" && (p.internal.Host == domain || strings.HasSuffix(p.internal.Host, "."+domain)) {
				parts[i+1] = key + "=" + p.external.Host
			}
		case "path":
			path := strings.TrimSpace(text)
			if mapped, ok := translate(path, p.internal.Path, p.external.Path); ok && p.internal.Path != p.external.Path {
				parts[i+1] = key + "=" + mapped
			}
		}
	}
	return strings.Join(parts, ";")
}

// newBinding makes the secret of a binding cookie, which ties a sign-in to one browser.
func newBinding() string {
	var raw [32]byte
	rand.Read(raw[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// validBinding reports whether a binding cookie is one that we may have made.
func validBinding(text string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(raw) == 32
}

// bindingHash is what others are told of a binding.
func bindingHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func setCookie(h http.Header, name, value string) {
	h.Add("Set-Cookie", name+"="+value+"; Path=/; Secure; HttpOnly; SameSite=Lax")
}

func clearCookie(h http.Header, name string) {
	h.Add("Set-Cookie", name+"=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}
