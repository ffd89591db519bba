package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postern/internal/api"
)

// TestNastyDocumentsAreRefused applies documents that are wrong in obvious and in nasty ways. Each
// error names the place, and nothing is changed.
func TestNastyDocumentsAreRefused(t *testing.T) {
	s := newTerminal(t)
	s.must("users", "create", "ada", "--no-password")
	was := s.must("export")
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'j'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	good := "users:\n  - name: bob\n"
	tests := []struct {
		name, text string
		says       string // place and word of the error
	}{
		{"empty", "", "file.yaml: is empty"},
		{"only a comment", "# nothing\n", "is empty"},
		{"a word", "hello", "file.yaml:1:1: must be lists"},
		{"a list", "- a\n- b\n", "file.yaml:1:1: must be lists"},
		{"unknown list", good + "widgets:\n  - name: x\n", "file.yaml:3:1: widgets is not a field"},
		{"unknown field", good + "    nmae: x\n", "file.yaml:3:5: users[0].nmae is not a field"},
		{"a password", good + "    password: hunter2hunter2\n", "file.yaml:3:5: users[0].password is not a field"},
		{"an id", good + "    id: usr_0\n", "file.yaml:3:5: users[0].id is not a field"},
		{"field twice", good + "    name: carol\n", "file.yaml:3:5: name is given twice, first in line 2"},
		{"list twice", good + "users: []\n", "file.yaml:3:1: users is given twice"},
		{"name twice", good + "  - name: bob\n", `file.yaml:3:5: users[1].name is that of users[0] already: "bob"`},
		{"name twice but for case", "groups:\n  - name: A\n  - name: a\n", "file.yaml:3:5: groups[1].name is that of"},
		{"no name", "users:\n  - displayName: x\n", "file.yaml:2:5: users[0].name must be given"},
		{"bad name", good + "  - name: Not Good\n", "file.yaml:3:5: users[1].name must consist"},
		{"null name", "users:\n  - name:\n", "file.yaml:2:5: users[0].name must not be null"},
		{"number for a name", "users:\n  - name: 2026\n", `file.yaml:2:11: 2026 is a number; if it is meant as text, write "2026"`},
		{"text for a truth", good + "    disabled: maybe\n", "file.yaml:3:5: users[0].disabled must be true or false"},
		{"text for a list", good + "    roles: owner\n", "file.yaml:3:5: users[0].roles must be a JSON array"},
		{"object for a text", "users:\n  - name: {first: x}\n", "file.yaml:2:5: users[0].name must be a string"},
		{"text for an object", "users:\n  - bob\n", "file.yaml:2:5: users[0] must be a JSON object"},
		{"text for a list of objects", "users: bob\n", "file.yaml:1:1: users must be a list"},
		{"nothing for a list", good + "groups:\n", "file.yaml:3:1: groups must be a list; write [] for none"},
		{"unknown role", good + "    roles: [god]\n", "file.yaml:3:5: users[0].roles must not contain"},
		{"bad time", "applications:\n  - {name: x, externalUrl: https://x.example.com/, internalUrl: http://x/, idleTimeout: soon}\n", "file.yaml:2:76: applications[0].idleTimeout must be a duration"},
		{"dangling member", good + "groups:\n  - name: G\n    members:\n    - bob\n    - nobody\n", `file.yaml:7:7: groups[0].members[1] names the user "nobody"`},
		{"group in itself", "groups:\n  - name: G\n    members: [G]\n", `file.yaml:3:15: groups[0].members[0] names the user "G"`},
		{"dangling application", "assignments:\n  - {application: x, user: ada}\n", "file.yaml:2:6: assignments[0].application names"},
		{"two documents", good + "---\n" + good, "file.yaml:3:1: a second document begins here"},
		{"tabs", "users:\n\t- name: bob\n", "line 2"},
		{"tab hint", "users:\n\t- name: bob\n", "not with tabs"},
		{"unclosed", "users: [{name: bob\n", "line"},
		{"bad UTF-8", "users:\n  - name: \"b\xffb\"\n", "file.yaml"},
		{"control character", "users:\n  - name: \"b\\x07b\"\n", "users[0].name must"},
		{"anchor", "users:\n  - &a {name: bob}\n  - *a\n", "file.yaml:2:5: anchors are not understood"},
		{"alias bomb", bomb, "anchors are not understood"},
		{"merge", "users:\n  - <<: {name: bob}\n", "file.yaml:2:5: aliases and << are not understood"},
		{"tag", "users:\n  - name: !!binary Ym9i\n", "file.yaml:2:11: !!binary is not understood"},
		{"own tag", "users:\n  - name: !env HOME\n", "file.yaml:2:11: !env is not understood"},
		{"too deep", "users: " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "\n", "deep"},
		{"far too deep", "users: " + strings.Repeat("[", 200_000), "line"},
		{"10 MB", "# " + strings.Repeat("x", 10<<20), "more than 8388608 bytes"},
		{"10 MB that count", "users:\n" + strings.Repeat("  - name: bob\n", 750_000), "more than 8388608 bytes"},
		{"many wrong", "users:\n" + strings.Repeat("  - name: B\n", 3000), "things are wrong; the first 100"},
		{"something good and something bad", good + "applications:\n  - name: x\n    externalUrl: gopher://x\n    internalUrl: http://x/\n", "file.yaml:5:5: applications[0].externalUrl must start with"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := terminal{t}
			if err := os.WriteFile("file.yaml", []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			r := s.run("", "apply", "-f", "file.yaml", "--yes")
			if r.code == 0 || !strings.Contains(r.err, test.says) {
				t.Errorf("%d %.600s\nwant: %s", r.code, r.err, test.says)
			}
			if len(r.err) > 32<<10 {
				t.Errorf("the error has %d bytes", len(r.err))
			}
		})
	}
	if now := s.must("export"); now != was {
		t.Errorf("something was changed:\n%s", now)
	}
	for _, args := range [][]string{{"apply"}, {"apply", "-f", ""}, {"apply", "-f", "nothing.yaml"}, {"apply", "-f", "file.yaml", "extra"}, {"diff", "-f", t.TempDir()},
		{"export", "-o", "table"}, {"export", "-o", "xml"}} {
		if r := s.run("", args...); r.code != 2 {
			t.Errorf("postern %q: %d %s", args, r.code, r.err)
		}
	}
}

// TestExportIsRead writes configurations with all sorts of texts through the API and holds that what
// export writes, in YAML as in JSON, is read as the same again.
func TestExportIsRead(t *testing.T) {
	s := newTerminal(t)
	words := rapid.OneOf(rapid.SampledFrom([]string{"no", "yes", "on", "null", "~", "true", "2026", "1e3", "0x10", ".inf", "2026-11-21", "- x", "a: b", "#x", "'", `"`, "\\", "&a",
		"*a", "!x", "%", "@x", "`", "|", ">", "{}", "[]", "x #y", "é", "日本", "👍", "=", "<<", "---", "...", "?"}), rapid.StringMatching(`[ -~]{0,12}[!-~äß]`))
	documents := rapid.Custom(func(rt *rapid.T) api.Document {
		doc := api.Document{Groups: []api.GroupInput{}}
		seen := map[string]bool{}
		for range rapid.IntRange(0, 12).Draw(rt, "groups") {
			name := strings.TrimSpace(words.Draw(rt, "name"))
			if seen[strings.ToLower(name)] {
				continue
			}
			seen[strings.ToLower(name)] = true
			lines := rapid.SliceOfN(words, 0, 3).Draw(rt, "description")
			doc.Groups = append(doc.Groups, api.GroupInput{Name: name, Members: []string{},
				Description: strings.Join(lines, rapid.SampledFrom([]string{"\n", "\n\n  ", "\t", " \n", "\r\n"}).Draw(rt, "between"))})
		}
		return doc
	})
	for round := range 12 { // each is a program that starts, so there are not many
		doc := documents.Example(round)
		data, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if r := s.run(string(data), "apply", "-f", "-", "--prune", "--yes"); r.code != 0 {
			t.Fatalf("%s: %s", data, r.err)
		}
		for _, how := range []string{"yaml", "json"} {
			out := s.must("export", "-o", how)
			if r := s.run(out, "diff", "-f", "-", "--prune"); r.code != 0 {
				t.Fatalf("export -o %s differs: %d %s%s\n%s", how, r.code, r.err, r.out, out)
			}
		}
	}
}
