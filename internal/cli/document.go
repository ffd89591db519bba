package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"postern/internal/api"
	"postern/internal/fault"
)

// A source is one file of a configuration.
type source struct {
	name string
	text []byte
}

// A reader puts files together to one document and remembers where everything stands.
type reader struct {
	lists    map[string][]any
	values   map[string]any    // parts that are one value each
	places   map[string]string // file:line:column of each JSON path
	problems []string
	file     string
}

// maxProblems bounds how many problems of a file are told at once.
const maxProblems = 20

// readSources reads what -f names: a file, all files of a directory, or standard input.
func readSources(c *cobra.Command, path string) ([]source, error) {
	if path == "" {
		return nil, usage("say with --file (-f) which file, directory or - for standard input")
	}
	info, err := os.Stat(path)
	if path == "-" || err != nil || !info.IsDir() {
		text, err := readText(c, "--file", path, api.MaxApply)
		if path == "-" {
			path = "standard input"
		}
		return []source{{path, []byte(text)}}, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, usage("--file: %v", err)
	}
	var found []source
	total := 0
	for _, e := range entries { // in the order of their names
		name := filepath.Join(path, e.Name())
		if e.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)) {
			continue
		}
		text, err := readText(c, "--file", name, api.MaxApply)
		if err != nil {
			return nil, err
		}
		if total += len(text); total > api.MaxApply {
			return nil, usage("--file: the files of %s have more than %d bytes together", path, api.MaxApply)
		}
		found = append(found, source{name, []byte(text)})
	}
	if len(found) == 0 {
		return nil, usage("--file: there is no .yaml, .yml or .json file in %s", path)
	}
	return found, nil
}

// readDocument reads the files strictly. What is wrong is told with its file, line and column.
func readDocument(sources []source) (*reader, error) {
	r := &reader{lists: map[string][]any{}, values: map[string]any{}, places: map[string]string{}}
	for _, s := range sources {
		r.file = s.name
		r.read(s.text)
	}
	if len(r.problems) == 0 {
		return r, nil
	}
	shown := r.problems
	if len(shown) > maxProblems {
		shown = append(shown[:maxProblems:maxProblems], fmt.Sprintf("and %d more", len(r.problems)-maxProblems))
	}
	return nil, usage("the configuration cannot be read:\n  %s", strings.Join(shown, "\n  "))
}

func (r *reader) wrong(n *yaml.Node, format string, args ...any) {
	r.problems = append(r.problems, r.at(n)+": "+fmt.Sprintf(format, args...))
}

func (r *reader) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d:%d", r.file, n.Line, n.Column) }

func (r *reader) read(text []byte) {
	if json.Valid(text) { // YAML does not like the tabs that JSON may be indented with
		text = bytes.ReplaceAll(text, []byte("\t"), []byte(" "))
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	switch err := d.Decode(&first); {
	case errors.Is(err, io.EOF):
		r.problems = append(r.problems, r.file+": is empty")
		return
	case err != nil:
		r.problems = append(r.problems, r.file+": "+syntax(err))
		return
	}
	switch err := d.Decode(&second); {
	case err == nil:
		r.wrong(&second, "a second document begins here; put each into a file of its own")
		return
	case !errors.Is(err, io.EOF):
		r.problems = append(r.problems, r.file+": "+syntax(err))
		return
	}
	if len(first.Content) == 1 {
		r.top(first.Content[0])
	}
}

func syntax(err error) string {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "yaml: "), "while parsing")
	if strings.Contains(text, "cannot start any token") {
		text += " (YAML is indented with blanks, not with tabs)"
	}
	return strings.Join(strings.Fields(text), " ")
}

// top reads the lists of a document. Several files may have the same list; they come together.
func (r *reader) top(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "must be lists with their names: connectorGroups, upstreams, users, groups, applications, policies, assignments, exports; or branding, retention, clients")
		return
	}
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, ok := r.key(n.Content[i], seen)
		if !ok {
			continue
		}
		r.places[name] = r.at(n.Content[i])
		list := n.Content[i+1]
		if name == "branding" || name == "retention" || name == "clients" {
			r.one(name, list)
			continue
		}
		if list.Kind != yaml.SequenceNode {
			r.wrong(n.Content[i], "%s must be a list; write [] for none, or leave it out", name)
			continue
		}
		r.anchored(list)
		if r.lists[name] == nil {
			r.lists[name] = []any{}
		}
		for _, item := range list.Content {
			path := fmt.Sprintf("%s[%d]", name, len(r.lists[name]))
			r.lists[name] = append(r.lists[name], r.value(item, path))
		}
	}
}

// one reads a part that is one value. Two files may not both have it: neither would be whole.
func (r *reader) one(name string, n *yaml.Node) {
	switch _, twice := r.values[name]; {
	case n.Kind != yaml.MappingNode:
		r.wrong(n, "%s must have members; write {} for what is usual, or leave it out", name)
	case twice:
		r.wrong(n, "%s is given in another file already", name)
	default:
		r.values[name] = r.value(n, name)
	}
}

func (r *reader) key(n *yaml.Node, seen map[string]*yaml.Node) (string, bool) {
	switch {
	case n.Kind == yaml.AliasNode || n.ShortTag() == "!!merge":
		r.wrong(n, "aliases and << are not understood here; write it out")
		return "", false
	case n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str":
		r.wrong(n, "must be the name of a field")
		return "", false
	case seen[n.Value] != nil:
		r.wrong(n, "%s is given twice, first in line %d", n.Value, seen[n.Value].Line)
		return "", false
	}
	r.anchored(n)
	seen[n.Value] = n
	return n.Value, true
}

// anchored refuses what could make a small file a large one, or a value mean something else.
func (r *reader) anchored(n *yaml.Node) {
	if n.Anchor != "" {
		r.wrong(n, "anchors are not understood here; write it out")
	}
}

func (r *reader) value(n *yaml.Node, path string) any {
	r.places[path] = r.at(n)
	r.anchored(n)
	switch n.Kind {
	case yaml.MappingNode:
		object := map[string]any{}
		seen := map[string]*yaml.Node{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			name, ok := r.key(n.Content[i], seen)
			if !ok {
				continue
			}
			object[name] = r.value(n.Content[i+1], path+"."+name)
			r.places[path+"."+name] = r.at(n.Content[i])
		}
		return object
	case yaml.SequenceNode:
		array := []any{}
		for i, item := range n.Content {
			array = append(array, r.value(item, fmt.Sprintf("%s[%d]", path, i)))
		}
		return array
	case yaml.ScalarNode:
		return r.scalar(n, path)
	}
	r.wrong(n, "aliases are not understood here; write it out")
	return nil
}

func (r *reader) scalar(n *yaml.Node, path string) any {
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return n.Value
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!null":
		return nil
	case "!!int", "!!float":
		var number int64
		if strings.HasPrefix(path, "retention.") && n.Decode(&number) == nil { // all else is text
			return number
		}
		r.wrong(n, "%s is a number; if it is meant as text, write \"%s\"", n.Value, n.Value)
		return nil
	}
	r.wrong(n, "%s is not understood here", n.Tag)
	return nil
}

// lookUp finds where something stands, or what it stands in.
func (r *reader) lookUp(path string) string {
	for path != "" {
		if place, ok := r.places[path]; ok {
			return place
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return ""
}

// placed tells where in the files the service found something wrong.
func (r *reader) placed(err error) error {
	return renamed(err, func(name string) string {
		path := strings.TrimPrefix(name, "document.")
		if place := r.lookUp(path); place != "" {
			return place + ": " + path
		}
		return path
	})
}

// document gives what the API takes. The members are those of the files as they are, so that the
// service says which it does not know.
func (r *reader) document() map[string]any {
	doc := map[string]any{}
	for name, list := range r.lists {
		doc[name] = list
	}
	maps.Copy(doc, r.values)
	return doc
}

// size refuses what the service would not take, before it is sent.
func (r *reader) size() error {
	data, err := json.Marshal(r.document())
	if err != nil {
		return fmt.Errorf("put the request together: %w", err)
	}
	if len(data)+1024 > api.MaxApply {
		return fault.New(fault.KindTooLarge, "the configuration has more than %d bytes", api.MaxApply)
	}
	return nil
}
