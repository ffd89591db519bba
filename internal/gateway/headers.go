package gateway

import (
	"bytes"
	"net/netip"
	"strings"

	"postern/internal/access"
	"postern/internal/field"
)

// A kind is what a field means to whoever carries it on.
type kind uint8

const (
	plainField kind = iota
	hopField        // of one connection, never forwarded (RFC 9110, section 7.6.1)
	frameField      // says where a message ends or for whom it is; written anew
	trustField      // by which backends are told who somebody is or where a request comes from
	ownField        // handled by name: cookies, credentials and what speaks of addresses
)

// kinds are the fields that are not just passed on, by folded name. A client's own fields of trust are dropped, in headers and
// trailers, under every spelling that a backend folds to the same name.
var kinds = makeKinds()

func makeKinds() map[string]kind {
	all := map[string]kind{}
	for k, names := range map[kind]string{
		hopField:   "connection proxy-connection keep-alive proxy-authenticate proxy-authorization te trailer upgrade http2-settings",
		frameField: "host content-length transfer-encoding",
		trustField: "forwarded via proxy x-real-ip x-client-ip x-cluster-client-ip x-forwarded true-client-ip cf-connecting-ip " +
			"fastly-client-ip x-rewrite-url x-host client-cert client-cert-chain remote-addr x-authenticated-user x-client-cert " +
			"x-user-id x-proxy-user x-http-forwarded-for x-accel-redirect x-sendfile x-server-name",
		ownField: "cookie set-cookie authorization location content-location refresh alt-svc expect x-request-id",
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = k
		}
	}
	return all
}

// trustPrefixes stand for all names that begin so.
var trustPrefixes = [...]string{"x-forwarded-", "x-original-", "x-postern-", "postern-", "remote-", "x-remote-", "x-ms-client-principal",
	"x-auth-request-", "x-authentik-", "x-webauth-", "x-goog-authenticated-", "x-goog-iap-", "x-amzn-oidc-", "cf-access-",
	"x-pomerium-", "tailscale-", "x-envoy-", "x-ssl-", "ssl-client-", "x-tls-client-", "x-arr-"}

// longestFolded is how long a name may be to be looked up. No longer one means anything, but a prefix may.
const longestFolded = 64

// kindOf tells what a field means, by its name as the most obliging backend reads it: in lower case, "_" as "-".
func kindOf(name []byte) (k kind, folded bool) {
	var buffer [longestFolded]byte
	low := buffer[:min(len(name), longestFolded)]
	for i := range low {
		c := name[i]
		switch {
		case c == '_':
			c, folded = '-', true
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		}
		low[i] = c
	}
	if len(name) <= longestFolded {
		if k, ok := kinds[string(low)]; ok {
			return k, folded
		}
	}
	for _, prefix := range trustPrefixes {
		if len(low) >= len(prefix) && low[0] == prefix[0] && string(low[:len(prefix)]) == prefix {
			return trustField, folded
		}
	}
	return plainField, folded
}

// fold gives the name as the most obliging backend reads it.
func fold(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "_", "-")
}

// nominated reports whether a Connection field takes another one away. What matters to us cannot be taken away so: our own
// fields are set afterwards, and a message's frame is not a header's business.
func nominated(connection field.Fields, name []byte) bool {
	for i := range connection {
		if !connection[i].Is("connection") {
			continue
		}
		for rest, more := connection[i].Value, true; more; {
			var element []byte
			element, rest, more = bytes.Cut(rest, comma)
			if bytes.EqualFold(field.Trim(element), name) {
				return true
			}
		}
	}
	return false
}

var comma = []byte{','}

// nominates reports whether there are nominations beside what is usual.
func nominates(l field.Fields) bool {
	for i := range l {
		if l[i].Is("connection") && !field.EqualFold(l[i].Value, "keep-alive") && !field.EqualFold(l[i].Value, "close") {
			return true
		}
	}
	return false
}

// An origin is what a backend is told of where a request came from.
type origin struct {
	client    netip.AddrPort
	authority string // of the external URL: the client's own spelling is not passed on
	port      string // of the external URL, empty if it is 443
	reference string
}

// Names of the fields that we write.
var (
	nameForwarded = []byte("Forwarded")
	nameXFor      = []byte("X-Forwarded-For")
	nameXHost     = []byte("X-Forwarded-Host")
	nameXProto    = []byte("X-Forwarded-Proto")
	nameXPort     = []byte("X-Forwarded-Port")
	nameRequestID = []byte("X-Request-Id")
	nameTe        = []byte("Te")
	nameReference = []byte("Postern-Reference")
)

// request fills in what the backend gets of a request's fields, Host excepted.
func (h *head) request(in field.Fields, from origin) {
	connection := nominates(in)
	trailers := false
	for i := range in {
		f := in[i]
		k, folded := kindOf(f.Name)
		switch {
		case k == plainField:
			if connection && nominated(in, f.Name) {
				continue
			}
			h.take(f)
		case k == ownField && !folded:
			h.requestOwn(f)
		case k == hopField && f.Is("te"):
			trailers = trailers || lists(f.Value, "trailers")
		}
	}
	if trailers {
		h.set(nameTe, "trailers")
	}
	h.origin(from)
}

// requestOwn takes the fields of a request that are handled by name.
func (h *head) requestOwn(f field.Field) {
	switch {
	case f.Is("cookie"):
		h.cookies(f)
	case f.Is("expect"), f.Is("x-request-id"): // made anew
	default:
		h.take(f)
	}
}

func (h *head) origin(from origin) {
	address := h.address(from.client.Addr().Unmap())
	h.take(field.Field{Name: nameXFor, Value: address})
	h.set(nameXHost, from.authority)
	h.set(nameXProto, "https")
	if from.port != "" {
		h.set(nameXPort, from.port)
	}
	open, end, quote := "", "", ""
	if bytes.IndexByte(address, ':') >= 0 {
		open, end = `"[`, `]"`
	}
	if strings.Contains(from.authority, ":") {
		quote = `"`
	}
	start := len(h.text) // RFC 7239
	h.text = append(append(append(append(h.text, "for="...), open...), address...), end...)
	h.text = append(append(append(append(append(h.text, ";host="...), quote...), from.authority...), quote...), ";proto=https"...)
	h.list = append(h.list, field.Field{Name: nameForwarded, Value: h.text[start:len(h.text):len(h.text)]})
	h.set(nameRequestID, from.reference)
}

// trailers fills in what may be passed on of a message's trailers: no framing, nothing of trust, none
// of the fields that only mean something before the body (RFC 9110, section 6.5.1).
func (h *head) trailers(in field.Fields) {
	for i := range in {
		if k, _ := kindOf(in[i].Name); k == plainField && !onlyBefore[fold(string(in[i].Name))] {
			h.take(in[i])
		}
	}
}

var onlyBefore = map[string]bool{"content-type": true, "content-encoding": true, "content-range": true, "cache-control": true, "age": true,
	"date": true, "expires": true, "retry-after": true, "vary": true, "range": true, "if-match": true, "if-none-match": true,
	"max-forwards": true, "www-authenticate": true}

// response fills in what the client gets of a backend's response fields. length: Content-Length is one of them, since it says
// how much content there would be.
func (h *head) response(in field.Fields, app *published, reference string, length bool) {
	connection := nominates(in)
	for i := range in {
		f := in[i]
		k, folded := kindOf(f.Name)
		switch {
		case k == ownField && !folded:
			h.responseOwn(f, app)
		case k == hopField && f.Is("proxy-authenticate"):
			h.take(f)
		case k == hopField, k == frameField && !(length && f.Is("content-length")), k == trustField && secretOfOurs(f.Name):
		case connection && k == plainField && nominated(in, f.Name):
		default:
			h.take(f)
		}
	}
	h.set(nameReference, reference)
}

// secretOfOurs reports whether a field of trust is none that a backend may set for a browser: ours, and what servers act on.
func secretOfOurs(name []byte) bool {
	folded := fold(string(name))
	return strings.HasPrefix(folded, "postern-") || folded == "x-accel-redirect"
}

// responseOwn takes the fields of a response that are handled by name.
func (h *head) responseOwn(f field.Field, app *published) {
	switch {
	case f.Is("set-cookie"):
		if value, ok := app.cookieBack(f.Value); ok {
			h.take(field.Field{Name: f.Name, Value: value})
		}
	case f.Is("location"), f.Is("content-location"):
		h.set(f.Name, app.externalize(string(f.Value)))
	case f.Is("refresh"):
		h.set(f.Name, app.externalizeRefresh(string(f.Value)))
	case f.Is("alt-svc"), f.Is("expect"):
		// Alt-Svc speaks of ports and protocols of the private host, where the public one has none (RFC 7838).
	default:
		h.take(f)
	}
}

// externalize turns a URL reference of the backend into the one that browsers can use: the internal
// origin and path become the external ones; everything else is left as it is.
func (p *published) externalize(ref string) string {
	origin, path := "", ref
	if i := strings.Index(ref, "//"); i == 0 || i > 0 && ref[i-1] == ':' && !strings.ContainsAny(ref[:i-1], "/?#") {
		end := len(ref)
		if n := strings.IndexAny(ref[i+2:], "/?#\\"); n >= 0 {
			end = i + 2 + n
		}
		origin, path = ref[:end], ref[end:]
		if !p.ours(origin[:i], origin[i+2:]) {
			return ref
		}
		origin = p.external.Origin()
		if path == "" {
			path = "/"
		}
	}
	if !strings.HasPrefix(path, "/") || p.internal.Path == p.external.Path {
		return origin + path
	}
	end := len(path)
	if n := strings.IndexAny(path, "?#"); n >= 0 {
		end = n
	}
	if mapped, ok := translate(path[:end], p.internal.Path, p.external.Path); ok {
		return origin + mapped + path[end:]
	}
	return origin + path
}

// ours reports whether a scheme ("http:", "https:" or none) and an authority are the backend's, or
// the external one in the spelling of a backend that does not know that TLS ends before it.
func (p *published) ours(scheme, text string) bool {
	a, ok := parseAuthority(text)
	scheme = strings.ToLower(strings.TrimSuffix(scheme, ":"))
	if !ok || scheme != "" && scheme != "http" && scheme != "https" {
		return false
	}
	matches := func(e access.Endpoint) bool {
		want := a.port
		if want == 0 {
			want = map[string]uint16{"http": 80, "https": 443, "": e.Port}[scheme]
		}
		return a.host == e.Host && (want == e.Port && (scheme == "" || scheme == e.Scheme))
	}
	if matches(p.internal) && p.HostHeader != access.HostExternal {
		return true
	}
	return a.host == p.external.Host && scheme == "http" && (a.port == 0 || a.port == p.external.Port)
}

// externalizeRefresh does the same for a Refresh header: "5; url=…".
func (p *published) externalizeRefresh(value string) string {
	head, ref, ok := strings.Cut(value, "=")
	seconds, key, ok2 := strings.Cut(head, ";")
	if !ok || !ok2 || !strings.EqualFold(strings.TrimSpace(key), "url") {
		return value
	}
	return seconds + "; url=" + p.externalize(strings.Trim(strings.TrimSpace(ref), `"'`))
}

// lists reports whether a comma-separated value contains a token, in any case; parameters do not count.
func lists(value []byte, token string) bool {
	for rest, more := value, true; more; {
		var element []byte
		element, rest, more = bytes.Cut(rest, comma)
		element, _, _ = bytes.Cut(element, []byte{';'})
		if field.EqualFold(field.Trim(element), token) {
			return true
		}
	}
	return false
}
