package daemon

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// ForgetText has the kernel take the pages of the program's own file out of this process. They stay in memory as long as another
// process, or the kernel, wants them there, and come back when they are needed: so a process that hardly does
// anything is as small as what it does.
func ForgetText() {
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		return // an ornament
	}
	defer file.Close() // only read from
	var from, to uintptr
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		if a, b, ok := ofFile(line); ok {
			from, to = a, b
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		if strings.Contains(field, "-") { // another mapping's head
			from, to = 0, 0
		}
		// Only what is in the file as it is here can be had from there again. Relocated tables, for one, are not.
		if field == "Anonymous" && strings.Fields(value)[0] == "0" && to > from {
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, to-from, uintptr(syscall.MADV_DONTNEED)) // an ornament
		}
	}
}

// ofFile reads the head of a mapping and tells whether it is of a file, private, and cannot be written.
func ofFile(line string) (from, to uintptr, ok bool) {
	var mode string
	n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode)
	ok = n == 3 && len(mode) == 4 && mode[1] == '-' && mode[3] == 'p' && strings.Contains(line, " /")
	return from, to, ok
}
