package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"

	"postern/internal/fault"
	"postern/internal/identity"
)

// renewal is what an Assertion's Renewal holds: what it takes to ask again, and to sign out there.
type renewal struct {
	Refresh string `json:"r,omitempty"`
	ID      string `json:"i,omitempty"` // the last ID token, a hint for the provider's logout
	Subject string `json:"s"`
	Nonce   string `json:"n"`
}

// maxHint is how long an ID token may be that is kept as a hint: it goes through an address.
const maxHint = 6 << 10

func (r renewal) encode() ([]byte, error) {
	if len(r.ID) > maxHint {
		r.ID = ""
	}
	encoded, err := json.Marshal(r)
	if err != nil {
		return nil, fault.Internal(err, "encode what is asked with again")
	}
	return encoded, nil
}

func decode(encoded []byte) (renewal, error) {
	var r renewal
	if err := json.Unmarshal(encoded, &r); err != nil || r.Subject == "" {
		return renewal{}, fault.Internal(err, "read what is asked with again")
	}
	return r, nil
}

// check says whether a token that came by a refresh token is about the same user and sign-in (OpenID Connect Core
// 1.0, section 12.2).
func (r *renewal) check(c claims) error {
	if c.text("sub") != r.Subject {
		return refused("its new token is about somebody else (sub)")
	}
	if c.has("nonce") && !same(c.text("nonce"), r.Nonce) {
		return refused("its new token is for another sign-in (nonce)")
	}
	return nil
}

// Renewable tells whether an Assertion's Renewal is good for Again. Without a refresh token it is a hint for
// LogoutURL only.
func Renewable(encoded []byte) bool {
	r, err := decode(encoded)
	return err == nil && r.Refresh != ""
}

// ended lists the errors with which a provider says that somebody must sign in there anew: the grant was revoked,
// the user is disabled or must prove more.
var ended = []string{"invalid_grant", "interaction_required", "login_required", "consent_required"}

// Again asks what the provider says of a user by now, with the Renewal of the last Assertion. The new Assertion has
// the next Renewal, which replaces it: most providers take each once. KindUnauthenticated means that the provider
// no longer vouches for the user; any other error, that it cannot be told now.
func (p *Provider) Again(ctx context.Context, encoded []byte) (identity.Assertion, error) {
	keep, err := decode(encoded)
	if err != nil {
		return identity.Assertion{}, err
	}
	if keep.Refresh == "" {
		return identity.Assertion{}, fault.Conflict("the identity provider gave no refresh token to ask again with (scope offline_access)")
	}
	t, err := p.exchange(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {keep.Refresh}})
	if because, ok := errors.AsType[refusal](err); ok && slices.Contains(ended, string(because)) {
		return identity.Assertion{}, fault.Unauthenticated("the identity provider no longer vouches for this sign-in").Because(err)
	}
	if err != nil {
		return identity.Assertion{}, err
	}
	if t.Refresh != "" {
		keep.Refresh = t.Refresh
	}
	if t.ID == "" { // a provider may leave it out here; userinfo says who it is
		return p.againByUserinfo(ctx, t, keep)
	}
	c, err := p.idToken(ctx, t.ID, expected{access: t.Access, renewal: &keep})
	if err != nil {
		return identity.Assertion{}, err
	}
	keep.ID = t.ID
	return p.assertion(ctx, c, t, keep)
}

func (p *Provider) againByUserinfo(ctx context.Context, t tokens, keep renewal) (identity.Assertion, error) {
	m, err := p.meta(ctx)
	if err != nil {
		return identity.Assertion{}, err
	}
	if m.Userinfo == "" {
		return identity.Assertion{}, refused("it gave neither an ID token nor has it userinfo")
	}
	return p.assertion(ctx, claims{"sub": keep.Subject}, t, keep)
}
