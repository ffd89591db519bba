package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"postern/internal/fault"
	"postern/internal/render"
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
		return render.JSON(w, value)
	case "yaml":
		return render.YAML(w, value)
	}
	return fault.Invalid("--output", "must be table, json or yaml")
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
