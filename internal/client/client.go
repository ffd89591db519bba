// Package client is a user's way to private applications, on the user's own device.
//
// It keeps tunnels to gateways, tells them who uses the device, learns what that user may reach, and opens one stream for each
// connection or exchange of datagrams that programs of the device ask for. All ways in (proxies, forwarded ports, standard input and
// output) end in one Open, which decides where a flow goes: through a gateway, directly, or nowhere.
//
// What goes nowhere is said with the reason. While no gateway is reached, what was told last stays in force.
package client

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/client/flow"
	"postern/internal/credential"
	"postern/internal/dial"
	"postern/internal/disk"
	"postern/internal/fault"
	"postern/internal/tunnel"
	"postern/internal/uplink"
	"postern/internal/wire"
)

// Config holds what a Client needs. State and Dialer are required.
type Config struct {
	State     *State
	Dialer    *uplink.Dialer
	Host      wire.Host
	OSVersion string
	Log       *slog.Logger
	Journal   *Journal      // optional; has what was logged, for those who ask
	Gateways  int           // optional; how many to keep a tunnel to, 2 if zero
	Unsigned  bool          // run also while nobody is signed in, and go on with whoever signs in
	Direct    bool          // dial what belongs to no application, instead of refusing it
	Control   dial.Control  // optional; called for each socket of the client's own
	Drain     time.Duration // optional; how long open flows may go on when Run is to end, 2 s if zero
	Replace   time.Duration // optional; how long they may over a tunnel that its gateway wants to end, 1 min if zero
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Journal == nil {
		c.Journal = NewJournal(0)
	}
	if c.Gateways <= 0 {
		c.Gateways = 2
	}
	if c.Drain <= 0 {
		c.Drain = 2 * time.Second
	}
	if c.Replace <= 0 {
		c.Replace = time.Minute
	}
	return c
}

const (
	lookEvery    = time.Second      // at the files of the sign-in: login and logout are other processes
	questionTime = 10 * time.Second // for a question that is answered at once
)

// Client is the client of one user on one device.
type Client struct {
	cfg      Config
	log      *slog.Logger
	state    *State
	instance string
	started  time.Time
	budget   *tunnel.Budget
	tokens   *tokens
	fleet    *fleet
	rules    *following
	check    chan struct{} // holds one element when a gateway refused the certificate
	followCA chan struct{} // holds one element when the service wants certificates of another issuer
	flows    *flows
	searches searches

	current atomic.Pointer[identity] // nil: nobody is signed in

	mu      sync.Mutex // guards the fields below
	paused  time.Time  // until when nothing goes through gateways
	last    lastError
	logged  time.Time // when last was logged
	stop    context.CancelCauseFunc
	signIns stamp

	captive       string // a page of the network to sign in at first; guarded by mu, as the next
	captiveLooked time.Time
}

// identity is the credential in force with its TLS configuration, made once: sessions resume within it.
type identity struct {
	cred    *credential.Credential
	tls     *tls.Config
	service string
}

// lastError is the latest thing that went wrong, for the status.
type lastError struct {
	Time  time.Time `json:"time"`
	While string    `json:"while"`
	Text  string    `json:"text"`
}

// New reads what is kept and wires a client; it starts nothing. ErrSignedOut: nobody is signed in.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	c := &Client{
		cfg: cfg, log: cfg.Log, state: cfg.State, instance: rand.Text(), started: time.Now(), budget: tunnel.NewBudget(0),
		check: make(chan struct{}, 1), followCA: make(chan struct{}, 1), flows: &flows{open: map[*flow.Flow]time.Time{}},
	}
	c.tokens = &tokens{state: cfg.State, dialer: cfg.Dialer}
	c.fleet = newFleet(c)
	c.rules = newFollowing(c)
	c.signIns = c.state.stamp()
	if err := c.resume(); err != nil {
		return nil, err
	}
	err := c.reload()
	if err == nil {
		c.rules.recall()
	}
	if errors.Is(err, ErrSignedOut) && cfg.Unsigned {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// resume ends a change of the device's key that was interrupted.
func (c *Client) resume() error {
	ctx, cancel := context.WithTimeout(context.Background(), questionTime)
	defer cancel()
	lock, err := c.state.dir.Lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Unlock() // the lock ends with the process at the latest
	return c.state.dir.Resume()
}

// LockRun makes sure that one process at a time is the client of a directory.
func LockRun(state *State) (*disk.FileLock, error) {
	lock, err := disk.TryLock(state.file(lockRun))
	if errors.Is(err, disk.ErrLocked) {
		return nil, fault.Conflict("postern-client up is running already on %s: postern-client status tells how it is", state.path)
	}
	return lock, err
}

// reload reads the sign-in and the credential and puts them in force.
func (c *Client) reload() error {
	kept, err := c.state.signIn()
	if err != nil {
		c.current.Store(nil)
		return err
	}
	cred, err := c.state.dir.Load()
	if fault.Is(err, fault.KindNotFound) {
		err = ErrSignedOut // of a sign-in that was not finished
	}
	if err != nil {
		c.current.Store(nil)
		return err
	}
	return c.use(cred, kept.Service)
}

// use puts a credential in force: new tunnels come up with it, and the old ones end when nothing goes through them any more.
func (c *Client) use(cred *credential.Credential, service string) error {
	config, err := cred.TunnelTLS()
	if err != nil {
		return err
	}
	before := c.current.Swap(&identity{cred: cred, tls: config, service: service})
	switch {
	case before == nil:
	case before.cred.Identity != cred.Identity: // another user's device
		c.rules.forget()
		c.fleet.drop()
	case before.cred.Serial != cred.Serial:
		c.fleet.renew()
	}
	return nil
}

// Run keeps tunnels and rules until ctx ends or Stop is called, then gives open flows a moment, and returns when all it started has ended.
func (c *Client) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(dial.With(ctx, c.cfg.Control))
	defer stop(nil)
	c.mu.Lock()
	c.stop = stop
	c.mu.Unlock()
	if id := c.current.Load(); id != nil {
		c.log.Info("client started", "device", id.cred.Identity.ID, "service", id.service, "program", c.cfg.Host.Program)
		c.fleet.follow(id.cred.Connection.Gateways)
	} else {
		c.log.Info("client started: nobody is signed in", "program", c.cfg.Host.Program)
	}
	var work sync.WaitGroup
	work.Go(func() { c.rules.run(ctx) })
	work.Go(func() { c.watchState(ctx) })
	work.Go(func() { c.renewals(ctx) })
	work.Go(func() { c.watchNetwork(ctx) })
	<-ctx.Done()
	work.Wait()
	c.fleet.stop(c.cfg.Drain)
	c.log.Info("client stopped")
	return nil
}

// Stop ends Run.
func (c *Client) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop(context.Canceled)
	}
}

// stamp tells whether the files of the sign-in are still the same.
type stamp struct{ signIn, credential time.Time }

func (s *State) stamp() stamp {
	changed := func(name string) time.Time {
		info, err := os.Lstat(s.file(name))
		if err != nil {
			return time.Time{}
		}
		return info.ModTime()
	}
	return stamp{changed(fileSignIn), changed(fileCredential)}
}

// fileCredential is the file of credential.Directory that is renamed to when there is a new one.
const fileCredential = "credential.pem"

// watchState follows what other processes do to the sign-in: login, logout.
func (c *Client) watchState(ctx context.Context) {
	for {
		pause(ctx, lookEvery)
		if ctx.Err() != nil {
			return
		}
		if now := c.state.stamp(); now != c.signIns {
			c.signIns = now
			c.reloaded(c.reload())
		}
	}
}

// reloaded does what another sign-in, or none, asks for.
func (c *Client) reloaded(err error) {
	if err != nil {
		if !errors.Is(err, ErrSignedOut) {
			c.note("read the sign-in", err)
		}
		c.log.Warn("signed out: nothing is carried until somebody signs in (postern-client login)")
		c.rules.forget()
		c.fleet.drop()
		return
	}
	c.tokens.reset()
	c.fleet.hurry()
	c.fleet.follow(c.current.Load().cred.Connection.Gateways)
}

// repeatAfter is how long the same error is not logged again: a network that is away fails many times a minute.
const repeatAfter = time.Minute

// note keeps an error for the status and logs it.
func (c *Client) note(while string, err error) {
	c.mu.Lock()
	now := time.Now()
	again := c.last.While == while && c.last.Text == err.Error() && now.Sub(c.logged) < repeatAfter
	c.last = lastError{now, while, err.Error()}
	if !again {
		c.logged = now
	}
	c.mu.Unlock()
	if again {
		c.log.Debug("error", "while", while, "error", err)
		return
	}
	c.log.Warn("error", "while", while, "error", err)
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
