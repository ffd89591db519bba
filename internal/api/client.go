package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"postern/internal/dial"
	"postern/internal/fault"
)

// Config says how to reach a service. URL and Key are required.
type Config struct {
	URL string // of the service's admin host: https://admin.example.com
	Key string // the API key's secret; may be empty for what needs none (set-up)
	// Token gives an access token for each request instead of Key; optional.
	Token     func(context.Context) (string, error)
	Roots     *x509.CertPool // optional: the authorities to trust; the system's if nil
	UserAgent string         // optional: the program that asks
	Timeout   time.Duration  // optional: of one request with its answer; a minute if zero
	// Dial makes connections; optional: directly, or as HTTPS_PROXY says, if nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client speaks to the admin API. Its methods may be used by many goroutines. Errors that the
// service answered are *fault.Error with the kind, the sentence and the fields of the problem
// document, and the reference in the sentence; a service that cannot be reached is KindUnavailable.
type Client struct {
	cfg  Config
	base *url.URL
	http *http.Client

	Applications    Applications
	ConnectorGroups ConnectorGroups
	Connectors      Connectors
	Users           Users
	Groups          Groups
	Assignments     Assignments
	Policies        Policies
	Requests        Requests
	Tokens          Tokens
	Keys            Keys
	AccessKeys      AccessKeys
	Devices         Devices
	Certificates    Certificates
	Upstreams       Upstreams
	Gateways        Gateways
	Alerts          Alerts
	Audit           Audit
	SignIns         SignIns
	Traffic         TrafficLog
	Exports         Exports
}

// NewClient makes a client. It refuses a URL over which the key could be overheard: only https, or
// http to this very machine.
func NewClient(cfg Config) (*Client, error) {
	base, err := CheckServer(cfg.URL)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(cfg.Key, " \t\r\n\x00") {
		return nil, fault.Invalid("key", "must be one word")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute
	}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dial.Context,
		TLSClientConfig:        &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           8,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
	}
	if cfg.Dial != nil {
		transport.Proxy, transport.DialContext = nil, cfg.Dial
	}
	c := &Client{cfg: cfg, base: base, http: &http.Client{
		Transport: transport,
		// A redirect could carry the key to somewhere else. The API never sends one.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	c.nouns()
	c.policies()
	return c, nil
}

// Close gives back idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// URL gives the service's admin host.
func (c *Client) URL() string { return c.base.String() }

// CheckServer takes the URL of a service and says what is wrong with it.
func CheckServer(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return nil, fault.Invalid("server", "must not be empty: give the URL of the admin host, such as https://admin.example.com")
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, fault.Invalid("server", "must be a URL such as https://admin.example.com")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, fault.Invalid("server", "must be a scheme and a host only, such as https://admin.example.com")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fault.Invalid("server", "must start with https://: over http the API key could be overheard")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fault.Invalid("server", "must start with https://")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return dial.IsLocalhost(host) || ip != nil && ip.IsLoopback()
}

// call is one request and what is to become of its answer.
type call struct {
	method  string
	path    []string // below Prefix, each part escaped here
	query   url.Values
	version int64 // for If-Match; 0 sends none
	any     bool  // If-Match: *
	in      any   // optional body
	out     any   // optional; the answer is read into it
	// within is how long the answer may take, if that is longer than of others.
	within time.Duration
}

func (c *Client) do(ctx context.Context, k call) error {
	within, cancel := context.WithTimeout(ctx, cmp.Or(k.within, c.cfg.Timeout))
	defer cancel()
	req, err := c.request(within, k)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxReply+1))
	if err != nil {
		return c.unreachable(ctx, err)
	}
	if len(body) > MaxReply {
		return fault.New(fault.KindUpstream, "%s answered with more than %d MiB", c.base.Host, MaxReply>>20)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return problem(resp, body)
	}
	if k.out == nil {
		return nil
	}
	if raw, ok := k.out.(*[]byte); ok {
		*raw = body
		return nil
	}
	if err := json.Unmarshal(body, k.out); err != nil {
		return fault.New(fault.KindUpstream, "%s answered with something that is not the admin API: is this the URL of the admin host?", c.base).Because(err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, k call) (*http.Request, error) {
	u := *c.base
	escaped := make([]string, len(k.path))
	for i, part := range k.path {
		if part == "" || part == "." || part == ".." {
			return nil, fault.Invalid("id", "must not be %q", part)
		}
		escaped[i] = url.PathEscape(part)
	}
	u.Path = Prefix + "/" + strings.Join(k.path, "/")
	u.RawPath = Prefix + "/" + strings.Join(escaped, "/")
	u.RawQuery = k.query.Encode()
	var body io.Reader
	if k.in != nil {
		data, err := json.Marshal(k.in)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, k.method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	c.headers(req, k)
	if c.cfg.Token != nil {
		token, err := c.cfg.Token(ctx)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

func (c *Client) headers(req *http.Request, k call) {
	h := req.Header
	h.Set("Accept", "application/json, application/problem+json")
	if c.cfg.Key != "" {
		h.Set("Authorization", "Bearer "+c.cfg.Key)
	}
	if c.cfg.UserAgent != "" {
		h.Set("User-Agent", c.cfg.UserAgent)
	}
	switch {
	case k.method == http.MethodPatch:
		h.Set("Content-Type", "application/merge-patch+json")
	case k.in != nil:
		h.Set("Content-Type", "application/json")
	}
	switch {
	case k.version > 0:
		h.Set("If-Match", `"`+strconv.FormatInt(k.version, 10)+`"`)
	case k.any:
		h.Set("If-Match", "*")
	}
}

// unreachable says in a person's words why there was no answer.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fault.Unavailable("%s shows a certificate that is not trusted here (%v); if its authority is private, name it with --ca-file",
			c.base.Host, cause(err)).Because(err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.Unavailable("%s did not answer in time", c.base.Host).Because(err)
	}
	return fault.Unavailable("%s cannot be reached: %v", c.base.Host, cause(err)).Because(err)
}

// cause leaves out "Get https://…:" of net/http.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// problem turns an answer that is not good into an error.
func problem(resp *http.Response, body []byte) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	var p Problem
	if kind != "application/problem+json" || json.Unmarshal(body, &p) != nil {
		return &fault.Error{Kind: kindOf("", resp.StatusCode), RetryAfter: retryAfter(resp),
			Message: fmt.Sprintf("the service answered %s and no problem document: is this the URL of the admin host?", resp.Status)}
	}
	e := &fault.Error{Kind: kindOf(p.Type, resp.StatusCode), Message: p.Detail, RetryAfter: retryAfter(resp)}
	var fields []string
	for _, f := range p.Fields {
		e.Fields = append(e.Fields, fault.Field{Name: f.Name, Message: f.Message})
		fields = append(fields, f.Name+" "+f.Message)
	}
	// The sentence of the service names the fields already; Error would name them again.
	e.Message = strings.TrimSuffix(strings.TrimSuffix(e.Message, strings.Join(fields, "; ")), ": ")
	if e.Message == "" && len(fields) == 0 {
		e.Message = p.Title
	}
	if p.Reference != "" {
		e.Err = fault.Reference(p.Reference)
	}
	return e
}

func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 86400 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// kindOf reads the kind from the problem's type, or else from the status.
func kindOf(kind string, status int) fault.Kind {
	if word, ok := strings.CutPrefix(kind, "postern:"); ok {
		if k, known := fault.KindNamed(word); known {
			return k
		}
	}
	switch {
	case status == http.StatusUnauthorized:
		return fault.KindUnauthenticated
	case status == http.StatusForbidden:
		return fault.KindForbidden
	case status == http.StatusNotFound:
		return fault.KindNotFound
	case status == http.StatusTooManyRequests:
		return fault.KindLimited
	case status == http.StatusServiceUnavailable || status == http.StatusBadGateway || status == http.StatusGatewayTimeout:
		return fault.KindUnavailable
	case status >= 400 && status < 500:
		return fault.KindInvalid
	}
	return fault.KindUpstream
}
