// Package archtest keeps the shape of the code: who may import whom.
package archtest

import (
	"errors"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "postern"

// storeys lists every room, ground first. A room imports only rooms of lower storeys.
// A nested package belongs to its longest listed prefix. Add a room here with its first code.
var storeys = [][]string{
	{"fault"}, // below the rest of the ground: it names the kinds of error that match reports
	{"match", "daemon", "disk", "dial", "field", "sock", "supervise", "counters", "render"},
	{"install", "local"},
	{"access", "wire", "api", "web", "fetch", "oauth", "audit"},
	{"policy", "agentview", "store", "ca", "identity", "session", "trafficlog", "series", "notify", "export",
		"tunnel", "http1", "http2", "kerberos", "resolve", "credential", "uplink", "release"},
	{"agent"},
	{"control", "gateway", "connector", "client", "updater"},
	{"admin", "agentapi", "portal"},
	{"service", "cli"},
	{"demo", "posterntest", "archtest"}, // the last two for tests only
}

// nevers forbids, directly or through others, what the storeys alone would allow.
var nevers = []struct{ from, to, why string }{
	{"cmd/postern-connector cmd/postern-updater cmd/postern-client agent connector client updater",
		"access policy agentview store ca control gateway identity session", "an agent carries nothing of the server"},
	{"gateway", "store control database/sql", "the data plane runs without the database"},
	{"access policy agentview audit match fault field", "os net/http database/sql", "words and decisions do no I/O"},
	{"cmd/postern cmd/postern-connector cmd/postern-updater cmd/postern-client", "posterntest archtest testing",
		"no program carries its tests"},
}

// std names the packages of others that nevers may mention; any other word there must be a room or a program.
var std = []string{"os", "net/http", "database/sql", "testing"}

func TestImports(t *testing.T) {
	imports := packages(t)
	for pkg, deps := range imports {
		room, floor := place(pkg)
		if strings.HasPrefix(pkg, "internal/") && floor < 0 {
			t.Errorf("%s has no storey: add it to the table", pkg)
		}
		for _, dep := range deps {
			depRoom, depFloor := place(dep)
			if floor >= 0 && depFloor >= 0 && depRoom != room && depFloor >= floor {
				t.Errorf("%s imports %s: imports go down a storey", pkg, dep)
			}
			if strings.HasPrefix(dep, "test/") || strings.HasPrefix(dep, "cmd/") {
				t.Errorf("%s imports %s: nothing imports tests or programs", pkg, dep)
			}
		}
	}
	for _, never := range nevers {
		for _, from := range strings.Fields(never.from) {
			for _, to := range strings.Fields(never.to) {
				for pkg := range imports {
					if room, _ := place(pkg); room != from && pkg != from {
						continue
					}
					if way := path(imports, pkg, to, map[string]bool{}); way != nil {
						t.Errorf("%s reaches %s (%s): %s", pkg, to, strings.Join(way, " > "), never.why)
					}
				}
			}
		}
	}
}

// TestTables fails on words in the tables that mean nothing: a rule about a misspelt room holds nobody.
func TestTables(t *testing.T) {
	seen := map[string]bool{}
	for _, storey := range storeys {
		for _, room := range storey {
			if seen[room] {
				t.Errorf("%s stands on two storeys", room)
			}
			seen[room] = true
		}
	}
	for _, never := range nevers {
		for _, name := range strings.Fields(never.from + " " + never.to) {
			if !seen[name] && !strings.HasPrefix(name, "cmd/") && !slices.Contains(std, name) {
				t.Errorf("a never names %s, which is no room", name)
			}
		}
	}
}

// packages returns the direct imports of every package; our own are named without the module.
// It reads the files itself: the test cache then knows what the result depends on.
func packages(t *testing.T) map[string][]string {
	imports := map[string][]string{}
	for _, root := range []string{"../../internal", "../../cmd"} {
		if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
			continue // no program yet
		}
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			pkg := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../")
			if _, ok := imports[pkg]; !ok {
				imports[pkg] = nil
			}
			for _, spec := range f.Imports {
				imports[pkg] = append(imports[pkg], strings.TrimPrefix(strings.Trim(spec.Path.Value, `"`), module+"/"))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return imports
}

// place returns the room of a package and its floor, ground 0, or -1 for what is not ours.
func place(pkg string) (room string, floor int) {
	path, ours := strings.CutPrefix(pkg, "internal/")
	if !ours {
		return pkg, -1
	}
	for room = path; ; room = room[:strings.LastIndex(room, "/")] {
		floor = slices.IndexFunc(storeys, func(s []string) bool { return slices.Contains(s, room) })
		if floor >= 0 || !strings.Contains(room, "/") {
			return room, floor
		}
	}
}

// path returns the packages by which pkg reaches another, or nil if it does not.
func path(imports map[string][]string, pkg, to string, seen map[string]bool) []string {
	if seen[pkg] {
		return nil
	}
	seen[pkg] = true
	for _, dep := range imports[pkg] {
		if room, _ := place(dep); room == to || dep == to {
			return []string{dep}
		}
		if rest := path(imports, dep, to, seen); rest != nil {
			return append([]string{dep}, rest...)
		}
	}
	return nil
}
