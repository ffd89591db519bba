package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"postern/internal/fault"
)

// output says how a command prints.
type output struct{ how string }

func (o *output) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.how, "output", "o", "table", "table, json or yaml")
}

// print prints a value, as a table by what fill puts into it.
func (o *output) print(w io.Writer, value any, fill func(*table)) error {
	switch o.how {
	case "table":
		t := &table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
		fill(t)
		return t.w.Flush()
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(value)
	case "yaml":
		return printYAML(w, value)
	}
	return fault.Invalid("--output", "must be table, json or yaml")
}

// printYAML prints what JSON would, with its names and order.
func printYAML(w io.Writer, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	var tree yaml.Node // JSON is YAML: read as a tree, it only needs another style
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	block(&tree)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&tree); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err = w.Write(out.Bytes())
	return err
}

func block(n *yaml.Node) {
	n.Style = 0
	if len(n.Content) == 0 && (n.Kind == yaml.SequenceNode || n.Kind == yaml.MappingNode) {
		n.Style = yaml.FlowStyle // [] and {}
	}
	for _, child := range n.Content {
		block(child)
	}
}

// table prints rows in aligned columns.
type table struct{ w *tabwriter.Writer }

func (t *table) row(cells ...string) {
	for i, c := range cells {
		cells[i] = strings.Map(printable, c)
	}
	fmt.Fprintln(t.w, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
}

// printable keeps what others chose from doing something to the terminal.
func printable(r rune) rune {
	if !unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
		return '?'
	}
	return r
}
