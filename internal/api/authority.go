package api

import (
	"context"
	"net/http"
)

// Authority says how the service's own certificate authority and its signing keys are.
type Authority struct {
	Roots    []AuthorityRoot    `json:"roots" doc:"The roots that connectors and browsers trust: one, or two while they are exchanged, the next one last."`
	Issuing  AuthorityRoot      `json:"issuing" doc:"The issuing certificate that signs now."`
	Exchange *AuthorityExchange `json:"exchange,omitempty" doc:"How far the exchange of the root has come; absent when none is under way."`
	Keys     []SigningKey       `json:"keys" doc:"The keys that sign grants and cookies and those of before that are still good, the newest of each use first."`
}

// AuthorityRoot is one certificate of the authority.
type AuthorityRoot struct {
	Fingerprint string `json:"fingerprint" doc:"SHA-256 of the certificate, hexadecimal."`
	NotAfter    Time   `json:"notAfter" doc:"When it ends."`
}

// AuthorityExchange says who would be cut off if the exchange ended now.
type AuthorityExchange struct {
	Started Time                `json:"started" doc:"When it began."`
	Waiting []AuthorityWaiting  `json:"waiting" doc:"Connectors that have not renewed under the next root."`
	Tokens  []AuthorityOldToken `json:"tokens" doc:"Enrolment tokens that may still be used and name the root before."`
	Devices int                 `json:"devices" doc:"How many devices of users have a certificate of before that is good still. They renew by themselves, within half of its life."`
}

// AuthorityWaiting is a connector that has not renewed.
type AuthorityWaiting struct {
	ID       string `json:"id" doc:"Names the connector."`
	Name     string `json:"name" doc:"Its name."`
	Disabled bool   `json:"disabled" doc:"Whether it is disabled: then it cannot renew."`
	LastSeen Time   `json:"lastSeen,omitzero" doc:"When it was last seen."`
}

// AuthorityOldToken is an enrolment token of before.
type AuthorityOldToken struct {
	ID      string `json:"id" doc:"Names the token."`
	Name    string `json:"name" doc:"Its name."`
	Expires Time   `json:"expires" doc:"When it expires by itself."`
}

// AuthorityFinish ends an exchange of the root.
type AuthorityFinish struct {
	Force bool `json:"force,omitempty" doc:"Finish also if that cuts somebody off."`
}

// SigningKeyInput asks for the next key of a use.
type SigningKeyInput struct {
	Use string `json:"use" enum:"grants,sessions,id-tokens" doc:"What the key signs: grants for connectors, cookies of sessions, or ID tokens of programs."`
}

// SigningKey is a key that signs something.
type SigningKey struct {
	Use   string `json:"use" enum:"grants,sessions,id-tokens" doc:"What it signs."`
	ID    string `json:"id" doc:"Names the key; not a secret."`
	From  Time   `json:"from,omitzero" doc:"When it begins to sign; absent for a service's first key."`
	Until Time   `json:"until,omitzero" doc:"Until when what it signed is good; absent while no end is known."`
}

// Authority gives how the service's own certificate authority is.
func (c *Client) Authority(ctx context.Context) (Authority, error) {
	var out Authority
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"authority"}, out: &out})
	return out, err
}

// ExchangeRoot begins to exchange the root.
func (c *Client) ExchangeRoot(ctx context.Context) (Authority, error) {
	var out Authority
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"authority", "exchange"}, out: &out})
	return out, err
}

// FinishExchange retires the root before.
func (c *Client) FinishExchange(ctx context.Context, in AuthorityFinish) (Authority, error) {
	var out Authority
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"authority", "finish"}, in: in, out: &out})
	return out, err
}

// RotateIssuing makes a new issuing certificate.
func (c *Client) RotateIssuing(ctx context.Context) (Authority, error) {
	var out Authority
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"authority", "issuing"}, out: &out})
	return out, err
}

// RotateKey makes the next signing key of a use.
func (c *Client) RotateKey(ctx context.Context, in SigningKeyInput) (SigningKey, error) {
	var out SigningKey
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"signing-keys"}, in: in, out: &out})
	return out, err
}
