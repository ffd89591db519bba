//go:build linux

package directory

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity/ldap"
)

func (d *domain) settings() access.LDAPSettings {
	return access.LDAPSettings{URLs: []string{d.url()}, CA: d.ca, BaseDN: d.base, BindDN: "reader@" + d.realm, ActiveDirectory: true, NestedGroups: true, Workgroup: d.netbios}
}

func (d *domain) client(t *testing.T, change func(*access.LDAPSettings)) *ldap.Client {
	t.Helper()
	cfg := ldap.Config{Settings: d.settings(), Domains: []string{strings.ToLower(d.realm)}, Password: readerSecret, Timeout: time.Minute, Patience: 2 * time.Minute}
	if change != nil {
		change(&cfg.Settings)
	}
	c := must(ldap.New(cfg))(t)
	t.Cleanup(c.Close)
	return c
}

// people makes the users and groups of a domain.
func (d *domain) people(t *testing.T) {
	t.Helper()
	d.user(t, "reader", readerSecret)
	alice := d.user(t, "alice", userPassword)
	inner := d.group(t, "inner", alice)
	middle := d.group(t, "middle", inner)
	d.group(t, "outer", middle)
	d.group(t, "others", d.user(t, "otto", userPassword))
	d.set(t, d.user(t, "bob", userPassword), "userAccountControl", "514")
	d.set(t, d.user(t, "carol", userPassword), "accountExpires", strconv.FormatInt((time.Now().Add(-24*time.Hour).Unix()+11644473600)*10_000_000, 10))
	d.set(t, d.user(t, "dave", userPassword), "pwdLastSet", "0")
	d.user(t, "erin", userPassword)
	// frank's primary group is another one, which his entry names by a number alone.
	frank := d.user(t, "frank", userPassword)
	primary := d.group(t, "primary", frank)
	d.group(t, "above primary", primary)
	sid := d.attribute(t, primary, "objectSid")
	rid := uint32(sid[len(sid)-4]) | uint32(sid[len(sid)-3])<<8 | uint32(sid[len(sid)-2])<<16 | uint32(sid[len(sid)-1])<<24
	d.set(t, frank, "primaryGroupID", strconv.Itoa(int(rid)))
}

// TestActiveDirectory asks a real one everything that the client asks.
func TestActiveDirectory(t *testing.T) {
	d := newDomain(t, "CORP.TEST", "CORP", 0)
	d.people(t)
	c := d.client(t, nil)
	t.Run("check", func(t *testing.T) {
		check(t, c.Check(t.Context()))
		for _, step := range c.Steps(t.Context()) {
			t.Log(step)
		}
	})
	alice, err := c.Authenticate(t.Context(), "alice", userPassword)
	if err != nil {
		t.Fatal(err, errors.Unwrap(err))
	}
	t.Run("names", func(t *testing.T) {
		for _, name := range []string{"ALICE", "alice@corp.test", "Alice@CORP.TEST", `CORP\alice`, `corp\Alice`} {
			a, err := c.Authenticate(t.Context(), name, userPassword)
			if err != nil || a.Subject != alice.Subject {
				t.Errorf("%s: %v %v", name, a.Subject, err)
			}
		}
		for _, name := range []string{"alice@lab.test", `LAB\alice`, "alic*", "alice)(cn=*", "álice", "CN=alice,CN=Users," + d.base, "nobody"} {
			if a, err := c.Authenticate(t.Context(), name, userPassword); !fault.Is(err, fault.KindUnauthenticated) {
				t.Errorf("%s: %v %v", name, a.Subject, err)
			}
		}
	})
	t.Run("subject", func(t *testing.T) {
		if len(alice.Subject) != 36 || alice.Claims["userPrincipalName"] != "alice@corp.test" || alice.Claims["displayName"] != "The alice" {
			t.Errorf("%+v", alice)
		}
		again, err := c.Again(t.Context(), alice.Subject)
		if err != nil || again.Subject != alice.Subject || !slices.Equal(again.Groups, alice.Groups) {
			t.Errorf("%+v %v", again, err)
		}
		d.do(t, func(conn *goldap.Conn) error {
			return conn.ModifyDN(goldap.NewModifyDNRequest(d.dn("alice"), "CN=Alice Married", true, ""))
		})
		again, err = c.Again(t.Context(), alice.Subject)
		if err != nil || again.Subject != alice.Subject || again.Claims["dn"] != d.dn("Alice Married") {
			t.Errorf("after a new name: %+v %v", again, err)
		}
		d.do(t, func(conn *goldap.Conn) error {
			return conn.ModifyDN(goldap.NewModifyDNRequest(d.dn("Alice Married"), "CN=alice", true, ""))
		})
	})
	t.Run("groups", func(t *testing.T) {
		for _, test := range []struct {
			name   string
			change func(*access.LDAPSettings)
			user   string
			want   []string
		}{
			{"in chain", nil, "alice", []string{"inner", "middle", "outer", "Domain Users"}},
			{"direct", func(s *access.LDAPSettings) { s.NestedGroups = false }, "alice", []string{"inner", "Domain Users"}},
			{"walked", func(s *access.LDAPSettings) { s.GroupFilter = "(member={dn})" }, "alice", []string{"inner", "middle", "outer"}},
			{"primary", nil, "frank", []string{"primary", "above primary", "Domain Users"}},
		} {
			a, err := d.client(t, test.change).Authenticate(t.Context(), test.user, userPassword)
			if err != nil {
				t.Fatal(err, errors.Unwrap(err))
			}
			var want []string
			for _, name := range test.want {
				want = append(want, strings.ToLower(d.dn(name)))
			}
			var got []string
			for _, dn := range a.Groups {
				if got = append(got, strings.ToLower(dn)); strings.Contains(strings.ToLower(dn), "cn=builtin") {
					got = got[:len(got)-1] // Users of the machine itself, which Domain Users are in
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", test.name, got, want)
			}
		}
	})
	t.Run("states", func(t *testing.T) {
		for range 8 {
			c.Authenticate(t.Context(), "erin", "wrong")
		}
		for name, want := range map[string]string{"bob": ldap.ReasonDisabled, "carol": ldap.ReasonExpired, "dave": ldap.ReasonMustChange, "erin": ldap.ReasonLocked} {
			_, err := c.Authenticate(t.Context(), name, userPassword)
			refusal, ok := errors.AsType[*ldap.Refusal](err)
			if !fault.Is(err, fault.KindUnauthenticated) || !ok || refusal.Reason != want {
				t.Errorf("%s: %v: %v, want %s", name, err, refusal, want)
			}
			t.Log(refusal)
			_, err = c.LookUp(t.Context(), name)
			if lost := fault.Is(err, fault.KindForbidden); lost == (want == ldap.ReasonLocked) || !lost && err != nil {
				t.Errorf("%s looked up: %v", name, err)
			}
		}
		if _, err := c.Authenticate(t.Context(), "alice", ""); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("an empty password: %v", err)
		}
	})
	t.Run("disabled, enabled, deleted", func(t *testing.T) {
		d.set(t, d.dn("alice"), "userAccountControl", "514")
		if _, err := c.Again(t.Context(), alice.Subject); !fault.Is(err, fault.KindForbidden) {
			t.Errorf("disabled: %v", err)
		}
		d.set(t, d.dn("alice"), "userAccountControl", "512")
		if _, err := c.Again(t.Context(), alice.Subject); err != nil {
			t.Errorf("enabled: %v", err)
		}
		d.do(t, func(conn *goldap.Conn) error { return conn.Del(goldap.NewDelRequest(d.dn("alice"), nil)) })
		if _, err := c.Again(t.Context(), alice.Subject); !fault.Is(err, fault.KindNotFound) {
			t.Errorf("deleted: %v", err)
		}
	})
	t.Run("ways", func(t *testing.T) {
		for _, test := range []struct {
			name   string
			change func(*access.LDAPSettings)
			want   string // of what the check says
		}{
			{"StartTLS", func(s *access.LDAPSettings) { s.URLs, s.StartTLS = []string{"ldap://" + d.ip}, true }, ""},
			{"global catalogue", func(s *access.LDAPSettings) { s.URLs = []string{d.url() + ":3269"} }, ""},
			{"plain", func(s *access.LDAPSettings) { s.URLs, s.AllowPlain = []string{"ldap://" + d.ip}, true }, "takes passwords only over TLS"},
			{"no authority", func(s *access.LDAPSettings) { s.CA = "" }, "as ca"},
			{"LDAPS at the port of LDAP", func(s *access.LDAPSettings) { s.URLs = []string{d.url() + ":389"} }, "TLS"},
			{"wrong bind account", func(s *access.LDAPSettings) { s.BindDN = "nobody@" + d.realm }, "Check bindDn"},
			{"wrong base", func(s *access.LDAPSettings) { s.BaseDN = "OU=none," + d.base }, "check baseDn"},
			{"nobody fits", func(s *access.LDAPSettings) {
				s.UserFilter = "(&(sAMAccountName={account})(objectClass=computer)(cn=none))"
			}, "userFilter"},
		} {
			err := d.client(t, test.change).Check(t.Context())
			t.Logf("%s: %v", test.name, err)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%s: %v, want %q", test.name, err, test.want)
			}
		}
	})
}
