package gateway

import (
	"net/http"
	"net/netip"
	"strings"

	"postern/internal/access"
)

// Headers of one connection, never forwarded (RFC 9110, section 7.6.1).
var hopByHop = []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings"}

// Headers by which backends are told who somebody is or where a request comes from. A client's own
// are dropped, in headers and trailers, under every spelling that a backend folds to the same name.
// The names are folded; those that end in "-" stand for everything that starts so.
var (
	trustNames = map[string]bool{
		"forwarded": true, "via": true, "proxy": true, "x-real-ip": true, "x-client-ip": true, "x-cluster-client-ip": true,
		"x-forwarded": true, "true-client-ip": true, "cf-connecting-ip": true, "fastly-client-ip": true, "x-rewrite-url": true,
		"x-host": true, "client-cert": true, "client-cert-chain": true, "remote-addr": true,
		"x-authenticated-user": true, "x-client-cert": true, "x-user-id": true, "x-proxy-user": true,
		"x-http-forwarded-for": true, "x-accel-redirect": true, "x-sendfile": true, "x-server-name": true,
	}
	trustPrefixes = []string{"x-forwarded-", "x-original-", "x-postern-", "postern-", "remote-", "x-remote-", "x-ms-client-principal",
		"x-auth-request-", "x-authentik-", "x-webauth-", "x-goog-authenticated-", "x-goog-iap-", "x-amzn-oidc-", "cf-access-",
		"x-pomerium-", "tailscale-", "x-envoy-", "x-ssl-", "ssl-client-", "x-tls-client-", "x-arr-"}
)

// fold gives the name as the most obliging backend reads it: lower case, "_" as "-".
func fold(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "_", "-")
}

// trusted reports whether backends may take a header for the word of their proxy.
func trusted(name string) bool {
	name = fold(name)
	if trustNames[name] {
		return true
	}
	for _, prefix := range trustPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// framing reports whether a header, however spelled, belongs to a connection or a message's frame.
func framing(name string) bool {
	switch fold(name) {
	case "host", "content-length", "transfer-encoding", "connection", "proxy-connection", "keep-alive", "te", "trailer", "upgrade",
		"expect", "proxy-authenticate", "proxy-authorization", "http2-settings", "cookie", "set-cookie", "authorization":
		return true
	}
	return false
}

// nominated lists the headers that a Connection header takes away. What matters to us cannot be
// taken away so: our own headers are set afterwards, and a message's frame is not a header's
// business.
func nominated(h http.Header) []string {
	var names []string
	for _, value := range h["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			name = strings.TrimSpace(name)
			if name != "" && !framing(name) && !trusted(name) {
				names = append(names, http.CanonicalHeaderKey(name))
			}
		}
	}
	return names
}

// An origin is what a backend is told of where a request came from.
type origin struct {
	client    netip.AddrPort
	authority string // of the external URL: the client's own spelling is not passed on
	port      string // of the external URL, empty if it is 443
	reference string
}

// requestHeader gives what the backend gets of a request's header. The received one is not changed.
func requestHeader(in http.Header, from origin) http.Header {
	out := make(http.Header, len(in)+6)
	for name, values := range in {
		if trusted(name) || strings.Contains(name, "_") && framing(name) {
			continue
		}
		out[name] = values
	}
	for _, name := range nominated(in) {
		delete(out, name)
	}
	for _, name := range hopByHop {
		delete(out, name)
	}
	delete(out, "Host")
	delete(out, "Content-Length")
	if cookies := ourCookiesOut(in["Cookie"]); len(cookies) > 0 {
		out["Cookie"] = cookies
	} else {
		delete(out, "Cookie")
	}
	if _, ok := out["User-Agent"]; !ok {
		out["User-Agent"] = nil // or the transport would add its own
	}
	if hasToken(in["Te"], "trailers") {
		out["Te"] = []string{"trailers"}
	}
	setOrigin(out, from)
	return out
}

func setOrigin(h http.Header, from origin) {
	address := from.client.Addr().Unmap()
	quoted := address.String()
	if address.Is6() {
		quoted = `"[` + quoted + `]"`
	}
	h["X-Forwarded-For"] = []string{address.String()}
	h["X-Forwarded-Host"] = []string{from.authority}
	h["X-Forwarded-Proto"] = []string{"https"}
	if from.port != "" {
		h["X-Forwarded-Port"] = []string{from.port}
	}
	host := from.authority
	if strings.Contains(host, ":") {
		host = `"` + host + `"`
	}
	h["Forwarded"] = []string{"for=" + quoted + ";host=" + host + ";proto=https"} // RFC 7239
	h["X-Request-Id"] = []string{from.reference}
}

// trailers gives what may be passed on of a message's trailers: no framing, nothing of trust, none
// of the fields that only mean something before the body (RFC 9110, section 6.5.1).
func trailers(in http.Header) http.Header {
	out := http.Header{}
	for name, values := range in {
		switch fold(name) {
		case "content-type", "content-encoding", "content-range", "cache-control", "age", "date", "expires", "location", "retry-after",
			"vary", "range", "if-match", "if-none-match", "max-forwards", "www-authenticate", "proxy":
			continue
		}
		if !framing(name) && !trusted(name) {
			out[name] = values
		}
	}
	return out
}

// responseHeader gives what the client gets of a backend's response header.
func responseHeader(in http.Header, app *published, reference string) http.Header {
	out := make(http.Header, len(in)+2)
	for name, values := range in {
		// Alt-Svc speaks of ports and protocols of the private host, where the public one has none (RFC 7838).
		if folded := fold(name); strings.HasPrefix(folded, "postern-") || folded == "x-accel-redirect" || folded == "alt-svc" {
			continue
		}
		out[name] = values
	}
	for _, name := range nominated(in) {
		delete(out, name)
	}
	for _, name := range hopByHop {
		if name != "Proxy-Authenticate" {
			delete(out, name)
		}
	}
	for _, name := range []string{"Location", "Content-Location"} {
		if values := out[name]; len(values) == 1 {
			out[name] = []string{app.externalize(values[0])}
		}
	}
	if values := out["Refresh"]; len(values) == 1 {
		out["Refresh"] = []string{app.externalizeRefresh(values[0])}
	}
	if cookies := app.cookiesBack(in["Set-Cookie"]); len(cookies) > 0 {
		out["Set-Cookie"] = cookies
	} else {
		delete(out, "Set-Cookie")
	}
	if _, ok := out["Content-Type"]; !ok {
		out["Content-Type"] = nil // or the server would guess one
	}
	out["Postern-Reference"] = []string{reference}
	return out
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

// hasToken reports whether a comma-separated header contains a token, in any case.
func hasToken(values []string, token string) bool {
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			part, _, _ = strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}
