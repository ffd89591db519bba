//go:build !linux || race

package pac

// limitMemory has no portable form, and the race detector needs more: the watch is what there is.
func limitMemory(uint64) {}
