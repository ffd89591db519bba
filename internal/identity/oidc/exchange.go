package oidc

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"postern/internal/fault"
	"postern/internal/fetch"
)

// tokens is what the token endpoint gives (RFC 6749, section 5.1).
type tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
}

// refusal is an error of the token endpoint: a word of RFC 6749, section 5.2, or of OpenID Connect.
type refusal string

func (r refusal) Error() string { return "the provider says " + string(r) }

// exchange asks the token endpoint. An error that the provider names has a refusal as its cause.
func (p *Provider) exchange(ctx context.Context, form url.Values) (tokens, error) {
	m, err := p.meta(ctx)
	if err != nil {
		return tokens{}, err
	}
	t, err := p.exchangeAt(ctx, m, form)
	if because, ok := errors.AsType[refusal](err); ok && because == "invalid_client" && form.Has("client_assertion") && p.forEndpoint.CompareAndSwap(false, true) {
		// Nothing was spent: a provider looks at the code only once it knows who shows it.
		again, err2 := p.exchangeAt(ctx, m, form)
		if because, ok := errors.AsType[refusal](err2); !ok || because != "invalid_client" {
			return again, err2
		}
		p.forEndpoint.Store(false)
	}
	return t, err
}

func (p *Provider) exchangeAt(ctx context.Context, m *metadata, form url.Values) (tokens, error) {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	if err := p.authenticate(m, form, header); err != nil {
		return tokens{}, err
	}
	a, err := p.cfg.Fetch.Do(ctx, fetch.Request{Method: http.MethodPost, URL: m.Token, Header: header, Body: []byte(form.Encode())})
	if err != nil {
		return tokens{}, err
	}
	if a.Status >= 400 && a.Status < 500 && a.Status != http.StatusTooManyRequests {
		return tokens{}, tokenError(a)
	}
	if err := a.OK(); err != nil {
		return tokens{}, err
	}
	var t tokens
	if err := a.JSON(&t); err != nil {
		return tokens{}, err
	}
	if t.Access == "" || len(t.Access) > maxAccess || !strings.EqualFold(t.Type, "Bearer") {
		return tokens{}, refused("it gave no access token of the type Bearer")
	}
	return t, nil
}

func tokenError(a fetch.Answer) error {
	var e struct {
		Error string `json:"error"`
	}
	if err := a.JSON(&e); err != nil || !word(e.Error) {
		return a.OK()
	}
	cause := refusal(e.Error)
	switch e.Error {
	case "invalid_client", "unauthorized_client":
		return fault.New(fault.KindUpstream, "the identity provider does not accept our client id and secret (%s)", e.Error).Because(cause)
	case "temporarily_unavailable", "slow_down":
		return fault.Unavailable("the identity provider cannot answer now (%s)", e.Error).Because(cause)
	}
	return fault.New(fault.KindUpstream, "the identity provider refused (%s)", e.Error).Because(cause)
}

// word tells whether a text is an error code that may be shown.
func word(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' && (r < '0' || r > '9') })
}

// authenticate says who we are, in the way that the provider takes (OpenID Connect Core 1.0, section 9). Without a
// secret PKCE alone protects the code.
func (p *Provider) authenticate(m *metadata, form url.Values, header http.Header) error {
	takes := func(method string) bool { return slices.Contains(m.TokenAuth, method) }
	switch {
	case p.cfg.Secret == "":
		form.Set("client_id", p.cfg.ClientID)
	case strings.HasPrefix(strings.TrimSpace(p.cfg.Secret), "-----BEGIN"):
		return p.sign(m, form)
	case len(m.TokenAuth) == 0 || takes("client_secret_basic"):
		both := url.QueryEscape(p.cfg.ClientID) + ":" + url.QueryEscape(p.cfg.Secret) // RFC 6749, section 2.3.1
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(both)))
	case takes("client_secret_post"):
		form.Set("client_id", p.cfg.ClientID)
		form.Set("client_secret", p.cfg.Secret)
	default:
		return fault.New(fault.KindUpstream, "the identity provider takes no client secret; give a private key in PEM for private_key_jwt, if it takes that, or no secret")
	}
	return nil
}
