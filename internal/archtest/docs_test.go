package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// codes finds the stable words with which our code names a failure: reason: "x", Reason: "x",
// Code: "x", codeX = "x", Reason… = "x" and refuse(phase, "x", …).
var codes = regexp.MustCompile(`(?:\b[rR]eason:|\bCode:|\bcode[A-Z]\w*\s*=|\bReason[A-Z]\w*\s*=|\brefuse\(wire\.Phase\w+,)\s*"([a-z][a-z0-9]*(?:-[a-z0-9]+)*)"`)

// TestEveryFailureIsDocumented holds that whoever reads a code on an error page or in a log finds
// it in the documentation.
func TestEveryFailureIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, dir := range []string{"gateway", "policy", "connector", "portal"} {
		files, err := filepath.Glob("../" + dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range codes.FindAllStringSubmatch(string(text), -1) {
				found++
				if !strings.Contains(string(page), "`"+match[1]+"`") {
					t.Errorf("%s: the code %q has no entry in docs/troubleshooting.md", file, match[1])
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("found only %d codes: has the way to write them changed?", found)
	}
}

// TestEveryFindingIsDocumented holds the same for what the health says.
func TestEveryFindingIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile(`\bCode\b[^"\n]*"([a-z]+(?:-[a-z]+)+)"`)
	found := 0
	for _, file := range []string{"../control/health.go", "../control/inspect.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range code.FindAllStringSubmatch(string(text), -1) {
			found++
			if !strings.Contains(string(page), "| `"+match[1]+"` |") {
				t.Errorf("%s: the finding %q has no entry in docs/troubleshooting.md", file, match[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("found only %d findings: has the way to write them changed?", found)
	}
}
