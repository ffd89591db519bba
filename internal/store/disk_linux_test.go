package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postern/internal/fault"
	"postern/internal/store"
)

// TestSQLiteOnAFullDisk fills a disk with acts, and goes on when there is room again.
func TestSQLiteOnAFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root can make a small disk; TestSQLiteRefuses has the same from SQLite's own limit
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m,mode=700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	k := open(t, store.Config{URL: "sqlite:" + filepath.Join(dir, "postern.db"), KeyFile: filepath.Join(t.TempDir(), "key")}, nil)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 512<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	var acts uint64
	for {
		_, err := act(t.Context(), k.Store)
		if err != nil {
			if !fault.Is(err, fault.KindUnavailable) || retryAfter(err) == 0 {
				t.Errorf("a full disk: %v (%v)", err, causeOf(err))
			}
			break
		}
		acts++
	}
	k.counted(t, acts)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if _, err := act(t.Context(), k.Store); err != nil {
		t.Errorf("with room again: %v (%v)", err, causeOf(err))
	}
	k.counted(t, acts+1)
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	again := open(t, k.cfg, nil)
	again.counted(t, acts+1)
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), k.cfg); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("a disk that is read-only: %v", err)
	}
}
