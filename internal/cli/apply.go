package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

const documentHelp = `

The file says in YAML or JSON what there is to be: connectorGroups, upstreams, users, groups,
applications, policies, assignments and exports, each a list. Names stand for whatever an object refers to. postern export writes
such a file.

An object is described wholly: what is left out has its default. Objects that the file does not
name stay as they are; with --prune they are deleted, as far as the file has a list of their kind.
Passwords, keys, tokens and secrets are never in it; those that are there stay.`

func documentFlags(c *cobra.Command) {
	connectFlags(c)
	outputFlag(c)
	c.Flags().StringP("file", "f", "", "`file` with the configuration, a directory with several, or - for standard input")
	c.Flags().Bool("prune", false, "delete what is not in the file, of the kinds that it has a list of")
}

func apply() *cobra.Command {
	c := &cobra.Command{Use: "apply -f FILE", Short: "Make the configuration what a file says", Args: cobra.NoArgs,
		Long: "Make the configuration what a file says, all of it or nothing. What would change is shown before." + documentHelp,
		Example: "  postern apply -f postern.yaml\n  postern apply -f postern.yaml --prune --dry-run\n" +
			"  postern apply -f configuration/ --yes"}
	documentFlags(c)
	c.Flags().Bool("dry-run", false, "only show what would change")
	c.Flags().Bool("yes", false, "do not ask")
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := plan(c)
		if err != nil {
			return err
		}
		if err := p.print(c); err != nil || p.dry || len(p.made.Changes) == 0 {
			return err
		}
		if err := confirm(c, "Change this?"); err != nil {
			return err
		}
		p.request.Digest = p.made.Digest
		done, err := p.client.Apply(c.Context(), p.request)
		if err != nil {
			return p.reader.placed(err)
		}
		fmt.Fprintf(c.ErrOrStderr(), "Done: %s.\n", tally(done.Changes))
		return nil
	}
	return c
}

// errDiffers ends diff with the exit code that says so.
var errDiffers = errors.New("the configuration differs")

func diff() *cobra.Command {
	c := &cobra.Command{Use: "diff -f FILE", Short: "Show what apply would change",
		Args: cobra.NoArgs, Example: "  postern diff -f postern.yaml --prune",
		Long: "Show what apply would change. The exit code is 0 when that is nothing and 3 when it is something." + documentHelp}
	documentFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := plan(c)
		if err != nil {
			return err
		}
		if err := p.print(c); err != nil || len(p.made.Changes) == 0 {
			return err
		}
		return errDiffers
	}
	return c
}

func export() *cobra.Command {
	c := &cobra.Command{Use: "export", Short: "Write the configuration as a file for apply", Args: cobra.NoArgs,
		Example: "  postern export > postern.yaml\n  postern export -o json"}
	connectFlags(c)
	c.Flags().StringP("output", "o", "yaml", "how to print: yaml or json")
	c.RunE = func(c *cobra.Command, _ []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		if how != "yaml" && how != "json" {
			return usage("--output (-o) must be yaml or json")
		}
		doc, err := client.Export(c.Context())
		if err != nil {
			return err
		}
		return encode(c.OutOrStdout(), how, doc)
	}
	return c
}

// planned is a file and what it would change.
type planned struct {
	how     string
	dry     bool
	client  *api.Client
	reader  *reader
	request api.DocumentRequest
	made    api.Plan
}

func plan(c *cobra.Command) (*planned, error) {
	p := &planned{}
	var err error
	path, _ := c.Flags().GetString("file") // the flags exist
	p.request.Prune, _ = c.Flags().GetBool("prune")
	p.dry, _ = c.Flags().GetBool("dry-run") // false for diff
	sources, err := readSources(c, path)
	if err != nil {
		return nil, err
	}
	if p.reader, err = readDocument(sources); err != nil {
		return nil, err
	}
	if err := p.reader.size(); err != nil {
		return nil, err
	}
	if p.how, p.client, err = begin(c); err != nil {
		return nil, err
	}
	p.request.Document = p.reader.document()
	if p.made, err = p.client.Plan(c.Context(), p.request); err != nil {
		return nil, p.reader.placed(err)
	}
	return p, nil
}

// maxChanges is how many changes a terminal is shown.
const maxChanges = 200

func (p *planned) print(c *cobra.Command) error {
	w := c.OutOrStdout()
	if p.how == "json" || p.how == "yaml" {
		return encode(w, p.how, p.made)
	}
	if len(p.made.Changes) == 0 {
		fmt.Fprintln(c.ErrOrStderr(), "Nothing to change.")
		return nil
	}
	changes := slices.Clone(p.made.Changes)
	// What is lost first: it must not scroll away behind what is new.
	slices.SortStableFunc(changes, func(a, b api.PlannedChange) int { return weight(a) - weight(b) })
	for i, change := range changes {
		if i == maxChanges {
			fmt.Fprintf(w, "… and %d more; -o yaml shows all\n", len(changes)-i)
			break
		}
		printChange(w, change)
	}
	_, err := fmt.Fprintf(w, "%s\n", tally(changes))
	return err
}

func verb(change api.PlannedChange) (object, verb string) {
	object, verb, _ = strings.Cut(change.Action, ".")
	return strings.ReplaceAll(object, "-", " "), verb
}

func weight(change api.PlannedChange) int {
	_, verb := verb(change)
	return map[string]int{"delete": 0, "update": 1, "create": 2}[verb]
}

func printChange(w io.Writer, change api.PlannedChange) {
	object, verb := verb(change)
	fmt.Fprintf(w, "%s %s %s\n", map[string]string{"delete": "-", "update": "~", "create": "+"}[verb], object, cell(change.Name))
	if verb == "delete" {
		return
	}
	printFields(w, change.Fields)
}

func printFields(w io.Writer, fields []api.FieldChange) {
	for _, f := range fields {
		if f.Name != "name" || f.Old != nil {
			fmt.Fprintf(w, "    %s: %s\n", cell(f.Name), between(f))
		}
	}
}

// between shows how a field changes: from what to what, or who came to a list and who left it.
func between(f api.FieldChange) string {
	var old, new []string
	_, listed := f.Old, json.Unmarshal(orEmpty(f.Old), &old) == nil && json.Unmarshal(orEmpty(f.New), &new) == nil
	if !listed {
		if f.Old == nil {
			return brief(f.New)
		}
		return brief(f.Old) + " → " + brief(f.New)
	}
	var words []string
	for _, word := range new {
		if !slices.Contains(old, word) {
			words = append(words, "+"+word)
		}
	}
	for _, word := range old {
		if !slices.Contains(new, word) {
			words = append(words, "-"+word)
		}
	}
	return cell(shorten(strings.Join(words, " ")))
}

func orEmpty(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("[]")
	}
	return raw
}

func brief(raw json.RawMessage) string {
	if raw == nil {
		return "(nothing)"
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	return cell(shorten(text))
}

func shorten(text string) string {
	const most = 160
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}

func tally(changes []api.PlannedChange) string {
	var count [3]int
	for _, change := range changes {
		count[weight(change)]++
	}
	return fmt.Sprintf("%d to create, %d to change, %d to delete", count[2], count[1], count[0])
}
