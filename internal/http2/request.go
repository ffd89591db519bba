package http2

import (
	"bytes"
	"net/http"
	"slices"

	"postern/internal/field"
)

// Request is the head of a request. Its bytes are good until Handle returns.
type Request struct {
	Method    []byte
	Scheme    []byte
	Authority []byte // of :authority, else of Host
	Path      []byte // with the query, or "*"
	Protocol  []byte // of extended CONNECT, such as websocket (RFC 8441); nil otherwise
	// Fields are those of the head but Host. Names are in lower case, the crumbs of a cookie are one field.
	Fields   field.Fields
	Length   int64 // of the content; -1: not announced
	End      bool  // there is no content and there are no trailers
	Continue bool  // the client waits for 100 (Continue) before it sends the content

	head bool // the method is HEAD
}

const (
	maxMethod    = 32
	maxAuthority = 255 + len(":65535")
)

// What is wrong with a request. Where nothing else reads it in another way it is answered.
var (
	badName       = &refusal{0, "field-name", "a field's name is empty, has an upper-case letter, or a character that no name has (RFC 9113 section 8.2.1)"}
	badValue      = &refusal{0, "field-value", "a field's value has a control character, or begins or ends with a blank (RFC 9113 section 8.2.1)"}
	badConnection = &refusal{0, "connection-field", "there is a field that is about a connection of HTTP/1.1 (RFC 9113 section 8.2.2)"}
	badTE         = &refusal{0, "te", "TE is something else than trailers (RFC 9113 section 8.2.2)"}
	badPseudo     = &refusal{0, "pseudo-field", "a pseudo-header field is unknown, comes twice, is missing, comes late, or has no place there (RFC 9113 section 8.3)"}
	badHost       = &refusal{0, "host", "there is no authority, or Host comes twice or differs from it (RFC 9113 section 8.3.1)"}
	badLength     = &refusal{0, "length", "Content-Length comes twice, is not a number, or is not the content's length (RFC 9113 section 8.1.1)"}
	badMethod     = &refusal{0, "method", "the method is no token (RFC 9110 section 9.1)"}
	badPath       = &refusal{0, "path", "the path is empty or does not begin with a slash (RFC 9113 section 8.3.1)"}

	badMethodSize = &refusal{http.StatusNotImplemented, "method-too-long", "the method is too long to be one"}
	badConnect    = &refusal{http.StatusNotImplemented, "connect", "CONNECT is not offered here"}
	badScheme     = &refusal{http.StatusBadRequest, "scheme", "the scheme is not https"}
	badAuthority  = &refusal{http.StatusBadRequest, "authority", "the authority is not a name or an address with an optional port (RFC 9110 section 7.2)"}
	badTarget     = &refusal{http.StatusBadRequest, "target", "the path has a character that no target has (RFC 9110 section 7.1)"}
	badTargetSize = &refusal{http.StatusRequestURITooLong, "target-too-long", "the path is too long"}
	badHead       = &refusal{http.StatusRequestHeaderFieldsTooLarge, "head-too-large", "the head is too large"}
	badExpect     = &refusal{http.StatusExpectationFailed, "expectation", "Expect is something else than 100-continue (RFC 9110 section 10.1.1)"}
)

// read makes the request of what a header block said.
func (q *Request) read(a *arena, end bool, limits *Limits) *refusal {
	if a.full() {
		return badHead
	}
	a.joinCookies()
	rest, wrong := q.pseudo(a)
	if wrong != nil {
		return wrong
	}
	if wrong := a.list(rest); wrong != nil {
		return wrong
	}
	q.Fields, q.End = a.fields, end
	if wrong := q.authority(); wrong != nil {
		return wrong
	}
	if wrong := q.content(); wrong != nil {
		return wrong
	}
	return q.target(limits)
}

// pseudo reads the fields that begin with a colon, and gives those after them.
func (q *Request) pseudo(a *arena) (rest []span, wrong *refusal) {
	for i, s := range a.spans {
		name, value := a.buf[s.name:s.value], a.buf[s.value:s.end:s.end]
		if len(name) == 0 || name[0] != ':' {
			rest = a.spans[i:]
			break
		}
		if !goodValue(value) {
			return nil, badValue
		}
		at := q.place(name)
		if at == nil || *at != nil {
			return nil, badPseudo
		}
		*at = value
	}
	q.head = string(q.Method) == http.MethodHead
	connect := string(q.Method) == http.MethodConnect
	switch {
	case q.Method == nil:
		return nil, badPseudo
	case len(q.Method) == 0 || !field.Token(q.Method):
		return nil, badMethod
	case q.Protocol != nil && (!connect || len(q.Protocol) == 0 || !field.Token(q.Protocol)):
		return nil, badPseudo
	case connect && q.Protocol == nil && (q.Path != nil || q.Scheme != nil || q.Authority == nil):
		return nil, badPseudo // RFC 9113 section 8.5
	case connect && q.Protocol == nil:
		return nil, badConnect
	case q.Scheme == nil || q.Path == nil:
		return nil, badPseudo
	case len(q.Path) == 0:
		return nil, badPath
	}
	return rest, nil
}

// place gives where the value of a pseudo-header field belongs.
func (q *Request) place(name []byte) *[]byte {
	switch string(name) {
	case ":method":
		return &q.Method
	case ":scheme":
		return &q.Scheme
	case ":authority":
		return &q.Authority
	case ":path":
		return &q.Path
	case ":protocol":
		return &q.Protocol
	}
	return nil
}

// list makes the list of fields.
func (a *arena) list(spans []span) *refusal {
	a.fields = a.fields[:0]
	for _, s := range spans {
		f := field.Field{Name: a.buf[s.name:s.value:s.value], Value: a.buf[s.value:s.end:s.end]}
		switch {
		case len(f.Name) > 0 && f.Name[0] == ':':
			return badPseudo
		case !goodName(f.Name):
			return badName
		case !goodValue(f.Value):
			return badValue
		case ofConnection(f.Name):
			return badConnection
		case string(f.Name) == "te" && !field.EqualFold(f.Value, "trailers"):
			return badTE
		}
		a.fields = append(a.fields, f)
	}
	return nil
}

// trailers makes the list of fields that came after the content.
func (a *arena) trailers() *refusal { return a.list(a.spans) }

// joinCookies makes one field of a cookie's crumbs (RFC 9113 section 8.2.3), where the first was.
func (a *arena) joinCookies() {
	first, size, crumbs := 0, 0, 0
	for i, s := range a.spans {
		if string(a.buf[s.name:s.value]) == "cookie" {
			if crumbs++; crumbs == 1 {
				first = i
			}
			size += int(s.end-s.value) + len("; ")
		}
	}
	if crumbs < 2 {
		return
	}
	a.buf = slices.Grow(a.buf, size+len("cookie"))
	joined := span{name: int32(len(a.buf))}
	a.buf = append(a.buf, "cookie"...)
	joined.value = int32(len(a.buf))
	kept := a.spans[:first+1]
	for i, s := range a.spans[first:] {
		if string(a.buf[s.name:s.value]) != "cookie" {
			kept = append(kept, s)
			continue
		}
		if i > 0 {
			a.buf = append(a.buf, "; "...)
		}
		a.buf = append(a.buf, a.buf[s.value:s.end]...)
	}
	joined.end = int32(len(a.buf))
	a.spans = kept
	a.spans[first] = joined
}

// authority finds the one authority, and takes Host out of the fields.
func (q *Request) authority() *refusal {
	at := slices.IndexFunc(q.Fields, func(f field.Field) bool { return string(f.Name) == "host" })
	if at >= 0 {
		host := q.Fields[at].Value
		q.Fields = slices.Delete(q.Fields, at, at+1)
		switch {
		case q.Fields.Count("host") > 0:
			return badHost
		case q.Authority == nil:
			q.Authority = host
		case !bytes.EqualFold(host, q.Authority):
			return badHost
		}
	}
	switch {
	case len(q.Authority) == 0:
		return badHost
	case !validAuthority(q.Authority):
		return badAuthority
	}
	return nil
}

// content reads the fields that are about the content.
func (q *Request) content() *refusal {
	q.Length = -1
	if q.End {
		q.Length = 0
	}
	switch q.Fields.Count("content-length") {
	case 0:
	case 1:
		n, ok := field.Number(q.Fields.Get("content-length"))
		if !ok || q.End && n != 0 {
			return badLength
		}
		q.Length = n
	default:
		return badLength
	}
	switch q.Fields.Count("expect") {
	case 0:
		return nil
	case 1:
		if field.EqualFold(q.Fields.Get("expect"), "100-continue") {
			q.Continue = !q.End
			return nil
		}
	}
	return badExpect
}

func (q *Request) target(limits *Limits) *refusal {
	switch {
	case len(q.Method) > maxMethod:
		return badMethodSize
	case !field.EqualFold(q.Scheme, "https") && !field.EqualFold(q.Scheme, "http"):
		return badScheme
	case len(q.Path) > limits.Target:
		return badTargetSize
	case string(q.Path) == "*" && string(q.Method) == http.MethodOptions:
		return nil
	case q.Path[0] != '/':
		return badPath
	}
	for _, c := range q.Path {
		if !isTarget[c] {
			return badTarget
		}
	}
	return nil
}

func goodValue(v []byte) bool {
	n := len(v)
	return n == 0 || !field.Blank(v[0]) && !field.Blank(v[n-1]) && field.Value(v)
}

func goodName(name []byte) bool {
	for _, c := range name {
		if !isName[c] {
			return false
		}
	}
	return len(name) > 0
}

// Classes of octets: of names in lower case, of targets and of hosts (RFC 3986), the same as http1 has.
var isName, isTarget, isHost = classes()

func classes() (name, target, host [256]bool) {
	for c := range 256 {
		b := byte(c)
		name[c] = field.TokenOctet(b) && (b < 'A' || b > 'Z')
		target[c] = b > ' ' && b < 0x7f && b != '#'
		host[c] = field.TokenOctet(b) && bytes.IndexByte([]byte("#^`|"), b) < 0 || bytes.IndexByte([]byte("();="), b) >= 0
	}
	return name, target, host
}

// validAuthority takes uri-host with an optional port (RFC 3986 section 3.2.2), not empty, and no user.
func validAuthority(b []byte) bool {
	if len(b) > maxAuthority {
		return false
	}
	host, port := b, []byte(nil)
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 3 || bytes.IndexFunc(b[1:end], notAddress) >= 0 {
			return false
		}
		if port = b[end+1:]; len(port) == 0 {
			return true
		}
		host = nil
	} else if colon := bytes.IndexByte(b, ':'); colon >= 0 {
		host, port = b[:colon], b[colon:]
	}
	if host != nil && (len(host) == 0 || len(host) > 255 || bytes.IndexFunc(host, notHost) >= 0) {
		return false
	}
	if port == nil {
		return host != nil
	}
	n, ok := field.Number(port[1:])
	return port[0] == ':' && ok && len(port) <= 6 && n > 0 && n <= 65535
}

func notAddress(c rune) bool {
	return !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' || c == ':' || c == '.')
}

func notHost(c rune) bool { return c > 0x7f || !isHost[c] }
