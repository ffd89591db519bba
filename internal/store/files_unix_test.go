//go:build unix

package store_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFilesAreForNobodyElse looks at the modes of all that SQLite makes, under an umask that allows
// everything.
func TestFilesAreForNobodyElse(t *testing.T) {
	cfg := sqliteConfig(t)
	umask := syscall.Umask(0)
	t.Cleanup(func() { syscall.Umask(umask) })
	k := open(t, cfg, nil)
	k.settle(t)
	path := strings.TrimPrefix(cfg.URL, "sqlite:")
	for _, file := range []string{path, path + "-wal", path + "-shm", path + ".lock", cfg.KeyFile} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v; want 0600", filepath.Base(file), info.Mode(), err)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	openStore(t, cfg)
	if !strings.Contains(log.String(), "other users of this machine") {
		t.Errorf("nothing warns of a database that others may read: %s", &log)
	}
}
