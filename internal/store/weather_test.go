package store_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/posterntest/pg"
	"postern/internal/store"
	"postern/test/size"
)

// TestDatabaseAwayAndBack stops PostgreSQL under an open store. While it is away everything says so
// at once; when it is back the first call succeeds.
func TestDatabaseAwayAndBack(t *testing.T) {
	server := pg.New(t)
	goroutines := runtime.NumGoroutine()
	k := open(t, postgresConfig(t, server), server)
	calls := map[string]func() error{
		"ping": func() error { return k.Ping(t.Context()) },
		"read": func() error {
			return k.Read(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Version(t.Context())
				return err
			})
		},
		"write": func() error {
			_, err := act(t.Context(), k.Store)
			return err
		},
	}
	fill := func() { // every connection of both pools
		t.Helper()
		_, _, errs := race(4*store.PoolSize, func(i int) error { return calls[[]string{"read", "write"}[i%2]]() })
		if len(errs) > 0 {
			t.Error(errs)
		}
	}
	for range 2 {
		fill()
		server.Stop(t)
		for name, call := range calls {
			start := time.Now()
			_, _, errs := race(20, func(int) error { return call() })
			for _, err := range errs {
				if !fault.Is(err, fault.KindUnavailable) || retryAfter(err) <= 0 {
					t.Errorf("%s while the database is away: %v (%v)", name, err, causeOf(err))
				}
			}
			if took := time.Since(start); len(errs) != 20 || took > size.Within(5*time.Second) {
				t.Errorf("%s while the database is away: %d of 20 failed after %v", name, len(errs), took)
			}
		}
		server.Start(t)
		for name, call := range calls {
			if err := call(); err != nil {
				t.Errorf("the first %s with the database back: %v (%v)", name, err, causeOf(err))
			}
		}
		fill()
		server.Kill(t) // and back before anybody notices: every connection is a dead one
		server.Start(t)
		for name, call := range calls {
			if err := call(); err != nil {
				t.Errorf("the first %s after a restart: %v (%v)", name, err, causeOf(err))
			}
		}
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	wait(t, func() bool { return runtime.NumGoroutine() <= goroutines })
}

// TestPostgres meets what a server can do while it is there.
func TestPostgres(t *testing.T) {
	server := pg.New(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *pg.Server)
	}{
		{"refuses", postgresRefuses},
		{"sessions have limits", sessionsHaveLimits},
		{"interrupts", postgresInterrupts},
		{"deadlock", deadlock},
		{"a commit that nobody knows of", commitThatNobodyKnowsOf},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, server)
		})
	}
}

// postgresRefuses opens databases that cannot be used, and reads what the administrator is told.
func postgresRefuses(t *testing.T, server *pg.Server) {
	good := server.Database(t)
	administer(t, good, "CREATE ROLE locked LOGIN PASSWORD 'sesame'", "CREATE ROLE nobody LOGIN", "CREATE ROLE crowded LOGIN CONNECTION LIMIT 0",
		"CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	const refused = "127.0.0.1:1"
	with := func(path, key, value string) string {
		u, err := url.Parse(good)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set(key, value)
		u.RawQuery = q.Encode()
		if path != "" {
			u.Path = path
		}
		return u.String()
	}
	for _, test := range []struct {
		name, url string
		kind      fault.Kind
		say       string
	}{
		{"wrong password", with("", "user", "locked") + "&password=open", fault.KindUnavailable, "refuses us: password authentication failed"},
		{"no such role", with("", "user", "stranger"), fault.KindUnavailable, `refuses us: role "stranger" does not exist`},
		{"no rights", with("", "user", "nobody"), fault.KindUnavailable, "permission denied for schema public"},
		{"no such database", with("/missing", "user", "postern"), fault.KindUnavailable, `database "missing" does not exist`},
		{"too many connections", with("", "user", "crowded"), fault.KindUnavailable, "too many connections"},
		{"nobody listens", "postgres://postern@" + refused + "/db?sslmode=disable", fault.KindUnavailable, "connection refused"},
		{"no socket", with("", "host", t.TempDir()), fault.KindUnavailable, "no such file"},
		{"another encoding", with("/latin", "user", "postern"), fault.KindInvalid, "UTF8"},
	} {
		s, err := store.Open(t.Context(), store.Config{URL: test.url, KeyFile: filepath.Join(t.TempDir(), "key")})
		if err == nil {
			t.Errorf("%s: opened", test.name)
			_ = s.Close()
			continue
		}
		if !fault.Is(err, test.kind) || !strings.Contains(err.Error(), test.say) || strings.Contains(err.Error(), "password=") {
			t.Errorf("%s: %v (%v), want words about %q", test.name, err, fault.KindOf(err), test.say)
		}
	}
}

func administer(t *testing.T, url string, statements ...string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

// sessionsHaveLimits asks each connection, so that a service that vanished does not
// hold up the others for ever.
func sessionsHaveLimits(t *testing.T, server *pg.Server) {
	writer, reader := openStore(t, postgresConfig(t, server)).Pools()
	for _, pool := range []*sql.DB{writer, reader} {
		for range store.PoolSize {
			conn, err := pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close() // only then, so that the next one is another
			for setting, want := range map[string]string{
				"statement_timeout": "30s", "lock_timeout": "20s", "idle_in_transaction_session_timeout": "30s", "application_name": "postern",
				"standard_conforming_strings": "on", "client_encoding": "UTF8",
			} {
				var got string
				if err := conn.QueryRowContext(t.Context(), "SHOW "+setting).Scan(&got); err != nil || got != want {
					t.Errorf("%s = %q, %v; want %q", setting, got, err, want)
				}
			}
		}
	}
}

// postgresInterrupts has the server itself end statements, sessions and transactions.
func postgresInterrupts(t *testing.T, server *pg.Server) {
	k := open(t, postgresConfig(t, server), server)
	for _, test := range []struct {
		name string
		do   func(ctx context.Context, tx *store.Tx, attempt int) error
		kind fault.Kind
		say  string // empty: it succeeds in the end
		runs int
	}{
		{"a statement that takes too long", func(ctx context.Context, tx *store.Tx, _ int) error {
			return statements(ctx, tx, "SET LOCAL statement_timeout = 50", "SELECT pg_sleep(30)")
		}, fault.KindUnavailable, "did not answer in time", 1},
		{"a caller without time", func(ctx context.Context, tx *store.Tx, _ int) error {
			ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			return statements(ctx, tx, "SELECT pg_sleep(30)")
		}, fault.KindUnavailable, "did not answer in time", -1},
		{"a session that is ended", func(ctx context.Context, tx *store.Tx, attempt int) error {
			if attempt == 1 {
				return statements(ctx, tx, "SELECT pg_terminate_backend(pg_backend_pid())")
			}
			return nil
		}, 0, "", 2},
		{"a session that is idle too long", func(ctx context.Context, tx *store.Tx, attempt int) error {
			if attempt > 1 {
				return nil
			}
			if err := statements(ctx, tx, "SET LOCAL idle_in_transaction_session_timeout = 10"); err != nil {
				return err
			}
			<-time.After(100 * time.Millisecond)
			return statements(ctx, tx, "SELECT 1")
		}, 0, "", 2},
		{"a session that is always ended", func(ctx context.Context, tx *store.Tx, _ int) error {
			return statements(ctx, tx, "SELECT pg_terminate_backend(pg_backend_pid())")
		}, fault.KindUnavailable, "is away", store.PoolSize + 2},
		{"a value out of range", func(ctx context.Context, tx *store.Tx, _ int) error {
			return statements(ctx, tx, "SELECT 1/0")
		}, fault.KindInternal, "reported an error", 1},
	} {
		runs := 0
		err := k.try(t, func(ctx context.Context, tx *store.Tx) error {
			runs++
			return test.do(ctx, tx, runs)
		})
		if test.runs > 0 && runs != test.runs {
			t.Errorf("%s: ran %d times, want %d", test.name, runs, test.runs)
		}
		if test.say == "" {
			if err != nil {
				t.Errorf("%s: %v (%v)", test.name, err, causeOf(err))
			}
			continue
		}
		if !fault.Is(err, test.kind) || !strings.Contains(err.Error(), test.say) || test.kind == fault.KindUnavailable && retryAfter(err) == 0 {
			t.Errorf("%s: %v (%v, %v), want words about %q", test.name, err, fault.KindOf(err), causeOf(err), test.say)
		}
	}
}

func statements(ctx context.Context, tx *store.Tx, list ...string) error {
	for _, statement := range list {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// deadlock has two writers wait for each other. PostgreSQL undoes one of them, which does it again.
func deadlock(t *testing.T, server *pg.Server) {
	k := open(t, postgresConfig(t, server), server)
	k.settle(t)
	met := make(chan struct{}, 2)
	var runs atomic.Int32
	_, _, errs := race(2, func(i int) error {
		first := true
		return k.try(t, func(ctx context.Context, tx *store.Tx) error {
			runs.Add(1)
			order := []string{"UPDATE users SET email = 'x'", "UPDATE connectors SET os = 'x'"}
			if err := statements(ctx, tx, order[i]); err != nil {
				return err
			}
			if first {
				first = false
				met <- struct{}{}
				wait(t, func() bool { return len(met) == 2 })
			}
			return statements(ctx, tx, order[1-i])
		})
	})
	if len(errs) > 0 || runs.Load() < 3 {
		t.Errorf("%v after %d runs, want none after at least 3", errs, runs.Load())
	}
}

// commitThatNobodyKnowsOf loses the connection at the commit itself.
func commitThatNobodyKnowsOf(t *testing.T, server *pg.Server) {
	direct := open(t, postgresConfig(t, server), server)
	line := newLine(t, direct.cfg.URL)
	k := open(t, store.Config{URL: line.url, KeyFile: direct.cfg.KeyFile}, nil)
	for i, test := range []struct {
		cut  cut
		left int // how many groups are there afterwards
	}{{cutBefore, 0}, {cutAfter, 1}} {
		line.cut.Store(int32(test.cut))
		runs := 0
		err := k.try(t, func(ctx context.Context, tx *store.Tx) error {
			runs++
			return insertGroup(ctx, tx, string(num("g", i)))
		})
		if !fault.Is(err, fault.KindUnavailable) || !strings.Contains(err.Error(), "look whether it is there") || runs != 1 {
			t.Errorf("cut %d: %v (%v) after %d runs", test.cut, err, causeOf(err), runs)
		}
		wait(t, func() bool { return len(direct.groups(t)) == test.left })
	}
	line.cut.Store(int32(cutNever))
	if err := k.try(t, func(ctx context.Context, tx *store.Tx) error { return insertGroup(ctx, tx, "fine") }); err != nil {
		t.Errorf("the next write: %v", err)
	}
	// A line that is silent holds nobody longer than the caller wants to wait.
	line.cut.Store(int32(cutSilently))
	for name, call := range map[string]func(context.Context) error{
		"write": func(ctx context.Context) error {
			return k.Write(ctx, func(tx *store.Tx) error { return insertGroup(ctx, tx, "never") })
		},
		"read": func(ctx context.Context) error {
			return k.Read(ctx, func(tx *store.Tx) error { _, err := tx.Version(ctx); return err })
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		start := time.Now()
		err := call(ctx)
		cancel()
		if took := time.Since(start); !fault.Is(err, fault.KindUnavailable) || took > size.Within(10*time.Second) {
			t.Errorf("%s over a silent line: %v (%v) after %v", name, err, causeOf(err), took)
		}
	}
	line.cut.Store(int32(cutNever))
	line.hangUp()
	if err := k.try(t, func(ctx context.Context, tx *store.Tx) error { return insertGroup(ctx, tx, "again") }); err != nil {
		t.Errorf("a write over a line that works again: %v (%v)", err, causeOf(err))
	}
}

// TestSQLiteRefuses meets what a file can suffer.
func TestSQLiteRefuses(t *testing.T) {
	k := open(t, sqliteConfig(t), nil)
	k.settle(t)
	writer, _ := k.Pools()
	pragma := func(text string) {
		t.Helper()
		if _, err := writer.ExecContext(t.Context(), "PRAGMA "+text); err != nil {
			t.Fatal(err)
		}
	}
	pragma("max_page_count(1)") // no less than there is
	big := func(ctx context.Context, tx *store.Tx) error {
		return errFirst(insertGroup(ctx, tx, "big"), tx.PutSecret(ctx, "big", make([]byte, 1<<20)))
	}
	err := k.refused(t, fault.KindUnavailable, big)
	if err == nil || !strings.Contains(err.Error(), "disk is full") || retryAfter(err) == 0 {
		t.Errorf("a full disk: %v", err)
	}
	if names := k.groups(t); len(names) != 1 {
		t.Errorf("a full disk left %q", names)
	}
	pragma("max_page_count(1000000)")
	k.write(t, big)

	pragma("busy_timeout(50)")
	other, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(k.cfg.URL, "sqlite:")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	held, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = k.refused(t, fault.KindUnavailable, func(ctx context.Context, tx *store.Tx) error { return insertGroup(ctx, tx, "second") })
	if err == nil || !strings.Contains(err.Error(), "busy") || retryAfter(err) == 0 {
		t.Errorf("a database that another process writes: %v", err)
	}
	if names := k.groups(t); len(names) != 2 { // reading goes on
		t.Errorf("groups %q", names)
	}
	if err := held.Rollback(); err != nil {
		t.Error(err)
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return insertGroup(ctx, tx, "second") })
}

// TestSQLiteInterrupted leaves in the middle of a long statement.
func TestSQLiteInterrupted(t *testing.T) {
	k := open(t, sqliteConfig(t), nil)
	const long = "INSERT INTO secrets (name, value) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT i, i FROM n"
	timed, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := k.Write(timed, func(tx *store.Tx) error { return statements(timed, tx, long) })
	if !fault.Is(err, fault.KindUnavailable) || !strings.Contains(err.Error(), "in time") {
		t.Errorf("a caller without time: %v (%v)", err, causeOf(err))
	}
	leaving, leave := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, leave)
	err = k.Write(leaving, func(tx *store.Tx) error { return statements(leaving, tx, long) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that leaves: %v", err)
	}
	if v, err := act(t.Context(), k.Store); v != 1 || err != nil {
		t.Errorf("the next act: version %d, %v", v, err)
	}
	k.counted(t, 1)
}
