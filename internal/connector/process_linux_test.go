package connector

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/internal/tunnel"
	"postern/internal/wire"
)

// TestProcess runs the program itself against a real service in small: it enrols from a file, serves, says how it is, stays
// small, holds what is open through a SIGTERM, and ends with 0.
func TestProcess(t *testing.T) {
	const idleLimit = 25 << 20 // bytes resident
	program := filepath.Join(t.TempDir(), "postern-connector")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, "postern/cmd/postern-connector").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	w := newWorld(t, 2)
	w.publish(wire.Target{Application: app, Host: "127.0.0.1", Port: newBackend(t, echo).port})
	w.allow("allow 127.0.0.1\n")
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte(w.token.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command(program, "run", "--state", w.state, "--token-file", tokenFile, "--rules", w.rules, "--proxy", "direct", "--log-level", "debug")
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-exited })
	status := func() (string, error) {
		out, err := exec.Command(program, "status", "--state", w.state, "-o", "json").Output()
		return string(out), err
	}
	eventually(t, "status says ok", func() bool { out, err := status(); return err == nil && strings.Contains(out, `"state": "ok"`) })
	eventually(t, "four tunnels", func() bool { return len(w.gateways[0].live()) == 2 && len(w.gateways[1].live()) == 2 })
	streams := []*tunnel.Stream{}
	for range 5 {
		st, _, err := w.gateways[0].dial(w.open(app))
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, st)
	}
	idle := resident(t, cmd.Process.Pid)
	t.Logf("resident with 4 tunnels and 5 idle streams: %.1f MiB", float64(idle)/(1<<20))
	if idle > idleLimit {
		t.Errorf("resident: %d bytes, more than %d", idle, idleLimit)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it drains", func() bool { return len(w.gateways[0].live()) == 0 })
	for _, st := range streams {
		_, _ = st.Write([]byte("late"))
		_ = st.CloseWrite()
		if got, err := io.ReadAll(st); err != nil || string(got) != "late" {
			t.Errorf("a stream gave %q, %v", got, err)
		}
		_ = st.Close()
	}
	select {
	case err := <-exited:
		exited <- err
		if err != nil {
			t.Errorf("exit: %v\n%s", err, log.String())
		}
	case <-time.After(patience):
		t.Fatal("it did not end")
	}
	if strings.Contains(log.String(), w.token.Secret) || strings.Contains(log.String(), w.token.String()) {
		t.Error("the log holds the token")
	}
	if _, err := status(); err == nil || err.(*exec.ExitError).ExitCode() != 1 {
		t.Errorf("status of one that does not run: %v", err)
	}
}

// resident gives a process's resident memory in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
