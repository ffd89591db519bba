package connector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/agent"
	"postern/internal/credential"
	"postern/internal/tunnel"
	"postern/internal/uplink"
	"postern/internal/wire"
)

const (
	tunnelsPerGateway = 2
	helloTimeout      = 3 * time.Second  // from a finished TLS handshake to the gateway's HELLO
	successorWait     = 30 * time.Second // how long a tunnel that is to go waits for another one
	movingLimit       = 10 * time.Minute // how long a drain waits for streams that move
	// restingLimit is how many replaced tunnels to a gateway may go on for what is open in them: with those in use and their successors no
	// more than a gateway takes of one connector.
	restingLimit = 2 * tunnelsPerGateway
)

// link is one tunnel to a gateway.
type link struct {
	gateway atomic.Pointer[string] // its id
	address string                 // that was dialled
	session *tunnel.Session
	grants  *grants
	since   time.Time
	way     uplink.Way    // by which it goes
	ended   chan struct{} // closed when Run has returned
	err     error         // why; to be read after ended

	asking     context.Context // ends when no question of ours shall hold up its drain any more
	stopAsking context.CancelFunc

	// guarded by fleet.mu:
	retiring bool               // another one is to take its place
	hurry    context.CancelFunc // while it rests: it is to drain in time after all
}

// name gives the gateway's id.
func (l *link) name() string { return *l.gateway.Load() }

// Close ends the tunnel at once and waits for its end.
func (l *link) Close() error {
	err := l.session.Close()
	<-l.ended
	return err
}

// fleet keeps the tunnels: so many to each gateway, each replaced when it ends, drains or has an old certificate.
type fleet struct {
	c       *Connector
	running sync.WaitGroup // slots, sessions and drains

	mu      sync.Mutex // guards the fields below
	slots   map[wire.Gateway]context.CancelFunc
	links   map[*link]struct{}
	changed chan struct{} // closed and replaced when links changes
	renewed chan struct{} // closed and replaced when there is a new certificate
	resting []*link       // replaced, not ended; the oldest first
	closing bool
	past    carried // by tunnels that have ended
}

func newFleet(c *Connector) *fleet {
	past := carried{resets: map[string]uint64{}, limits: map[string]uint64{}}
	return &fleet{c: c, past: past, slots: map[wire.Gateway]context.CancelFunc{}, links: map[*link]struct{}{},
		changed: make(chan struct{}), renewed: make(chan struct{})}
}

// follow makes the slots fit the list: new ones start first, those that are gone drain once there is another tunnel.
func (f *fleet) follow(gateways []wire.Gateway) {
	want := agent.Choose(gateways, f.c.identity().cred.Identity.ID, f.c.cfg.Gateways)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing {
		return
	}
	for g, stop := range f.slots {
		if !slices.Contains(want, g) {
			stop()
			delete(f.slots, g)
			f.retireOthers(g, want)
		}
	}
	for _, g := range want {
		if f.slots[g] != nil {
			continue
		}
		ctx, stop := context.WithCancel(context.Background()) // ends with the slot or by stop
		f.slots[g] = stop
		for range tunnelsPerGateway {
			f.running.Go(func() { f.keep(ctx, g) })
		}
	}
}

// retireOthers makes room for a gateway that moved to another address. f.mu is held.
func (f *fleet) retireOthers(gone wire.Gateway, want []wire.Gateway) {
	for l := range f.links {
		if l.name() == gone.ID && l.address == gone.Address && slices.ContainsFunc(want, func(g wire.Gateway) bool { return g.ID == gone.ID }) {
			l.retiring = true
		}
	}
}

// keep holds one tunnel to a gateway until ctx ends.
func (f *fleet) keep(ctx context.Context, g wire.Gateway) {
	var backoff uplink.Backoff
	var last *link
	for {
		renewed := f.renewal()
		l, err := uplink.Connect(ctx, &backoff, func(ctx context.Context) (*link, error) { return f.dial(ctx, g) },
			func(err error) { f.c.dialFailed(g, err) })
		if err != nil {
			f.leave(last)
			return
		}
		if replaced := last; replaced != nil { // last is another one when it rests
			f.running.Go(func() { f.rest(replaced) })
		}
		f.up(l)
		f.watch(ctx, l, renewed)
		backoff.Ended(time.Since(l.since))
		last = f.after(l)
	}
}

// up logs that a tunnel is there, and by which way where that is not the plain one.
func (f *fleet) up(l *link) {
	log := f.c.log.With("gateway", l.name(), "address", l.address)
	switch {
	case l.way.Upgraded:
		log.Warn("tunnel up by HTTP Upgrade: TLS is intercepted or ended on the way", "issuer", l.way.Issuer, "proxy", l.way.Proxy)
	case l.way.Proxy != "":
		log.Info("tunnel up", "proxy", l.way.Proxy)
	default:
		log.Info("tunnel up")
	}
}

// way gives in words how the tunnels go, if one of them goes another way than the plain one.
func (f *fleet) way() string {
	var words []string
	for _, l := range f.all() {
		if way := l.way.String(); way != "" && !slices.Contains(words, way) {
			words = append(words, way)
		}
	}
	slices.Sort(words)
	return strings.Join(words, "; ")
}

// watch returns when the tunnel ended, or another one should take its place.
func (f *fleet) watch(ctx context.Context, l *link, renewed <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-renewed:
	case <-l.session.Going():
	}
}

// after gives the link if it still carries streams and is to be replaced, nil if it ended.
func (f *fleet) after(l *link) *link {
	select {
	case <-l.session.Done():
		<-l.ended
		f.c.tunnelEnded(l)
		return nil
	default:
	}
	l.stopAsking()
	f.mu.Lock()
	l.retiring = true
	f.mu.Unlock()
	return l
}

// rest ends a tunnel whose successor is up as soon as nothing is open in it, however long that takes: a renewal cuts nothing. Revoked
// certificates and gateways that want it to end do not wait.
func (f *fleet) rest(l *link) {
	ctx, hurry := context.WithCancel(context.Background())
	defer hurry()
	f.mu.Lock()
	l.hurry = hurry
	f.resting = append(f.resting, l)
	beside := slices.DeleteFunc(slices.Clone(f.resting), func(other *link) bool { return other.name() != l.name() })
	for _, old := range beside[:max(len(beside)-restingLimit, 0)] {
		old.hurry()
	}
	f.mu.Unlock()
	_ = l.session.Drain(ctx) // if it has not ended, it is to do so in time now
	f.drain(l)
	f.mu.Lock()
	f.resting = slices.DeleteFunc(f.resting, func(other *link) bool { return other == l })
	f.mu.Unlock()
}

// leave drains the tunnel of a slot that ends, as soon as there is another tunnel to use. When everything ends, stop
// drains.
func (f *fleet) leave(l *link) {
	f.mu.Lock()
	closing := f.closing
	f.mu.Unlock()
	if l == nil || closing {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), successorWait)
	defer cancel()
	for closing = false; !closing && f.alone(l); {
		closing = f.waitChange(ctx)
	}
	f.drain(l)
}

// alone tells whether no other tunnel takes streams.
func (f *fleet) alone(l *link) bool {
	return !slices.ContainsFunc(f.live(), func(other *link) bool { return other != l })
}

// waitChange waits until the tunnels change and tells whether waiting is over: ctx ended, or everything ends.
func (f *fleet) waitChange(ctx context.Context) (over bool) {
	f.mu.Lock()
	changed, closing := f.changed, f.closing
	f.mu.Unlock()
	if closing {
		return true
	}
	select {
	case <-changed:
		return false
	case <-ctx.Done():
		return true
	}
}

// drain ends a tunnel and loses nothing that ends in time; what moves gets more time.
func (f *fleet) drain(l *link) {
	l.stopAsking()
	ctx, cancel := context.WithTimeout(context.Background(), f.c.cfg.Drain)
	err := l.session.Drain(ctx)
	cancel()
	if errors.Is(err, context.DeadlineExceeded) {
		more, cancel := context.WithTimeout(context.Background(), movingLimit)
		f.c.flows.outlast(more, l)
		cancel()
		last, cancel := context.WithTimeout(context.Background(), time.Second)
		err = l.session.Drain(last) // the ends of what was reset have a moment to leave
		cancel()
	}
	_ = l.Close() // it waits; ending a session that has drained is no error
	f.c.log.Info("tunnel drained", "gateway", l.name(), "complete", err == nil)
}

// dial makes a tunnel. It is a success only when the gateway said HELLO: with TLS 1.3 a refused certificate shows
// after the handshake.
func (f *fleet) dial(ctx context.Context, g wire.Gateway) (*link, error) {
	id := f.c.identity()
	conn, way, err := f.c.cfg.Dialer.TunnelBy(ctx, uplink.Tunnel{Gateway: g, Service: id.cred.Connection.ServiceURL, TLS: id.tls, Wrap: tunnel.Coalesce})
	if err != nil {
		return nil, err
	}
	peer, _, err := credential.PeerIdentity(conn.ConnectionState())
	if err == nil {
		err = f.room(peer.ID)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	l, err := f.start(conn, peer.ID, g.Address)
	if err != nil {
		return nil, err
	}
	l.way = way
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	hello, err := l.session.Ready(ctx)
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("gateway %s at %s: %w", peer.ID, g.Address, err)
	}
	if hello.Instance != "" {
		// Behind a shared address a resumed TLS session names the gateway that issued the ticket; this is the one that answers.
		l.gateway.Store(&hello.Instance)
	}
	if err := f.admit(l); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

func (f *fleet) start(conn net.Conn, gateway, address string) (*link, error) {
	l := &link{address: address, grants: newGrants(), since: time.Now(), ended: make(chan struct{})}
	l.gateway.Store(&gateway)
	l.asking, l.stopAsking = context.WithCancel(context.Background())
	session, err := tunnel.New(tunnel.Config{
		Conn:    conn,
		Dialler: true,
		Hello:   tunnel.Hello{Instance: f.c.instance},
		Accept:  func(st *tunnel.Stream) { f.c.accept(l, st) },
		Log:     f.c.log,
		Budget:  f.c.budget,
		Limits:  tunnel.Limits{Streams: f.c.cfg.Limits.Streams},
	})
	if err != nil {
		l.stopAsking()
		return nil, errors.Join(err, conn.Close())
	}
	l.session = session
	f.running.Go(func() {
		defer close(l.ended)
		// The session's life is its own: it ends by Close, by drain, or with its connection.
		l.err = session.Run(context.Background())
		l.stopAsking()
		f.remove(l)
	})
	return l, nil
}

// errEnough says that a shared address led to a gateway that has its tunnels.
var errEnough = errors.New("this gateway has its tunnels already; another one is wanted")

// room tells whether another tunnel to the gateway is wanted.
func (f *fleet) room(gateway string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.roomLocked(gateway)
}

func (f *fleet) roomLocked(gateway string) error {
	if f.closing {
		return tunnel.ErrDraining
	}
	count := 0
	for l := range f.links {
		if l.name() == gateway && !l.retiring {
			count++
		}
	}
	if count >= tunnelsPerGateway {
		return fmt.Errorf("gateway %s: %w", gateway, errEnough)
	}
	return nil
}

func (f *fleet) admit(l *link) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.roomLocked(l.name()); err != nil {
		return err
	}
	f.links[l] = struct{}{}
	f.past.made++
	f.tell()
	return nil
}

func (f *fleet) remove(l *link) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, admitted := f.links[l]; admitted {
		f.past.add(l.session.Stats())
		if l.err == nil || errors.Is(l.err, tunnel.ErrClosed) {
			f.past.drained++
		} else {
			f.past.lost++
		}
	}
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

// any gives a tunnel that takes streams, the youngest, and waits for one if there is none.
func (f *fleet) any(ctx context.Context) (*link, error) {
	for {
		l, changed := f.youngest()
		if l != nil {
			return l, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (f *fleet) youngest() (best *link, changed <-chan struct{}) {
	f.mu.Lock()
	changed = f.changed // before the look, so that nothing is missed
	f.mu.Unlock()
	for _, l := range f.live() {
		if l.asking.Err() == nil && (best == nil || l.since.After(best.since)) {
			best = l
		}
	}
	return best, changed
}

// all gives the tunnels, those that drain included.
func (f *fleet) all() []*link {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.links))
}

// live gives the tunnels that take streams.
func (f *fleet) live() []*link {
	return slices.DeleteFunc(f.all(), func(l *link) bool { return l.session.Draining() })
}

// stop lets every slot end, drains every tunnel and waits for all of it.
func (f *fleet) stop() {
	f.mu.Lock()
	f.closing = true
	f.tell()
	for _, stop := range f.slots {
		stop()
	}
	for l := range f.links {
		f.running.Go(func() { f.drain(l) })
	}
	f.mu.Unlock()
	f.running.Wait()
}
