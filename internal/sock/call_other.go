//go:build unix && (!linux || race)

package sock

import "syscall"

// The race detector learns the order of things from package syscall.

// Read reads what is there from a socket that does not block, as read(2). What fails is a syscall.Errno.
func Read(fd int, p []byte) (int, error) { return syscall.Read(fd, p) }

// Write writes what there is room for to a socket that does not block, as write(2). What fails is a syscall.Errno.
func Write(fd int, p []byte) (int, error) { return syscall.Write(fd, p) }
