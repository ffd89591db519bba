package tun

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"postern/internal/disk"
)

// resolverFiles tell macOS which names are answered here: a file for each domain in /etc/resolver (resolver(5)). They stand beside files that
// others made, also beside one for the same domain. After a crash or a reboot they are taken away at the next start.
type resolverFiles struct {
	dir, conf string // /etc/resolver, /etc/resolv.conf

	mu sync.Mutex
}

const (
	resolverPrefix = "postern-"
	resolverMark   = "# Made by postern-client. It takes this file away when it ends, or starts again.\n"
	maxResolvers   = 2000
	maxSearch      = 6 // domains that macOS reads of one file
)

// files gives what the directory is to contain of ours.
func (r *resolverFiles) files(domains []domain) (map[string]string, error) {
	names := topmost(domains)
	if len(names) > maxResolvers {
		return nil, fmt.Errorf("macOS would be told of %d domains, of at most %d: give your applications DNS suffixes instead of single names", len(names), maxResolvers)
	}
	files := map[string]string{}
	for _, name := range names {
		files[resolverPrefix+name] = fmt.Sprintf("%sdomain %s\nnameserver %s\nsearch_order 1\n", resolverMark, name, server4)
	}
	number := 0
	for search := range slices.Chunk(searched(domains), maxSearch) {
		files[fmt.Sprintf("%ssearch.%d", resolverPrefix, number)] = resolverMark + "search " + strings.Join(search, " ") + "\n"
		number++
	}
	return files, nil
}

// take writes the files that are missing or another's, and takes away what is there no more.
func (r *resolverFiles) take(domains []domain) error {
	files, err := r.files(domains)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	errs := []error{r.sweep(files)}
	err = os.Mkdir(r.dir, 0o755)
	if err == nil {
		err = os.Chmod(r.dir, 0o755) // a service takes rights away from what it makes, and others look there, too
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("take over names: %w", err)
	}
	for name, content := range files {
		path := filepath.Join(r.dir, name)
		if was, err := os.ReadFile(path); err == nil && string(was) == content {
			continue
		}
		if err := disk.WriteFile(path, []byte(content), 0o644); err != nil {
			errs = append(errs, fmt.Errorf("take over names: %w", err))
		}
	}
	return errors.Join(errs...)
}

// sweep takes away our files, but for those to keep.
func (r *resolverFiles) sweep(keep map[string]string) error {
	entries, err := os.ReadDir(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for name servers of ours: %w", err)
	}
	var errs []error
	for _, e := range entries {
		path := filepath.Join(r.dir, e.Name())
		draft := strings.HasPrefix(e.Name(), "."+resolverPrefix) && strings.HasSuffix(e.Name(), ".tmp") // of a client that was killed; macOS would read it
		if !draft && (keep[e.Name()] != "" || !strings.HasPrefix(e.Name(), resolverPrefix)) {
			continue
		}
		if content, err := os.ReadFile(path); !draft && (err != nil || !bytes.HasPrefix(content, []byte(resolverMark))) {
			continue // it is somebody else's, whatever it is called
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("take away a name server of ours: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (r *resolverFiles) restore() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sweep(nil)
}

// servers gives the machine's name servers: macOS keeps them in resolv.conf, as those of its first network.
func (r *resolverFiles) servers() []string {
	content, err := os.ReadFile(r.conf)
	if err != nil {
		return nil // as if there were no network
	}
	return slices.DeleteFunc(serversIn(content), func(s string) bool { return s == server4.String() })
}
