package control_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/posterntest/slapd"
)

// inDirectory is a control plane with a directory behind it.
type inDirectory struct {
	*kit
	dir      *slapd.Server
	upstream access.Upstream
}

func newInDirectory(k *kit, dir *slapd.Server, changes ...func(*access.Upstream)) *inDirectory {
	k.t.Helper()
	u := access.Upstream{Name: "Staff directory", Kind: access.UpstreamLDAP, Mapping: access.Mapping{GroupsByName: true}, LDAP: &access.LDAPSettings{
		URLs: []string{dir.URL}, CA: dir.CA, BaseDN: slapd.Base, BindDN: slapd.BindDN, NestedGroups: true, AllowLoopback: true,
	}}
	for _, change := range changes {
		change(&u)
	}
	made, err := k.CreateUpstream(k.t.Context(), k.owner, u, []byte(slapd.Password))
	return &inDirectory{k, dir, must(k.t, made, err)}
}

func (d *inDirectory) try(name, secret string) (control.Progress, error) {
	return d.SignIn(d.t.Context(), anyone(), control.Credentials{Name: name, Password: secret, UserAgent: "browser", Binding: binding})
}

func (d *inDirectory) in(name string) control.Progress {
	d.t.Helper()
	p, err := d.try(name, password)
	if err != nil || p.Next != nil {
		d.t.Fatalf("sign in as %s: %+v, %v (%v)", name, p.Next, err, fault.KindOf(err))
	}
	return p
}

// groups gives the names of the groups of whoever has the cookie, nothing if they are not signed in.
func (d *inDirectory) groups(cookie string) []string {
	d.t.Helper()
	who, err := d.PortalSession(d.t.Context(), cookie)
	if err != nil {
		return []string{"not signed in"}
	}
	var names []string
	for _, id := range who.Groups {
		g, err := d.Group(d.t.Context(), d.owner, id)
		names = append(names, must(d.t, g, err).Name)
	}
	slices.Sort(names)
	return names
}

func (d *inDirectory) ourGroups(names ...string) {
	d.t.Helper()
	for _, name := range names {
		if _, err := d.CreateGroup(d.t.Context(), d.owner, access.Group{Name: name}); err != nil {
			d.t.Fatal(err)
		}
	}
}

// TestDirectory: names that are not ours are checked in the directory. Strangers are told the same of
// them as of ours, and administrators why.
func TestDirectory(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		d := newInDirectory(k, slapd.New(t))
		ada := d.dir.Person(t, "ada", password, "displayName", "Ada Lovelace")
		d.dir.Group(t, "everybody", d.dir.Group(t, "staff", ada))
		d.dir.Group(t, "no group of ours", ada)
		d.ourGroups("staff", "everybody", "others")
		d.dir.Set(t, d.dir.Person(t, "bob", password), "nsAccountLock", "TRUE")
		d.dir.Set(t, d.dir.Person(t, "carol", password), "shadowExpire", "1")
		d.dir.Set(t, d.dir.Person(t, "dave", password), "pwdReset", "TRUE")
		d.dir.Person(t, "root", "another password") // of the same name as one of ours
		d.user("lena")

		p := d.in("ada")
		if p.Who.Name != "ada" || p.Who.DisplayName != "Ada Lovelace" || p.Who.Email != "ada@example.test" || !slices.Equal(p.Who.Methods, []string{access.MethodPassword}) {
			t.Errorf("%+v", p.Who)
		}
		if got := d.groups(p.Cookie); !slices.Equal(got, []string{"everybody", "staff"}) {
			t.Errorf("groups %q", got)
		}
		if again := d.in("ADA"); again.Who.User != p.Who.User {
			t.Error("ADA is somebody else")
		}
		_, ours := d.try("lena", "wrong password")
		tests := []struct{ name, secret, reason string }{
			{"ada", "wrong password", access.ReasonWrongPassword},
			{"ada", "", access.ReasonWrongPassword},
			{"bob", password, access.ReasonUserDisabled},
			{"carol", password, access.ReasonUserExpired},
			{"dave", password, access.ReasonMustChange},
			{"zoe", password, access.ReasonUnknownUser},
			{"*", password, access.ReasonUnknownUser},
			{"root", "another password", access.ReasonWrongPassword}, // ours alone
		}
		for i, test := range tests {
			_, err := d.try(test.name, test.secret)
			if fault.KindOf(err) != fault.KindUnauthenticated || err.Error() != ours.Error() {
				t.Errorf("%s: %v, of ours %v", test.name, err, ours)
			}
			list := d.signIns(i+2, control.SignInFilter{Result: access.ResultFailure})
			if list[0].Reason != test.reason {
				t.Errorf("%s with %q: the log says %s: %s", test.name, test.secret, list[0].Reason, list[0].Message)
			}
			if test.reason == access.ReasonUnknownUser && strings.Contains(list[0].Message, "zoe") {
				t.Errorf("a name that nobody has is in the log: %+v", list[0])
			}
			if test.name == "ada" && list[0].UserName != "ada" {
				t.Errorf("whose password was wrong is not in the log: %+v", list[0])
			}
		}
	})
}

// TestGuessingInDirectory is slowed down as guessing of our own passwords is.
func TestGuessingInDirectory(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		d := newInDirectory(k, slapd.New(t))
		d.dir.Person(t, "ada", password)
		d.user("lena")
		tries := func(name string) (n int) {
			for ; n < 100; n++ {
				if _, err := d.try(name, "wrong"); fault.Is(err, fault.KindLimited) {
					break
				}
			}
			return n
		}
		ours := tries("lena")
		for _, name := range []string{"ada", "nobody"} {
			if got := tries(name); got != ours || got == 100 {
				t.Errorf("%s: %d tries, of ours %d", name, got, ours)
			}
		}
	})
}

// TestDirectoryIsAskedAgain: groups follow, and who is disabled or gone there is out here; while the
// directory is away nobody loses anything.
func TestDirectoryIsAskedAgain(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		d := newInDirectory(k, slapd.New(t))
		ada, eve := d.dir.Person(t, "ada", password), d.dir.Person(t, "eve", password)
		staff := d.dir.Group(t, "staff", ada, eve)
		d.ourGroups("staff", "board")
		a, e := d.in("ada").Cookie, d.in("eve").Cookie
		later := func() { // as if the time had passed and both were used since
			k.pass(16 * time.Minute)
			d.groups(a)
			d.groups(e)
			k.WriteBatches(t.Context())
			k.Reread(t.Context())
		}
		// soon waits: what has changed for somebody is told to whoever keeps it in mind.
		soon := func(what, cookie string, want ...string) {
			t.Helper()
			eventually(t, what, func() bool { return slices.Equal(d.groups(cookie), want) })
		}
		d.dir.Group(t, "board", staff)
		later()
		soon("a group more", a, "board", "staff")
		soon("a group more", e, "board", "staff")
		d.dir.Set(t, staff, "member", eve)
		later()
		soon("no group any more", a)
		d.dir.Set(t, ada, "nsAccountLock", "TRUE")
		d.dir.Stop(t)
		later()
		if got := d.groups(a); len(got) != 0 {
			t.Errorf("the directory is away, and somebody who was signed in has groups %q", got)
		}
		if _, err := d.try("eve", password); !fault.Is(err, fault.KindUnavailable) {
			t.Errorf("signing in while the directory is away: %v", err)
		}
		d.dir.Start(t)
		later()
		soon("disabled there", a, "not signed in")
		soon("the other", e, "board", "staff")
		d.dir.Do(t, func(c *goldap.Conn) error { return c.Del(goldap.NewDelRequest(eve, nil)) })
		later()
		soon("gone there", e, "not signed in")
		d.dir.Person(t, "eve", password) // somebody else of that name
		if _, err := d.try("eve", password); err == nil {
			t.Error("a new person has an old one's account")
		}
	})
}

// TestTwoDirectories: the domain says which one is asked, and no password goes to the other.
func TestTwoDirectories(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		one := newInDirectory(k, slapd.New(t), func(u *access.Upstream) {
			u.Domains, u.LDAP.Workgroup, u.Mapping.Name = []string{"one.test"}, "ONE", "mail"
		})
		two := newInDirectory(k, slapd.New(t), func(u *access.Upstream) {
			u.Name, u.Domains, u.LDAP.Workgroup, u.Mapping.Name = "Second", []string{"two.test"}, "TWO", "employeeType"
		})
		one.dir.Person(t, "ada", password)
		two.dir.Person(t, "ada", "another password", "employeeType", "ada@two.test")
		first := one.in("ada@one.test")
		if byWorkgroup := one.in(`ONE\ada`); byWorkgroup.Who.User != first.Who.User {
			t.Error("ONE\\ada is somebody else")
		}
		second, err := two.try("ada@two.test", "another password")
		if err != nil || second.Who.User == first.Who.User {
			t.Fatalf("%+v %v", second.Who, err)
		}
		for _, name := range []string{"ada", "ada@two.test", `TWO\ada`, "ada@three.test", `THREE\ada`} {
			if _, err := one.try(name, password); !fault.Is(err, fault.KindUnauthenticated) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
