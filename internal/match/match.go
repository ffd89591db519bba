// Package match decides whether a destination is one that a rule speaks of.
//
// It is pure: no look-ups, no clock, no files. It promises that a destination is the same whatever its spelling:
// an address hidden in IPv6 notation, or a name that some resolver would read as a number, passes no rule that
// was written for the plain form.
package match

import (
	"net/netip"
	"strings"
)

// Host is where a connection is to go, before any name is looked up: exactly one of a name and an address.
type Host struct {
	Name  string     // lower case, without a final dot; empty for an address
	Addr  netip.Addr // not IPv4-mapped; invalid for a name
	Final bool       // the name was written with a final dot: it is complete, no search list applies
}

// String gives the host as it is looked up.
func (h Host) String() string {
	switch {
	case h.Addr.IsValid():
		return h.Addr.String()
	case h.Final:
		return h.Name + "."
	}
	return h.Name
}

// hostError says in words what is wrong with a host.
type hostError string

func (e hostError) Error() string { return string(e) }

const (
	maxName  = 253 // RFC 1035, section 2.3.4, without the final dot
	maxLabel = 63
)

// ParseHost reads a name or an address, IPv6 with or without brackets.
// It refuses everything that two resolvers could read differently: other spellings of an IPv4 address (127.1,
// 0x7f000001, 2130706433, 0177.0.0.1), zones, and whatever is not letters, digits, "-" and "_".
func ParseHost(text string) (Host, error) {
	inner := text
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		inner = text[1 : len(text)-1]
		if !strings.Contains(inner, ":") {
			return Host{}, hostError("only an IPv6 address stands in brackets")
		}
	}
	if addr, err := netip.ParseAddr(inner); err == nil {
		if addr.Zone() != "" {
			return Host{}, hostError("an address with a zone means something on one machine only")
		}
		return Host{Addr: addr.Unmap()}, nil
	}
	return parseName(text)
}

func parseName(text string) (Host, error) {
	name, final := strings.CutSuffix(text, ".")
	if name == "" {
		return Host{}, hostError("is empty")
	}
	if len(name) > maxName {
		return Host{}, hostError("is longer than 253 characters")
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return Host{}, err
		}
	}
	if numeric(labels[len(labels)-1]) {
		return Host{}, hostError("ends in a number, which some systems read as an address: write the address as four decimal numbers")
	}
	return Host{Name: strings.ToLower(name), Final: final}, nil
}

func checkLabel(label string) error {
	if label == "" {
		return hostError("has an empty part between dots")
	}
	if len(label) > maxLabel {
		return hostError("has a part of more than 63 characters")
	}
	if label[0] == '-' || label[len(label)-1] == '-' {
		return hostError(`has a part that starts or ends with "-"`)
	}
	for _, c := range []byte(label) {
		if c != '-' && c != '_' && !letterOrDigit(c) {
			return hostError(`may only have letters, digits, "-", "_" and "." (other scripts as xn-- names)`)
		}
	}
	return nil
}

func letterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// numeric tells whether inet_aton(3) or a browser (WHATWG URL, "ends in a number") reads the label as a number.
func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(strings.ToLower(label), "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}
