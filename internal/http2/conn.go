package http2

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/field"
)

// A conn is one connection. Its reader, the goroutine of Serve, reads and handles frames; streams write through sender.
type conn struct {
	server *Server
	limits *Limits
	net    net.Conn
	in     input

	// Of the reader alone.
	decoder decoder
	head    *arena
	block   []byte // of a header block in several frames
	opening header // whose block it is; id 0: none
	selfish bool   // the head says that its stream depends on itself
	lastID  uint32 // of the client's streams
	work    budget

	handlers sync.WaitGroup
	watch    *time.Timer  // calls look
	looks    atomic.Int64 // when
	greeted  atomic.Bool  // the client's first settings came
	pinged   atomic.Int64 // when the ping left that was not answered, 0 if none

	mu       sync.Mutex // guards the fields below and the streams; never held over I/O
	streams  map[uint32]*Stream
	running  int       // handlers that have not returned
	ready    []*Stream // not yet handled
	window   int       // how many bytes the client takes on the connection
	first    int       // what a new stream's window is for us
	credit   int       // how many more bytes of content the client may send on the connection
	graves   graves    // streams that we reset: what is on its way for them is not the client's fault
	unsaid   int       // bytes that were read and for which the client got no credit yet
	granted  int       // sum of the receive windows of streams
	opened   uint32    // lastID, for others than the reader
	leaving  leaving
	final    uint32 // once settled: the last stream that is handled
	since    time.Time
	settles  *time.Timer // the second step of leaving, if the client does not take it
	lastDone time.Time   // when a handler returned last
	doom     error       // why the reader is to end the connection
	err      error       // the connection is over
	sender
}

// leaving is how far a graceful end has come.
type leaving int

const (
	staying leaving = iota
	warned          // the client knows that we leave, and may have opened streams before it knew
	settled         // which streams are handled is said
)

func (s *Server) newConn(c net.Conn) *conn {
	k := &conn{server: s, limits: &s.limits, net: c, streams: map[uint32]*Stream{}, window: firstWindow, first: firstWindow}
	k.in.conn, k.in.before, k.in.slow = c, k.rest, k.slow
	k.in.last.Store(time.Now().UnixNano())
	k.decoder.table.most = tableSize
	k.credit = s.limits.ConnWindow + windowSlack
	k.work = newBudget(s.limits.Work)
	k.gather(c)
	k.put(func(b []byte) []byte { // before anybody says anything else
		return appendWindowUpdate(appendSettings(b, k.limits), 0, k.credit-firstWindow)
	})
	return k
}

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

var errPreface = &ConnError{ProtocolError, "preface", "the client does not begin with the preface of HTTP/2 (RFC 9113 section 3.4)"}

// run serves the connection to its end. nil: it ended as it should.
func (c *conn) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { c.fail(context.Cause(ctx)); _ = c.net.Close() })
	defer stop()
	c.mu.Lock()
	c.since = time.Now()
	c.watch = time.AfterFunc(c.limits.Preface, c.look)
	c.looks.Store(c.since.Add(c.limits.Preface).UnixNano())
	c.mu.Unlock()
	err := c.greet()
	for err == nil {
		err = c.frame()
	}
	c.end(err)
	c.stopTimers()
	c.handlers.Wait()
	c.closeSender()
	c.in.drop()
	if c.head != nil {
		arenas.Put(c.head)
	}
	var broken *ConnError
	switch cause := c.cause(); {
	case errors.As(err, &broken):
		return broken
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case cause == errLeft || cause == io.EOF:
		return nil
	default:
		return cause
	}
}

// greet says our settings and reads the preface.
func (c *conn) greet() error {
	if err := c.rest(); err != nil {
		return err
	}
	var got [len(preface)]byte
	for n := 0; n < len(got); {
		m, err := c.in.read(got[n:])
		if n += m; string(got[:n]) != preface[:n] {
			return errPreface
		}
		if err != nil {
			return c.readError(err)
		}
	}
	return nil
}

// rest is what the reader does before it waits: it starts handlers and sends what it has to say. That a client's frames
// are read as far as they came before any request is handled makes opening and resetting at once cost next to nothing.
func (c *conn) rest() error {
	c.mu.Lock()
	c.start()
	err := c.err
	c.mu.Unlock()
	if err != nil {
		return err
	}
	c.flush()
	return nil
}

// start hands streams to handlers, as many as may run. c.mu is held.
func (c *conn) start() {
	n := 0
	for ; n < len(c.ready) && c.running < c.limits.Streams; n++ {
		c.running++
		c.handlers.Add(1)
		c.ready[n].started = true
		c.server.workers.do(c.ready[n])
		c.ready[n] = nil
	}
	if n > 0 {
		c.ready = c.ready[:copy(c.ready, c.ready[n:])]
	}
}

// handled is called when a stream's handler has returned.
func (c *conn) handled() {
	c.mu.Lock()
	c.running--
	c.lastDone = time.Now()
	c.start()
	c.leaveIfDone()
	c.mu.Unlock()
	c.handlers.Done()
}

func (c *conn) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// fail ends the connection for all its streams.
func (c *conn) fail(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	c.ready = nil
	gone := make([]func(error), 0, len(c.streams))
	for _, st := range c.streams {
		if f := st.lose(ErrLost); f != nil {
			gone = append(gone, f)
		}
	}
	c.mu.Unlock()
	for _, f := range gone {
		f(ErrLost)
	}
}

// end says why the connection ends, if there is something to say, and closes it. The client is given time to take the
// last frames: a socket that is closed with bytes unread destroys what is on its way.
func (c *conn) end(err error) {
	var broken *ConnError
	told := errors.As(err, &broken)
	if told {
		c.server.refused(broken.Reason)
		c.mu.Lock()
		c.put(func(b []byte) []byte { return appendGoAway(b, c.lastID, broken.Code, broken.Text) })
		c.mu.Unlock()
	}
	c.fail(err)
	if told || err == errLeft {
		deadline := time.Now().Add(c.limits.Linger)
		c.mu.Lock()
		_ = c.net.SetDeadline(deadline) // an error means that it is closed, which writing tells
		c.mu.Unlock()
		if c.lastFlush(deadline) {
			c.discard()
		}
	}
	_ = c.net.Close()
}

// discard reads until the client hangs up or the deadline is over, and not for ever what it sends without end.
func (c *conn) discard() {
	buf := inputs.Get().(*[inputSize]byte)
	defer inputs.Put(buf)
	for left := 1 << 20; left > 0; {
		n, err := c.net.Read(buf[:])
		if left -= n; err != nil {
			return
		}
	}
}

var arenas = sync.Pool{New: func() any {
	return &arena{buf: make([]byte, 0, 2048), spans: make([]span, 0, 32), fields: make(field.Fields, 0, 32)}
}}

// graves are the streams that were reset last.
type graves struct {
	ids  [128]uint32
	next int
}

func (g *graves) add(id uint32) {
	g.ids[g.next] = id
	g.next = (g.next + 1) % len(g.ids)
}

func (g *graves) has(id uint32) bool { return slices.Contains(g.ids[:], id) }
