package cli_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"postern/internal/admin"
)

// abilities are what one expects to be able to do with every noun.
var abilities = []string{"list", "show", "create", "change", "delete", "history", "undo", "restore", "file"}

const (
	byAudit = "it never changes; the audit log tells of it"
	sealed  = "its secret is gone for good: make another"
	secret  = "it is a secret"
	asked   = "users make and withdraw it in the portal"
	noted   = "it is told, not configured"

	filtered = "the list gives it, narrowed down to one" // which the command line does
)

// nouns are all nouns of the admin API, and why one has not all abilities.
var nouns = map[string]map[string]string{
	"applications": {}, "assignments": {}, "connector-groups": {}, "exports": {}, "groups": {}, "policies": {}, "upstreams": {}, "users": {},
	"connectors":   {"create": "it enrols by itself, with a token", "restore": "its certificate is revoked for good: enrol it anew", "file": "it is a machine, which enrols"},
	"tokens":       {"change": byAudit, "history": byAudit, "undo": byAudit, "restore": sealed, "file": secret},
	"keys":         {"change": byAudit, "history": byAudit, "undo": byAudit, "restore": sealed, "file": secret},
	"access-keys":  {"create": "users make it in the portal", "change": byAudit, "history": byAudit, "undo": byAudit, "restore": sealed, "file": secret},
	"devices":      {"create": "it enrols by itself, when its user signs in on it", "history": "the audit log tells of it", "undo": "renaming is all that can be changed", "restore": "its certificate is revoked for good: enrol it anew", "file": "it is a machine, which enrols"},
	"certificates": {"create": "`put` adds and replaces it", "change": "`set` adds and replaces it", "history": "the audit log tells of it", "undo": sealed, "restore": sealed, "file": secret},
	"requests":     {"create": asked, "change": "it is approved or denied", "delete": asked, "history": "its answer, and who gave it, stand in it", "undo": "change or delete the assignment that came of it", "restore": asked, "file": noted},
	"gateways":     {"show": noted, "create": noted, "change": noted, "delete": noted, "history": noted, "undo": noted, "restore": noted, "file": noted},
	"alerts":       {"show": noted, "create": noted, "change": noted, "delete": noted, "history": noted, "undo": noted, "restore": noted, "file": noted},
	"audit":        {"show": noted, "create": noted, "change": noted, "delete": noted, "history": noted, "undo": noted, "restore": noted, "file": noted},
	"traffic":      {"show": filtered, "create": noted, "change": noted, "delete": noted, "history": noted, "undo": noted, "restore": noted, "file": noted},
	"discovery":    {"show": noted, "create": noted, "change": noted, "delete": noted, "history": noted, "undo": noted, "restore": noted, "file": noted},
	"sign-ins":     {"show": noted, "create": noted, "change": noted, "delete": noted, "history": noted, "undo": noted, "restore": noted, "file": noted},
}

// notNouns are paths of the admin API that are of the service as a whole.
var notNouns = []string{"me", "health", "setup", "export", "plan", "apply", "explain", "authority", "signing-keys", "series", "summary", "branding", "retention", "clients", "settings", "backup", "rollout"}

type operation struct {
	Parameters []struct {
		Name, In string
	}
}

type document struct {
	Paths      map[string]map[string]operation
	Components struct {
		Schemas map[string]struct{ Properties map[string]any }
	}
}

func readOpenAPI(t *testing.T) document {
	t.Helper()
	text, err := admin.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := yaml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestEveryNounIsComplete: the API, the command line and the file of the configuration have all abilities of every noun, or
// it is said why not, here and in the docs.
func TestEveryNounIsComplete(t *testing.T) {
	d := readOpenAPI(t)
	for path := range d.Paths {
		noun, _, _ := strings.Cut(strings.TrimPrefix(path, "/api/v1/"), "/")
		if _, known := nouns[noun]; !known && !slices.Contains(notNouns, noun) {
			t.Errorf("%s is of no noun of this test: add it, with all abilities or why it has not", path)
		}
	}
	rootCommand := postern()
	for noun, why := range nouns {
		command, _, err := rootCommand.Find([]string{noun})
		if err != nil || command == rootCommand {
			t.Errorf("%s: no command of this name", noun)
			continue
		}
		for _, ability := range abilities {
			there, reason := d.can(noun, ability), why[ability]
			if there == (reason != "") {
				t.Errorf("%s %s: in the API: %v; why not: %q", noun, ability, there, reason)
			}
			if ability != "file" && reason != filtered && there != has(command, ability) {
				t.Errorf("%s %s: in the API: %v; the command line has something else", noun, ability, there)
			}
		}
	}
}

// can says whether the API can do it, and needs the version that was seen where something is changed.
func (d document) can(noun, ability string) bool {
	all, one := "/api/v1/"+noun, "/api/v1/"+noun+"/{id}"
	if noun == "certificates" {
		one = all + "/{domain}"
	}
	operation := func(path, method string, header bool) bool {
		o, there := d.Paths[path][method]
		return there && (!header || slices.ContainsFunc(o.Parameters, func(p struct{ Name, In string }) bool { return p.In == "header" && p.Name == "If-Match" }))
	}
	switch ability {
	case "list":
		return operation(all, "get", false)
	case "show":
		return operation(one, "get", false)
	case "create":
		return operation(all, "post", false)
	case "change":
		return operation(one, "patch", true)
	case "delete":
		return operation(one, "delete", true)
	case "history":
		return operation(one+"/history", "get", false)
	case "undo":
		return operation(one+"/undo", "post", true)
	case "restore":
		return operation(one+"/restore", "post", false)
	}
	_, there := d.Components.Schemas["Document"].Properties[camel(noun)]
	return there
}

func camel(noun string) string {
	words := strings.Split(noun, "-")
	for i := range words[1:] {
		words[i+1] = strings.ToUpper(words[i+1][:1]) + words[i+1][1:]
	}
	return strings.Join(words, "")
}

func has(command *cobra.Command, ability string) bool {
	if ability == "change" {
		ability = "update"
	}
	return slices.ContainsFunc(command.Commands(), func(c *cobra.Command) bool { return c.Name() == ability })
}

// TestEveryFilterIsAFlag: what a list of the API can be narrowed down by, the command line can, too.
func TestEveryFilterIsAFlag(t *testing.T) {
	d := readOpenAPI(t)
	for noun := range nouns {
		command, _, err := postern().Find([]string{noun, "list"})
		if err != nil {
			t.Errorf("%s list: %v", noun, err)
			continue
		}
		for _, p := range d.Paths["/api/v1/"+noun]["get"].Parameters {
			if other := map[string]string{"from": "since", "to": "until", "order": "follow"}[p.Name]; (noun == "sign-ins" || noun == "traffic") && other != "" {
				p.Name = other // in words of the command line
			}
			if p.In == "query" && p.Name != "after" && command.Flags().Lookup(kebab(p.Name)) == nil {
				t.Errorf("%s list has no --%s", noun, kebab(p.Name))
			}
		}
	}
}

func kebab(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// TestDocsTellWhatNounsCan keeps the table of docs/configuration.md what the one above is.
func TestDocsTellWhatNounsCan(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(abilities, " | "), strings.Repeat("---|", len(abilities)))
	notes := []string{}
	for _, noun := range slices.Sorted(maps.Keys(nouns)) {
		if nouns[noun]["create"] == noted {
			continue // logs and what runs
		}
		fmt.Fprintf(&b, "| %s |", noun)
		for _, ability := range abilities {
			reason := nouns[noun][ability]
			if reason == "" {
				b.WriteString(" ✓ |")
				continue
			}
			if !slices.Contains(notes, reason) {
				notes = append(notes, reason)
			}
			fmt.Fprintf(&b, " [%d] |", slices.Index(notes, reason)+1)
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	for i, note := range notes {
		fmt.Fprintf(&b, "%d. %s%s\n", i+1, strings.ToUpper(note[:1]), note[1:])
	}
	docs, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(docs), b.String()) {
		t.Errorf("docs/configuration.md does not hold this table:\n%s", b.String())
	}
}
