package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"postern/internal/render"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"
)

var formats = []string{"table", "json", "yaml", "name"}

func outputFlag(c *cobra.Command) {
	c.PersistentFlags().StringP("output", "o", "table", "how to print: table, json, yaml or name")
	_ = c.RegisterFlagCompletionFunc("output", fixed(formats...)) // the flag exists
}

// format reads -o.
func format(c *cobra.Command) (string, error) {
	text, err := c.Flags().GetString("output")
	if err != nil || !slices.Contains(formats, text) {
		return "", usage("--output (-o) must be one of %s", strings.Join(formats, ", "))
	}
	return text, nil
}

// encode prints a value as JSON or YAML, with the names and the order of the API.
func encode(w io.Writer, format string, value any) error {
	if format == "json" {
		return render.JSON(w, value)
	}
	return render.YAML(w, value)
}

// table prints rows in aligned columns.
func table(w io.Writer, header []string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	line := func(cells []string) {
		fmt.Fprintln(t, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	if header != nil {
		line(header)
	}
	for _, row := range rows {
		line(row)
	}
	return t.Flush()
}

// cell makes any text fit for a table: one line of printable characters.
func cell(text string) string {
	if text == "" {
		return "-"
	}
	return strings.Map(printable, text)
}

func printable(r rune) rune {
	if !unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
		return '?'
	}
	return r
}

// details prints one object as a list of its fields, in the order of the API.
func details(w io.Writer, value any, v *view) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	var tree yaml.Node
	if err := yaml.Unmarshal(data, &tree); err != nil || len(tree.Content) != 1 {
		return fmt.Errorf("print: %w", err)
	}
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	flatten(t, "", tree.Content[0], v)
	return t.Flush()
}

func flatten(w io.Writer, path string, n *yaml.Node, v *view) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			if path != "" {
				name = path + "." + name
			}
			flatten(w, name, n.Content[i+1], v)
		}
	case yaml.SequenceNode:
		items := make([]string, len(n.Content))
		for i, item := range n.Content {
			items[i] = onOneLine(item, v)
		}
		fmt.Fprintf(w, "%s:\t%s\n", path, cell(strings.Join(items, ", ")))
	default:
		lines := strings.Split(strings.TrimRight(n.Value, "\n"), "\n")
		for i, line := range lines {
			if i == 0 {
				if path != "id" {
					line = v.value(line)
				}
				fmt.Fprintf(w, "%s:\t%s\n", path, cell(line))
				continue
			}
			fmt.Fprintf(w, "\t%s\n", cell(line))
		}
	}
}

// onOneLine gives an item of a list: of an object its values, in order.
func onOneLine(n *yaml.Node, v *view) string {
	if n.Kind != yaml.MappingNode {
		return v.value(n.Value)
	}
	var words []string
	for i := 1; i < len(n.Content); i += 2 {
		words = append(words, onOneLine(n.Content[i], v))
	}
	return strings.Join(words, " ")
}

// ago says how far away a time is, as roughly as a person would.
func ago(now, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := now.Sub(t)
	if d < 0 {
		return "in " + span(-d)
	}
	if d < time.Second {
		return "now"
	}
	return span(d) + " ago"
}

func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d < 2*365*24*time.Hour:
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	}
	return fmt.Sprintf("%d y", d/(365*24*time.Hour))
}
