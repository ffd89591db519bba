package gateway

import (
	"io"
	"net/netip"
)

// ReadProxyHeader reads a header of the PROXY protocol.
func ReadProxyHeader(r io.Reader) (netip.AddrPort, error) { return readProxyHeader(r) }
