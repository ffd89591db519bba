package ldap

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/posterntest/slapd"
	"postern/test/size"
)

// cn gives the distinguished names of groups.
func cn(names ...string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = "cn=" + name + "," + slapd.Groups
	}
	slices.Sort(list)
	return list
}

func TestGroups(t *testing.T) {
	s := slapd.New(t)
	ada := s.Person(t, "ada", password, "gidNumber", "500")
	eve := s.Person(t, "eve", password)
	s.Person(t, "staff", password) // named like a group
	staff := s.Group(t, "staff", ada)
	all := s.Group(t, "all", staff)
	s.Group(t, "everything", all)
	s.Group(t, "others", eve)
	s.Add(t, "cn=unique,"+slapd.Groups, "objectClass", "groupOfUniqueNames", "cn", "unique", "uniqueMember", ada)
	s.Add(t, "cn=above unique,"+slapd.Groups, "objectClass", "groupOfUniqueNames", "cn", "above unique", "uniqueMember", "cn=unique,"+slapd.Groups)
	s.Add(t, "cn=posix,"+slapd.Groups, "objectClass", "posixGroup", "cn", "posix", "gidNumber", "400", "memberUid", "ada", "memberUid", "x")
	s.Add(t, "cn=primary,"+slapd.Groups, "objectClass", "posixGroup", "cn", "primary", "gidNumber", "500")
	s.Add(t, "cn=named,"+slapd.Groups, "objectClass", "posixGroup", "cn", "named", "gidNumber", "600", "memberUid", "staff") // of the person staff
	// A circle, and a group in itself.
	round, about := "cn=round,"+slapd.Groups, "cn=about,"+slapd.Groups
	s.Add(t, round, "objectClass", "groupOfNames", "cn", "round", "member", all, "member", about, "member", round)
	s.Add(t, about, "objectClass", "groupOfNames", "cn", "about", "member", round)
	// A group outside of the base in which groups count.
	s.Add(t, "cn=elsewhere,"+slapd.Base, "objectClass", "groupOfNames", "cn", "elsewhere", "member", ada)

	tests := []struct {
		name   string
		change func(*Config)
		want   []string
	}{
		{"direct", func(*Config) {}, cn("staff", "unique", "posix", "primary")},
		{"nested", func(c *Config) { c.Settings.NestedGroups = true },
			cn("staff", "unique", "posix", "primary", "all", "everything", "above unique", "round", "about")},
		{"own filter", func(c *Config) { c.Settings.GroupFilter = "(uniqueMember={dn})" }, cn("unique")},
		{"own filter, nested", func(c *Config) { c.Settings.NestedGroups, c.Settings.GroupFilter = true, "(uniqueMember={dn})" }, cn("unique", "above unique")},
		{"by name alone", func(c *Config) { c.Settings.NestedGroups, c.Settings.GroupFilter = true, "(memberUid={name})" }, cn("posix")},
		{"none there", func(c *Config) { c.Settings.GroupBase = slapd.People }, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := Config{Settings: settings(s)}
			cfg.Settings.GroupBase = slapd.Groups
			test.change(&cfg)
			got := signIn(t, client(t, cfg), "ada", password).Groups
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What is too deep or too much is refused and never cut short.
func TestGroupsHaveBounds(t *testing.T) {
	s := slapd.New(t)
	ada := s.Person(t, "ada", password)
	inner := ada
	for i := range maxDepth {
		inner = s.Group(t, fmt.Sprintf("deep%03d", i), inner)
	}
	cfg := Config{Settings: settings(s)}
	cfg.Settings.NestedGroups = true
	c := client(t, cfg)
	if got := len(signIn(t, c, "ada", password).Groups); got != maxDepth {
		t.Errorf("%d groups, want %d", got, maxDepth)
	}
	s.Group(t, "too deep", inner)
	if _, err := c.Authenticate(t.Context(), "ada", password); !fault.Is(err, fault.KindUpstream) {
		t.Errorf("nested deeper than allowed: %v", err)
	}
}

// A user of more groups than the server gives at once gets all of them, page by page.
func TestManyGroups(t *testing.T) {
	s := slapd.New(t)
	ada := s.Person(t, "ada", password)
	many := size.Of(620, 950) // the server gives 1000 at most
	for i := range many {
		s.Group(t, fmt.Sprintf("group%04d", i), ada)
	}
	c := client(t, Config{Settings: settings(s)})
	a, err := c.Authenticate(t.Context(), "ada", password)
	if err != nil || len(a.Groups) != many {
		t.Errorf("%d groups of %d: %v %v", len(a.Groups), many, err, errors.Unwrap(err))
	}
}
