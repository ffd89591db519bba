package gateway

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"postern/internal/access"
	"postern/internal/field"
)

// Our cookies on application hosts. No backend ever sees or sets one.
const (
	cookiePrefix  = "__Host-postern-"
	sessionCookie = cookiePrefix + "session"
	bindingCookie = cookiePrefix + "binding"
)

// ourCookie reports whether a cookie's name is ours under any folding of case and "_".
func ourCookie(name []byte) bool {
	const folded = "--host-postern-"
	if len(name) < len(folded) {
		return false
	}
	for i := range len(folded) {
		c := name[i]
		switch {
		case c == '_':
			c = '-'
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		}
		if c != folded[i] {
			return false
		}
	}
	return true
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
func cookie(fields field.Fields, name string) string { return string(cookieBytes(fields, name)) }

// cookieBytes is cookie without a copy.
func cookieBytes(fields field.Fields, name string) []byte {
	var found []byte
	for i := range fields {
		if !fields[i].Is("cookie") {
			continue
		}
		for rest, more := fields[i].Value, true; more; {
			var pair []byte
			pair, rest, more = bytes.Cut(rest, semicolon)
			key, text, ok := bytes.Cut(bytes.TrimLeft(pair, " \t"), equals)
			if !ok || string(key) != name {
				continue
			}
			if found != nil && !bytes.Equal(found, text) {
				return nil
			}
			found = text
		}
	}
	return found
}

var (
	semicolon = []byte{';'}
	equals    = []byte{'='}
)

// mayBeOurs reports whether a cookie of ours can be in a value at all: all of them have this in common, however folded.
func mayBeOurs(value []byte) bool {
	for i := 0; i+len("postern") <= len(value); i++ {
		if value[i]|0x20 == 'p' && field.EqualFold(value[i:i+len("postern")], "postern") {
			return true
		}
	}
	return false
}

// cookies takes a Cookie field over without our cookies. Other cookies keep every byte and their order; a field without any of
// ours is not touched at all.
func (h *head) cookies(f field.Field) {
	if !mayBeOurs(f.Value) {
		h.take(f)
		return
	}
	start, found := len(h.text), false
	for all, more := f.Value, true; more; {
		var pair []byte
		pair, all, more = bytes.Cut(all, semicolon)
		name, _, _ := bytes.Cut(bytes.TrimLeft(pair, "= \t"), equals)
		if ourCookie(bytes.Trim(name, " \t")) {
			found = true
			continue
		}
		if len(h.text) == start {
			pair = bytes.TrimLeft(pair, " \t")
		} else {
			h.text = append(h.text, ';')
		}
		h.text = append(h.text, pair...)
	}
	if rest := h.text[start:len(h.text):len(h.text)]; !found {
		h.take(f)
	} else if len(rest) > 0 {
		h.take(field.Field{Name: f.Name, Value: rest})
	}
}

// cookieBack gives a backend's cookie as the browser gets it: Domain and Path turned back from internal to external. ok is false
// for one of our name, which is dropped.
func (p *published) cookieBack(value []byte) (back []byte, ok bool) {
	// Browsers store "=name=value" as a cookie without a name and send it back as "name=value".
	name, _, _ := bytes.Cut(bytes.TrimLeft(value, "= \t"), equals)
	name, _, _ = bytes.Cut(name, semicolon)
	if mayBeOurs(name) && ourCookie(bytes.TrimSpace(name)) {
		return nil, false
	}
	text := string(value)
	if mapped := p.attributesBack(text); mapped != text {
		return []byte(mapped), true
	}
	return value, true
}

func (p *published) attributesBack(value string) string {
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
