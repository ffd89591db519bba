package gateway

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"postern/internal/match"
)

// The PROXY protocol, version 2 (haproxy.org/download/3.0/doc/proxy-protocol.txt): what a load balancer that passes TLS through says
// ahead of everything about whose connection it is.
const (
	proxySignature = "\r\n\r\n\x00\r\nQUIT\n"
	proxyHead      = 16      // bytes ahead of the addresses
	maxProxyBody   = 4 << 10 // bytes of addresses and what else is said; real ones have a few hundred
	proxyChecksum  = 0x03    // the kind of an addition that has a checksum over all
)

var (
	errNoProxyHeader = errors.New("it does not begin with a PROXY protocol header")
	errProxyV1       = errors.New("it begins with a PROXY protocol header of version 1")
)

// readProxyHeader reads a header and gives the address that it tells, none for a connection of the balancer's own (its
// check of our health). It reads no byte more than the header.
func readProxyHeader(r io.Reader) (told netip.AddrPort, err error) {
	head := make([]byte, proxyHead)
	if n, err := io.ReadFull(r, head); err != nil {
		if n > 0 && !bytes.HasPrefix([]byte(proxySignature), head[:min(n, len(proxySignature))]) {
			return told, errNoProxyHeader
		}
		return told, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("PROXY ")):
		return told, errProxyV1
	case string(head[:len(proxySignature)]) != proxySignature:
		return told, errNoProxyHeader
	}
	length := int(binary.BigEndian.Uint16(head[14:]))
	if length > maxProxyBody {
		return told, fmt.Errorf("its PROXY protocol header has %d bytes, more than the %d that are read", length, maxProxyBody)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return told, fmt.Errorf("its PROXY protocol header is cut off: %w", err)
	}
	return proxyAddress(head, body)
}

// proxyAddress gives the address in a header that is there wholly.
func proxyAddress(head, body []byte) (told netip.AddrPort, err error) {
	malformed := func(what string) (netip.AddrPort, error) {
		return netip.AddrPort{}, fmt.Errorf("its PROXY protocol header has %s", what)
	}
	command, family := head[12], head[13]
	sizes := map[byte]int{0x11: 12, 0x21: 36} // TCP over IPv4 and IPv6
	size, isTCP := sizes[family]
	switch {
	case command == 0x20:
		size = 0 // LOCAL: whatever it says of addresses is to be ignored
		if isTCP {
			size = min(sizes[family], len(body))
		}
		return told, checksum(head, body, size)
	case command != 0x21:
		return malformed("another version or command than PROXY and LOCAL of version 2")
	case !isTCP:
		return malformed("another family than TCP over IPv4 or IPv6")
	case len(body) < size:
		return malformed("less than its addresses")
	}
	if err := checksum(head, body, size); err != nil {
		return told, err
	}
	addr := netip.AddrFrom4([4]byte(body[:4]))
	port := body[8:10]
	if family == 0x21 {
		addr, port = netip.AddrFrom16([16]byte(body[:16])).Unmap(), body[32:34]
	}
	if addr.IsUnspecified() || addr.IsMulticast() {
		return malformed("an address that no client has")
	}
	return netip.AddrPortFrom(addr, binary.BigEndian.Uint16(port)), nil
}

// checksum walks the additions after the addresses and checks the sum (CRC-32C), if one is among them.
func checksum(head, body []byte, at int) error {
	for at < len(body) {
		if len(body)-at < 3 {
			return errors.New("its PROXY protocol header ends in an addition")
		}
		kind, size := body[at], int(binary.BigEndian.Uint16(body[at+1:]))
		at += 3
		if len(body)-at < size {
			return errors.New("its PROXY protocol header ends in an addition")
		}
		if kind == proxyChecksum {
			if size != crc32.Size {
				return errors.New("its PROXY protocol header has a checksum of another length than four bytes")
			}
			want := binary.BigEndian.Uint32(body[at:])
			all := append(bytes.Clone(head), body...)
			clear(all[len(head)+at : len(head)+at+size]) // it is made with nothing in its own place
			if crc32.Checksum(all, crc32.MakeTable(crc32.Castagnoli)) != want {
				return errors.New("its PROXY protocol header has a wrong checksum")
			}
		}
		at += size
	}
	return nil
}

// proxied reports whether whoever connects from an address has to say whose connection it is.
func (g *Gateway) proxied(peer netip.Addr) bool {
	peer = peer.Unmap()
	for _, network := range g.cfg.ProxyProtocolFrom {
		if network.Contains(peer) {
			return true
		}
	}
	return false
}

// announced reads the header of a connection from a listed network and gives whose it is: the balancer's own if it says so, and
// not ok if it says nothing that is understood, which is logged. Until then it counts as a handshake of the balancer.
func (g *Gateway) announced(raw net.Conn, peer netip.AddrPort) (client netip.AddrPort, ok bool) {
	network := match.Network(peer.Addr())
	if limit := g.census.enter(&g.census.shaking, network); limit != "" {
		g.metrics.refused.WithLabelValues(limit).Inc()
		return client, false
	}
	defer g.census.leave(&g.census.shaking, network)
	err := raw.SetReadDeadline(time.Now().Add(g.limits.Handshake))
	if err == nil {
		client, err = readProxyHeader(raw)
	}
	if err == nil {
		err = raw.SetReadDeadline(time.Time{})
	}
	switch {
	case errors.Is(err, io.EOF):
		return client, false // connects and goes: a check of health
	case err != nil:
		g.metrics.refused.WithLabelValues("proxy-protocol").Inc()
		g.heralds.complain(g, peer.Addr(), err)
		return client, false
	case !client.IsValid():
		client = peer
	}
	return client, true
}

// heralds keeps the log from filling with one balancer's mistake.
type heralds struct {
	next atomic.Int64 // Unix time from which the next complaint is logged
}

func (h *heralds) complain(g *Gateway, peer netip.Addr, err error) {
	now := time.Now().Unix()
	next := h.next.Load()
	if now < next || !h.next.CompareAndSwap(next, now+60) {
		return
	}
	g.log.Warn("connection refused: its network is listed in --proxy-protocol-from, but the PROXY protocol is not spoken as it must be",
		"address", peer.String(), "error", err, "cure", "have the load balancer send PROXY protocol version 2 (HAProxy: send-proxy-v2), or take its network from the list")
}
