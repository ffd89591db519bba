//go:build !linux

package tunnel

import (
	"syscall"
	"time"
)

func boundUnsent(syscall.RawConn) {}

// boundUnacknowledged has no portable form: here the session's own limit of silence works alone.
func boundUnacknowledged(syscall.RawConn, time.Duration) {}
