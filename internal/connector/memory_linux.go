package connector

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// machineMemory gives the memory of this machine in bytes; 0 where it is not known.
func machineMemory() uint64 { return memoryOf("MemTotal:") }

// availableMemory gives how much of the machine's memory nobody uses, in bytes; 0 where it is not known.
func availableMemory() uint64 { return memoryOf("MemAvailable:") }

func memoryOf(field string) uint64 {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer file.Close() // only read from
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), field); ok {
			var kib uint64
			_, _ = fmt.Sscanf(text, "%d kB", &kib) // what is not understood is not known
			return kib << 10
		}
	}
	return 0
}

// residentMemory gives how much of the memory this process has, in bytes; 0 where it is not known.
func residentMemory() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident uint64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0
	}
	return resident * uint64(os.Getpagesize())
}

// openHandles gives how many files and sockets this process has open; 0 where it is not known.
func openHandles() int {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0
	}
	defer dir.Close() // only read from
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return len(names) - 1 // without dir itself
}
