// Package fetch asks HTTP servers whose addresses somebody else named: identity providers, their keys and metadata,
// webhooks, collectors of logs.
//
// It promises that such an address leads nowhere it was not meant to: not to this machine, its neighbours on the
// wire or the cloud's keeper of secrets, however the address is spelled and whatever DNS says at that moment; and
// that no answer, however slow, long or odd, holds more than its bound of time and memory. Its errors say what
// is wrong in a sentence for a person and carry nothing of what was asked or answered.
package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"postern/internal/fault"
	"postern/internal/match"
)

// Config says how far a Client may reach. Every zero value works and is the strictest.
type Config struct {
	Private   bool                      // private networks may be asked, too (RFC 1918, unique local IPv6 …)
	Rules     match.Rules               // exceptions both ways; a special address is asked only if a rule allows just that
	Own       func(netip.AddrPort) bool // tells our own listeners, which are asked only if a rule allows it; see Listeners
	Plain     bool                      // http:// may be asked, too
	Roots     *x509.CertPool            // the authorities to trust; the system's if nil
	Redirects int                       // how many a plain GET may follow; each is checked like the first address
	Timeout   time.Duration             // of one question with its whole answer; 10s if zero
	MaxBody   int64                     // bytes of an answer's body; 1 MiB if zero
	UserAgent string                    // "Postern" if empty
	Resolver  *net.Resolver             // the system's if nil
}

const (
	maxHeader   = 64 << 10 // bytes of an answer's header
	maxURL      = 8 << 10
	connections = 8 // at once to one server
)

// Client asks. Its methods may be used by many goroutines.
type Client struct {
	cfg  Config
	http *http.Client
	idle interface{ CloseIdleConnections() }
}

// New makes a client. It takes nothing from the environment: no proxies, no certificates.
func New(cfg Config) *Client {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 1 << 20
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "Postern"
	}
	c := &Client{cfg: cfg}
	transport := &http.Transport{
		DialContext:            c.dial,
		TLSClientConfig:        &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    cfg.Timeout,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // a small answer stays small
		MaxConnsPerHost:        connections,
		MaxIdleConns:           4 * connections,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
	}
	c.idle = transport
	c.http = &http.Client{Transport: transport, CheckRedirect: c.redirect}
	return c
}

// Close gives back idle connections.
func (c *Client) Close() { c.idle.CloseIdleConnections() }

// Request is one question.
type Request struct {
	Method string // GET if empty
	URL    string
	Header http.Header // optional
	Body   []byte      // optional
}

// Do asks and gives the whole answer, whatever its status, except redirects that may not be followed. An error
// is a fault: KindInvalid if the address may not be asked, KindUnavailable or KindTimeout if nobody answered, and
// KindUpstream if the answer is none.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	u, err := c.check(r.URL)
	if err != nil {
		return Answer{}, err
	}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, fault.Internal(clean(err), "make a request to %s", u.Host)
	}
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, c.explain(ctx, u.Host, err)
	}
	defer resp.Body.Close()
	return c.read(ctx, u.Host, resp)
}

func (c *Client) read(ctx context.Context, host string, resp *http.Response) (Answer, error) {
	if resp.Request != nil && resp.Request.URL != nil {
		host = resp.Request.URL.Host // after redirects: who it was in the end
	}
	if err := ctx.Err(); err != nil {
		return Answer{}, c.explain(ctx, host, err)
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 && resp.StatusCode != http.StatusNotModified {
		return Answer{}, fault.New(fault.KindUpstream, "%s answered with a redirect, which is not followed here: give the address that it leads to", host)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.cfg.MaxBody+1))
	if err == nil {
		err = ctx.Err() // when we hang up, a server may still end its answer as if it were whole
	}
	if err != nil {
		return Answer{}, c.explain(ctx, host, err)
	}
	if int64(len(body)) > c.cfg.MaxBody {
		return Answer{}, fault.New(fault.KindUpstream, "%s answered with more than %d bytes", host, c.cfg.MaxBody)
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: body, host: host}, nil
}

// Get asks for a document. A status other than 2xx is an error.
func (c *Client) Get(ctx context.Context, address string) (Answer, error) {
	a, err := c.Do(ctx, Request{URL: address})
	if err != nil {
		return Answer{}, err
	}
	return a, a.OK()
}

// JSON asks for a JSON document and reads it. A status other than 2xx is an error, and so is any other type.
func (c *Client) JSON(ctx context.Context, address string, into any) error {
	a, err := c.Do(ctx, Request{URL: address, Header: http.Header{"Accept": {"application/json"}}})
	if err != nil {
		return err
	}
	if err := a.OK(); err != nil {
		return err
	}
	return a.JSON(into)
}

// redirect allows what Config says. What carried a secret or a body never goes on to somewhere else.
func (c *Client) redirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > c.cfg.Redirects && c.cfg.Redirects > 0 {
		return fault.New(fault.KindUpstream, "%s leads from one address to another more than %d times", first.URL.Host, c.cfg.Redirects)
	}
	if c.cfg.Redirects <= 0 || first.Method != http.MethodGet || first.ContentLength > 0 || first.Header.Get("Authorization") != "" {
		return http.ErrUseLastResponse
	}
	if _, err := c.check(req.URL.String()); err != nil {
		return fault.New(fault.KindUpstream, "%s leads to an address that is not asked", first.URL.Host).Because(err)
	}
	req.Header.Del("Referer") // an address may be a secret
	return nil
}

// check says what is wrong with an address before anything is looked up.
func (c *Client) check(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || len(address) > maxURL:
		return nil, fault.New(fault.KindInvalid, "the address to ask must be a URL such as https://login.example.com/path")
	case u.Scheme != "https" && !(u.Scheme == "http" && c.cfg.Plain):
		return nil, fault.New(fault.KindInvalid, "%s is not asked over %s: the address must start with https://", fault.Readable(u.Host), fault.Readable(u.Scheme))
	case u.User != nil:
		return nil, fault.New(fault.KindInvalid, "the address at %s must not contain a user name or password", fault.Readable(u.Host))
	}
	host, port, err := target(u)
	if err != nil {
		return nil, err
	}
	if err := c.name(host, port); err != nil {
		return nil, err
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}
