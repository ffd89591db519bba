package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

const logWait = 20 * time.Second // for news, with --follow

// connectorLogs shows what a connector has in its logs.
func connectorLogs() *cobra.Command {
	c := &cobra.Command{Use: "logs NAME", Short: "Show what a connector logs, as it happens if you like", Args: cobra.ExactArgs(1),
		Long: "Show what a connector logs, as it happens if you like.\n\nThe connector gives what it has in memory, about the last 2000 entries of each log: admin has its key events, program all that it says,\n" +
			"session every transaction. The session log is off until somebody switches it on: postern connectors update NAME --session-log 2h.",
		Example: "  postern connectors logs hq-1\n  postern connectors logs hq-1 --log session --follow\n  postern connectors logs hq-1 --log program -n 50 -o json"}
	log := c.Flags().String("log", "admin", "which one: admin, session or program")
	completeFlag(c, "log", fixed("admin", "session", "program"))
	follow := c.Flags().BoolP("follow", "f", false, "go on until interrupted")
	count := c.Flags().IntP("lines", "n", 100, "at most so many entries of the past, the newest")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *count < 1 || *count > 500 {
			return usage("--lines must be from 1 to 500")
		}
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		k, err := connectors().find(c.Context(), client, args[0])
		if err != nil {
			return err
		}
		q := api.ConnectorLogQuestion{Log: *log, Limit: *count}
		for {
			page, err := client.Connectors.Log(c.Context(), k.ID, q)
			if c.Context().Err() != nil && *follow {
				return nil // interrupted, as it was meant to be
			}
			if err != nil {
				return fmt.Errorf("logs of %s: %w", k.Name, err)
			}
			if err := printLog(c, how, page); err != nil || !*follow {
				return err
			}
			q = api.ConnectorLogQuestion{Log: *log, Instance: page.Instance, After: page.Next, Wait: logWait}
		}
	}
	return c
}

// printLog prints entries one a line, so that what follows can be read as it comes.
func printLog(c *cobra.Command, how string, page api.ConnectorLog) error {
	w := c.OutOrStdout()
	if page.Missed > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "%d entries are not there any more.\n", page.Missed)
	}
	for _, e := range page.Entries {
		if how == "json" || how == "yaml" {
			if err := encode(w, how, e); err != nil {
				return err
			}
			continue
		}
		var fields strings.Builder
		for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
			fmt.Fprintf(&fields, " %s=%s", cell(name), quote(cell(e.Fields[name])))
		}
		if _, err := fmt.Fprintf(w, "%s %-5s %-4s %s%s\n", e.Time.Local().Format(time.DateTime), e.Severity, e.Event, cell(e.Message), fields.String()); err != nil {
			return err
		}
	}
	return nil
}
