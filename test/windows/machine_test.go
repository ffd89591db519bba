//go:build linux

// Package windows runs the connector's Windows program under Wine: a silent installation as a Windows service, traffic through it,
// and everything that is done with it on the machine until it is removed. What Wine shows is how the program and the interfaces of
// Windows fit together; who may do what on a real Windows it does not show, since under Wine everybody is the same user.
package windows

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	slow     = 4 * time.Minute        // the longest that a command takes on a slow machine
	wine     = "/usr/lib/wine/wine64" // Debian has only it for programs of 64 bits
	server   = "/usr/lib/wine/wineserver64"
	compiler = "x86_64-w64-mingw32-gcc-win32"
)

func TestMain(m *testing.M) {
	for _, tool := range []string{wine, server, compiler} {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		fmt.Printf("NOT RUN: %s is missing (Debian packages wine64 and gcc-mingw-w64-x86-64-win32)\n", tool)
		if os.Getenv("CI") == "true" {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// machine is a Windows, in a directory.
type machine struct {
	t         *testing.T
	prefix    string
	env       []string
	ofMachine bool // the client that is meant is the machine's service, not a user's own
}

// newMachine makes a Windows that ends with the test, with the connector's program on it as if it were downloaded.
func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, prefix: filepath.Join(t.TempDir(), "wine")}
	m.env = append(os.Environ(), "WINEPREFIX="+m.prefix, "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=;bcryptprimitives,lodctr.exe,unlodctr.exe=n,b", "DISPLAY=")
	t.Cleanup(func() {
		if t.Failed() {
			m.showLogs()
		}
		m.host(nil, server, "-k") // all that runs on this machine, and waits for it
	})
	m.boot()
	m.stayOn()
	m.compile("bcryptprimitives.dll", "-shared", "testdata/bcryptprimitives.c", "-ladvapi32")
	m.compile("lodctr.exe", "-municode", "testdata/lodctr.c")
	m.compile("unlodctr.exe", "-municode", "testdata/lodctr.c")
	m.build(`C:\downloaded\postern-connector.exe`, "1.0")
	return m
}

// compile makes a file of the system.
func (m *machine) compile(file string, arguments ...string) {
	m.t.Helper()
	path := m.path(`C:\windows\system32\` + file)
	if err := os.RemoveAll(path); err != nil { // Wine's own may be a link to what others use, too
		m.t.Fatal(err)
	}
	if out, err := m.host(nil, compiler, append([]string{"-O2", "-s", "-o", path}, arguments...)...); err != nil {
		m.t.Fatalf("compile %s: %v\n%s", file, err, out)
	}
}

// boot makes the Windows. Wine's first start is not what is tested: it may have another try.
func (m *machine) boot() {
	m.t.Helper()
	for try := 1; ; try++ {
		out, err := m.host([]string{"WINEDEBUG=fixme-all"}, wine, "wineboot", "-i")
		if err == nil { // its service control manager is on its way out, and takes along what it is told meanwhile
			out, err = m.host(nil, server, "-w")
		}
		if err == nil {
			return
		}
		m.t.Logf("make a Windows: %v\n%s", err, out)
		if try == 3 {
			m.t.Fatal("Wine does not start")
		}
		m.host(nil, server, "-k")
		if err := os.RemoveAll(m.prefix); err != nil {
			m.t.Fatal(err)
		}
	}
}

// stayOn keeps a program running: Wine ends the service control manager between two programs where there is none, and with it what
// was just told to it.
func (m *machine) stayOn() {
	m.t.Helper()
	cmd := exec.Command(wine, "cmd")
	cmd.Env = m.env
	keyboard, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		keyboard.Close()
		cmd.Wait()
	})
}

// build builds the connector's program with a version.
func (m *machine) build(to, version string) {
	m.t.Helper()
	cmd := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-X main.version="+version, "-o", m.path(to), "postern/cmd/postern-connector")
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("build: %v\n%s", err, out)
	}
}

// path gives where a path of the machine lies on this one.
func (m *machine) path(windows string) string {
	return filepath.Join(m.prefix, "drive_c", strings.ReplaceAll(strings.TrimPrefix(windows, `C:\`), `\`, "/"))
}

func (m *machine) exists(windows string) bool {
	_, err := os.Lstat(m.path(windows))
	return err == nil
}

func (m *machine) read(windows string) string {
	text, err := os.ReadFile(m.path(windows))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (m *machine) write(windows, text string) {
	m.t.Helper()
	err := os.MkdirAll(filepath.Dir(m.path(windows)), 0o755)
	if err == nil {
		err = os.WriteFile(m.path(windows), []byte(text), 0o600)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// host runs a program of this machine for the other one, with more variables. Its output goes by a file: what it leaves running
// in the other machine would keep a pipe open.
func (m *machine) host(more []string, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), slow)
	defer cancel()
	file, err := os.CreateTemp(filepath.Dir(m.prefix), "out")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(m.env, more...), file, file
	err = cmd.Run()
	text, readErr := os.ReadFile(file.Name())
	if readErr != nil {
		return "", readErr
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n"), err
}

// The places of the machine.
const (
	installed  = `C:\Program Files\Postern\postern-connector.exe`
	downloaded = `C:\downloaded\postern-connector.exe`
	newer      = `C:\newer\postern-connector.exe`
	state      = `C:\ProgramData\postern-connector`
)

// try runs the connector's program: the installed one, if there is one.
func (m *machine) try(args ...string) (string, error) {
	program := installed
	switch {
	case !m.exists(installed), args[0] == "uninstall": // which removes the installed one
		program = downloaded
	case args[0] == "install" && m.exists(newer):
		program = newer
	}
	return m.host(nil, wine, append([]string{program}, args...)...)
}

func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatalf("postern-connector %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// says runs a command whose output must have these words.
func (m *machine) says(words string, args ...string) {
	m.t.Helper()
	if out := m.run(args...); !strings.Contains(out, words) {
		m.t.Errorf("postern-connector %s does not say %q:\n%s", strings.Join(args, " "), words, out)
	}
}

// fails runs a command that must fail with these words.
func (m *machine) fails(words string, args ...string) {
	m.t.Helper()
	if out, err := m.try(args...); err == nil || !strings.Contains(out, words) {
		m.t.Errorf("postern-connector %s: %v, not %q:\n%s", strings.Join(args, " "), err, words, out)
	}
}

// registry gives a key of the machine's registry, as reg.exe shows it; empty if there is none.
func (m *machine) registry(key string) string {
	out, err := m.host(nil, wine, "reg", "query", key)
	if err != nil {
		return ""
	}
	return out
}

func (m *machine) showLogs() {
	_ = filepath.WalkDir(m.path(state), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(filepath.Base(path), ".log") {
			return nil
		}
		if text, err := os.ReadFile(path); err == nil {
			m.t.Logf("%s:\n%s", filepath.Base(path), text[max(0, len(text)-8000):])
		}
		return nil
	})
}
