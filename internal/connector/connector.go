// Package connector runs a connector: it dials out to the gateways, and opens connections in its private network for
// those streams that its own configuration, its local rules and a signed grant allow.
//
// It listens on nothing but a status socket in its own directory and keeps nothing but its credential and how to reach the
// service. Whatever a gateway says, nothing reaches a backend without a grant that the control plane signed, a
// target of the connector's own configuration, and an address that the local rules let through.
package connector

import (
	"context"
	"crypto/fips140"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/connector/journal"
	"postern/internal/credential"
	"postern/internal/dial"
	"postern/internal/disk"
	"postern/internal/fault"
	"postern/internal/tunnel"
	"postern/internal/uplink"
	"postern/internal/wire"
)

// Config holds what a Connector needs. State, Dialer and Host are required.
type Config struct {
	State      string // directory of the credential, the connection settings and the status socket
	Rules      string // the local allow/deny file; empty: there is none
	Dialer     *uplink.Dialer
	Host       wire.Host
	Log        *slog.Logger
	Gateways   int                   // how many gateways to hold tunnels to at most; 3 if zero
	Drain      time.Duration         // how long open streams may take when Run ends; 30 s if zero. Those that move get more
	Limits     Limits                // the zero value works
	Reload     <-chan os.Signal      // optional; reads the local rules again
	Resolver   Resolver              // optional; net.DefaultResolver if nil
	Names      Names                 // optional; net.DefaultResolver if nil
	Backends   dial.One              // optional; connects to applications' checked addresses, plainly if nil
	Registerer prometheus.Registerer // optional; where the metrics go
	Now        func() time.Time      // optional; time.Now if nil
	Journal    *journal.Journal      // optional; what Log goes through: where key events and transactions are kept
	Sample     time.Duration         // how long a sample of what it measures of itself is; a minute if zero
	Counters   string                // optional, on Windows: what the performance counters of this connector are listed as
	Supervised bool                  // a supervisor holds the lock of State; another process may serve from it during a hand-over
}

// Limits bounds a connector. A zero field means the number in brackets.
type Limits struct {
	Streams int // open at once, over all tunnels [8192]
	Dials   int // backend connections under way at once [256]
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Gateways <= 0 {
		c.Gateways = 3
	}
	if c.Drain <= 0 {
		c.Drain = 30 * time.Second
	}
	if c.Limits.Streams <= 0 {
		c.Limits.Streams = 8192
	}
	if c.Limits.Dials <= 0 {
		c.Limits.Dials = 256
	}
	if c.Sample <= 0 {
		c.Sample = time.Minute
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	if c.Names == nil {
		c.Names = net.DefaultResolver
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Journal == nil {
		c.Journal = journal.New(journal.Config{}) // in memory only
		c.Log = slog.New(c.Journal.Handler(c.Log.Handler()))
	}
	return c
}

// Connector is a connector of one service.
type Connector struct {
	cfg       Config
	log       *slog.Logger
	dir       *credential.Directory
	local     *localRules
	instance  string // of this process
	started   time.Time
	budget    *tunnel.Budget
	current   atomic.Pointer[identity]
	following *following
	fleet     *fleet
	flows     *flows
	renewal   *renewal
	heart     *heart
	dials     chan struct{} // one element for each dial under way
	metrics   *metrics
	checkup   *checkup
	measuring *measuring
	bench     bench
	trials    trials
	logging   *logging
	save      sync.Mutex // held while the connection settings are written

	mu        sync.Mutex // guards the fields below
	draining  bool
	refused   string // why the service refuses to renew; empty: it does not
	ended     bool   // it refuses because it does not know this connector any more
	last      lastError
	logged    time.Time       // when last was logged
	diagnosis *wire.Diagnosis // the last that it made of its own accord
}

// identity is the credential in force with its TLS configuration, made once: sessions resume within it.
type identity struct {
	cred *credential.Credential
	tls  *tls.Config
}

// lastError is the latest thing that went wrong, for the status.
type lastError struct {
	Time  time.Time `json:"time"`
	While string    `json:"while"`
	Text  string    `json:"text"`
}

// New reads the credential and the local rules and wires a connector; it starts nothing. The error is of
// fault.KindNotFound when this machine is not enrolled.
func New(cfg Config) (*Connector, error) {
	cfg = cfg.withDefaults()
	dir, err := credential.Open(cfg.State)
	if err != nil {
		return nil, err
	}
	if err := resume(dir); err != nil {
		return nil, err
	}
	cred, err := dir.Load()
	if err != nil {
		return nil, err
	}
	local, err := openRules(cfg.Rules)
	if err != nil {
		return nil, err
	}
	c := &Connector{
		cfg: cfg, log: cfg.Log, dir: dir, local: local, instance: rand.Text(), started: cfg.Now(),
		budget: tunnel.NewBudget(0), flows: newFlows(), dials: make(chan struct{}, cfg.Limits.Dials),
	}
	c.logging = &logging{c: c, journal: cfg.Journal, changed: make(chan struct{}, 1)}
	c.checkup = &checkup{c: c, busy: make(chan struct{}, 1)}
	c.measuring = newMeasuring(c)
	c.fleet = newFleet(c)
	c.following = newFollowing(c)
	c.renewal = &renewal{c: c, check: make(chan struct{}, 1), asked: make(chan struct{}, 1)}
	c.heart = &heart{beating: make(chan struct{}), began: time.Now()}
	if err := c.use(cred); err != nil {
		return nil, err
	}
	c.metrics, err = newMetrics(cfg.Registerer, c)
	return c, err
}

// resume ends an enrolment that was interrupted when it had replaced the old credential in part.
func resume(dir *credential.Directory) error {
	ctx, cancel := context.WithTimeout(context.Background(), questionTime)
	defer cancel()
	lock, err := dir.Lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Unlock() // the lock ends with the process at the latest
	return dir.Resume()
}

func (c *Connector) identity() *identity { return c.current.Load() }

const runLock = "run.lock"

// LockRun makes sure that one process at a time, or one supervisor and its workers, serves from a directory.
func LockRun(state string) (*disk.FileLock, error) {
	lock, err := disk.TryLock(filepath.Join(state, runLock))
	if errors.Is(err, disk.ErrLocked) {
		return nil, fault.Conflict("a connector is running on %s: stop it first", state)
	}
	return lock, err
}

// Run serves until ctx ends, then drains: no new streams, and those that are open finish, within limits. It returns
// when all it started has ended: nil after a drain, ErrEnded when the service ended this connector for good.
func (c *Connector) Run(ctx context.Context) error {
	if !c.cfg.Supervised {
		lock, err := LockRun(c.cfg.State)
		if err != nil {
			return err
		}
		defer lock.Unlock() // the lock ends with the process at the latest
	}
	lifeCtx, stop := context.WithCancel(context.WithoutCancel(ctx)) // what is needed until the drain is over
	defer stop()
	var life sync.WaitGroup
	life.Go(func() { c.serveStatus(lifeCtx) })
	life.Go(func() { c.serveQuestions(lifeCtx) })
	life.Go(func() { c.heart.run(lifeCtx, c) })
	life.Go(func() { c.local.watch(lifeCtx, c.cfg.Reload, c.log) })

	workCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	var work sync.WaitGroup
	work.Go(func() { c.following.run(workCtx) })
	work.Go(func() { c.following.runHurry(workCtx) })
	work.Go(func() { c.runReports(workCtx) })
	work.Go(func() { c.checkup.run(workCtx) })
	work.Go(func() { c.measuring.run(workCtx) })
	work.Go(func() { c.logging.run(workCtx) })
	work.Go(func() { c.publish(workCtx) })
	cred := c.identity().cred
	c.log.Info("connector started", "connector", cred.Identity.ID, "service", cred.Connection.ServiceURL, "program", c.cfg.Host.Program,
		"serial", cred.Serial, "rules", c.cfg.Rules, "fips140", fips140.Enabled())
	c.fleet.follow(cred.Connection.Gateways)
	work.Go(func() { c.fleet.rescue(workCtx) })
	err := c.renewal.run(workCtx)
	c.setDraining()
	c.log.Info("connector draining", "streams", c.flows.count())
	cancel()
	work.Wait()
	c.fleet.stop()
	stop()
	life.Wait()
	c.log.Info("connector stopped")
	return err
}

// configured does what a new configuration asks for.
func (c *Connector) configured(before, next *settings) {
	c.log.Info("configuration in force", "version", next.Version, "targets", len(next.targets), "group", next.Group)
	if !next.Waiting.IsZero() {
		c.log.Warn(waitsForApproval, "approve", "postern connectors approve "+next.Name, "until", next.Waiting)
	}
	for _, warning := range next.warnings {
		c.log.Warn(warning)
	}
	c.logging.follow(next)
	c.renewal.ask()
	cred := c.identity().cred
	if before != nil && sameConnection(before.Configuration, next.Configuration) {
		return
	}
	connection := cred.Connection
	connection.ServiceURL, connection.Roots = next.ServiceURL, next.Roots
	if len(next.Gateways) > 0 { // an empty list would leave nobody to ask for a better one
		connection.Gateways = next.Gateways
	}
	if err := c.saveConnection(connection); err != nil {
		c.note("save the connection settings", err)
	}
	c.fleet.follow(connection.Gateways)
}

// saveConnection keeps how to reach the service and has it in force for the next dial.
func (c *Connector) saveConnection(connection credential.Connection) error {
	c.save.Lock()
	defer c.save.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), questionTime)
	defer cancel()
	lock, err := c.dir.Lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Unlock() // the lock ends with the process at the latest
	if err := c.dir.SaveConnection(connection); err != nil {
		return err
	}
	cred, err := c.dir.Load()
	if err != nil {
		return err
	}
	return c.use(cred)
}

// repeatAfter is how long the same error is not logged again: a network that is away fails many times a minute.
const repeatAfter = time.Minute

// note keeps an error for the status and logs it.
func (c *Connector) note(while string, err error) {
	c.mu.Lock()
	now := c.cfg.Now()
	again := c.last.While == while && c.last.Text == err.Error() && now.Sub(c.logged) < repeatAfter
	c.last = lastError{now, while, err.Error()}
	if !again {
		c.logged = now
	}
	c.mu.Unlock()
	log := c.log.Warn
	if again {
		log = c.log.Debug
	}
	if intercepted, ok := errors.AsType[*uplink.Intercepted](err); ok && intercepted.Service == "" {
		log("connection intercepted", "while", while, "issuer", intercepted.Issuer, "subject", intercepted.Subject, "address", intercepted.Address)
		return
	}
	log("error", "while", while, "error", err)
}

// dialFailed notes why a tunnel could not be made. A refused certificate is looked into at the service.
func (c *Connector) dialFailed(g wire.Gateway, err error) {
	if errors.Is(err, errEnough) || errors.Is(err, tunnel.ErrDraining) || errors.Is(err, context.Canceled) {
		c.log.Debug("tunnel not wanted", "gateway", g.ID, "address", g.Address, "reason", err)
		return
	}
	c.metrics.dialFailed()
	c.note(fmt.Sprintf("dial gateway %s at %s", g.ID, g.Address), err)
	c.lookInto(err)
}

// tunnelEnded notes why a tunnel ended.
func (c *Connector) tunnelEnded(l *link) {
	if l.err == nil || errors.Is(l.err, tunnel.ErrClosed) {
		c.log.Info("tunnel ended", "gateway", l.name())
		return
	}
	c.note("keep the tunnel to gateway "+l.name(), l.err)
	c.lookInto(l.err)
}

// lookInto asks the service what is wrong with a certificate that a gateway refused.
func (c *Connector) lookInto(err error) {
	if !uplink.Rejected(err) {
		return
	}
	select {
	case c.renewal.check <- struct{}{}:
	default: // it is on its way
	}
}

func (c *Connector) setDraining() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
}

// setRefused keeps why the service refuses to renew; nil: it does not.
func (c *Connector) setRefused(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused, c.ended = "", fault.Is(why, fault.KindGone)
	if why != nil {
		c.refused = why.Error()
	}
}
