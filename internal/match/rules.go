package match

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"postern/internal/fault"
)

// Rules is a list of destinations that are allowed or denied. The first rule that speaks of a destination
// decides. What none speaks of is allowed, unless there is a rule that allows anything: then it is denied.
// The zero value allows every ordinary address.
type Rules struct {
	rules  []rule
	closed bool // some rule allows: what none speaks of is denied
}

type rule struct {
	line       int
	allow      bool
	any        bool   // "*"
	name       string // exact, or the part after "*" of a wildcard, which starts with a dot
	prefix     netip.Prefix
	first      uint16
	last       uint16
	ofSpecials bool // speaks of special addresses and of nothing else
}

// MaxRules bounds how many rules a text may have.
const MaxRules = 10_000

// ParseRules reads one rule a line: "allow" or "deny", then a host name, "*." and a parent of names, an address, a
// CIDR prefix or "*", then optionally ":" and a port or two with "-" between. "#" starts a comment.
// The error lists every line that is wrong as a field, "line 3" and so on.
func ParseRules(text string) (Rules, error) {
	var rules Rules
	var problems fault.Problems
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		r, err := parseRule(words)
		if err != nil {
			problems.Add(fmt.Sprintf("line %d", i+1), "%s", err)
			continue
		}
		r.line = i + 1
		rules.rules = append(rules.rules, r)
		rules.closed = rules.closed || r.allow
		if len(rules.rules) > MaxRules {
			return Rules{}, fault.Invalid(fmt.Sprintf("line %d", i+1), "is beyond the limit of %d rules", MaxRules)
		}
	}
	if err := problems.Err(); err != nil {
		return Rules{}, err
	}
	return rules, nil
}

func parseRule(words []string) (rule, error) {
	r := rule{allow: words[0] == "allow", last: math.MaxUint16}
	if !r.allow && words[0] != "deny" {
		return r, fmt.Errorf("starts with %q, not with allow or deny", words[0])
	}
	if len(words) != 2 {
		return r, fmt.Errorf("has %d words after %q, not one destination", len(words)-1, words[0])
	}
	host, ports, err := splitDestination(words[1])
	if err != nil {
		return r, err
	}
	if r.first, r.last, err = parsePorts(ports); err != nil {
		return r, err
	}
	return r, r.setHost(host)
}

// splitDestination divides host and ports. An IPv6 address or prefix stands in brackets when ports follow.
func splitDestination(text string) (host, ports string, err error) {
	if rest, ok := strings.CutPrefix(text, "["); ok {
		inner, after, ok := strings.Cut(rest, "]")
		if !ok || !strings.Contains(inner, ":") || after != "" && after[0] != ':' || after == ":" {
			return "", "", fmt.Errorf("has %q, which is not [IPv6]:port", text)
		}
		return inner, strings.TrimPrefix(after, ":"), nil
	}
	if strings.Count(text, ":") > 1 {
		return text, "", nil
	}
	host, ports, some := strings.Cut(text, ":")
	if some && ports == "" {
		return "", "", fmt.Errorf(`has no port after ":"`)
	}
	return host, ports, nil
}

func parsePorts(text string) (first, last uint16, err error) {
	if text == "" {
		return 0, math.MaxUint16, nil
	}
	from, to, some := strings.Cut(text, "-")
	if !some {
		to = from
	}
	a, err1 := strconv.ParseUint(from, 10, 16)
	b, err2 := strconv.ParseUint(to, 10, 16)
	if err1 != nil || err2 != nil || a == 0 || a > b || strings.ContainsAny(text, "+") {
		return 0, 0, fmt.Errorf("has ports %q, which are not a number from 1 to 65535 or two with %q between", text, "-")
	}
	return uint16(a), uint16(b), nil
}

func (r *rule) setHost(text string) error {
	if text == "*" {
		r.any = true
		return nil
	}
	if strings.Contains(text, "/") {
		return r.setPrefix(text)
	}
	parent, wildcard := strings.CutPrefix(text, "*.")
	host, err := ParseHost(parent)
	if err != nil {
		return fmt.Errorf("has host %q, which %w", text, err)
	}
	switch {
	case host.Addr.IsValid() && wildcard:
		return fmt.Errorf("has host %q, which is neither a name nor an address", text)
	case host.Addr.IsValid():
		r.prefix = netip.PrefixFrom(host.Addr, host.Addr.BitLen())
		r.ofSpecials = within(r.prefix)
	case wildcard:
		r.name = "." + host.Name
	default:
		r.name = host.Name
	}
	return nil
}

func (r *rule) setPrefix(text string) error {
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return fmt.Errorf("has %q, which is not a CIDR prefix", text)
	case prefix.Addr().Is4In6():
		return fmt.Errorf("has prefix %q: write it as IPv4", text)
	case prefix.Masked() != prefix:
		return fmt.Errorf("has prefix %q with bits beyond its length: did you mean %s?", text, prefix.Masked())
	}
	r.prefix, r.ofSpecials = prefix, within(prefix)
	return nil
}

func (r *rule) covers(port uint16) bool { return r.first <= port && port <= r.last }

func (r *rule) named(name string) bool {
	return r.any || r.name != "" && (r.name == name || r.name[0] == '.' && strings.HasSuffix(name, r.name))
}

// Verdict is what rules say of a destination.
type Verdict struct {
	Allow   bool
	Line    int    // of the rule that decided; 0: none did
	Special string // what is special about the address, see Special; a rule may have allowed it all the same
}

// String says why, for a sentence that names the destination before it.
func (v Verdict) String() string {
	switch {
	case v.Line > 0 && v.Allow:
		return fmt.Sprintf("is allowed by line %d", v.Line)
	case v.Line > 0:
		return fmt.Sprintf("is denied by line %d", v.Line)
	case v.Special != "":
		return "is " + v.Special
	case v.Allow:
		return "is not denied"
	}
	return "is not allowed by any line"
}

// Name decides, before anything is looked up, whether a host can be reached on the port at all: a name that no
// rule lets through, whatever its addresses, is not even asked for. Allow means that the addresses decide.
func (r Rules) Name(host Host, port uint16) Verdict {
	if host.Addr.IsValid() {
		return r.Address(host, host.Addr, port)
	}
	for i := range r.rules {
		rule := &r.rules[i]
		if !rule.covers(port) {
			continue
		}
		if rule.named(host.Name) {
			return Verdict{Allow: rule.allow, Line: rule.line}
		}
		if rule.allow && rule.prefix.IsValid() {
			return Verdict{Allow: true} // an address of the name may be in it
		}
	}
	return Verdict{Allow: !r.closed}
}

// Address decides whether one address of a host may be dialled on the port. A special address needs a rule that
// allows it by address and speaks of special addresses only: neither a name nor 0.0.0.0/0 was meant for it.
// A rule that denies an IPv4 address also denies the IPv6 addresses that carry it.
func (r Rules) Address(host Host, addr netip.Addr, port uint16) Verdict {
	all := spellings(addr)
	what := Special(addr)
	for i := range r.rules {
		rule := &r.rules[i]
		if rule.covers(port) && rule.speaksOf(host, all, what != "") {
			return Verdict{Allow: rule.allow, Line: rule.line, Special: what}
		}
	}
	return Verdict{Allow: what == "" && !r.closed, Special: what}
}

func (r *rule) speaksOf(host Host, all []netip.Addr, isSpecial bool) bool {
	if r.allow && isSpecial {
		return r.ofSpecials && r.prefix.Contains(all[0])
	}
	if r.prefix.IsValid() {
		for i, a := range all {
			if r.prefix.Contains(a) && (i == 0 || !r.allow) {
				return true
			}
		}
		return false
	}
	return r.any || host.Name != "" && r.named(host.Name)
}

// Len gives the number of rules.
func (r Rules) Len() int { return len(r.rules) }
