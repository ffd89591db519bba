package oidc

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"postern/internal/identity"
)

// claims are what a token or userinfo says, by name.
type claims map[string]any

// readClaims reads a JSON object. Numbers stay as they are written.
func readClaims(payload []byte) (claims, error) {
	var c claims
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	if !utf8.Valid(payload) || decoder.Decode(&c) != nil || decoder.More() || c == nil {
		return nil, refused("what it says cannot be read")
	}
	return c, nil
}

func (c claims) text(name string) string {
	s, _ := c[name].(string)
	return s
}

// texts reads a text or a list of texts. ok is false if it is anything else.
func texts(value any) (all []string, ok bool) {
	switch v := value.(type) {
	case string:
		return []string{v}, true
	case []any:
		for _, one := range v {
			s, ok := one.(string)
			if !ok {
				return nil, false
			}
			all = append(all, s)
		}
		return all, true
	}
	return nil, false
}

// time reads a NumericDate (RFC 7519, section 2). ok is false if there is none or it is no number of this age.
func (c claims) time(name string) (at time.Time, ok bool) {
	number, ok := c[name].(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseFloat(string(number), 64)
	if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0).UTC(), true
}

// has tells whether the claim is there at all.
func (c claims) has(name string) bool {
	_, ok := c[name]
	return ok
}

// protocol names the claims that are about the token and not about the user.
var protocol = []string{
	"iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "jti", "at_hash", "c_hash", "s_hash", "sid", "auth_time", "events",
	"_claim_names", "_claim_sources", "rt_hash", "uti", "rh", "aio",
}

// flatten gives the claims as an Assertion has them: texts, numbers, true and false, and lists of texts. What is in
// objects is named with dots; what has no such form is left out.
func (c claims) flatten() map[string]any {
	flat := map[string]any{}
	for name, value := range c {
		if !slices.Contains(protocol, name) {
			put(flat, name, value, 4)
		}
	}
	return flat
}

func put(flat map[string]any, name string, value any, depth int) {
	if depth == 0 || name == "" {
		return
	}
	switch v := value.(type) {
	case string, bool:
		flat[name] = v
	case json.Number:
		if f, err := v.Float64(); err == nil {
			flat[name] = f
		}
	case map[string]any:
		for inner, value := range v {
			put(flat, name+"."+inner, value, depth-1)
		}
	case []any:
		list := []string{}
		for _, one := range v {
			switch one := one.(type) {
			case string:
				list = append(list, one)
			case json.Number:
				list = append(list, one.String())
			case bool:
				list = append(list, strconv.FormatBool(one))
			default:
				return
			}
		}
		flat[name] = list
	}
}

// find gives the claim of a name, or of a path with dots into objects.
func (c claims) find(path string) (any, bool) {
	if v, ok := c[path]; ok {
		return v, true
	}
	object := map[string]any(c)
	for {
		name, rest, more := strings.Cut(path, ".")
		v, ok := object[name]
		if !ok || !more {
			return v, ok && !more
		}
		if object, ok = v.(map[string]any); !ok {
			return nil, false
		}
		if v, ok := object[rest]; ok {
			return v, true
		}
		path = rest
	}
}

// groups reads the groups at a path. No such claim is no groups; one of another form is an error, since half of
// somebody's groups would be a decision that nobody made.
func (c claims) groups(path string) ([]string, error) {
	value, ok := c.find(path)
	if !ok || value == nil {
		return nil, nil
	}
	all, ok := texts(value)
	if !ok {
		return nil, refused("its claim %s is not a list of names", path)
	}
	return distinct(all)
}

func distinct(all []string) ([]string, error) {
	if len(all) > identity.MaxGroups {
		return nil, refused("it names %d groups, more than %d", len(all), identity.MaxGroups)
	}
	all = slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "" })
	slices.Sort(all)
	return slices.Compact(all), nil
}

// methods gives how the user proved who they are, and what the authentication context says of it beyond.
func (c claims) methods() []string {
	all, _ := texts(c["amr"])
	all = slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "" || len(s) > 64 })
	if len(all) > 16 {
		all = all[:16]
	}
	if slices.Contains(severalFactors, c.text("acr")) && !slices.Contains(all, "mfa") {
		all = append(all, "mfa")
	}
	return all
}

// severalFactors lists authentication contexts that mean more than one factor: OpenID's EAP ACR values, PAPE, and
// those of SAML that providers hand through.
var severalFactors = []string{
	"phr", "phrh", "http://schemas.openid.net/pape/policies/2007/06/multi-factor",
	"http://schemas.openid.net/pape/policies/2007/06/multi-factor-physical",
	"https://refeds.org/profile/mfa", "http://schemas.microsoft.com/claims/multipleauthn",
	"urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken",
}
