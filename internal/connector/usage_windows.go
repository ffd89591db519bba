package connector

import (
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	kernel             = windows.NewLazySystemDLL("kernel32.dll")
	processMemory      = kernel.NewProc("K32GetProcessMemoryInfo")
	processHandleCount = kernel.NewProc("GetProcessHandleCount")
	memoryStatus       = kernel.NewProc("GlobalMemoryStatusEx")
)

// cpuTime gives how long processors have worked for this process; 0 where it is not known.
func cpuTime() time.Duration {
	var created, ended, system, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &created, &ended, &system, &user); err != nil {
		return 0
	}
	return ticks(system) + ticks(user)
}

// ticks gives a duration, which Windows counts in units of 100 ns.
func ticks(t windows.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100
}

// memoryCounters is PROCESS_MEMORY_COUNTERS of psapi.h.
type memoryCounters struct {
	size, pageFaults                                     uint32
	peakWorkingSet, workingSet                           uintptr
	peakPaged, paged, peakNonPaged, nonPaged, file, peak uintptr
}

// residentMemory gives how much of the memory this process has, in bytes; 0 where it is not known.
func residentMemory() uint64 {
	counters := memoryCounters{size: uint32(unsafe.Sizeof(memoryCounters{}))}
	if processMemory.Find() != nil {
		return 0
	}
	if ok, _, _ := processMemory.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&counters)), uintptr(counters.size)); ok == 0 {
		return 0
	}
	return uint64(counters.workingSet)
}

// openHandles gives how many handles this process has open; 0 where it is not known.
func openHandles() int {
	var count uint32
	if processHandleCount.Find() != nil {
		return 0
	}
	if ok, _, _ := processHandleCount.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&count))); ok == 0 {
		return 0
	}
	return int(count)
}

// memoryStatusEx is MEMORYSTATUSEX of sysinfoapi.h.
type memoryStatusEx struct {
	size, load                                     uint32
	total, available                               uint64
	totalFile, availableFile, totalSpace, leftOver uint64
	extended                                       uint64
}

func statusOfMemory() memoryStatusEx {
	status := memoryStatusEx{size: uint32(unsafe.Sizeof(memoryStatusEx{}))}
	if memoryStatus.Find() != nil {
		return memoryStatusEx{}
	}
	if ok, _, _ := memoryStatus.Call(uintptr(unsafe.Pointer(&status))); ok == 0 {
		return memoryStatusEx{}
	}
	return status
}

// machineMemory gives the memory of this machine in bytes; 0 where it is not known.
func machineMemory() uint64 { return statusOfMemory().total }

// availableMemory gives how much of the machine's memory nobody uses, in bytes; 0 where it is not known.
func availableMemory() uint64 { return statusOfMemory().available }
