package ldap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/fault"
)

// How connections on which the bind account searches are kept.
const (
	maxOpen   = 16               // at once, those of users' binds among them
	maxIdle   = 4                // kept for the next
	maxUnused = 20 * time.Second // after which one is asked whether it still lives
	maxAge    = 5 * time.Minute  // after which one is not used again: passwords and servers change
	shunned   = 30 * time.Second // how long a server that failed comes last
)

// pool keeps a few connections, and remembers which servers failed lately.
type pool struct {
	open chan struct{} // one for each connection in use

	mu     sync.Mutex // guards all below
	idle   []*conn    // the last used one last
	failed []time.Time
	closed bool
}

func newPool(servers int) *pool {
	return &pool{open: make(chan struct{}, maxOpen), failed: make([]time.Time, servers)}
}

func (p *pool) enter(ctx context.Context) error {
	select {
	case p.open <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for one of %d connections to the directory: %w", maxOpen, context.Cause(ctx))
	}
}

func (p *pool) leave() { <-p.open }

// take gives the last used of the idle connections, nil if there is none.
func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	last := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	return last
}

// give takes a connection back. One too many is closed, and whatever comes after close.
func (p *pool) give(k *conn) {
	p.mu.Lock()
	spare := k
	if !p.closed {
		p.idle = append(p.idle, k)
		spare = nil
	}
	if len(p.idle) > maxIdle {
		spare = p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	p.mu.Unlock()
	if spare != nil {
		spare.close()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, k := range idle {
		k.close()
	}
}

// order gives the servers' numbers: as configured, those that failed lately last.
func (p *pool) order(now time.Time) []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var good, bad []int
	for i, at := range p.failed {
		if now.Sub(at) < shunned {
			bad = append(bad, i)
		} else {
			good = append(good, i)
		}
	}
	return append(good, bad...)
}

func (p *pool) note(server int, failed time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed[server] = failed
}

// each tries the servers in turn until one gives an answer, whatever it is. do says whether it keeps
// the connection; otherwise it is closed.
func (c *Client) each(ctx context.Context, do func(*conn) (keeps bool, err error)) error {
	var failed []error
	for _, i := range c.pool.order(c.cfg.Now()) {
		if ctx.Err() != nil {
			break
		}
		k, err := c.connect(ctx, &c.servers[i])
		if err == nil {
			var keeps bool
			keeps, err = do(k)
			if !keeps {
				k.close()
			}
		}
		if !lost(err) {
			c.pool.note(i, time.Time{})
			return err
		}
		if ctx.Err() == nil {
			c.pool.note(i, c.cfg.Now())
		}
		failed = append(failed, err)
	}
	return errors.Join(append(failed, ctx.Err())...)
}

// asService does something on a connection on which the bind account is bound: one that is kept, if
// it still lives, or a new one.
func (c *Client) asService(ctx context.Context, do func(*conn) error) error {
	if err := c.pool.enter(ctx); err != nil {
		return err
	}
	defer c.pool.leave()
	for k := c.pool.take(); k != nil; k = c.pool.take() {
		if !c.alive(ctx, k) {
			k.close()
			continue
		}
		err := do(k)
		if c.reuse(k, err) {
			c.pool.give(k)
		} else {
			k.close()
		}
		if !lost(err) {
			return err
		}
	}
	return c.each(ctx, func(k *conn) (bool, error) {
		if err := c.bindService(ctx, k); err != nil {
			return false, err
		}
		err := do(k)
		keeps := c.reuse(k, err)
		if keeps {
			c.pool.give(k)
		}
		return keeps, err
	})
}

// reuse reports whether a connection is good for something else.
func (c *Client) reuse(k *conn, err error) bool {
	k.used = c.cfg.Now()
	return !lost(err) && !k.spoilt
}

// alive reports whether an idle connection can be used, and asks the server if it was idle for long.
func (c *Client) alive(ctx context.Context, k *conn) bool {
	now := c.cfg.Now()
	if k.ldap.IsClosing() || now.Sub(k.opened) > maxAge {
		return false
	}
	if now.Sub(k.used) < maxUnused {
		return true
	}
	_, err := k.page(ctx, c.cfg.Timeout/2, rootDSE())
	return err == nil
}

// bindService binds as the account that may search, or stays nobody if there is none.
func (c *Client) bindService(ctx context.Context, k *conn) error {
	if c.cfg.Settings.BindDN == "" {
		return nil
	}
	err := k.during(ctx, c.cfg.Timeout, func() error {
		_, err := k.ldap.SimpleBind(goldap.NewSimpleBindRequest(c.cfg.Settings.BindDN, c.cfg.Password, nil))
		return err
	})
	if err != nil {
		return k.server.hop(HopBind, cureOfBind(err), fmt.Errorf("as %s: %w", c.cfg.Settings.BindDN, err))
	}
	return nil
}

// prove binds as a user on a connection of its own, which is then closed. It gives nil only if the
// directory took the password.
func (c *Client) prove(ctx context.Context, dn, password string) error {
	if dn == "" || password == "" { // both would bind as nobody, with success
		return unusable("an entry without a distinguished name")
	}
	if err := c.pool.enter(ctx); err != nil {
		return err
	}
	defer c.pool.leave()
	return c.each(ctx, func(k *conn) (bool, error) {
		var refusal *Refusal
		err := k.during(ctx, c.cfg.Timeout, func() error {
			request := goldap.NewSimpleBindRequest(dn, password, []goldap.Control{goldap.NewControlBeheraPasswordPolicy()})
			result, err := k.ldap.SimpleBind(request)
			refusal, err = bindRefusal(dn, result, err)
			return err
		})
		switch {
		case err != nil:
			return false, k.server.hop(HopBind, cureOfBind(err), fmt.Errorf("as the user: %w", err))
		case refusal != nil:
			return false, refused(refusal)
		}
		return false, nil
	})
}

// during runs one exchange with the server within its time and bounds.
func (k *conn) during(ctx context.Context, most time.Duration, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	k.guard.allow()
	deadline, _ := ctx.Deadline()
	if err := k.guard.SetDeadline(deadline); err != nil {
		k.spoilt = true
		return err
	}
	stop := context.AfterFunc(ctx, func() { k.guard.SetDeadline(time.Unix(1, 0)) })
	err := do()
	if !stop() || k.guard.SetDeadline(time.Time{}) != nil {
		k.spoilt = true
	}
	if failure := k.guard.failure(); err != nil && failure != nil {
		return fmt.Errorf("%w: %w", errLost, failure) // it says more than what became of it
	}
	return err
}

// errLost marks that the connection failed under the exchange.
var errLost = errors.New("the connection failed")

// close ends a connection. The socket goes first: what the protocol's engine still waits for then ends.
func (k *conn) close() {
	k.guard.Close()
	k.ldap.Close()
}

// lost reports whether an error says nothing about what was asked, so that another server or
// connection may know better.
func lost(err error) bool {
	if err == nil || fault.KindOf(err) != fault.KindInternal {
		return false
	}
	if answer, ok := errors.AsType[*goldap.Error](err); ok {
		return answer.ResultCode == goldap.LDAPResultBusy || answer.ResultCode == goldap.LDAPResultUnavailable ||
			answer.ResultCode == goldap.LDAPResultServerDown || answer.ResultCode >= goldap.ErrorNetwork
	}
	return true
}
