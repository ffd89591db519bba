package access

import (
	"net/netip"
	"slices"
	"time"
	"unicode/utf8"

	"postern/internal/fault"
)

// PrefixPolicy is the prefix of policies' ids.
const PrefixPolicy = "pol"

// PolicyMode says what becomes of a request that does not meet a policy.
type PolicyMode string

// The modes of a policy.
const (
	ModeEnforce    PolicyMode = "enforce"     // it is denied
	ModeReportOnly PolicyMode = "report-only" // it is allowed, and its record tells
	ModeOff        PolicyMode = "off"         // nothing
)

// Strength says how well somebody proved who they are.
type Strength string

// The strengths, each including those before it.
const (
	SingleFactor      Strength = "single-factor"
	MultiFactor       Strength = "multi-factor"       // as Strong says
	PhishingResistant Strength = "phishing-resistant" // a passkey that verified its user, or what an upstream vouches for as much
)

// rank orders the strengths; 0 for one that is not known.
func (s Strength) rank() int {
	return 1 + slices.Index([]Strength{SingleFactor, MultiFactor, PhishingResistant}, s)
}

// Meets reports whether the strength is as good as another. What is not known meets nothing and is
// met by nothing.
func (s Strength) Meets(wanted Strength) bool { return wanted.rank() > 0 && s.rank() >= wanted.rank() }

// Methods that upstreams tell of beside ours: that a proof had more than one factor (RFC 8176), and
// that it was resistant to phishing, by software or by hardware (OpenID EAP ACR Values 1.0).
const (
	MethodMultiFactor       = "mfa"
	MethodPhishingResistant = "phr"
	MethodPhishingHardware  = "phrh"
)

// StrengthOf gives how much methods of authentication prove.
func StrengthOf(methods []string) Strength {
	has := func(m string) bool { return slices.Contains(methods, m) }
	switch {
	case has(MethodPasskey) && has(MethodVerified), has(MethodPhishingResistant), has(MethodPhishingHardware):
		return PhishingResistant
	case Strong(methods), has(MethodMultiFactor):
		return MultiFactor
	}
	return SingleFactor
}

// Policy is what requests to some applications must meet, beside being assigned.
type Policy struct {
	Meta
	Name            string
	Description     string
	Mode            PolicyMode
	AllApplications bool
	Applications    []ID
	Everyone        bool // also who is not signed in, where an application asks for no sign-in
	Users           []ID
	Groups          []ID
	ExceptUsers     []ID
	ExceptGroups    []ID
	Conditions      Conditions
}

// Conditions are what a policy asks for, each that is not empty.
type Conditions struct {
	Strength        Strength      `json:"strength,omitempty"`        // at least
	MaxAge          time.Duration `json:"maxAge,omitempty"`          // since the last proof
	AllowedNetworks []Network     `json:"allowedNetworks,omitempty"` // the client's address is in one of them
	BlockedNetworks []Network     `json:"blockedNetworks,omitempty"` // and in none of these
	Windows         []Window      `json:"windows,omitempty"`         // one of them is open
	// Device is what is asked of the device that somebody uses.
	Device DeviceCondition `json:"device,omitzero"`
	// Unknown is set where the stored conditions have one that this program does not know: it was
	// written by a later one, and is met by nobody.
	Unknown bool `json:"-"`
}

// Bounds of a policy.
const (
	MaxPolicyNames    = 1000 // applications, users or groups, each
	MaxPolicyNetworks = 500
	MaxPolicyWindows  = 50
	minPolicyAge      = time.Minute
	maxPolicyAge      = 365 * 24 * time.Hour
)

// Defaults fills what was left empty with the product's defaults.
func (p *Policy) Defaults() {
	if p.Mode == "" {
		p.Mode = ModeEnforce
	}
}

// Validate says everything that is wrong with the policy itself. Field names are the admin API's.
func (p *Policy) Validate() error {
	var problems fault.Problems
	problems.Check("name", CheckName(p.Name))
	if utf8.RuneCountInString(p.Description) > 1024 || !utf8.ValidString(p.Description) {
		problems.Add("description", "must be valid text of at most 1024 characters")
	}
	if p.Mode != ModeEnforce && p.Mode != ModeReportOnly && p.Mode != ModeOff {
		problems.Add("mode", "must be %q, %q or %q", ModeEnforce, ModeReportOnly, ModeOff)
	}
	checkIDs(&problems, "applications", PrefixApplication, p.Applications)
	if p.AllApplications && len(p.Applications) > 0 {
		problems.Add("applications", "must be empty where allApplications is true")
	}
	checkIDs(&problems, "users", PrefixUser, p.Users)
	checkIDs(&problems, "groups", PrefixGroup, p.Groups)
	if p.Everyone && len(p.Users)+len(p.Groups) > 0 {
		problems.Add("everyone", "must be false where users or groups are named")
	}
	checkIDs(&problems, "exceptUsers", PrefixUser, p.ExceptUsers)
	checkIDs(&problems, "exceptGroups", PrefixGroup, p.ExceptGroups)
	p.Conditions.check(&problems)
	return problems.Err()
}

func checkIDs(p *fault.Problems, field, prefix string, list []ID) {
	if len(list) > MaxPolicyNames {
		p.Add(field, "must be at most %d", MaxPolicyNames)
		return
	}
	seen := make(map[ID]bool, len(list))
	for _, id := range list {
		if !id.Valid(prefix) {
			p.Add(field, "must be ids such as %s_…; %q is none", prefix, id)
		}
		if seen[id] {
			p.Add(field, "contains %q twice", id)
		}
		seen[id] = true
	}
}

func (c *Conditions) check(p *fault.Problems) {
	if c.Strength != "" && c.Strength.rank() == 0 {
		p.Add("strength", "must be %q, %q or %q", SingleFactor, MultiFactor, PhishingResistant)
	}
	if c.MaxAge != 0 && (c.MaxAge < minPolicyAge || c.MaxAge > maxPolicyAge) {
		p.Add("maxAge", "must be between 1 minute and 365 days (8760h), or 0 for none")
	}
	checkNetworks(p, "allowedNetworks", c.AllowedNetworks)
	checkNetworks(p, "blockedNetworks", c.BlockedNetworks)
	if len(c.Windows) > MaxPolicyWindows {
		p.Add("windows", "must be at most %d", MaxPolicyWindows)
	}
	for _, w := range c.Windows {
		p.Check("windows", w.Validate())
	}
	c.Device.check(p)
	if c.Unknown {
		p.Add("conditions", "were written by a later version of Postern and contain one that this version does not know; change the policy with that version")
	}
}

func checkNetworks(p *fault.Problems, field string, list []Network) {
	if len(list) > MaxPolicyNetworks {
		p.Add(field, "must be at most %d", MaxPolicyNetworks)
		return
	}
	for i, n := range list {
		switch {
		case !n.IsValid():
			p.Add(field, "must be networks such as 192.0.2.0/24 or 2001:db8::/32")
		case n.Prefix != n.Masked():
			p.Add(field, "must be networks; %s is an address in one (write %s)", n, n.Masked())
		case slices.Contains(list[:i], n):
			p.Add(field, "contains %s twice", n)
		}
	}
}

// Network is a network of clients.
type Network struct{ netip.Prefix }

// Equal reports whether both are the same network.
func (n Network) Equal(other Network) bool { return n == other }

// ParseNetwork reads a network such as 192.0.2.0/24, or a single address. IPv4 within IPv6 is IPv4:
// addresses of clients are compared in that form.
func ParseNetwork(text string) (Network, error) {
	bad := fault.New(fault.KindInvalid, "must be networks such as 192.0.2.0/24 or 2001:db8::/32; %q is none", text)
	if a, err := netip.ParseAddr(text); err == nil {
		if a.Zone() != "" {
			return Network{}, bad
		}
		a = a.Unmap()
		return Network{netip.PrefixFrom(a, a.BitLen())}, nil
	}
	n, err := netip.ParsePrefix(text)
	if err != nil {
		return Network{}, bad
	}
	if n.Addr().Is4In6() {
		if n.Bits() < 96 {
			return Network{}, bad
		}
		n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
	}
	return Network{n}, nil
}
