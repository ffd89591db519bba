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

func (p *pen) String() string {
	if p == nil {
		return "no control group"
	}
	text, _ := os.ReadFile(p.most) // older kernels do not tell of version 2
	return fmt.Sprintf("the group's most %s bytes of %s", strings.TrimSpace(string(text)), p.dir)
}

// TestHardMemoryLimit puts the service into a control group of 256 MiB, beyond which the kernel ends it, and tells it nothing of that.
// Thousands ask for much and read nothing, in waves: it refuses some, never ends, and serves others meanwhile and afterwards.
func TestHardMemoryLimit(t *testing.T) {
	const limit = 256 << 20
	group, err := newPen(t, limit)
	s := newScarce(t)
	if err := s.service.signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Logf("without a control group the service is told: %v", err)
		s.service.env = append(s.service.env, fmt.Sprintf("GOMEMLIMIT=%d", limit/5*4))
	} else {
		s.service.pen = group.dir
	}
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
	if group == nil && most > limit {
		t.Errorf("the service took %d MiB", most>>20)
	}
	t.Logf("resident %d MiB, %s", most>>20, group)
}

// unreadCrowd are clients that ask for much and read nothing of it, and look now and then whether others are served.
func (s *scarce) unreadCrowd(t *testing.T, count int) (crowd []*reader) {
	t.Helper()
	t.Cleanup(func() {
		for _, r := range crowd {
			r.Close()
		}
	})
	refused, slowest := 0, time.Duration(0)
	for n := range count {
		if r, err := s.dial(s.cookie, "/large"); err == nil {
			crowd = append(crowd, r)
		} else {
			refused++
		}
		if n%100 == 99 {
			began := time.Now()
			s.service.alive()
			s.Await("somebody to be served beside slow readers", s.served) // if not at once, soon
			slowest = max(slowest, time.Since(began))
		}
	}
	t.Logf("%d slow readers, %d refused, the slowest page %v; %d MiB", len(crowd), refused, slowest, s.service.memory()>>20)
	if size.Full() && slowest > 5*time.Second {
		t.Errorf("beside slow readers a page took %v", slowest)
	}
	return crowd
}
