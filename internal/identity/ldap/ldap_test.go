package ldap

import (
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/posterntest/slapd"
)

const password = "correct horse battery"

func TestSignIn(t *testing.T) {
	s := slapd.New(t)
	ada := s.Person(t, "ada", password, "displayName", "Ada Lovelace", "employeeType", "staff", "employeeType", "founder")
	staff := s.Group(t, "staff", ada)
	for name, change := range map[string]func(*Config){
		"LDAPS":    func(*Config) {},
		"StartTLS": func(c *Config) { c.Settings.URLs, c.Settings.StartTLS = []string{s.Plain}, true },
		"plain, where that is allowed": func(c *Config) {
			c.Settings.URLs, c.Settings.AllowPlain = []string{s.Plain}, true
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Settings: settings(s), Domains: []string{"example.test"}, Claims: []string{"employeeType", "userPassword", "no such claim"}}
			cfg.Settings.Workgroup = "EXAMPLE"
			change(&cfg)
			c := client(t, cfg)
			if err := c.Check(t.Context()); err != nil {
				t.Error(err)
			}
			a := signIn(t, c, "ada", password)
			want := map[string]any{"dn": ada, "cn": "ada", "sn": "ada", "uid": "ada", "mail": "ada@example.test", "displayName": "Ada Lovelace", "employeeType": []string{"staff", "founder"}}
			if diff := cmp.Diff(want, a.Claims); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{staff}, a.Groups); diff != "" {
				t.Error(diff)
			}
			if a.Issuer != "ldap:"+slapd.Base || len(a.Subject) != 36 || !slices.Equal(a.Methods, []string{"pwd"}) || time.Since(a.Authenticated) > time.Hour {
				t.Errorf("%+v", a)
			}
			for _, same := range []string{"ADA", " ada ", "ada@example.test", "Ada@EXAMPLE.test", `EXAMPLE\ada`, `example\Ada`} {
				if b := signIn(t, c, same, password); b.Subject != a.Subject {
					t.Errorf("%s is another one: %s", same, b.Subject)
				}
			}
			for _, other := range []string{"ad", "ada@other.test", `OTHER\ada`, "eve", "", strings.Repeat("a", 300), "ad\x00a", "a\nda", "\xff"} {
				if got := refusedWith(t, c, other, password); got != ReasonUnknown {
					t.Errorf("%q is refused because %s", other, got)
				}
			}
			if got := refusedWith(t, c, "ada", "wrong"); got != ReasonPassword {
				t.Error(got)
			}
			again, err := c.Again(t.Context(), a.Subject)
			if err != nil || !cmp.Equal(again.Claims, a.Claims) || !cmp.Equal(again.Groups, a.Groups) {
				t.Errorf("read again: %+v %v", again, err)
			}
			looked, err := c.LookUp(t.Context(), "ada")
			if err != nil || looked.Subject != a.Subject {
				t.Errorf("looked up: %+v %v", looked, err)
			}
		})
	}
}

// An empty password binds as nobody, with success, at many servers (RFC 4513, section 5.1.2).
func TestEmptyPasswordNeverSignsIn(t *testing.T) {
	s := slapd.New(t)
	s.Person(t, "ada", password)
	c := client(t, Config{Settings: settings(s)})
	for _, p := range []string{"", strings.Repeat("x", maxPassword+1)} {
		if got := refusedWith(t, c, "ada", p); got != ReasonPassword {
			t.Error(got)
		}
	}
	if err := c.prove(t.Context(), "uid=ada,"+slapd.People, ""); err == nil {
		t.Error("an empty password proves something")
	}
	if err := c.prove(t.Context(), "", password); err == nil {
		t.Error("nobody's name proves something")
	}
	cfg := Config{Settings: settings(s)}
	if _, err := New(cfg); !fault.Is(err, fault.KindInvalid) {
		t.Errorf("a bind account without a password: %v", err)
	}
}

// Names are data in a filter, whatever they hold.
func TestNamesAreNoFilters(t *testing.T) {
	s := slapd.New(t)
	s.Person(t, "ada", password)
	s.Person(t, "bob", password)
	odd := []string{"o(dd", "o)dd", `o\dd`, "o*dd", "o dd", "ödd", "o,dd", "o=dd", "o+dd", `o"dd`, "o<>dd", "#odd", "o;dd", "o/dd", "o&dd", "o|dd", "o!dd"}
	for _, name := range odd {
		s.Person(t, name, password)
	}
	filters := map[string]string{
		"usual":      "",
		"one":        "(uid={name})",
		"both":       "(&(objectClass=person)(|(uid={name})(mail={name})))",
		"substring":  "(&(objectClass=inetOrgPerson)(mail={account}@example.test))",
		"not nobody": "(&(!(uid=nobody))(uid={account}))",
	}
	attacks := []string{
		"*", "a*", "*a*", "ada*", "(ada", "ada)", "ada)(", "ada)(uid=*", "ada)(|(uid=*", "*)(uid=*))(|(uid=*", "ada))(|(uid=*)", "x)(|(uid=ada)",
		"ada)(objectClass=*", "ada)%00", "ada\\", `\2a`, `\61da`, `ad\61`, "ada\\00", "x)(!(uid=x", "x)(uid:dn:=ada", "*)(objectClass=*", "&", "|", "!", "ada&", "{account}", "{name}", "{dn}",
		"ada,ou=people", "uid=ada", "uid=ada,ou=people,dc=example,dc=test", "ada#", "аda", "ada\u200b", "ａda",
	}
	for kind, filter := range filters {
		t.Run(kind, func(t *testing.T) {
			cfg := Config{Settings: settings(s)}
			cfg.Settings.UserFilter = filter
			c := client(t, cfg)
			signIn(t, c, "ada", password)
			for _, name := range attacks {
				if a, err := c.Authenticate(t.Context(), name, password); err == nil {
					t.Errorf("%q signs in as %v", name, a.Claims["dn"])
				} else if got := reason(t, err); got != ReasonUnknown {
					t.Errorf("%q is refused because %s", name, got)
				}
			}
			if kind == "substring" {
				return // the kit's addresses of odd names are no test of names
			}
			for _, name := range odd {
				if a := signIn(t, c, name, password); a.Claims["uid"] != name {
					t.Errorf("%q signs in as %v", name, a.Claims["uid"])
				}
			}
		})
	}
}

func TestAmbiguousNameIsRefused(t *testing.T) {
	s := slapd.New(t)
	s.Person(t, "ada", password)
	for _, ou := range []string{"one", "two", "three"} {
		dn := "ou=" + ou + "," + slapd.Base
		s.Add(t, dn, "objectClass", "organizationalUnit")
		if ou != "one" {
			s.Add(t, "uid=bob,"+dn, "objectClass", "inetOrgPerson", "uid", "bob", "cn", "bob", "sn", "bob", "userPassword", password)
		}
	}
	c := client(t, Config{Settings: settings(s)})
	if got := refusedWith(t, c, "bob", password); got != ReasonAmbiguous {
		t.Error(got)
	}
	s.Add(t, "uid=bob,"+slapd.People, "objectClass", "inetOrgPerson", "uid", "bob", "cn", "bob", "sn", "bob", "userPassword", password)
	if got := refusedWith(t, c, "bob", password); got != ReasonAmbiguous { // more than the size limit now
		t.Error(got)
	}
	signIn(t, c, "ada", password)
}

// What the directory says of accounts: refused at sign-in, and access lost when read again, but for
// a lock-out, which anybody could bring about by guessing.
func TestStateOfAccounts(t *testing.T) {
	s := slapd.New(t)
	past, future := "20000101000000Z", "29991231235959Z"
	tests := []struct {
		name, attribute, value string
		want                   string // "" for let in
	}{
		{"as it is", "employeeType", "x", ""},
		{"locked for good", "pwdAccountLockedTime", "000001010000Z", ReasonDisabled},
		{"nsAccountLock", "nsAccountLock", "TRUE", ReasonDisabled},
		{"nsAccountLock lower", "nsAccountLock", "true", ReasonDisabled},
		{"nsAccountLock false", "nsAccountLock", "FALSE", ""},
		{"shadowExpire past", "shadowExpire", "10957", ReasonExpired},
		{"shadowExpire zero", "shadowExpire", "0", ReasonExpired},
		{"shadowExpire never", "shadowExpire", "-1", ""},
		{"shadowExpire future", "shadowExpire", "365000", ""},
		{"pwdReset", "pwdReset", "TRUE", ReasonMustChange},
		{"pwdEndTime past", "pwdEndTime", past, ReasonExpired},
		{"pwdEndTime future", "pwdEndTime", future, ""},
	}
	c := client(t, Config{Settings: settings(s)})
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			uid := "user" + string(rune('a'+i))
			dn := s.Person(t, uid, password)
			subject := signIn(t, c, uid, password).Subject
			s.Set(t, dn, test.attribute, test.value)
			_, err := c.Authenticate(t.Context(), uid, password)
			again, errAgain := c.Again(t.Context(), subject)
			_, errLook := c.LookUp(t.Context(), uid)
			if test.want == "" {
				if err != nil || errAgain != nil || errLook != nil || again.Subject != subject {
					t.Errorf("%v, again %v, looked up %v", err, errAgain, errLook)
				}
				return
			}
			if got := reason(t, err); got != test.want && got != ReasonLocked {
				t.Errorf("signing in is refused because %s", got)
			}
			if !fault.Is(errAgain, fault.KindForbidden) || !strings.Contains(errAgain.Error(), test.want) || !fault.Is(errLook, fault.KindForbidden) {
				t.Errorf("again %v, looked up %v", errAgain, errLook)
			}
		})
	}
}

func TestGoneIsNotFound(t *testing.T) {
	s := slapd.New(t)
	dn := s.Person(t, "ada", password)
	for _, attribute := range []string{"", "dn", "uid", "mail"} {
		cfg := Config{Settings: settings(s)}
		cfg.Settings.SubjectAttribute = attribute
		c := client(t, cfg)
		subject := signIn(t, c, "ada", password).Subject
		if again, err := c.Again(t.Context(), subject); err != nil || again.Subject != subject {
			t.Errorf("subject %q by %q: %+v %v", subject, attribute, again, err)
		}
		// Whom the filter does not let in any more is as good as gone.
		cfg.Settings.UserFilter = "(&(uid={account})(employeeType=staff))"
		if _, err := client(t, cfg).Again(t.Context(), subject); !fault.Is(err, fault.KindNotFound) {
			t.Errorf("left out by the filter: %v", err)
		}
		s.Set(t, dn, "employeeType", "staff")
		if _, err := client(t, cfg).Again(t.Context(), subject); err != nil {
			t.Errorf("let in by the filter: %v", err)
		}
		s.Set(t, dn, "employeeType")
		for _, other := range []string{"00000000-0000-0000-0000-000000000000", "hex:00", "uid=ada,dc=elsewhere", "*", "x)(uid=*", ""} {
			if a, err := c.Again(t.Context(), other); !fault.Is(err, fault.KindNotFound) {
				t.Errorf("subject %q by %q: %v %v", other, attribute, a.Claims, err)
			}
		}
	}
	c := client(t, Config{Settings: settings(s)})
	subject := signIn(t, c, "ada", password).Subject
	s.Do(t, func(conn *goldap.Conn) error { return conn.Del(goldap.NewDelRequest(dn, nil)) })
	if _, err := c.Again(t.Context(), subject); !fault.Is(err, fault.KindNotFound) {
		t.Error(err)
	}
	s.Person(t, "ada", password) // another one of the same name
	if _, err := c.Again(t.Context(), subject); !fault.Is(err, fault.KindNotFound) {
		t.Error("somebody of the same name is taken for who left:", err)
	}
}

// Guessing locks the account in the directory, if that is its policy; who is signed in stays.
func TestLockOut(t *testing.T) {
	s := slapd.New(t)
	s.Person(t, "ada", password)
	c := client(t, Config{Settings: settings(s)})
	subject := signIn(t, c, "ada", password).Subject
	for range 5 {
		if got := refusedWith(t, c, "ada", "wrong"); got != ReasonPassword && got != ReasonLocked {
			t.Error(got)
		}
	}
	if got := refusedWith(t, c, "ada", password); got != ReasonLocked {
		t.Error(got)
	}
	if _, err := c.Again(t.Context(), subject); err != nil {
		t.Error("guessing took somebody's access:", err)
	}
}
