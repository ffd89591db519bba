package local

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

// Windows has sockets with a path only since 2018, and without the rights of files for long. Here a socket in the
// directory is a small file with the name of a pipe. The name is new each time: whoever may not read the directory learns it
// too late to make a pipe of that name himself.

const maxPipeName = 256 // bytes

// Listen makes a pipe and the file that leads to it, which takes the place of whoever served it before.
func Listen(dir, name string) (net.Listener, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	l, err := listenPipe(pipeNames+rand.Text(), "")
	if err != nil {
		return nil, err
	}
	if err := disk.WriteFile(filepath.Join(dir, name), []byte(l.name), 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// ListenAll makes a pipe that every user of the machine can open; PeerOf tells who did. The directory is the beginning of the pipe's
// name, which everybody knows then: it is to be one under which Windows lets administrators alone make pipes.
func ListenAll(dir, name string) (net.Listener, error) {
	if !isPipe(dir) {
		return nil, fmt.Errorf("%s is not the beginning of a pipe's name", dir)
	}
	return listenPipe(dir+`\`+name, everyUser)
}

func isPipe(dir string) bool { return strings.HasPrefix(dir, `\\.\pipe\`) }

// DialService connects to a service of the machine over a pipe that every user can open. As any pipe that is dialled here, it is SYSTEM's or an
// administrator's, or this user's.
func DialService(ctx context.Context, dir, name string) (net.Conn, error) {
	return Dial(ctx, dir, name)
}

// Dial connects to whoever serves a pipe of a directory. ErrNobody: nobody does.
func Dial(ctx context.Context, dir, name string) (net.Conn, error) {
	pipe := dir + `\` + name
	if !isPipe(dir) {
		text, err := os.ReadFile(pipe)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, ErrNobody
		}
		if err != nil {
			return nil, fmt.Errorf("connect to %s: %w", pipe, err)
		}
		if len(text) > maxPipeName || !strings.HasPrefix(string(text), pipeNames) {
			return nil, fmt.Errorf("%s does not lead to a pipe of ours", pipe)
		}
		pipe = string(text)
	}
	conn, err := dialPipe(pipe, patience)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNobody
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", filepath.Join(dir, name), err)
	}
	return conn, ctx.Err()
}
