package session

import (
	"encoding/json"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

// What begins the text of a token, so that gateways and scanners for leaked secrets know one.
const (
	AccessPrefix  = access.TokenPrefix
	RefreshPrefix = "postern-refresh-1."
)

const maxToken = 4096 // of a token's text, in bytes

// AccessToken is what a program shows: whose session it is, and for what. It is not stored. Whether
// the session still is good is looked up as for a cookie, so ending that ends all its tokens at once.
type AccessToken struct {
	Session     access.ID `json:"s"`
	Client      string    `json:"c"`
	Audience    string    `json:"a"`           // the one resource it is good for
	Application access.ID `json:"p,omitempty"` // whose resource that is; empty for the admin API and the service itself
	Expires     int64     `json:"e"`           // Unix seconds
}

// RefreshToken is what a program renews its tokens with. It carries a MAC, so a forged one dies
// without a look-up and one of an earlier generation proves that somebody kept it.
type RefreshToken struct {
	Session    access.ID `json:"s"`
	Generation int64     `json:"g"`
	Secret     string    `json:"r"`
}

// AccessText gives the token as its program gets it.
func (k Keyring) AccessText(t AccessToken) (string, error) {
	body, err := k.signed("access-token", t)
	return AccessPrefix + body, err
}

// ParseAccess gives a token that was made here and was good at that time.
func (k Keyring) ParseAccess(text string, at time.Time) (t AccessToken, err error) {
	bad := fault.Unauthenticated("the token is not good: it is damaged or of another service")
	body, ok := strings.CutPrefix(text, AccessPrefix)
	if !ok || k.read("access-token", body, &t) != nil || !t.Session.Valid(access.PrefixSession) {
		return AccessToken{}, bad
	}
	if at.Unix() >= t.Expires {
		return AccessToken{}, fault.Unauthenticated("the token has expired")
	}
	return t, nil
}

// RefreshText gives the token as its program gets it.
func (k Keyring) RefreshText(t RefreshToken) (string, error) {
	body, err := k.signed("refresh-token", t)
	return RefreshPrefix + body, err
}

// ParseRefresh gives a token that was made here.
func (k Keyring) ParseRefresh(text string) (t RefreshToken, err error) {
	body, ok := strings.CutPrefix(text, RefreshPrefix)
	if !ok || k.read("refresh-token", body, &t) != nil || !t.Session.Valid(access.PrefixSession) {
		return RefreshToken{}, fault.Unauthenticated("the refresh token is not good: it is damaged or of another service")
	}
	return t, nil
}

// Ticket makes a one-time secret for a purpose. Like a cookie it carries a MAC, so that guesses cost
// no look-up.
func (k Keyring) Ticket(purpose string) string {
	text, _ := k.signed(purpose, Secret()) // a string: cannot fail
	return text
}

// CheckTicket reports whether a ticket was made here for the purpose.
func (k Keyring) CheckTicket(purpose, ticket string) bool {
	var secret string
	return k.read(purpose, ticket, &secret) == nil
}

// Name gives what stands for something in the database that must not be found out from it.
func (k Keyring) Name(purpose string, parts ...string) string {
	k = k.current()
	return text.EncodeToString(mac(k.Keys[k.Active], purpose, parts...))
}

// Wrap gives a value as text that comes back as it was; Unwrap reads it.
func (k Keyring) Wrap(purpose string, value any) (string, error) { return k.signed(purpose, value) }

// Unwrap reads what Wrap gave for the same purpose.
func (k Keyring) Unwrap(purpose, wrapped string, into any) error {
	return k.read(purpose, wrapped, into)
}

// signed gives a value as text with a MAC.
func (k Keyring) signed(purpose string, value any) (string, error) {
	payload, err := json.Marshal(value)
	if err != nil {
		return "", fault.Internal(err, "encode a token")
	}
	k = k.current()
	body := k.Active + "." + text.EncodeToString(payload)
	return body + "." + text.EncodeToString(mac(k.Keys[k.Active], purpose, body)), nil
}

var errToken = fault.Unauthenticated("this was not made here")

// read reads what signed gave for the same purpose.
func (k Keyring) read(purpose, signed string, into any) error {
	parts := strings.Split(signed, ".")
	if len(signed) > maxToken || len(parts) != 3 {
		return errToken
	}
	key, ok := k.current().Keys[parts[0]]
	got, err := text.DecodeString(parts[2])
	if !ok || err != nil || !SameHash(got, mac(key, purpose, parts[0]+"."+parts[1])) {
		return errToken
	}
	payload, err := text.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, into) != nil {
		return errToken
	}
	return nil
}
