package system

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"postern/internal/wire"
)

// nobody is a user without rights, as the installed service has one.
const nobody = 65534

// TestDoctorOfAStoppedService: root asks about a connector that is stopped and belongs to another user. The doctor looks as that user,
// says that it is stopped, and goes the way to the service all the same; it leaves nothing behind.
func TestDoctorOfAStoppedService(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("it needs root")
		}
		fmt.Fprintln(os.Stderr, "NOT RUN: TestDoctorOfAStoppedService needs root")
		return
	}
	s := newSite(t, "")
	s.connect()
	c := s.connectors[0]
	own := filepath.Dir(c.log)
	state := filepath.Join(own, "state")
	if err := c.signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for dir := own; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil { // the tests' own directories are closed
			t.Fatal(err)
		}
	}
	each(t, state, func(path string, _ fs.FileInfo) {
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	})
	list := func() (all []string) {
		each(t, state, func(path string, info fs.FileInfo) {
			all = append(all, fmt.Sprint(path, info.Mode(), info.ModTime(), info.Sys().(*syscall.Stat_t).Uid))
		})
		return all
	}
	before := list()
	out, err := exec.Command(filepath.Join(programs, "postern-connector"), "doctor", "--state", state, "--proxy", "direct", "-o", "json").Output()
	if ended, ok := err.(*exec.ExitError); !ok || ended.ExitCode() != 2 {
		t.Errorf("it ended with %v", err)
	}
	var d wire.Diagnosis
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	codes := map[string]string{}
	for _, f := range d.Findings {
		codes[f.Code] = f.Detail
	}
	for _, code := range []string{"not-running", "enrolled", "certificate", "service"} {
		if _, told := codes[code]; !told {
			t.Errorf("%s is missing in\n%s", code, out)
		}
	}
	for _, code := range []string{"other-user", "state-unusable"} {
		if _, told := codes[code]; told {
			t.Errorf("%s is told: %s", code, codes[code])
		}
	}
	if after := list(); !slices.Equal(before, after) {
		t.Errorf("before\n%s\nafter\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// each names every file and directory below one, and that itself.
func each(t *testing.T, dir string, do func(path string, info fs.FileInfo)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			do(path, info)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
