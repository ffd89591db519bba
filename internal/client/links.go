package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/agent"
	"postern/internal/credential"
	"postern/internal/fault"
	"postern/internal/tunnel"
	"postern/internal/uplink"
	"postern/internal/wire"
)

const (
	helloTimeout = 3 * time.Second // from a finished TLS handshake to the gateway's HELLO
	restingLook  = time.Second     // how often a tunnel that is to go is looked at for what is still open
	restingLimit = 2               // tunnels to a gateway that rest: with the one in use and its successor no more than a gateway takes of one device
)

// link is a tunnel to a gateway that knows who uses the device.
type link struct {
	gateway string     // its id
	address string     // that was dialled
	local   netip.Addr // that it goes out by
	session *tunnel.Session
	since   time.Time
	way     uplink.Way
	ended   chan struct{} // closed when Run has returned
	err     error         // why; to be read after ended
	known   atomic.Pointer[wire.SessionKnown]
	resting chan struct{} // closed when another tunnel took its place: what is open goes on, nothing new comes

	showing sync.Mutex // held while a token is shown; guards shown
	shown   string     // the token
}

// Close ends the tunnel at once and waits for its end.
func (l *link) Close() error {
	err := l.session.Close()
	<-l.ended
	return err
}

// fleet keeps the tunnels, one to each of so many gateways.
type fleet struct {
	c       *Client
	running sync.WaitGroup // slots, sessions and drains

	mu      sync.Mutex // guards the fields below
	slots   map[wire.Gateway]context.CancelFunc
	links   map[*link]struct{}
	changed chan struct{} // closed and replaced when links changes
	renewed chan struct{} // closed and replaced when there is a new certificate
	closing bool
}

func newFleet(c *Client) *fleet {
	return &fleet{c: c, slots: map[wire.Gateway]context.CancelFunc{}, links: map[*link]struct{}{}, changed: make(chan struct{}), renewed: make(chan struct{})}
}

// follow makes the slots fit the list.
func (f *fleet) follow(gateways []wire.Gateway) {
	id := f.c.current.Load()
	if id == nil || len(gateways) == 0 {
		return
	}
	want := agent.Choose(gateways, id.cred.Identity.ID, f.c.cfg.Gateways)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing {
		return
	}
	for g, stop := range f.slots {
		if !slices.Contains(want, g) {
			stop()
			delete(f.slots, g)
		}
	}
	for _, g := range want {
		if f.slots[g] == nil {
			ctx, stop := context.WithCancel(context.Background()) // ends with the slot or by stop
			f.slots[g] = stop
			f.running.Go(func() { f.keep(ctx, g) })
		}
	}
}

// drop ends all tunnels at once, and what goes through them.
func (f *fleet) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for g, stop := range f.slots {
		stop()
		delete(f.slots, g)
	}
	for l := range f.links {
		f.running.Go(func() { _ = l.Close() }) // nobody is left to be told
	}
}

// keep holds one tunnel to a gateway until ctx ends.
func (f *fleet) keep(ctx context.Context, g wire.Gateway) {
	var backoff uplink.Backoff
	var last *link
	for {
		renewed := f.renewal()
		l, err := uplink.Connect(ctx, &backoff, func(ctx context.Context) (*link, error) { return f.dial(ctx, g) },
			func(err error) { f.dialFailed(g, err) })
		if old := last; old != nil { // last is another one when it is retired
			f.running.Go(func() { f.retire(old) })
		}
		if err != nil {
			return
		}
		f.c.log.Info("tunnel up", "gateway", l.gateway, "address", l.address, "user", l.known.Load().User, "way", l.way.String())
		f.running.Go(func() { f.vouch(l) })
		select {
		case <-ctx.Done():
		case <-renewed:
		case <-l.session.Going():
		}
		backoff.Ended(time.Since(l.since))
		last = f.after(l)
	}
}

// after gives the link if it still carries streams and is to be replaced, nil if it ended.
func (f *fleet) after(l *link) *link {
	select {
	case <-l.session.Done():
		<-l.ended
		if l.err != nil && !errors.Is(l.err, tunnel.ErrClosed) {
			f.c.note("keep the tunnel to gateway "+l.gateway, l.err)
			f.lookInto(l.err)
		}
		return nil
	default:
		return l
	}
}

// retire ends a tunnel beside whatever comes next. What is open in it goes on as long as it likes, unless the gateway wants it to end or too
// many others rest that are younger.
func (f *fleet) retire(l *link) {
	close(l.resting)
	for !l.session.Draining() && l.session.Streams() > 0 && f.restingAfter(l) < restingLimit {
		look := time.NewTimer(restingLook)
		select {
		case <-look.C:
		case <-l.session.Going():
		}
		look.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), f.c.cfg.Replace)
	defer cancel()
	_ = l.session.Drain(ctx) // what is still open then is cut
	_ = l.Close()            // it waits; ending a session that has drained is no error
}

// restingAfter gives how many younger tunnels to the same gateway rest.
func (f *fleet) restingAfter(l *link) (n int) {
	links, _ := f.all()
	for _, other := range links {
		if other.gateway == l.gateway && other.isResting() && other.since.After(l.since) {
			n++
		}
	}
	return n
}

func (f *fleet) dialFailed(g wire.Gateway, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, tunnel.ErrDraining) {
		return
	}
	f.c.note(fmt.Sprintf("connect to gateway %s at %s", g.ID, g.Address), err)
	f.lookInto(err)
	if live, _ := f.live(); len(live) == 0 {
		f.running.Go(f.c.lookForCaptive)
	}
}

// lookInto asks the service what is wrong with a certificate that a gateway refused.
func (f *fleet) lookInto(err error) {
	if !uplink.Rejected(err) {
		return
	}
	select {
	case f.c.check <- struct{}{}:
	default: // it is on its way
	}
}

// dial makes a tunnel and tells the gateway who uses the device.
func (f *fleet) dial(ctx context.Context, g wire.Gateway) (*link, error) {
	id := f.c.current.Load()
	if id == nil {
		return nil, ErrSignedOut
	}
	token, err := f.c.tokens.get(ctx, "")
	if err != nil {
		return nil, err
	}
	conn, way, err := f.c.cfg.Dialer.TunnelBy(ctx, uplink.Tunnel{Gateway: g, Service: id.cred.Connection.ServiceURL, TLS: id.tls, Wrap: tunnel.Coalesce})
	if err != nil {
		return nil, err
	}
	peer, _, err := credential.PeerIdentity(conn.ConnectionState())
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	l, err := f.start(conn, &link{gateway: peer.ID, address: g.Address, local: localAddress(conn), way: way})
	if err != nil {
		return nil, err
	}
	if err := f.introduce(ctx, l, token); err != nil {
		_ = l.Close() // what went wrong is told
		return nil, err
	}
	return l, f.admit(l)
}

func (f *fleet) start(conn net.Conn, l *link) (*link, error) {
	session, err := tunnel.New(tunnel.Config{
		Conn: conn, Dialler: true, Hello: tunnel.Hello{Instance: f.c.instance}, Log: f.c.log, Budget: f.c.budget,
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	l.session, l.since, l.ended, l.resting = session, time.Now(), make(chan struct{}), make(chan struct{})
	f.running.Go(func() {
		defer close(l.ended)
		// The session's life is its own: it ends by Close, by drain, or with its connection.
		l.err = session.Run(context.Background())
		f.remove(l)
	})
	return l, nil
}

// introduce waits for the gateway's HELLO (with TLS 1.3 a refused certificate shows after the handshake) and shows it the token, another one
// if that does not do any more.
func (f *fleet) introduce(ctx context.Context, l *link, token string) error {
	ready, cancel := context.WithTimeout(ctx, helloTimeout)
	hello, err := l.session.Ready(ready)
	cancel()
	if err != nil {
		return fmt.Errorf("gateway %s at %s: %w", l.gateway, l.address, err)
	}
	if hello.Instance != "" {
		l.gateway = hello.Instance // a resumed TLS session names who issued the ticket; this is who answers
	}
	l.showing.Lock()
	defer l.showing.Unlock()
	err = f.show(ctx, l, token)
	if noSession(err) {
		if token, err = f.c.tokens.get(ctx, token); err == nil {
			err = f.show(ctx, l, token)
		}
	}
	return err
}

// noSession tells whether a gateway says that it knows nobody who uses the device.
func noSession(err error) bool {
	refusal, ok := errors.AsType[*wire.Refusal](err)
	return ok && refusal.Code == wire.CodeNoSession
}

// reshow shows a newer token than the one that the answer known was about, unless somebody has by now. Of a sign-in that is over nothing is
// left: the tunnel ends.
func (f *fleet) reshow(ctx context.Context, l *link, known *wire.SessionKnown) error {
	l.showing.Lock()
	defer l.showing.Unlock()
	if l.known.Load() != known {
		return nil
	}
	token, err := f.c.tokens.get(ctx, l.shown)
	if err == nil {
		err = f.show(ctx, l, token)
	}
	if noSession(err) || fault.Is(err, fault.KindUnauthenticated) {
		f.c.note("stay signed in", err)
		_ = l.session.Close() // nobody waits for it
	}
	return err
}

// show tells the gateway who uses the device. l.showing is held.
func (f *fleet) show(ctx context.Context, l *link, token string) error {
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	known, err := agent.Ask[wire.SessionKnown](ctx, l.session, wire.QuestionSession, wire.AskSession{Token: token})
	if err != nil {
		return fmt.Errorf("sign in at gateway %s: %w", l.gateway, err)
	}
	l.shown = token
	l.known.Store(&known)
	return nil
}

// vouch shows a newer token before the one before ends, as long as the tunnel lives.
func (f *fleet) vouch(l *link) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // ends with the tunnel
		<-l.session.Done()
		cancel()
	}()
	for ctx.Err() == nil {
		known := l.known.Load()
		life := known.Until.Sub(known.Time) // both by the gateway's clock
		wait := min(max(life-max(life/4, renewAhead), time.Second), time.Hour)
		pause(ctx, wait)
		for again := time.Second; ctx.Err() == nil; again = min(2*again, 15*time.Second) {
			err := f.reshow(ctx, l, known)
			if err == nil {
				break
			}
			if ctx.Err() == nil {
				f.c.note("stay signed in", err)
			}
			pause(ctx, again)
		}
	}
}

func (f *fleet) admit(l *link) error {
	f.mu.Lock()
	closing := f.closing
	if !closing {
		f.links[l] = struct{}{}
		f.tell()
	}
	f.mu.Unlock()
	if closing {
		_ = l.Close() // nobody wants it
		return tunnel.ErrDraining
	}
	return nil
}

func (f *fleet) remove(l *link) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.links, l)
	f.tell()
}

// tell wakes those who wait for links. f.mu is held.
func (f *fleet) tell() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fleet) renewal() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.renewed
}

// renew makes every slot dial anew, with the certificate that is in force now, before its old tunnel drains.
func (f *fleet) renew() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.renewed)
	f.renewed = make(chan struct{})
}

// going tells whether the tunnel takes nothing new any more.
func (l *link) going() bool { return l.isResting() || l.session.Draining() }

func (l *link) isResting() bool {
	select {
	case <-l.resting:
		return true
	default:
		return false
	}
}

// all gives the tunnels, and what is closed when they may have changed.
func (f *fleet) all() ([]*link, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.links)), f.changed
}

// live gives the tunnels that take streams, the least loaded first, and what is closed when that may have changed.
func (f *fleet) live() ([]*link, <-chan struct{}) {
	all, changed := f.all()
	all = slices.DeleteFunc(all, (*link).going)
	slices.SortFunc(all, func(a, b *link) int {
		return cmp.Or(cmp.Compare(a.session.Streams(), b.session.Streams()), b.since.Compare(a.since))
	})
	return all, changed
}

// any gives the tunnels that take streams and waits until there is one.
func (f *fleet) any(ctx context.Context) ([]*link, error) {
	for {
		all, changed := f.live()
		if len(all) > 0 {
			return all, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// stop ends every slot, gives open flows a moment, and waits for all of it.
func (f *fleet) stop(drain time.Duration) {
	f.mu.Lock()
	f.closing = true
	f.tell()
	for _, stop := range f.slots {
		stop()
	}
	for l := range f.links {
		f.running.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), drain)
			defer cancel()
			_ = l.session.Drain(ctx) // what is still open then is cut
			_ = l.Close()            // as above
		})
	}
	f.mu.Unlock()
	f.running.Wait()
}

// problem says why there is no tunnel, as far as that is the user's to change.
func (f *fleet) problem() error {
	if f.c.current.Load() == nil {
		return ErrSignedOut
	}
	if err := f.c.tokens.problem(); err != nil {
		return fault.Unauthenticated("%s", err).Because(err)
	}
	return nil
}
