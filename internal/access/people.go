package access

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"postern/internal/fault"
)

// User is a local user.
type User struct {
	Meta
	Name        string // sign-in name, unique, lower case
	DisplayName string
	Email       string
	Disabled    bool
	Roles       []Role
	Groups      []ID      // the groups the user is a member of; read-only here, changed through groups
	PasswordSet time.Time // zero when the user has no password and cannot sign in with one
	// RequireSecondFactor lets the user in only with a second factor; one who has none is led through
	// enrolling one at the next sign-in.
	RequireSecondFactor bool
	Factors             []FactorKind // the kinds of factor that the user has; read-only here
	// BreakGlass exempts the user from policies, for the day on which one of them locks everybody out.
	// Only an Owner sets it, and every use of it is told loudly.
	BreakGlass bool
	// Upstream is where the user proves who they are, and Subject what they are called there: both or
	// neither. Such a user has no password of ours.
	Upstream        ID
	Subject         string
	UpstreamRefused time.Time // since when the upstream knows the user no more; zero if it does; read-only here
	// LastSignIn is the last good sign-in that the log still has; read-only, and only there where administrators look.
	LastSignIn time.Time `json:"-"`
}

// Group is a set of users to whom applications are assigned.
type Group struct {
	Meta
	Name        string
	Description string
	Members     []ID // users
	Groups      []ID // groups whose members are members, too
}

// Assignment lets a user or a group use an application. Exactly one of User and Group is set.
type Assignment struct {
	Meta
	Application ID
	User        ID
	Group       ID
	Expires     time.Time // from then on it is none; zero for never
	Request     ID        // the access request that it was made for; empty for none
}

// Over reports whether the assignment is none any more.
func (a *Assignment) Over(now time.Time) bool { return !a.Expires.IsZero() && !now.Before(a.Expires) }

// Validate says everything that is wrong with the user. Field names are the admin API's.
func (u *User) Validate() error {
	var p fault.Problems
	p.Check("name", CheckSignInName(u.Name))
	if u.DisplayName != "" {
		p.Check("displayName", CheckName(u.DisplayName))
	}
	p.Check("email", checkEmail(u.Email))
	checkRoles(&p, u.Roles)
	u.checkUpstream(&p)
	return p.Err()
}

func (u *User) checkUpstream(p *fault.Problems) {
	switch {
	case u.Upstream == "" && u.Subject != "":
		p.Add("subject", "must not be given without upstream")
	case u.Upstream != "" && !u.Upstream.Valid(PrefixUpstream):
		p.Add("upstream", "must be the id of an upstream")
	case u.Upstream != "":
		needWord(p, "subject", u.Subject, 1024)
	}
}

// CheckSignInName says what is wrong with a sign-in name: 1 to 64 characters from a-z 0-9 . _ - @ +,
// starting with a letter or digit. Few characters, so that no two names look or sort alike.
func CheckSignInName(name string) error {
	if name == "" {
		return fault.New(fault.KindInvalid, "must not be empty")
	}
	if len(name) > 64 {
		return fault.New(fault.KindInvalid, "must be at most 64 characters long")
	}
	for i, c := range []byte(name) {
		alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("._-@+", rune(c))) {
			return fault.New(fault.KindInvalid, "must consist of a-z, 0-9 and . _ - @ + and start with a letter or digit")
		}
	}
	return nil
}

func checkEmail(email string) error {
	if email == "" {
		return nil
	}
	local, domain, ok := strings.Cut(email, "@")
	if !ok || local == "" || len(email) > 254 || strings.ContainsAny(email, " \t\r\n<>\",;:\\") ||
		!utf8.ValidString(email) || CheckHost(strings.ToLower(domain)) != nil {
		return fault.New(fault.KindInvalid, "must be one e-mail address such as ada@example.com")
	}
	return nil
}

func checkRoles(p *fault.Problems, roles []Role) {
	seen := map[Role]bool{}
	for _, r := range roles {
		known := false
		for _, k := range Roles() {
			known = known || k == r
		}
		if !known {
			p.Add("roles", "must not contain %q; the roles are %s", r, roleNames())
		}
		if seen[r] {
			p.Add("roles", "contains %q twice", r)
		}
		seen[r] = true
	}
}

func roleNames() string {
	var names []string
	for _, r := range Roles() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// Validate says everything that is wrong with the group.
func (g *Group) Validate() error {
	var p fault.Problems
	p.Check("name", CheckName(g.Name))
	if utf8.RuneCountInString(g.Description) > 1024 || !utf8.ValidString(g.Description) {
		p.Add("description", "must be valid text of at most 1024 characters")
	}
	seen := map[ID]bool{}
	for _, m := range g.Members {
		if !m.Valid(PrefixUser) {
			p.Add("members", "must be ids of users; %q is none", m)
		}
		if seen[m] {
			p.Add("members", "contains %q twice", m)
		}
		seen[m] = true
	}
	if len(g.Groups) > MaxGroupGroups {
		p.Add("groups", "must be at most %d", MaxGroupGroups)
	}
	for i, m := range g.Groups {
		if !m.Valid(PrefixGroup) {
			p.Add("groups", "must be ids of groups; %q is none", m)
		}
		if slices.Contains(g.Groups[:i], m) {
			p.Add("groups", "contains %q twice", m)
		}
	}
	return p.Err()
}

// Validate says everything that is wrong with the assignment.
func (a *Assignment) Validate() error {
	var p fault.Problems
	if !a.Application.Valid(PrefixApplication) {
		p.Add("application", "must be the id of an application")
	}
	switch {
	case a.User == "" && a.Group == "":
		p.Add("user", "must be given, or group")
	case a.User != "" && a.Group != "":
		p.Add("user", "must not be given together with group")
	case a.User != "" && !a.User.Valid(PrefixUser):
		p.Add("user", "must be the id of a user")
	case a.Group != "" && !a.Group.Valid(PrefixGroup):
		p.Add("group", "must be the id of a group")
	}
	return p.Err()
}
