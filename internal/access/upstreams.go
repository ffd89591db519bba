package access

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"postern/internal/fault"
)

// PrefixUpstream is the prefix of upstreams' ids.
const PrefixUpstream = "ups"

// UpstreamKind says which protocol an upstream speaks.
type UpstreamKind string

// The kinds of upstream.
const (
	UpstreamOIDC UpstreamKind = "oidc" // an OpenID Connect provider
	UpstreamLDAP UpstreamKind = "ldap" // a directory: OpenLDAP, Active Directory and their like
	UpstreamSAML UpstreamKind = "saml" // a SAML 2.0 identity provider
)

// Upstream is somebody else who knows our users: they prove there who they are. Exactly one of its
// settings is set, the one of its kind. Its secret (the client's, the bind password, the private
// key) is not in it: the store keeps it sealed and gives it apart.
type Upstream struct {
	Meta
	Name      string // shown to who signs in
	Kind      UpstreamKind
	Disabled  bool
	OnlyKnown bool     // nobody new: only users that exist already and are linked to it
	Default   bool     // the sign-in page leads there at once
	Domains   []string // LDAP: which sign-in names it serves, by what follows their @; empty: every name that is nobody else's
	Mapping   Mapping
	OIDC      *OIDCSettings
	LDAP      *LDAPSettings
	SAML      *SAMLSettings
	HasSecret bool // read-only
}

// The settings below and Mapping are stored as JSON under the names of their fields: those stay.

// OIDCSettings say how to reach an OpenID Connect provider.
type OIDCSettings struct {
	Issuer        string   // exactly as the provider states it
	ClientID      string   // what the provider calls us
	Scopes        []string // beside openid; empty: profile, email and, where the provider has it, offline_access
	GroupsClaim   string   // where the groups are; empty: groups
	AllowPrivate  bool     // the provider may be at a private address
	AllowLoopback bool     // the provider is this very machine
	CA            string   // PEM certificates that its chain may end in, beside the system's; optional
	// StrongACR and StrongAMR say how it spells that it asked for more than one factor: by acr, which it is
	// then asked for where more than one is needed, and by amr beside those of RFC 8176.
	StrongACR     []string
	StrongAMR     []string
	ProofLife     time.Duration // see UpstreamProof
	SecretExpires time.Time     `json:",omitzero"` // when the provider will not take our secret any more; optional, told in time
}

// LDAPSettings say how to reach a directory and where in it the users are.
type LDAPSettings struct {
	URLs             []string // ldaps://host or ldap://host; tried in turn
	StartTLS         bool     // with ldap://
	CA               string   // PEM certificates that its chain may end in, beside the system's; optional
	BaseDN           string   // below which users are
	BindDN           string   // who looks users up; empty: anonymous
	UserFilter       string   // with {name}, as it was typed, or {account}, without our domain; empty: the usual one of the kind of directory
	SubjectAttribute string   // what never changes; empty: objectGUID or entryUUID
	Attributes       []string // read beside the usual ones; those that the mapping names are read anyway
	GroupBase        string   // below which groups are; empty: BaseDN
	GroupFilter      string   // with {dn} and {name}; empty: the usual one of the kind of directory
	NestedGroups     bool     // groups of groups count too
	ActiveDirectory  bool
	Workgroup        string // what comes before the backslash where people write WORKGROUP\name; optional
	AllowPlain       bool   // ldap:// without StartTLS: passwords cross the network for anybody to read
	AllowLoopback    bool   // the directory may be this very machine; private addresses may be named anyway
}

// SAMLSettings say how to reach a SAML identity provider. Exactly one of Metadata and MetadataURL
// is set.
type SAMLSettings struct {
	Metadata         string // the provider's, XML
	MetadataURL      string // or where to fetch it
	EntityID         string // what we are called there; empty: the URL of our own metadata
	SubjectAttribute string // what never changes; empty: the NameID, which must then be persistent
	GroupsAttribute  string // empty: groups
	IdPInitiated     bool   // answers that nobody asked for are taken too
	SignRequests     bool
	AllowPrivate     bool   // the metadata may be at a private address
	AllowLoopback    bool   // the metadata is at this very machine
	CA               string // PEM certificates for MetadataURL, beside the system's; optional
	// StrongContexts are the authentication contexts that are more than one factor. It is asked for
	// them where that is needed.
	StrongContexts []string
	MetadataSigner string        // PEM certificates of which one must have signed the metadata; optional
	ProofLife      time.Duration // see UpstreamProof
}

// UpstreamProof is how long a session is good without its upstream's word, where that can be asked
// only by sending the user's browser there. From UpstreamReproof on it is sent with the next page.
const (
	UpstreamProof    = time.Hour
	UpstreamReproof  = 15 * time.Minute
	maxUpstreamProof = 24 * time.Hour
)

// ProofLife gives how long a session is good without the upstream's word.
func (u *Upstream) ProofLife() time.Duration {
	life := time.Duration(0)
	switch {
	case u.OIDC != nil:
		life = u.OIDC.ProofLife
	case u.SAML != nil:
		life = u.SAML.ProofLife
	}
	if life == 0 {
		life = UpstreamProof
	}
	return life
}

// Strengthens reports whether the upstream is known to ask for more than one factor where it is told to.
func (u *Upstream) Strengthens() bool {
	return u.OIDC != nil && len(u.OIDC.StrongACR)+len(u.OIDC.StrongAMR) > 0 || u.SAML != nil && len(u.SAML.StrongContexts) > 0
}

// Limits of an upstream.
const (
	MaxUpstreams     = 32 // of one instance
	maxDomains       = 100
	maxRequired      = 32
	maxGroupMappings = 1000
	maxScopes        = 32
	maxURLs          = 8
	maxAttributes    = 64
	maxMetadata      = 1 << 20
	maxFilter        = 4096
)

// Validate says everything that is wrong with the upstream itself. Field names are the admin API's.
func (u *Upstream) Validate() error {
	var p fault.Problems
	p.Check("name", CheckName(u.Name))
	given := map[UpstreamKind]bool{UpstreamOIDC: u.OIDC != nil, UpstreamLDAP: u.LDAP != nil, UpstreamSAML: u.SAML != nil}
	if _, known := given[u.Kind]; !known {
		p.Add("kind", "must be %q, %q or %q", UpstreamOIDC, UpstreamLDAP, UpstreamSAML)
	}
	for _, kind := range []UpstreamKind{UpstreamOIDC, UpstreamLDAP, UpstreamSAML} {
		switch {
		case kind == u.Kind && !given[kind]:
			p.Add(string(kind), "must be given for an upstream of kind %q", kind)
		case kind != u.Kind && given[kind]:
			p.Add(string(kind), "must not be given for an upstream of kind %q", u.Kind)
		}
	}
	if u.Kind != UpstreamLDAP && len(u.Domains) > 0 {
		p.Add("domains", "are only of use to an upstream of kind %q", UpstreamLDAP)
	}
	if u.Kind == UpstreamLDAP && u.Default {
		p.Add("default", "is of no use to an upstream of kind %q, whose users sign in on our own page", UpstreamLDAP)
	}
	checkDomains(&p, "domains", u.Domains)
	u.Mapping.check(&p)
	if u.OIDC != nil {
		u.OIDC.check(&p)
	}
	if u.LDAP != nil {
		u.LDAP.check(&p)
	}
	if u.SAML != nil {
		u.SAML.check(&p)
	}
	return p.Err()
}

// ServesName reports whether the sign-in name is in one of the upstream's domains.
func (u *Upstream) ServesName(name string) bool {
	if workgroup, _, ok := strings.Cut(name, `\`); ok {
		return u.LDAP != nil && u.LDAP.Workgroup != "" && strings.EqualFold(workgroup, u.LDAP.Workgroup)
	}
	_, domain, ok := strings.Cut(name, "@")
	return ok && slices.Contains(u.Domains, strings.ToLower(domain))
}

// checkDomains accepts DNS names in lower case, each once.
func checkDomains(p *fault.Problems, field string, domains []string) {
	if len(domains) > maxDomains {
		p.Add(field, "must be at most %d", maxDomains)
		return
	}
	for i, d := range domains {
		if err := CheckHost(d); err != nil || !strings.ContainsFunc(d, func(r rune) bool { return r >= 'a' && r <= 'z' }) {
			p.Add(field, "must be domains such as example.com, in lower case; %q is none", bounded(d))
		} else if slices.Contains(domains[:i], d) {
			p.Add(field, "contains %q twice", d)
		}
	}
}

// bounded keeps what is quoted in an error short.
func bounded(text string) string {
	if len(text) <= 64 {
		return text
	}
	return strings.ToValidUTF8(text[:64], "") + "…"
}

func (s *OIDCSettings) check(p *fault.Problems) {
	issuer, err := ParseEndpoint(s.Issuer)
	p.Check("oidc.issuer", err)
	if err == nil && issuer.Scheme != "https" {
		p.Add("oidc.issuer", "must start with https://")
	}
	needWord(p, "oidc.clientId", s.ClientID, 256)
	if len(s.Scopes) > maxScopes {
		p.Add("oidc.scopes", "must be at most %d", maxScopes)
	} else {
		for i, scope := range s.Scopes {
			if !validScope(scope) {
				p.Add("oidc.scopes", "must be words of printable ASCII; %q is none", bounded(scope))
			} else if slices.Contains(s.Scopes[:i], scope) {
				p.Add("oidc.scopes", "contains %q twice", scope)
			}
		}
	}
	checkWord(p, "oidc.groupsClaim", s.GroupsClaim, 128)
	checkStrong(p, "oidc.strongAcr", s.StrongACR)
	checkStrong(p, "oidc.strongAmr", s.StrongAMR)
	for _, acr := range s.StrongACR {
		if strings.ContainsAny(acr, " \t") {
			p.Add("oidc.strongAcr", "must be words without blanks, which separate them in a request; %q is none", bounded(acr))
		}
	}
	checkProofLife(p, "oidc.proofLife", s.ProofLife)
	p.Check("oidc.ca", checkCertificates(s.CA))
}

// validScope follows RFC 6749, section 3.3.
func validScope(scope string) bool {
	return scope != "" && len(scope) <= 256 && strings.IndexFunc(scope, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\'
	}) < 0
}

func (s *LDAPSettings) check(p *fault.Problems) {
	if n := len(s.URLs); n == 0 || n > maxURLs {
		p.Add("ldap.urls", "must be 1 to %d, such as ldaps://dc1.example.com", maxURLs)
	}
	plain := false
	for i, raw := range s.URLs {
		if i >= maxURLs {
			break
		}
		scheme, err := checkDirectoryURL(raw)
		p.Check("ldap.urls", err)
		plain = plain || scheme == "ldap"
		if slices.Contains(s.URLs[:i], raw) {
			p.Add("ldap.urls", "contains %q twice", bounded(raw))
		}
	}
	switch {
	case plain && !s.StartTLS && !s.AllowPlain:
		p.Add("ldap.startTls", "must be true with ldap:// (or use ldaps://), since passwords would cross the network for anybody to read; allowPlain allows that")
	case s.StartTLS && s.AllowPlain:
		p.Add("ldap.allowPlain", "must not be given together with startTls")
	}
	p.Check("ldap.ca", checkCertificates(s.CA))
	if s.BaseDN == "" {
		p.Add("ldap.baseDn", "must not be empty")
	}
	checkDN(p, "ldap.baseDn", s.BaseDN)
	checkWord(p, "ldap.bindDn", s.BindDN, 1024) // or user@domain, as Active Directory has it
	checkDN(p, "ldap.groupBase", s.GroupBase)
	checkWorkgroup(p, s.Workgroup)
	checkFilter(p, "ldap.userFilter", s.UserFilter, "{name}", "{account}")
	checkFilter(p, "ldap.groupFilter", s.GroupFilter, "{dn}", "{name}")
	if s.SubjectAttribute != "" && !validAttribute(s.SubjectAttribute) {
		p.Add("ldap.subjectAttribute", "must be the name of an attribute: letters, digits, - and ;")
	}
	if len(s.Attributes) > maxAttributes {
		p.Add("ldap.attributes", "must be at most %d", maxAttributes)
		return
	}
	for i, name := range s.Attributes {
		if !validAttribute(name) {
			p.Add("ldap.attributes", "must be names of attributes: letters, digits, - and ;; %q is none", bounded(name))
		} else if slices.Contains(s.Attributes[:i], name) {
			p.Add("ldap.attributes", "contains %q twice", name)
		}
	}
}

// checkWorkgroup accepts a NetBIOS name.
func checkWorkgroup(p *fault.Problems, name string) {
	checkWord(p, "ldap.workgroup", name, 15)
	if strings.ContainsAny(name, `\/:*?"<>|@ `) {
		p.Add("ldap.workgroup", `must be a name such as CORP, the part before the backslash of CORP\alice`)
	}
}

// checkDirectoryURL accepts ldap://host:port and ldaps://host:port and nothing more.
func checkDirectoryURL(raw string) (scheme string, err error) {
	wrong := fault.New(fault.KindInvalid, "must be such as ldaps://dc1.example.com or ldap://dc1.example.com:389; %q is not", bounded(raw))
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || scheme != "ldap" && scheme != "ldaps" || strings.ContainsAny(rest, "/?#@") || len(raw) > 512 {
		return "", wrong
	}
	if _, err := ParseEndpoint("https://" + rest); err != nil {
		return "", wrong
	}
	return scheme, nil
}

// checkDN accepts what looks like a distinguished name. The directory itself says the rest.
func checkDN(p *fault.Problems, field, dn string) {
	checkWord(p, field, dn, 1024)
	if dn != "" && !strings.Contains(dn, "=") {
		p.Add(field, "must be a distinguished name such as dc=example,dc=com")
	}
}

// checkFilter accepts a filter in brackets that holds one of the places.
func checkFilter(p *fault.Problems, field, filter string, places ...string) {
	if filter == "" {
		return
	}
	checkWord(p, field, filter, maxFilter)
	if !strings.HasPrefix(filter, "(") || !strings.HasSuffix(filter, ")") || strings.Count(filter, "(") != strings.Count(filter, ")") {
		p.Add(field, "must be a filter in brackets, such as (uid={name})")
	}
	if !slices.ContainsFunc(places, func(place string) bool { return strings.Contains(filter, place) }) {
		p.Add(field, "must contain %s", strings.Join(places, " or "))
	}
}

func validAttribute(name string) bool {
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '-' && c != ';') {
			return false
		}
	}
	return name != "" && len(name) <= 128
}

func (s *SAMLSettings) check(p *fault.Problems) {
	switch {
	case s.Metadata == "" && s.MetadataURL == "":
		p.Add("saml.metadata", "must be given, or metadataUrl")
	case s.Metadata != "" && s.MetadataURL != "":
		p.Add("saml.metadata", "must not be given together with metadataUrl")
	case len(s.Metadata) > maxMetadata:
		p.Add("saml.metadata", "must be at most %d bytes long", maxMetadata)
	case !utf8.ValidString(s.Metadata):
		p.Add("saml.metadata", "must be valid UTF-8")
	case s.Metadata != "" && !strings.HasPrefix(strings.TrimLeft(s.Metadata, "\ufeff \t\r\n"), "<"):
		p.Add("saml.metadata", "must be an XML document")
	}
	if s.MetadataURL != "" {
		p.Check("saml.metadataUrl", checkFetchURL(s.MetadataURL))
	}
	checkWord(p, "saml.entityId", s.EntityID, 1024)
	checkWord(p, "saml.subjectAttribute", s.SubjectAttribute, 256)
	checkWord(p, "saml.groupsAttribute", s.GroupsAttribute, 256)
	p.Check("saml.ca", checkCertificates(s.CA))
	p.Check("saml.metadataSigner", checkCertificates(s.MetadataSigner))
	checkStrong(p, "saml.strongContexts", s.StrongContexts)
	checkProofLife(p, "saml.proofLife", s.ProofLife)
}

const maxStrong = 16

// checkStrong accepts an upstream's own words for a strong sign-in, each once.
func checkStrong(p *fault.Problems, field string, words []string) {
	if len(words) > maxStrong {
		p.Add(field, "must be at most %d", maxStrong)
		return
	}
	for i, w := range words {
		needWord(p, field, w, 256)
		if slices.Contains(words[:i], w) {
			p.Add(field, "contains %q twice", bounded(w))
		}
	}
}

func checkProofLife(p *fault.Problems, field string, life time.Duration) {
	if life != 0 && (life < UpstreamReproof || life > maxUpstreamProof) {
		p.Add(field, "must be from %s to %s", UpstreamReproof, maxUpstreamProof)
	}
}

// checkFetchURL accepts an https URL, with a query if need be.
func checkFetchURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Fragment != "" || len(raw) > 2048 ||
		strings.IndexFunc(raw, func(r rune) bool { return r <= ' ' || r >= utf8.RuneSelf }) >= 0 || CheckHost(strings.ToLower(u.Hostname())) != nil {
		return fault.New(fault.KindInvalid, "must be a URL such as https://login.example.com/metadata")
	}
	return nil
}

// needWord accepts printable text without blanks at its ends, but not none.
func needWord(p *fault.Problems, field, text string, limit int) {
	if text == "" {
		p.Add(field, "must not be empty")
	}
	checkWord(p, field, text, limit)
}

// checkWord accepts nothing, or printable text without blanks at its ends.
func checkWord(p *fault.Problems, field, text string, limit int) {
	switch {
	case len(text) > limit:
		p.Add(field, "must be at most %d bytes long", limit)
	case !utf8.ValidString(text) || strings.IndexFunc(text, unprintable) >= 0:
		p.Add(field, "must not contain control or invisible characters")
	case strings.TrimSpace(text) != text:
		p.Add(field, "must not start or end with a blank")
	}
}
