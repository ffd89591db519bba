package control

import (
	"context"
	"time"

	"postern/internal/store"
)

// cleanBatch bounds what one transaction deletes, so that nobody waits long for it; cleanRounds how
// many follow each other in one go.
const (
	cleanBatch  = 500
	cleanRounds = 20
)

// endingsFor is how long endings are kept: longer than a gateway honours what it remembers.
const endingsFor = 48 * time.Hour

// codesFor is how long the code of a program stays after its end, to find out whether it is shown again.
const codesFor = time.Hour

// tokensFor is how long a used or expired token stays to be looked at.
const tokensFor = 30 * 24 * time.Hour

// devicesFor is how long a revoked device stays in the lists, and its key refused.
const devicesFor = 180 * 24 * time.Hour

// clean deletes what is over. One replica at a time does it, so that they do not wait for each other.
func (c *Control) clean(ctx context.Context) {
	c.cleanAssignments(ctx)
	c.rejectOverdue(ctx)
	for _, job := range append(c.overdue(c.now()), overdueSeries(c.now())...) {
		for range cleanRounds {
			var deleted int64
			err := c.writeSingly(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
				deleted, err = job.do(ctx, tx)
				return err
			})
			if err != nil {
				c.log.Warn("clean up", "what", job.name, "error", cause(err))
				return
			}
			if deleted < cleanBatch {
				break
			}
		}
	}
}

// cleanJob deletes a batch of one kind of what is over.
type cleanJob struct {
	name string
	do   func(ctx context.Context, tx *store.Tx) (int64, error)
}

func (c *Control) overdue(now time.Time) []cleanJob {
	kept := c.Kept()
	return []cleanJob{
		{"sessions", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.DeleteExpiredSessions(ctx, now, cleanBatch)
		}},
		{"gateways", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.DeleteLostGateways(ctx, forgetAfter)
		}},
		{"codes", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.DeleteExpiredCodes(ctx, now, cleanBatch)
		}},
		{"programs", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return deletePrograms(ctx, tx, now)
		}},
		{"steps", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.DeleteExpiredSteps(ctx, now, cleanBatch)
		}},
		{"tries", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.DeleteOldTries(ctx, now, cleanBatch)
		}},
		{"arrivals", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.DeleteExpiredArrivals(ctx, now, cleanBatch)
		}},
		{"links", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.DeleteExpiredLinks(ctx, now, cleanBatch)
		}},
		{"access requests", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.DeleteOldRequests(ctx, now.Add(-requestsFor), cleanBatch)
		}},
		{"endings", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.TrimEndings(ctx, now.Add(-endingsFor), cleanBatch)
		}},
		{"tokens", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.DeleteOldTokens(ctx, now.Add(-tokensFor), cleanBatch)
		}},
		{"certificates", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.DeleteExpiredCertificates(ctx, now.Add(-tokensFor), cleanBatch)
		}},
		{"places in traffic logs that are no more", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.DeleteLostTrafficCursors(ctx, now.Add(-trafficLost))
		}},
		{"audit entries of an older program", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.AdoptAudit(ctx, cleanBatch)
		}},
		{"audit", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.TrimAudit(ctx, now.Add(-kept.Audit.For), cleanBatch)
		}},
		{"sign-ins", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.TrimSignIns(ctx, now.Add(-kept.SignIns.For), cleanBatch)
		}},
		{"alerts", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.TrimAlerts(ctx, now.Add(-alertsFor), cleanBatch)
		}},
		{"what was discovered", c.trimDiscovered},
		{"sign-ins beyond their number", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.TrimSignInsTo(ctx, maxSignIns, cleanBatch)
		}},
	}
}

func (c *Control) write(ctx context.Context, do func(ctx context.Context, tx *store.Tx) error) error {
	within, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	return c.store.Write(within, func(tx *store.Tx) error { return do(within, tx) })
}

// deletePrograms removes what programs signed in with, and access keys and devices that ended long ago.
func deletePrograms(ctx context.Context, tx *store.Tx, now time.Time) (int64, error) {
	codes, err := tx.DeleteExpiredPrograms(ctx, now.Add(-codesFor), cleanBatch)
	if err != nil {
		return 0, err
	}
	keys, err := tx.DeleteOldAccessKeys(ctx, now.Add(-tokensFor), cleanBatch)
	if err != nil {
		return 0, err
	}
	devices, err := tx.DeleteOldDevices(ctx, now.Add(-devicesFor), cleanBatch)
	return max(codes, keys, devices), err
}

// writeBatches writes when sessions and keys were last used and connectors last seen. What cannot
// be written is lost: it comes again as long as it is true.
func (c *Control) writeBatches(ctx context.Context) {
	var used []store.Used
	for _, u := range c.sessions.Used() {
		used = append(used, store.Used{ID: u.ID, At: u.At})
		if u.Parent != "" { // using an application keeps the portal session alive
			used = append(used, store.Used{ID: u.Parent, At: u.At})
		}
	}
	keys, accessKeys := c.keysUsed.take(), c.accessKeysUsed.take()
	var seen []store.Seen
	for id, s := range c.presence.take(c.current(), c.elsewhere) {
		seen = append(seen, store.Seen{ID: id, At: s.lastSeen, Address: s.address, Host: s.host})
	}
	if len(used)+len(keys)+len(accessKeys) > 0 {
		c.archiving.used.Store(true)
	}
	devices := c.devicesSeen.take()
	if len(used)+len(keys)+len(accessKeys)+len(seen)+len(devices) == 0 {
		return
	}
	err := c.write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.TouchSessions(ctx, used); err != nil {
			return err
		}
		if err := tx.TouchKeys(ctx, keys); err != nil {
			return err
		}
		if err := tx.TouchAccessKeys(ctx, accessKeys); err != nil {
			return err
		}
		if err := tx.TouchDevices(ctx, devices); err != nil {
			return err
		}
		return tx.TouchConnectors(ctx, seen)
	})
	if err != nil {
		c.log.Warn("write last-used times", "error", cause(err))
	}
}
