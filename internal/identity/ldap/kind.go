package ldap

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/access"
)

// kind is what differs between directories.
type kind struct {
	set       *access.LDAPSettings
	subject   string // the attribute that never changes
	byDefault struct{ user, member string }
	usual     []string // what is read of a user, for claims
	state     []string // and for the state of the account
}

// The filters that are used where the settings name none. Nested groups of Active Directory are
// walked by the directory itself (LDAP_MATCHING_RULE_IN_CHAIN).
const (
	adUser     = "(&(objectCategory=person)(objectClass=user)(|(sAMAccountName={account})(userPrincipalName={name})))"
	adMember   = "(&(objectClass=group)(member={dn}))"
	adInChain  = "(&(objectClass=group)(member:1.2.840.113556.1.4.1941:={dn}))"
	anyUser    = "(&(uid={account})(|(objectClass=person)(objectClass=posixAccount)(objectClass=account)))"
	anyMember  = "(|(member={dn})(uniqueMember={dn})(memberUid={name}))"
	subjectDN  = "dn" // as a SubjectAttribute: the distinguished name itself
	objectGUID = "objectGUID"
)

func kindOf(set *access.LDAPSettings) kind {
	k := kind{set: set, subject: set.SubjectAttribute, usual: []string{"cn", "displayName", "givenName", "sn", "mail", "uid"}}
	if set.ActiveDirectory {
		k.byDefault.user, k.byDefault.member = adUser, adMember
		if set.NestedGroups {
			k.byDefault.member = adInChain
		}
		k.usual = append(k.usual, "sAMAccountName", "userPrincipalName")
		k.state = adState
	} else {
		k.byDefault.user, k.byDefault.member = anyUser, anyMember
		k.state = anyState
	}
	switch {
	case k.subject != "":
	case set.ActiveDirectory:
		k.subject = objectGUID
	default:
		k.subject = "entryUUID"
	}
	return k
}

// user gives the filter that finds the entry of a name.
func (k *kind) user(name, account string) string {
	return strings.NewReplacer("{name}", goldap.EscapeFilter(name), "{account}", goldap.EscapeFilter(account)).Replace(k.userFilter())
}

// anybody gives the same filter for whatever name: what else it asks for still holds.
func (k *kind) anybody() string {
	filter := strings.NewReplacer("{name}", "*", "{account}", "*").Replace(k.userFilter())
	for strings.Contains(filter, "**") {
		filter = strings.ReplaceAll(filter, "**", "*")
	}
	return filter
}

func (k *kind) userFilter() string {
	if k.set.UserFilter != "" {
		return k.set.UserFilter
	}
	return k.byDefault.user
}

// member gives the filter that finds the groups of an entry.
func (k *kind) member(dn, name string) string {
	filter := k.byDefault.member
	if k.set.GroupFilter != "" {
		filter = k.set.GroupFilter
	}
	return strings.NewReplacer("{dn}", goldap.EscapeFilter(dn), "{name}", goldap.EscapeFilter(name)).Replace(filter)
}

// secret lists attributes that are never read, whatever asks for them.
var secret = []string{
	"userPassword", "unicodePwd", "ntPwdHistory", "lmPwdHistory", "dBCSPwd", "supplementalCredentials", "sambaNTPassword", "sambaLMPassword",
	"krbPrincipalKey", "msDS-ManagedPassword", "ms-Mcs-AdmPwd", "msLAPS-Password", "authPassword", "pwdHistory", "ipaNTHash",
}

// shown lists the attributes that become claims.
func (c *Client) shown() []string {
	var list []string
	for _, name := range slices.Concat(c.kind.usual, c.cfg.Settings.Attributes, c.cfg.Claims) {
		same := func(other string) bool { return strings.EqualFold(name, other) }
		if isAttribute(name) && !same(subjectDN) && !slices.ContainsFunc(secret, same) && !slices.ContainsFunc(list, same) {
			list = append(list, name)
		}
	}
	return list
}

// wanted lists everything that is read of a user.
func (c *Client) wanted() []string {
	list := slices.Concat(c.shown(), c.kind.state)
	for _, p := range c.kind.patterns() {
		list = append(list, p.attribute)
	}
	if c.kind.subject != subjectDN {
		list = append(list, c.kind.subject)
	}
	return list
}

// isAttribute follows RFC 4512, section 1.4.
func isAttribute(name string) bool {
	return name != "" && len(name) <= 128 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-;.") == ""
}

// claims gives an entry's attributes of text under the names by which they were asked for.
func (c *Client) claims(entry *goldap.Entry) map[string]any {
	claims := map[string]any{subjectDN: entry.DN}
	for _, name := range c.shown() {
		values := entry.GetEqualFoldAttributeValues(name)
		if slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			continue // not text
		}
		switch len(values) {
		case 0:
		case 1:
			claims[name] = values[0]
		default:
			claims[name] = values
		}
	}
	return claims
}

// hexed marks a subject that is not text.
const hexed = "hex:"

// subjectOf gives what names an entry for ever.
func (k *kind) subjectOf(entry *goldap.Entry) (string, error) {
	if k.subject == subjectDN {
		return entry.DN, nil
	}
	values := entry.GetEqualFoldRawAttributeValues(k.subject)
	if len(values) != 1 || len(values[0]) == 0 {
		return "", unusable("%s has %d values of %s, which is to tell users apart: let the bind account read it, or set subjectAttribute", entry.DN, len(values), k.subject)
	}
	value := values[0]
	if strings.EqualFold(k.subject, objectGUID) && len(value) == 16 {
		return fmt.Sprintf("%08x-%04x-%04x-%x-%x", reversed(value[:4]), reversed(value[4:6]), reversed(value[6:8]), value[8:10], value[10:]), nil
	}
	if text := string(value); utf8.Valid(value) && !strings.HasPrefix(text, hexed) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return text, nil
	}
	return hexed + hex.EncodeToString(value), nil
}

// ofSubject gives the filter that finds the entry of a subject.
func (k *kind) ofSubject(subject string) string {
	value := []byte(subject)
	if raw, ok := strings.CutPrefix(subject, hexed); ok {
		if decoded, err := hex.DecodeString(raw); err == nil {
			value = decoded
		}
	} else if guid, err := hex.DecodeString(strings.ReplaceAll(subject, "-", "")); err == nil && len(guid) == 16 && strings.EqualFold(k.subject, objectGUID) {
		value = slices.Concat(reversed(guid[:4]), reversed(guid[4:6]), reversed(guid[6:8]), guid[8:])
	}
	return "(" + k.subject + "=" + escapeBytes(value) + ")"
}

// Active Directory stores the first three numbers of a GUID with the low byte first.
func reversed(b []byte) []byte {
	b = slices.Clone(b)
	slices.Reverse(b)
	return b
}

// escapeBytes gives any bytes as a value in a filter (RFC 4515, section 3).
func escapeBytes(b []byte) string {
	var out strings.Builder
	for _, each := range b {
		fmt.Fprintf(&out, `\%02x`, each)
	}
	return out.String()
}

// unusable says that the directory answered, but not so that somebody could be let in.
func unusable(format string, args ...any) error { return answered(fmt.Errorf(format, args...)) }
