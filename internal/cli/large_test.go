package cli_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"postern/test/size"
)

// TestApplyLarge applies a large file over HTTPS, twice. How long that takes is told, not judged: machines are busy.
func TestApplyLarge(t *testing.T) {
	s := newTerminal(t)
	users, groups, applications := size.Of(500, 5000), size.Of(20, 200), size.Of(100, 1000)
	var b strings.Builder
	b.WriteString("users:\n")
	for i := range users {
		fmt.Fprintf(&b, "  - name: user%d\n    displayName: User %d\n    email: user%d@example.com\n", i, i, i)
	}
	b.WriteString("groups:\n")
	for i := range groups {
		fmt.Fprintf(&b, "  - name: Group %d\n    members: [user%d, user%d, user%d]\n", i, i, i+users/5, i+2*users/5)
	}
	b.WriteString("applications:\n")
	for i := range applications {
		fmt.Fprintf(&b, "  - name: App %d\n    externalUrl: https://app%d.example.com/\n    internalUrl: http://app%d.internal/\n", i, i, i)
	}
	if err := os.WriteFile("large.yaml", []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s.must("apply", "-f", "large.yaml", "--yes")
	took := time.Since(began)
	began = time.Now()
	if r := s.run("", "apply", "-f", "large.yaml", "--yes"); r.code != 0 || r.out != "" || !strings.Contains(r.err, "Nothing to change") {
		t.Errorf("the second run: %d %.300s", r.code, r.err+r.out)
	}
	t.Logf("applied in %v, again in %v", took, time.Since(began))
}
