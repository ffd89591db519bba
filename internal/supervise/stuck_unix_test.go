//go:build unix

package supervise

import (
	"syscall"
	"testing"
	"time"
)

// TestStuckWorkerIsReplaced stops the worker's process as a whole: nothing in it moves, and nothing of it ends.
func TestStuckWorkerIsReplaced(t *testing.T) {
	s, _ := start(t, "well", func(c *Config) { c.Silence = 10 * time.Second })
	first := s.worker(0)
	if err := syscall.Kill(first, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.worker(first)
	if !s.logged("the worker is stuck") {
		t.Error("it does not say so")
	}
}
