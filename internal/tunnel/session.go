package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Session is one end of a connection that carries streams. Its methods may be called from several goroutines.
type Session struct {
	conn    net.Conn
	dialler bool
	accept  func(*Stream)
	log     *slog.Logger
	budget  *Budget
	limits  Limits
	out     *sender
	in      frameReader // belongs to the reader
	stats   counters
	flood   flood // belongs to the reader

	rtt   atomic.Int64 // nanoseconds, 0 until measured
	open  atomic.Int64 // streams in the table
	ready chan struct{}
	going chan struct{} // closed under mu
	done  chan struct{}

	handlers sync.WaitGroup // Accept calls, and streams that they kept; only the reader and those add
	work     chan func()    // for goroutines that wait for some
	waiting  atomic.Int32   // how many do

	mu        sync.Mutex // guards the fields below; never held over I/O
	streams   map[uint32]*Stream
	unread    map[*Stream]struct{} // ended on the wire, but data waits for the consumer
	nextID    uint32               // of our next stream
	peerNext  uint32               // of the peer's next stream
	accepted  int                  // the peer's streams that are open or whose handler runs
	peer      Hello
	credit    uint32 // what our streams start with
	announced uint32 // what the peer's streams start with
	started   bool
	cause     error // why the session ended
	goaway    struct{ sent, received, sentLast, receivedLast bool }
	pings     map[uint64]*ping
	token     uint64
}

type ping struct {
	sent time.Time
	rtt  chan time.Duration // nil if nobody waits
}

// errGraceful is the cause of a session that drained.
var errGraceful = errors.New("tunnel: drained")

// New checks cfg and returns a session that does nothing until Run.
func New(cfg Config) (*Session, error) {
	if cfg.Conn == nil {
		return nil, errors.New("tunnel: Config.Conn is missing")
	}
	if len(cfg.Hello.Instance) > maxInstance {
		return nil, fmt.Errorf("tunnel: Config.Hello.Instance has %d bytes, at most %d are allowed", len(cfg.Hello.Instance), maxInstance)
	}
	if cfg.Hello.Version == 0 {
		cfg.Hello.Version = Version
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Budget == nil {
		cfg.Budget = NewBudget(defaultLimit)
	}
	s := &Session{
		conn: cfg.Conn, dialler: cfg.Dialler, accept: cfg.Accept, log: cfg.Log, budget: cfg.Budget, limits: cfg.Limits.withDefaults(),
		ready: make(chan struct{}), going: make(chan struct{}), done: make(chan struct{}), work: make(chan func()),
		streams: map[uint32]*Stream{}, unread: map[*Stream]struct{}{}, pings: map[uint64]*ping{},
		nextID: 2, peerNext: 1, announced: startWindow,
	}
	if cfg.Dialler {
		s.nextID, s.peerNext = 1, 2
	}
	s.out = newSender(cfg.Conn, s.limits.Pending, &s.stats)
	s.out.failed = func(err error) { s.end(fmt.Errorf("%w: %w", ErrLost, err)) }
	s.in = frameReader{conn: s.out.conn, bytes: &s.stats.bytesIn}
	s.flood = flood{allowed: s.limits.Flood, left: s.limits.Flood}
	hello := helloFrame{cfg.Hello, startWindow}
	if err := s.out.append(nil, func(b []byte) []byte { return appendHello(b, hello) }); err != nil {
		return nil, err
	}
	return s, nil
}

// Run says HELLO, then carries streams until the session ends, and returns when everything it started has ended,
// Accept calls included. It returns nil after a graceful drain, the cause of ctx if that ended it, ErrClosed after Close,
// and otherwise the reason: *ConnError, ErrSilent, ErrStalled, ErrLost.
func (s *Session) Run(ctx context.Context) error {
	s.mu.Lock()
	again, cause := s.started, s.cause
	s.started = true
	s.mu.Unlock()
	if again {
		return fmt.Errorf("%w: Run was called before", ErrMisuse)
	}
	if cause != nil {
		return cause
	}
	s.budget.join(s)
	defer s.budget.leave(s)
	stop := context.AfterFunc(ctx, func() { s.end(context.Cause(ctx)) })
	defer stop()
	late := time.AfterFunc(s.limits.Hello, s.noHello)
	defer late.Stop()

	var started sync.WaitGroup
	started.Go(s.out.run)
	started.Go(s.keep)
	s.ping(nil)
	s.out.nudge()
	s.end(s.read())
	s.farewell()
	started.Wait()
	s.linger()
	s.out.closeConn()
	s.handlers.Wait()
	return s.outcome()
}

func (s *Session) noHello() {
	select {
	case <-s.ready:
	default:
		s.stats.limit(limitHello)
		s.end(fmt.Errorf("%w: no HELLO", ErrSilent))
	}
}

// end makes the session end: nothing is opened, every stream is over, the reader returns. The first cause counts.
func (s *Session) end(cause error) {
	s.mu.Lock()
	if s.cause != nil {
		s.mu.Unlock()
		return
	}
	s.cause = cause
	if !s.goaway.sent {
		close(s.going)
	}
	started := s.started
	streams := make([]*Stream, 0, len(s.streams))
	for _, st := range s.streams {
		streams = append(streams, st)
	}
	s.mu.Unlock()
	close(s.done)
	if started {
		// The reader wakes up; the writer still has to say why.
		_ = s.conn.SetReadDeadline(time.Unix(1, 0))
	} else {
		_ = s.conn.Close()
	}
	for _, st := range streams {
		st.lose(cause)
	}
}

// farewell tells the peer why the session ends and lets the writer goroutine end.
func (s *Session) farewell() {
	code, reason, tell := farewellOf(s.outcome())
	if tell {
		// An error means that nothing can be written any more.
		_ = s.out.append(nil, func(b []byte) []byte { return appendGoaway(b, 0, code, reason) })
	}
	s.out.close(s.limits.Linger)
}

func farewellOf(cause error) (code Code, reason string, tell bool) {
	var rule *ConnError
	switch {
	case cause == nil || errors.Is(cause, ErrLost) || errors.Is(cause, ErrStalled):
		return 0, "", false
	case errors.As(cause, &rule):
		return rule.Code, rule.Reason, !rule.Remote
	case errors.Is(cause, ErrSilent):
		return CodeSilent, "no frame in time", true
	}
	return CodeClosed, "closed", true
}

// linger reads on for a moment after this side found a fault: closing a socket with unread bytes would destroy
// the reason on its way to the peer.
func (s *Session) linger() {
	var rule *ConnError
	if !errors.As(s.outcome(), &rule) || rule.Remote {
		return
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(s.limits.Linger))
	// Bounded by the deadline; whatever it returns, the connection is closed next.
	_, _ = io.Copy(io.Discard, struct{ io.Reader }{s.conn})
}

// outcome is what Run returns.
func (s *Session) outcome() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause == errGraceful {
		return nil
	}
	return s.cause
}

// Ready waits for the peer's HELLO and returns it.
func (s *Session) Ready(ctx context.Context) (Hello, error) {
	select {
	case <-s.ready:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.peer, nil
	case <-s.done:
		return Hello{}, s.ended()
	case <-ctx.Done():
		return Hello{}, context.Cause(ctx)
	}
}

// ended says to a caller why the session cannot do it.
func (s *Session) ended() error {
	err := s.outcome()
	if err == nil {
		return ErrDraining
	}
	return fmt.Errorf("tunnel: session ended: %w", err)
}

// Done is closed as soon as the session can carry nothing any more.
func (s *Session) Done() <-chan struct{} { return s.done }

// Draining tells whether the session takes no new streams, because either side drains or because it ended.
func (s *Session) Draining() bool {
	select { // a closed channel is seen without a lock, by the gateway for each request
	case <-s.going:
		return true
	default:
		return false
	}
}

// Going is closed when Draining becomes true: time to open another session.
func (s *Session) Going() <-chan struct{} { return s.going }

// Streams returns how many streams are open: the load.
func (s *Session) Streams() int { return int(s.open.Load()) }

// Close ends the session at once; open streams are lost. Run returns ErrClosed.
func (s *Session) Close() error {
	s.end(ErrClosed)
	return nil
}

// Ping measures the time that a frame takes to the peer and back, waiting for its turn in the write buffer included.
func (s *Session) Ping(ctx context.Context) (time.Duration, error) {
	answer := make(chan time.Duration, 1)
	token, ok := s.ping(answer)
	if !ok {
		return 0, fmt.Errorf("tunnel: %d pings are under way", maxPings)
	}
	defer s.forgetPing(token)
	s.out.flush()
	select {
	case rtt := <-answer:
		return rtt, nil
	case <-s.done:
		return 0, s.ended()
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// ping appends a PING. It returns false if too many are under way or the session is past its last frame.
func (s *Session) ping(answer chan time.Duration) (uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pings) >= maxPings || s.goaway.sentLast {
		return 0, false
	}
	s.token++
	token := s.token
	s.pings[token] = &ping{sent: time.Now(), rtt: answer}
	err := s.out.append(nil, func(b []byte) []byte { return appendPing(b, 0, token) })
	return token, err == nil
}

func (s *Session) forgetPing(token uint64) {
	s.mu.Lock()
	delete(s.pings, token)
	s.mu.Unlock()
}

// keep measures, pings and watches: a silent peer, a peer that does not read.
func (s *Session) keep() {
	ticker := time.NewTicker(max(min(s.limits.IdlePing, s.limits.Silence, s.limits.Stall)/4, time.Millisecond))
	defer ticker.Stop()
	heard, pinged, seen := time.Now(), time.Now(), uint64(0)
	for {
		var now time.Time
		select {
		case <-s.done:
			return
		case now = <-ticker.C:
		}
		if in := s.stats.bytesIn.Load(); in != seen {
			seen, heard = in, now
		}
		silence := now.Sub(heard)
		if silence >= s.limits.Silence {
			s.stats.limit(limitSilence)
			s.end(ErrSilent)
			return
		}
		if s.out.standing(now) >= s.limits.Stall {
			s.stats.limit(limitStall)
			s.end(ErrStalled)
			return
		}
		// Also under traffic a PING now and then keeps the round-trip time true.
		if since := now.Sub(pinged); silence >= s.limits.IdlePing && since >= s.limits.IdlePing || since >= 3*s.limits.IdlePing {
			pinged = now
			s.ping(nil)
		}
		s.announce()
		s.out.nudge()
	}
}

// announce tells the peer what its streams start with when the budget became short or is no longer. The caller flushes.
func (s *Session) announce() (news bool) {
	credit := uint32(startWindow)
	if s.budget.short() {
		credit = lowWindow
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if credit == s.announced || s.goaway.sentLast {
		return false
	}
	s.announced = credit
	// An error means that the session ends.
	_ = s.out.append(nil, func(b []byte) []byte { return appendWindow(b, 0, uint64(credit)) })
	return true
}
