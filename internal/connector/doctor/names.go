package doctor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"postern/internal/dial"
)

// Resolver finds the addresses of a name. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

func systemResolver() Resolver { return net.DefaultResolver }

const nameTime = 5 * time.Second

// hostPort gives host and port of a service's URL; empty if it is none.
func hostPort(serviceURL string) (host, port string) {
	u, err := url.Parse(serviceURL)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return "", ""
	}
	if port = u.Port(); port == "" {
		port = "443"
	}
	return u.Hostname(), port
}

// name looks the service's name up, which tells apart what else is only a failed dial.
func (s section) name(ctx context.Context, host string, viaProxy bool) {
	if _, err := netip.ParseAddr(host); err == nil {
		return
	}
	if dial.IsLocalhost(host) { // this machine, as browsers and our own dials have it
		s.found("name", host, "this machine")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, nameTime)
	defer cancel()
	started := time.Now()
	found, err := s.x.Resolver.LookupNetIP(ctx, "ip", host)
	took := time.Since(started).Round(time.Millisecond)
	var dns *net.DNSError
	switch {
	case err == nil && len(found) > 0:
		s.found("name", host, "%s, in %s", strings.Join(texts(found), ", "), took)
	case viaProxy:
		s.found("name-by-proxy", host, "this machine's DNS does not give its addresses")
	case errors.As(err, &dns) && dns.IsNotFound || err == nil:
		s.found("name-unknown", host, "DNS does not know %s", host)
	default:
		s.found("dns-silent", host, "no answer within %s (%s)", took, err)
	}
}

// texts gives addresses as people write them, each once.
func texts(addrs []netip.Addr) []string {
	all := make([]string, len(addrs))
	for i, a := range addrs {
		all[i] = a.Unmap().String()
	}
	return unique(all)
}
