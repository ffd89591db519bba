package trafficlog

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"postern/internal/wire"
)

// TestDiskFull: the log stops, says so, and goes on when there is room. Nobody waits for it meanwhile.
func TestDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root can make a small disk
	}
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m,mode=700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	dir := filepath.Join(disk, "traffic")
	l := start(t, dir, func(c *Config) { c.Limits.Block, c.Limits.Segment = 2_000, 20_000 })
	l.add(0, 100)
	ballast := filepath.Join(disk, "ballast")
	fill := func(bytes int) {
		t.Helper()
		if err := os.WriteFile(ballast, make([]byte, bytes), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, left := range []int{8 << 10, 0} { // below what is kept for others; nothing at all
		var fs syscall.Statfs_t
		if err := syscall.Statfs(disk, &fs); err != nil {
			t.Fatal(err)
		}
		fill(int(fs.Bavail)*int(fs.Bsize) - left)
		for n := range 50 {
			l.Record(record(n))
		}
		if err := l.Flush(t.Context()); err == nil || l.Problem() == nil {
			t.Fatalf("with %d bytes left: %v", left, err)
		}
		if found := l.all(wire.TrafficFilter{}, 1000); len(found) < 100 {
			t.Errorf("what was there before cannot be read: %d records", len(found))
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		l.flush()
	}
	if found := l.all(wire.TrafficFilter{}, 1000); len(found) != 200 || l.Problem() != nil {
		t.Errorf("%d records, %v", len(found), l.Problem())
	}
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err == nil {
		t.Error("a disk can be made read-only below an open file")
	}
	l.stop()
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	l = start(t, dir)
	l.Record(record(7))
	if err := l.Flush(t.Context()); err == nil {
		t.Fatal("written on a disk that is read-only")
	}
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	l.flush()
	if found := l.all(wire.TrafficFilter{}, 1000); len(found) != 201 {
		t.Errorf("%d records", len(found))
	}
}
