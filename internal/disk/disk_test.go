//go:build unix

package disk

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWriteFileReplacesWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credential")
	for _, mode := range []fs.FileMode{0o600, 0o644, 0o400} { // the last two replace a file that is there
		if err := WriteFile(path, []byte(mode.String()), mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("mode %v, want %v", info.Mode().Perm(), mode)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != mode.String() {
			t.Errorf("read %q, %v", got, err)
		}
	}
	onlyFile(t, path)
}

func TestWriteFileFailureLeavesTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "taken")
	if err := os.MkdirAll(filepath.Join(path, "child"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("x"), 0o600); err == nil {
		t.Fatal("a directory was replaced by a file")
	}
	onlyFile(t, path)
	if err := WriteFile(filepath.Join(path, "missing", "file"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
}

// onlyFile fails if path has neighbours: temporary files that were left.
func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("directory holds %v, %v; want only %s", entries, err, path)
	}
}

func TestRemove(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, 0o600)
	for range 2 {
		if err := Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestChecks(t *testing.T) {
	tests := []struct {
		name            string
		build           func(t *testing.T, dir string) (path string)
		private, secret string // part of the error, "" for none
	}{
		{"own, closed", file(0o600), "", ""},
		{"own, readable", file(0o644), "", "mode 0044"},
		{"group readable", file(0o640), "", "mode 0040"},
		{"group writable", file(0o660), "mode 0020", "mode 0060"},
		{"world writable", file(0o602), "mode 0002", "mode 0002"},
		{"missing", func(_ *testing.T, dir string) string { return dir + "/none" }, "no such file", "no such file"},
		{"a directory", func(_ *testing.T, dir string) string { return dir }, "not a regular file", "not a regular file"},
		{"through a file", func(t *testing.T, dir string) string { return file(0o600)(t, dir) + "/x" }, "not a directory", "not a directory"},
		{"open directory", inDir(0o777), "can be written by other users", "can be written by other users"},
		{"open but sticky directory", inDir(0o777 | fs.ModeSticky), "", ""},
		{"link to a closed file", func(t *testing.T, dir string) string { return link(t, file(0o600)(t, dir), dir+"/link") }, "", ""},
		{"link into an open directory", func(t *testing.T, dir string) string { return link(t, inDir(0o777)(t, dir), dir+"/link") },
			"can be written by other users", "can be written by other users"},
		{"link in an open directory", func(t *testing.T, dir string) string {
			return link(t, file(0o600)(t, dir), filepath.Dir(inDir(0o777)(t, dir))+"/link")
		}, "can be written by other users", "can be written by other users"},
		{"dots behind a link", func(t *testing.T, dir string) string {
			file(0o600)(t, dir) // what a cleaned path would name; the kernel opens open/file
			inside := filepath.Dir(inDir(0o777)(t, dir)) + "/inside"
			if err := os.Mkdir(inside, 0o700); err != nil {
				t.Fatal(err)
			}
			return link(t, inside, dir+"/way") + "/../file"
		}, "can be written by other users", "can be written by other users"},
		{"link to itself", func(t *testing.T, dir string) string { return link(t, dir+"/loop", dir+"/loop") }, "too many", "too many"},
		{"dangling link", func(t *testing.T, dir string) string { return link(t, dir+"/none", dir+"/link") }, "no such file", "no such file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := test.build(t, t.TempDir())
			expect(t, CheckPrivate(path), test.private)
			expect(t, CheckSecret(path), test.secret)
		})
	}
}

func TestCheckRelativePath(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/open", 0o666)
	write(t, dir+"/closed", 0o600)
	t.Chdir(dir)
	expect(t, CheckPrivate("closed"), "")
	expect(t, CheckPrivate("./open"), "mode 0022")
}

func TestCheckForeignOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("only root can give files away; the rest of the rule is tested in TestChecks")
		return
	}
	path := file(0o600)(t, t.TempDir())
	if err := os.Chown(path, 4242, -1); err != nil {
		t.Fatal(err)
	}
	expect(t, CheckPrivate(path), "belongs to user 4242")
	if err := os.Chown(path, 0, -1); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Dir(path), 4242, -1); err != nil {
		t.Fatal(err)
	}
	expect(t, CheckPrivate(path), "belongs to user 4242")
}

func TestReads(t *testing.T) {
	path := file(0o600)(t, t.TempDir())
	if data, err := ReadSecret(path, 4); err != nil || string(data) != "data" {
		t.Errorf("read %q, %v", data, err)
	}
	_, err := ReadPrivate(path, 3)
	expect(t, err, "larger than 3 bytes")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = ReadSecret(path, 4)
	expect(t, err, "open to other users")
}

func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := TryLock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock in one process: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Lock(ctx, path); !errors.Is(err, ErrLocked) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled wait: %v", err)
	}
	got := make(chan error)
	go func() {
		second, err := Lock(t.Context(), path)
		if err == nil {
			err = second.Unlock()
		}
		got <- err
	}()
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// TestLockEndsWithItsProcess kills a process that holds the lock; TestMain is that process.
func TestLockEndsWithItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), holdEnv+"="+path)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil { // it holds the lock
		t.Fatal(err)
	}
	if _, err := TryLock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("while the other process holds it: %v", err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // killed
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	l, err := Lock(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
}

const holdEnv = "DISK_TEST_HOLD"

func TestMain(m *testing.M) {
	path := os.Getenv(holdEnv)
	if path == "" {
		os.Exit(m.Run())
	}
	if _, err := TryLock(path); err != nil {
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString("!")
	_, _ = io.Copy(io.Discard, os.Stdin) // until killed, or until the test has gone
}

func file(mode fs.FileMode) func(*testing.T, string) string {
	return func(t *testing.T, dir string) string {
		write(t, dir+"/file", mode)
		return dir + "/file"
	}
}

func inDir(mode fs.FileMode) func(*testing.T, string) string {
	return func(t *testing.T, dir string) string {
		if err := os.Mkdir(dir+"/open", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir+"/open", mode); err != nil {
			t.Fatal(err)
		}
		write(t, dir+"/open/file", 0o600)
		return dir + "/open/file"
	}
}

func link(t *testing.T, target, path string) string {
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

func expect(t *testing.T, err error, part string) {
	t.Helper()
	if part == "" && err != nil || part != "" && (err == nil || !strings.Contains(err.Error(), part)) {
		t.Errorf("error %v, want %q", err, part)
	}
}
