//go:build !linux

package dial

import (
	"syscall"
	"time"
)

// BoundUnsent has no portable form.
func BoundUnsent(syscall.RawConn, int) {}

// BoundUnacknowledged has no portable form.
func BoundUnacknowledged(syscall.RawConn, time.Duration) {}

// KernelMemory has no portable form.
func KernelMemory() int64 { return 0 }
