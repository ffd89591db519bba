package http2

import (
	"encoding/binary"
	"time"
)

// settings takes what the client says (RFC 9113 section 6.5).
func (c *conn) settings(h header, payload []byte) error {
	switch {
	case h.id != 0:
		return errStreamZero
	case h.has(flagAck) && h.length == 0:
		return c.spend(priceSetting, "settings-flood")
	case h.has(flagAck) || h.length%settingSize != 0:
		return errFrameSize
	}
	if c.greeted.Load() {
		if err := c.spend(priceSetting*(1+h.length/settingSize), "settings-flood"); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.greeted.Swap(true) {
		c.lookAfter(time.Now(), min(c.limits.Idle, c.limits.Silence))
	}
	for ; len(payload) > 0; payload = payload[settingSize:] {
		value := binary.BigEndian.Uint32(payload[2:])
		if err := c.setting(binary.BigEndian.Uint16(payload), value); err != nil {
			return err
		}
	}
	return c.answer(appendSettingsAck)
}

func (c *conn) setting(id uint16, value uint32) error {
	switch id {
	case settingPush, settingConnect, settingNoPriority:
		if value > 1 {
			return errSetting
		}
	case settingFrame: // we need no larger frames
		if value < maxFrame || value > 1<<24-1 {
			return errSetting
		}
	case settingWindow:
		if value > maxWindow {
			return errWindow
		}
		return c.firstWindow(int(value))
	}
	// SETTINGS_HEADER_TABLE_SIZE: we use no table. SETTINGS_MAX_HEADER_LIST_SIZE is advice, and a response cannot be
	// made smaller.
	return nil
}

// firstWindow changes what every stream may send (RFC 9113 section 6.9.2). c.mu is held.
func (c *conn) firstWindow(n int) error {
	by := n - c.first
	c.first = n
	for _, st := range c.streams {
		if st.window+by > maxWindow {
			return errWindow
		}
		if st.window += by; st.window > 0 {
			st.cond.Broadcast()
		}
	}
	return nil
}

// windowUpdate lets streams send more (RFC 9113 section 6.9).
func (c *conn) windowUpdate(h header, payload []byte) error {
	if h.length != 4 {
		return errFrameSize
	}
	if err := c.spend(priceFrame, "window-update-flood"); err != nil {
		return err
	}
	more := int(binary.BigEndian.Uint32(payload) & maxStreamID)
	if h.id == 0 {
		if more == 0 {
			return errNoIncrement
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.window+more > maxWindow {
			return errWindow
		}
		c.window += more
		c.grant()
		return nil
	}
	if c.idle(h.id) {
		return errIdle
	}
	c.mu.Lock()
	st := c.streams[h.id]
	switch {
	case st == nil:
		c.mu.Unlock()
		return nil
	case more == 0:
		c.mu.Unlock()
		return c.streamError(h.id, ProtocolError, "window-zero")
	case st.window+more > maxWindow:
		c.mu.Unlock()
		return c.streamError(h.id, FlowControlError, "window")
	}
	if st.window += more; st.window > 0 {
		st.cond.Broadcast()
	}
	c.mu.Unlock()
	return nil
}

// idle reports whether a stream was not opened yet (RFC 9113 section 5.1). We open none.
func (c *conn) idle(id uint32) bool { return id > c.lastID || id%2 == 0 }

// resetByClient ends a stream (RFC 9113 section 6.4).
func (c *conn) resetByClient(h header, payload []byte) error {
	switch {
	case h.length != 4:
		return errFrameSize
	case h.id == 0:
		return errStreamZero
	case c.idle(h.id):
		return errIdle
	}
	c.mu.Lock()
	st := c.streams[h.id]
	if st == nil {
		c.mu.Unlock()
		return c.spend(priceFrame, "reset-flood")
	}
	price := priceReset
	if st.phase != phaseNone { // it was answered, at least in part
		price = priceRefused
	}
	err := &ResetError{Code: Code(binary.BigEndian.Uint32(payload)), Remote: true}
	gone := st.lose(err)
	c.mu.Unlock()
	if gone != nil {
		gone(err)
	}
	return c.spend(price, "rapid-reset")
}

// ping answers (RFC 9113 section 6.7).
func (c *conn) ping(h header, payload []byte) error {
	switch {
	case h.length != 8:
		return errFrameSize
	case h.id != 0:
		return errStreamZero
	}
	if err := c.spend(priceFrame, "ping-flood"); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.has(flagAck) {
		if c.pinged.Swap(0) != 0 {
			c.lookAfter(time.Now(), c.limits.Silence)
		}
		if c.leaving == warned && string(payload) == leavePing {
			c.settle()
		}
		return nil
	}
	return c.answer(func(b []byte) []byte { return appendPing(b, flagAck, payload) })
}

// priority looks at what nobody uses any more (RFC 9113 section 5.3.2, RFC 9218 section 7.1).
func (c *conn) priority(h header, payload []byte) error {
	if h.kind == framePriorityUpdate {
		if h.id != 0 || h.length < 4 {
			return errSelfPriority
		}
		return c.spend(priceFrame, "priority-flood")
	}
	if h.id == 0 {
		return errSelfPriority
	}
	if err := c.spend(priceFrame, "priority-flood"); err != nil {
		return err
	}
	switch {
	case h.length != prioritySize:
		return c.streamError(h.id, FrameSizeError, "frame-size")
	case binary.BigEndian.Uint32(payload)&maxStreamID == h.id:
		return c.streamError(h.id, ProtocolError, "priority")
	}
	return nil
}

// goAway: the client opens nothing any more that it wants answered by another connection. It says so and goes on.
func (c *conn) goAway(h header, payload []byte) error {
	switch {
	case h.id != 0:
		return errStreamZero
	case h.length < 8:
		return errFrameSize
	}
	if err := c.spend(priceSetting, "goaway-flood"); err != nil {
		return err
	}
	if Code(binary.BigEndian.Uint32(payload[4:])) != NoError {
		return nil // it will hang up
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leave()
	return nil
}

// streamError ends a stream for what the client did with it. It costs the client as much as ending it itself would
// (MadeYouReset, CVE-2025-8671).
func (c *conn) streamError(id uint32, code Code, reason string) error {
	if c.idle(id) { // PRIORITY may be about any stream
		return wrong(code, reason, "a frame about a stream that was not opened is wrong")
	}
	c.server.refused(reason)
	c.mu.Lock()
	err := &ResetError{Code: code}
	var gone func(error)
	if st := c.streams[id]; st != nil {
		gone = st.lose(err)
	}
	c.graves.add(id)
	answer := c.answer(func(b []byte) []byte { return appendReset(b, id, code) })
	c.mu.Unlock()
	if gone != nil {
		gone(err)
	}
	if answer != nil {
		return answer
	}
	return c.spend(priceReset, "made-reset")
}
