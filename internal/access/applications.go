package access

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"postern/internal/fault"
)

// ApplicationKind says what an application is.
type ApplicationKind string

// The kinds of application.
const (
	KindWeb         ApplicationKind = "web"          // an external URL that the gateway answers, for browsers
	KindPrivate     ApplicationKind = "private"      // segments that devices with a client reach, whatever is spoken there
	KindQuickAccess ApplicationKind = "quick-access" // the one private application that comes after all others
)

// PreAuthentication says what happens before a byte reaches the private network.
type PreAuthentication string

// The kinds of pre-authentication.
const (
	SignIn      PreAuthentication = "sign-in"     // the user signs in first
	Passthrough PreAuthentication = "passthrough" // anybody may send requests; the application guards itself
)

// HostHeader says which Host a backend is shown.
type HostHeader string

// The choices of a Host header.
const (
	HostInternal HostHeader = "internal" // the internal URL's host; redirects and cookies are turned back
	HostExternal HostHeader = "external" // the external URL's host, untouched
)

// BackendProtocol says which version of HTTP is spoken to a backend.
type BackendProtocol string

// The choices of a backend's protocol.
const (
	BackendHTTP1 BackendProtocol = "http1" // HTTP/1.1
	BackendHTTP2 BackendProtocol = "http2" // HTTP/2, as gRPC needs it: agreed on in TLS (ALPN), or with prior knowledge (h2c) without TLS
	BackendAuto  BackendProtocol = "auto"  // what the backend chooses of both in TLS
)

// Balancing says which of the connectors that can carry a request does.
type Balancing string

// The ways to choose a connector.
const (
	LeastLoaded   Balancing = "least-loaded"   // the one with the least to do and the shortest way to the application
	StickyUser    Balancing = "sticky-user"    // always the same for a user, as long as it can
	StickyAddress Balancing = "sticky-address" // always the same for a client's address, as long as it can
	ByPriority    Balancing = "priority"       // the first in the order that the connectors' priorities give
)

// Balancings lists them.
func Balancings() []Balancing { return []Balancing{LeastLoaded, StickyUser, StickyAddress, ByPriority} }

// A ProxyProtocol says how a connector tells a private application's servers from which address a device came.
type ProxyProtocol string

// The versions.
const (
	NoProxyProtocol ProxyProtocol = ""   // not at all: servers see the connector's address
	ProxyProtocolV2 ProxyProtocol = "v2" // by a header of that version ahead of all bytes of a TCP flow
)

// ReservedPath is ours on every application host and never forwarded; CallbackPath in it takes the one-time code
// with which a browser comes back from the portal.
const (
	ReservedPath = "/.postern/"
	CallbackPath = ReservedPath + "callback"
)

// Default timeouts of an application, in force where its own are zero.
const (
	DefaultBackendTimeout = 85 * time.Second // until the backend's response header (as the product we replace has by default)
	DefaultIdleTimeout    = 5 * time.Minute  // without a byte either way in a body or a WebSocket
)

// Application is what is published: a web application, with an external URL that the gateway answers and the internal URL that its
// connectors reach, or a private one, with segments that its connectors dial for devices.
type Application struct {
	Meta
	Name              string
	Kind              ApplicationKind // KindWeb if empty
	GroupID           ID              // the connector group that serves it
	Segments          []Segment       // of a private application
	Direct            bool            // of a private application: devices that reach no gateway dial its destinations themselves, instead of blocking them
	ProxyProtocol     ProxyProtocol   // of a private application
	ExternalURL       string
	InternalURL       string
	PreAuthentication PreAuthentication
	HostHeader        HostHeader
	BackendProtocol   BackendProtocol // HTTP/1.1 if empty
	Balancing         Balancing       // LeastLoaded if empty
	Disabled          bool            // maintenance: nobody may use it
	SkipVerify        bool            // do not verify the backend's TLS certificate; a recorded weakness
	BackendCA         string          // PEM certificates that the backend's chain may end in, beside the system's; optional
	BackendTimeout    time.Duration   // until the response header; DefaultBackendTimeout if zero
	IdleTimeout       time.Duration   // without a byte either way; DefaultIdleTimeout if zero
	AccessKeys        bool            // users may make access keys for it, for programs that cannot sign in
	Requestable       bool            // users may ask for it; its owners say yes or no
	OwnerUsers        []ID            // who answers such requests, beside administrators of policies
	OwnerGroups       []ID
	AllowRawPaths     bool // forward request targets that a backend could read in two ways; a recorded weakness
}

// Endpoint is a URL taken apart: what is needed to route to it or to dial it.
type Endpoint struct {
	Scheme string // "http" or "https"
	Host   string // lower case, without port; IPv6 without brackets
	Port   uint16
	Path   string // starts and ends with "/"
}

// Address gives host:port for dialling.
func (e Endpoint) Address() string { return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))) }

// Authority gives the Host header: the port only where it is not the scheme's own.
func (e Endpoint) Authority() string {
	if e.Scheme == "https" && e.Port == 443 || e.Scheme == "http" && e.Port == 80 {
		if strings.Contains(e.Host, ":") {
			return "[" + e.Host + "]"
		}
		return e.Host
	}
	return e.Address()
}

// Origin gives scheme://authority.
func (e Endpoint) Origin() string { return e.Scheme + "://" + e.Authority() }

// External gives the parsed external URL of a valid application.
func (a *Application) External() Endpoint { e, _ := ParseEndpoint(a.ExternalURL); return e }

// Internal gives the parsed internal URL of a valid application.
func (a *Application) Internal() Endpoint { e, _ := ParseEndpoint(a.InternalURL); return e }

// ParseEndpoint takes an http or https URL apart and says in a sentence what is wrong with it.
// It accepts no user, query or fragment, no dot segments and no escaped characters in the path,
// because such a URL could be read in more than one way.
func ParseEndpoint(raw string) (Endpoint, error) {
	bad := func(format string, args ...any) (Endpoint, error) {
		return Endpoint{}, fault.New(fault.KindInvalid, format, args...)
	}
	switch {
	case raw == "":
		return bad("must not be empty")
	case len(raw) > 2048:
		return bad("must be at most 2048 characters long")
	case strings.IndexFunc(raw, func(r rune) bool { return r <= ' ' || r >= utf8.RuneSelf }) >= 0:
		return bad("must be plain ASCII without blanks (write international names in their xn-- form)")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return bad("must be a URL such as https://wiki.example.com/")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return bad("must start with http:// or https://")
	case u.User != nil:
		return bad("must not contain a user name or password")
	case u.RawQuery != "" || u.ForceQuery:
		return bad("must not contain a query (?…)")
	case strings.Contains(raw, "#"):
		return bad("must not contain a fragment (#…)")
	case strings.ContainsAny(raw, `%\;`):
		return bad(`must not contain %%, \ or ;`)
	}
	host := strings.ToLower(u.Hostname())
	if err := CheckHost(host); err != nil {
		return Endpoint{}, err
	}
	port, err := endpointPort(u)
	if err != nil {
		return Endpoint{}, err
	}
	p := u.Path
	if p == "" {
		p = "/"
	}
	if !strings.HasSuffix(p, "/") {
		p += "/"
	}
	if clean := path.Clean(p); p != "/" && clean+"/" != p {
		return bad("must not contain //, . or .. in its path")
	}
	return Endpoint{Scheme: u.Scheme, Host: host, Port: port, Path: p}, nil
}

func endpointPort(u *url.URL) (uint16, error) {
	text := u.Port()
	if text == "" {
		if strings.HasSuffix(u.Host, ":") {
			return 0, fault.New(fault.KindInvalid, "has a colon without a port")
		}
		return map[string]uint16{"http": 80, "https": 443}[u.Scheme], nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, fault.New(fault.KindInvalid, "has port %q; a port is a number from 1 to 65535", text)
	}
	return uint16(n), nil
}

// CheckHost says what is wrong with a host: a DNS name (RFC 1123, lower case) or an IP address
// without zone. A name whose last label is all digits is refused, since some programs read it as
// an address in another notation.
func CheckHost(host string) error {
	if host == "" {
		return fault.New(fault.KindInvalid, "must contain a host")
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return fault.New(fault.KindInvalid, "must not contain an IPv6 zone")
		}
		return nil
	}
	if len(host) > 253 {
		return fault.New(fault.KindInvalid, "has a host longer than 253 characters")
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !validLabel(label) {
			return fault.New(fault.KindInvalid, "has host %q, which is not a host name", host)
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		return fault.New(fault.KindInvalid, "has host %q, which is neither a name nor an IP address", host)
	}
	return nil
}

func validLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for _, c := range []byte(label) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// CheckName says what is wrong with a display name: 1 to 128 printable characters without blanks
// at its ends.
func CheckName(name string) error {
	switch {
	case name == "":
		return fault.New(fault.KindInvalid, "must not be empty")
	case !utf8.ValidString(name):
		return fault.New(fault.KindInvalid, "must be valid UTF-8")
	case utf8.RuneCountInString(name) > 128:
		return fault.New(fault.KindInvalid, "must be at most 128 characters long")
	case strings.TrimSpace(name) != name:
		return fault.New(fault.KindInvalid, "must not start or end with a blank")
	case strings.IndexFunc(name, unprintable) >= 0:
		return fault.New(fault.KindInvalid, "must not contain control or invisible characters")
	}
	return nil
}

func unprintable(r rune) bool { return !unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) }

// Private reports whether the application is for devices with a client, and not a web application.
func (a *Application) Private() bool { return a.Kind == KindPrivate || a.Kind == KindQuickAccess }

// Defaults fills what was left empty with the product's defaults.
func (a *Application) Defaults() {
	if a.Kind == "" {
		a.Kind = KindWeb
	}
	if a.PreAuthentication == "" {
		a.PreAuthentication = SignIn
	}
	if a.HostHeader == "" {
		a.HostHeader = HostInternal
	}
	if a.BackendProtocol == "" {
		a.BackendProtocol = BackendHTTP1
	}
	if a.Balancing == "" {
		a.Balancing = LeastLoaded
	}
	a.Segments = normal(a.Segments)
}

// Validate says everything that is wrong with the application itself; what depends on other
// objects (a free external URL, an existing group) control checks. Field names are the admin
// API's.
func (a *Application) Validate() error {
	var p fault.Problems
	p.Check("name", CheckName(a.Name))
	if !a.GroupID.Valid(PrefixConnectorGroup) {
		p.Add("connectorGroup", "must be the id of a connector group")
	}
	switch a.Kind {
	case KindWeb:
		a.checkWeb(&p)
	case KindPrivate, KindQuickAccess:
		a.checkPrivate(&p)
	default:
		p.Add("kind", "must be %q, %q or %q", KindWeb, KindPrivate, KindQuickAccess)
	}
	checkIDs(&p, "ownerUsers", PrefixUser, a.OwnerUsers)
	checkIDs(&p, "ownerGroups", PrefixGroup, a.OwnerGroups)
	if !slices.Contains(Balancings(), a.Balancing) {
		p.Add("balancing", "must be %q, %q, %q or %q", LeastLoaded, StickyUser, StickyAddress, ByPriority)
	}
	checkTimeout(&p, "backendTimeout", a.BackendTimeout)
	checkTimeout(&p, "idleTimeout", a.IdleTimeout)
	return p.Err()
}

// checkWeb says what is wrong with what only a web application has.
func (a *Application) checkWeb(p *fault.Problems) {
	if a.Direct {
		p.Add("direct", "must be left out of a web application: only private ones have it")
	}
	if a.ProxyProtocol != NoProxyProtocol {
		p.Add("proxyProtocol", "must be left out of a web application, which is told the address by the field X-Forwarded-For: only private ones have it")
	}
	if len(a.Segments) > 0 {
		p.Add("segments", "must be empty for a web application; kind %q has them", KindPrivate)
	}
	external, err := ParseEndpoint(a.ExternalURL)
	p.Check("externalUrl", err)
	if err == nil && external.Scheme != "https" {
		p.Add("externalUrl", "must start with https://")
	}
	if _, err := netip.ParseAddr(external.Host); err == nil {
		p.Add("externalUrl", "must have a host name, not an IP address")
	}
	if strings.HasPrefix(external.Path, ReservedPath) {
		p.Add("externalUrl", "must not lie under %s, which Postern keeps for itself", ReservedPath)
	}
	a.checkTarget(p)
	if a.PreAuthentication != SignIn && a.PreAuthentication != Passthrough {
		p.Add("preAuthentication", "must be %q or %q", SignIn, Passthrough)
	}
}

// ValidateTarget says everything that is wrong with what its connectors reach, which can be tried before there is an application.
func (a *Application) ValidateTarget() error {
	var p fault.Problems
	if !a.GroupID.Valid(PrefixConnectorGroup) {
		p.Add("connectorGroup", "must be the id of a connector group")
	}
	a.checkTarget(&p)
	if a.ExternalURL != "" {
		_, err := ParseEndpoint(a.ExternalURL)
		p.Check("externalUrl", err)
	}
	return p.Err()
}

func (a *Application) checkTarget(p *fault.Problems) {
	internal, err := ParseEndpoint(a.InternalURL)
	p.Check("internalUrl", err)
	p.Check("backendProtocol", checkBackendProtocol(a.BackendProtocol, internal.Scheme))
	if a.HostHeader != HostInternal && a.HostHeader != HostExternal {
		p.Add("hostHeader", "must be %q or %q", HostInternal, HostExternal)
	}
	p.Check("backendCa", checkCertificates(a.BackendCA))
}

// checkBackendProtocol says what is wrong with a protocol for a scheme, which is empty if that is not known.
func checkBackendProtocol(protocol BackendProtocol, scheme string) error {
	switch protocol {
	case BackendHTTP1, BackendHTTP2:
		return nil
	case BackendAuto:
		if scheme == "http" {
			return fault.New(fault.KindInvalid, "must be %q or %q for an internal URL with http://: only TLS lets a backend choose", BackendHTTP1, BackendHTTP2)
		}
		return nil
	}
	return fault.New(fault.KindInvalid, "must be %q, %q or %q", BackendHTTP1, BackendHTTP2, BackendAuto)
}

func checkTimeout(p *fault.Problems, field string, d time.Duration) {
	if d != 0 && (d < time.Second || d > 24*time.Hour) {
		p.Add(field, "must be between 1 second and 24 hours, or 0 for the default")
	}
}

// checkCertificates accepts nothing, or PEM certificates and nothing else.
func checkCertificates(text string) error {
	if text == "" {
		return nil
	}
	if len(text) > 256<<10 {
		return fault.New(fault.KindInvalid, "must be at most 256 KiB long")
	}
	rest := []byte(text)
	for n := 0; ; n++ {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			if n == 0 || strings.TrimSpace(string(rest)) != "" {
				return fault.New(fault.KindInvalid, "must be PEM certificates and nothing else")
			}
			return nil
		}
		if block.Type != "CERTIFICATE" {
			return fault.New(fault.KindInvalid, "must be PEM certificates; found %q", block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fault.New(fault.KindInvalid, "has a certificate that cannot be read (number %d)", n+1)
		}
	}
}
