package client

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"postern/internal/client/flow"
	"postern/internal/fault"
	"postern/internal/match"
	"postern/internal/wire"
)

// ParseTarget reads what is to be forwarded: APP, APP:PORT, APP:HOST:PORT or HOST:PORT, with /udp behind it for datagrams. An application
// with one host, or one port, need not have it said.
func ParseTarget(told wire.Rules, text string) (flow.To, error) {
	r, err := newRules(told)
	if err != nil {
		return flow.To{}, err
	}
	network := flow.TCP
	if rest, ok := strings.CutSuffix(text, "/udp"); ok {
		text, network = rest, flow.UDP
	}
	text = strings.TrimSuffix(text, "/tcp")
	if rule, err := r.application(text); err == nil {
		return r.only(rule, network, 0)
	}
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		_, err := r.application(text)
		return flow.To{}, err
	}
	port, err := strconv.ParseUint(text[i+1:], 10, 16)
	if err != nil || port == 0 {
		return flow.To{}, fault.Invalid("the target", "ends in %q, which is no port from 1 to 65535", fault.Readable(text[i+1:]))
	}
	before := text[:i]
	rule, err := r.application(before)
	switch {
	case err == nil:
		return r.only(rule, network, uint16(port))
	case fault.Is(err, fault.KindInvalid): // several are called so
		return flow.To{}, err
	}
	for j, c := range before {
		if c != ':' {
			continue
		}
		if rule, err := r.application(before[:j]); err == nil {
			return target(network, before[j+1:], uint16(port), rule.Application)
		}
	}
	return target(network, before, uint16(port), "")
}

func target(network, host string, port uint16, application string) (flow.To, error) {
	to, err := flow.Parse(network, host, port)
	if err != nil {
		return to, fault.Invalid("the target", "is no application, and %s", err)
	}
	to.Application = application
	return to, nil
}

// only gives the one destination of an application, on a port if that is not 0.
func (r *rules) only(rule *wire.Rule, network string, port uint16) (flow.To, error) {
	var found []flow.To
	more := false // there are hosts that have no name by themselves
	for _, e := range r.table.Entries() {
		to := flow.To{Network: network, Port: port, Application: rule.Application}
		if e.Owner != rule.Application || e.Segment.Protocol()&to.Protocol() == 0 {
			continue
		}
		if n, err := strconv.ParseUint(e.Segment.Ports(), 10, 16); err == nil && port == 0 {
			to.Port = uint16(n)
		}
		host, err := match.ParseHost(e.Segment.Destination())
		if err != nil || !e.Segment.Contains(host, to.Port, to.Protocol()) {
			more = true
			continue
		}
		if to.Host = host; !slices.Contains(found, to) {
			found = append(found, to)
		}
	}
	switch {
	case len(found) == 1 && !more, len(found) == 1 && port != 0:
		return found[0], nil
	case len(found) == 0 && !more:
		return flow.To{}, fault.NotFound("the application %q has nothing by %s that you may use", rule.Name, network)
	case len(found) == 0:
		return flow.To{}, fault.Invalid("the target", "must say the host and the port: the application %q has many (%s); write APP:HOST:PORT", rule.Name, list(rule))
	}
	return flow.To{}, fault.Invalid("the target", "must say which of several is meant: %s; write APP:PORT or APP:HOST:PORT", list(rule))
}

// list gives some of an application's segments for a person.
func list(rule *wire.Rule) string {
	const most = 5
	var words []string
	for _, s := range rule.Segments[:min(len(rule.Segments), most)] {
		words = append(words, s.Destination+":"+s.Ports+"/"+s.Protocol)
	}
	if len(rule.Segments) > most {
		words = append(words, fmt.Sprintf("and %d more", len(rule.Segments)-most))
	}
	return strings.Join(words, ", ")
}

// SSHConfig gives the lines of ssh_config(5) that have ssh reach, by a proxy command, whatever the user may reach on port 22.
func SSHConfig(told wire.Rules, command string) (string, error) {
	r, err := newRules(told)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by postern-client ssh-config, for %s: include it from ~/.ssh/config\n", told.ServiceURL)
	hosts := map[string]bool{}
	for _, e := range r.table.Entries() {
		if !slices.Contains([]match.Protocol{match.TCP, match.Both}, e.Segment.Protocol()) || !has(e.Segment, 22) {
			continue
		}
		name := r.byID[e.Owner].Name
		patterns := sshPatterns(e.Segment.Destination())
		if patterns == "" {
			fmt.Fprintf(&b, "\n# %s of %q has no form in ssh_config: name its hosts one by one\n", e.Segment.Destination(), printable(name))
			continue
		}
		if !hosts[patterns] {
			hosts[patterns] = true
			fmt.Fprintf(&b, "\n# %s\nHost %s\n    ProxyCommand %s connect %%h %%p\n", printable(name), patterns, command)
		}
	}
	if len(hosts) == 0 {
		b.WriteString("# There is nothing that you may reach on port 22.\n")
	}
	return b.String(), nil
}

// printable keeps a name of somebody's choice within its line.
func printable(name string) string { return fault.Readable(name) }

// has tells whether a segment has a port, on whatever host.
func has(s match.Segment, port uint16) bool {
	parsed, err := match.ParsePorts(s.Ports())
	return err == nil && slices.ContainsFunc(parsed, func(p match.Ports) bool { return p.First <= port && port <= p.Last })
}

// sshPatterns gives hosts as ssh_config's patterns; nothing if they have no such form.
func sshPatterns(destination string) string {
	switch {
	case strings.HasPrefix(destination, "*."):
		return destination
	case strings.HasPrefix(destination, "."):
		return destination[1:] + " *" + destination
	}
	if prefix, err := netip.ParsePrefix(destination); err == nil {
		if octets := prefix.Bits() / 8; prefix.Addr().Is4() && prefix.Bits()%8 == 0 && octets > 0 {
			return strings.Join(strings.Split(prefix.Addr().String(), ".")[:octets], ".") + ".*"
		}
		return ""
	}
	if _, err := match.ParseHost(destination); err != nil {
		return ""
	}
	return destination
}

// ParseLocal reads where programs of this machine are to connect: HOST:PORT or only a port, of loopback then. Other addresses than
// loopback are open to other machines, which must be said to be meant.
func ParseLocal(text string, anywhere bool) (string, error) {
	if _, err := strconv.ParseUint(text, 10, 16); err == nil {
		text = "127.0.0.1:" + text
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", fmt.Errorf("is %q, which is neither HOST:PORT nor a port", fault.Readable(text))
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("has the port %q, which is not one from 0 to 65535", fault.Readable(port))
	}
	addr, err := netip.ParseAddr(host)
	if host == "localhost" {
		addr, err = netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	if anywhere && (host == "" || err == nil) {
		return text, nil
	}
	if err != nil || !addr.IsLoopback() {
		return "", fmt.Errorf("is %q: programs of other machines could use it; say --listen-anywhere if that is meant, or 127.0.0.1:%s", fault.Readable(text), port)
	}
	return net.JoinHostPort(addr.String(), port), nil
}

// FindApplication gives the id of an application that is said by its id or its name.
func FindApplication(told wire.Rules, text string) (string, error) {
	r, err := newRules(told)
	if err != nil {
		return "", err
	}
	rule, err := r.application(text)
	if err != nil {
		return "", err
	}
	return rule.Application, nil
}
