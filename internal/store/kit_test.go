package store_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/posterntest/fresh"
	"postern/internal/posterntest/pg"
	"postern/internal/store"
)

// patience is how long anything here may take that should take no time.
const patience = 30 * time.Second

// kit is an open store, and what is needed to open it again.
type kit struct {
	*store.Store
	cfg    store.Config
	server *pg.Server // nil for SQLite
}

// promise is one thing that the store keeps on either engine.
type promise struct {
	name string
	keep func(*testing.T, *kit)
}

// keepOnBoth holds promises on both engines, each on a database of its own that has the schema and nothing else. To make the schema took
// most of the time of all of them; what migrating does has tests of its own.
func keepOnBoth(t *testing.T, promises []promise) {
	t.Run("sqlite", func(t *testing.T) {
		for _, p := range promises {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				p.keep(t, open(t, withURL(sqliteConfig(t), fresh.SQLite(t)), nil))
			})
		}
	})
	t.Run("postgres", func(t *testing.T) {
		server := pg.New(t)
		for _, p := range promises {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				p.keep(t, open(t, withURL(sqliteConfig(t), fresh.Postgres(t, server)), server))
			})
		}
	})
}

func sqliteConfig(t testing.TB) store.Config {
	dir := t.TempDir()
	return store.Config{URL: "sqlite:" + filepath.Join(dir, "postern.db"), KeyFile: filepath.Join(dir, "master.key")}
}

func postgresConfig(t testing.TB, server *pg.Server) store.Config {
	return store.Config{URL: server.Database(t), KeyFile: filepath.Join(t.TempDir(), "master.key")}
}

func withURL(cfg store.Config, url string) store.Config {
	cfg.URL = url
	return cfg
}

func open(t testing.TB, cfg store.Config, server *pg.Server) *kit {
	t.Helper()
	return &kit{Store: openStore(t, cfg), cfg: cfg, server: server}
}

// openStore opens a store and closes it with the test, or earlier when the test does.
func openStore(t testing.TB, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// write commits or fails the test.
func (k *kit) write(t testing.TB, do func(context.Context, *store.Tx) error) {
	t.Helper()
	if err := k.try(t, do); err != nil {
		t.Fatal(err)
	}
}

// try gives what a write of its own gives.
func (k *kit) try(t testing.TB, do func(context.Context, *store.Tx) error) error {
	t.Helper()
	ctx := t.Context()
	return k.Write(ctx, func(tx *store.Tx) error { return do(ctx, tx) })
}

// read succeeds or fails the test.
func (k *kit) read(t testing.TB, do func(context.Context, *store.Tx) error) {
	t.Helper()
	ctx := t.Context()
	if err := k.Read(ctx, func(tx *store.Tx) error { return do(ctx, tx) }); err != nil {
		t.Fatal(err)
	}
}

// refused fails the test unless a write of its own is refused for that reason.
func (k *kit) refused(t testing.TB, kind fault.Kind, do func(context.Context, *store.Tx) error) error {
	t.Helper()
	err := k.try(t, do)
	if !fault.Is(err, kind) {
		t.Errorf("got %v (%v), want %v", err, fault.KindOf(err), kind)
	}
	return err
}

// at gives a moment of the tests' own calendar.
func at(seconds int) time.Time {
	return time.Date(2026, 1, 2, 3, 4, seconds, 123456000, time.UTC)
}

func meta(id access.ID, seconds int) access.Meta {
	return access.Meta{ID: id, Created: at(seconds), Updated: at(seconds)}
}

// world is one of everything that other things refer to.
type world struct {
	group       access.ConnectorGroup
	connector   access.Connector
	application access.Application
	user        access.User
	staff       access.Group
}

// settle stores a world.
func (k *kit) settle(t testing.TB) world {
	t.Helper()
	w := world{
		group:       access.ConnectorGroup{Meta: meta("cgr_w", 0), Name: "Default", Default: true},
		connector:   access.Connector{Meta: meta("con_w", 0), Name: "edge", GroupID: "cgr_w"},
		application: application("app_w", "World", "cgr_w"),
		user:        access.User{Meta: meta("usr_w", 0), Name: "ada"},
		staff:       access.Group{Meta: meta("grp_w", 0), Name: "Staff", Members: []access.ID{"usr_w"}},
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		for _, insert := range []func() error{
			func() error { return tx.InsertConnectorGroup(ctx, &w.group) },
			func() error { return tx.InsertConnector(ctx, &w.connector) },
			func() error { return tx.InsertApplication(ctx, &w.application) },
			func() error { return tx.InsertUser(ctx, &w.user) },
			func() error { return tx.InsertGroup(ctx, &w.staff) },
		} {
			if err := insert(); err != nil {
				return err
			}
		}
		return nil
	})
	return w
}

func application(id access.ID, name string, group access.ID) access.Application {
	return access.Application{
		Meta: meta(id, 0), Name: name, GroupID: group, ExternalURL: "https://" + string(id[4:]) + ".example.com/",
		InternalURL: "http://backend:8080/", PreAuthentication: access.SignIn, HostHeader: access.HostInternal,
	}
}
