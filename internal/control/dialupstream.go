package control

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/url"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/fetch"
	"postern/internal/identity"
	"postern/internal/identity/ldap"
	"postern/internal/identity/oidc"
	"postern/internal/match"
)

// dialUpstream makes what speaks to an upstream. Nothing is dialled yet.
func (c *Control) dialUpstream(u access.Upstream, secret []byte) (*client, error) {
	made := &client{upstream: u, secret: secret}
	var err error
	switch u.Kind {
	case access.UpstreamLDAP:
		made.directory, err = c.dialDirectory(u, secret)
	case access.UpstreamOIDC:
		made.provider, err = c.dialOIDC(u, secret)
	case access.UpstreamSAML:
		made.provider, err = c.dialSAML(u, secret)
	default:
		err = fault.Internal(nil, "the upstream %s is of a kind that this version does not know", u.ID)
	}
	return made, err
}

func (c *Control) dialDirectory(u access.Upstream, secret []byte) (directory, error) {
	return ldap.New(ldap.Config{Settings: *u.LDAP, Domains: u.Domains, Claims: u.Mapping.Claims(u.Kind), Password: string(secret), Own: c.cfg.Own, Now: c.now})
}

// reach says how far what speaks to an upstream may reach.
type reach struct {
	field             string // of the upstream, for errors
	address           string // where it is
	private, loopback bool
	ca                string
}

// fetcher gives the way to an address that an administrator named.
func (c *Control) fetcher(r reach) (*fetch.Client, error) {
	cfg := fetch.Config{Private: r.private, Own: c.cfg.Own}
	if r.ca != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool() // a system without authorities of its own
		}
		if !pool.AppendCertsFromPEM([]byte(r.ca)) {
			return nil, fault.Invalid(r.field+".ca", "must be certificates in PEM")
		}
		cfg.Roots = pool
	}
	if r.loopback {
		u, err := url.Parse(r.address)
		if err != nil {
			return nil, fault.Invalid(r.field, "must be a URL")
		}
		port := u.Port()
		if port == "" {
			port = "443"
		}
		// This port of this machine and nothing else, wherever the provider's own words lead.
		if cfg.Rules, err = match.ParseRules(fmt.Sprintf("allow 127.0.0.0/8:%s\nallow [::1]:%s", port, port)); err != nil {
			return nil, fault.Internal(err, "make the rules for a provider on this machine")
		}
	}
	return fetch.New(cfg), nil
}

func (c *Control) dialOIDC(u access.Upstream, secret []byte) (provider, error) {
	s := u.OIDC
	get, err := c.fetcher(reach{"oidc", s.Issuer, s.AllowPrivate, s.AllowLoopback, s.CA})
	if err != nil {
		return nil, err
	}
	p, err := oidc.New(oidc.Config{Issuer: s.Issuer, ClientID: s.ClientID, Secret: string(secret), Redirect: c.callbackOf(u.ID),
		Scopes: s.Scopes, GroupsClaim: s.GroupsClaim, Fetch: get, Now: c.now})
	return oidcProvider{p, get, s.StrongACR}, err
}

// oidcProvider is an OpenID Connect provider as control sees it.
type oidcProvider struct {
	*oidc.Provider
	fetch  *fetch.Client
	strong []string // what it is asked for where more than one factor is needed
}

func (p oidcProvider) Begin(ctx context.Context, how beginning) (begun, error) {
	ask := oidc.Ask{Fresh: how.Fresh, Silent: how.Silent, Hint: how.Name}
	if how.Strong {
		ask.ACR = p.strong
	}
	where, state, err := p.Provider.Begin(ctx, "", ask)
	if err != nil {
		return begun{}, err
	}
	flow, err := json.Marshal(state)
	if err != nil {
		return begun{}, fault.Internal(err, "encode the state of a sign-in")
	}
	return begun{URL: where, State: state.State, Flow: flow}, nil
}

func (p oidcProvider) Finish(ctx context.Context, flow []byte, answer url.Values) (identity.Assertion, error) {
	var state oidc.State
	if err := json.Unmarshal(flow, &state); err != nil {
		return identity.Assertion{}, fault.Internal(err, "read the state of a sign-in")
	}
	return p.Provider.Finish(ctx, state, answer)
}

func (p oidcProvider) Again(ctx context.Context, renewal []byte) (identity.Assertion, error) {
	if !oidc.Renewable(renewal) {
		return identity.Assertion{}, errCannotAsk
	}
	return p.Provider.Again(ctx, renewal)
}

func (p oidcProvider) Renewable(renewal []byte) bool { return oidc.Renewable(renewal) }

func (p oidcProvider) LogoutURL(ctx context.Context, of signOut) (string, error) {
	return p.Provider.LogoutURL(ctx, of.Renewal, of.Back, "")
}

func (p oidcProvider) Unasked(context.Context, url.Values) (identity.Assertion, once, error) {
	return identity.Assertion{}, once{}, errBegin
}

func (p oidcProvider) LoggedOut(ctx context.Context, message LogoutMessage) (loggedOut, error) {
	if len(message.Form["logout_token"]) != 1 {
		return loggedOut{}, fault.Invalid("logout_token", "must be given once")
	}
	e, err := p.BackChannel(ctx, message.Form.Get("logout_token"))
	return loggedOut{Subject: e.Subject, Sessions: oneOrNone(e.Session), Once: once{e.ID, e.Expires}}, err
}

func (p oidcProvider) LoggedOutHere(answer url.Values) (loggedOut, error) {
	session, err := p.FrontChannel(answer)
	return loggedOut{Sessions: oneOrNone(session)}, err
}

func oneOrNone(session string) []string {
	if session == "" {
		return nil
	}
	return []string{session}
}

func (p oidcProvider) Metadata() ([]byte, error) {
	return nil, fault.NotFound("There is no page at this address.")
}

func (p oidcProvider) Check(ctx context.Context) error {
	_, err := p.Provider.Check(ctx)
	return err
}

func (p oidcProvider) Close() { p.fetch.Close() }
