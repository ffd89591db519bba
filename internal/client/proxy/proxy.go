// Package proxy takes connections of programs on this machine, as a SOCKS5 and an HTTP proxy and on forwarded ports, and
// opens flows for them.
//
// Whatever a program sends before its flow is open has a bound and a time. A name goes to the connector as it was asked for: nothing
// is looked up here. What is refused is told in the words of the protocol, and logged with the reason.
package proxy

import (
	"bufio"
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"postern/internal/client/flow"
	"postern/internal/client/process"
	"postern/internal/wire"
)

// Config holds what a proxy needs. Opener is required.
type Config struct {
	Opener   flow.Opener
	Log      *slog.Logger    // optional
	Limit    *Limit          // optional; how many connections of programs there may be, shared by proxies
	Patience time.Duration   // optional; how long a program may take to say what it wants, 10 s if zero
	Idle     time.Duration   // optional; how long datagrams may be silent, flow.Idle if zero
	Programs *process.Finder // optional; tells which programs want what, for logs
	User     *User           // optional; who may use the proxy, anybody who can connect to it if nil
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Limit == nil {
		c.Limit = NewLimit(0)
	}
	if c.Patience <= 0 {
		c.Patience = 10 * time.Second
	}
	if c.Idle <= 0 {
		c.Idle = flow.Idle
	}
	return c
}

// User is who may use a proxy.
type User struct{ Name, Password string }

// is compares in a time that does not tell how much of it was right.
func (u *User) is(name, password string) bool {
	a := subtle.ConstantTimeCompare([]byte(u.Name), []byte(name))
	b := subtle.ConstantTimeCompare([]byte(u.Password), []byte(password))
	return a&b == 1
}

// Limit bounds what programs can make grow.
type Limit struct{ places chan struct{} }

const (
	headBuffer   = 1 << 10          // bytes
	defaultLimit = 4096             // connections and exchanges of datagrams
	openWithin   = 30 * time.Second // a flow, so that no program waits for ever
)

// NewLimit gives a limit of that many connections; of 4096 if n is 0.
func NewLimit(n int) *Limit {
	if n <= 0 {
		n = defaultLimit
	}
	return &Limit{make(chan struct{}, n)}
}

func (l *Limit) take() bool {
	select {
	case l.places <- struct{}{}:
		return true
	default:
		return false
	}
}

func (l *Limit) give() { <-l.places }

// Used gives how many places are taken.
func (l *Limit) Used() int { return len(l.places) }

// serve gives each connection that comes to a listener to use, until ctx ends, and waits for all of them. The listener is closed.
func (c Config) serve(ctx context.Context, l net.Listener, use func(context.Context, *net.TCPConn)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close() // it came too late
			}
			return nil
		}
		if err != nil {
			if !passing(err) {
				return err
			}
			pause(ctx, 50*time.Millisecond) // no files are left: some come back when flows end
			continue
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok || !c.Limit.take() {
			c.Log.Warn("too many connections of programs on this machine: one was closed", "limit", cap(c.Limit.places))
			_ = conn.Close() // it may try again
			continue
		}
		running.Go(func() {
			defer c.Limit.give()
			defer tcp.Close() // what is to be told was told
			defer context.AfterFunc(ctx, func() { _ = tcp.SetLinger(0); _ = tcp.Close() })()
			use(ctx, tcp)
		})
	}
}

// passing tells whether Accept may work again.
func passing(err error) bool {
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	_, network := errors.AsType[*net.OpError](err)
	return network
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// open opens a flow for a program.
func (c Config) open(ctx context.Context, to flow.To) (*flow.Flow, error) {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	f, err := c.Opener.Open(ctx, to)
	if err != nil {
		c.Log.Info("flow refused", "to", to.String(), "error", err)
	}
	return f, err
}

// wants notes which program of this machine wants a flow.
func (c Config) wants(to flow.To, conn *net.TCPConn) flow.To {
	to.Process = c.program("tcp", conn.RemoteAddr().(*net.TCPAddr).AddrPort(), conn.LocalAddr())
	return to
}

// program gives the program at the other end of a connection, or of datagrams, that came to an address of ours.
func (c Config) program(network string, from netip.AddrPort, to net.Addr) string {
	at, err := netip.ParseAddrPort(to.String())
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return "" // of another machine, as a rule
	}
	return c.Programs.Name(process.Socket{Network: network, Local: from, Remote: at})
}

// asking is a program's connection before its flow.
type asking struct {
	*net.TCPConn
	in   *bufio.Reader
	read int64 // bytes, by in
}

// ask gives the program its time to say what it wants.
func (c Config) ask(conn *net.TCPConn) *asking {
	_ = conn.SetDeadline(time.Now().Add(c.Patience)) // fails on a connection that is closed, which reading then says
	a := &asking{TCPConn: conn}
	a.in = bufio.NewReaderSize(counting{a}, headBuffer)
	return a
}

// asked ends that time: a flow is opened for it.
func (c Config) asked(a *asking) {
	_ = a.SetDeadline(time.Now().Add(openWithin + c.Patience)) // as above
}

// counting reads and counts.
type counting struct{ *asking }

func (r counting) Read(p []byte) (int, error) {
	n, err := r.TCPConn.Read(p)
	r.read += int64(n)
	return n, err
}

// carry carries the program's connection by a flow until it ends, what came together with the request first.
func (c Config) carry(a *asking, f *flow.Flow) {
	if early := a.in.Buffered(); early > 0 {
		p, err := a.in.Peek(early)
		if err == nil {
			_, err = f.End().Write(p)
		}
		if err != nil {
			_ = a.SetLinger(0) // it is cut: what it sent did not arrive
			f.Close()
			return
		}
	}
	_ = a.SetDeadline(time.Time{}) // as above
	c.join(a.TCPConn, a.read, f)
}

// join carries a program's connection, of which so many bytes were read, until it ends.
func (c Config) join(conn net.Conn, read int64, f *flow.Flow) {
	began := time.Now()
	c.Log.Debug("flow opened", "to", f.To.String(), "application", f.Application, "address", f.Address, "request", f.Request)
	how := "complete"
	if err := flow.Join(flow.ReadEnd(conn, read), f.End()); err != nil {
		how = err.Error()
	}
	c.Log.Debug("flow ended", "to", f.To.String(), "request", f.Request, "after", time.Since(began).Round(time.Millisecond), "how", how)
}

// refusalOf gives what a gateway or a connector said, if it was one of them that refused.
func refusalOf(err error) *wire.Refusal {
	refusal, _ := errors.AsType[*wire.Refusal](err)
	return refusal
}
