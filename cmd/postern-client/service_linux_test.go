package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postern/internal/posterntest"
)

// machine is a machine of several users with a client that is its service.
type machine struct {
	*user
	dir string
}

// The users of the machine, as the system numbers them.
const (
	root = 0
	ada  = 41001
	bob  = 41002
)

func newServiceMachine(t *testing.T) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("", "postern-client-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	m := &machine{newUser(t), dir}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(program)
	for _, do := range []func() error{
		func() error { return err },
		func() error { return os.Chmod(dir, 0o755) }, // all users call the program there
		func() error { return os.WriteFile(filepath.Join(dir, "postern-client"), data, 0o755) },
		func() error { return os.WriteFile(filepath.Join(dir, "ca.pem"), m.RootsPEM, 0o644) },
		func() error { return os.Mkdir(filepath.Join(dir, "run"), 0o755) },
		func() error { return os.Mkdir(filepath.Join(dir, "state"), 0o700) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// as gives the program with a command line, run by a user of the machine.
func (m *machine) as(uid uint32, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(m.t.Context(), filepath.Join(m.dir, "postern-client"), append([]string{"--service-directory", filepath.Join(m.dir, "run")}, args...)...)
	cmd.Env = append(os.Environ(), "NO_PROXY=*", "DISPLAY=", "WAYLAND_DISPLAY=", "HOME=/nonexistent")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = posterntest.Patience
	return cmd
}

// says runs a command line to its end and holds its exit code and what it says.
func (m *machine) says(uid uint32, want int, words string, args ...string) {
	m.t.Helper()
	out, err := m.as(uid, args...).CombinedOutput()
	code := 0
	if exit, ok := err.(*exec.ExitError); ok {
		code = exit.ExitCode()
	} else if err != nil {
		m.t.Fatal(err)
	}
	if code != want || !strings.Contains(string(out), words) {
		m.t.Errorf("%d %q: exit code %d, want %d with %q:\n%s", uid, args, code, want, words, out)
	}
}

// serve runs the service until it is ended.
func (m *machine) serve(args ...string) *exec.Cmd {
	m.t.Helper()
	cmd := m.as(root, append([]string{"--state", filepath.Join(m.dir, "state"), "service", "--tun=false", "--socks", "0"}, args...)...)
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
	m.Await("the service", func() bool {
		out, _ := m.as(root, "status").CombinedOutput()
		return strings.Contains(string(out), "State")
	})
	return cmd
}

// TestServiceIsOneUsers: nobody's service is free to sign in on, without root; it is that user's then, and root's, and nobody else's, until they
// sign out.
func TestServiceIsOneUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		fmt.Println("NOT RUN: it takes root to be several users")
		return
	}
	m := newServiceMachine(t)
	service := m.serve()
	m.says(ada, exitSignedIn, "signed out", "status")
	m.says(ada, exitSignedIn, "nobody is signed in", "apps")
	m.says(bob, exitSignedIn, "nobody is signed in", "logs")

	cmd := m.as(ada, "login", "--ca-file", filepath.Join(m.dir, "ca.pem"), m.PortalURL)
	lines := begin(t, cmd)
	address := await(t, lines, `^ +(https://\S+/oauth/authorize\S+)`)
	m.says(bob, exitError, "just now", "login", m.PortalURL)
	m.Allow("ada", address)
	await(t, lines, "It is yours until")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	m.Await("the service to be connected", func() bool {
		out, _ := m.as(ada, "status").CombinedOutput()
		return strings.Contains(string(out), "connected") && strings.Contains(string(out), "1 applications")
	})
	page := m.as(ada, "connect", "localhost", fmt.Sprint(m.port))
	page.Stdin = strings.NewReader("GET /x HTTP/1.0\r\n\r\n")
	if out, err := page.Output(); err != nil || !strings.HasSuffix(string(out), "page /x") {
		t.Errorf("by its owner: %q, %v", out, err)
	}
	m.says(ada, exitOK, "connected", "diagnose")
	m.says(ada, exitRefused, "systemctl", "down")
	m.says(root, exitOK, "lab", "apps")
	for _, args := range [][]string{{"status"}, {"apps"}, {"logs"}, {"flows"}, {"diagnose"}, {"pause"}, {"logout"}, {"login", m.PortalURL}, {"connect", "localhost", fmt.Sprint(m.port)}, {"down"}} {
		words := "is used by 41001"
		if args[0] == "down" {
			words = "systemctl"
		}
		m.says(bob, exitRefused, words, args...)
	}
	if info, err := os.Stat(filepath.Join(m.dir, "state", "sign-in.json")); err != nil || info.Mode().Perm() != 0o600 || info.Sys().(*syscall.Stat_t).Uid != root {
		t.Errorf("the sign-in on the disk: %v, %v", info, err)
	}

	m.says(ada, exitOK, "Signed out of", "logout")
	m.Await("the service to be free", func() bool {
		out, _ := m.as(bob, "status").CombinedOutput()
		return strings.Contains(string(out), "signed out")
	})
	m.says(root, exitOK, "Stopped", "down")
	if err := service.Wait(); err != nil {
		t.Errorf("the service ended with %v", err)
	}
	m.serve("--owner", fmt.Sprint(ada))
	m.says(bob, exitRefused, "only 41001 may sign in", "login", m.PortalURL)
	m.says(ada, exitUsage, "URL", "login", "http://not-a-service")
}

// TestServiceMustBeRoots: a user who has put a socket where the machine's would be is told nothing by the programs of others.
func TestServiceMustBeRoots(t *testing.T) {
	if os.Geteuid() != 0 {
		fmt.Println("NOT RUN: it takes root to be several users")
		return
	}
	m := newServiceMachine(t)
	run, state := filepath.Join(m.dir, "bobs-run"), filepath.Join(m.dir, "bobs-state")
	for dir, mode := range map[string]os.FileMode{run: 0o755, state: 0o700} {
		if err := errors.Join(os.Mkdir(dir, mode), os.Chown(dir, bob, bob)); err != nil {
			t.Fatal(err)
		}
	}
	service := m.as(bob, "--service-directory", run, "--state", state, "service", "--tun=false")
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Process.Signal(os.Interrupt); _ = service.Wait() })
	m.Await("bob's service", func() bool {
		out, _ := m.as(bob, "--service-directory", run, "status").CombinedOutput()
		return strings.Contains(string(out), "State")
	})
	for _, args := range [][]string{{"status"}, {"apps"}, {"login", m.PortalURL}, {"logout"}} {
		m.says(ada, exitError, "is not root's, but 41002's", append([]string{"--service-directory", run}, args...)...)
	}
}

// TestOnlyPagesAreOpened: what systems would start a program for is not handed to them.
func TestOnlyPagesAreOpened(t *testing.T) {
	for _, address := range []string{"/usr/bin/true", "file:///usr/bin/true", "calculator:", "", "javascript:alert(1)", "HTTP//", "%zz"} {
		if err := openBrowser(address); err == nil || !strings.Contains(err.Error(), "no address of a page") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
