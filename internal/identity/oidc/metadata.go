package oidc

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"postern/internal/fault"
)

// metadata is what a provider says of itself (OpenID Connect Discovery 1.0, section 3).
type metadata struct {
	Issuer           string   `json:"issuer"`
	Authorization    string   `json:"authorization_endpoint"`
	Token            string   `json:"token_endpoint"`
	Userinfo         string   `json:"userinfo_endpoint"`
	Keys             string   `json:"jwks_uri"`
	EndSession       string   `json:"end_session_endpoint"`
	Algorithms       []string `json:"id_token_signing_alg_values_supported"`
	ResponseTypes    []string `json:"response_types_supported"`
	ScopesSupported  []string `json:"scopes_supported"`
	TokenAuth        []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgs    []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	StatesIssuer     bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
	BackChannel      bool     `json:"backchannel_logout_supported"`
	BackChannelSIDs  bool     `json:"backchannel_logout_session_supported"`
	FrontChannel     bool     `json:"frontchannel_logout_supported"`
	FrontChannelSIDs bool     `json:"frontchannel_logout_session_supported"`
	Graph            string   `json:"msgraph_host"` // Entra: where groups beyond the token's limit are asked for

	authorization, endSession *url.URL
}

// wellKnown is where an issuer's metadata is.
func wellKnown(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// discover fetches the metadata and checks that it is this provider's and whole.
func (p *Provider) discover(ctx context.Context) (*metadata, error) {
	var m metadata
	if err := p.cfg.Fetch.JSON(ctx, wellKnown(p.cfg.Issuer), &m); err != nil {
		return nil, err
	}
	// Exactly: whoever may answer for another issuer would be a mix-up in itself.
	if m.Issuer != p.cfg.Issuer {
		return nil, fault.New(fault.KindUpstream, "the identity provider's metadata is for the issuer %q, not for %q: the issuer must be written exactly so", fault.Readable(m.Issuer), p.cfg.Issuer)
	}
	var err error
	if m.authorization, err = endpoint("authorization_endpoint", m.Authorization); err != nil {
		return nil, err
	}
	for name, address := range map[string]string{"token_endpoint": m.Token, "jwks_uri": m.Keys} {
		if _, err := endpoint(name, address); err != nil {
			return nil, err
		}
	}
	if m.EndSession != "" {
		if m.endSession, err = endpoint("end_session_endpoint", m.EndSession); err != nil {
			return nil, err
		}
	}
	if len(m.ResponseTypes) > 0 && !slices.Contains(m.ResponseTypes, "code") {
		return nil, fault.New(fault.KindUpstream, "the identity provider does not offer the authorization code flow (response type code)")
	}
	if len(m.algorithms()) == 0 {
		return nil, fault.New(fault.KindUpstream, "the identity provider signs with no algorithm that we accept; we accept %s", strings.Join(algorithmNames(), ", "))
	}
	return &m, nil
}

// endpoint reads an address of the metadata: https, because people and secrets are sent there.
func endpoint(name, address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" || len(address) > 4096 {
		return nil, fault.New(fault.KindUpstream, "the identity provider's metadata names no %s that starts with https://", name)
	}
	return u, nil
}

func (p *Provider) meta(ctx context.Context) (*metadata, error) {
	m, _, err := p.metadata.Value(ctx)
	return m, err
}
