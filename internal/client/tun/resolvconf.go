package tun

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"postern/internal/disk"
)

// resolvConf takes over a machine's resolv.conf(5) and puts it back exactly: content, mode, or the link that it was.
//
// What it was is kept on the disk before anything is changed, so that it is put back also after a crash or a reboot, at the latest at the
// next start. Until then names are still found: the machine's own name servers stand behind ours in the file. What others write
// meanwhile is theirs: it is never overwritten with an older state.
type resolvConf struct {
	path, kept string

	mu sync.Mutex // guards up
	up []string
}

const (
	resolvMark = "# Made by postern-client. It puts back what was here when it ends, or starts again."
	maxResolv  = 64 << 10
	maxServers = 3 // what resolv.conf(5) looks at
)

// original is what the file was.
type original struct {
	Content []byte      `json:"content"`
	Mode    fs.FileMode `json:"mode"`
	Link    string      `json:"link,omitempty"` // that the file was
	Absent  bool        `json:"absent,omitempty"`
}

func newResolvConf(path, state string) *resolvConf {
	return &resolvConf{path: path, kept: filepath.Join(state, "resolv.conf.json")}
}

// take writes the file with our name server first, for names of any domain. It does nothing if it is there.
func (r *resolvConf) take([]domain) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	was, err := r.read()
	if err != nil {
		return err
	}
	if bytes.HasPrefix(was.Content, []byte(resolvMark)) {
		return nil
	}
	r.up = serversIn(was.Content)
	data, err := json.Marshal(was)
	if err == nil {
		err = disk.WriteFile(r.kept, data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep what %s was: %w", r.path, err)
	}
	if was.Link != "" {
		if err := os.Remove(r.path); err != nil {
			return fmt.Errorf("take over %s: %w", r.path, err)
		}
	}
	return r.write(ours(was.Content), 0o644)
}

func (r *resolvConf) read() (original, error) {
	info, err := os.Lstat(r.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return original{Absent: true, Mode: 0o644}, nil
	case err != nil:
		return original{}, fmt.Errorf("look at %s: %w", r.path, err)
	case info.Size() > maxResolv:
		return original{}, fmt.Errorf("%s has %d bytes, which is no list of name servers", r.path, info.Size())
	}
	was := original{Mode: info.Mode().Perm()}
	if info.Mode()&fs.ModeSymlink != 0 {
		if was.Link, err = os.Readlink(r.path); err != nil {
			return was, fmt.Errorf("look at %s: %w", r.path, err)
		}
	}
	was.Content, err = os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) && was.Link != "" {
		err = nil // it leads nowhere
	}
	if err != nil {
		return was, fmt.Errorf("read %s: %w", r.path, err)
	}
	return was, nil
}

// write changes the file in place: it may be mounted there, and then cannot be replaced.
func (r *resolvConf) write(content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", r.path, err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", r.path, err)
	}
	return nil
}

// ours is the file with our name server first, the machine's own behind it, and all else as it was.
func ours(was []byte) []byte {
	var out bytes.Buffer
	fmt.Fprintln(&out, resolvMark)
	fmt.Fprintln(&out, "nameserver", server4)
	for i, s := range serversIn(was) {
		if i < maxServers-1 {
			fmt.Fprintln(&out, "nameserver", s)
		}
	}
	for line := range strings.Lines(string(was)) {
		if word := strings.Fields(line); len(word) > 0 && word[0] != "nameserver" && !strings.HasPrefix(word[0], "#") && !strings.HasPrefix(word[0], ";") {
			out.WriteString(strings.TrimRight(line, "\n") + "\n")
		}
	}
	return out.Bytes()
}

// serversIn gives the name servers of a file.
func serversIn(content []byte) []string {
	var list []string
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		word := strings.Fields(lines.Text())
		if len(word) < 2 || word[0] != "nameserver" {
			continue
		}
		if addr, err := netip.ParseAddr(word[1]); err == nil && addr != server4 && len(list) < maxServers {
			list = append(list, addr.String())
		}
	}
	return list
}

// servers gives the machine's own name servers.
func (r *resolvConf) servers() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.up
}

// restore puts the file back, if it is still ours, and forgets what it was.
func (r *resolvConf) restore() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	data, err := os.ReadFile(r.kept)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var was original
	if err == nil {
		err = json.Unmarshal(data, &was)
	}
	if err != nil {
		return fmt.Errorf("read what %s was: %w", r.path, err)
	}
	now, err := os.ReadFile(r.path)
	if err == nil && bytes.HasPrefix(now, []byte(resolvMark)) {
		if err := r.put(was); err != nil {
			return err
		}
	}
	return disk.Remove(r.kept)
}

func (r *resolvConf) put(was original) error {
	switch {
	case was.Absent:
		return os.Remove(r.path)
	case was.Link == "":
		return r.write(was.Content, was.Mode)
	}
	next := r.path + ".postern"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(was.Link, next); err != nil {
		return fmt.Errorf("put back %s: %w", r.path, err)
	}
	return os.Rename(next, r.path)
}
