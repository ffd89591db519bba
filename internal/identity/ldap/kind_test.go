package ldap

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/access"
	"postern/internal/fault"
)

func TestStateOfActiveDirectoryAccounts(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	file := func(at time.Time) string { return strconv.FormatInt((at.Unix()+11644473600)*10_000_000, 10) }
	tests := []struct {
		name string
		set  map[string]string
		want string
	}{
		{"as made", map[string]string{"userAccountControl": "512", "accountExpires": "9223372036854775807", "pwdLastSet": file(now.AddDate(0, -1, 0))}, ""},
		{"never expires, as zero", map[string]string{"userAccountControl": "512", "accountExpires": "0", "pwdLastSet": "1"}, ""},
		{"password never expires", map[string]string{"userAccountControl": "66048", "pwdLastSet": "0"}, ""},
		{"disabled", map[string]string{"userAccountControl": "514"}, ReasonDisabled},
		{"disabled before all else", map[string]string{"userAccountControl": "514", "accountExpires": file(now.AddDate(0, 0, -1)), "pwdLastSet": "0"}, ReasonDisabled},
		{"expired", map[string]string{"userAccountControl": "512", "accountExpires": file(now.Add(-time.Second))}, ReasonExpired},
		{"expires soon", map[string]string{"userAccountControl": "512", "accountExpires": file(now.Add(time.Second)), "pwdLastSet": "1"}, ""},
		{"must change", map[string]string{"userAccountControl": "512", "pwdLastSet": "0"}, ReasonMustChange},
		{"password expired", map[string]string{"userAccountControl": "512", "pwdLastSet": "1", "msDS-User-Account-Control-Computed": "8388608"}, ReasonPasswordExpired},
		{"locked", map[string]string{"userAccountControl": "512", "pwdLastSet": "1", "msDS-User-Account-Control-Computed": "16"}, ReasonLocked},
		{"unlocked again", map[string]string{"userAccountControl": "512", "pwdLastSet": "1", "lockoutTime": file(now.AddDate(0, 0, -1)), "msDS-User-Account-Control-Computed": "0"}, ""},
		{"nothing can be read", map[string]string{}, ReasonUnreadable},
		{"nonsense", map[string]string{"userAccountControl": "x"}, ReasonUnreadable},
		{"case of names", map[string]string{"USERACCOUNTCONTROL": "514"}, ReasonDisabled},
	}
	k := kindOf(&access.LDAPSettings{ActiveDirectory: true})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			values := map[string][]string{}
			for name, value := range test.set {
				values[name] = []string{value}
			}
			got := ""
			if r := k.refusal(goldap.NewEntry("cn=ada", values), now); r != nil {
				got = r.Reason
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
	if never != int64(math.MaxInt64) {
		t.Error("never")
	}
}

func TestSubjects(t *testing.T) {
	guid := string([]byte{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff})
	tests := []struct{ attribute, value, subject, filter string }{
		{"objectGUID", guid, "00112233-4455-6677-8899-aabbccddeeff", `(objectGUID=\33\22\11\00\55\44\77\66\88\99\aa\bb\cc\dd\ee\ff)`},
		{"OBJECTguid", guid, "00112233-4455-6677-8899-aabbccddeeff", `(OBJECTguid=\33\22\11\00\55\44\77\66\88\99\aa\bb\cc\dd\ee\ff)`},
		{"entryUUID", "af47", "af47", `(entryUUID=\61\66\34\37)`},
		{"objectSid", "\x01\x05\xff", "hex:0105ff", `(objectSid=\01\05\ff)`},
		{"employeeID", "hex:41", "hex:6865783a3431", `(employeeID=\68\65\78\3a\34\31)`},
		{"employeeID", "*)(uid=*", "*)(uid=*", `(employeeID=\2a\29\28\75\69\64\3d\2a)`},
	}
	for _, test := range tests {
		k := kindOf(&access.LDAPSettings{SubjectAttribute: test.attribute})
		got, err := k.subjectOf(goldap.NewEntry("cn=x", map[string][]string{test.attribute: {test.value}}))
		if err != nil || got != test.subject {
			t.Errorf("%s %q: %q %v", test.attribute, test.value, got, err)
		}
		if got := k.ofSubject(test.subject); got != test.filter {
			t.Errorf("%s %q: %s", test.attribute, test.subject, got)
		}
		for _, values := range [][]string{nil, {""}, {"one", "two"}} {
			if got, err := k.subjectOf(goldap.NewEntry("cn=x", map[string][]string{test.attribute: values})); !fault.Is(err, fault.KindUpstream) {
				t.Errorf("%s %q: %q %v", test.attribute, values, got, err)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := access.LDAPSettings{URLs: []string{"ldaps://dc1.example.com"}, BaseDN: "dc=example,dc=com"}
	tests := []struct {
		field  string
		change func(*Config)
	}{
		{"secret", func(c *Config) { c.Settings.BindDN = "cn=reader" }},
		{"ldap.urls", func(c *Config) { c.Settings.URLs = nil }},
		{"ldap.urls", func(c *Config) { c.Settings.URLs = []string{"https://dc1"} }},
		{"ldap.urls", func(c *Config) { c.Settings.URLs = []string{"ldaps://"} }},
		{"ldap.ca", func(c *Config) { c.Settings.CA = "no certificate" }},
		{"ldap.userFilter", func(c *Config) { c.Settings.UserFilter = "(uid={name}" }},
		{"ldap.userFilter", func(c *Config) { c.Settings.UserFilter = "uid {name}" }},
		{"ldap.groupFilter", func(c *Config) { c.Settings.GroupFilter = "(&(member={dn})" }},
	}
	for _, test := range tests {
		cfg := Config{Settings: good}
		test.change(&cfg)
		if _, err := New(cfg); !fault.Is(err, fault.KindInvalid) || !strings.HasPrefix(err.Error(), test.field) {
			t.Errorf("%s: %v", test.field, err)
		}
	}
	if _, err := New(Config{Settings: good}); err != nil {
		t.Error(err)
	}
}

func TestServers(t *testing.T) {
	for url, want := range map[string]server{
		"ldaps://dc1.example.com":      {host: "dc1.example.com", port: "636", tls: true},
		"ldaps://dc1.example.com:3269": {host: "dc1.example.com", port: "3269", tls: true},
		"ldap://dc1.example.com":       {host: "dc1.example.com", port: "389"},
		"ldap://10.0.0.1:1389":         {host: "10.0.0.1", port: "1389"},
		"ldaps://[2001:db8::1]":        {host: "2001:db8::1", port: "636", tls: true},
		"ldaps://[2001:db8::1]:1636":   {host: "2001:db8::1", port: "1636", tls: true},
	} {
		want.url = url
		if got, err := newServer(url); err != nil || got != want {
			t.Errorf("%s: %+v %v", url, got, err)
		}
	}
}

// FuzzFrame: no bytes make the guard fail otherwise than by an error.
func FuzzFrame(f *testing.F) {
	f.Add([]byte{0x30, 0x05, 1, 2, 3, 4, 5, 0x30, 0x84, 0, 0, 0, 1, 9})
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, data []byte) {
		g := &guard{left: maxAnswer, more: maxMessages}
		if err := g.follow(data); err == nil && (g.body < 0 || g.body > maxMessage || len(g.head) > maxHeader) {
			t.Errorf("%d %d", g.body, len(g.head))
		}
		element(data)
		extendedResult(data)
	})
}
