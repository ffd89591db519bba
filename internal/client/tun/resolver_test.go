package tun

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestResolverFiles: the files of macOS are ours alone, and go again; those of others stay as they are.
func TestResolverFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "resolver")
	r := &resolverFiles{dir: dir, conf: filepath.Join(t.TempDir(), "resolv.conf")}
	if err := r.restore(); err != nil {
		t.Errorf("there is no such directory: %v", err)
	}
	if got := r.servers(); got != nil {
		t.Errorf("there is no network: %q", got)
	}
	write(t, r.conf, "search home.test\nnameserver 192.0.2.53\n", 0o644)
	if got := r.servers(); !slices.Equal(got, []string{"192.0.2.53"}) {
		t.Errorf("the network's name servers are %q", got)
	}
	names := func() (list []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			list = append(list, e.Name())
		}
		return list
	}
	take := func(domains []domain, want ...string) {
		t.Helper()
		if err := r.take(domains); err != nil {
			t.Fatal(err)
		}
		if got := names(); !slices.Equal(got, want) {
			t.Errorf("there are %q, want %q", got, want)
		}
	}
	canaryFile := "postern-use-application-dns.net"
	take([]domain{{"corp.test", true}, {"db.other.test", false}}, "postern-corp.test", "postern-db.other.test", "postern-search.0", canaryFile)
	write(t, filepath.Join(dir, "corp.test"), "nameserver 192.0.2.1\n", 0o600)
	write(t, filepath.Join(dir, "postern-notes"), "nameserver 192.0.2.2\n", 0o600)
	content, err := os.ReadFile(filepath.Join(dir, "postern-corp.test"))
	if want := resolverMark + "domain corp.test\nnameserver 198.18.0.1\nsearch_order 1\n"; err != nil || string(content) != want {
		t.Errorf("the file is %q, %v", content, err)
	}
	write(t, filepath.Join(dir, "postern-corp.test"), "nameserver 192.0.2.3\n", 0o600) // somebody wrote over it
	take([]domain{{"corp.test", false}}, "corp.test", "postern-corp.test", "postern-notes", canaryFile)
	var many []domain
	for i := range maxSearch + 1 {
		many = append(many, domain{fmt.Sprintf("d%d.test", i), true})
	}
	if files, err := r.files(many); err != nil || files["postern-search.1"] != resolverMark+"search d6.test\n" {
		t.Errorf("many domains to search: %q, %v", files, err)
	}
	if err := r.take(domainsFor(maxResolvers + 1)); err == nil {
		t.Error("too many domains, and nobody says so")
	}
	write(t, filepath.Join(dir, ".postern-corp.test.123.tmp"), "# Made", 0o600)
	again := &resolverFiles{dir: dir} // after a crash
	if err := again.restore(); err != nil {
		t.Fatal(err)
	}
	if got := names(); !slices.Equal(got, []string{"corp.test", "postern-notes"}) {
		t.Errorf("at the end there are %q", got)
	}
}
