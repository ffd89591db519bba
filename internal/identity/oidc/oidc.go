// Package oidc signs people in at an OpenID Connect provider (Core 1.0, Discovery 1.0, RP-Initiated, Front- and
// Back-Channel Logout 1.0; code flow with PKCE, RFC 9207 and RFC 9700).
//
// It keeps no rows and no sessions: what it needs again later it hands out and takes back. It promises that an
// Assertion was made by this very provider, for us, for this sign-in, just now; that whatever a provider or a
// stranger does is answered in bounded time with one clear error; and that the provider's keys are fetched at most
// once a minute.
//
// Its errors are faults. Only KindUnauthenticated means that the provider no longer vouches for somebody; all others
// say that it could not be found out.
package oidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"postern/internal/fault"
	"postern/internal/fetch"
)

// Config holds what a Provider needs. Fields are required unless they say otherwise.
type Config struct {
	Issuer      string   // exactly as the provider states it
	ClientID    string   // what the provider calls us
	Secret      string   // optional: the client's secret, or a private key in PEM for private_key_jwt; none with PKCE alone
	Redirect    string   // our redirect URI; its own for each provider, which is the first defence against mix-up
	Scopes      []string // beside openid; profile, email and, where the provider has it, offline_access if empty
	GroupsClaim string   // where the groups are, with dots into objects; "groups" if empty
	Fetch       *fetch.Client
	Now         func() time.Time // time.Now if nil
}

// The bounds of what a provider may say and how far its clock may be off.
const (
	skew       = 2 * time.Minute
	maxToken   = 128 << 10 // bytes of an ID token or a logout token
	maxCode    = 8 << 10   // bytes of an authorization code
	maxAccess  = 64 << 10  // bytes of an access token
	stateLife  = 15 * time.Minute
	keysPause  = time.Minute
	maxKeys    = 64
	metaPause  = 10 * time.Second
	metaFresh  = time.Hour
	keysFresh  = time.Hour
	mayBeStale = 24 * time.Hour
)

// Provider is one OpenID Connect provider. Its methods may be used by many goroutines.
type Provider struct {
	cfg      Config
	metadata *fetch.Kept[*metadata]
	keys     *fetch.Kept[*keySet]

	forEndpoint atomic.Bool // proofs of our key must be for the token endpoint
}

// New checks and wires. It asks the provider nothing.
func New(cfg Config) (*Provider, error) {
	if cfg.Issuer == "" || cfg.ClientID == "" || cfg.Redirect == "" || cfg.Fetch == nil {
		return nil, fault.New(fault.KindInvalid, "an OpenID Connect provider needs an issuer, a client id and a redirect URI")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.GroupsClaim == "" {
		cfg.GroupsClaim = "groups"
	}
	p := &Provider{cfg: cfg}
	p.metadata = fetch.NewKept(fetch.Keep{Fresh: metaFresh, Stale: mayBeStale, Pause: metaPause, Now: cfg.Now}, p.discover)
	p.keys = fetch.NewKept(fetch.Keep{Fresh: keysFresh, Stale: mayBeStale, Pause: keysPause, Now: cfg.Now}, p.fetchKeys)
	return p, nil
}

// Ask says how somebody is to sign in. The zero value asks for nothing special.
type Ask struct {
	MaxAge time.Duration // the user must have proved who they are within it; no matter if zero
	Fresh  bool          // the user must prove it now
	Silent bool          // nothing may be asked: who is not signed in there is told so by identity.ErrInteract
	Hint   string        // a sign-in name to begin with
	ACR    []string      // authentication contexts, the best first
}

// State is what must come back with the answer. It holds secrets of this one sign-in and must travel bound to the
// browser that began it.
type State struct {
	Issuer   string        `json:"i"`
	Client   string        `json:"c"`
	Redirect string        `json:"r"`
	State    string        `json:"s"`
	Nonce    string        `json:"n"`
	Verifier string        `json:"v"`
	MaxAge   time.Duration `json:"a,omitempty"`
	Fresh    bool          `json:"f,omitempty"`
	Started  time.Time     `json:"t"`
}

// Begin gives the address at the provider where the browser goes, and the state that must come back. id is what
// the "state" parameter begins with, so that the caller finds the sign-in that an answer belongs to; it may be empty.
func (p *Provider) Begin(ctx context.Context, id string, ask Ask) (string, State, error) {
	m, err := p.meta(ctx)
	if err != nil {
		return "", State{}, err
	}
	s := State{
		Issuer: p.cfg.Issuer, Client: p.cfg.ClientID, Redirect: p.cfg.Redirect,
		State: id + random(), Nonce: random(), Verifier: random(), Started: p.cfg.Now().UTC(),
	}
	challenge := sha256.Sum256([]byte(s.Verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {p.cfg.ClientID}, "redirect_uri": {p.cfg.Redirect},
		"scope": {strings.Join(p.scopes(m), " ")}, "state": {s.State}, "nonce": {s.Nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	switch {
	case ask.Silent:
		q.Set("prompt", "none")
	case ask.Fresh:
		q.Set("prompt", "login")
		q.Set("max_age", "0")
		s.Fresh = true
	case ask.MaxAge > 0:
		q.Set("max_age", strconv.FormatInt(int64(ask.MaxAge/time.Second), 10))
		s.MaxAge = ask.MaxAge
	}
	if ask.Hint != "" {
		q.Set("login_hint", ask.Hint)
	}
	if len(ask.ACR) > 0 {
		q.Set("acr_values", strings.Join(ask.ACR, " "))
	}
	return withQuery(m.authorization, q), s, nil
}

func (p *Provider) scopes(m *metadata) []string {
	scopes := p.cfg.Scopes
	if len(scopes) == 0 {
		scopes = []string{"profile", "email"}
		if slices.Contains(m.ScopesSupported, "offline_access") {
			scopes = append(scopes, "offline_access")
		}
	}
	return append([]string{"openid"}, slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return s == "openid" })...)
}

// withQuery adds to an address that may have a query already (RFC 6749, section 3.1).
func withQuery(u *url.URL, add url.Values) string {
	to := *u
	if to.RawQuery != "" {
		to.RawQuery += "&"
	}
	to.RawQuery += add.Encode()
	return to.String()
}

// random gives 256 bits, as 43 characters that every parameter may hold; it is a PKCE verifier, too (RFC 7636).
func random() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// refused says that an answer of the provider is not good.
func refused(format string, args ...any) *fault.Error {
	return fault.New(fault.KindUpstream, "the identity provider's answer is not accepted: "+format, args...)
}
