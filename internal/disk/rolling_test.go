package disk_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/disk"
)

// TestRollingLog: a log goes on where it was, and is never longer than two files of the most that one may be.
func TestRollingLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "program.log")
	line := func(c string) []byte { return []byte(strings.Repeat(c, 39) + "\n") }
	for _, c := range []string{"a", "b", "c", "d", "e"} { // each by a process of its own
		log := disk.NewRollingLog(path, 100)
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := log.Write(line(c)); n != 40 || err != nil {
			t.Fatal(n, err)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{path: string(line("e")), path + ".1": string(line("c")) + string(line("d"))} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the log may be read by others: %v, %v", info.Mode(), err)
	}
	if _, err := disk.NewRollingLog(filepath.Join(path, "below-a-file"), 100).Write(line("f")); err == nil {
		t.Error("nothing was said of a log that cannot be written")
	}
}
