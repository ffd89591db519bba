package wire

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanProcess(t *testing.T) {
	for given, want := range map[string]string{
		"firefox": "firefox", "Web Content.exe": "Web Content.exe", " a\x00b\n\x1b[31m ": "ab[31m", "\xff\xfe": "", "\u202eexe.txt": "exe.txt", "prográmm": "prográmm",
		strings.Repeat("x", 10_000): strings.Repeat("x", MaxProcess), strings.Repeat("é", 200): strings.Repeat("é", MaxProcess/2),
	} {
		if got := CleanProcess(given); got != want || !utf8.ValidString(got) || len(got) > MaxProcess {
			t.Errorf("%.20q: %q, want %q", given, got, want)
		}
	}
}
