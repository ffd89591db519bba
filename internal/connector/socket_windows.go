package connector

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"postern/internal/disk"
)

// Windows has sockets with a path only since 2018, and without the rights of files for long. Here a socket in the state
// directory is a small file with the name of a pipe. The name is new each time: whoever may not read the directory learns it
// too late to make a pipe of that name himself.

const maxPipeName = 256 // bytes

// listenLocal makes a pipe and the file that leads to it, which takes the place of whoever served it before.
func listenLocal(state, name string) (net.Listener, error) {
	if _, err := os.Stat(state); err != nil {
		return nil, err
	}
	l, err := listenPipe(pipeNames + rand.Text())
	if err != nil {
		return nil, err
	}
	if err := disk.WriteFile(filepath.Join(state, name), []byte(l.name), 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// dialLocal connects to a pipe of the connector that runs on a state directory. ErrNotRunning: none does.
func dialLocal(ctx context.Context, state, name string) (net.Conn, error) {
	text, err := os.ReadFile(filepath.Join(state, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, fmt.Errorf("ask the connector: %w", err)
	}
	pipe := string(text)
	if len(pipe) > maxPipeName || !strings.HasPrefix(pipe, pipeNames) {
		return nil, fmt.Errorf("ask the connector: %s does not lead to a pipe of a connector", filepath.Join(state, name))
	}
	conn, err := dialPipe(pipe, statusTimeout)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, fmt.Errorf("ask the connector: %w", err)
	}
	return conn, ctx.Err()
}
