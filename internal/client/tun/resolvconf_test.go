package tun

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const someConf = "# by the network\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver 192.0.2.54\nsearch example.com\noptions edns0\n"

// TestResolvConf: the file is taken over and put back exactly, whatever it was, by this process or the next one.
func TestResolvConf(t *testing.T) {
	for name, make := range map[string]func(t *testing.T, path string){
		"a file":        func(t *testing.T, path string) { write(t, path, someConf, 0o640) },
		"an empty file": func(t *testing.T, path string) { write(t, path, "", 0o644) },
		"a link": func(t *testing.T, path string) {
			write(t, path+".real", someConf, 0o644)
			link(t, filepath.Base(path)+".real", path)
		},
		"a broken link":  func(t *testing.T, path string) { link(t, "nowhere", path) },
		"nothing at all": func(*testing.T, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "resolv.conf")
			make(t, path)
			before := look(t, path)
			r := newResolvConf(path, dir)
			for range 2 { // again: it is there already
				if err := r.take(nil); err != nil {
					t.Fatal(err)
				}
			}
			taken := read(t, path)
			if !strings.HasPrefix(taken, resolvMark+"\nnameserver 198.18.0.1\n") {
				t.Errorf("taken over as %q", taken)
			}
			if strings.Contains(before, "192.0.2.53") {
				if want := []string{"192.0.2.53", "2001:db8::53", "192.0.2.54"}; !slices.Equal(r.servers(), want) {
					t.Errorf("the network's name servers are %v", r.servers())
				}
				if !strings.Contains(taken, "nameserver 192.0.2.53\nnameserver 2001:db8::53\nsearch example.com\noptions edns0\n") {
					t.Errorf("taken over as %q", taken)
				}
			}
			next := newResolvConf(path, dir) // of another process, after this one was killed
			for range 2 {
				if err := next.restore(); err != nil {
					t.Fatal(err)
				}
			}
			if after := look(t, path); after != before {
				t.Errorf("put back as %s, it was %s", after, before)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*.json")); len(left) > 0 {
				t.Errorf("left over: %v", left)
			}
		})
	}
}

// TestResolvConfOfOthers: what another program writes meanwhile is its own, and taken over again with its name servers.
func TestResolvConfOfOthers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "resolv.conf")
	write(t, path, someConf, 0o644)
	r := newResolvConf(path, dir)
	if err := r.take(nil); err != nil {
		t.Fatal(err)
	}
	const other = "nameserver 198.51.100.1\n"
	write(t, path, other, 0o644)
	if err := newResolvConf(path, dir).restore(); err != nil || read(t, path) != other {
		t.Errorf("put back over what another program wrote: %q, %v", read(t, path), err)
	}
	if err := r.take(nil); err != nil || !slices.Equal(r.servers(), []string{"198.51.100.1"}) {
		t.Errorf("taken over again with %v, %v", r.servers(), err)
	}
	if err := r.restore(); err != nil || read(t, path) != other {
		t.Errorf("put back as %q, %v", read(t, path), err)
	}
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// look tells what a file is.
func look(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		return "nothing"
	}
	if to, err := os.Readlink(path); err == nil {
		content, _ := os.ReadFile(path)
		return "a link to " + to + ": " + string(content)
	}
	return info.Mode().String() + " " + read(t, path)
}
