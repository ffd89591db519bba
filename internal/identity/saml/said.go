package saml

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"

	"postern/internal/fault"
	"postern/internal/identity"
)

// groupAttributes are the names under which providers send groups, when nobody says which.
var groupAttributes = []string{
	"groups", "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups", "http://schemas.xmlsoap.org/claims/Group",
	"memberOf", "urn:oid:1.3.6.1.4.1.5923.1.5.1.1", "Role", "roles",
}

// beyondLink says that there are more groups than the provider sends (Entra).
const beyondLink = "http://schemas.microsoft.com/claims/groups.link"

// said gives what an assertion that was checked says of the user.
func (p *Provider) said(a *etree.Element, m *metadata, s State) (identity.Assertion, error) {
	subject := child(a, nsAssertion, "Subject")
	if len(children(subject, nsAssertion, "EncryptedID")) > 0 {
		return identity.Assertion{}, refused("its subject is encrypted by itself (EncryptedID), which we do not read; encrypt the whole assertion")
	}
	name := child(subject, nsAssertion, "NameID")
	values, err := attributes(a)
	if err != nil {
		return identity.Assertion{}, err
	}
	out := identity.Assertion{Issuer: m.entityID, Claims: map[string]any{}}
	for key, list := range values {
		if len(list) == 1 {
			out.Claims[key] = list[0]
		} else {
			out.Claims[key] = list
		}
	}
	if out.Subject, err = p.subject(name, values); err != nil {
		return identity.Assertion{}, err
	}
	if name != nil {
		out.Claims["NameID"] = text(name)
	}
	if out.Groups, err = p.groups(values); err != nil {
		return identity.Assertion{}, err
	}
	if err := p.authenticated(a, s, &out); err != nil {
		return identity.Assertion{}, err
	}
	out.Methods = methods(a, values)
	out.Renewal, err = session{Name: text(name), Format: attr(name, "Format"), Qualifier: attr(name, "NameQualifier"),
		SPQualifier: attr(name, "SPNameQualifier"), Index: out.Session}.encode()
	return out, err
}

// subject names the user by what never changes: a persistent NameID, or the attribute that an administrator chose.
func (p *Provider) subject(name *etree.Element, values map[string][]string) (string, error) {
	if p.cfg.SubjectAttribute != "" {
		list := values[p.cfg.SubjectAttribute]
		if len(list) != 1 || list[0] == "" {
			return "", refused("its assertion has no attribute %s with one value, by which users are told apart here", p.cfg.SubjectAttribute)
		}
		return list[0], nil
	}
	if text(name) == "" {
		return "", refused("its assertion names nobody (NameID)")
	}
	if format := attr(name, "Format"); format != formatPersistent {
		return "", refused("its NameID is not persistent (%s) and may one day mean somebody else; configure a persistent one there, or give subjectAttribute", fault.Readable(format))
	}
	return text(name), nil
}

// attributes gives every attribute under its name, and under its friendly one where that is free.
func attributes(a *etree.Element) (map[string][]string, error) {
	all := map[string][]string{}
	friendly := map[string][]string{}
	count := 0
	for _, statement := range children(a, nsAssertion, "AttributeStatement") {
		for _, el := range children(statement, nsAssertion, "Attribute") {
			name := attr(el, "Name")
			if name == "" {
				return nil, refused("its assertion has an attribute without a name")
			}
			for _, v := range children(el, nsAssertion, "AttributeValue") {
				value := text(v)
				if inner := child(v, nsAssertion, "NameID"); inner != nil {
					value = text(inner) // eduPersonTargetedID
				}
				if count++; count > 2*identity.MaxGroups {
					return nil, refused("its assertion has more than %d values of attributes", 2*identity.MaxGroups)
				}
				all[name] = append(all[name], value)
			}
			if alias := attr(el, "FriendlyName"); alias != "" && alias != name {
				friendly[alias] = append(friendly[alias], all[name]...)
			}
		}
	}
	for alias, list := range friendly {
		if _, taken := all[alias]; !taken {
			all[alias] = list
		}
	}
	return all, nil
}

// groups gives the user's groups and takes them out of what else is said, where there is no room for many.
func (p *Provider) groups(values map[string][]string) ([]string, error) {
	if len(values[beyondLink]) > 0 {
		return nil, refused("the user is in more groups than it has room for; let the provider send only groups that are assigned to the application")
	}
	names := groupAttributes
	if p.cfg.GroupsAttribute != "" {
		names = []string{p.cfg.GroupsAttribute}
	}
	for _, name := range names {
		list, ok := values[name]
		if !ok {
			continue
		}
		groups := slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "" })
		slices.Sort(groups)
		return slices.Compact(groups), nil
	}
	return nil, nil
}

// authenticated reads when and in which session the user proved who they are, which must be over no sooner than now.
func (p *Provider) authenticated(a *etree.Element, s State, out *identity.Assertion) error {
	statements := children(a, nsAssertion, "AuthnStatement")
	if len(statements) == 0 {
		return refused("its assertion does not say that the user signed in there (AuthnStatement)")
	}
	st, now := statements[0], p.cfg.Now()
	at, ok := instant(attr(st, "AuthnInstant"))
	if !ok || at.After(now.Add(skew)) {
		return refused("its assertion does not say when the user signed in there (AuthnInstant)")
	}
	if s.Fresh && at.Before(s.Started.Add(-skew)) {
		return fault.Forbidden("the identity provider did not ask you again who you are, which is needed here: it says that you last proved it at %s (AuthnInstant); please sign out there and try again",
			at.Format("2006-01-02 15:04 UTC"))
	}
	if st.SelectAttr("SessionNotOnOrAfter") != nil {
		if until, ok := instant(attr(st, "SessionNotOnOrAfter")); !ok || !now.Before(until.Add(skew)) {
			return refused("the user's session there is over (SessionNotOnOrAfter)")
		} else {
			out.Until = until
		}
	}
	out.Authenticated, out.Session = at.Truncate(time.Microsecond), attr(st, "SessionIndex")
	out.Context = text(child(child(st, nsAssertion, "AuthnContext"), nsAssertion, "AuthnContextClassRef"))
	return nil
}

// contexts says what authentication contexts mean in the words of RFC 8176.
var contexts = map[string][]string{
	"urn:oasis:names:tc:SAML:2.0:ac:classes:Password":                                {"pwd"},
	"urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport":              {"pwd"},
	"urn:oasis:names:tc:SAML:2.0:ac:classes:Kerberos":                                {"wia"},
	"urn:federation:authentication:windows":                                          {"wia"},
	"urn:oasis:names:tc:SAML:2.0:ac:classes:X509":                                    {"hwk"},
	"urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient":                               {"hwk"},
	"urn:oasis:names:tc:SAML:2.0:ac:classes:Smartcard":                               {"sc"},
	"urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI":                            {"sc", "pin", "mfa"},
	"urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken":                           {"otp"},
	"urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract":                 {"mfa"},
	"urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorUnregistered":             {"mfa"},
	"https://refeds.org/profile/mfa":                                                 {"mfa"},
	"http://schemas.microsoft.com/claims/multipleauthn":                              {"mfa"},
	"http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password": {"pwd"},
}

func methods(a *etree.Element, values map[string][]string) (all []string) {
	refs := slices.Clone(values["http://schemas.microsoft.com/claims/authnmethodsreferences"])
	for _, st := range children(a, nsAssertion, "AuthnStatement") {
		refs = append(refs, text(child(child(st, nsAssertion, "AuthnContext"), nsAssertion, "AuthnContextClassRef")))
	}
	for _, ref := range refs {
		for _, m := range contexts[strings.TrimSpace(ref)] {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}

// session is what an Assertion's Renewal holds: who is to be named when signing out there. SAML has nothing to ask
// again with.
type session struct {
	Name        string `json:"n"`
	Format      string `json:"f,omitempty"`
	Qualifier   string `json:"q,omitempty"`
	SPQualifier string `json:"s,omitempty"`
	Index       string `json:"i,omitempty"`
}

func (s session) encode() ([]byte, error) {
	encoded, err := json.Marshal(s)
	if err != nil {
		return nil, fault.Internal(err, "encode what is signed out with")
	}
	return encoded, nil
}
