//go:build unix

package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// TestDraftsOfTheKilledAreRemoved: what a killed writer left goes with the next draft of the same file; what
// others write at this moment, other files and what only looks alike stay.
func TestDraftsOfTheKilledAreRemoved(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "backup")
	left := filepath.Join(dir, ".backup.123.draft.tmp") // its writer's lock has gone with it
	stay := []string{".backup.tmp", ".other.123.draft.tmp", "backup.123.draft.tmp", "notes"}
	for _, name := range append([]string{filepath.Base(left)}, stay...) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	one, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("what a killed writer left is still there: %v", err)
	}
	other, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for text, d := range map[string]*Draft{"one": one, "other": other} {
		if _, err := d.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := d.Commit(); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if err := one.Discard(); err != nil {
		t.Error(err)
	}
	if got := names(t, dir); len(got) != len(stay)+1 {
		t.Errorf("there is %v", got)
	}
}

// TestManyDraftsAtOnce: every writer sweeps, and no writer loses what it writes.
func TestManyDraftsAtOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "backup")
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for range 20 {
				d, err := Create(path, 0o640)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := fmt.Fprint(d, i); err != nil {
					t.Error(err)
				}
				if i%4 == 0 {
					err = d.Discard()
				} else {
					err = d.Commit()
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := names(t, dir); len(got) != 1 || got[0] != "backup" {
		t.Errorf("there is %v", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
}
