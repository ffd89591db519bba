//go:build linux && !race

package sock

import (
	"syscall"
	"unsafe"
)

// brief is up to which size, in bytes, the scheduler is not told of a call. Nothing else runs on its processor meanwhile, not even
// the end of a garbage collection.
const brief = 64 << 10

// Read reads what is there from a socket that does not block, as read(2). What fails is a syscall.Errno.
func Read(fd int, p []byte) (int, error) {
	if len(p) == 0 {
		return syscall.Read(fd, p)
	}
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(min(len(p), brief)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// Write writes what there is room for to a socket that does not block, as write(2). What fails is a syscall.Errno.
func Write(fd int, p []byte) (int, error) {
	if len(p) == 0 || len(p) > brief {
		return syscall.Write(fd, p)
	}
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
