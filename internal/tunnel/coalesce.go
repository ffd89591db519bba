package tunnel

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"postern/internal/dial"
	"postern/internal/sock"
)

// Coalesce wraps the connection under a TLS connection so that a Session over that TLS connection sends all records of a
// flush with one system call, and without ever blocking a sender:
//
//	conn := tls.Client(tunnel.Coalesce(raw), config)
//	…handshake…
//	tunnel.New(tunnel.Config{Conn: conn, …})
//
// Until the Session takes over, it writes straight through. Without it a Session works too, with one call per TLS record.
func Coalesce(conn net.Conn) net.Conn {
	c := &coalescer{Conn: sock.Wrap(conn), socket: conn}
	if sc, ok := conn.(syscall.Conn); ok {
		c.raw, _ = sc.SyscallConn()
	}
	return c
}

// maxHeld bounds what a coalescer gathers: one flush of data and control frames. TLS itself may append answers (key updates).
const maxHeld = 4 << 20

// maxUnsent is how many bytes the kernel may queue that it has not sent yet.
const maxUnsent = 1 << 20

// maxDark is how long a connection may be dark, nothing acknowledged by the other side's kernel. A shorter interruption costs
// nothing but the time; after a longer one the sides meet on a new connection, whose first packet waits for no old timer.
// What the kernel acknowledges says nothing about the peer: for that the session has its own, longer limit of silence.
const maxDark = 5 * time.Second

// lastChance is for how long a flush tries what its deadline left unsent.
const lastChance = 200 * time.Millisecond

// probes make both kernels look after an idle connection as maxDark says.
var probes = net.KeepAliveConfig{Enable: true, Idle: 2 * time.Second, Interval: time.Second, Count: 3}

var errHeld = errors.New("tunnel: too much is waiting to be written")

// coalescer gathers writes while a session owns it.
type coalescer struct {
	net.Conn
	socket net.Conn        // what Conn was made of
	raw    syscall.RawConn // nil if the connection is not a socket

	pusher pusher // of whoever flushes

	mu    sync.Mutex // guards the fields below; never held over I/O
	owned bool
	held  []byte // not yet sent
	torn  bool   // a flush failed, between two records or within one

	moved atomic.Uint64 // bytes sent, so that a stall is seen
}

// own makes Write gather from now on.
func (c *coalescer) own() {
	c.mu.Lock()
	c.owned = true
	c.mu.Unlock()
	if c.raw != nil {
		dial.BoundUnsent(c.raw, maxUnsent)
		dial.BoundUnacknowledged(c.raw, maxDark) // else the session's own limit of silence works alone
	}
	if socket, ok := c.socket.(*net.TCPConn); ok {
		// An error means that the connection is closed, which reading tells.
		_ = socket.SetKeepAliveConfig(probes)
	}
}

// NetConn returns the connection underneath.
func (c *coalescer) NetConn() net.Conn { return c.socket }

func (c *coalescer) Write(p []byte) (int, error) {
	c.mu.Lock()
	if !c.owned {
		c.mu.Unlock()
		return c.Conn.Write(p)
	}
	defer c.mu.Unlock()
	if len(c.held)+len(p) > maxHeld {
		return 0, errHeld
	}
	if c.held == nil {
		c.held = takeBuffer()
	}
	c.held = append(c.held, p...)
	return len(p), nil
}

func (c *coalescer) takeHeld() []byte {
	c.mu.Lock()
	held := c.held
	c.held = nil
	c.mu.Unlock()
	return held
}

// push sends what is gathered without blocking. It returns what the socket had no room for, which flush must send
// before anything else. One goroutine at a time calls push or flush.
func (c *coalescer) push() (rest []byte, err error) {
	held := c.takeHeld()
	if c.raw == nil || !canPush {
		return held, nil
	}
	n, err := c.pusher.push(c.raw, held)
	c.moved.Add(uint64(n))
	if err != nil {
		giveBuffer(held)
		return nil, err
	}
	if n < len(held) {
		return held[n:], nil
	}
	giveBuffer(held)
	return nil, nil
}

// flush sends rest and then what is gathered, and waits for it, until the connection's deadline for writing.
func (c *coalescer) flush(rest []byte) error {
	late := false
	for {
		for len(rest) > 0 {
			// Pieces, so that a slow connection that moves is told from one that stands.
			n, err := c.Conn.Write(rest[:min(len(rest), 64<<10)])
			c.moved.Add(uint64(n))
			rest = rest[n:]
			if errors.Is(err, os.ErrDeadlineExceeded) && !late {
				// It may have passed before the first attempt, where this process stood still itself.
				late = true
				err = c.Conn.SetWriteDeadline(time.Now().Add(lastChance))
			}
			if err != nil {
				c.mu.Lock()
				c.torn = true
				c.mu.Unlock()
				return err
			}
		}
		giveBuffer(rest)
		if rest = c.takeHeld(); len(rest) == 0 {
			giveBuffer(rest)
			return nil
		}
	}
}

// Close sends what TLS wrote last, its farewell, if that takes no waiting, and closes the connection. After a flush that failed it
// sends nothing: the peer would take what follows a gap for tampering (bad record MAC), where the connection was merely lost.
func (c *coalescer) Close() error {
	c.mu.Lock()
	owned, torn := c.owned, c.torn
	c.mu.Unlock()
	if owned {
		held := c.takeHeld()
		if !torn && len(held) > 0 && c.raw != nil && canPush {
			_ = c.Conn.SetWriteDeadline(time.Time{})
			_, _ = new(pusher).push(c.raw, held) // a flush may be under way
		}
		giveBuffer(held)
	}
	return c.Conn.Close()
}

// bufferPool holds write buffers: an idle connection has none. emptyPool holds what they are kept in, so that giving one back
// takes no memory.
var (
	bufferPool = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}
	emptyPool  = sync.Pool{New: func() any { return new([]byte) }}
)

func takeBuffer() []byte {
	p := bufferPool.Get().(*[]byte)
	b := (*p)[:0]
	*p = nil
	emptyPool.Put(p)
	return b
}

func giveBuffer(b []byte) {
	if cap(b) >= 32<<10 && cap(b) <= 1<<20 {
		p := emptyPool.Get().(*[]byte)
		*p = b[:0]
		bufferPool.Put(p)
	}
}

// pushes tells whether push can send anything.
func (c *coalescer) pushes() bool { return c != nil && c.raw != nil && canPush }
