package gateway

import (
	"strings"
	"testing"
)

func TestParseAuthority(t *testing.T) {
	for text, want := range map[string]authority{
		"a.example": {"a.example", 0}, "A.Example:443": {"a.example", 443}, "127.0.0.1:8080": {"127.0.0.1", 8080}, "[::1]": {"::1", 0}, "[::1]:65535": {"::1", 65535},
	} {
		if got, ok := parseAuthority(text); !ok || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", ":", ":443", "a:", "a:0", "a:00443", "a:65536", "a:+1", "a:1 ", "a b", "a,b", "a/b", "a?b", "a#b", "u@a", "a..b", ".a", "a.", "-a", "a\\b", "%61", "ä.example",
		"::1", "[::1", "[::1]x", "[::1]:", "[::1%25eth0]", "[1.2.3.4]", "[a]", "1.2.3", "0x7f.1", "a:b:1", "a.example:443:443",
	} {
		if got, ok := parseAuthority(text); ok {
			t.Errorf("%q is accepted as %v", text, got)
		}
	}
}

// FuzzTarget: what is accepted as clear reads the same, however often it is decoded.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"/", "/a/b?c#d", "/a%2fb", "/%2e%2e/", "/a;b", "//a", "/a\\b", "/%252e", "/.postern/x", "/%2epostern/x", "/a/../.postern/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		target, _, ok := parseTarget(raw)
		if !ok {
			return
		}
		if target.raw+target.query != raw {
			t.Fatalf("%q is forwarded as %q", raw, target.raw+target.query)
		}
		if target.ambiguous != "" {
			return
		}
		if again := resolve(target.path); again != target.path && again+"/" != target.path {
			t.Fatalf("%q is clear, but %q resolves to %q", raw, target.path, again)
		}
		if strings.ContainsAny(target.path, "\\;%\x00") || strings.Contains(target.path, "//") {
			t.Fatalf("%q is clear as %q", raw, target.path)
		}
	})
}
