package control

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/store"
)

// Replicas on one database know of each other by a heartbeat row of each one's gateway. All times
// here are the database's or this process's own: clocks that differ do no harm.
const (
	beatEvery   = 3 * time.Second
	gatewayGone = 15 * time.Second // without a heartbeat a gateway is taken for lost
	forgetAfter = time.Hour        // when its row is deleted
)

// replicas is what this process knows of itself as one of several.
type replicas struct {
	mu     sync.Mutex // guards all below
	steady time.Time  // since when our own heartbeat arrives without a break
	last   time.Time  // our last heartbeat
	lease  store.Lease
	holds  time.Time // until when the lease is surely ours
}

// beat tells the others from time to time that this gateway runs, until ctx ends. One that stops stays
// in the list until its heartbeat is missed: mostly it restarts, and a connector that reaches nothing else
// must go on dialling its address.
func (c *Control) beat(ctx context.Context) {
	if !c.store.Shared() {
		return
	}
	c.beatOnce(ctx)
	every(ctx, beatEvery, c.beatOnce)
}

func (c *Control) beatOnce(ctx context.Context) {
	r := &c.replicas
	r.mu.Lock()
	first := r.last.IsZero()
	r.mu.Unlock()
	err := c.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.BeatGateway(ctx, c.cfg.Gateway); err != nil || !first {
			return err
		}
		return tx.Announce(ctx)
	})
	if err != nil {
		if ctx.Err() == nil {
			c.log.Debug("heartbeat", "error", cause(err)) // whoever reads says that the database is away
		}
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.last.IsZero() || now.Sub(r.last) > gatewayGone/2 {
		r.steady = now
	}
	r.last = now
}

// mayJudge reports whether a heartbeat that is missing says something of the other gateway: after
// the database was away all are missing, and each needs a moment to beat again.
func (r *replicas) mayJudge() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	return !r.steady.IsZero() && now.Sub(r.steady) > gatewayGone && now.Sub(r.last) < gatewayGone/2
}

// runningGateways gives the gateways that run: this one, those whose heartbeat arrives, and those
// that were there before as long as nobody can tell.
func (c *Control) runningGateways(ctx context.Context, tx *store.Tx) ([]access.Gateway, error) {
	var list []access.Gateway
	if c.store.Shared() {
		found, err := tx.Gateways(ctx, gatewayGone)
		if err != nil {
			return nil, err
		}
		list = found
		if before := c.current(); before != nil && !c.replicas.mayJudge() {
			for _, g := range before.Gateways {
				if !slices.ContainsFunc(list, func(other access.Gateway) bool { return other.ID == g.ID }) {
					list = append(list, g)
				}
			}
		}
	}
	list = slices.DeleteFunc(list, func(g access.Gateway) bool { return g.ID == c.cfg.Gateway.ID })
	list = append(list, c.cfg.Gateway)
	slices.SortFunc(list, func(a, b access.Gateway) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list, nil
}

func sameGateways(a, b []access.Gateway) bool {
	return slices.EqualFunc(a, b, func(a, b access.Gateway) bool { return a.ID == b.ID && a.Address == b.Address && a.Region == b.Region })
}

// RunningGateways waits until the gateways that run are not those that are known, and gives them.
// That one comes or goes is no change of the configuration and has no version.
func (c *Control) RunningGateways(ctx context.Context, known []access.Gateway) ([]access.Gateway, error) {
	for {
		snap, changed := c.snapshot.get()
		if snap != nil && !sameGateways(snap.Gateways, known) {
			return snap.Gateways, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// The lease of the jobs that one replica at a time does.
const (
	leaseJobs   = "jobs"
	leaseLife   = 30 * time.Second
	leaseEvery  = 10 * time.Second
	leaseMargin = 5 * time.Second // less than its life is what we count on: our clock may run slower
)

// keepLease takes or renews the lease of the jobs until ctx ends, then frees it.
func (c *Control) keepLease(ctx context.Context) {
	if !c.store.Shared() {
		return
	}
	ticker := time.NewTicker(leaseEvery)
	defer ticker.Stop()
	for {
		c.takeLease(ctx)
		select {
		case <-ticker.C:
			continue
		case <-ctx.Done():
		}
		break
	}
	if lease, ok := c.leads(); ok {
		_ = c.write(context.WithoutCancel(ctx), func(ctx context.Context, tx *store.Tx) error { return tx.EndLease(ctx, lease) }) // it runs out
	}
}

func (c *Control) takeLease(ctx context.Context) {
	asked := time.Now() // before: the lease runs from some moment after it
	var lease store.Lease
	var ok bool
	err := c.write(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		lease, ok, err = tx.TakeLease(ctx, leaseJobs, string(c.cfg.Gateway.ID), leaseLife)
		return err
	})
	if err != nil {
		return // the one at hand counts until it runs out
	}
	r := &c.replicas
	r.mu.Lock()
	defer r.mu.Unlock()
	if ok && r.lease != lease {
		c.log.Info("this replica does the regular jobs now", "term", lease.Term)
	}
	r.lease, r.holds = lease, time.Time{}
	if ok {
		r.holds = asked.Add(leaseLife - leaseMargin)
	}
}

// leads gives the lease if this replica does the jobs now. Where the database is not shared nobody
// else could, and there is none.
func (c *Control) leads() (store.Lease, bool) {
	if !c.store.Shared() {
		return store.Lease{}, true
	}
	r := &c.replicas
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lease, time.Now().Before(r.holds)
}

// singly makes of a job one that only the replica with the lease does. What it writes with
// writeSingly is not written once somebody else has taken over, however late it comes.
func (c *Control) singly(job func(ctx context.Context)) func(ctx context.Context) {
	return func(ctx context.Context) {
		lease, ok := c.leads()
		if ok {
			job(context.WithValue(ctx, leaseKey{}, lease))
		}
	}
}

type leaseKey struct{}

// writeSingly is write for a job of singly: it commits only while the lease is still ours.
func (c *Control) writeSingly(ctx context.Context, do func(ctx context.Context, tx *store.Tx) error) error {
	lease, _ := ctx.Value(leaseKey{}).(store.Lease)
	return c.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if lease != (store.Lease{}) {
			if err := tx.HoldLease(ctx, lease); err != nil {
				return err
			}
		}
		return do(ctx, tx)
	})
}
