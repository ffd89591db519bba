//go:build unix

package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Listen makes a socket in the directory that only this user and root can open. It takes the place of
// whoever served it before: a process that died, or a worker that hands over.
func Listen(dir, name string) (net.Listener, error) { return listen(dir, name, 0o600) }

// ListenAll makes a socket that every user of the machine can open; PeerOf tells who did. It makes the directory, if it is not there, and
// refuses one in which others could put a socket of their own.
func ListenAll(dir, name string) (net.Listener, error) {
	if err := os.Mkdir(dir, 0o755); err == nil {
		err = os.Chmod(dir, 0o755) // whatever this process takes away from what it makes
		if err != nil {
			return nil, err
		}
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || info.Mode().Perm()&0o022 != 0 || int(owner.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("%s must be a directory of this user's, in which nobody else may make files", dir)
	}
	return listen(dir, name, 0o666)
}

func listen(dir, name string, mode fs.FileMode) (net.Listener, error) {
	draft := fmt.Sprintf(".%s-%d.tmp", name, os.Getpid()) // swept away like other drafts if this process dies here
	path, release, err := socketPath(dir, draft)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // it has another name by then
	err = os.Chmod(path, mode)
	if err == nil {
		err = os.Rename(path, filepath.Join(dir, name))
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(path))
	}
	return l, nil
}

// DialService connects to a service of the machine over a socket that every user can open. It is root that serves it, or this user.
func DialService(ctx context.Context, dir, name string) (net.Conn, error) {
	conn, err := Dial(ctx, dir, name)
	if err != nil {
		return nil, err
	}
	who, err := PeerOf(conn)
	if err == nil && !who.Admin && who.User != strconv.Itoa(os.Geteuid()) {
		err = fmt.Errorf("%s is not root's, but %s's", filepath.Join(dir, name), who.Name)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// Dial connects to whoever serves a socket of a directory. ErrNobody: nobody does.
func Dial(ctx context.Context, dir, name string) (net.Conn, error) {
	path, release, err := socketPath(dir, name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, ErrNobody
		}
		return nil, err
	}
	defer release()
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return nil, ErrNobody
		}
		return nil, fmt.Errorf("connect to %s: %w", filepath.Join(dir, name), err)
	}
	return conn, nil
}
