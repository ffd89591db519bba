package uplink

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"postern/internal/fault"
)

const (
	maxAnswer   = 1 << 20          // bytes of an answer of the agent face
	answerTime  = 30 * time.Second // for a whole request
	maxSentence = 1000             // bytes of an error's sentence
)

// Service is the agent face of a service.
type Service struct {
	base   string
	client *http.Client
	way    *atomic.Pointer[Way] // of the last request
}

// Way gives how the last request went; the zero value before the first.
func (s *Service) Way() Way {
	if way := s.way.Load(); way != nil {
		return *way
	}
	return Way{}
}

// Service gives the agent face at a service URL. config comes from credential.EnrolTLS or AgentTLS.
func (d *Dialer) Service(serviceURL string, config *tls.Config) (*Service, error) {
	u, err := url.Parse(serviceURL)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" || u.User != nil {
		return nil, fault.Invalid("serviceUrl", "must start with https:// and name a host")
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	target := secured{address: net.JoinHostPort(u.Hostname(), port), name: u.Hostname(), service: serviceURL, config: config}
	last := new(atomic.Pointer[Way])
	transport := &http.Transport{
		// Requests are rare and may be hours apart: none waits on a connection that died meanwhile.
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHead,
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, way, err := d.secure(ctx, target)
			if err != nil {
				return nil, err // not a nil *tls.Conn in an interface
			}
			last.Store(&way)
			return conn, nil
		},
	}
	return &Service{base: "https://" + u.Host, way: last, client: &http.Client{
		Transport: transport, Timeout: answerTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Post sends request to a path of the agent face (wire.PathEnrol and others) as JSON and reads
// the answer. An error that the service answered is a *fault.Error of its kind; others are *Error and
// *Intercepted.
func (s *Service) Post(ctx context.Context, path string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fault.Internal(err, "encode a request")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, bytes.NewReader(body))
	if err != nil {
		return fault.Internal(err, "make a request")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	response, err := s.client.Do(req)
	if err != nil {
		return s.sendError(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return s.sendError(err)
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode != http.StatusOK {
		return Problem(response, data)
	}
	if kind != "application/json" || len(data) > maxAnswer || json.Unmarshal(data, answer) != nil {
		return fault.New(fault.KindUpstream, "%s answered something else than a Postern service does", s.base)
	}
	return nil
}

// sendError takes off what net/http puts around our own errors.
func (s *Service) sendError(err error) error {
	if e, ok := errors.AsType[*Intercepted](err); ok {
		return e
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return fault.New(fault.KindTimeout, "%s did not answer within %s", s.base, answerTime).Because(err)
	}
	return fault.Unavailable("%s did not answer (%s)", s.base, rootCause(err)).Because(err)
}

// Problem makes an error of the service's answer that is not good: of its problem document (RFC 9457), if it is one.
func Problem(response *http.Response, data []byte) error {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	var doc struct {
		Type      string `json:"type"`
		Detail    string `json:"detail"`
		Reference string `json:"reference"`
		Fields    []struct {
			Name    string `json:"name"`
			Message string `json:"message"`
		} `json:"fields"`
	}
	if kind != "application/problem+json" || json.Unmarshal(data, &doc) != nil || doc.Detail == "" {
		return fault.New(fault.KindUpstream, "%s answered %d, which is not an answer of a Postern service",
			response.Request.URL.Host, response.StatusCode)
	}
	e := fault.New(kindOf(doc.Type, response.StatusCode), "%s", doc.Detail[:min(len(doc.Detail), maxSentence)])
	e.Because(reference(doc.Reference))
	for _, f := range doc.Fields[:min(len(doc.Fields), 20)] {
		e.Message = "the service did not accept the request"
		e.Fields = append(e.Fields, fault.Field{Name: f.Name, Message: f.Message})
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = min(time.Duration(seconds)*time.Second, time.Hour)
	}
	return e
}

func reference(text string) error {
	if text == "" {
		return nil
	}
	return fault.Reference(text[:min(len(text), 64)])
}

func kindOf(name string, status int) fault.Kind {
	if kind, known := fault.KindNamed(strings.TrimPrefix(name, "postern:")); known && kind != fault.KindInternal {
		return kind
	}
	if status >= http.StatusInternalServerError {
		return fault.KindUnavailable
	}
	return fault.KindUpstream
}
