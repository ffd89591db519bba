package access

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"postern/internal/fault"
)

// Mapping says what becomes here of what an upstream says about somebody. Its zero value works.
type Mapping struct {
	Name         string         // the claim that gives the sign-in name; empty: the usual ones, see NameClaims
	DisplayName  string         // the claim that gives the display name; empty: the usual ones
	Email        string         // the claim that gives the e-mail address; empty: the usual ones
	EmailDomains []string       // only who has an address in one of them; empty: everybody
	Required     []Requirement  // only who fulfils all of them
	Groups       []GroupMapping // which of the upstream's groups make members of which of ours
	GroupsByName bool           // its groups also make members of ours that have the same name
	GroupPrefix  string         // of those only the ones that begin so
}

// Requirement asks that a claim holds one of the values.
type Requirement struct {
	Claim  string
	Values []string
}

// GroupMapping makes members of an upstream's group members of one of ours.
type GroupMapping struct {
	From string // as the upstream names it; with LDAP its distinguished name
	To   ID
}

// Statement is what an upstream says about somebody: each claim's value is a string, a bool, a
// float64 or a []string.
type Statement struct {
	Claims map[string]any
	Groups []string
}

// Mapped is what becomes of a Statement.
type Mapped struct {
	Name        string
	DisplayName string
	Email       string
	Groups      []ID      // of those that GroupMapping names
	GroupNames  []string  // that a group of ours may have, with GroupsByName
	Notes       []MapNote // how it came about
}

// MapNote says where one thing came from, or why it was left out.
type MapNote struct {
	What string // the field
	Why  string // a sentence without it
}

// usual lists, for each kind of upstream, the claims that are looked into where a mapping names none.
var usual = map[UpstreamKind]struct{ name, display, email []string }{
	UpstreamOIDC: {
		name:    []string{"preferred_username", "upn", "email"},
		display: []string{"name"},
		email:   []string{"email"},
	},
	UpstreamLDAP: {
		name:    []string{"userPrincipalName", "uid", "sAMAccountName"},
		display: []string{"displayName", "cn"},
		email:   []string{"mail"},
	},
	UpstreamSAML: {
		name: []string{
			"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
			"urn:oid:0.9.2342.19200300.100.1.1", "uid", "username", "email", "mail",
		},
		display: []string{"http://schemas.microsoft.com/identity/claims/displayname", "urn:oid:2.16.840.1.113730.3.1.241", "displayName", "cn"},
		email: []string{
			"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "urn:oid:0.9.2342.19200300.100.1.3", "email", "mail",
		},
	},
}

// Claims lists every claim that the mapping of an upstream of this kind looks into.
func (m *Mapping) Claims(kind UpstreamKind) []string {
	list := slices.Concat(orUsual(m.Name, usual[kind].name), orUsual(m.DisplayName, usual[kind].display), orUsual(m.Email, usual[kind].email))
	for _, r := range m.Required {
		list = append(list, r.Claim)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func orUsual(claim string, usual []string) []string {
	if claim != "" {
		return []string{claim}
	}
	return usual
}

func (m *Mapping) check(p *fault.Problems) {
	checkWord(p, "mapping.name", m.Name, 256)
	checkWord(p, "mapping.displayName", m.DisplayName, 256)
	checkWord(p, "mapping.email", m.Email, 256)
	checkDomains(p, "mapping.emailDomains", m.EmailDomains)
	if len(m.Required) > maxRequired {
		p.Add("mapping.required", "must be at most %d", maxRequired)
	} else {
		for i, r := range m.Required {
			r.check(p, "mapping.required["+strconv.Itoa(i)+"]")
		}
	}
	checkWord(p, "mapping.groupPrefix", m.GroupPrefix, 128)
	if m.GroupPrefix != "" && !m.GroupsByName {
		p.Add("mapping.groupPrefix", "is only of use together with groupsByName")
	}
	if len(m.Groups) > maxGroupMappings {
		p.Add("mapping.groups", "must be at most %d", maxGroupMappings)
		return
	}
	seen := make(map[GroupMapping]bool, len(m.Groups))
	for i, g := range m.Groups {
		field := "mapping.groups[" + strconv.Itoa(i) + "]"
		needWord(p, field+".from", g.From, 2048)
		if !g.To.Valid(PrefixGroup) {
			p.Add(field+".to", "must be the id of a group")
		}
		if seen[g] {
			p.Add(field, "is there twice")
		}
		seen[g] = true
	}
}

func (r *Requirement) check(p *fault.Problems, field string) {
	needWord(p, field+".claim", r.Claim, 256)
	if n := len(r.Values); n == 0 || n > 100 {
		p.Add(field+".values", "must be 1 to 100")
		return
	}
	for i, v := range r.Values {
		if len(v) > 1024 || !utf8.ValidString(v) || strings.IndexFunc(v, unprintable) >= 0 {
			p.Add(field+".values", "must be printable text of at most 1024 bytes")
		} else if slices.Contains(r.Values[:i], v) {
			p.Add(field+".values", "contains %q twice", bounded(v))
		}
	}
}

// Map says what becomes of a statement. Whoever the mapping does not let in, or gives no usable
// name, is refused with a sentence that may be shown to them: it names claims, not their values.
// What was found so far comes with the refusal.
func (m *Mapping) Map(kind UpstreamKind, said Statement) (Mapped, error) {
	r := mapper{kind: kind, mapping: m, said: said}
	if kind == UpstreamLDAP {
		r.folded = make(map[string]any, len(said.Claims))
		for name, value := range said.Claims {
			r.folded[strings.ToLower(name)] = value
		}
	}
	if err := r.require(); err != nil {
		return r.out, err
	}
	if err := r.email(); err != nil {
		return r.out, err
	}
	if err := r.name(); err != nil {
		return r.out, err
	}
	r.display()
	r.groups()
	return r.out, nil
}

// mapper is one mapping under way.
type mapper struct {
	kind    UpstreamKind
	mapping *Mapping
	said    Statement
	folded  map[string]any // LDAP: the claims under their names in lower case, as directories compare them
	out     Mapped
}

func (r *mapper) note(what, format string, args ...any) {
	r.out.Notes = append(r.out.Notes, MapNote{what, fault.New(fault.KindInvalid, format, args...).Message})
}

func (r *mapper) claim(name string) (any, bool) {
	if r.folded != nil {
		value, ok := r.folded[strings.ToLower(name)]
		return value, ok
	}
	value, ok := r.said.Claims[name]
	return value, ok
}

// texts gives a claim's values as text.
func (r *mapper) texts(name string) []string {
	value, _ := r.claim(name)
	switch v := value.(type) {
	case string:
		return []string{v}
	case []string:
		return v
	case bool:
		return []string{strconv.FormatBool(v)}
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}
	}
	return nil
}

// first gives the first value that is not blank of the first claim that has one.
func (r *mapper) first(claims []string) (text, claim string) {
	for _, claim := range claims {
		for _, text := range r.texts(claim) {
			if text = strings.TrimSpace(text); text != "" {
				return text, claim
			}
		}
	}
	return "", ""
}

func (r *mapper) require() error {
	for _, need := range r.mapping.Required {
		got := r.texts(need.Claim)
		if !slices.ContainsFunc(got, func(v string) bool { return slices.Contains(need.Values, v) }) {
			if len(got) == 0 {
				return fault.Forbidden("your account has no claim %q, which is required here", need.Claim)
			}
			return fault.Forbidden("your account's claim %q holds none of the values that are required here", need.Claim)
		}
		r.note("required", "claim %q holds a value that is required", need.Claim)
	}
	return nil
}

func (r *mapper) email() error {
	text, claim := r.first(orUsual(r.mapping.Email, usual[r.kind].email))
	verified, said := r.claim("email_verified")
	confirmed := verified == true || verified == "true"
	switch {
	case text == "":
		r.note("email", "none of the claims %s has a value", quoted(orUsual(r.mapping.Email, usual[r.kind].email)))
	case checkEmail(text) != nil:
		r.note("email", "left out: claim %q is not one e-mail address", claim)
		text = ""
	case r.kind == UpstreamOIDC && said && !confirmed:
		r.note("email", "left out: the provider says that the address in claim %q is not verified", claim)
		text = ""
	default:
		r.note("email", "from claim %q", claim)
	}
	r.out.Email = text
	if len(r.mapping.EmailDomains) == 0 {
		return nil
	}
	_, domain, _ := strings.Cut(text, "@")
	switch {
	case text == "":
		return fault.Forbidden("your account has no verified e-mail address, and only those of certain domains are let in here")
	case r.kind == UpstreamOIDC && !confirmed:
		// What a provider does not vouch for anybody could have typed there.
		return fault.Forbidden("your provider does not say that it verified your e-mail address (claim \"email_verified\"), and only verified ones of certain domains are let in here")
	case !slices.Contains(r.mapping.EmailDomains, strings.ToLower(domain)):
		return fault.Forbidden("your e-mail address is in a domain that is not let in here")
	}
	r.note("emailDomains", "the address is in a domain that is let in")
	return nil
}

func (r *mapper) name() error {
	claims := orUsual(r.mapping.Name, usual[r.kind].name)
	if r.kind == UpstreamOIDC && r.mapping.Name == "" && r.out.Email == "" {
		claims = slices.DeleteFunc(slices.Clone(claims), func(c string) bool { return c == "email" }) // one that is not verified is nobody's name
	}
	text, claim := r.first(claims)
	if text == "" {
		return fault.Forbidden("your account has no claim that gives a sign-in name (%s)", quoted(claims))
	}
	name, err := SignInName(text)
	if err != nil {
		return fault.Forbidden("your account's claim %q gives no sign-in name: it %s", claim, err)
	}
	r.out.Name = name
	if name == text {
		r.note("name", "from claim %q", claim)
	} else {
		r.note("name", "from claim %q, in the form of our sign-in names", claim)
	}
	return nil
}

// SignInName gives the sign-in name that an upstream's name becomes: in lower case, and of
// "DOMAIN\name" what follows. It invents nothing: what then is no sign-in name is refused, since two
// people must never come out as one.
func SignInName(text string) (string, error) {
	if _, after, ok := strings.Cut(text, `\`); ok {
		text = after
	}
	name := asciiLower(text)
	return name, CheckSignInName(name)
}

// asciiLower leaves letters beyond ASCII alone: some of them become ASCII in lower case.
func asciiLower(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

func (r *mapper) display() {
	claims := orUsual(r.mapping.DisplayName, usual[r.kind].display)
	text, claim := r.first(claims)
	switch {
	case text == "":
		r.note("displayName", "none of the claims %s has a value", quoted(claims))
	case CheckName(text) != nil:
		r.note("displayName", "left out: claim %q %s", claim, CheckName(text))
	default:
		r.out.DisplayName = text
		r.note("displayName", "from claim %q", claim)
	}
}

// maxNotedGroups bounds how many groups are explained one by one.
const maxNotedGroups = 100

func (r *mapper) groups() {
	to := make(map[string][]ID, len(r.mapping.Groups))
	for _, g := range r.mapping.Groups {
		key := r.groupKey(g.From)
		to[key] = append(to[key], g.To)
	}
	unused := 0
	for i, group := range r.said.Groups {
		ids, name := to[r.groupKey(group)], r.ownName(group)
		r.out.Groups = append(r.out.Groups, ids...)
		if name != "" {
			r.out.GroupNames = append(r.out.GroupNames, name)
		}
		switch {
		case len(ids) == 0 && name == "":
			unused++
		case i >= maxNotedGroups:
		case len(ids) > 0:
			r.note("groups", "%q is mapped", bounded(group))
		default:
			r.note("groups", "%q counts by its name", bounded(group))
		}
	}
	if unused > 0 {
		r.note("groups", "%d of the upstream's groups are not mapped", unused)
	}
	slices.Sort(r.out.Groups)
	r.out.Groups = slices.Compact(r.out.Groups)
	slices.Sort(r.out.GroupNames)
	r.out.GroupNames = slices.Compact(r.out.GroupNames)
}

// groupKey gives the form in which the upstream compares its groups' names.
func (r *mapper) groupKey(group string) string {
	if r.kind != UpstreamLDAP {
		return group
	}
	parts := splitDN(group)
	for i, part := range parts {
		parts[i] = strings.ToLower(strings.TrimSpace(part))
	}
	return strings.Join(parts, ",")
}

// ownName gives the name that a group of ours has if it stands for the upstream's; empty if none may.
func (r *mapper) ownName(group string) string {
	if !r.mapping.GroupsByName {
		return ""
	}
	if r.kind == UpstreamLDAP {
		group = firstValue(group)
	}
	if !strings.HasPrefix(group, r.mapping.GroupPrefix) || CheckName(group) != nil {
		return ""
	}
	return group
}

// splitDN splits a distinguished name at commas that are not escaped.
func splitDN(dn string) []string {
	var parts []string
	start, escaped := 0, false
	for i := range len(dn) {
		switch {
		case escaped:
			escaped = false
		case dn[i] == '\\':
			escaped = true
		case dn[i] == ',':
			parts = append(parts, dn[start:i])
			start = i + 1
		}
	}
	return append(parts, dn[start:])
}

// firstValue gives the value of a distinguished name's first part: "Staff" of "CN=Staff,DC=example";
// nothing of one with escapes, which could be read in two ways.
func firstValue(dn string) string {
	first := splitDN(dn)[0]
	_, value, ok := strings.Cut(first, "=")
	if !ok || strings.ContainsAny(value, `\+`) {
		return ""
	}
	return strings.TrimSpace(value)
}

func quoted(claims []string) string {
	list := make([]string, len(claims))
	for i, c := range claims {
		list[i] = strconv.Quote(c)
	}
	return strings.Join(list, ", ")
}
