package access

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
)

var (
	staff  = ID("grp_" + strings.Repeat("0", 25) + "1")
	admins = ID("grp_" + strings.Repeat("0", 25) + "2")
)

func TestMap(t *testing.T) {
	ada := map[string]any{"preferred_username": "Ada", "name": "Ada Lovelace", "email": "ada@Example.com", "email_verified": true}
	tests := []struct {
		name    string
		kind    UpstreamKind
		mapping Mapping
		said    Statement
		want    Mapped
		refused string
	}{
		{name: "the usual claims", kind: UpstreamOIDC, said: Statement{Claims: ada}, want: Mapped{Name: "ada", DisplayName: "Ada Lovelace", Email: "ada@Example.com"}},
		{name: "an e-mail address as name", kind: UpstreamOIDC, said: Statement{Claims: map[string]any{"email": "Ada@example.com", "email_verified": true}},
			want: Mapped{Name: "ada@example.com", Email: "Ada@example.com"}},
		{name: "one that is not verified is no name", kind: UpstreamOIDC, said: Statement{Claims: map[string]any{"email": "ada@example.com", "email_verified": false}}, refused: "no claim that gives a sign-in name"},
		{name: "verified as text", kind: UpstreamOIDC, mapping: Mapping{EmailDomains: []string{"example.com"}}, said: Statement{Claims: map[string]any{"preferred_username": "a", "email": "a@example.com", "email_verified": "true"}},
			want: Mapped{Name: "a", Email: "a@example.com"}},
		{name: "a domain below another", kind: UpstreamOIDC, mapping: Mapping{EmailDomains: []string{"example.com"}}, said: Statement{Claims: map[string]any{"preferred_username": "a", "email": "a@evil.example.com", "email_verified": true}}, refused: "domain"},
		{name: "two addresses in one", kind: UpstreamSAML, mapping: Mapping{EmailDomains: []string{"example.com"}}, said: Statement{Claims: map[string]any{"uid": "a", "mail": "a@evil.org,b@example.com"}}, refused: "e-mail"},
		{name: "another claim", kind: UpstreamOIDC, mapping: Mapping{Name: "upn", DisplayName: "nick", Email: "mail"}, said: Statement{Claims: map[string]any{"upn": "CORP\\Ada", "nick": "A", "mail": "x@example.com"}},
			want: Mapped{Name: "ada", DisplayName: "A", Email: "x@example.com"}},
		{name: "a list gives its first", kind: UpstreamSAML, said: Statement{Claims: map[string]any{"uid": []string{"", "ada", "grace"}}}, want: Mapped{Name: "ada"}},
		{name: "a directory's attributes in any case", kind: UpstreamLDAP, said: Statement{Claims: map[string]any{"UID": "ada", "CN": "Ada L", "MAIL": "ada@example.com"}},
			want: Mapped{Name: "ada", DisplayName: "Ada L", Email: "ada@example.com"}},
		{name: "claims are told apart by case elsewhere", kind: UpstreamOIDC, said: Statement{Claims: map[string]any{"Preferred_Username": "ada"}}, refused: "no claim"},
		{name: "a number as name", kind: UpstreamOIDC, mapping: Mapping{Name: "n"}, said: Statement{Claims: map[string]any{"n": 17.0}}, want: Mapped{Name: "17"}},
		{name: "an object is nothing", kind: UpstreamOIDC, mapping: Mapping{Name: "n"}, said: Statement{Claims: map[string]any{"n": map[string]any{"x": "ada"}}}, refused: "no claim"},
		{name: "a blank within", kind: UpstreamOIDC, said: Statement{Claims: map[string]any{"preferred_username": "ada lovelace"}}, refused: "no sign-in name"},
		{name: "a name too long", kind: UpstreamOIDC, said: Statement{Claims: map[string]any{"preferred_username": strings.Repeat("a", 65)}}, refused: "64"},
		{name: "a dotless i stays what it is", kind: UpstreamOIDC, said: Statement{Claims: map[string]any{"preferred_username": "W\u0130K\u0130"}}, refused: "no sign-in name"},
		{name: "an invisible character", kind: UpstreamOIDC, said: Statement{Claims: map[string]any{"preferred_username": "ada\u200b"}}, refused: "no sign-in name"},
		{name: "a display name of controls is left out", kind: UpstreamOIDC, said: Statement{Claims: map[string]any{"preferred_username": "ada", "name": "Ada\x1b[31m"}}, want: Mapped{Name: "ada"}},
		{name: "a required value in a list", kind: UpstreamOIDC, mapping: Mapping{Required: []Requirement{{"roles", []string{"x", "y"}}}}, said: Statement{Claims: map[string]any{"preferred_username": "ada", "roles": []string{"z", "y"}}}, want: Mapped{Name: "ada"}},
		{name: "a required truth", kind: UpstreamOIDC, mapping: Mapping{Required: []Requirement{{"employee", []string{"true"}}}}, said: Statement{Claims: map[string]any{"preferred_username": "ada", "employee": true}}, want: Mapped{Name: "ada"}},
		{name: "required values hold exactly", kind: UpstreamOIDC, mapping: Mapping{Required: []Requirement{{"tid", []string{"ab"}}}}, said: Statement{Claims: map[string]any{"preferred_username": "ada", "tid": "AB"}}, refused: "tid"},
		{name: "mapped groups", kind: UpstreamOIDC, mapping: Mapping{Groups: []GroupMapping{{"g1", staff}, {"g1", admins}, {"g2", staff}}}, said: Statement{Claims: ada, Groups: []string{"g2", "g1", "G1", "g3"}},
			want: Mapped{Name: "ada", DisplayName: "Ada Lovelace", Email: "ada@Example.com", Groups: []ID{staff, admins}}},
		{name: "a group of another case is another", kind: UpstreamOIDC, mapping: Mapping{Groups: []GroupMapping{{"g1", staff}}}, said: Statement{Claims: ada, Groups: []string{"G1"}},
			want: Mapped{Name: "ada", DisplayName: "Ada Lovelace", Email: "ada@Example.com"}},
		{name: "a directory's group however it is spelled", kind: UpstreamLDAP, mapping: Mapping{Groups: []GroupMapping{{"CN=Staff, OU=Groups,DC=x", staff}}}, said: Statement{Claims: map[string]any{"uid": "ada"}, Groups: []string{"cn=staff,ou=groups,dc=X"}},
			want: Mapped{Name: "ada", Groups: []ID{staff}}},
		{name: "a directory's groups by name", kind: UpstreamLDAP, mapping: Mapping{GroupsByName: true, GroupPrefix: "St"}, said: Statement{Claims: map[string]any{"uid": "ada"}, Groups: []string{"CN=Staff,OU=Groups,DC=x", "CN=Other,DC=x", `CN=St\,aff,DC=x`, "St"}},
			want: Mapped{Name: "ada", GroupNames: []string{"Staff"}}},
		{name: "names that are none", kind: UpstreamOIDC, mapping: Mapping{GroupsByName: true}, said: Statement{Claims: ada, Groups: []string{"ok", " blank", "a\nb", strings.Repeat("x", 200), ""}},
			want: Mapped{Name: "ada", DisplayName: "Ada Lovelace", Email: "ada@Example.com", GroupNames: []string{"ok"}}},
	}
	for _, test := range tests {
		got, err := test.mapping.Map(test.kind, test.said)
		if len(got.Notes) == 0 && err == nil {
			t.Errorf("%s: nothing explains it", test.name)
		}
		got.Notes = nil
		if test.refused != "" {
			if !fault.Is(err, fault.KindForbidden) || !strings.Contains(err.Error(), test.refused) {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
}

// TestMapTellsNoValues: a refusal is shown to who is refused, and to the log.
func TestMapTellsNoValues(t *testing.T) {
	m := Mapping{Required: []Requirement{{"tid", []string{"secret-tenant"}}}}
	_, err := m.Map(UpstreamOIDC, Statement{Claims: map[string]any{"tid": "hunter2"}})
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "secret-tenant") {
		t.Error(err)
	}
}

func FuzzMap(f *testing.F) {
	f.Add("preferred_username", "Ada", "CN=x,DC=y", true)
	f.Add("email", "a@b.c", `CN=\,`, false)
	f.Fuzz(func(t *testing.T, claim, value, group string, byName bool) {
		for _, kind := range []UpstreamKind{UpstreamOIDC, UpstreamLDAP, UpstreamSAML} {
			m := Mapping{Name: claim, GroupsByName: byName, Groups: []GroupMapping{{group, staff}}}
			got, err := m.Map(kind, Statement{Claims: map[string]any{claim: value, "email": value}, Groups: []string{group}})
			if err != nil {
				continue
			}
			if CheckSignInName(got.Name) != nil || got.DisplayName != "" && CheckName(got.DisplayName) != nil || checkEmail(got.Email) != nil {
				t.Errorf("%q gives %+v", value, got)
			}
			if !slices.Equal(got.Groups, []ID{staff}) {
				t.Errorf("%q is not itself", group)
			}
			for _, name := range got.GroupNames {
				if CheckName(name) != nil {
					t.Errorf("group %q", name)
				}
			}
		}
	})
}

func TestUpstreamValidate(t *testing.T) {
	oidc := func(change func(*Upstream)) Upstream {
		u := Upstream{Name: "x", Kind: UpstreamOIDC, OIDC: &OIDCSettings{Issuer: "https://x.example.com/realms/a", ClientID: "c"}}
		change(&u)
		return u
	}
	dir := func(change func(*Upstream)) Upstream {
		u := Upstream{Name: "x", Kind: UpstreamLDAP, LDAP: &LDAPSettings{URLs: []string{"ldaps://dc1.example.com"}, BaseDN: "dc=example,dc=com"}}
		change(&u)
		return u
	}
	saml := func(change func(*Upstream)) Upstream {
		u := Upstream{Name: "x", Kind: UpstreamSAML, SAML: &SAMLSettings{MetadataURL: "https://x.example.com/md?a=b"}}
		change(&u)
		return u
	}
	same := func(*Upstream) {}
	tests := []struct {
		name  string
		u     Upstream
		field string // empty: is good
	}{
		{"oidc", oidc(same), ""}, {"ldap", dir(same), ""}, {"saml", saml(same), ""},
		{"no name", oidc(func(u *Upstream) { u.Name = "" }), "name"},
		{"no kind", oidc(func(u *Upstream) { u.Kind = "" }), "kind"},
		{"another kind", oidc(func(u *Upstream) { u.Kind = "kerberos" }), "kind"},
		{"no settings", oidc(func(u *Upstream) { u.OIDC = nil }), "oidc"},
		{"settings of two", oidc(func(u *Upstream) { u.LDAP = &LDAPSettings{} }), "ldap"},
		{"domains of no use", oidc(func(u *Upstream) { u.Domains = []string{"example.com"} }), "domains"},
		{"default of no use", dir(func(u *Upstream) { u.Default = true }), "default"},
		{"a domain in capitals", dir(func(u *Upstream) { u.Domains = []string{"Example.com"} }), "domains"},
		{"an address as domain", dir(func(u *Upstream) { u.Domains = []string{"192.0.2.1"} }), "domains"},
		{"a domain twice", dir(func(u *Upstream) { u.Domains = []string{"a.b", "a.b"} }), "domains"},
		{"an issuer of http", oidc(func(u *Upstream) { u.OIDC.Issuer = "http://x.example.com" }), "oidc.issuer"},
		{"an issuer with a query", oidc(func(u *Upstream) { u.OIDC.Issuer = "https://x.example.com/?a" }), "oidc.issuer"},
		{"an issuer with a user", oidc(func(u *Upstream) { u.OIDC.Issuer = "https://a:b@x.example.com/" }), "oidc.issuer"},
		{"no client id", oidc(func(u *Upstream) { u.OIDC.ClientID = "" }), "oidc.clientId"},
		{"a client id of controls", oidc(func(u *Upstream) { u.OIDC.ClientID = "a\r\nb" }), "oidc.clientId"},
		{"scopes in one", oidc(func(u *Upstream) { u.OIDC.Scopes = []string{"a b"} }), "oidc.scopes"},
		{"no certificates", oidc(func(u *Upstream) { u.OIDC.CA = "x" }), "oidc.ca"},
		{"no URL", dir(func(u *Upstream) { u.LDAP.URLs = nil }), "ldap.urls"},
		{"an URL with a path", dir(func(u *Upstream) { u.LDAP.URLs = []string{"ldaps://x.example.com/dc=x"} }), "ldap.urls"},
		{"an URL of https", dir(func(u *Upstream) { u.LDAP.URLs = []string{"https://x.example.com"} }), "ldap.urls"},
		{"plain", dir(func(u *Upstream) { u.LDAP.URLs = []string{"ldap://x.example.com"} }), "ldap.startTls"},
		{"plain on purpose", dir(func(u *Upstream) { u.LDAP.URLs = []string{"ldap://x.example.com"}; u.LDAP.AllowPlain = true }), ""},
		{"StartTLS", dir(func(u *Upstream) { u.LDAP.URLs = []string{"ldap://x.example.com:389"}; u.LDAP.StartTLS = true }), ""},
		{"no base", dir(func(u *Upstream) { u.LDAP.BaseDN = "" }), "ldap.baseDn"},
		{"a base that is none", dir(func(u *Upstream) { u.LDAP.BaseDN = "example.com" }), "ldap.baseDn"},
		{"a filter without a name", dir(func(u *Upstream) { u.LDAP.UserFilter = "(objectClass=*)" }), "ldap.userFilter"},
		{"a filter without brackets", dir(func(u *Upstream) { u.LDAP.UserFilter = "uid={name}" }), "ldap.userFilter"},
		{"a filter left open", dir(func(u *Upstream) { u.LDAP.UserFilter = "(&(uid={name})" }), "ldap.userFilter"},
		{"an attribute of blanks", dir(func(u *Upstream) { u.LDAP.SubjectAttribute = "entry UUID" }), "ldap.subjectAttribute"},
		{"no metadata", saml(func(u *Upstream) { u.SAML.MetadataURL = "" }), "saml.metadata"},
		{"metadata twice", saml(func(u *Upstream) { u.SAML.Metadata = "<x/>" }), "saml.metadata"},
		{"metadata that is none", saml(func(u *Upstream) { u.SAML.MetadataURL, u.SAML.Metadata = "", "{}" }), "saml.metadata"},
		{"a file as metadata", saml(func(u *Upstream) { u.SAML.MetadataURL = "file:///etc/passwd" }), "saml.metadataUrl"},
		{"a group that is none", oidc(func(u *Upstream) { u.Mapping.Groups = []GroupMapping{{"x", "usr_1"}} }), "mapping.groups[0].to"},
		{"a group of nothing", oidc(func(u *Upstream) { u.Mapping.Groups = []GroupMapping{{"", staff}} }), "mapping.groups[0].from"},
		{"a mapping twice", oidc(func(u *Upstream) { u.Mapping.Groups = []GroupMapping{{"x", staff}, {"x", staff}} }), "mapping.groups[1]"},
		{"a prefix of no use", oidc(func(u *Upstream) { u.Mapping.GroupPrefix = "x" }), "mapping.groupPrefix"},
		{"a requirement of nothing", oidc(func(u *Upstream) { u.Mapping.Required = []Requirement{{"x", nil}} }), "mapping.required[0].values"},
		{"a bad e-mail domain", oidc(func(u *Upstream) { u.Mapping.EmailDomains = []string{"@example.com"} }), "mapping.emailDomains"},
	}
	for _, test := range tests {
		err := test.u.Validate()
		if test.field == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if !strings.Contains(err0(err), test.field+" ") {
			t.Errorf("%s: %v, want something about %s", test.name, err, test.field)
		}
	}
}

func err0(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
