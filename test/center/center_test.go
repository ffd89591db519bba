package center

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/internal/posterntest"
)

// TestCenter looks at every page of the admin center of a service that has a lot, in Chromium, and acts on it: what is
// painted largest is there in 1.5 s, each thing done is answered with a painted frame in 100 ms.
func TestCenter(t *testing.T) {
	s := posterntest.New(t)
	s.Stop()
	data := filepath.Join(s.Dir, "service")
	began := time.Now()
	seed(t, data)
	t.Logf("seeded in %.1f s: %d connectors in %d groups, %d applications, %d users in %d groups, %d assignments; %d requests, %d sign-ins, %d audit entries, %d alerts in the logs",
		time.Since(began).Seconds(), connectors, connectorGroups, applications, users, groups, assigned+applications, requests, signIns, audits, alerts)
	serve(t, s, data)

	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, s.RootsPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	measure := exec.CommandContext(t.Context(), "node", "measure-center.mjs")
	measure.Dir = "../browser"
	measure.Env = append(os.Environ(), "ADMIN_URL="+s.AdminURL, "CA_FILE="+ca, "SIGN_IN=owner", "PASSWORD="+posterntest.Password)
	measure.Stdout, measure.Stderr = os.Stdout, os.Stderr
	if err := measure.Run(); err != nil {
		t.Error(err)
	}
}

// serve runs `postern serve` on the directory and the port of a service that was stopped, until the test ends.
func serve(t *testing.T, s *posterntest.System, data string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	log, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	service := exec.Command(filepath.Join(programs, "postern"), "serve", "--data", data, "--url", s.PortalURL, "--admin-url", s.AdminURL,
		"--listen", s.Address(), "--listen-plain", "off", "--metrics-listen", "off", "--drain", "1s")
	service.Stdout, service.Stderr = log, log
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- service.Wait() }()
	t.Cleanup(func() {
		service.Process.Signal(syscall.SIGTERM)
		<-ended
		if t.Failed() {
			text, _ := os.ReadFile(path)
			t.Logf("the end of the service's log:\n%s", text[max(0, len(text)-4000):])
		}
	})
	for late := time.After(2 * posterntest.Patience); ; {
		conn, err := net.DialTimeout("tcp", s.Address(), time.Second)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the service ended: %v", err)
		case <-late:
			t.Fatal(fmt.Errorf("the service does not listen: %s", strings.TrimSpace(err.Error())))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
