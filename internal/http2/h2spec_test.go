package http2_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"postern/internal/http2"
)

const h2spec = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"

// TestH2spec runs the conformance suite that everybody knows, built from its module.
func TestH2spec(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "h2spec")
	if path := os.Getenv("H2SPEC"); path != "" {
		bin = path
	} else {
		build := exec.Command("go", "install", h2spec)
		build.Env = append(os.Environ(), "GOBIN="+filepath.Dir(bin), "GOFLAGS=")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build h2spec: %v\n%s", err, out)
		}
	}
	s := serve(t, http2.Config{Handle: answerHello})
	host, port, _ := net.SplitHostPort(s.addr)
	cmd := exec.Command(bin, "-h", host, "-p", port, "-t", "-k", "-S", "--timeout", "5")
	out, err := cmd.CombinedOutput()
	sum := regexp.MustCompile(`(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed`).FindSubmatch(out)
	if sum == nil {
		t.Fatalf("h2spec: %v\n%s", err, out)
	}
	t.Logf("%s", sum[0])
	if !bytes.Equal(sum[4], []byte("0")) || err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var all, passed int
	fmt.Sscan(string(sum[1]), &all)
	fmt.Sscan(string(sum[2]), &passed)
	if all < 146 || passed < all-1 {
		t.Fatalf("%s\n%s", sum[0], out)
	}
}

// answerHello reads a request and answers it.
func answerHello(st *http2.Stream) {
	if _, err := io.Copy(io.Discard, st); err != nil {
		return
	}
	if st.Start(200, nil, 5) == nil {
		_, _ = st.Write([]byte("hello"))
		_ = st.End(nil)
	}
}
