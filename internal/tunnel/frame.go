package tunnel

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

type frameType uint8

const (
	frameHello    frameType = 1
	frameOpen     frameType = 2
	frameOpened   frameType = 3
	frameData     frameType = 4
	frameWindow   frameType = 5
	frameFin      frameType = 6
	frameReset    frameType = 7
	frameDatagram frameType = 8
	framePing     frameType = 9
	frameGoaway   frameType = 10
	frameTypes              = 11

	ignorable frameType = 0x80 // an unknown type with this bit is skipped
)

const (
	flagAnswer uint8 = 1 // PING: this is the answer
	flagLast   uint8 = 1 // GOAWAY: no stream is open and nothing follows
)

const (
	headerSize = 8
	maxID      = 1<<31 - 1
	maxOffset  = 1 << 62
	// A full frame fills exactly one TLS record.
	maxData = 16<<10 - headerSize

	openPrefix  = 8 // OPEN: two credits before the message
	resetPrefix = 2 // RESET, GOAWAY: a code before the message
	helloMagic  = 0x50535431
	helloSize   = 4 + 2 + 2 + 8 + 4 + 1
	maxHello    = 512
)

// shapes says for each known frame type how long its payload may be, which flags it knows and whether it belongs to a stream.
var shapes = [frameTypes]struct {
	min, max int
	flags    uint8
	id       idRule
}{
	frameHello:    {helloSize, maxHello, 0, idZero},
	frameOpen:     {openPrefix, openPrefix + MaxMessage, 0, idStream},
	frameOpened:   {0, MaxMessage, 0, idStream},
	frameData:     {0, 16 << 10, 0, idStream},
	frameWindow:   {8, 8, 0, idAny},
	frameFin:      {0, 0, 0, idStream},
	frameReset:    {resetPrefix, resetPrefix + MaxMessage, 0, idStream},
	frameDatagram: {0, MaxDatagram, 0, idStream},
	framePing:     {8, 8, flagAnswer, idZero},
	frameGoaway:   {resetPrefix, resetPrefix + maxReason, flagLast, idZero},
}

type idRule uint8

const (
	idZero   idRule = iota // the session itself
	idStream               // a stream
	idAny
)

type header struct {
	kind   frameType
	flags  uint8
	length int
	id     uint32
}

// known tells whether this version gives the frame a meaning; other ones were checked to be ignorable.
func (h header) known() bool { return h.kind > 0 && h.kind < frameTypes }

func appendHeader(b []byte, h header) []byte {
	return append(b, byte(h.kind), h.flags, byte(h.length>>8), byte(h.length),
		byte(h.id>>24), byte(h.id>>16), byte(h.id>>8), byte(h.id))
}

// parseHeader reads the eight bytes before every payload and checks all that can be checked without state.
func parseHeader(b []byte) (header, error) {
	h := header{
		kind:   frameType(b[0]),
		flags:  b[1],
		length: int(binary.BigEndian.Uint16(b[2:])),
		id:     binary.BigEndian.Uint32(b[4:]),
	}
	if !h.known() {
		if h.kind&ignorable == 0 {
			return h, broken(CodeProtocol, "unknown frame type %d", h.kind)
		}
		if h.length > MaxMessage {
			return h, broken(CodeProtocol, "frame of %d bytes of ignorable type %#x", h.length, uint8(h.kind))
		}
		return h, nil
	}
	shape := shapes[h.kind]
	if h.length < shape.min || h.length > shape.max {
		return h, broken(CodeProtocol, "%s of %d bytes", h.kind, h.length)
	}
	if h.flags&^shape.flags != 0 {
		return h, broken(CodeProtocol, "%s with unknown flags %#x", h.kind, h.flags)
	}
	if h.id > maxID || shape.id == idZero && h.id != 0 || shape.id == idStream && h.id == 0 {
		return h, broken(CodeProtocol, "%s on stream id %d", h.kind, h.id)
	}
	return h, nil
}

var frameNames = [frameTypes]string{"frame 0", "HELLO", "OPEN", "OPENED", "DATA", "WINDOW", "FIN", "RESET", "DATAGRAM", "PING", "GOAWAY"}

func (t frameType) String() string {
	if int(t) < len(frameNames) {
		return frameNames[t]
	}
	return fmt.Sprintf("frame %#x", uint8(t))
}

// helloFrame is HELLO's payload: what the application says, and the credit that streams opened by the receiver start with.
type helloFrame struct {
	Hello
	credit uint32
}

func appendHello(b []byte, f helloFrame) []byte {
	b = appendHeader(b, header{kind: frameHello, length: helloSize + len(f.Instance)})
	b = binary.BigEndian.AppendUint32(b, helloMagic)
	b = binary.BigEndian.AppendUint16(b, f.Version)
	b = binary.BigEndian.AppendUint16(b, f.Minor)
	b = binary.BigEndian.AppendUint64(b, f.Capabilities)
	b = binary.BigEndian.AppendUint32(b, f.credit)
	b = append(b, byte(len(f.Instance)))
	return append(b, f.Instance...)
}

// decodeHello reads HELLO. Bytes after the instance id belong to later minor versions.
func decodeHello(p []byte) (helloFrame, error) {
	var f helloFrame
	if len(p) < helloSize {
		return f, broken(CodeProtocol, "HELLO of %d bytes", len(p))
	}
	if binary.BigEndian.Uint32(p) != helloMagic {
		return f, broken(CodeProtocol, "HELLO of another protocol")
	}
	f.Version = binary.BigEndian.Uint16(p[4:])
	f.Minor = binary.BigEndian.Uint16(p[6:])
	f.Capabilities = binary.BigEndian.Uint64(p[8:])
	f.credit = binary.BigEndian.Uint32(p[16:])
	n := int(p[20])
	if f.Version != Version {
		return f, broken(CodeVersion, "peer speaks version %d, we speak %d", f.Version, Version)
	}
	if n > maxInstance || len(p) < helloSize+n {
		return f, broken(CodeProtocol, "HELLO with an instance id of %d bytes", n)
	}
	f.Instance = string(p[helloSize : helloSize+n])
	return f, nil
}

// openFrame is OPEN's payload.
type openFrame struct {
	assumed uint32 // credit that the opener starts with, from the acceptor's HELLO or WINDOW on id 0
	granted uint32 // credit that the opener gives the acceptor
	message []byte
}

func appendOpen(b []byte, id uint32, f openFrame) []byte {
	b = appendHeader(b, header{kind: frameOpen, length: openPrefix + len(f.message), id: id})
	b = binary.BigEndian.AppendUint32(b, f.assumed)
	b = binary.BigEndian.AppendUint32(b, f.granted)
	return append(b, f.message...)
}

func decodeOpen(p []byte) (openFrame, error) {
	if len(p) < openPrefix {
		return openFrame{}, broken(CodeProtocol, "OPEN of %d bytes", len(p))
	}
	return openFrame{binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:]), p[openPrefix:]}, nil
}

func appendOpened(b []byte, id uint32, message []byte) []byte {
	b = appendHeader(b, header{kind: frameOpened, length: len(message), id: id})
	return append(b, message...)
}

func appendData(b []byte, id uint32, p []byte) []byte {
	b = appendHeader(b, header{kind: frameData, length: len(p), id: id})
	return append(b, p...)
}

func appendWindow(b []byte, id uint32, offset uint64) []byte {
	b = appendHeader(b, header{kind: frameWindow, length: 8, id: id})
	return binary.BigEndian.AppendUint64(b, offset)
}

func decodeWindow(p []byte) (uint64, error) {
	if len(p) != 8 {
		return 0, broken(CodeProtocol, "WINDOW of %d bytes", len(p))
	}
	offset := binary.BigEndian.Uint64(p)
	if offset > maxOffset {
		return 0, broken(CodeFlowControl, "WINDOW of offset %d", offset)
	}
	return offset, nil
}

func appendFin(b []byte, id uint32) []byte {
	return appendHeader(b, header{kind: frameFin, id: id})
}

func appendReset(b []byte, id uint32, code Code, message []byte) []byte {
	b = appendHeader(b, header{kind: frameReset, length: resetPrefix + len(message), id: id})
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	return append(b, message...)
}

// decodeReset reads RESET. Codes that only this side can find out count as cancelled.
func decodeReset(p []byte) (Code, []byte, error) {
	if len(p) < resetPrefix {
		return 0, nil, broken(CodeProtocol, "RESET of %d bytes", len(p))
	}
	code := Code(binary.BigEndian.Uint16(p))
	if code == 0 || code == CodeConnectionLost {
		code = CodeCancelled
	}
	return code, p[resetPrefix:], nil
}

func appendDatagram(b []byte, id uint32, p []byte) []byte {
	b = appendHeader(b, header{kind: frameDatagram, length: len(p), id: id})
	return append(b, p...)
}

func appendPing(b []byte, flags uint8, token uint64) []byte {
	b = appendHeader(b, header{kind: framePing, flags: flags, length: 8})
	return binary.BigEndian.AppendUint64(b, token)
}

func appendGoaway(b []byte, flags uint8, code Code, reason string) []byte {
	reason = reason[:min(len(reason), maxReason)]
	b = appendHeader(b, header{kind: frameGoaway, flags: flags, length: resetPrefix + len(reason)})
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	return append(b, reason...)
}

// decodeGoaway reads GOAWAY. The reason ends up in logs: what is not printable text is replaced.
func decodeGoaway(p []byte) (Code, string, error) {
	if len(p) < resetPrefix {
		return 0, "", broken(CodeProtocol, "GOAWAY of %d bytes", len(p))
	}
	clean := func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}
	return Code(binary.BigEndian.Uint16(p)), strings.Map(clean, string(p[resetPrefix:])), nil
}
