package backend

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	frameHeader = 9
	maxFrame    = 16 << 10  // of what we send and accept
	maxPending  = 64 << 10  // bytes that wait for the writer, past which no body is added
	maxQueued   = 256 << 10 // the same for heads
	maxWindow   = 1<<31 - 1
	readBuffer  = 4 << 10
	lastWords   = time.Second // for the farewell of a connection
)

// A Conn is one connection to a backend. Its methods may be called from any goroutine.
type Conn struct {
	conn   net.Conn
	cfg    Config
	in     *bufio.Reader
	framer *http2.Framer // reads only
	ready  chan struct{} // closed by the first settings
	done   chan struct{} // closed when both goroutines have ended

	running atomic.Int32 // goroutines

	mu       sync.Mutex // guards the fields below, and those of the streams; never held over I/O
	wake     sync.Cond  // of the writer
	out      []byte     // frames that wait for the writer
	control  int        // bytes of them that the backend asked for
	block    []byte     // of a head, while it is written
	streams  map[uint32]*Stream
	next     uint32 // id of the next stream
	window   int64  // that bodies of all streams may fill
	blocked  int    // streams that wait to send
	peer     peerSettings
	received uint32 // bytes of bodies since the last update of the connection's window
	away     bool   // takes no new requests
	err      error  // why it is over
	changed  bool   // Changed is to be called
	probe    probe
}

// peerSettings is what the backend told of itself.
type peerSettings struct {
	seen     bool
	streams  uint32
	window   int64
	frame    int
	header   uint32 // largest header list; 0: not said
	extended bool   // extended CONNECT (RFC 8441)
}

// Dial begins HTTP/2 on a connection and waits for the backend's settings: who does not speak HTTP/2 is found out before there is a
// request. The connection is closed if that does not work.
func Dial(ctx context.Context, conn net.Conn, cfg Config) (*Conn, error) {
	cfg.Limits = cfg.Limits.withDefaults()
	c := &Conn{
		conn: conn, cfg: cfg, ready: make(chan struct{}), done: make(chan struct{}), streams: map[uint32]*Stream{}, next: 1, window: 65535,
		peer: peerSettings{streams: 100, window: 65535, frame: maxFrame},
	}
	c.wake.L = &c.mu
	c.in = bufio.NewReaderSize(conn, readBuffer)
	c.framer = http2.NewFramer(io.Discard, c.in)
	c.framer.SetMaxReadFrameSize(maxFrame)
	c.framer.SetReuseFrames()
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.MaxHeaderListSize = uint32(cfg.Limits.HeaderBytes)
	c.probe.heard, c.probe.may = time.Now(), true
	c.out = c.preface()
	c.running.Store(2)
	go c.read()
	go c.write()
	select {
	case <-c.ready:
		return c, nil
	case <-c.done:
	case <-ctx.Done():
		c.end(context.Cause(ctx))
		<-c.done
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return nil, c.err
}

// preface is what a client begins with. The connection's own window is as large as can be: those of the streams bound what waits.
func (c *Conn) preface() []byte {
	b := append([]byte(nil), http2.ClientPreface...)
	settings := []http2.Setting{
		{ID: http2.SettingEnablePush, Val: 0},
		{ID: http2.SettingInitialWindowSize, Val: uint32(c.cfg.Limits.Window)},
		{ID: http2.SettingMaxHeaderListSize, Val: uint32(c.cfg.Limits.HeaderBytes)},
	}
	b = appendFrame(b, http2.FrameSettings, 0, frameOf{length: 6 * len(settings)})
	for _, s := range settings {
		b = binary.BigEndian.AppendUint16(b, uint16(s.ID))
		b = binary.BigEndian.AppendUint32(b, s.Val)
	}
	return appendWindow(b, 0, maxWindow-65535)
}

// Usable reports whether the connection takes a request now.
func (c *Conn) Usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.usable()
}

func (c *Conn) usable() bool {
	most := min(uint32(c.cfg.Limits.Streams), c.peer.streams)
	return c.err == nil && !c.away && c.next <= maxWindow && uint32(len(c.streams)+c.probe.doubtful) < most && len(c.out) < maxQueued
}

// Gone reports whether the connection will never take a request again.
func (c *Conn) Gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone()
}

func (c *Conn) gone() bool { return c.err != nil || c.away || c.next > maxWindow }

// Active tells how many streams are open.
func (c *Conn) Active() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams)
}

// Retire takes the connection out of use: streams that are open finish, then it closes.
func (c *Conn) Retire() {
	c.mu.Lock()
	defer c.unlock()
	c.retire()
}

func (c *Conn) retire() {
	if !c.away {
		c.away, c.changed = true, true
	}
	if len(c.streams) == 0 {
		c.farewell(http2.ErrCodeNo, errClosed)
	}
}

// Close ends the connection and its streams at once.
func (c *Conn) Close() { c.end(errClosed) }

func (c *Conn) end(err error) {
	c.mu.Lock()
	defer c.unlock()
	c.farewell(http2.ErrCodeNo, err)
}

// ended counts the goroutines out.
func (c *Conn) ended() {
	if c.running.Add(-1) == 0 {
		close(c.done)
	}
}

// Done is closed when the connection has ended and nothing of it runs any more.
func (c *Conn) Done() <-chan struct{} { return c.done }

// unlock lets go of the lock and tells of what changed.
func (c *Conn) unlock() {
	changed := c.changed
	c.changed = false
	c.mu.Unlock()
	if changed && c.cfg.Changed != nil {
		c.cfg.Changed()
	}
}

// farewell says GOAWAY and ends the connection.
func (c *Conn) farewell(code http2.ErrCode, err error) {
	if c.err != nil {
		return
	}
	c.out = appendFrame(c.out, http2.FrameGoAway, 0, frameOf{length: 8})
	c.out = binary.BigEndian.AppendUint32(c.out, 0)
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(code))
	c.fail(err)
}

// fail ends the connection and all its streams.
func (c *Conn) fail(err error) {
	if c.err != nil {
		return
	}
	if !c.peer.seen {
		err = prefaceError(err)
	}
	c.err, c.changed = err, true
	for _, s := range c.streams {
		s.fail(&ConnError{err})
	}
	if c.probe.timer != nil {
		c.probe.timer.Stop()
	}
	// Whatever the writer is doing ends soon; it closes the connection. An error means that this is closed already.
	_ = c.conn.SetWriteDeadline(time.Now().Add(lastWords))
	c.wake.Broadcast()
}

func prefaceError(err error) error {
	if p, ok := errors.AsType[*PrefaceError](err); ok {
		return p
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &PrefaceError{"it does not answer", err}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &PrefaceError{"it hung up", err}
	}
	if broken, ok := errors.AsType[*protocolError](err); ok {
		return &PrefaceError{broken.why, err}
	}
	return err
}

// probe watches whether the backend lives.
//
// Servers of gRPC count pings and end connections that ping without cause: so there is never a second one without an answer of the
// backend's own, headers or data, in between.
type probe struct {
	heard    time.Time // when the last frame came
	may      bool      // ping
	sent     time.Time // the ping that is not answered; zero: none
	doubtful int       // streams that were reset, while it is not known whether the backend noticed: they hold a place
	counted  int       // of them when the ping was sent
	timer    *time.Timer
	running  bool
}

// watch begins to look for silence, while streams are open.
func (c *Conn) watch() {
	p := &c.probe
	if p.running {
		return
	}
	p.running = true
	if p.timer == nil {
		p.timer = time.AfterFunc(c.cfg.Limits.Silence, c.look)
	} else {
		p.timer.Reset(c.cfg.Limits.Silence)
	}
}

func (c *Conn) look() {
	c.mu.Lock()
	defer c.unlock()
	p, l := &c.probe, c.cfg.Limits
	if c.err != nil || len(c.streams) == 0 && p.sent.IsZero() {
		p.running = false
		return
	}
	silent := time.Since(p.heard)
	switch {
	case !p.sent.IsZero() && p.heard.Before(p.sent) && time.Since(p.sent) >= l.Answer:
		c.farewell(http2.ErrCodeNo, errSilent)
		return
	case !p.sent.IsZero() && time.Since(p.sent) >= l.Answer: // it lives, and answers no ping
		c.ponged()
		p.timer.Reset(l.Silence)
		return
	case !p.sent.IsZero():
		p.timer.Reset(max(l.Answer-time.Since(p.sent), l.Answer/8))
		return
	case silent >= l.Silence && p.may:
		c.ping()
		p.timer.Reset(l.Answer)
		return
	case silent >= l.Silence: // it answered a ping in this silence
		p.timer.Reset(l.Silence)
		return
	}
	p.timer.Reset(l.Silence - silent)
}

func (c *Conn) ping() {
	p := &c.probe
	p.sent, p.may, p.counted = time.Now(), false, p.doubtful
	c.out = appendFrame(c.out, http2.FramePing, 0, frameOf{length: 8})
	c.out = append(c.out, "postern1"...)
	c.wake.Signal()
	c.watch()
}

// ponged takes the answer to our ping: what was sent before it has been noticed.
func (c *Conn) ponged() {
	p := &c.probe
	p.doubtful -= p.counted
	p.sent, p.counted, c.changed = time.Time{}, 0, true
	switch {
	case p.doubtful > 0 && p.may:
		c.ping()
	default:
		p.doubtful = 0
	}
	if c.away && len(c.streams) == 0 {
		c.farewell(http2.ErrCodeNo, errClosed)
	}
}
