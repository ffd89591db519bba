package backend

import (
	"errors"
	"io"
	"time"

	"golang.org/x/net/http2"
)

// read takes in what the backend sends, until the connection is over. It never waits for anybody but the backend.
func (c *Conn) read() {
	defer c.ended()
	err := c.greeting()
	for err == nil {
		err = c.frame()
	}
	c.mu.Lock()
	defer c.unlock()
	code := http2.ErrCodeNo
	if broken, ok := errors.AsType[*protocolError](err); ok {
		code = broken.code
	}
	c.farewell(code, unexpected(err))
}

// greeting looks at the first bytes, which tell HTTP/1 by its own words.
func (c *Conn) greeting() error {
	head, err := c.in.Peek(frameHeader)
	switch {
	case err != nil:
		return err
	case string(head[:5]) == "HTTP/":
		return &PrefaceError{Why: "it answers HTTP/1"}
	case http2.FrameType(head[3]) != http2.FrameSettings || head[4]&byte(http2.FlagSettingsAck) != 0:
		return &PrefaceError{Why: "it begins with something else than its settings"}
	}
	return nil
}

func (c *Conn) frame() error {
	f, err := c.framer.ReadFrame()
	c.mu.Lock()
	defer c.unlock()
	if c.err != nil {
		return c.err
	}
	if err != nil {
		return c.unreadable(err)
	}
	c.probe.heard = time.Now()
	return c.handle(f)
}

// unreadable says what an error of reading a frame means: for a stream alone, or for all.
func (c *Conn) unreadable(err error) error {
	if bad, ok := errors.AsType[http2.StreamError](err); ok {
		why := "it is malformed"
		if bad.Cause != nil {
			why = bad.Cause.Error()
		}
		return c.malformed(bad.StreamID, bad.Code, why)
	}
	if bad, ok := errors.AsType[http2.ConnectionError](err); ok {
		return broken(http2.ErrCode(bad), "a frame is malformed")
	}
	if errors.Is(err, http2.ErrFrameTooLarge) {
		return broken(http2.ErrCodeFrameSize, "a frame is too large")
	}
	return err
}

// malformed resets a stream whose response breaks the rules.
func (c *Conn) malformed(id uint32, code http2.ErrCode, why string) error {
	s, err := c.stream(id)
	if s != nil {
		s.fail(&ResetError{Code: code, Why: "the response breaks HTTP/2: " + why})
		s.reset(code)
	}
	return err
}

// stream gives an open stream; nil and no error for one that has ended, of which frames may still be under way.
func (c *Conn) stream(id uint32) (*Stream, error) {
	if s, ok := c.streams[id]; ok {
		return s, nil
	}
	if id == 0 || id%2 == 0 || id >= c.next {
		return nil, broken(http2.ErrCodeProtocol, "a frame is of a stream that was never opened")
	}
	return nil, nil
}

func (c *Conn) handle(f http2.Frame) error {
	switch f := f.(type) {
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.MetaHeadersFrame:
		c.probe.may = true
		return c.head(f)
	case *http2.DataFrame:
		c.probe.may = true
		return c.data(f)
	case *http2.WindowUpdateFrame:
		return c.update(f)
	case *http2.RSTStreamFrame:
		return c.wasReset(f)
	case *http2.PingFrame:
		return c.pinged(f)
	case *http2.GoAwayFrame:
		return c.goAway(f)
	case *http2.PushPromiseFrame:
		return broken(http2.ErrCodeProtocol, "it pushes, which was switched off")
	}
	return nil // an unknown one is to be ignored (RFC 9113, section 5.5), as is PRIORITY
}

func (c *Conn) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if err := f.ForeachSetting(c.setting); err != nil {
		return err
	}
	c.out = appendFrame(c.out, http2.FrameSettings, 0, frameOf{flags: http2.FlagSettingsAck})
	if !c.peer.seen {
		c.peer.seen = true
		close(c.ready)
	}
	c.changed = true
	c.roomy()
	return c.owe(frameHeader)
}

func (c *Conn) setting(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		return broken(http2.ErrCodeProtocol, "a setting is out of its range")
	}
	switch s.ID {
	case http2.SettingMaxConcurrentStreams:
		c.peer.streams = s.Val
	case http2.SettingInitialWindowSize:
		delta := int64(s.Val) - c.peer.window
		c.peer.window = int64(s.Val)
		for _, open := range c.streams {
			if open.window += delta; open.window > maxWindow {
				return broken(http2.ErrCodeFlowControl, "a window is too large")
			}
		}
	case http2.SettingMaxFrameSize:
		c.peer.frame = min(int(s.Val), maxFrame)
	case http2.SettingMaxHeaderListSize:
		c.peer.header = s.Val
	case http2.SettingEnableConnectProtocol:
		c.peer.extended = s.Val == 1
	}
	return nil
}

// data takes a part of a response's body. The connection's window is given back at once; the stream's, when somebody has read it.
func (c *Conn) data(f *http2.DataFrame) error {
	n := f.Header().Length
	if c.received += n; c.received >= 1<<20 {
		c.out = appendWindow(c.out, 0, c.received)
		c.wake.Signal()
		c.received = 0
	}
	s, err := c.stream(f.StreamID)
	if s == nil {
		return err
	}
	payload := f.Data()
	padding := int(n) - len(payload)
	switch {
	case s.over:
		return c.malformed(s.id, http2.ErrCodeStreamClosed, "the response goes on after its end")
	case !s.answered:
		return c.malformed(s.id, http2.ErrCodeProtocol, "a body comes before its head")
	case s.unread+int(n) > s.size:
		return c.malformed(s.id, http2.ErrCodeFlowControl, "it sends more than its window")
	case s.left >= 0 && int64(len(payload)) > s.left:
		return c.malformed(s.id, http2.ErrCodeProtocol, "the body is longer than was announced")
	}
	if s.left >= 0 {
		s.left -= int64(len(payload))
	}
	s.unread += int(n)
	s.total += int(n)
	s.body.write(payload)
	if padding > 0 { // nobody will read it
		s.consumed(padding)
	}
	if f.StreamEnded() {
		return s.finish()
	}
	s.cond.Broadcast()
	return nil
}

// finish takes the end of a response.
func (s *Stream) finish() error {
	if s.left > 0 {
		return s.c.malformed(s.id, http2.ErrCodeProtocol, "the body is shorter than was announced")
	}
	s.over = true
	s.settle()
	s.cond.Broadcast()
	return nil
}

func (c *Conn) update(f *http2.WindowUpdateFrame) error {
	if f.StreamID == 0 {
		if c.window += int64(f.Increment); c.window > maxWindow {
			return broken(http2.ErrCodeFlowControl, "the connection's window is too large")
		}
		c.roomy()
		return nil
	}
	s, err := c.stream(f.StreamID)
	if s == nil {
		return err
	}
	if s.window += int64(f.Increment); s.window > maxWindow {
		return c.malformed(s.id, http2.ErrCodeFlowControl, "the window is too large")
	}
	if s.waiting {
		s.cond.Broadcast()
	}
	return nil
}

func (c *Conn) wasReset(f *http2.RSTStreamFrame) error {
	s, err := c.stream(f.StreamID)
	if s == nil {
		return err
	}
	if s.over { // it has answered, and wants no more of the request (RFC 9113, section 8.1)
		s.stopped = true
	} else {
		s.fail(&ResetError{Code: f.ErrCode, Remote: true, Unprocessed: f.ErrCode == http2.ErrCodeRefusedStream && !s.answered && s.interim == 0})
	}
	c.remove(s)
	s.cond.Broadcast()
	return nil
}

func (c *Conn) pinged(f *http2.PingFrame) error {
	if f.IsAck() {
		if !c.probe.sent.IsZero() && string(f.Data[:]) == "postern1" {
			c.ponged()
		}
		return nil
	}
	c.out = append(appendFrame(c.out, http2.FramePing, 0, frameOf{8, http2.FlagPingAck}), f.Data[:]...)
	return c.owe(frameHeader + 8)
}

// goAway takes the backend's word that it closes: what it has not looked at may go elsewhere, the rest finishes.
func (c *Conn) goAway(f *http2.GoAwayFrame) error {
	c.away, c.changed = true, true
	for id, s := range c.streams {
		if id > f.LastStreamID {
			s.fail(&ResetError{Code: f.ErrCode, Remote: true, Unprocessed: true, Why: errGoAway.Error()})
			c.remove(s)
		}
	}
	if len(c.streams) == 0 {
		return io.EOF
	}
	return nil
}
