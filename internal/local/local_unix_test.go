//go:build unix

package local_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"postern/internal/local"
)

// TestListenAll: a socket for all users lies in a directory that is made for it, and never where others could have put one of their own.
func TestListenAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := local.Dial(t.Context(), dir, "control"); !errors.Is(err, local.ErrNobody) {
		t.Errorf("before anybody listens: %v", err)
	}
	l, err := local.ListenAll(dir, "control")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the directory: %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Join(dir, "control")); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
	conn, err := local.Dial(t.Context(), dir, "control")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	who, err := local.PeerOf(accepted)
	me := strconv.Itoa(os.Getuid())
	if err != nil || who.User != me || who.Admin != (me == "0") || !who.Is(me) || !who.Is(who.Name) || who.Is("") || who.Is("somebody else") {
		t.Errorf("%+v, %v", who, err)
	}

	open := filepath.Join(t.TempDir(), "open")
	link := filepath.Join(t.TempDir(), "link")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777), os.Symlink(dir, link)); err != nil {
		t.Fatal(err)
	}
	for what, dir := range map[string]string{"open to all": open, "a link": link, "nowhere": filepath.Join(dir, "no", "such")} {
		if l, err := local.ListenAll(dir, "control"); err == nil {
			t.Errorf("%s: it was taken", what)
			_ = l.Close()
		}
	}
	if os.Getuid() != 0 {
		return
	}
	others := filepath.Join(t.TempDir(), "others")
	if err := errors.Join(os.Mkdir(others, 0o755), os.Chown(others, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	if l, err := local.ListenAll(others, "control"); err == nil {
		t.Error("a directory of somebody else's was taken")
		_ = l.Close()
	}
}
