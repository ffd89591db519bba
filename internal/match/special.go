package match

import (
	"net/netip"
	"strings"
)

// special lists the addresses that mean something else to the machine that dials them than to the network: what
// one reaches there is the connector's own host, its neighbours on the wire, or the cloud's keeper of secrets.
// Sources: IANA's special-purpose address registries (RFC 6890) and the clouds' own pages. The first match counts.
var special = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("169.254.169.254/32"), "a cloud's metadata address"}, // AWS, Azure, Google, Oracle, OpenStack and others
	{netip.MustParsePrefix("169.254.170.2/32"), "a cloud's metadata address"},   // AWS tasks
	{netip.MustParsePrefix("169.254.170.23/32"), "a cloud's metadata address"},  // AWS pods
	{netip.MustParsePrefix("100.100.100.200/32"), "a cloud's metadata address"}, // Alibaba
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud's metadata address"},   // Azure's wire server
	{netip.MustParsePrefix("192.0.0.192/32"), "a cloud's metadata address"},     // Oracle, classic
	{netip.MustParsePrefix("fd00:ec2::/32"), "a cloud's metadata address"},      // AWS: ::254, ::23
	{netip.MustParsePrefix("fd20:ce::254/128"), "a cloud's metadata address"},   // Google
	{netip.MustParsePrefix("fd00:42::42/128"), "a cloud's metadata address"},    // Scaleway
	{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified address"},              // connects to this host
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("255.255.255.255/32"), "a broadcast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"},
	{netip.MustParsePrefix("::/128"), "an unspecified address"},
	{netip.MustParsePrefix("::1/128"), "a loopback address"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
	{netip.MustParsePrefix("100::/64"), "a discard address"},
}

// Special says what is special about an address, in words such as "a loopback address", or nothing for an
// ordinary one. An IPv6 address that carries an IPv4 address is as special as what it carries.
func Special(addr netip.Addr) string {
	for _, a := range spellings(addr) {
		for _, s := range special {
			if s.prefix.Contains(a) {
				return s.what
			}
		}
	}
	return ""
}

// private lists the addresses that are another host in every network (RFC 1918, 6598, 2544, 6890, 4193, 3879, 8215).
var private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fec0::/10"), netip.MustParsePrefix("64:ff9b:1::/48"),
}

// Private tells whether an address belongs to a private network and not to the internet. An IPv6 address that
// carries an IPv4 address is as private as what it carries.
func Private(addr netip.Addr) bool {
	for _, a := range spellings(addr) {
		for _, p := range private {
			if p.Contains(a) {
				return true
			}
		}
	}
	return false
}

// within tells whether every address of the prefix is special, so that whoever wrote it meant just that.
func within(prefix netip.Prefix) bool {
	for _, s := range special {
		if s.prefix.Bits() <= prefix.Bits() && s.prefix.Contains(prefix.Addr()) {
			return true
		}
	}
	return false
}

var (
	sixToFour  = netip.MustParsePrefix("2002::/16")       // RFC 3056
	teredo     = netip.MustParsePrefix("2001::/32")       // RFC 4380
	nat64      = netip.MustParsePrefix("64:ff9b::/96")    // RFC 6052
	localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48")  // RFC 8215
	compatible = netip.MustParsePrefix("::/96")           // RFC 4291, section 2.5.5.1
	translated = netip.MustParsePrefix("::ffff:0:0:0/96") // RFC 2765
)

// spellings gives the address, IPv4-mapped ones as IPv4, and the IPv4 addresses that it may be translated to.
func spellings(addr netip.Addr) []netip.Addr {
	addr = addr.Unmap().WithZone("")
	all := []netip.Addr{addr}
	if !addr.Is6() {
		return all
	}
	b := addr.As16()
	at := func(i, j, k, l int) { all = append(all, netip.AddrFrom4([4]byte{b[i], b[j], b[k], b[l]})) }
	switch {
	case sixToFour.Contains(addr):
		at(2, 3, 4, 5)
	case teredo.Contains(addr):
		at(4, 5, 6, 7) // the server
		all = append(all, netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}))
	case localNAT64.Contains(addr):
		all = append(all, fromLocalNAT64(b)...)
	case nat64.Contains(addr), translated.Contains(addr):
		at(12, 13, 14, 15)
	case compatible.Contains(addr) && addr != netip.IPv6Unspecified() && addr != netip.IPv6Loopback():
		at(12, 13, 14, 15)
	}
	if b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe { // ISATAP, RFC 5214, section 6.1
		at(12, 13, 14, 15)
	}
	return all
}

// fromLocalNAT64 reads the prefix lengths that the operator may have chosen: 48, 56, 64 and 96. What follows the
// IPv4 address is zero (RFC 6052, section 2.2), and no translator sends to 0.0.0.0/8.
func fromLocalNAT64(b [16]byte) (all []netip.Addr) {
	for _, at := range [][5]int{{6, 7, 9, 10, 11}, {7, 9, 10, 11, 12}, {9, 10, 11, 12, 13}, {12, 13, 14, 15, 16}} {
		rest := strings.Trim(string(b[at[4]:]), "\x00")
		if first := b[at[0]]; first != 0 && rest == "" {
			all = append(all, netip.AddrFrom4([4]byte{first, b[at[1]], b[at[2]], b[at[3]]}))
		}
	}
	return all
}
