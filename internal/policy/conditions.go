package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/internal/access"
)

// Condition names what of a policy was not met.
type Condition string

// The conditions of a policy.
const (
	ConditionStrength Condition = "strength"
	ConditionAge      Condition = "age"
	ConditionNetwork  Condition = "network"
	ConditionTime     Condition = "time"
	ConditionDevice   Condition = "device"
	ConditionUnknown  Condition = "unknown" // one that this program does not know: never met
)

var reasons = map[Condition]string{
	ConditionStrength: ReasonPolicyStrength, ConditionAge: ReasonPolicyAge, ConditionNetwork: ReasonPolicyNetwork,
	ConditionTime: ReasonPolicyTime, ConditionDevice: ReasonPolicyDevice, ConditionUnknown: ReasonUnknownPolicy,
}

// Finding is a condition of a policy that a request does not meet.
type Finding struct {
	Policy    access.ID
	Name      string // of the policy
	Condition Condition
	Detail    string          // for the administrator
	Message   string          // for the user, with what to do
	StepUp    access.Strength // signing in again with this strength helps; empty: that does not help
}

// severity orders findings: what the user can do nothing about comes first, since signing in again
// would be in vain, then the stronger proof, which renews the age as well.
func (f *Finding) severity() int {
	switch {
	case f.StepUp == "":
		return 4
	case f.StepUp == access.PhishingResistant:
		return 3
	case f.StepUp == access.MultiFactor:
		return 2
	}
	return 1
}

// Meets holds a request against a policy that is for its application and its user. ok tells whether
// every condition is met, and until when time alone does not change that; otherwise f is the gravest
// of those that are not.
func Meets(rule *access.Rule, r Request) (f Finding, until time.Time, ok bool) {
	ok = true
	miss := func(of Finding) {
		of.Policy, of.Name = rule.ID, rule.Name
		if ok || of.severity() > f.severity() {
			f = of
		}
		ok = false
	}
	c := &rule.Conditions
	if c.Unknown || rule.Mode != access.ModeEnforce && rule.Mode != access.ModeReportOnly {
		miss(Finding{Condition: ConditionUnknown, Detail: "the policy was written by a later version of Postern, and this one does not know all of it",
			Message: "A rule for this application cannot be checked at the moment. Ask your administrator."})
	}
	if detail, in := network(c, r.Address); !in {
		miss(Finding{Condition: ConditionNetwork, Detail: detail,
			Message: "This application cannot be used from the network that you are in. Connect from another one, such as your organisation's, and try again."})
	}
	end, open := rule.Open(r.Now)
	if !open {
		miss(Finding{Condition: ConditionTime, Detail: "none of its times is open: " + windows(c.Windows),
			Message: "This application cannot be used at this time. It is open " + windows(c.Windows) + "."})
	}
	until = sooner(until, end)
	if r.Who == nil { // an application that asks for no sign-in: nobody could show more
		return f, until, ok
	}
	if detail, message, good := device(&c.Device, &r.Who.Device); !good {
		miss(Finding{Condition: ConditionDevice, Detail: detail, Message: message})
	}
	if have := access.StrengthOf(r.Who.Methods); c.Strength != "" && !have.Meets(c.Strength) {
		miss(Finding{Condition: ConditionStrength, StepUp: c.Strength, Detail: fmt.Sprintf("it asks for %s, and the sign-in was %s (%s)",
			c.Strength, have, strings.Join(r.Who.Methods, ", ")), Message: stronger(c.Strength)})
	}
	if c.MaxAge > 0 {
		over := r.Who.Authenticated.Add(c.MaxAge)
		if !r.Now.Before(over) {
			miss(Finding{Condition: ConditionAge, StepUp: access.SingleFactor, Detail: fmt.Sprintf("it asks for a sign-in within %s, and the last was %s ago",
				c.MaxAge, r.Now.Sub(r.Who.Authenticated).Truncate(time.Second)),
				Message: "You signed in too long ago for this application. Sign in again to go on."})
		}
		until = sooner(until, over)
	}
	return f, until, ok
}

func stronger(wanted access.Strength) string {
	if wanted == access.PhishingResistant {
		return "This application asks for a passkey. Sign in again with one to go on."
	}
	return "This application asks for a second factor. Sign in again with one to go on."
}

func network(c *access.Conditions, address netip.Addr) (detail string, ok bool) {
	switch {
	case len(c.AllowedNetworks)+len(c.BlockedNetworks) == 0:
		return "", true
	case !address.IsValid():
		return "it asks for networks, and the client's address is not known", false
	case access.Within(c.BlockedNetworks, address):
		return fmt.Sprintf("the client's address %s is in a blocked network", address), false
	case len(c.AllowedNetworks) > 0 && !access.Within(c.AllowedNetworks, address):
		return fmt.Sprintf("the client's address %s is in none of the allowed networks", address), false
	}
	return "", true
}

// systems are the names of operating systems as people know them.
var systems = map[string]string{"linux": "Linux", "windows": "Windows", "darwin": "macOS"}

func systemName(system string) string {
	if name, ok := systems[system]; ok {
		return name
	}
	return "an unknown system"
}

// device holds a condition against the device that somebody uses, and says what is wrong to the administrator and to the user.
func device(c *access.DeviceCondition, d *access.DeviceFacts) (detail, message string, ok bool) {
	least := c.Minimum(d.OS)
	switch {
	case !c.Any():
	case d.ID == "":
		return "it asks for an enrolled device, and the request came from none",
			"This application can be used only by the Postern client on an enrolled device, not by a browser alone. Install the client, sign in with it, and try again through it.", false
	case len(c.Systems) > 0 && !slices.Contains(c.Systems, d.OS):
		return fmt.Sprintf("it asks for %s, and the device %s runs %s", orSystems(c.Systems), d.Name, systemName(d.OS)),
			fmt.Sprintf("This application cannot be used from a device with %s. Use one with %s.", systemName(d.OS), orSystems(c.Systems)), false
	case least != "" && !access.VersionAtLeast(d.Program, least):
		return fmt.Sprintf("it asks for the client %s or newer, and the device %s has %q", least, d.Name, d.Program),
			"The Postern client on this device is too old for this application. Update it to " + least + " or newer, and try again.", false
	}
	return "", "", true
}

func orSystems(list []string) string {
	names := make([]string, len(list))
	for i, system := range list {
		names[i] = systemName(system)
	}
	return strings.Join(names, " or ")
}

func windows(list []access.Window) string {
	var text []string
	for _, w := range list {
		text = append(text, w.String())
	}
	return strings.Join(text, "; ")
}

// sooner gives the earlier of two moments, of which the zero one is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
