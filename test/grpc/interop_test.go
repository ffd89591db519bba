// Package grpc drives gRPC's own interoperability programs through a whole Postern: client, gateway, connector, server. The programs
// are a module of their own, so that nothing of gRPC is a dependency of the product.
package grpc

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/test/size"
)

// cases are those of the interoperability test that need no account at Google: all that lab.md counts.
var cases = []string{
	"empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream", "timeout_on_sleeping_server",
	"cancel_after_begin", "cancel_after_first_response", "status_code_and_message", "special_status_message", "custom_metadata",
	"unimplemented_method", "unimplemented_service",
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// programs builds the client, which is gRPC's, and the server, which is gRPC's on a free port.
func programs(t *testing.T) (client, server string) {
	t.Helper()
	dir := t.TempDir()
	client, server = filepath.Join(dir, "client"), filepath.Join(dir, "server")
	for out, pkg := range map[string]string{client: "google.golang.org/grpc/interop/client", server: "./server"} {
		build := exec.Command("go", "build", "-ldflags=-s -w", "-o", out, pkg)
		build.Dir = "programs"
		if text, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", pkg, err, text)
		}
	}
	return client, server
}

// serve runs the server until the test ends and gives its port.
func serve(t *testing.T, program string, args ...string) int {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stderr = t.Output()
	out := must(cmd.StdoutPipe())(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has nothing to lose
		_ = cmd.Wait()
	})
	return must(strconv.Atoi(strings.TrimSpace(must(bufio.NewReader(out).ReadString('\n'))(t))))(t)
}

// certificate writes a certificate for 127.0.0.1 and its key, and gives it as an application's backend CA, too.
func certificate(t *testing.T) (cert, key, text string) {
	t.Helper()
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, private.Public(), private))(t)
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(private))(t)})
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, data := range map[string][]byte{cert: chain, key: secret} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key, string(chain)
}

// accessKey has a user make an access key for an application.
func accessKey(t *testing.T, s *posterntest.System, app api.Application, user string) string {
	t.Helper()
	s.Assign(app, s.User(user))
	b := s.Browser()
	b.Post(s.PortalURL+"/sign-in", url.Values{"name": {user}, "password": {posterntest.Password}})
	b.Post(s.PortalURL+"/account/confirm", url.Values{"password": {posterntest.Password}})
	made := b.Post(s.PortalURL+"/account/keys", url.Values{"name": {"gRPC"}, "application": {app.ID}, "days": {"1"}})
	key := regexp.MustCompile(`postern-access-1\.[A-Za-z0-9_-]{43}`).FindString(made.Text)
	if key == "" {
		t.Fatalf("%s: %s", made.Status, made.Text)
	}
	return key
}

// TestInteroperability: gRPC's client and server do not notice that there is a Postern between them, but for the credential.
func TestInteroperability(t *testing.T) {
	client, server := programs(t)
	s := posterntest.New(t)
	s.Connector("one")
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, s.RootsPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key, chain := certificate(t)
	plain := fmt.Sprintf("http://127.0.0.1:%d/", serve(t, server))
	secure := fmt.Sprintf("https://127.0.0.1:%d/", serve(t, server, "-cert", cert, "-key", key))
	run := func(t *testing.T, app, test, credential string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		args := []string{"--use_tls", "--use_test_ca", "--ca_file=" + roots, "--server_host=127.0.0.1", fmt.Sprintf("--server_port=%d", s.Port()),
			"--server_host_override=" + app + ".test.localhost", "--test_case=" + test}
		if credential != "" {
			args = append(args, "--additional_metadata=postern-authorization:Bearer "+credential)
		}
		out, err := exec.CommandContext(ctx, client, args...).CombinedOutput()
		return string(out), err
	}
	for _, backend := range []struct{ name, internal, protocol, pre string }{
		{"h2c", plain, "http2", "sign-in"}, {"alpn", secure, "http2", "sign-in"}, {"auto", secure, "auto", "passthrough"},
	} {
		t.Run(backend.name, func(t *testing.T) {
			app := s.Publish(backend.name, backend.internal, func(in *api.ApplicationInput) {
				in.BackendProtocol, in.PreAuthentication, in.AccessKeys = backend.protocol, backend.pre, true
				if backend.internal == secure {
					in.BackendCA = chain
				}
			})
			credential := ""
			if backend.pre == "sign-in" {
				if out, err := run(t, backend.name, "empty_unary", ""); err == nil || !strings.Contains(out, "Unauthenticated") {
					t.Errorf("without a credential: %v\n%s", err, out)
				}
				credential = accessKey(t, s, app, "ada-"+backend.name)
			}
			for range size.Of(1, 20) {
				passed := 0
				for _, test := range cases {
					if out, err := run(t, backend.name, test, credential); err != nil {
						t.Errorf("%s: %v\n%s", test, err, out)
						continue
					}
					passed++
				}
				t.Logf("%s: %d of %d cases", backend.name, passed, len(cases))
			}
		})
	}
}
