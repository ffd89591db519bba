// Package control is everything that an administrator, a connector or a gateway may ask of the
// system.
//
// Every change goes one way, act: begin → version+1 → authorise → change → audit → commit →
// announce. Every view is authorised too. What carries traffic gets an immutable Snapshot; the last
// one is kept when the database is away, so that gateways serve on.
package control

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/access"
	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/trafficlog"
)

// Config holds what a Control needs. Fields are required unless they say otherwise.
type Config struct {
	Store      *store.Store
	Log        *slog.Logger
	Names      access.Names
	Gateway    access.Gateway            // the gateway of this process
	Settings   Settings                  // optional
	Passwords  identity.PasswordConfig   // optional
	Breached   *identity.Breached        // optional; passwords that nobody may choose
	Throttle   identity.ThrottleConfig   // optional; its clock is Now
	Registerer prometheus.Registerer     // optional; nobody counts if nil
	Now        func() time.Time          // optional; time.Now if nil
	Own        func(netip.AddrPort) bool // optional; tells our own listeners, which no upstream may lead to
	Data       string                    // optional; the data directory, whose disk Findings looks at
	Ask        Asker                     // optional; how connectors are asked something
	AskGateway GatewayAsker              // optional; how other gateways are
	Traffic    *trafficlog.Log           // optional; of the gateway of this process
	Counts     Counter                   // optional; what that gateway counts
	Flags      []Flag                    // optional; what the service was started with
}

// Settings are the lifetimes that somebody may want otherwise. A zero field means the number in
// brackets.
type Settings struct {
	Certificate       time.Duration // of a connector's or gateway's certificate [30 days]
	Overlap           time.Duration // how long a replaced key may still ask to renew [24 h]
	Grant             time.Duration // [1 h], at most wire.MaxGrantLife
	SessionIdle       time.Duration // an unused session ends [12 h]
	SessionLife       time.Duration // every session ends [24 h]
	SessionAway       time.Duration // remembered sessions are honoured without the database [60 min]
	AuditRetention    time.Duration // of the audit log, whatever the configuration says [what it says]
	SignInRetention   time.Duration // of the sign-in log, the same
	TrafficRetention  time.Duration // of the traffic log, the same
	TrafficBytes      int64         // how large that becomes, the same; negative: there is none
	ConfigurationWait time.Duration // the longest wait of AgentConfiguration [2 min]
	ArchiveAfter      time.Duration // of absence a connector is archived [10 days]
	ArchiveKeep       time.Duration // of absence after that it is deleted [180 days]

	ProgramLife time.Duration // a program's session ends, such as the command line's [30 days]
	ProgramIdle time.Duration // an unused one ends [7 days]

	RequireSecondFactor bool // nobody gets in without one; who has none enrols one at the next sign-in
}

func (s *Settings) complete() {
	const day = 24 * time.Hour
	fill := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	fill(&s.Certificate, 30*day)
	fill(&s.Overlap, day)
	fill(&s.Grant, maxGrant)
	s.Grant = min(s.Grant, maxGrant)
	fill(&s.SessionIdle, 12*time.Hour)
	fill(&s.SessionLife, day)
	fill(&s.SessionAway, time.Hour)
	fill(&s.ProgramLife, 30*day)
	fill(&s.ProgramIdle, 7*day)
	fill(&s.ConfigurationWait, 2*time.Minute)
	fill(&s.ArchiveAfter, 10*day)
	fill(&s.ArchiveKeep, 180*day)
}

// Control is the control plane of one process.
type Control struct {
	cfg   Config
	store *store.Store
	log   *slog.Logger
	now   func() time.Time

	instance  instance
	snapshot  watched[*access.Snapshot]
	endings   endings
	sessions  *session.Cache
	certs     *Certificates
	authority atomic.Pointer[authority]
	signing   atomic.Pointer[signing]
	inspected atomic.Pointer[inspection]
	reminded  atomic.Pointer[time.Time] // when the log was last told what is wrong
	grants    grants
	presence  presence
	having    having
	archiving archiving
	alerting  *alerting
	examined  examined
	loads     loads
	measured  measured
	replicas  replicas
	gateways  gatewayStates

	passwords      *identity.Passwords
	throttle       *identity.Throttle
	second         *identity.Throttle // of second factors: only who knows the password reaches it
	devices        *identity.Throttle // of the short codes of programs
	enrolling      *identity.Throttle // of devices that ask for certificates, by their users
	accessKeys     *identity.Throttle // of access keys, by the network that shows them
	acquaintances  *identity.Throttle // of questions from where a user signed in before
	passkeys       *identity.Passkeys
	refusals       *refusals
	signIns        *signIns
	exporting      *exporting
	trials         atomic.Int32               // tests of applications under way
	denials        denials                    // that were noted not long ago
	uses           denials                    // of keys, and renewals of tokens
	auditSeen      atomic.Pointer[audit.Head] // the end of the audit log that was seen last
	providers      providers
	announced      chan struct{} // something was committed
	away           atomic.Pointer[awayError]
	keysUsed       keysUsed
	accessKeysUsed keysUsed
	devicesSeen    devicesSeen
	discovery      *discovery
	keyUsers       keyUsers
	accessKeysGood goodKeys
	backingUp      sync.Mutex // held while a backup is taken
	erasedUpto     uint64     // of eraseTraffic: up to which entry of the audit log it looked
}

// awayError is why the store could not be read the last time.
type awayError struct {
	err   error
	since time.Time
}

// New opens the instance that the store holds, or makes it at the first start, and builds the first
// snapshot. It starts nothing; Run does.
func New(ctx context.Context, cfg Config) (*Control, error) {
	if cfg.Store == nil || cfg.Log == nil {
		return nil, fault.Internal(nil, "control needs a store and a log")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Settings.complete()
	cfg.Throttle.Now = cfg.Now
	if err := checkNames(cfg.Names); err != nil {
		return nil, err
	}
	c := &Control{
		cfg: cfg, store: cfg.Store, log: cfg.Log,
		// The database keeps microseconds; what is compared with it must not know better.
		now:           func() time.Time { return cfg.Now().UTC().Truncate(time.Microsecond) },
		passwords:     identity.NewPasswords(cfg.Passwords),
		throttle:      identity.NewThrottle(cfg.Throttle),
		second:        identity.NewThrottle(secondThrottle(cfg.Throttle)),
		devices:       identity.NewThrottle(secondThrottle(cfg.Throttle)),
		accessKeys:    identity.NewThrottle(accessKeyThrottle(cfg.Throttle)),
		acquaintances: identity.NewThrottle(accessKeyThrottle(cfg.Throttle)),
		enrolling:     identity.NewThrottle(enrolThrottle(cfg.Throttle)), announced: make(chan struct{}, 1),
		alerting: newAlerting(), archiving: archiving{arrived: make(chan struct{}, 1)},
		denials: denials{every: denialEvery, limit: maxDenials},
		uses:    denials{every: useEvery, limit: maxUses},
	}
	var err error
	if c.passkeys, err = identity.NewPasskeys(cfg.Names.PortalURL); err != nil {
		return nil, err
	}
	c.providers.dial = c.dialUpstream
	if err = c.openCounted(cfg.Registerer); err != nil {
		return nil, err
	}
	if err := c.bootstrap(ctx); err != nil {
		return nil, err
	}
	c.sessions = session.NewCache(session.CacheConfig{
		Keys: c.instance.macs, Look: c.lookUpSession, Idle: cfg.Settings.SessionIdle, Rest: cfg.Settings.ProgramIdle, Away: cfg.Settings.SessionAway, Now: c.now,
	})
	c.certs = newCertificates(c)
	if err := c.registerHealth(); err != nil {
		return nil, err
	}
	// Once more after the issuing certificate, which may have ended while nothing ran.
	for _, step := range []func(context.Context) error{c.refresh, c.renewIssuing, c.refresh, c.certs.renewGateway} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	c.certs.prepare(ctx, c.certs.ownHosts()) // what cannot be made now is made when it is asked for
	return c, nil
}

// openCounted makes the parts that have metrics of their own.
func (c *Control) openCounted(r prometheus.Registerer) (err error) {
	if c.refusals, err = newRefusals(r); err != nil {
		return err
	}
	if c.signIns, err = newSignIns(r, c.now); err != nil {
		return err
	}
	if c.discovery, err = newDiscovery(r); err != nil {
		return err
	}
	c.exporting, err = newExporting(r)
	return err
}

// checkNames says what is wrong with the service's own addresses.
func checkNames(names access.Names) error {
	var p fault.Problems
	for field, raw := range map[string]string{"url": names.PortalURL, "admin-url": names.AdminURL} {
		e, err := access.ParseEndpoint(raw)
		p.Check(field, err)
		if err == nil && (e.Scheme != "https" || e.Path != "/") {
			p.Add(field, "must be https://host[:port] without a path")
		}
	}
	return p.Err()
}

// The rhythm of Run.
const (
	pollEvery   = time.Second
	coalesce    = 100 * time.Millisecond // announcements: at most ten a second
	batchEvery  = 15 * time.Second       // last-used and last-seen times
	cleanEvery  = time.Minute
	eraseEvery  = 5 * time.Second // users from the traffic log
	renewEvery  = 10 * time.Minute
	writeWithin = 10 * time.Second
)

// Run watches for changes, writes what is batched and cleans up, until ctx ends.
func (c *Control) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { c.watch(ctx) })
	wg.Go(func() { _ = c.store.Listen(ctx, c.announce) })
	wg.Go(func() { c.prepareHosts(ctx) })
	wg.Go(func() { c.beat(ctx) })
	wg.Go(func() { c.keepLease(ctx) })
	wg.Go(func() { every(ctx, batchEvery, c.writeBatches) })
	wg.Go(func() { every(ctx, signInEvery, c.writeSignIns) })
	wg.Go(func() { every(ctx, exportEvery, c.singly(c.sendLogs)) })
	wg.Go(func() { every(ctx, exportEvery, c.sendTraffic) })
	wg.Go(func() { every(ctx, cleanEvery, c.singly(c.clean)) })
	wg.Go(func() { every(ctx, renewEvery, c.renewCertificates) })
	wg.Go(func() { every(ctx, c.archiveStep(), c.singly(c.archive)) })
	wg.Go(func() { c.takeReturned(ctx) })
	wg.Go(func() { every(ctx, alertEvery, c.singly(c.alert)) })
	wg.Go(func() { c.writeEvents(ctx) })
	wg.Go(func() { every(ctx, inspectEvery, c.inspect) })
	wg.Go(func() { every(ctx, rereadEvery, c.reread) })
	wg.Go(func() { c.runSeries(ctx) })
	wg.Go(func() { every(ctx, eraseEvery, c.eraseTraffic) })
	wg.Go(func() { every(ctx, discoverEvery, c.writeDiscovered) })
	wg.Wait()
	c.exporting.all.Wait()
	c.providers.close()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWithin)
	defer cancel()
	c.writeBatches(last)
	c.writeSignIns(last)
	c.writeDiscovered(last)
	c.count(last, 0)
	c.measure(last)
	return nil
}

func every(ctx context.Context, interval time.Duration, do func(context.Context)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			do(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// watch refreshes after each announcement, of this or another replica, and each second: an
// announcement may be lost.
func (c *Control) watch(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-c.announced:
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		within, cancel := context.WithTimeout(ctx, writeWithin)
		_ = c.refresh(within) // it logs and remembers why
		c.certs.catchUp(within)
		cancel()
		pause.Reset(coalesce)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

// announce tells this process that something was committed.
func (c *Control) announce() {
	select {
	case c.announced <- struct{}{}:
	default: // one is waiting already
	}
}

// watched is a value that many wait for. The zero value holds nothing.
type watched[T any] struct {
	mu      sync.Mutex // guards both
	value   T
	changed chan struct{}
}

// get gives the value and a channel that closes when there is another.
func (w *watched[T]) get() (T, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.value, w.changed
}

func (w *watched[T]) set(value T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.value = value
	if w.changed != nil {
		close(w.changed)
	}
	w.changed = make(chan struct{})
}
