//go:build unix

package connector

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// listenLocal makes a socket in the state directory that only the connector's user and root can open. It takes the place of
// whoever served it before: a process that died, or a worker that hands over.
func listenLocal(state, name string) (net.Listener, error) {
	draft := fmt.Sprintf(".%s-%d.tmp", name, os.Getpid()) // swept away like other drafts if this process dies here
	path, release, err := socketPath(state, draft)
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
	err = os.Chmod(path, 0o600)
	if err == nil {
		err = os.Rename(path, filepath.Join(state, name))
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(path))
	}
	return l, nil
}

// dialLocal connects to a socket of the connector that runs on a state directory. ErrNotRunning: none does.
func dialLocal(ctx context.Context, state, name string) (net.Conn, error) {
	path, release, err := socketPath(state, name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, ErrNotRunning
		}
		return nil, err
	}
	defer release()
	dialer := net.Dialer{Timeout: statusTimeout}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return nil, ErrNotRunning
		}
		return nil, fmt.Errorf("ask the connector: %w", err)
	}
	return conn, nil
}
