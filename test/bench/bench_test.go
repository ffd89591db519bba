//go:build linux

package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	for _, tool := range []string{"nginx", "h2load", "openssl", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			fmt.Fprintf(os.Stderr, "NOT RUN: the benchmark harness needs %s (Debian: nginx-light nghttp2-client openssl curl)\n", tool)
			if os.Getenv("CI") == "true" {
				os.Exit(1)
			}
			return
		}
	}
	os.Exit(m.Run())
}

// TestCompare measures what is known: two hops of nginx need more CPU than one.
func TestCompare(t *testing.T) {
	nginx, err := StartNginx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := nginx.Stop(); err != nil {
			t.Error(err)
		}
	}()
	two, err := nginx.Side("/1k")
	if err != nil {
		t.Fatal(err)
	}
	one := Side{Name: "first hop alone", URL: two.URL, Address: two.Address, PIDs: two.PIDs[:1]}
	for _, load := range []Load{
		{Connections: 8, Rounds: 2, Body: 1024},
		{Connections: 2, Streams: 4, HTTP2: true, Rounds: 1, Body: 1024},
	} {
		sides := []Side{two, one}
		rounds, err := Compare(t.Context(), load, sides...)
		if err != nil {
			t.Fatal(err)
		}
		var table bytes.Buffer
		if err := Print(&table, sides, rounds); err != nil {
			t.Fatal(err)
		}
		t.Logf("\n%s", table.String())
		cpu := func(r Round) float64 { return float64(r.CPU) }
		if len(rounds[0]) != load.Rounds || rounds[0][0].CPU <= 0 || ratio(rounds[1], rounds[0], cpu) >= 1 {
			t.Errorf("two hops %v, the first of them %v", rounds[0], rounds[1])
		}
	}

	missing := two
	missing.URL += "-missing"
	if _, err := Compare(t.Context(), Load{Connections: 1, Rounds: 1, Body: 1024}, missing); err == nil || !strings.Contains(err.Error(), "not every request") {
		t.Errorf("404 was measured as if it were an answer: %v", err)
	}
	if _, err := Compare(t.Context(), Load{Connections: 1, Rounds: 1, Body: 2048}, two); err == nil || !strings.Contains(err.Error(), "bytes of body") {
		t.Errorf("half the body was measured as if it were an answer: %v", err)
	}
}

func TestCPUOfChildren(t *testing.T) {
	busy := exec.Command("sh", "-c", "(i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; echo done; exec sleep 600) & wait")
	busy.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := busy.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := busy.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-busy.Process.Pid, syscall.SIGKILL) // with its child
		_ = busy.Wait()
	}()
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	own, err := cpuOfOne(busy.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	all, err := cpuOf([]int{busy.Process.Pid})
	if err != nil || all < own+50*time.Millisecond {
		t.Errorf("%v with its busy child, %v without, %v", all, own, err)
	}
	if _, err := cpuOf([]int{1 << 30}); err == nil {
		t.Error("a process that does not exist has used CPU")
	}
}
