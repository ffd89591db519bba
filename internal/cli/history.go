package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

// past is what a noun that has versions can do with them.
type past[T any] struct {
	history func(*api.Client) func(context.Context, string) ([]api.HistoryEntry, error)
	undo    func(*api.Client) func(context.Context, string, int64, int64) (T, error)
}

func (n noun[T]) historyCommand() *cobra.Command {
	return &cobra.Command{Use: "history NAME", Short: "Show who changed what of " + article(n.single) + ", and when", Args: cobra.ExactArgs(1),
		Example: "  postern " + n.use + " history NAME\n  postern " + n.use + " history NAME -o yaml",
		RunE: func(c *cobra.Command, args []string) error {
			how, client, err := begin(c)
			if err != nil {
				return err
			}
			found, err := n.find(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			id, _ := identity(found)
			versions, err := n.past.history(client)(c.Context(), id)
			if err != nil {
				return err
			}
			return printHistory(c, how, client, versions)
		}}
}

func printHistory(c *cobra.Command, how string, client *api.Client, versions []api.HistoryEntry) error {
	if how == "json" || how == "yaml" {
		return encode(c.OutOrStdout(), how, versions)
	}
	v := newView(c, client)
	for _, e := range versions {
		if e.Time.IsZero() {
			fmt.Fprintf(c.OutOrStdout(), "version %d, from the beginning\n", e.Version)
		} else {
			fmt.Fprintf(c.OutOrStdout(), "version %d, %s by %s %s\n", e.Version, v.ago(e.Time), cell(e.Actor.Kind), cell(e.Actor.Name))
		}
		printFields(c.OutOrStdout(), v.named(e.Fields))
	}
	return nil
}

func (n noun[T]) undoCommand() *cobra.Command {
	c := &cobra.Command{Use: "undo NAME [flags]", Short: "Take the last change of " + article(n.single) + " back, or those after a version", Args: cobra.ExactArgs(1),
		Long:    "Give " + article(n.single) + " the fields of an earlier version. That is a new change, which can be undone as well.",
		Example: "  postern " + n.use + " undo NAME\n  postern " + n.use + " undo NAME --to 3 --yes"}
	to := c.Flags().Int64("to", 0, "the version that is to come back; the one before if left out")
	c.Flags().Bool("yes", false, "do not ask")
	c.RunE = func(c *cobra.Command, args []string) error {
		if c.Flags().Changed("to") && *to < 1 {
			return usage("--to must be a version, from 1 on; postern %s history NAME shows them", n.use)
		}
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		found, err := n.find(c.Context(), client, args[0])
		if err != nil {
			return err
		}
		id, version := identity(found)
		until := *to
		if until == 0 {
			until = version - 1
		}
		if err := confirm(c, fmt.Sprintf("Give %s %s the fields of version %d instead of those of version %d?", n.single, cell(n.name(found)), until, version)); err != nil {
			return err
		}
		changed, err := n.past.undo(client)(c.Context(), id, version, *to)
		if err != nil {
			return renamed(err, func(name string) string { return "--" + name })
		}
		return n.print(c, how, client, changed)
	}
	return c
}
