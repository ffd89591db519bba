package match

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
)

// Protocol is a set of transport protocols.
type Protocol uint8

// The protocols. Their zero set carries nothing.
const (
	TCP  Protocol = 1 << iota
	UDP           // one datagram is one message
	Both = TCP | UDP
)

// ParseProtocol reads "tcp", "udp" or "both".
func ParseProtocol(text string) (Protocol, error) {
	switch text {
	case "tcp":
		return TCP, nil
	case "udp":
		return UDP, nil
	case "both":
		return Both, nil
	}
	return 0, fmt.Errorf(`is %q, not "tcp", "udp" or "both"`, text)
}

// String gives what ParseProtocol reads; "none" for the empty set.
func (p Protocol) String() string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case Both:
		return "both"
	}
	return "none"
}

// Ports is a range of port numbers, both ends included.
type Ports struct{ First, Last uint16 }

// MaxPorts bounds the ranges of one segment.
const MaxPorts = 100

// ParsePorts reads port numbers and ranges with "," between, as "22, 80, 400-500", and gives them in order, those that touch made one.
func ParsePorts(text string) ([]Ports, error) {
	var list []Ports
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			return nil, fmt.Errorf("has a place without a port in %q", text)
		}
		first, last, err := parsePorts(part)
		if err != nil {
			return nil, err
		}
		list = append(list, Ports{first, last})
	}
	slices.SortFunc(list, func(a, b Ports) int { return cmp.Compare(a.First, b.First) })
	joined := list[:1]
	for _, p := range list[1:] {
		end := &joined[len(joined)-1]
		if int(p.First) <= int(end.Last)+1 {
			end.Last = max(end.Last, p.Last)
			continue
		}
		joined = append(joined, p)
	}
	if len(joined) > MaxPorts {
		return nil, fmt.Errorf("has %d ranges of ports; at most %d are allowed", len(joined), MaxPorts)
	}
	return joined, nil
}

// Segment is a set of destinations: hosts × ports × protocols. Hosts are one name, all names below a domain, a domain with all names
// below it, or addresses that follow each other. The zero value is empty.
type Segment struct {
	form        form
	name        string // of the host, or of the domain
	first, last netip.Addr
	text        string // the hosts in normal form
	ports       []Ports
	count       int // of ports
	protocol    Protocol
}

// form tells the kinds of host sets apart; of two sets of names with one domain, the one that comes first is the narrower.
type form uint8

const (
	formNone form = iota
	formName
	formBelow  // "*.corp.example"
	formSuffix // ".corp.example"
	formAddresses
)

// ParseSegment reads a segment. Destinations are a name ("db.corp.example"), all names below a domain ("*.corp.example"), a domain and
// all names below it (".corp.example", a DNS suffix), an address, a CIDR prefix, or two addresses with "-" between. Ports are as
// ParsePorts reads them, the protocol as ParseProtocol does. Errors are sentences that go on after the field's name, which
// field gives: "destination", "ports" or "protocol".
func ParseSegment(destination, ports, protocol string) (s Segment, field string, err error) {
	if s, err = parseHosts(destination); err != nil {
		return Segment{}, "destination", err
	}
	if s.ports, err = ParsePorts(ports); err != nil {
		return Segment{}, "ports", err
	}
	for _, p := range s.ports {
		s.count += int(p.Last) - int(p.First) + 1
	}
	if s.protocol, err = ParseProtocol(protocol); err != nil {
		return Segment{}, "protocol", err
	}
	return s, "", nil
}

func parseHosts(text string) (Segment, error) {
	switch from, to, dash := strings.Cut(text, "-"); {
	case strings.Contains(text, "/"):
		prefix, err := parsePrefix(text)
		if err != nil {
			return Segment{}, err
		}
		return addresses(prefix.Addr(), lastOf(prefix), prefix.String()), nil
	case dash && isAddress(from) && isAddress(to):
		return parseRange(strings.TrimSpace(from), strings.TrimSpace(to))
	case strings.HasPrefix(text, "*."):
		return parseDomain(formBelow, text, text[2:])
	case strings.HasPrefix(text, "."):
		return parseDomain(formSuffix, text, text[1:])
	case strings.Contains(text, "*"):
		return Segment{}, fmt.Errorf(`is %q: "*" can only stand for the whole first part, as in "*.corp.example"`, text)
	}
	host, err := ParseHost(text)
	if err != nil {
		return Segment{}, err
	}
	if host.Addr.IsValid() {
		return addresses(host.Addr, host.Addr, host.Addr.String()), nil
	}
	return Segment{form: formName, name: host.Name, text: host.Name}, nil
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(strings.TrimSpace(text))
	return err == nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return prefix, fmt.Errorf("is %q, which is not a CIDR prefix", text)
	case prefix.Addr().Is4In6():
		return prefix, fmt.Errorf("is %q: write it as IPv4", text)
	case prefix.Masked() != prefix:
		return prefix, fmt.Errorf("is %q, with bits beyond its length: did you mean %s?", text, prefix.Masked())
	}
	return prefix, nil
}

func parseRange(from, to string) (Segment, error) {
	first, err := ParseHost(from)
	if err != nil {
		return Segment{}, err
	}
	last, err := ParseHost(to)
	switch {
	case err != nil:
		return Segment{}, err
	case first.Addr.Is4() != last.Addr.Is4():
		return Segment{}, fmt.Errorf("goes from IPv4 to IPv6")
	case last.Addr.Less(first.Addr):
		return Segment{}, fmt.Errorf("ends before it begins: did you mean %s-%s?", last.Addr, first.Addr)
	case first.Addr == last.Addr:
		return addresses(first.Addr, first.Addr, first.Addr.String()), nil
	}
	return addresses(first.Addr, last.Addr, first.Addr.String()+"-"+last.Addr.String()), nil
}

func addresses(first, last netip.Addr, text string) Segment {
	return Segment{form: formAddresses, first: first, last: last, text: text}
}

func parseDomain(f form, text, domain string) (Segment, error) {
	host, err := ParseHost(domain)
	switch {
	case err != nil:
		return Segment{}, err
	case host.Addr.IsValid() || host.Final:
		return Segment{}, fmt.Errorf("is %q, which is not a domain", text)
	}
	return Segment{form: f, name: host.Name, text: strings.TrimSuffix(text, domain) + host.Name}, nil
}

// lastOf gives the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	for i := range bytes {
		if rest := p.Bits() - 8*i; rest < 8 {
			bytes[i] |= byte(math.MaxUint8 >> max(rest, 0))
		}
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

// Destination gives the hosts in normal form.
func (s Segment) Destination() string { return s.text }

// Ports gives the ports in order.
func (s Segment) Ports() string {
	words := make([]string, len(s.ports))
	for i, p := range s.ports {
		if words[i] = fmt.Sprint(p.First); p.First != p.Last {
			words[i] = fmt.Sprintf("%d-%d", p.First, p.Last)
		}
	}
	return strings.Join(words, ",")
}

// Protocol gives the protocols.
func (s Segment) Protocol() Protocol { return s.protocol }

// String gives all of it for a person: "*.corp.example:22,80-90/tcp".
func (s Segment) String() string {
	text := s.text
	if s.form == formAddresses && s.first.Is6() {
		text = "[" + text + "]"
	}
	return text + ":" + s.Ports() + "/" + s.protocol.String()
}

// Prefixes gives the fewest prefixes that have all addresses of the segment; none for one of names.
func (s Segment) Prefixes() []netip.Prefix {
	if s.form != formAddresses {
		return nil
	}
	return blocks(s.first, s.last)
}

// Contains reports whether a destination is in the segment. The protocol must be one, not a set.
func (s Segment) Contains(host Host, port uint16, protocol Protocol) bool {
	return s.covers(host) && s.carries(port, protocol)
}

func (s Segment) covers(host Host) bool {
	switch s.form {
	case formName:
		return host.Name == s.name
	case formBelow:
		return below(host.Name, s.name)
	case formSuffix:
		return host.Name == s.name || below(host.Name, s.name)
	case formAddresses:
		return host.Addr.IsValid() && host.Addr.Is4() == s.first.Is4() && !host.Addr.Less(s.first) && !s.last.Less(host.Addr)
	}
	return false
}

func (s Segment) carries(port uint16, protocol Protocol) bool {
	if protocol == 0 || s.protocol&protocol != protocol {
		return false
	}
	for _, p := range s.ports {
		if p.First <= port && port <= p.Last {
			return true
		}
	}
	return false
}

func below(name, domain string) bool {
	return len(name) > len(domain)+1 && name[len(name)-len(domain)-1] == '.' && strings.HasSuffix(name, domain)
}

// narrower orders segments: which of two that contain one destination is the more exact. A name comes before the domains above it, the
// longer domain before the shorter, fewer addresses before more; of the same hosts, fewer ports before more, one protocol before both.
// 0: neither is.
func (s Segment) narrower(t Segment) int {
	return cmp.Or(
		cmp.Compare(s.breadth(), t.breadth()),
		compareSizes(s, t),
		cmp.Compare(s.count, t.count),
		cmp.Compare(s.protocol&1+s.protocol>>1, t.protocol&1+t.protocol>>1))
}

// breadth orders sets of names: none is as broad as another one that contains it. Addresses come after all names, which never meet
// them, and are compared by their number.
func (s Segment) breadth() int {
	switch s.form {
	case formName:
		return 0
	case formBelow:
		return 2 * (maxName - strings.Count(s.name, ".")) // more labels: fewer names
	case formSuffix:
		return 2*(maxName-strings.Count(s.name, ".")) + 1
	}
	return 3 * maxName
}

// compareSizes compares how many addresses are in two segments; 0 for names.
func compareSizes(s, t Segment) int {
	if s.form != formAddresses || t.form != formAddresses {
		return 0
	}
	return bytesCompare(distance(s.first, s.last), distance(t.first, t.last))
}

// distance subtracts addresses of one family.
func distance(first, last netip.Addr) [16]byte {
	a, b := first.As16(), last.As16()
	var d [16]byte
	borrow := 0
	for i := 15; i >= 0; i-- {
		v := int(b[i]) - int(a[i]) - borrow
		borrow = 0
		if v < 0 {
			v, borrow = v+256, 1
		}
		d[i] = byte(v)
	}
	return d
}

func bytesCompare(a, b [16]byte) int { return slices.Compare(a[:], b[:]) }
