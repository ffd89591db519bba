package pac

import (
	"bytes"
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/dop251/goja"
)

// lookupTime bounds one look-up of a script.
const lookupTime = 500 * time.Millisecond

// offer gives the script the functions that the form of the file promises.
func offer(vm *goja.Runtime, now time.Time) error {
	functions := map[string]any{
		"isPlainHostName":     func(host string) bool { return !strings.Contains(host, ".") && !strings.Contains(host, ":") },
		"dnsDomainIs":         func(host, domain string) bool { return hasSuffixFold(host, domain) },
		"localHostOrDomainIs": localHostOrDomainIs,
		"isResolvable":        func(host string) bool { return len(lookup("ip4", host)) > 0 },
		"isResolvableEx":      func(host string) bool { return len(lookup("ip", host)) > 0 },
		"isInNet":             isInNet,
		"isInNetEx":           isInNetEx,
		"dnsResolve":          func(host string) any { return firstOf(vm, lookup("ip4", host)) },
		"dnsResolveEx":        func(host string) string { return join(lookup("ip", host)) },
		"convert_addr":        convertAddr,
		"myIpAddress":         func() string { return myAddress() },
		"myIpAddressEx":       func() string { return join(myAddresses()) },
		"dnsDomainLevels":     func(host string) int { return strings.Count(host, ".") },
		"shExpMatch":          shExpMatch,
		"sortIpAddressList":   sortAddresses,
		"getClientVersion":    func() string { return "1.0" },
		"alert":               func(goja.FunctionCall) goja.Value { return goja.Undefined() },
		"weekdayRange":        func(call goja.FunctionCall) goja.Value { return vm.ToValue(weekdayRange(words(call), now)) },
		"dateRange":           func(call goja.FunctionCall) goja.Value { return vm.ToValue(dateRange(words(call), now)) },
		"timeRange":           func(call goja.FunctionCall) goja.Value { return vm.ToValue(timeRange(words(call), now)) },
	}
	for name, function := range functions {
		if err := vm.Set(name, function); err != nil {
			return err
		}
	}
	return nil
}

// words gives the arguments of a call as text.
func words(call goja.FunctionCall) []string {
	list := make([]string, len(call.Arguments))
	for i, argument := range call.Arguments {
		list[i] = argument.String()
	}
	return list
}

func hasSuffixFold(text, end string) bool {
	return len(text) >= len(end) && strings.EqualFold(text[len(text)-len(end):], end)
}

func localHostOrDomainIs(host, full string) bool {
	if strings.EqualFold(host, full) {
		return true
	}
	return !strings.Contains(host, ".") && len(full) > len(host) && strings.EqualFold(full[:len(host)+1], host+".")
}

// lookup gives the addresses of a host, which may be one itself, in the resolver's order.
func lookup(network, host string) []netip.Addr {
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		addr = addr.Unmap()
		if network == "ip4" && !addr.Is4() {
			return nil
		}
		return []netip.Addr{addr}
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, network, host)
	if err != nil {
		return nil // to a script, what cannot be looked up is not there
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return found
}

func firstOf(vm *goja.Runtime, addrs []netip.Addr) any {
	if len(addrs) == 0 {
		return goja.Null()
	}
	return vm.ToValue(addrs[0].String())
}

func join(addrs []netip.Addr) string {
	list := make([]string, len(addrs))
	for i, addr := range addrs {
		list[i] = addr.String()
	}
	return strings.Join(list, ";")
}

// isInNet reports whether an address, or the first of a name, is in a network of IPv4. Each bit of the mask counts for
// itself, whether they are in one piece or not.
func isInNet(host, network, mask string) bool {
	addrs := lookup("ip4", host)
	of, err1 := netip.ParseAddr(network)
	bits, err2 := netip.ParseAddr(mask)
	if len(addrs) == 0 || err1 != nil || err2 != nil || !of.Is4() || !bits.Is4() {
		return false
	}
	a, n, m := addrs[0].As4(), of.As4(), bits.As4()
	for i := range a {
		if a[i]&m[i] != n[i]&m[i] {
			return false
		}
	}
	return true
}

// isInNetEx reports the same for a prefix, such as 10.0.0.0/8 or 2001:db8::/32, or several with semicolons between them.
func isInNetEx(host, prefixes string) bool {
	addrs := lookup("ip", host)
	for text := range strings.SplitSeq(prefixes, ";") {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err == nil && slices.ContainsFunc(addrs, prefix.Contains) {
			return true
		}
	}
	return false
}

func convertAddr(text string) uint32 {
	addr, err := netip.ParseAddr(text)
	if err != nil || !addr.Is4() {
		return 0
	}
	b := addr.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// myAddress gives the address from which this machine goes out. Nothing is sent: a socket of UDP that is connected knows it.
func myAddress() string {
	for _, outside := range []string{"192.0.2.1:9", "[2001:db8::1]:9"} {
		conn, err := net.Dial("udp", outside)
		if err != nil {
			continue
		}
		at, err := netip.ParseAddrPort(conn.LocalAddr().String())
		_ = conn.Close() // nothing was sent
		if err == nil {
			return at.Addr().Unmap().String()
		}
	}
	return "127.0.0.1"
}

func myAddresses() []netip.Addr {
	var list []netip.Addr
	found, _ := net.InterfaceAddrs() // without them there is the one by which we go out
	for _, a := range found {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && prefix.Addr().IsGlobalUnicast() {
			list = append(list, prefix.Addr().Unmap())
		}
	}
	if len(list) == 0 {
		if addr, err := netip.ParseAddr(myAddress()); err == nil {
			list = append(list, addr)
		}
	}
	return list
}

// sortAddresses sorts addresses, IPv6 first. One that is none makes the list false, which Microsoft's form of the file wants.
func sortAddresses(list string) any {
	var addrs []netip.Addr
	for text := range strings.SplitSeq(list, ";") {
		addr, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil {
			return false
		}
		addrs = append(addrs, addr.Unmap())
	}
	slices.SortFunc(addrs, func(a, b netip.Addr) int {
		return cmp.Or(cmp.Compare(b.BitLen(), a.BitLen()), bytes.Compare(a.AsSlice(), b.AsSlice()))
	})
	return join(addrs)
}

// shExpMatch compares with a shell's pattern: * is anything, ? one character. It takes time in proportion to both lengths.
func shExpMatch(text, pattern string) bool {
	t, p := []rune(text), []rune(pattern)
	star, from := -1, 0
	i, j := 0, 0
	for i < len(t) {
		switch {
		case j < len(p) && p[j] == '*':
			star, from = j, i
			j++
		case j < len(p) && (p[j] == '?' || p[j] == t[i]):
			i, j = i+1, j+1
		case star >= 0:
			from++
			i, j = from, star+1
		default:
			return false
		}
	}
	for j < len(p) && p[j] == '*' {
		j++
	}
	return j == len(p)
}
