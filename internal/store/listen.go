package store

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// channel is what services on one PostgreSQL tell each other on that something changed. PostgreSQL
// tells it when the transaction commits, once, and never before (documentation of NOTIFY).
const channel = "postern"

const (
	listenAgain = time.Second      // at most, after the connection was lost
	listenProbe = 30 * time.Second // of silence, after which the connection is tried
)

// listener is an engine whose commits wake other services.
type listener interface {
	listen(ctx context.Context, woken func()) error
}

// Listen calls woken after each commit of whatever service on this database that counted up the
// version or an ending, or told of a gateway, and whenever something may have been missed. It
// returns when ctx ends. Where a database is not shared there is nothing to hear.
//
// It only makes things faster: who needs to know must still look from time to time.
func (s *Store) Listen(ctx context.Context, woken func()) error {
	if l, ok := s.engine.(listener); ok {
		return l.listen(ctx, woken)
	}
	<-ctx.Done()
	return nil
}

// Announce wakes those who listen when the transaction commits. Versions and endings do it by
// themselves.
func (t *Tx) Announce(ctx context.Context) error {
	if _, ok := t.engine.(listener); !ok {
		return nil
	}
	_, err := t.exec(ctx, "SELECT pg_notify($1, '')", channel)
	return err
}

// listen keeps a connection of its own. Each time it is there anew, something may have been missed.
func (e postgresEngine) listen(ctx context.Context, woken func()) error {
	for ctx.Err() == nil {
		_ = e.hear(ctx, woken) // whoever polls says that the database is away
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(listenAgain)):
		}
	}
	return nil
}

func (e postgresEngine) hear(ctx context.Context, woken func()) error {
	config := e.config.Copy()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing) // nothing is left to be said on it
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	for {
		woken()
		if err := e.awaitWord(ctx, conn); err != nil {
			return err
		}
	}
}

// awaitWord waits for an announcement. A connection that says nothing is asked whether it lives: one
// whose server has vanished would be silent for ever.
func (e postgresEngine) awaitWord(ctx context.Context, conn *pgx.Conn) error {
	for {
		within, cancel := context.WithTimeout(ctx, listenProbe)
		_, err := conn.WaitForNotification(within)
		silent := within.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil || !silent || conn.IsClosed() {
			return err
		}
		probe, cancel := context.WithTimeout(ctx, dialPatience)
		err = conn.Ping(probe)
		cancel()
		if err != nil {
			return err
		}
	}
}
