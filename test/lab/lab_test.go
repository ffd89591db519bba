//go:build linux

package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// echo serves on a host until the test ends: what a connection sends comes back.
func echo(t *testing.T, l *Lab, h Host, port string) (address string) {
	t.Helper()
	listener, err := l.Listen(h, net.JoinHostPort(h.Addr(), port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection, which the test closes
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

// Patience with what is meant to arrive, and with what is meant to vanish.
const (
	patient   = 30 * time.Second
	impatient = time.Second
)

func dial(t *testing.T, l *Lab, from Host, address string, patience time.Duration) (net.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := l.Dial(ctx, from, "tcp", address)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, err
}

func mustDial(t *testing.T, l *Lab, from Host, address string) net.Conn {
	t.Helper()
	conn, err := dial(t, l, from, address, patient)
	if err != nil {
		t.Fatalf("%s does not reach %s: %v", from, address, err)
	}
	return conn
}

// say sends a word through an echo and waits for it, for at most patience.
func say(conn net.Conn, patience time.Duration) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "ping"); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 4))
	return err
}

func TestWhoReachesWhom(t *testing.T) {
	t.Parallel()
	l := New(t)
	servers := map[string]string{
		"service":      echo(t, l, Service, "443"),
		"service:80":   echo(t, l, Service, "80"),
		"site":         echo(t, l, Site, "443"),
		"backend":      echo(t, l, Backend, "8080"),
		"internet":     echo(t, l, Internet, "443"),
		"firewall:443": echo(t, l, Firewall, "443"),
	}
	tests := []struct {
		from    Host
		to      string
		reached bool
	}{
		{Internet, "service", true},
		{Internet, "service:80", true},
		{Site, "service", true},
		{Site, "internet", true},
		{Site, "backend", true},
		{Site, "service:80", false},
		{Backend, "service", false},
		{Backend, "internet", false},
		{Internet, "site", false},
		{Internet, "backend", false},
		{Internet, "firewall:443", false},
		{Service, "site", false},
		{Service, "backend", false},
	}
	for _, test := range tests {
		t.Run(string(test.from)+" to "+test.to, func(t *testing.T) {
			t.Parallel() // those that are not meant to arrive wait
			patience := impatient
			if test.reached {
				patience = patient
			}
			conn, err := dial(t, l, test.from, servers[test.to], patience)
			if err == nil {
				err = say(conn, patient)
			}
			if (err == nil) != test.reached {
				t.Errorf("%v, want reached: %v", err, test.reached)
			}
		})
	}
}

func TestInboundIsDroppedAndCounted(t *testing.T) {
	t.Parallel()
	l := New(t)
	service, site := echo(t, l, Service, "443"), echo(t, l, Site, "443")
	out := mustDial(t, l, Site, service)
	if err := say(out, patient); err != nil {
		t.Fatal(err)
	}
	if n := l.InboundPackets(); n != 0 {
		t.Fatalf("%d packets counted for a connection from inside, want 0", n)
	}
	if _, err := dial(t, l, Internet, site, impatient); !errors.Is(err, context.DeadlineExceeded) && !os.IsTimeout(err) {
		t.Errorf("inbound: %v, want silence", err)
	}
	after := l.InboundPackets()
	if after == 0 {
		t.Error("an attempt from outside was not counted")
	}
	udp, err := l.Dial(t.Context(), Service, "udp", net.JoinHostPort(Firewall.Addr(), "53"))
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	if _, err := io.WriteString(udp, "query"); err != nil {
		t.Fatal(err)
	}
	got := l.InboundPackets()
	for deadline := time.Now().Add(patient); got == after && time.Now().Before(deadline); got = l.InboundPackets() {
	}
	if got != after+1 {
		t.Errorf("%d packets counted after one datagram to the firewall, want %d", got, after+1)
	}
}

func TestCuts(t *testing.T) {
	for _, how := range []Cut{Drop, Reset} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			l := New(t)
			service := echo(t, l, Service, "443")
			standing := mustDial(t, l, Site, service)
			if err := say(standing, patient); err != nil {
				t.Fatal(err)
			}

			l.CutOutbound(how)
			wait := impatient
			if how == Reset {
				wait = patient
			}
			_, err := dial(t, l, Site, service, wait)
			expectCut(t, "new connection", how, err)
			expectCut(t, "standing connection", how, say(standing, wait))
			if l.CutPackets() == 0 {
				t.Error("the cut swallowed nothing")
			}

			l.Restore()
			if err := say(mustDial(t, l, Site, service), patient); err != nil {
				t.Errorf("after the cut: %v", err)
			}
			if how == Drop { // TCP sends again what was lost; the echo of "ping" is due since the cut
				if err := standing.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(standing, make([]byte, 4)); err != nil {
					t.Errorf("the standing connection did not survive: %v", err)
				}
			}
			if n := l.InboundPackets(); n != 0 {
				t.Errorf("%d late packets counted as attempts from outside", n)
			}
		})
	}
}

func expectCut(t *testing.T, what string, how Cut, err error) {
	t.Helper()
	refused := errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
	if how == Reset && !refused || how == Drop && !os.IsTimeout(err) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s while cut (%s): %v", what, how, err)
	}
}

// TestCutResetsBothEnds: the far end of a connection learns of a reset too, without sending anything first.
func TestCutResetsBothEnds(t *testing.T) {
	t.Parallel()
	l := New(t)
	listener, err := l.Listen(Service, net.JoinHostPort(Service.Addr(), "443"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	near := mustDial(t, l, Site, listener.Addr().String())
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	l.CutOutbound(Reset)
	expectCut(t, "service to site", Reset, say(far, patient))
	expectCut(t, "site to service", Reset, say(near, patient))
	if n := l.InboundPackets(); n != 0 {
		t.Errorf("%d late packets counted as attempts from outside", n)
	}
}

func TestNamesAndProcesses(t *testing.T) {
	t.Parallel()
	l := New(t)
	l.Name(Service.Addr(), "portal.lab.test", "app.lab.test")
	address := echo(t, l, Service, "443")
	if got := l.Run(Internet, "getent", "hosts", "app.lab.test"); !strings.Contains(got, Service.Addr()) {
		t.Errorf("getent says %q", got)
	}
	if err := say(mustDial(t, l, Site, "portal.lab.test:443"), patient); err != nil {
		t.Error(err)
	}
	if _, err := dial(t, l, Site, "nobody.lab.test:443", patient); err == nil {
		t.Error("a name that nobody has was resolved")
	}
	if got := l.Run(Site, "cat", "/proc/sys/net/ipv6/conf/all/disable_ipv6"); strings.TrimSpace(got) != "1" {
		t.Errorf("IPv6 is on: %q", got)
	}
	out, err := l.Command(Service, "sh", "-c", "ip -o addr; exit 3").Output()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(string(out), strings.TrimSuffix(address, ":443")) {
		t.Errorf("command: %v, %s", err, out)
	}
}

// TestRemovedEntirely runs a lab in a test of its own and looks at what it leaves.
func TestRemovedEntirely(t *testing.T) {
	var l *Lab
	var left *exec.Cmd
	t.Run("lab", func(t *testing.T) {
		l = New(t)
		left = l.Command(Site, "cat") // not started by Start: nobody else ends it
		if _, err := left.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		if err := left.Start(); err != nil {
			t.Fatal(err)
		}
		l.Start(Backend, "cat")
		if err := l.in(Internet, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	})
	if l == nil || left == nil || left.Process == nil {
		t.FailNow() // said above
	}
	if err := left.Wait(); err == nil {
		t.Error("a process of the lab outlived it")
	}
	expectGone(t, l.name)
}

// TestSweepRemovesWhatAKilledRunLeft makes the lab of a process that has ended.
func TestSweepRemovesWhatAKilledRunLeft(t *testing.T) {
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	l := &Lab{t: t, name: prefix + strconv.Itoa(gone.Process.Pid) + "-test", names: map[string]string{}}
	if err := l.build(); err != nil {
		t.Fatal(err)
	}
	for range 4 { // as tests that start at the same moment do
		t.Run("sweep", func(t *testing.T) {
			t.Parallel()
			New(t)
			expectGone(t, l.name)
		})
	}
}

func expectGone(t *testing.T, lab string) {
	t.Helper()
	for _, dir := range []string{namespaceDir, "/etc/netns"} {
		if found, err := filepath.Glob(filepath.Join(dir, lab+"*")); err != nil || len(found) > 0 {
			t.Errorf("left behind: %v, %v", found, err)
		}
	}
}
