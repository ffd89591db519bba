package uplink

import (
	"context"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Server is whom a Dialer asks beside the proxies themselves: what a firewall has to let through for them to be used.
type Server struct {
	Host     string
	Port     string
	Protocol string
	Why      string
}

// Servers lists who has the proxy script and who gives tickets.
func (d *Dialer) Servers() []Server {
	var list []Server
	if s, ok := d.chooser.(*script); ok {
		for _, at := range s.urls {
			u, err := url.Parse(at)
			if err != nil {
				continue
			}
			port := u.Port()
			if port == "" {
				port = proxyPorts[u.Scheme]
			}
			list = append(list, Server{u.Hostname(), port, "TCP", "the proxy script " + at})
		}
	}
	return append(list, d.kerberos.servers()...)
}

// servers lists the KDCs, by the files or by DNS as they are used.
func (k Kerberos) servers() []Server {
	if !k.given() {
		return nil
	}
	c, err := k.client()
	if err != nil {
		return nil // it cannot be used either, which doctor tells
	}
	defer c.Destroy()
	_, found, err := c.Config.GetKDCs(c.Credentials.Domain(), true)
	if err != nil || len(found) == 0 {
		return []Server{{"the KDCs of " + c.Credentials.Domain(), "88", "TCP, UDP", "tickets for the proxy (Kerberos)"}}
	}
	var list []Server
	for _, i := range slices.Sorted(maps.Keys(found)) {
		host, port, err := net.SplitHostPort(found[i])
		if err != nil {
			host, port = found[i], "88"
		}
		list = append(list, Server{host, port, "TCP, UDP", "tickets for the proxy (Kerberos)"})
	}
	return list
}

// Behind gives the host and port of each proxy that may be due for host:port, and whether it is also dialled directly.
func (d *Dialer) Behind(ctx context.Context, address string) (proxies []string, directly bool, err error) {
	ways, err := d.chooser.choose(ctx, address)
	for _, via := range ways {
		if via == nil {
			directly = true
			continue
		}
		port := via.Port()
		if port == "" {
			port = proxyPorts[via.Scheme]
		}
		proxies = append(proxies, net.JoinHostPort(strings.ToLower(via.Hostname()), port))
	}
	return proxies, directly, err
}
