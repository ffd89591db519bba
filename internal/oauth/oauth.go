// Package oauth signs a program in at a Postern service, as its user: through the browser of the
// machine (authorization code with PKCE on a loopback address, RFC 8252), or, where there is none,
// by a short code typed elsewhere (RFC 8628). It renews and revokes what it got.
//
// It keeps nothing. Errors are faults: KindUnauthenticated means that somebody has to sign in
// again, KindUnavailable that the service could not be asked.
package oauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"postern/internal/dial"
	"postern/internal/fault"
)

// Client is a program at one service.
type Client struct {
	id     string
	http   *http.Client
	issuer string
	at     endpoints
}

type endpoints struct {
	Issuer    string   `json:"issuer"`
	Authorize string   `json:"authorization_endpoint"`
	Token     string   `json:"token_endpoint"`
	Device    string   `json:"device_authorization_endpoint"`
	Revoke    string   `json:"revocation_endpoint"`
	Methods   []string `json:"code_challenge_methods_supported"`
}

// Tokens are what a program got.
type Tokens struct {
	Access  string
	Refresh string // for the next ones; this one is good once
	Expires time.Time
}

// Ask says what a sign-in is for.
type Ask struct {
	Resource string // the only one; empty for all that the client may use
	Name     string // what the machine is called, shown to its user
}

const (
	maxReply    = 64 << 10
	askWithin   = 30 * time.Second
	maxText     = 512     // bytes of what the service says that is shown
	maxSeconds  = 1 << 25 // that something lives, about a year: more would overflow a Duration
	maxInterval = 60      // seconds between two polls
	grantDevice = "urn:ietf:params:oauth:grant-type:device_code"
)

// HTTP makes the client to ask with. roots are the authorities to trust; the system's if nil.
func HTTP(roots *x509.CertPool) *http.Client { return &http.Client{Transport: transport(roots)} }

// HTTPBy is HTTP over connections that are made otherwise than directly or by HTTPS_PROXY.
func HTTPBy(connect func(ctx context.Context, network, address string) (net.Conn, error), roots *x509.CertPool) *http.Client {
	t := transport(roots)
	t.Proxy, t.DialContext = nil, connect
	return &http.Client{Transport: t}
}

func transport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dial.Context,
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		IdleConnTimeout:     time.Minute,
	}
}

// Discover finds the service's addresses (RFC 8414). All of them must be the issuer's own.
func Discover(ctx context.Context, client *http.Client, issuer, id string) (*Client, error) {
	c := &Client{id: id, issuer: strings.TrimSuffix(issuer, "/"), http: &http.Client{
		Transport: client.Transport, Timeout: askWithin,
		// Nothing of this redirects; a code or a token must not be carried elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if err := c.get(ctx, c.issuer+"/.well-known/oauth-authorization-server", &c.at); err != nil {
		return nil, err
	}
	if c.at.Issuer != c.issuer {
		return nil, fault.New(fault.KindUpstream, "%s says that it is %q", c.issuer, plain(c.at.Issuer))
	}
	for _, address := range []string{c.at.Authorize, c.at.Token, c.at.Device, c.at.Revoke} {
		if !strings.HasPrefix(address, c.issuer+"/") {
			return nil, fault.New(fault.KindUpstream, "%s is no Postern service: it names %q", c.issuer, plain(address))
		}
	}
	return c, nil
}

// Protects asks a resource, such as the admin API, who signs in for it (RFC 9728).
func Protects(ctx context.Context, client *http.Client, resource string) (issuer string, err error) {
	c := &Client{http: &http.Client{Transport: client.Transport, Timeout: askWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	var found struct {
		Resource string   `json:"resource"`
		Servers  []string `json:"authorization_servers"`
	}
	if err := c.get(ctx, resource+"/.well-known/oauth-protected-resource", &found); err != nil {
		return "", err
	}
	if found.Resource != resource || len(found.Servers) != 1 || !strings.HasPrefix(found.Servers[0], "https://") {
		return "", fault.New(fault.KindUpstream, "%s does not say who signs in for it; is it the URL of the admin host?", resource)
	}
	return found.Servers[0], nil
}

func (c *Client) get(ctx context.Context, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fault.Invalid("URL", "cannot be asked: %v", err)
	}
	status, body, err := c.do(req)
	if err != nil {
		return err
	}
	if status != http.StatusOK || json.Unmarshal(body, into) != nil {
		return fault.New(fault.KindUpstream, "%s answered %d and nothing that a Postern service says; is the URL right?", address, status)
	}
	return nil
}

func (c *Client) do(req *http.Request) (status int, body []byte, err error) {
	resp, err := c.http.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			return 0, nil, fault.Unavailable("%s shows a certificate that is not trusted here (%v); if its authority is private, name it with --ca-file",
				req.URL.Host, err).Because(err)
		}
		return 0, nil, fault.Unavailable("%s cannot be reached: %v", req.URL.Host, err).Because(err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err != nil || len(body) > maxReply {
		return 0, nil, fault.Unavailable("%s answered too much or only in part", req.URL.Host).Because(err)
	}
	return resp.StatusCode, body, nil
}

// An Error is the word that OAuth has for a refusal: the cause of a fault.
type Error string

// Error gives the word.
func (e Error) Error() string { return string(e) }

// post sends a form and reads the answer.
func (c *Client) post(ctx context.Context, address string, form url.Values, into any) error {
	form.Set("client_id", c.id)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	status, body, err := c.do(req)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return refusal(req.URL.Host, status, body)
	}
	if json.Unmarshal(body, into) != nil {
		return fault.New(fault.KindUpstream, "%s answered with something that is not OAuth", req.URL.Host)
	}
	return nil
}

// refusal turns an answer that is not good into a fault.
func refusal(host string, status int, body []byte) error {
	var answer struct {
		Code   string `json:"error"`
		Detail string `json:"error_description"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Code == "" {
		return fault.Unavailable("%s answered %d and nothing that a Postern service says", host, status)
	}
	if answer.Detail == "" {
		answer.Detail = answer.Code
	}
	kind := fault.KindInvalid
	switch answer.Code {
	case "invalid_grant", "expired_token", "access_denied":
		kind = fault.KindUnauthenticated
	case "temporarily_unavailable", "server_error":
		kind = fault.KindUnavailable
	}
	return fault.New(kind, "%s", plain(answer.Detail)).Because(Error(plain(answer.Code)))
}

// plain gives what a service said so that it can be shown in a terminal: of a bounded length, without
// controls.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// tokens sends a token request.
func (c *Client) tokens(ctx context.Context, form url.Values) (Tokens, error) {
	var answer struct {
		Access  string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"`
		Refresh string `json:"refresh_token"`
	}
	asked := time.Now()
	if err := c.post(ctx, c.at.Token, form, &answer); err != nil {
		return Tokens{}, err
	}
	if answer.Access == "" || !strings.EqualFold(answer.Type, "bearer") {
		return Tokens{}, fault.New(fault.KindUpstream, "%s gave no token", c.issuer)
	}
	life := time.Duration(min(max(answer.Expires, 0), maxSeconds)) * time.Second
	return Tokens{Access: answer.Access, Refresh: answer.Refresh, Expires: asked.Add(life)}, nil
}

// Refresh gets new tokens for a resource; the refresh token is good once, and a new one comes with them.
func (c *Client) Refresh(ctx context.Context, refresh, resource string) (Tokens, error) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
	if resource != "" {
		form.Set("resource", resource)
	}
	return c.tokens(ctx, form)
}

// Revoke ends the sign-in of a token.
func (c *Client) Revoke(ctx context.Context, token string) error {
	var answer struct{}
	return c.post(ctx, c.at.Revoke, url.Values{"token": {token}}, &answer)
}
