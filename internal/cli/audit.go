package cli

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

func entries() noun[api.AuditEntry] {
	return noun[api.AuditEntry]{
		use: "audit", single: "audit entry",
		name: func(e api.AuditEntry) string { return e.ID },
		columns: []column[api.AuditEntry]{
			{"WHEN", func(v *view, e api.AuditEntry) string { return v.ago(e.Time) }},
			{"WHO", func(_ *view, e api.AuditEntry) string { return e.Actor.Kind + " " + e.Actor.Name }},
			{"ACTION", func(_ *view, e api.AuditEntry) string { return e.Action }},
			{"OBJECT", func(_ *view, e api.AuditEntry) string {
				if e.Name != "" {
					return e.Name
				}
				return e.Object
			}},
			{"OUTCOME", func(_ *view, e api.AuditEntry) string { return e.Outcome }},
			{"FROM", func(_ *view, e api.AuditEntry) string { return e.Actor.Address }},
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.AuditEntry, error] {
			return c.Audit.All
		},
	}
}

// defaultEntries is how many entries are shown when nobody says otherwise: the log is long.
const defaultEntries = 100

func auditLog() *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "What was changed or refused, and by whom"}
	connectFlags(c)
	outputFlag(c)
	sub := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List the audit log, newest first", Args: cobra.NoArgs,
		Example: "  postern audit list --since 24h\n  postern audit list --action application.update -o yaml"}
	var o api.AuditOptions
	sub.Flags().StringVar(&o.Object, "object", "", "only what happened to the object with this id")
	sub.Flags().StringVar(&o.Action, "action", "", "only this action, such as application.create")
	sub.Flags().StringVar(&o.Actor, "actor", "", "only what the user or API key with this id did")
	sub.Flags().StringVar(&o.Outcome, "outcome", "", "only what was done, or refused")
	sub.Flags().StringVar(&o.Request, "request", "", "only what the request with this `reference` did")
	sub.Flags().StringVar(&o.Search, "search", "", "only what happened to an object whose name contains this, whatever its case")
	completeFlag(sub, "outcome", fixed("done", "refused"))
	until := sub.Flags().String("until", "", "only what happened until then")
	since := sub.Flags().String("since", "", "only what happened since: a time, a day, or a duration back as in 24h or 7d")
	limit := sub.Flags().Int("limit", defaultEntries, "at most this many; 0 lists all")
	sub.RunE = func(c *cobra.Command, _ []string) error {
		if *limit < 0 {
			return usage("--limit must not be negative")
		}
		n := entries()
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		if o.Since, err = sinceWhen("--since", *since); err != nil {
			return err
		}
		if o.Until, err = sinceWhen("--until", *until); err != nil {
			return err
		}
		o.Limit = api.MaxPage
		if *limit > 0 {
			o.Limit = min(*limit, api.MaxPage)
		}
		found, err := collect(n.all(client)(c.Context(), o.Options()), *limit)
		if err != nil {
			return renamed(err, func(name string) string { return "--" + name })
		}
		if err := n.printList(c, how, newView(c, client), found); err != nil {
			return err
		}
		if how == "table" && !c.Flags().Changed("limit") && len(found) == defaultEntries {
			fmt.Fprintf(c.ErrOrStderr(), "These are the newest %d; --limit shows more.\n", defaultEntries)
		}
		return nil
	}
	c.AddCommand(sub, auditVerify(), auditRecords())
	return c
}

func sinceWhen(flag, given string) (time.Time, error) {
	if given == "" {
		return time.Time{}, nil
	}
	if d, ok := parseSpan(given); ok {
		return time.Now().Add(-d), nil
	}
	return parseTime(flag, given)
}
