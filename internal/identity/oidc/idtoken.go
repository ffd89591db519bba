package oidc

import (
	"context"
	"crypto"
	"encoding/base64"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/internal/fault"
	"postern/internal/identity"
)

// expected is what an ID token must say beside being this provider's and for us.
type expected struct {
	nonce   string        // of the sign-in
	began   time.Time     // when it began; an older token is not for it
	fresh   bool          // the user must have proved who they are since it began
	maxAge  time.Duration // how long ago the user may have proved who they are; no matter if zero
	access  string        // the access token that came with it
	renewal *renewal      // what it renews, for one that came by a refresh token
}

// idToken checks an ID token (OpenID Connect Core 1.0, sections 3.1.3.7 and 12.2) and gives its claims.
func (p *Provider) idToken(ctx context.Context, token string, want expected) (claims, error) {
	payload, err := p.verify(ctx, token, "JWT", "jwt")
	if err != nil {
		return nil, err
	}
	c, err := readClaims(payload)
	if err != nil {
		return nil, err
	}
	if err := p.common(c); err != nil {
		return nil, err
	}
	if err := p.times(c, want); err != nil {
		return nil, err
	}
	if want.renewal == nil {
		if c.text("nonce") == "" || !same(c.text("nonce"), want.nonce) {
			return nil, refused("its token is not for this sign-in (nonce)")
		}
	} else if err := want.renewal.check(c); err != nil {
		return nil, err
	}
	if hash, ok := c["at_hash"]; ok {
		if text, _ := hash.(string); !hashes(token, want.access, text) {
			return nil, refused("its tokens do not belong together (at_hash)")
		}
	}
	return c, nil
}

// common checks what every token of the provider must say: who made it, for whom, and of whom.
func (p *Provider) common(c claims) error {
	if c.text("iss") != p.cfg.Issuer {
		return refused("its token was issued by %q, not by %q", fault.Readable(c.text("iss")), p.cfg.Issuer)
	}
	audience, ok := texts(c["aud"])
	if !ok || !slices.Contains(audience, p.cfg.ClientID) {
		return refused("its token is not for us (aud)")
	}
	party, ok := c["azp"].(string)
	switch {
	case c.has("azp") && (!ok || party != p.cfg.ClientID):
		return refused("its token was issued to somebody else (azp)")
	case len(audience) > 1 && !c.has("azp"):
		return refused("its token is for others, too, and does not say to whom it was issued (azp)")
	}
	if s := c.text("sub"); c.has("sub") && (s == "" || len(s) > identity.MaxSubject) {
		return refused("its token names nobody (sub)")
	}
	return nil
}

// times checks that an ID token is good now and was made for this sign-in.
func (p *Provider) times(c claims, want expected) error {
	now := p.cfg.Now()
	expires, ok := c.time("exp")
	if !ok || !now.Before(expires.Add(skew)) {
		return refused("its token has expired, or does not say when it does; do the clocks of both agree?")
	}
	issued, ok := c.time("iat")
	if !ok || issued.After(now.Add(skew)) {
		return refused("its token is from the future, or does not say when it was made; do the clocks of both agree?")
	}
	if !want.began.IsZero() && issued.Before(want.began.Add(-skew)) {
		return refused("its token is older than this sign-in; do the clocks of both agree?")
	}
	if from, ok := c.time("nbf"); c.has("nbf") && (!ok || from.After(now.Add(skew))) {
		return refused("its token is not good yet; do the clocks of both agree?")
	}
	if c.text("sub") == "" {
		return refused("its token names nobody (sub)")
	}
	at, ok := c.time("auth_time")
	switch {
	case c.has("auth_time") && (!ok || at.After(now.Add(skew))):
		return refused("its token does not say when the user signed in there (auth_time)")
	case (want.fresh || want.maxAge > 0) && !ok:
		return refused("its token does not say when the user signed in there, which was asked for (auth_time)")
	case want.fresh && at.Before(want.began.Add(-skew)), want.maxAge > 0 && at.Add(want.maxAge).Add(skew).Before(now):
		return fault.Forbidden("the identity provider did not ask you again who you are, which is needed here: it says that you last proved it at %s (auth_time); please sign out there and try again",
			at.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return nil
}

// hashes tells whether a value is the left half of the hash of another, by the hash of the token's own signature.
func hashes(token, of, value string) bool {
	signed, err := jose.ParseSignedCompact(token, accepted)
	if err != nil || len(signed.Signatures) != 1 {
		return false
	}
	hash := crypto.SHA256
	switch alg := signed.Signatures[0].Protected.Algorithm; alg {
	case "RS384", "PS384", "ES384":
		hash = crypto.SHA384
	case "RS512", "PS512", "ES512", string(jose.EdDSA):
		hash = crypto.SHA512
	}
	h := hash.New()
	h.Write([]byte(of))
	sum := h.Sum(nil)
	return same(base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2]), value)
}
