// Package pg starts a private PostgreSQL for tests: a real one, from nothing, reached through a Unix
// socket that only the test knows, so that any number run at once without a port between them. It can
// be stopped, killed and started again as databases are in life, and is gone when the test ends.
package pg

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// patience is how long a server may take to start or to end.
const patience = 60 * time.Second

// Start starts a server for this test and gives the URL of an empty database on it.
func Start(t testing.TB) string { return New(t).Database(t) }

// Server is a PostgreSQL of one test's own.
type Server struct {
	dir       string // data, socket and log
	running   *process
	databases atomic.Int64

	mu       sync.Mutex // guards template, and is held while it is made
	template string     // the database that Copy copies
}

// process is one run of the server. The goroutine that waits for it ends with it.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
}

// New makes a database cluster, starts a server on it, and ends the server with the test. It fails
// the test where PostgreSQL is not installed.
func New(t testing.TB) *Server {
	t.Helper()
	// A socket's path may have 107 bytes; t.TempDir puts the test's name into it.
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{dir: dir}
	t.Cleanup(func() {
		if s.running != nil {
			s.end(t, syscall.SIGQUIT) // at once: nothing of it is needed any more
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := ownedByRunner(dir); err != nil {
		t.Fatal(err)
	}
	s.cluster(t)
	if err := s.lock(); err != nil {
		t.Fatal(err)
	}
	s.Start(t)
	return s
}

// lock makes the role "locked", once a test has created it, show a password. Every other is trusted.
func (s *Server) lock() error {
	path := filepath.Join(s.data(), "pg_hba.conf")
	rules, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append([]byte("local all locked scram-sha-256\n"), rules...), 0o600)
}

// Database makes another empty database on the server and gives its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	return s.url(s.create(t, ""))
}

// Copy makes a copy of a database that the first call makes and prepares, for all calls alike, and
// gives its URL.
func (s *Server) Copy(t testing.TB, prepare func(url string) error) string {
	t.Helper()
	return s.url(s.create(t, " TEMPLATE "+s.prepared(t, prepare)))
}

// prepared gives the name of the database that Copy copies.
func (s *Server) prepared(t testing.TB, prepare func(url string) error) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.template == "" {
		name := s.create(t, "")
		if err := prepare(s.url(name)); err != nil {
			t.Fatal(err)
		}
		s.template = name
	}
	return s.template
}

// create makes a database and gives its name.
func (s *Server) create(t testing.TB, how string) (name string) {
	t.Helper()
	name = fmt.Sprintf("test%d", s.databases.Add(1))
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE DATABASE " + name + how); err != nil {
		t.Fatal(err)
	}
	return name
}

// Blocked counts the transactions on a database that wait for another one's lock.
func Blocked(t testing.TB, database string) (n int) {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.QueryRow("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = CURRENT_DATABASE() AND wait_event_type = 'Lock'").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Start starts the server again after Stop or Kill and waits until it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		s.run(t)
		if s.answers(t, deadline) {
			return
		}
		// It ended at once: the killed one's last processes still hold its shared memory. Again.
	}
	t.Fatalf("PostgreSQL did not start\n%s", s.log())
}

// Stop ends the server in order: clients are cut off, all data is written.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.end(t, syscall.SIGINT) // "fast shutdown" (PostgreSQL documentation, 19.5)
}

// Kill ends the server with all its processes at once, as if the machine had gone: nothing is put in
// order, nobody gets an answer any more.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if s.running == nil {
		t.Fatal("PostgreSQL does not run")
	}
	// Those that serve a connection would live on until they notice. They go first, while the one that
	// would replace them stands still.
	killChildren(s.running.cmd.Process)
	s.end(t, syscall.SIGKILL)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) url(database string) string {
	query := url.Values{"host": {s.dir}, "user": {"postern"}, "sslmode": {"disable"}}
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: query.Encode()}).String()
}

func (s *Server) run(t testing.TB) {
	t.Helper()
	out, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() // the server has its own
	// What is not synced outlives the server, however it ends; only the machine must not end.
	cmd := s.command(t, "postgres", "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=200",
		"-c", "fsync=off", "-c", "full_page_writes=off")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ended stands in its log
	}()
	s.running = p
}

// answers waits until the server takes a query, or has ended, or the deadline is over.
func (s *Server) answers(t testing.TB, deadline time.Time) bool {
	t.Helper()
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := db.ExecContext(ctx, "SELECT 1"); err == nil {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-s.running.ended:
			return false
		case <-tick.C:
		}
	}
}

func (s *Server) end(t testing.TB, signal syscall.Signal) {
	t.Helper()
	p := s.running
	if p == nil {
		t.Fatal("PostgreSQL does not run")
	}
	_ = p.cmd.Process.Signal(signal) // it may have ended already, which is what is wanted
	select {
	case <-p.ended:
		s.running = nil
	case <-time.After(patience):
		t.Fatalf("PostgreSQL did not end at signal %v\n%s", signal, s.log())
	}
}

func (s *Server) log() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// command prepares one of PostgreSQL's programs, which refuse to run as root.
func (s *Server) command(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(find(t, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.SysProcAttr = unprivileged()
	return cmd
}

// find looks on PATH and where Debian keeps the programs of every version.
func find(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		t.Fatalf("there is no program %q: install PostgreSQL (Debian package postgresql)", name)
	}
	return found[len(found)-1]
}
