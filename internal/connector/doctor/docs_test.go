package doctor

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestEveryFindingIsDocumented holds that docs/doctor.md has exactly the findings that there are, in the same words.
func TestEveryFindingIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	seen := map[string]bool{}
	for _, k := range kinds() {
		if seen[k.code] {
			t.Errorf("%s is there twice", k.code)
		}
		seen[k.code] = true
		fmt.Fprintf(&want, "| `%s` | %s | %s | %s |\n", k.code, k.severity, k.means, k.cure)
	}
	if !strings.Contains(string(page), want.String()) {
		t.Errorf("docs/doctor.md must hold this table:\n%s", want.String())
	}
}

// TestEveryFindingIsKnown holds that the code finds nothing that the table has not.
func TestEveryFindingIsKnown(t *testing.T) {
	code := regexp.MustCompile(`(?:found\(|Code: |code = |code := |code, detail := |StepProxy: |StepTLS: |fail\()"([a-z-]+)"`)
	known := map[string]bool{}
	for _, k := range kinds() {
		known[k.code] = true
	}
	count := 0
	for _, file := range []string{"local.go", "names.go", "service.go", "revocations.go", "tunnels.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range code.FindAllStringSubmatch(string(text), -1) {
			count++
			if !known[match[1]] {
				t.Errorf("%s: %q is not in kinds", file, match[1])
			}
		}
	}
	if count < 40 {
		t.Errorf("found only %d: has the way to write them changed?", count)
	}
}
