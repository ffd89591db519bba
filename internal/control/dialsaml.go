package control

import (
	"context"
	"encoding/json"
	"net/url"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/fetch"
	"postern/internal/identity"
	"postern/internal/identity/saml"
)

func (c *Control) dialSAML(u access.Upstream, secret []byte) (provider, error) {
	s := u.SAML
	cfg := saml.Config{Metadata: s.Metadata, MetadataURL: s.MetadataURL, EntityID: s.EntityID, Consumer: c.callbackOf(u.ID), Logout: c.upstreamURL(u.ID, "logout"),
		Secret: string(secret), SubjectAttribute: s.SubjectAttribute, GroupsAttribute: s.GroupsAttribute, IdPInitiated: s.IdPInitiated, SignRequests: s.SignRequests,
		MetadataSigner: s.MetadataSigner, Now: c.now}
	if cfg.EntityID == "" {
		cfg.EntityID = c.upstreamURL(u.ID, "metadata")
	}
	var err error
	if s.MetadataURL != "" {
		if cfg.Fetch, err = c.fetcher(reach{"saml", s.MetadataURL, s.AllowPrivate, s.AllowLoopback, s.CA}); err != nil {
			return nil, err
		}
	}
	p, err := saml.New(cfg)
	return samlProvider{p, cfg.Fetch, s.StrongContexts}, err
}

// samlProvider is a SAML identity provider as control sees it.
type samlProvider struct {
	*saml.Provider
	fetch  *fetch.Client // nil where it is not needed
	strong []string      // what it is asked for where more than one factor is needed
}

func (p samlProvider) Begin(ctx context.Context, how beginning) (begun, error) {
	ask := saml.Ask{Fresh: how.Fresh, Silent: how.Silent}
	if how.Strong {
		ask.Contexts = p.strong
	}
	sent, state, err := p.Provider.Begin(ctx, ask)
	if err != nil {
		return begun{}, err
	}
	flow, err := json.Marshal(state)
	if err != nil {
		return begun{}, fault.Internal(err, "encode the state of a sign-in")
	}
	return begun{URL: sent.URL, Form: sent.Form, State: state.Relay, Flow: flow}, nil
}

func (p samlProvider) Finish(ctx context.Context, flow []byte, answer url.Values) (identity.Assertion, error) {
	var state saml.State
	if err := json.Unmarshal(flow, &state); err != nil {
		return identity.Assertion{}, fault.Internal(err, "read the state of a sign-in")
	}
	return p.Provider.Finish(ctx, state, answer)
}

func (p samlProvider) Unasked(ctx context.Context, answer url.Values) (identity.Assertion, once, error) {
	said, good, err := p.Provider.Unasked(ctx, answer)
	return said, once{good.ID, good.Expires}, err
}

// Again cannot be: SAML has no way to ask about somebody who is not there.
func (p samlProvider) Again(context.Context, []byte) (identity.Assertion, error) {
	return identity.Assertion{}, errCannotAsk
}

func (p samlProvider) Renewable([]byte) bool { return false }

func (p samlProvider) LogoutURL(ctx context.Context, of signOut) (string, error) {
	return p.Provider.LogoutURL(ctx, of.Renewal, "")
}

func (p samlProvider) LoggedOut(ctx context.Context, message LogoutMessage) (loggedOut, error) {
	e, err := p.LogoutRequest(ctx, message.Query, message.Form)
	return loggedOut{Subject: e.Subject, Sessions: e.Sessions, Once: once{e.ID, e.Expires}, Reply: e.Reply()}, err
}

func (p samlProvider) LoggedOutHere(url.Values) (loggedOut, error) {
	return loggedOut{}, fault.NotFound("There is no page at this address.")
}

func (p samlProvider) Close() {
	if p.fetch != nil {
		p.fetch.Close()
	}
}

// UpstreamMetadata gives what a provider may read of this service. Nothing in it is secret.
func (c *Control) UpstreamMetadata(ctx context.Context, id access.ID) ([]byte, error) {
	client, err := c.providerOf(ctx, id)
	if err != nil {
		return nil, err
	}
	return client.provider.Metadata()
}
