package connector

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"
)

// The PROXY protocol, version 2 (haproxy.org/download/3.0/doc/proxy-protocol.txt): whose connection it is, ahead of all bytes.
const (
	proxyVersion   = "v2" // as the configuration says it
	proxySignature = "\r\n\r\n\x00\r\nQUIT\n"
	proxyCommand   = 0x21 // version 2, a connection for somebody else
	proxyTCP4      = 0x11
	proxyTCP6      = 0x21
	proxyAuthority = 0x02 // the kind of an addition: the name that was asked for
	proxyUniqueID  = 0x05 // the kind of an addition: what the connection is called elsewhere
	maxProxyID     = 128  // bytes of it
)

// proxyHeader is what a server is told of a stream.
type proxyHeader struct {
	from    netip.AddrPort // the device, as the gateway saw it
	request string         // the reference in the logs
	host    string         // the name that the device asked for; empty for an address
}

// send writes the header to a server that was just connected to.
func (h *proxyHeader) send(conn net.Conn, to netip.AddrPort) error {
	if err := conn.SetWriteDeadline(time.Now().Add(connectTimeout)); err != nil {
		return err
	}
	if _, err := conn.Write(h.bytes(to)); err != nil {
		return err
	}
	return conn.SetWriteDeadline(time.Time{})
}

// bytes gives the header. Where only one side has IPv6 both are written so: a header has one family.
func (h *proxyHeader) bytes(to netip.AddrPort) []byte {
	from, dest := h.from.Addr().Unmap(), to.Addr().Unmap()
	family := byte(proxyTCP4)
	var body []byte
	if from.Is4() && dest.Is4() {
		body = append(from.AsSlice(), dest.AsSlice()...)
	} else {
		family = proxyTCP6
		f, d := from.As16(), dest.As16()
		body = append(f[:], d[:]...)
	}
	body = binary.BigEndian.AppendUint16(body, h.from.Port())
	body = binary.BigEndian.AppendUint16(body, to.Port())
	body = addition(body, proxyAuthority, h.host)
	body = addition(body, proxyUniqueID, h.request[:min(len(h.request), maxProxyID)])
	head := append([]byte(proxySignature), proxyCommand, family)
	return append(binary.BigEndian.AppendUint16(head, uint16(len(body))), body...)
}

// addition adds what else is said, unless it is empty.
func addition(body []byte, kind byte, text string) []byte {
	if text == "" {
		return body
	}
	return append(binary.BigEndian.AppendUint16(append(body, kind), uint16(len(text))), text...)
}
