package wire

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"postern/internal/fault"
)

// GrantKind says for whom a grant is good.
type GrantKind string

// The kinds of grant.
const (
	GrantApplication GrantKind = "application" // opens the streams of a web application, which its users share
	GrantUser        GrantKind = "user"        // opens the flows of one user
)

// MaxGrantLife bounds a grant's life; a connector refuses one that claims more.
const MaxGrantLife = time.Hour

// GrantSkew is how far the clocks of service and connector may be apart.
const GrantSkew = 2 * time.Minute

// Grant is the decision that streams of an application may be opened until it expires. The control
// plane signs it; a gateway cannot make one; a connector checks it.
type Grant struct {
	KeyID       string    `json:"kid"`
	TrustDomain string    `json:"trustDomain"`
	Kind        GrantKind `json:"kind"`
	Application string    `json:"application"`
	User        string    `json:"user,omitempty"`    // of GrantUser
	Session     string    `json:"session,omitempty"` // of GrantUser
	Issued      time.Time `json:"issued"`
	Expires     time.Time `json:"expires"`
}

const grantPrefix = "postern-grant/1\n" // what is signed: this and the payload

// Sign gives the grant in its transport form: payload and signature, base64url, joined by a dot.
func (g Grant) Sign(key ed25519.PrivateKey) (string, error) {
	payload, err := json.Marshal(g)
	if err != nil {
		return "", fault.Internal(err, "encode grant")
	}
	signature := ed25519.Sign(key, append([]byte(grantPrefix), payload...))
	return base64.RawURLEncoding.EncodeToString(payload) + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// Verifier checks grants.
type Verifier struct {
	TrustDomain string
	Keys        map[string][]byte // key id → Ed25519 public key
}

// Verify gives the grant if it is signed by a known key, of this instance, for the application,
// of a kind this build knows, and in force at now. The error's sentence is for an administrator.
func (v Verifier) Verify(text, application string, now time.Time) (Grant, error) {
	deny := func(format string, args ...any) (Grant, error) {
		return Grant{}, fault.Forbidden(format, args...)
	}
	if len(text) > 8<<10 {
		return deny("the grant is too long")
	}
	first, second, ok := strings.Cut(text, ".")
	payload, err1 := base64.RawURLEncoding.Strict().DecodeString(first)
	signature, err2 := base64.RawURLEncoding.Strict().DecodeString(second)
	if !ok || err1 != nil || err2 != nil {
		return deny("the grant is malformed")
	}
	var g Grant
	if json.Unmarshal(payload, &g) != nil {
		return deny("the grant is malformed")
	}
	key, ok := v.Keys[g.KeyID]
	if !ok || len(key) != ed25519.PublicKeySize {
		return deny("the grant is signed by a key that this connector does not know")
	}
	if !ed25519.Verify(key, append([]byte(grantPrefix), payload...), signature) {
		return deny("the grant's signature is wrong")
	}
	switch {
	case g.TrustDomain != v.TrustDomain:
		return deny("the grant is of another service")
	case g.Application != application:
		return deny("the grant is for another application")
	case g.Kind != GrantApplication && (g.Kind != GrantUser || g.User == ""):
		return deny("the grant is of a kind that this connector does not know")
	case g.Expires.Sub(g.Issued) > MaxGrantLife:
		return deny("the grant claims a life of more than an hour")
	case now.Add(GrantSkew).Before(g.Issued):
		return deny("the grant is not in force yet: this machine's clock is behind the service's")
	case !now.Add(-GrantSkew).Before(g.Expires):
		return deny("the grant has expired")
	}
	return g, nil
}

// GrantHash names a grant on a tunnel where it was shown in full before.
func GrantHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
