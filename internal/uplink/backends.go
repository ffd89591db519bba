package uplink

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"postern/internal/dial"
	"postern/internal/fault"
)

// Backends gives how to connect to applications through a proxy: http or socks5, with user and password if need be. The proxy is
// told the address that was checked, no name, so that it leads nowhere else. Addresses and networks in noProxy (in the form of NO_PROXY)
// and this machine's own are connected to directly. Without a proxy it gives nil, which is how dial.Any connects directly.
func Backends(proxy, noProxy string) (dial.One, error) {
	if proxy == "" || proxy == Direct {
		return nil, nil
	}
	u, err := parseProxy(proxy)
	kind, _, _ := strings.Cut(proxy, ":")
	if err != nil || u.Scheme == "https" || kind == kindPAC || kind == kindWPAD {
		return nil, fault.Invalid("backend-proxy", "must be a URL that starts with http:// or socks5://, or direct")
	}
	if err := checkNoProxy(noProxy); err != nil {
		return nil, err
	}
	d, err := New(Config{Proxy: u.String(), NoProxy: noProxy, Timeout: backendTime})
	if err != nil {
		return nil, err
	}
	return d.backend, nil
}

// backendTime is only named in errors: the caller's context bounds a dial.
const backendTime = 10 * time.Second

// checkNoProxy holds that each word is an address or a network: names are resolved before anything is asked for here.
func checkNoProxy(list string) error {
	for word := range strings.SplitSeq(list, ",") {
		word = strings.TrimSpace(word)
		_, notNetwork := netip.ParsePrefix(word)
		_, notAddress := netip.ParseAddr(word)
		if word != "" && notNetwork != nil && notAddress != nil {
			return fault.Invalid("backend-no-proxy", "must list addresses or networks such as 10.0.0.0/8; %q is neither", word)
		}
	}
	return nil
}

func (d *Dialer) backend(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	ways, err := d.chooser.choose(ctx, to.String())
	if err != nil {
		return nil, err
	}
	var via *url.URL
	if len(ways) > 0 {
		via = ways[0]
	}
	if via == nil { // its errors are those of a connection without a proxy
		conn, _, err := dial.Any(ctx, []netip.Addr{to.Addr()}, to.Port(), nil)
		return conn, err
	}
	conn, err := d.dialVia(ctx, via, to.String())
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, errors.Join(fault.New(fault.KindInternal, "the proxy gave no TCP connection"), conn.Close())
	}
	return tcp, nil
}
