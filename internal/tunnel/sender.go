package tunnel

import (
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// slot is what a waiting stream is granted in the pending buffer: one full frame.
const slot = headerSize + maxData

// sender gathers frames and writes them: append under one lock, let others append too, write once.
//
// Whoever finds no flush under way flushes itself, without blocking; what the socket has no room for, and what was
// appended meanwhile, is the writer goroutine's. Beyond limit bytes senders of OPEN, DATA and messages wait in line; other control frames
// never wait, and there are few of them per stream.
type sender struct {
	conn   net.Conn
	under  *coalescer // what conn writes to, nil if conn is not coalesced
	limit  int
	stats  *counters
	failed func(error) // told once about the first write error

	kick chan struct{} // hands the flush to the writer goroutine; holds one
	rest []byte        // what the socket had no room for; belongs to whoever flushes

	company company // belongs to whoever flushes

	mu       sync.Mutex // guards the fields below, and granted and queued of every stream; never held over I/O
	pending  []byte
	provoked int       // bytes of pending that answer the peer
	busy     bool      // somebody flushes
	closing  bool      // the flush that follows is the last
	line     []*Stream // waiting for room
	reserved int       // room granted and not yet used
	err      error     // no more writing
	seen     uint64    // progress at the last look
	since    time.Time // when progress was seen last

	flushes atomic.Uint64
}

func newSender(conn net.Conn, limit int, stats *counters) *sender {
	w := &sender{conn: conn, limit: limit, stats: stats, kick: make(chan struct{}, 1)}
	w.under = coalescerOf(conn)
	if w.under == nil {
		// A plain socket is gathered too; TLS over a socket that nobody wrapped is not ours to change.
		if _, socket := conn.(syscall.Conn); socket {
			w.under = Coalesce(conn).(*coalescer)
			w.conn = w.under
		}
	}
	if w.under != nil {
		w.under.own()
	}
	return w
}

func coalescerOf(conn net.Conn) *coalescer {
	switch c := conn.(type) {
	case *coalescer:
		return c
	case *tls.Conn:
		under, _ := c.NetConn().(*coalescer)
		return under
	}
	return nil
}

// closeConn closes the connection without waiting. TLS that is not coalesced would wait up to five seconds to say
// farewell to a peer that does not read; our own last frames have said all there is to say.
func (w *sender) closeConn() {
	if c, ok := w.conn.(*tls.Conn); ok && w.under == nil {
		_ = c.NetConn().Close()
		return
	}
	_ = w.conn.Close()
}

// data appends one DATA frame if there is room for it, else it puts the stream in line and returns false.
// The caller holds st.mu and waits on st.writable.
func (w *sender) data(st *Stream, p []byte) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ok, err := w.room(st, headerSize+len(p)); !ok {
		return false, err
	}
	w.useSlot(st)
	w.ensure()
	w.pending = appendData(w.pending, st.id, p)
	w.stats.framesOut.Add(1)
	return true, nil
}

// tryData is data without a place in the line.
func (w *sender) tryData(id uint32, p []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil || len(w.line) > 0 || len(w.pending) > 0 && len(w.pending)+w.reserved+headerSize+len(p) > w.limit {
		return false
	}
	w.ensure()
	w.pending = appendData(w.pending, id, p)
	w.stats.framesOut.Add(1)
	return true
}

// reserve keeps room for a message of st; append with used true gives it back.
func (w *sender) reserve(st *Stream) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ok, err := w.room(st, slot); !ok {
		return false, err
	}
	if !st.granted {
		st.granted = true
		w.reserved += slot
	}
	return true, nil
}

// room tells whether n bytes may be appended for st now, or puts it in line. w.mu is held.
func (w *sender) room(st *Stream, n int) (bool, error) {
	if w.err != nil {
		return false, w.err
	}
	if st.granted || len(w.line) == 0 && (len(w.pending) == 0 || len(w.pending)+w.reserved+n <= w.limit) {
		return true, nil
	}
	if !st.queued {
		st.queued = true
		w.line = append(w.line, st)
		w.stats.limit(limitPending)
	}
	return false, nil
}

func (w *sender) useSlot(st *Stream) {
	if st.granted {
		st.granted = false
		w.reserved -= slot
	}
}

func (w *sender) ensure() {
	if w.pending == nil {
		w.pending = takeBuffer()
	}
}

// leave takes a stream that gave up waiting out of the line and gives back its room.
func (w *sender) leave(st *Stream) {
	w.mu.Lock()
	if st.queued {
		st.queued = false
		w.line = slices.DeleteFunc(w.line, func(other *Stream) bool { return other == st })
	}
	w.useSlot(st)
	granted := w.grant()
	w.mu.Unlock()
	wake(granted)
}

// grant lets the longest-waiting streams have the room there is. w.mu is held; the caller wakes them without it.
func (w *sender) grant() []*Stream {
	n := 0
	for n < len(w.line) && (len(w.pending)+w.reserved == 0 || len(w.pending)+w.reserved+slot <= w.limit) {
		w.line[n].queued, w.line[n].granted = false, true
		w.reserved += slot
		n++
	}
	if n == 0 {
		return nil
	}
	granted := slices.Clone(w.line[:n])
	w.line = slices.Delete(w.line, 0, n)
	return granted
}

func wake(streams []*Stream) {
	for _, st := range streams {
		st.mu.Lock()
		st.writable.Broadcast()
		st.mu.Unlock()
	}
}

// append adds a control frame. st, if not nil, gives back the room it reserved.
func (w *sender) append(st *Stream, encode func([]byte) []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if st != nil {
		w.useSlot(st)
	}
	w.ensure()
	w.pending = encode(w.pending)
	w.stats.framesOut.Add(1)
	return nil
}

// answer adds a control frame that the peer provoked. Their bytes are bounded: a peer that asks and does not read
// the answers ends its session. The writer goroutine sends it, since the caller is the reader.
func (w *sender) answer(max int, encode func([]byte) []byte) error {
	w.mu.Lock()
	if w.err != nil {
		w.mu.Unlock()
		return w.err
	}
	if w.provoked > max {
		w.mu.Unlock()
		w.stats.limit(limitControl)
		return broken(CodeFlood, "peer does not read the answers it asks for")
	}
	w.ensure()
	before := len(w.pending)
	w.pending = encode(w.pending)
	w.provoked += len(w.pending) - before
	w.stats.framesOut.Add(1)
	w.mu.Unlock()
	w.nudge()
	return nil
}

// datagram adds a DATAGRAM frame, or drops it when there is no room.
func (w *sender) datagram(id uint32, p []byte) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return false, w.err
	}
	if len(w.pending)+w.reserved+headerSize+len(p) > w.limit {
		w.stats.limit(limitPending)
		return false, nil
	}
	w.ensure()
	w.pending = appendDatagram(w.pending, id, p)
	w.stats.framesOut.Add(1)
	return true, nil
}
