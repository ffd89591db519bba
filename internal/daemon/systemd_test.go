//go:build unix

package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serviceManager stands in for the service manager's end of the notification socket.
func serviceManager(t *testing.T) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", path)
	return conn
}

func hear(t *testing.T, conn *net.UnixConn, want string) {
	t.Helper()
	message := make([]byte, 256)
	n, err := conn.Read(message)
	if err != nil || string(message[:n]) != want {
		t.Fatalf("systemd heard %q, %v; want %q", message[:n], err, want)
	}
}

func TestNotify(t *testing.T) {
	conn := serviceManager(t)
	if err := Ready(); err != nil {
		t.Fatal(err)
	}
	hear(t, conn, "READY=1")
}

func TestNotifyAwayFromSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	if err := errors.Join(Ready(), Watchdog(t.Context(), nil)); err != nil {
		t.Error(err)
	}
}

func TestWatchdogSpeaksOnlyWhileHealthy(t *testing.T) {
	conn := serviceManager(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", "")
	ctx, cancel := context.WithCancel(t.Context())
	asked, ended := make(chan bool), make(chan error)
	go func() {
		ended <- Watchdog(ctx, func(context.Context) error {
			if <-asked {
				return nil
			}
			return errors.New("stuck")
		})
	}()
	asked <- true
	hear(t, conn, "WATCHDOG=1")
	asked <- false
	asked <- true
	hear(t, conn, "WATCHDOG=1")
	asked <- false
	cancel()
	select {
	case asked <- false: // it may have been asking once more
		if err := <-ended; err != nil {
			t.Error(err)
		}
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 16)); err == nil {
		t.Errorf("it spoke while it was stuck: %d bytes", n)
	}
}

func TestWatchdogRefusesNonsense(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "soon")
	t.Setenv("WATCHDOG_PID", "")
	if err := Watchdog(t.Context(), nil); err == nil {
		t.Error("an interval that is no number was accepted")
	}
}

// serveInherited is the program that TestInherit starts: it answers one connection per listener.
func serveInherited(context.Context) error {
	in, err := Inherit()
	if err != nil {
		return err
	}
	for _, listener := range []struct{ name, address string }{
		{"https", "127.0.0.1:0"}, {"http", os.Getenv("DAEMON_TEST_ADDRESS")}, {"own", "127.0.0.1:0"},
	} {
		l, err := in.Listen(listener.name, listener.address)
		if err != nil {
			return err
		}
		fmt.Println(l.Addr())
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		if _, err := io.WriteString(conn, listener.name); err != nil {
			return err
		}
		if err := conn.Close(); err != nil {
			return err
		}
	}
	return in.Close()
}

func TestInherit(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0"`, os.Args[0]) // LISTEN_PID must be the program's own
	var addresses []string
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		file, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		addresses = append(addresses, l.Addr().String())
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	}
	cmd.Env = append(os.Environ(), roleEnv+"=inheriting", "LISTEN_FDS=3", "LISTEN_FDNAMES=https:unit.socket:nobody's",
		"DAEMON_TEST_ADDRESS="+addresses[1])
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })

	for i, want := range []string{"https", "http", "own"} {
		var address string
		if _, err := fmt.Fscanln(out, &address); err != nil {
			t.Fatalf("%v; %s", err, stderr.String())
		}
		if i < 2 && address != addresses[i] {
			t.Errorf("%s listens on %s, want the inherited %s", want, address, addresses[i])
		}
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); err != nil || string(got) != want {
			t.Errorf("%s answered %q, %v", address, got, err)
		}
		_ = conn.Close()
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(stderr.String(), "nobody's ("+addresses[2]+")") {
		t.Errorf("the socket that nothing serves was not reported: %v, %q", err, stderr.String())
	}
}
