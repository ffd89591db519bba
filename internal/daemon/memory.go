package daemon

import (
	"io/fs"
	"os"
	"path"
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
	text, err := fs.ReadFile(system, "proc/self/cgroup")
	if err != nil {
		return 0 // a system without control groups
	}
	least := int64(0)
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) < 3 {
			continue
		}
		var at, file string
		switch {
		case parts[0] == "0" && parts[1] == "":
			at, file = "sys/fs/cgroup", "memory.max"
		case strings.Contains(","+parts[1]+",", ",memory,"):
			at, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for group := path.Clean("/" + parts[2]); ; group = path.Dir(group) {
			if limit := readLimit(system, path.Join(at, group, file)); limit > 0 && (least == 0 || limit < least) {
				least = limit
			}
			if group == "/" {
				break
			}
		}
	}
	return least
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
