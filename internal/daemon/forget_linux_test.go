package daemon

import (
	"os"
	"strings"
	"testing"
)

// TestForgetText holds that a process goes on as before, and is smaller for a moment.
func TestForgetText(t *testing.T) {
	ForgetText()
	data, err := os.ReadFile("/proc/self/smaps") // which takes code that was forgotten
	if err != nil || !strings.Contains(string(data), "Anonymous:") {
		t.Errorf("%v", err)
	}
	if _, _, ok := ofFile("00400000-00e5c000 r-xp 00000000 fe:00 1 /bin/program"); !ok {
		t.Error("the text is not known")
	}
	for _, line := range []string{
		"00e5c000-00e60000 rw-p 00000000 fe:00 1 /bin/program", "7ffc0000-7ffc2000 r-xp 00000000 00:00 0 [vdso]",
		"c000000000-c000400000 rw-p 00000000 00:00 0", "Size:   4 kB",
	} {
		if _, _, ok := ofFile(line); ok {
			t.Errorf("%q would be forgotten", line)
		}
	}
}
