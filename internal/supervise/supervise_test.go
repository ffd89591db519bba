package supervise

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	behaviourEnv = "SUPERVISE_TEST_BEHAVIOUR" // names the file that says how the next worker behaves
	patience     = time.Minute
)

// TestMain is also the worker.
func TestMain(m *testing.M) {
	file := os.Getenv(behaviourEnv)
	if file == "" {
		os.Exit(m.Run())
	}
	behaviour, err := os.ReadFile(file)
	if err != nil {
		os.Exit(99)
	}
	os.Exit(work(string(behaviour)))
}

func work(behaviour string) int {
	if word, code, ok := strings.Cut(behaviour, " "); ok && word == "exit" {
		n, _ := strconv.Atoi(code)
		return n
	}
	tie := Attach(os.Stdin, os.Stdout)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var beating sync.WaitGroup
	beating.Go(func() { _ = tie.Beat(ctx, func(context.Context) error { return nil }) })
	tie.Started()
	if word, code, ok := strings.Cut(behaviour, " "); ok && word == "start-and-exit" {
		n, _ := strconv.Atoi(code)
		return n
	}
	if behaviour != "never ready" {
		tie.Ready()
	}
	fmt.Println("a word that nobody knows")
	for {
		tie.State(fmt.Sprintf("pid %d", os.Getpid()))
		select {
		case <-tie.Drain:
			if behaviour == "never ends" {
				select {}
			}
			return 0
		case <-tie.Reload:
			tie.State("reloaded")
		case <-time.After(50 * time.Millisecond): // said again: a state is heard only of the worker that works
		}
	}
}

// site is a supervisor whose workers are this test's program.
type site struct {
	t         *testing.T
	behaviour string // file
	started   chan struct{}
	result    chan error
	*Supervisor

	mu     sync.Mutex // guards the fields below
	log    bytes.Buffer
	states []string
}

func start(t *testing.T, behaviour string, alter func(*Config)) (*site, context.CancelFunc) {
	t.Helper()
	s := &site{t: t, behaviour: filepath.Join(t.TempDir(), "behaviour"), result: make(chan error, 1), started: make(chan struct{})}
	s.behave(behaviour)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Worker: func() *exec.Cmd {
			cmd := exec.Command(program)
			cmd.Env = append(os.Environ(), behaviourEnv+"="+s.behaviour)
			cmd.Stderr = os.Stderr
			return cmd
		},
		Log: slog.New(slog.NewTextHandler(s, nil)), Final: func(code int) bool { return code == 3 },
		Pause: time.Millisecond, Started: func() { close(s.started) }, State: s.said,
	}
	if alter != nil {
		alter(&cfg)
	}
	if s.Supervisor, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.result <- s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return s, cancel
}

func (s *site) behave(how string) {
	s.t.Helper()
	if err := os.WriteFile(s.behaviour, []byte(how), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// Write keeps the log.
func (s *site) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

func (s *site) said(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = append(s.states, text)
}

func (s *site) logged(part string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.log.String(), part)
}

// worker gives the process that works once it is another one than before.
func (s *site) worker(before int) (pid int) {
	s.t.Helper()
	s.eventually("a worker works", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i := len(s.states) - 1; i >= 0; i-- {
			if n, _ := fmt.Sscanf(s.states[i], "pid %d", &pid); n == 1 {
				return pid != before
			}
		}
		return false
	})
	return pid
}

func (s *site) eventually(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.t.Fatalf("%s: not within %s\n%s\n%q", what, patience, s.log.String(), s.states)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func (s *site) ends() error {
	s.t.Helper()
	select {
	case err := <-s.result:
		return err
	case <-time.After(patience):
		s.t.Fatalf("it does not end\n%s", s.log.String())
		return nil
	}
}

func TestHandOver(t *testing.T) {
	s, stop := start(t, "well", nil)
	first := s.worker(0)
	s.Replace()
	second := s.worker(first)
	s.eventually("the old worker finishes", func() bool { return s.logged(`msg="worker ended" worker=1`) })
	s.Reload()
	s.eventually("the worker is told to reload", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return strings.Contains(strings.Join(s.states, "\n"), "reloaded")
	})
	if got := s.worker(first); got != second {
		t.Errorf("worker %d works, want %d", got, second)
	}
	stop()
	if err := s.ends(); err != nil {
		t.Errorf("a stop gave %v", err)
	}
}

// TestNewWorkerFails holds that the old worker goes on when the new one does not come up.
func TestNewWorkerFails(t *testing.T) {
	for _, behaviour := range []string{"exit 1", "start-and-exit 1", "never ready"} {
		t.Run(behaviour, func(t *testing.T) {
			s, _ := start(t, "well", func(c *Config) {
				c.Handover = time.Hour
				if behaviour == "never ready" {
					c.Handover, c.Silence = time.Millisecond, 20*time.Second
				}
			})
			first := s.worker(0)
			s.behave(behaviour)
			s.Replace()
			s.eventually("the old one goes on", func() bool { return s.logged("the old one goes on") })
			s.eventually("the new one is gone", func() bool { return s.logged("worker ended") || behaviour != "never ready" })
			s.behave("well")
			if behaviour == "never ready" {
				return // it would be as impatient with the next one
			}
			s.Replace()
			s.worker(first)
		})
	}
}

func TestCrashes(t *testing.T) {
	s, _ := start(t, "well", nil)
	pid := 0
	for i := range 4 {
		pid = s.worker(pid)
		process, err := os.FindProcess(pid)
		if err != nil {
			t.Fatal(err)
		}
		if err := process.Kill(); err != nil {
			t.Fatal(err)
		}
		row := fmt.Sprintf("in=%s in_a_row=%d", time.Millisecond<<i, i+1)
		s.eventually("the crash is counted: "+row, func() bool { return s.logged(row) })
	}
	s.worker(pid)
}

// TestCrashDuringHandOver holds that a crash of the old worker leaves the new one to work.
func TestCrashDuringHandOver(t *testing.T) {
	s, _ := start(t, "well", func(c *Config) { c.Pause = time.Hour })
	first := s.worker(0)
	s.behave("never ready")
	s.Replace()
	s.eventually("the new one is there", func() bool { return s.logged("worker=2 pid=") })
	process, err := os.FindProcess(first)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.worker(first)
}

func TestEnds(t *testing.T) {
	tests := []struct {
		name, behaviour string
		want            error
	}{
		{"the first does not start", "exit 7", &ExitError{7}},
		{"the first ends without an error", "exit 0", &ExitError{1}},
		{"for good", "start-and-exit 3", &ExitError{3}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, _ := start(t, test.behaviour, nil)
			got, ok := errors.AsType[*ExitError](s.ends())
			if !ok || *got != *test.want.(*ExitError) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	t.Run("the program is not there", func(t *testing.T) {
		s, _ := start(t, "well", func(c *Config) {
			c.Worker = func() *exec.Cmd { return exec.Command(filepath.Join(t.TempDir(), "gone")) }
		})
		if err := s.ends(); err == nil {
			t.Error("no error")
		}
	})
}

func TestWorkerThatDoesNotFinish(t *testing.T) {
	s, stop := start(t, "never ends", func(c *Config) { c.Drain, c.Silence = time.Millisecond, 20*time.Second })
	s.worker(0)
	stop()
	if err := s.ends(); err != nil {
		t.Error(err)
	}
	if !s.logged("does not finish") {
		t.Error("it was not ended by force")
	}
}

func TestOrphan(t *testing.T) {
	in, supervisor := io.Pipe()
	tie := Attach(in, io.Discard)
	select {
	case <-tie.Drain:
		t.Fatal("it drains already")
	default:
	}
	if err := supervisor.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-tie.Drain:
	case <-time.After(patience):
		t.Error("a worker whose supervisor is gone goes on")
	}
}

// TestBeat holds that there is no beat where the work hangs or fails.
func TestBeat(t *testing.T) {
	var out bytes.Buffer
	in, supervisor := io.Pipe()
	defer supervisor.Close() // ends the reader
	tie := Attach(in, &out)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := tie.Beat(ctx, func(context.Context) error { return errors.New("stuck") }); err != nil || out.Len() != 0 {
		t.Errorf("it beat: %q, %v", out.String(), err)
	}
	if err := tie.Beat(ctx, func(context.Context) error { return nil }); err != nil || out.String() != "beat\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
	out.Reset()
	tie.State("two\nlines " + strings.Repeat("x", 2*maxText))
	if strings.Count(out.String(), "\n") != 1 || out.Len() > maxText+20 {
		t.Errorf("a state of %d bytes", out.Len())
	}
}
