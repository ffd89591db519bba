package control_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"postern/internal/fault"
	"postern/internal/posterntest/fresh"
	"postern/internal/posterntest/pg"
)

// engines are the databases that every test runs on. All tests share one PostgreSQL server, each
// with a database of its own.
var engines = []struct {
	name string
	url  func(t *testing.T) string
}{
	{"sqlite", func(t *testing.T) string { return fresh.SQLite(t) }},
	{"postgres", func(t *testing.T) string { return fresh.Postgres(t, server.get()) }},
}

var server = &shared{}

// shared is a PostgreSQL that lives as long as the tests of this package.
type shared struct {
	testing.TB // nil: only what is overridden below is used
	once       sync.Once
	server     *pg.Server
	cleanups   []func()
}

func (s *shared) get() *pg.Server {
	s.once.Do(func() { s.server = pg.New(s) })
	return s.server
}

func (s *shared) Helper()                        {}
func (s *shared) Context() context.Context       { return context.Background() }
func (s *shared) Cleanup(f func())               { s.cleanups = append(s.cleanups, f) }
func (s *shared) Logf(format string, a ...any)   { fmt.Fprintf(os.Stderr, format+"\n", a...) }
func (s *shared) Error(a ...any)                 { fmt.Fprintln(os.Stderr, a...) }
func (s *shared) Errorf(format string, a ...any) { s.Logf(format, a...) }
func (s *shared) Fatal(a ...any)                 { s.Error(a...); s.end(); os.Exit(1) }
func (s *shared) Fatalf(format string, a ...any) { s.Logf(format, a...); s.end(); os.Exit(1) }

func (s *shared) end() {
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
	s.cleanups = nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	server.end()
	os.Exit(code)
}

// unique gives a name that nothing has yet.
func unique() string { return "n" + strings.ToLower(rand.Text()[:12]) }

func asFault(err error, into **fault.Error) bool { return errors.As(err, into) }
