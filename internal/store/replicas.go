package store

import (
	"context"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

// Shared reports whether other services may use the same database.
func (s *Store) Shared() bool { return s.engine.shared() }

// clock is an expression: the database's time of this moment in microseconds, whatever the services'
// clocks say. PostgreSQL's now() would be when the transaction began, which may have waited for a lock.
func (t *Tx) clock() string {
	if t.engine.shared() {
		return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
	}
	return "CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER)"
}

// BeatGateway says that a gateway runs, now by the clock of the database.
func (t *Tx) BeatGateway(ctx context.Context, g access.Gateway) error {
	now := t.clock()
	_, err := t.exec(ctx, `INSERT INTO gateways (id, address, region, program, started, heartbeat) VALUES ($1, $2, $3, $4, $5, `+now+`)
		ON CONFLICT (id) DO UPDATE SET heartbeat = excluded.heartbeat, address = excluded.address, region = excluded.region, program = excluded.program`,
		string(g.ID), g.Address, g.Region, g.Program, micros(g.Started))
	return err
}

// Gateways gives the gateways whose last heartbeat is not older than that, by id.
func (t *Tx) Gateways(ctx context.Context, age time.Duration) ([]access.Gateway, error) {
	return rows(ctx, t, func(row scanner, g *access.Gateway) error {
		var started int64
		err := row.Scan(&g.ID, &g.Address, &g.Region, &g.Program, &started)
		g.Started = moment(started)
		return err
	}, "SELECT id, address, region, program, started FROM gateways WHERE heartbeat > "+t.clock()+" - $1 ORDER BY id", age.Microseconds())
}

// DeleteLostGateways removes gateways whose last heartbeat is older than that.
func (t *Tx) DeleteLostGateways(ctx context.Context, age time.Duration) (int64, error) {
	return t.exec(ctx, "DELETE FROM gateways WHERE heartbeat <= "+t.clock()+" - $1", age.Microseconds())
}

// A Lease is the right to do what one service at a time does. Its time is the database's, so clocks
// of services do not matter.
type Lease struct {
	Name   string
	Holder string
	Term   int64 // counts the holders
}

// TakeLease takes a lease that is free or has run out, or renews the holder's own, for so long from
// now. ok is false while somebody else holds it.
func (t *Tx) TakeLease(ctx context.Context, name, holder string, life time.Duration) (l Lease, ok bool, err error) {
	now := t.clock()
	terms, err := rows(ctx, t, func(row scanner, term *int64) error { return row.Scan(term) },
		`INSERT INTO leases (name, holder, term, until) VALUES ($1, $2, 1, `+now+` + $3)
		ON CONFLICT (name) DO UPDATE SET until = excluded.until, holder = excluded.holder,
			term = CASE WHEN leases.holder = excluded.holder THEN leases.term ELSE leases.term + 1 END
		WHERE leases.holder = excluded.holder OR leases.until <= `+now+` RETURNING term`,
		name, holder, life.Microseconds())
	if err != nil || len(terms) == 0 {
		return Lease{}, false, err
	}
	return Lease{Name: name, Holder: holder, Term: terms[0]}, true, nil
}

// HoldLease makes the rest of the transaction the holder's: fault.KindConflict if somebody else has
// taken the lease meanwhile, and nobody takes it before this transaction is over.
func (t *Tx) HoldLease(ctx context.Context, l Lease) error {
	n, err := t.exec(ctx, "UPDATE leases SET until = until WHERE name = $1 AND holder = $2 AND term = $3", l.Name, l.Holder, l.Term)
	if err == nil && n == 0 {
		err = fault.Conflict("another service does %s now", l.Name)
	}
	return err
}

// EndLease frees a lease at once, if it is still the holder's.
func (t *Tx) EndLease(ctx context.Context, l Lease) error {
	_, err := t.exec(ctx, "UPDATE leases SET until = 0 WHERE name = $1 AND holder = $2 AND term = $3", l.Name, l.Holder, l.Term)
	return err
}
