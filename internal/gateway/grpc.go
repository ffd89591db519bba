package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"postern/internal/field"
	"postern/internal/web"
)

// grpcType gives the content type of a request of gRPC or gRPC-Web, whose programs read neither pages nor problem documents; empty:
// it is none.
func grpcType(fields field.Fields) string {
	value := fields.Get("content-type")
	if len(value) < len("application/grpc") || !field.EqualFold(value[:len("application/grpc")], "application/grpc") {
		return ""
	}
	switch rest := value[len("application/grpc"):]; {
	case len(rest) == 0, rest[0] == '+', rest[0] == '-', rest[0] == ';':
		return string(value)
	}
	return ""
}

// Codes of gRPC.
const (
	grpcCancelled         = 1
	grpcUnknown           = 2
	grpcDeadlineExceeded  = 4
	grpcPermissionDenied  = 7
	grpcResourceExhausted = 8
	grpcUnimplemented     = 12
	grpcInternal          = 13
	grpcUnavailable       = 14
	grpcUnauthenticated   = 16
)

// grpcStatus says in gRPC's words what a status of HTTP means. What it says of statuses of proxies is what gRPC's own programs make of
// them, but for a time that is over.
func grpcStatus(status int) int {
	switch status {
	case http.StatusBadRequest:
		return grpcInternal
	case http.StatusUnauthorized:
		return grpcUnauthenticated
	case http.StatusForbidden:
		return grpcPermissionDenied
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return grpcUnimplemented
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return grpcDeadlineExceeded
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests, http.StatusRequestHeaderFieldsTooLarge:
		return grpcResourceExhausted
	case http.StatusMisdirectedRequest, http.StatusBadGateway, http.StatusServiceUnavailable:
		return grpcUnavailable
	case 499:
		return grpcCancelled
	}
	if status >= 300 && status < 400 { // the way to a page where people sign in
		return grpcUnauthenticated
	}
	return grpcUnknown
}

// grpcKept are the fields of our answers that a program of gRPC gets too.
var grpcKept = []string{"Postern-Reference", "Www-Authenticate", "Retry-After", "Cache-Control"}

// grpcHeader gives the head that says all that an answer of ours to a program of gRPC says ("Trailers-Only"): the status, and in words
// what the problem document does.
func grpcHeader(kind string, status int, header http.Header, body []byte) http.Header {
	text := http.StatusText(status)
	var doc web.Document
	if json.Unmarshal(body, &doc) == nil && doc.Title != "" {
		text = doc.Title
		if doc.Detail != "" {
			text += ": " + doc.Detail
		}
	}
	out := http.Header{"Content-Type": {kind}, "Grpc-Status": {strconv.Itoa(grpcStatus(status))}, "Grpc-Message": {grpcMessage(text)}}
	for _, name := range grpcKept {
		if values, ok := header[name]; ok {
			out[name] = values
		}
	}
	return out
}

// endGRPC ends a reply of gRPC, of which the backend owes the rest, with a status that says so: a program then knows more than from a
// stream that is reset. It reports whether it did.
func (x *exchange) endGRPC(f *failure) bool {
	if !x.trailing || f.status < 500 || x.why() != nil {
		return false
	}
	h := newHead()
	defer h.release()
	h.set(nameGRPCStatus, strconv.Itoa(grpcStatus(f.status)))
	h.set(nameGRPCMessage, grpcMessage(f.title+": "+f.message))
	h.set(nameReference, x.id)
	return x.reply.End(h.list) == nil
}

var (
	nameGRPCStatus  = []byte("Grpc-Status")
	nameGRPCMessage = []byte("Grpc-Message")
)

// grpcMessage writes a text as gRPC wants it: all but plain ASCII in percent signs.
func grpcMessage(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
