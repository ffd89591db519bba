package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"postern/internal/fault"
	"postern/internal/fetch"
	"postern/internal/identity"
)

// Finish takes the answer that the browser brought to our redirect URI, with the state of the sign-in that this
// browser began, and gives what the provider says of the user. An answer is good once: a second time the provider
// refuses its code.
func (p *Provider) Finish(ctx context.Context, s State, answer url.Values) (identity.Assertion, error) {
	code, err := p.code(ctx, s, answer)
	if err != nil {
		return identity.Assertion{}, err
	}
	t, err := p.exchange(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {s.Redirect}, "code_verifier": {s.Verifier},
	})
	if because, ok := errors.AsType[refusal](err); ok && because == "invalid_grant" {
		return identity.Assertion{}, fault.New(fault.KindGone, "this sign-in was used already or took too long; please begin again").Because(err)
	}
	if err != nil {
		return identity.Assertion{}, err
	}
	c, err := p.idToken(ctx, t.ID, expected{nonce: s.Nonce, began: s.Started, fresh: s.Fresh, maxAge: s.MaxAge, access: t.Access})
	if err != nil {
		return identity.Assertion{}, err
	}
	return p.assertion(ctx, c, t, renewal{Refresh: t.Refresh, ID: t.ID, Subject: c.text("sub"), Nonce: s.Nonce})
}

// code checks that an answer belongs to this sign-in and comes from this provider before anything of it is used.
func (p *Provider) code(ctx context.Context, s State, answer url.Values) (string, error) {
	other := fault.New(fault.KindGone, "this answer does not belong to a sign-in that this browser began, or another provider was asked; please begin again")
	if s.Issuer != p.cfg.Issuer || s.Client != p.cfg.ClientID || s.Redirect != p.cfg.Redirect || s.Verifier == "" || s.Nonce == "" {
		return "", other
	}
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(answer[name]) > 1 {
			return "", other
		}
	}
	if s.State == "" || !same(answer.Get("state"), s.State) {
		return "", other
	}
	if age := p.cfg.Now().Sub(s.Started); age > stateLife || age < -skew {
		return "", fault.New(fault.KindGone, "this sign-in took too long; please begin again")
	}
	m, err := p.meta(ctx)
	if err != nil {
		return "", err
	}
	// RFC 9207: the answer of one provider must not be taken to another.
	if answer.Has("iss") && answer.Get("iss") != p.cfg.Issuer || !answer.Has("iss") && m.StatesIssuer {
		return "", refused("it does not come from %s (iss)", p.cfg.Issuer)
	}
	if answer.Has("error") {
		return "", answerError(answer.Get("error"))
	}
	code := answer.Get("code")
	if code == "" || len(code) > maxCode {
		return "", refused("it holds no authorization code")
	}
	return code, nil
}

// answerError says why the provider did not sign somebody in (RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0,
// section 3.1.2.6). Its own description is not shown: anybody could have written it into the address.
func answerError(code string) error {
	switch code {
	case "access_denied":
		return fault.Forbidden("the identity provider did not let you in, or you cancelled it there")
	case "login_required", "interaction_required", "consent_required", "account_selection_required":
		return fault.Forbidden("the identity provider needs you to sign in there first; please begin again").Because(identity.ErrInteract)
	case "temporarily_unavailable", "server_error":
		return fault.Unavailable("the identity provider cannot sign anybody in now; please try again")
	}
	if !word(code) {
		code = "an unknown error"
	}
	return fault.New(fault.KindUpstream, "the identity provider refused the sign-in (%s)", code)
}

// assertion completes what the ID token says by userinfo and the groups that a token has no room for.
func (p *Provider) assertion(ctx context.Context, c claims, t tokens, keep renewal) (identity.Assertion, error) {
	all, err := p.withUserinfo(ctx, c, t.Access)
	if err != nil {
		return identity.Assertion{}, err
	}
	groups, err := p.groups(ctx, all, t.Access)
	if err != nil {
		return identity.Assertion{}, err
	}
	a := identity.Assertion{
		Issuer: p.cfg.Issuer, Subject: c.text("sub"), Claims: all.flatten(), Groups: groups,
		Methods: c.methods(), Context: c.text("acr"), Session: c.text("sid"),
	}
	if at, ok := c.time("auth_time"); ok {
		a.Authenticated = at
	}
	if a.Renewal, err = keep.encode(); err != nil {
		return identity.Assertion{}, err
	}
	if err := a.Check(); err != nil {
		return identity.Assertion{}, err
	}
	return a, nil
}

// withUserinfo adds what only userinfo says. What the signed token says counts first.
func (p *Provider) withUserinfo(ctx context.Context, c claims, access string) (claims, error) {
	m, err := p.meta(ctx)
	if err != nil || m.Userinfo == "" {
		return c, err
	}
	a, err := p.cfg.Fetch.Do(ctx, fetch.Request{URL: m.Userinfo, Header: bearer(access)})
	if err != nil {
		return nil, err
	}
	if err := a.OK(); err != nil {
		return nil, err
	}
	var object map[string]any
	if err := a.JSON(&object); err != nil {
		return nil, err
	}
	info, err := readClaims(a.Body)
	if err != nil {
		return nil, err
	}
	if info.text("sub") == "" || info.text("sub") != c.text("sub") { // Core, section 5.3.2: tokens may be exchanged
		return nil, refused("its userinfo is about somebody else (sub)")
	}
	all := claims{}
	for name, value := range info {
		all[name] = value
	}
	for name, value := range c {
		all[name] = value
	}
	return all, nil
}

func bearer(token string) http.Header {
	return http.Header{"Authorization": {"Bearer " + token}, "Accept": {"application/json"}}
}
