package match

import "net/netip"

// Network gives what counts as one peer where peers are counted: an IPv4 address, or the /64 that one subscriber has
// whole of IPv6. What is no address is the zero Prefix: all of those count as one.
func Network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	network, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}
