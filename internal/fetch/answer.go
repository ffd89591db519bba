package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"postern/internal/fault"
)

// maxRetryAfter bounds what a server may ask for.
const maxRetryAfter = time.Hour

// Answer is what a server said, whole.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	host   string
}

// OK gives an error unless the status is 2xx: KindUnavailable with 429 and 5xx, which may pass, and KindUpstream.
func (a *Answer) OK() error {
	switch {
	case a.Status >= 200 && a.Status < 300:
		return nil
	case a.Status == http.StatusTooManyRequests || a.Status >= 500:
		seconds, err := strconv.ParseUint(a.Header.Get("Retry-After"), 10, 32)
		if err != nil {
			seconds = 0
		}
		return fault.Unavailable("%s answered with status %d", a.host, a.Status).After(min(time.Duration(seconds)*time.Second, maxRetryAfter))
	}
	return fault.New(fault.KindUpstream, "%s answered with status %d", a.host, a.Status)
}

// Is tells whether the answer is of one of the types, such as "application/jwt".
func (a *Answer) Is(types ...string) bool {
	kind, parameters, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	charset := strings.ToLower(parameters["charset"])
	return err == nil && slices.Contains(types, kind) && (charset == "" || charset == "utf-8" || charset == "us-ascii") &&
		a.Header.Get("Content-Encoding") == ""
}

// JSON reads the answer, which must say that it is JSON.
func (a *Answer) JSON(into any) error {
	kind, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	if !a.Is("application/json") && !(strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json") && a.Is(kind)) {
		return fault.New(fault.KindUpstream, "%s answered with %s where JSON is due", a.host, kindWord(kind))
	}
	if !utf8.Valid(a.Body) {
		return fault.New(fault.KindUpstream, "%s answered with JSON that is not UTF-8", a.host)
	}
	if json.Unmarshal(a.Body, into) != nil { // the cause would quote the body
		return fault.New(fault.KindUpstream, "%s answered with JSON that cannot be read or is not what is due", a.host)
	}
	return nil
}

// kindWord says what a wrong type is. Only the usual ones are named: a type is a text of the server's choice.
func kindWord(kind string) string {
	switch kind {
	case "":
		return "something without a type"
	case "text/html", "application/xhtml+xml":
		return "a web page (" + kind + ")"
	case "text/plain", "text/xml", "application/xml", "application/jwt", "application/octet-stream", "application/json":
		return kind
	}
	return "something else"
}

// explain says in a sentence why there is no answer. The cause, for the log, is without the address's path and
// query, which may be secrets.
func (c *Client) explain(ctx context.Context, host string, err error) error {
	err = clean(err)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	host = fault.Readable(host)
	if timeout, ok := errors.AsType[net.Error](err); ctx.Err() != nil || ok && timeout.Timeout() {
		if errors.Is(ctx.Err(), context.Canceled) {
			return fault.Unavailable("%s was not waited for", host).Because(err)
		}
		return fault.New(fault.KindTimeout, "%s did not answer within %s", host, c.cfg.Timeout).Because(err)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return fault.Unavailable("%s cannot be found in DNS", host).Because(err)
		}
		return fault.Unavailable("%s could not be looked up in DNS", host).Because(err)
	}
	if why := distrust(err); why != "" {
		return fault.New(fault.KindUpstream, "the certificate of %s is not trusted: %s", host, why).Because(err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return fault.Unavailable("%s could not be reached", host).Because(err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fault.New(fault.KindUpstream, "%s does not speak TLS", host).Because(err)
	}
	if _, ok := errors.AsType[syscall.Errno](err); ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.Unavailable("%s broke off before its answer was whole", host).Because(err)
	}
	return fault.New(fault.KindUpstream, "%s gave no answer that can be read", host) // the cause may quote the answer
}

// distrust says what is wrong with a certificate, if that is what went wrong.
func distrust(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "no authority that we trust issued it (if it is an authority of your own, give its certificate)"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "it is for another name"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "it has expired or is not valid yet"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "it is not a valid server certificate"
	}
	return ""
}

// clean takes off what repeats the address.
func clean(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
