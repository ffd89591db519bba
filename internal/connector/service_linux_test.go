package connector

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"postern/internal/wire"
)

// service is the program as an installed service runs it.
type service struct {
	t       *testing.T
	w       *world
	program string
	cmd     *exec.Cmd
	exited  chan error

	mu  sync.Mutex // guards the field below
	log bytes.Buffer
}

// Write keeps the log.
func (s *service) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

func (s *service) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func startService(t *testing.T) *service {
	t.Helper()
	s := &service{t: t, w: newWorld(t, 1), program: filepath.Join(t.TempDir(), "postern-connector"), exited: make(chan error, 1)}
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", s.program, "postern/cmd/postern-connector").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	s.w.publish(wire.Target{Application: app, Host: "127.0.0.1", Port: newBackend(t, echo).port})
	s.w.allow("allow 127.0.0.1\n")
	s.cmd = exec.Command(s.program, "service", "--state", s.w.state, "--rules", s.w.rules, "--proxy", "direct", "--patience=18s")
	s.cmd.Stderr = s
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.exited <- s.cmd.Wait() }()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // its worker drains when the pipe ends
		<-s.exited
		for _, g := range s.w.gateways {
			g.cut()
		}
		if t.Failed() {
			t.Log(s.logged())
		}
	})
	return s
}

// worker gives the only worker once it is another one than before.
func (s *service) worker(before int) (pid int) {
	s.t.Helper()
	eventually(s.t, "one worker", func() bool {
		lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.cmd.Process.Pid)) // a child is of the thread that made it
		var all []string
		for _, list := range lists {
			data, _ := os.ReadFile(list) // a thread that has ended has none
			all = append(all, strings.Fields(string(data))...)
		}
		if err != nil || len(all) != 1 {
			return false
		}
		pid, err = strconv.Atoi(all[0])
		return err == nil && pid != before
	})
	return pid
}

func (s *service) serves(what string) {
	s.t.Helper()
	eventually(s.t, what, func() bool {
		status, err := ReadStatus(s.t.Context(), s.w.state)
		return err == nil && status.State == StateOK && len(s.w.gateways[0].live()) == tunnelsPerGateway
	})
}

// TestService runs the program as a service does: it waits for its enrolment, hands over without a request lost, replaces a
// worker that dies and one that is stuck, stays small, and ends with 0.
func TestService(t *testing.T) {
	s := startService(t)
	eventually(t, "it waits for a token", func() bool { return strings.Contains(s.logged(), "not enrolled yet") })
	token := filepath.Join(s.w.state, "token")
	bad := s.w.token
	bad.Secret = "another"
	for _, content := range []string{bad.String(), s.w.token.String()} {
		if err := os.WriteFile(token+".new", []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(token+".new", token); err != nil {
			t.Fatal(err)
		}
		if content == bad.String() {
			eventually(t, "it refuses a wrong token and goes on waiting", func() bool { return strings.Contains(s.logged(), "cannot enrol with the token") })
		}
	}
	s.serves("it serves")
	eventually(t, "the token is removed", func() bool { _, err := os.Stat(token); return os.IsNotExist(err) })
	if strings.Contains(s.logged(), s.w.token.Secret) {
		t.Error("the log holds the token")
	}
	first := s.worker(0)
	s.measure(first)
	second := s.handOver(first)
	if err := syscall.Kill(second, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	third := s.worker(second)
	s.serves("it serves again after a crash")
	if err := syscall.Kill(third, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.worker(third)
	s.serves("it serves again after its worker was stuck")
	if _, err := Deregister(t.Context(), Uninstall{State: s.w.state, Dialer: dialer(t)}); err == nil {
		t.Error("it can be uninstalled while it runs")
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.exited:
		s.exited <- err
		if err != nil {
			t.Errorf("exit: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
}

// handOver has a new worker take over while streams are opened and echoed all the time.
func (s *service) handOver(before int) (after int) {
	s.t.Helper()
	var stop atomic.Bool
	var load sync.WaitGroup
	echoes := 0
	load.Go(func() {
		for ; !stop.Load(); echoes++ {
			s.w.oneEcho(s.t)
		}
	})
	if err := s.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		s.t.Fatal(err)
	}
	after = s.worker(before) // the only one: the old one has ended
	s.serves("the new worker serves")
	stop.Store(true)
	load.Wait()
	s.t.Logf("%d echoes during the hand-over", echoes)
	return after
}

// measure holds that supervisor and worker together stay small. Pages that both have in memory count once.
func (s *service) measure(worker int) {
	s.t.Helper()
	const limit = 25 << 20 // bytes
	total := int64(0)
	for _, pid := range []int{s.cmd.Process.Pid, worker} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			s.t.Fatal(err)
		}
		pss := int64(0)
		for line := range strings.Lines(string(data)) {
			if n, _ := fmt.Sscanf(line, "Pss: %d kB", &pss); n == 1 {
				break
			}
		}
		s.t.Logf("process %d: resident %.1f MiB, proportional %.1f MiB", pid, float64(resident(s.t, pid))/(1<<20), float64(pss)/(1<<10))
		total += pss << 10
	}
	if total > limit {
		s.t.Errorf("%d bytes resident, more than %d", total, limit)
	}
}
