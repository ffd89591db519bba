package web

import (
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"

	"postern/internal/fault"
)

// ClientAddress gives the address that the request came from, without port.
func ClientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// ReadBody reads a request's body, at most limit bytes, of one of the content types. Its errors are faults.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64, kinds ...string) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(kinds, kind) || len(r.Header.Values("Content-Type")) > 1 {
		return nil, fault.Invalid("Content-Type", "must be %s", strings.Join(kinds, " or "))
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, fault.Invalid("Content-Encoding", "must be left out")
	}
	if r.ContentLength > limit {
		return nil, fault.New(fault.KindTooLarge, "the body is larger than %d bytes", limit)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, fault.New(fault.KindTooLarge, "the body is larger than %d bytes", limit)
	}
	if err != nil {
		return nil, fault.New(fault.KindInvalid, "the body could not be read to its end").Because(err)
	}
	return body, nil
}

// Cookie gives the value of a cookie. The name must be written exactly so, and two of different
// values are as good as none: a sibling host may have added one, and nobody can tell which.
func Cookie(r *http.Request, name string) (value string, ok bool) {
	for _, header := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(header, ";") {
			key, text, found := strings.Cut(strings.TrimLeft(pair, " \t"), "=")
			if !found || key != name {
				continue
			}
			if ok && text != value {
				return "", false
			}
			value, ok = text, true
		}
	}
	return value, ok
}
