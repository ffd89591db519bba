//go:build unix

package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"postern/internal/disk"
	"postern/internal/fault"
)

func (h Host) path(elements ...string) string {
	return filepath.Join(append([]string{"/", h.Root}, elements...)...)
}

// run runs a program of the system; its output is the error's text.
func run(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if errors.Is(err, exec.ErrNotFound) {
		return text, fault.Unavailable("this machine has no %s", name)
	}
	if err != nil {
		return text, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, text)
	}
	return text, nil
}

// place gives where the service's program is: where it lies, if only root can change it there and the service can see it,
// or else where a copy is put.
func (h Host) place(program string, network bool, made *bool) (string, error) {
	hidden := false
	for _, dir := range []string{"/home", "/root", "/run", "/tmp", "/var/tmp", "/dev"} { // what the unit hides
		hidden = hidden || strings.HasPrefix(program, dir+"/")
	}
	if !hidden && disk.CheckPrivate(program) == nil {
		return program, nil
	}
	target := h.copied(network)
	data, err := os.ReadFile(program)
	if err != nil {
		return "", fmt.Errorf("copy this program: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return "", err
	}
	if err := disk.WriteFile(target, data, 0o755); err != nil { // the old one runs on until it is replaced
		return "", err
	}
	*made = true
	return target, nil
}

// Missing tells which of the files that a program needs beside it are not there: here none needs any.
func (h Host) Missing(string, []string) []string { return nil }

// Put writes a file into a service's directory, for the service alone.
func (h Host) Put(name, file string, data []byte) error {
	dir := h.StateDir(name)
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	uid, gid := owner(info)
	path := filepath.Join(dir, file)
	// The service may write in its directory: what root writes there must not go through a link of the service's.
	out, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer out.Close() // it was only a way
	if err := out.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := out.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = io.Copy(f, bytes.NewReader(data))
	return errors.Join(err, f.Chown(uid, gid), f.Sync(), f.Close())
}
