//go:build !race

package pac

import "syscall"

// limitMemory has the system refuse what is beyond three times the limit: what a script wants in one piece is there before the
// watch sees it.
func limitMemory(bytes uint64) {
	limit := syscall.Rlimit{Cur: 3 * bytes, Max: 3 * bytes}
	_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &limit) // where it cannot be had the watch is what there is
}
