package identity_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/internal/fault"
	"postern/internal/fetch"
	"postern/internal/identity"
	"postern/internal/match"
)

func sha1Of(password string) string {
	sum := sha1.Sum([]byte(password))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

func breachedFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openBreached(t *testing.T, source string, ask *fetch.Client, log *slog.Logger) *identity.Breached {
	t.Helper()
	b, err := identity.OpenBreached(source, ask, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// TestEveryLineOfAListIsFound, the first and the last too, and nothing else is.
func TestEveryLineOfAListIsFound(t *testing.T) {
	for _, ending := range []string{"\n", "\r\n"} {
		for _, count := range []int{1, 2, 3, 100, 5000} {
			var lines []string
			for i := range count {
				lines = append(lines, fmt.Sprintf("%s:%d", sha1Of(fmt.Sprintf("known %d", i)), 1+i*i*i))
			}
			slices.Sort(lines)
			for _, last := range []string{ending, ""} {
				b := openBreached(t, breachedFile(t, strings.Join(lines, ending)+last), nil, nil)
				for i := range count {
					if err := b.Check(t.Context(), fmt.Sprintf("known %d", i)); !fault.Is(err, fault.KindInvalid) {
						t.Fatalf("%d lines, %q: known %d is not found: %v", count, ending, i, err)
					}
					if err := b.Check(t.Context(), fmt.Sprintf("other %d", i)); err != nil {
						t.Fatalf("%d lines, %q: other %d: %v", count, ending, i, err)
					}
				}
			}
		}
	}
}

func TestAListOfNTLMHashes(t *testing.T) {
	// The NTLM hash of "password", as every table of them has it.
	b := openBreached(t, breachedFile(t, "0CB6948805F797BF2A82807973B89537:5\n8846F7EAEE8FB117AD06BDD830B7586C:9\n"), nil, nil)
	if err := b.Check(t.Context(), "password"); !fault.Is(err, fault.KindInvalid) {
		t.Error(err)
	}
	if err := b.Check(t.Context(), "passwords"); err != nil {
		t.Error(err)
	}
}

func TestAListThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []string{"", "\n", "password\n", "ABCDEF:1\n", strings.Repeat("Z", 40) + ":1\n", strings.Repeat("a", 1000)} {
		if b, err := identity.OpenBreached(breachedFile(t, text), nil, nil); err == nil || !strings.Contains(err.Error(), "breached-passwords") {
			t.Errorf("%.20q: %v %v", text, b, err)
		}
	}
	for _, source := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir(), "http://example.com/range/", "https://example.com/?x="} {
		if _, err := identity.OpenBreached(source, nil, nil); err == nil {
			t.Errorf("%s was opened", source)
		}
	}
	var none *identity.Breached
	if err := none.Check(t.Context(), "password"); err != nil {
		t.Error(err)
	}
	b := openBreached(t, breachedFile(t, sha1Of("x")+":1\n"), nil, nil)
	b.Close()
	if err := b.Check(t.Context(), "password"); !fault.Is(err, fault.KindUnavailable) {
		t.Errorf("a file that cannot be read any more: %v", err)
	}
}

// TestTheServerLearnsFiveDigits, and a server that is away lets passwords through, with a line in the log.
func TestTheServerLearnsFiveDigits(t *testing.T) {
	hash := sha1Of("known password")
	var asked []string
	status := http.StatusOK
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		w.WriteHeader(status)
		fmt.Fprintf(w, "%s:0\r\n%s:7\r\n", sha1Of("padded password")[5:], hash[5:])
	}))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	rules, err := match.ParseRules("allow 127.0.0.1\n")
	if err != nil {
		t.Fatal(err)
	}
	ask := fetch.New(fetch.Config{Rules: rules, Roots: roots})
	defer ask.Close()
	var lines bytes.Buffer
	b := openBreached(t, server.URL+"/range", ask, slog.New(slog.NewTextHandler(&lines, nil)))
	if err := b.Check(t.Context(), "known password"); !fault.Is(err, fault.KindInvalid) {
		t.Error(err)
	}
	if err := b.Check(t.Context(), "other password"); err != nil {
		t.Error(err)
	}
	if err := b.Check(t.Context(), "padded password"); err != nil {
		t.Errorf("padding counted: %v", err)
	}
	if asked[0] != "/range/"+hash[:5] {
		t.Errorf("asked %q", asked)
	}
	status = http.StatusInternalServerError
	if err := b.Check(t.Context(), "known password"); err != nil || !strings.Contains(lines.String(), "not held against") {
		t.Errorf("a broken server: %v, %s", err, &lines)
	}
	server.Close()
	if err := b.Check(t.Context(), "known password"); err != nil {
		t.Errorf("no server: %v", err)
	}
	if strings.Contains(lines.String(), "known password") || strings.Contains(lines.String(), hash) {
		t.Errorf("the log says %s", &lines)
	}
}
