// Package http2_test holds internal/http2 against programs of others: the conformance suite h2spec, curl, nghttp and h2load.
package http2_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"postern/internal/http2"
	"postern/internal/tunnel"
	"postern/test/size"
)

func TestMain(m *testing.M) {
	for _, tool := range []string{"curl", "nghttp", "h2load"} {
		if _, err := exec.LookPath(tool); err != nil {
			fmt.Fprintf(os.Stderr, "NOT RUN: clients of HTTP/2 need %s (Debian: curl nghttp2-client)\n", tool)
			if os.Getenv("CI") == "true" {
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// serve serves echo over TLS, as the gateway does, and gives its address.
func serve(t *testing.T) string {
	t.Helper()
	keys := httptest.NewTLSServer(nil) // for its certificate
	config := &tls.Config{Certificates: keys.TLS.Certificates, NextProtos: []string{"h2"}, DynamicRecordSizingDisabled: true}
	keys.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := http2.NewServer(http2.Config{Handle: echo})
	ctx, cancel := context.WithCancel(context.Background())
	var open sync.WaitGroup
	open.Go(func() {
		for {
			raw, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				conn := tls.Server(tunnel.Coalesce(raw), config)
				if err := conn.HandshakeContext(ctx); err != nil {
					_ = raw.Close()
					return
				}
				_ = server.Serve(ctx, conn) // what clients do is theirs to judge
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		cancel()
		open.Wait()
		server.Close()
	})
	return listener.Addr().String()
}

// echo answers with the content that came, or else with a greeting.
func echo(st *http2.Stream) {
	if st.Request().Continue {
		_ = st.Inform(100, nil)
		_ = st.Flush()
	}
	content, err := io.ReadAll(st)
	if err != nil {
		return
	}
	if len(content) == 0 {
		content = []byte("hello")
	}
	if st.Start(200, nil, int64(len(content))) == nil {
		_, _ = st.Write(content)
		_ = st.End(nil)
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

const h2spec = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"

// TestH2spec runs the conformance suite that everybody knows, built from its module. All of its cases pass.
func TestH2spec(t *testing.T) {
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "install", h2spec)
	build.Dir = dir // outside of our module
	build.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build h2spec: %v\n%s", err, out)
	}
	host, port, _ := net.SplitHostPort(serve(t))
	out := run(t, filepath.Join(dir, "h2spec"), "-h", host, "-p", port, "-t", "-k", "-S", "--timeout", "20")
	if !strings.Contains(out, "146 tests, 146 passed, 0 skipped, 0 failed") {
		t.Fatal(out)
	}
}

// TestCurl sends and takes a file by curl.
func TestCurl(t *testing.T) {
	addr := serve(t)
	if got := run(t, "curl", "-sSk", "--http2", "-w", " %{http_version} %{http_code}", "https://"+addr+"/"); got != "hello 2 200" {
		t.Errorf("curl: %q", got)
	}
	file := filepath.Join(t.TempDir(), "file")
	content := strings.Repeat("0123456789abcdef", size.Of(1<<18, 1<<22))
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := run(t, "curl", "-sSk", "--http2", "-T", file, "-H", "Expect: 100-continue", "https://"+addr+"/"); got != content {
		t.Errorf("curl got %d of %d bytes", len(got), len(content))
	}
}

// TestNghttp asks for several things at once, with padding, priorities and trailers.
func TestNghttp(t *testing.T) {
	addr := serve(t)
	file := filepath.Join(t.TempDir(), "file")
	content := strings.Repeat("0123456789abcdef", 1<<14)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	out := run(t, "nghttp", "-nv", "-m", "20", "--padding=200", "-d", file, "--trailer=x-sum: 1", "-c", "1024", "https://"+addr+"/")
	if got := strings.Count(out, ":status: 200"); got != 20 || strings.Contains(out, "RST_STREAM") {
		t.Errorf("%d answers of 20:\n%s", got, out)
	}
}

// TestH2load asks for much, by small windows too.
func TestH2load(t *testing.T) {
	addr := serve(t)
	n := fmt.Sprint(size.Of(5000, 200_000))
	for _, args := range [][]string{{"-c8", "-m8"}, {"-c2", "-m100"}, {"-c50", "-m1"}, {"-c4", "-m10", "-w10", "-W11"}} {
		out := run(t, "h2load", append(args, "-n", n, "https://"+addr+"/")...)
		if want := regexp.MustCompile(n + " total, " + n + " started, " + n + " done, " + n + " succeeded, 0 failed, 0 errored, 0 timeout"); !want.MatchString(out) {
			t.Errorf("h2load %v:\n%s", args, out)
		}
	}
}
