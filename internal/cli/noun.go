package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/fault"
)

// A noun is a kind of object and what the command line can do with it. What is nil cannot be done.
type noun[T any] struct {
	use, single, short string
	aliases            []string
	prefix             string // of its ids
	columns            []column[T]
	fields             []field // what create and update set
	needed             string  // flags that create cannot do without, as its usage line has them
	name               func(T) string
	examples           map[string]string // by command
	filters            []filter          // of list
	hidden             url.Values        // the filter that also gives what a list leaves out

	all     func(*api.Client) func(context.Context, api.ListOptions) iter.Seq2[T, error]
	find    func(context.Context, *api.Client, string) (T, error) // by id or name
	create  func(*cobra.Command, *api.Client, map[string]any) (T, error)
	update  func(*api.Client) func(context.Context, string, int64, api.Patch) (T, error)
	remove  func(*api.Client) func(context.Context, string, int64) error
	past    *past[T]
	restore func(*api.Client) func(context.Context, string) (T, error) // of a deleted one
	more    []*cobra.Command
}

// A column of the table of a list.
type column[T any] struct {
	title string
	value func(*view, T) string
}

// A filter narrows a list down.
type filter struct {
	flag, parameter, usage string
	kind                   kind // text or a reference
}

func (n noun[T]) command() *cobra.Command {
	c := &cobra.Command{Use: n.use, Aliases: n.aliases, Short: n.short, Long: n.short + ".\n\nA name may stand wherever an id may."}
	connectFlags(c)
	outputFlag(c)
	c.AddCommand(n.listCommand(), n.showCommand())
	if n.create != nil {
		c.AddCommand(n.createCommand())
	}
	if n.update != nil {
		c.AddCommand(n.updateCommand())
	}
	if n.remove != nil {
		c.AddCommand(n.deleteCommand())
	}
	if n.past != nil {
		c.AddCommand(n.historyCommand(), n.undoCommand())
	}
	if n.restore != nil {
		c.AddCommand(n.restoreCommand())
	}
	c.AddCommand(n.more...)
	n.completing(c)
	return c
}

func (n noun[T]) listCommand() *cobra.Command {
	c := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List " + strings.ReplaceAll(n.use, "-", " "), Args: cobra.NoArgs,
		Example: n.example("list", "  postern "+n.use+" list\n  postern "+n.use+" list -o json")}
	named := n.prefix != access.PrefixAssignment && n.prefix != access.PrefixRequest
	search, orders := new(string), words(access.Sorts())
	if named {
		search = c.Flags().String("search", "", "only those whose name contains this, whatever its case")
	} else {
		orders = orders[:2]
	}
	sort := c.Flags().String("sort", "", "in which order: "+strings.Join(orders, ", ")+"; the oldest first if left out")
	completeFlag(c, "sort", fixed(orders...))
	limit := c.Flags().Int("limit", 0, "at most this many; 0 lists all")
	values := map[string]*string{}
	for _, f := range n.filters {
		values[f.parameter] = c.Flags().String(f.flag, "", f.usage)
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *limit < 0 {
			return usage("--limit must not be negative")
		}
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		options := api.ListOptions{Search: *search, Filter: map[string][]string{}}
		if *limit > 0 {
			options.Limit = min(*limit, api.MaxPage)
		}
		if *sort != "" {
			options.Filter.Set("sort", *sort)
		}
		for _, f := range n.filters {
			if *values[f.parameter] == "" {
				continue
			}
			value, err := f.resolve(c.Context(), client, *values[f.parameter])
			if err != nil {
				return err
			}
			options.Filter.Set(f.parameter, value)
		}
		found, err := collect(n.all(client)(c.Context(), options), *limit)
		if err != nil {
			return renamed(err, func(name string) string { return "--" + name })
		}
		return n.printList(c, how, newView(c, client), found)
	}
	return c
}

func collect[T any](all iter.Seq2[T, error], limit int) ([]T, error) {
	found := []T{}
	for item, err := range all {
		if err != nil {
			return nil, err
		}
		if found = append(found, item); len(found) == limit {
			break
		}
	}
	return found, nil
}

func (n noun[T]) printList(c *cobra.Command, how string, v *view, found []T) error {
	w := c.OutOrStdout()
	switch how {
	case "json", "yaml":
		return encode(w, how, found)
	case "name":
		for _, item := range found {
			fmt.Fprintln(w, cell(n.name(item)))
		}
		return nil
	}
	if len(found) == 0 {
		fmt.Fprintf(c.ErrOrStderr(), "No %s.\n", strings.ReplaceAll(n.use, "-", " "))
		return nil
	}
	var header []string
	for _, column := range n.columns {
		header = append(header, column.title)
	}
	rows := make([][]string, len(found))
	for i, item := range found {
		for _, column := range n.columns {
			rows[i] = append(rows[i], cell(column.value(v, item)))
		}
	}
	return table(w, header, rows)
}

func (n noun[T]) showCommand() *cobra.Command {
	return &cobra.Command{Use: "show NAME", Aliases: []string{"get"}, Short: "Show one " + n.single, Args: cobra.ExactArgs(1),
		Example: n.example("show", "  postern "+n.use+" show NAME\n  postern "+n.use+" show NAME -o yaml"),
		RunE: func(c *cobra.Command, args []string) error {
			how, client, err := begin(c)
			if err != nil {
				return err
			}
			found, err := n.find(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			return n.print(c, how, client, found)
		}}
}

// print prints one object.
func (n noun[T]) print(c *cobra.Command, how string, client *api.Client, object T) error {
	switch how {
	case "json", "yaml":
		return encode(c.OutOrStdout(), how, object)
	case "name":
		_, err := fmt.Fprintln(c.OutOrStdout(), cell(n.name(object)))
		return err
	}
	return details(c.OutOrStdout(), object, newView(c, client))
}

func (n noun[T]) createCommand() *cobra.Command {
	c := &cobra.Command{Use: "create NAME " + n.needed + "[flags]", Short: "Make a new " + n.single, Args: cobra.ExactArgs(1), Example: n.example("create", "")}
	if n.prefix == access.PrefixAssignment {
		c.Use, c.Args = "create "+n.needed+"[flags]", cobra.NoArgs
	}
	read := n.flags(c, false)
	switch n.prefix {
	case access.PrefixUser:
		passwordFlags(c)
		c.Flags().Bool("no-password", false, "make the user without a password")
	case access.PrefixUpstream:
		secretFlags(c)
	case access.PrefixToken, access.PrefixKey:
		c.Flags().String("out", "", "new `file` for the secret, which only you can read")
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		values, err := read(c, client)
		if err != nil {
			return err
		}
		if len(args) == 1 {
			values["name"] = args[0]
		}
		made, err := n.create(c, client, values)
		if errors.Is(err, errPrinted) {
			return nil
		}
		if err != nil {
			return renamed(err, n.argumentOf)
		}
		return n.print(c, how, client, made)
	}
	return c
}

// errPrinted says that a create command has printed what it made in its own way.
var errPrinted = errors.New("printed")

func (n noun[T]) updateCommand() *cobra.Command {
	c := &cobra.Command{Use: "update NAME [flags]", Aliases: []string{"set"}, Short: "Change " + article(n.single) + "; what no flag names stays",
		Args: cobra.ExactArgs(1), Example: n.example("update", "")}
	read := n.flags(c, true)
	c.RunE = func(c *cobra.Command, args []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		values, err := read(c, client)
		if err != nil {
			return err
		}
		if len(values) == 0 {
			return usage("nothing to change: name what with a flag; see %s --help", c.CommandPath())
		}
		found, err := n.find(c.Context(), client, args[0])
		if err != nil {
			return err
		}
		id, version := identity(found)
		changed, err := n.update(client)(c.Context(), id, version, values)
		if err != nil {
			return renamed(err, n.flagOf)
		}
		return n.print(c, how, client, changed)
	}
	return c
}

func (n noun[T]) deleteCommand() *cobra.Command {
	c := &cobra.Command{Use: "delete NAME…", Aliases: []string{"rm"}, Short: "Delete " + article(n.single), Args: cobra.MinimumNArgs(1),
		Example: n.example("delete", "  postern "+n.use+" delete NAME\n  postern "+n.use+" delete NAME OTHER --yes")}
	c.Flags().Bool("yes", false, "do not ask")
	c.RunE = func(c *cobra.Command, args []string) error {
		_, client, err := begin(c)
		if err != nil {
			return err
		}
		found := make([]T, len(args))
		for i, arg := range args { // all are found before any is deleted
			if found[i], err = n.find(c.Context(), client, arg); err != nil {
				return err
			}
		}
		names := make([]string, len(found))
		for i, item := range found {
			names[i] = cell(n.name(item))
		}
		if err := confirm(c, fmt.Sprintf("Delete %s %s?", n.single, strings.Join(names, ", "))); err != nil {
			return err
		}
		for i, item := range found {
			id, version := identity(item)
			if err := n.remove(client)(c.Context(), id, version); err != nil {
				return fmt.Errorf("delete %s: %w", names[i], err)
			}
			fmt.Fprintf(c.ErrOrStderr(), "Deleted %s %s.\n", n.single, names[i])
		}
		return nil
	}
	return c
}

func (n noun[T]) example(command, otherwise string) string {
	if text, ok := n.examples[command]; ok {
		return text
	}
	return otherwise
}

func article(word string) string {
	if strings.ContainsRune("aeiou", rune(word[0])) {
		return "an " + word
	}
	return "a " + word
}

func identity(object any) (string, int64) {
	if o, ok := object.(interface{ Identity() (string, int64) }); ok {
		return o.Identity()
	}
	return "", 0
}

// finder finds an object by its id, or by its name: the exact one, or else the only one that
// differs in case alone.
func finder[T any](n noun[T], show func(*api.Client) func(context.Context, string) (T, error)) func(context.Context, *api.Client, string) (T, error) {
	return func(ctx context.Context, client *api.Client, text string) (T, error) {
		var none T
		if strings.TrimSpace(text) == "" {
			return none, usage("the name of %s must not be empty", article(n.single))
		}
		if access.ID(text).Valid(n.prefix) {
			return show(client)(ctx, text)
		}
		var exact, alike []T
		for item, err := range n.all(client)(ctx, api.ListOptions{Search: text, Limit: api.MaxPage, Filter: n.hidden}) {
			if err != nil {
				return none, err
			}
			switch name := n.name(item); {
			case name == text:
				exact = append(exact, item)
			case strings.EqualFold(name, text):
				alike = append(alike, item)
			}
		}
		if len(exact) == 0 {
			exact = alike
		}
		switch len(exact) {
		case 0:
			return none, fault.NotFound("there is no %s %q", n.single, text)
		case 1:
			return exact[0], nil
		}
		return none, ambiguous(n, text, exact)
	}
}

func ambiguous[T any](n noun[T], text string, found []T) error {
	lines := make([]string, 0, len(found))
	for i, item := range found {
		if i == 10 {
			lines = append(lines, fmt.Sprintf("  and %d more", len(found)-i))
			break
		}
		id, _ := identity(item)
		lines = append(lines, "  "+id+"   "+cell(n.name(item)))
	}
	return usage("%q names more than one %s; say which by its id:\n%s", text, n.single, strings.Join(lines, "\n"))
}
