package wire

import (
	"strings"
	"unicode"
)

// MaxProcess bounds the name of a program, in bytes.
const MaxProcess = 64

// CleanProcess gives the name of a program as logs and screens may have it: what a device says of itself is text of anybody.
func CleanProcess(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, name[:min(len(name), 4*MaxProcess)])
	for len(clean) > MaxProcess {
		runes := []rune(clean)
		clean = string(runes[:min(len(runes)-1, MaxProcess)])
	}
	return strings.TrimSpace(clean)
}
