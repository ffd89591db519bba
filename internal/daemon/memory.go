package daemon

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// boundMemory has the garbage collector keep the program within what its control groups let it have, which Go by itself does not look
// at: with much to keep, the kernel would end it. GOMEMLIMIT says it better, if it is set.
func boundMemory() {
	if _, said := os.LookupEnv("GOMEMLIMIT"); said {
		return
	}
	// A fifth is for what is not Go's: the program's own text, threads, the kernel's memory for sockets and files.
	if limit := groupLimit(os.DirFS("/")); limit > 0 {
		debug.SetMemoryLimit(limit / 5 * 4)
	}
}

// groupLimit gives the smallest limit that the control groups of this process set on its memory, of both versions and of all groups
// above it (cgroups(7)); 0: none.
func groupLimit(system fs.FS) int64 {
	least := int64(0)
	eachGroup(system, "memory", func(dir string, version int) {
		file := map[int]string{1: "memory.limit_in_bytes", 2: "memory.max"}[version]
		if limit := readLimit(system, path.Join(dir, file)); limit > 0 && (least == 0 || limit < least) {
			least = limit
		}
	})
	return least
}

// MemoryLimit gives how many bytes of memory the control groups of this process let it have; 0: they do not say.
func MemoryLimit() int64 { return groupLimit(os.DirFS("/")) }

// Processors gives how many processors this process may use: those of the machine that it may run on, or what its control groups or
// GOMAXPROCS leave it of them, which may be a part of one.
func Processors() float64 {
	may := float64(min(runtime.NumCPU(), runtime.GOMAXPROCS(0)))
	if quota := groupProcessors(os.DirFS("/")); quota > 0 {
		may = min(may, quota)
	}
	return may
}

// groupProcessors gives the smallest quota of processors that control groups set, as groupLimit does; 0: none.
func groupProcessors(system fs.FS) float64 {
	least := 0.0
	eachGroup(system, "cpu", func(dir string, version int) {
		var quota, period int64
		if version == 2 {
			text, _ := fs.ReadFile(system, path.Join(dir, "cpu.max")) // without it there is no limit
			_, _ = fmt.Sscan(string(text), &quota, &period)           // "max": none
		} else {
			quota, period = readLimit(system, path.Join(dir, "cpu.cfs_quota_us")), readLimit(system, path.Join(dir, "cpu.cfs_period_us"))
		}
		if quota > 0 && period > 0 && (least == 0 || float64(quota)/float64(period) < least) {
			least = float64(quota) / float64(period)
		}
	})
	return least
}

// eachGroup names the directory of every control group of this process and of those above it that knows a controller.
func eachGroup(system fs.FS, controller string, do func(dir string, version int)) {
	text, err := fs.ReadFile(system, "proc/self/cgroup")
	if err != nil {
		return // a system without control groups
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) < 3 {
			continue
		}
		at, version := "sys/fs/cgroup", 2
		switch {
		case parts[0] == "0" && parts[1] == "":
		case strings.Contains(","+parts[1]+",", ","+controller+","):
			at, version = path.Join(at, controller), 1
		default:
			continue
		}
		for group := path.Clean("/" + parts[2]); ; group = path.Dir(group) {
			do(path.Join(at, group), version)
			if group == "/" {
				break
			}
		}
	}
}

// unlimited is what version 1 says where there is no limit, or anything like it.
const unlimited = 1 << 50

func readLimit(system fs.FS, name string) int64 {
	text, err := fs.ReadFile(system, name)
	if err != nil {
		return 0 // a container sees only the groups that are its own
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || limit >= unlimited {
		return 0 // "max"
	}
	return limit
}
