package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/test/size"
)

// A pen is a control group with a hard limit on memory: the kernel ends whoever needs more.
type pen struct {
	dir  string
	most string // the file that says what was most in use
}

// newPen makes one, of whichever version of control groups gives it.
func newPen(t *testing.T, limit int64) (*pen, error) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		at, file, most := "/sys/fs/cgroup", "memory.max", "memory.peak"
		if parts[1] == "memory" {
			at, file, most = "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"
		} else if parts[0] != "0" {
			continue
		}
		for _, above := range []string{parts[2], "/"} { // a group with processes of its own may not have others below it
			dir := filepath.Join(at, above, fmt.Sprintf("postern-test-%d", os.Getpid()))
			if err = os.Mkdir(dir, 0o755); err != nil {
				continue
			}
			if err = os.WriteFile(filepath.Join(dir, file), []byte(strconv.FormatInt(limit, 10)), 0o644); err == nil {
				t.Cleanup(func() {
					if err := os.Remove(dir); err != nil {
						t.Errorf("processes are left in the group: %v", err)
					}
				})
				return &pen{dir, filepath.Join(dir, most)}, nil
			}
			_ = os.Remove(dir)
		}
	}
	return nil, errors.Join(errors.New("no control group for memory can be made"), err)
}

// TestHardMemoryLimit puts the service into a control group of 256 MiB, beyond which the kernel ends it, and tells it nothing of that.
// Thousands ask for much and read nothing, in waves: it refuses some, never ends, and serves others meanwhile and afterwards.
func TestHardMemoryLimit(t *testing.T) {
	const limit = 256 << 20
	group, err := newPen(t, limit)
	if err != nil {
		t.Skipf("NOT RUN here (TestLittleMemory shows the same by GOMEMLIMIT): %v", err)
	}
	s := newScarce(t)
	if err := s.service.signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.service.pen = group.dir
	s.service.start()
	s.awaitActive(1)
	s.Await("clients to be served", s.served)
	most := int64(0)
	for range size.Of(1, 4) {
		crowd := s.unreadCrowd(t, size.Of(1800, 3000))
		most = max(most, s.service.memory())
		s.service.alive()
		if t.Failed() {
			break
		}
		for _, r := range crowd {
			r.Close()
		}
		s.Await("clients to be served afterwards", s.served)
	}
	s.service.alive()
	text, _ := os.ReadFile(group.most) // older kernels do not tell of version 2
	peak, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	t.Logf("resident %d MiB, the group's most %d MiB", most>>20, peak>>20)
}

// unreadCrowd are clients that ask for much and read nothing of it, and look now and then whether others are served.
func (s *scarce) unreadCrowd(t *testing.T, count int) (crowd []*reader) {
	t.Helper()
	t.Cleanup(func() {
		for _, r := range crowd {
			r.Close()
		}
	})
	refused := 0
	for n := range count {
		if r, err := s.dial(s.cookie, "/large"); err == nil {
			crowd = append(crowd, r)
		} else {
			refused++
		}
		if n%100 == 99 {
			began := time.Now()
			if !s.served() {
				t.Errorf("beside %d slow readers nobody was served", len(crowd))
			}
			if waited := time.Since(began); waited > size.Within(5*time.Second) {
				t.Errorf("beside %d slow readers a page took %v", len(crowd), waited)
			}
		}
	}
	t.Logf("%d slow readers, %d refused; %d MiB", len(crowd), refused, s.service.memory()>>20)
	return crowd
}
