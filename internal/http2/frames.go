package http2

import "encoding/binary"

// Types of frames (RFC 9113 section 6, RFC 9218 section 7.1).
const (
	frameData           = 0x0
	frameHeaders        = 0x1
	framePriority       = 0x2
	frameReset          = 0x3
	frameSettings       = 0x4
	framePush           = 0x5
	framePing           = 0x6
	frameGoAway         = 0x7
	frameWindowUpdate   = 0x8
	frameContinuation   = 0x9
	framePriorityUpdate = 0x10
)

const (
	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

const (
	settingTableSize  = 0x1
	settingPush       = 0x2
	settingStreams    = 0x3
	settingWindow     = 0x4
	settingFrame      = 0x5
	settingHeaderList = 0x6
	settingConnect    = 0x8 // RFC 8441
	settingNoPriority = 0x9 // RFC 9218
	settingSize       = 6
	prioritySize      = 5
	maxStreamID       = 1<<31 - 1
	maxGoAwayText     = 200
)

// A header is that of a frame.
type header struct {
	length int
	kind   byte
	flags  byte
	id     uint32
}

func (h header) has(flag byte) bool { return h.flags&flag != 0 }

func readHeader(b []byte) header {
	return header{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:   b[3],
		flags:  b[4],
		id:     binary.BigEndian.Uint32(b[5:]) & maxStreamID,
	}
}

func appendHeader(b []byte, h header) []byte {
	b = append(b, byte(h.length>>16), byte(h.length>>8), byte(h.length), h.kind, h.flags)
	return binary.BigEndian.AppendUint32(b, h.id)
}

func appendSettings(b []byte, l *Limits) []byte {
	b = appendHeader(b, header{length: 4 * settingSize, kind: frameSettings})
	for _, s := range []struct {
		id    uint16
		value int
	}{{settingStreams, l.Streams}, {settingHeaderList, l.Head}, {settingConnect, 1}, {settingNoPriority, 1}} {
		b = binary.BigEndian.AppendUint16(b, s.id)
		b = binary.BigEndian.AppendUint32(b, uint32(s.value))
	}
	return b
}

func appendSettingsAck(b []byte) []byte {
	return appendHeader(b, header{kind: frameSettings, flags: flagAck})
}

func appendPing(b []byte, flags byte, payload []byte) []byte {
	return append(appendHeader(b, header{length: 8, kind: framePing, flags: flags}), payload...)
}

func appendWindowUpdate(b []byte, id uint32, more int) []byte {
	return binary.BigEndian.AppendUint32(appendHeader(b, header{length: 4, kind: frameWindowUpdate, id: id}), uint32(more))
}

func appendReset(b []byte, id uint32, code Code) []byte {
	return binary.BigEndian.AppendUint32(appendHeader(b, header{length: 4, kind: frameReset, id: id}), uint32(code))
}

func appendGoAway(b []byte, last uint32, code Code, text string) []byte {
	text = text[:min(len(text), maxGoAwayText)]
	b = appendHeader(b, header{length: 8 + len(text), kind: frameGoAway})
	b = binary.BigEndian.AppendUint32(b, last)
	return append(binary.BigEndian.AppendUint32(b, uint32(code)), text...)
}

// wrong makes the errors of a connection's rules. They are made once: refusing costs nothing.
func wrong(code Code, reason, text string) *ConnError { return &ConnError{code, reason, text} }

var (
	errFrameSize    = wrong(FrameSizeError, "frame-size", "a frame is larger than SETTINGS_MAX_FRAME_SIZE, or has no size that its type has (RFC 9113 section 4.2)")
	errFirstFrame   = wrong(ProtocolError, "first-frame", "the first frame is not SETTINGS (RFC 9113 section 3.4)")
	errContinuation = wrong(ProtocolError, "continuation", "a header block is interrupted, or CONTINUATION continues none (RFC 9113 section 6.10)")
	errStreamZero   = wrong(ProtocolError, "stream-zero", "a frame has no stream and needs one, or has one and needs none (RFC 9113 section 6)")
	errPush         = wrong(ProtocolError, "push", "clients do not push (RFC 9113 section 8.4)")
	errPadding      = wrong(ProtocolError, "padding", "there is more padding than frame (RFC 9113 section 6.1)")
	errIdle         = wrong(ProtocolError, "idle-stream", "a frame is about a stream that was not opened (RFC 9113 section 5.1)")
	errID           = wrong(ProtocolError, "stream-id", "a new stream's number is even or not larger than the last (RFC 9113 section 5.1.1)")
	errReused       = wrong(StreamClosed, "stream-closed", "a stream that is over is opened again (RFC 9113 section 5.1)")
	errSetting      = wrong(ProtocolError, "setting", "a setting has a value that it cannot have (RFC 9113 section 6.5.2)")
	errWindow       = wrong(FlowControlError, "window", "a window is larger than a window can be (RFC 9113 section 6.9.1)")
	errNoIncrement  = wrong(ProtocolError, "window-zero", "WINDOW_UPDATE adds nothing (RFC 9113 section 6.9)")
	errOverrun      = wrong(FlowControlError, "window-overrun", "there is more content than the connection's window allows (RFC 9113 section 6.9.1)")
	errSelfPriority = wrong(ProtocolError, "priority", "a stream depends on itself, or a priority has no stream (RFC 9113 section 5.3)")
	errBlock        = wrong(EnhanceYourCalm, "header-block", "a header block is too large")
	errUnread       = wrong(EnhanceYourCalm, "answers-unread", "the answers to frames are not read")
	errNoPreface    = wrong(SettingsTimeout, "preface-timeout", "the client's preface and settings did not come in time")
	errSlowFrame    = wrong(ProtocolError, "frame-timeout", "a frame or a header block did not come to its end in time")
	errSilent       = wrong(NoError, "silent", "the client does not answer pings")
)

// frame reads and handles the next frame.
func (c *conn) frame() error {
	if c.opening.id == 0 && c.in.begun.Load() != 0 {
		c.in.begun.Store(0)
	}
	c.in.between = true
	if err := c.in.need(headerSize); err != nil {
		return c.readError(err)
	}
	c.in.between = false
	h := readHeader(c.in.buf[c.in.start:])
	c.in.start += headerSize
	switch {
	case h.length > maxFrame:
		return errFrameSize
	case c.opening.id != 0 && (h.kind != frameContinuation || h.id != c.opening.id):
		return errContinuation
	case !c.greeted.Load() && (h.kind != frameSettings || h.has(flagAck)):
		return errFirstFrame
	case h.kind == frameData:
		return c.data(h)
	}
	if err := c.in.need(h.length); err != nil {
		return c.readError(err)
	}
	payload := c.in.buf[c.in.start : c.in.start+h.length]
	c.in.start += h.length
	return c.control(h, payload)
}

// control handles every frame but DATA.
func (c *conn) control(h header, payload []byte) error {
	switch h.kind {
	case frameHeaders:
		return c.headers(h, payload)
	case frameContinuation:
		return c.continuation(h, payload)
	case frameSettings:
		return c.settings(h, payload)
	case frameWindowUpdate:
		return c.windowUpdate(h, payload)
	case frameReset:
		return c.resetByClient(h, payload)
	case framePing:
		return c.ping(h, payload)
	case framePriority, framePriorityUpdate:
		return c.priority(h, payload)
	case frameGoAway:
		return c.goAway(h, payload)
	case framePush:
		return errPush
	}
	return c.spend(priceFrame, "unknown-frame-flood") // RFC 9113 section 5.5
}

// readError is why nothing more can be read: what somebody else found, or else what the connection says.
func (c *conn) readError(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.doom != nil {
		return c.doom
	}
	return err
}
