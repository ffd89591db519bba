package oidc

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"postern/internal/fault"
	"postern/internal/fetch"
)

// groups gives all of the user's groups. A provider whose tokens have no room for all of them says where they are
// (OpenID Connect Core 1.0, section 5.6.2); they are fetched there, or nobody is let in: a part of somebody's
// groups would be a decision that nobody made.
func (p *Provider) groups(ctx context.Context, c claims, access string) ([]string, error) {
	names, _ := c["_claim_names"].(map[string]any)
	if value, beyond := names[p.cfg.GroupsClaim]; beyond {
		return p.distributed(ctx, c, value, access)
	}
	if yes, _ := c["hasgroups"].(bool); yes && !c.has(p.cfg.GroupsClaim) { // Entra's implicit flow
		return p.graph(ctx, access)
	}
	return c.groups(p.cfg.GroupsClaim)
}

func (p *Provider) distributed(ctx context.Context, c claims, name any, access string) ([]string, error) {
	sources, _ := c["_claim_sources"].(map[string]any)
	key, _ := name.(string)
	source, _ := sources[key].(map[string]any)
	address, _ := source["endpoint"].(string)
	own, _ := source["access_token"].(string)
	m, err := p.meta(ctx)
	switch {
	case err != nil:
		return nil, err
	case m.Graph != "":
		return p.graph(ctx, access)
	case address == "":
		return nil, refused("it has no room for the user's groups and does not say where they are")
	case own == "":
		// Our access token is for the provider and goes nowhere else.
		return nil, refused("it has no room for the user's groups and gives no token to ask for them with")
	}
	u, err := endpoint("endpoint for groups", address)
	if err != nil {
		return nil, err
	}
	a, err := p.cfg.Fetch.Do(ctx, fetch.Request{URL: u.String(), Header: bearer(own)})
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
	more := claims(object)
	if _, ok := more.find(p.cfg.GroupsClaim); !ok {
		return nil, refused("where the user's groups should be there is no claim %s", p.cfg.GroupsClaim)
	}
	return more.groups(p.cfg.GroupsClaim)
}

// graph asks Microsoft Graph for the ids of all groups of the user, nested ones included. The address in the token
// is not used: it is that of a service that Microsoft has ended.
func (p *Provider) graph(ctx context.Context, access string) ([]string, error) {
	m, err := p.meta(ctx)
	if err != nil {
		return nil, err
	}
	if m.Graph == "" || strings.ContainsAny(m.Graph, "/?#@\\ ") {
		return nil, refused("it has no room for the user's groups and does not say where they are")
	}
	body, err := json.Marshal(map[string]bool{"securityEnabledOnly": false})
	if err != nil {
		return nil, fault.Internal(err, "ask for groups")
	}
	header := bearer(access)
	header.Set("Content-Type", "application/json")
	address := (&url.URL{Scheme: "https", Host: m.Graph, Path: "/v1.0/me/getMemberObjects"}).String()
	a, err := p.cfg.Fetch.Do(ctx, fetch.Request{Method: http.MethodPost, URL: address, Header: header, Body: body})
	if err != nil {
		return nil, err
	}
	if a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden {
		return nil, fault.New(fault.KindUpstream, "the user is in more groups than the token has room for, and Microsoft Graph does not tell them to us: add the scope https://%s/GroupMember.Read.All and grant it", m.Graph)
	}
	if err := a.OK(); err != nil {
		return nil, err
	}
	var answer struct {
		Value []string `json:"value"`
		Next  string   `json:"@odata.nextLink"`
	}
	if err := a.JSON(&answer); err != nil {
		return nil, err
	}
	if answer.Next != "" {
		return nil, refused("the user is in more groups than are told at once")
	}
	return distinct(answer.Value)
}
