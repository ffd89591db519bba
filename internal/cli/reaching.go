package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// applicationConnectors tells how the connectors of an application reach it.
func applicationConnectors() *cobra.Command {
	return &cobra.Command{Use: "connectors NAME", Short: "Ask the connectors of an application whether they reach it", Args: cobra.ExactArgs(1),
		Long: "Ask the connectors of an application, those of its group and of the group's backup, whether they reach it now: by their local rules, DNS, network and TLS.\n\n" +
			"\"active\" is only what connected to the application just now.",
		Example: "  postern applications connectors Wiki",
		RunE: func(c *cobra.Command, args []string) error {
			how, client, err := begin(c)
			if err != nil {
				return err
			}
			app, err := applications().find(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			list, err := client.Applications.Connectors(c.Context(), app.ID)
			if err != nil {
				return err
			}
			switch {
			case how == "json" || how == "yaml":
				return encode(c.OutOrStdout(), how, list.Items)
			case len(list.Items) == 0:
				fmt.Fprintln(c.ErrOrStderr(), "Its connector group has no connectors: postern tokens create makes a token to enrol one.")
				return nil
			}
			v := newView(c, client)
			var rows [][]string
			for _, k := range list.Items {
				status, took, since := k.Label, "", ""
				if k.Why != "" {
					status += ": " + k.Why
				}
				if k.Took > 0 {
					took = fmt.Sprintf("%.1f ms", k.Took)
				}
				if !k.Since.IsZero() {
					since = v.ago(k.Since)
				}
				rows = append(rows, []string{cell(k.Name), cell(yes(k.Backup)), cell(status), cell(k.Address), cell(took), cell(since)})
			}
			return table(c.OutOrStdout(), []string{"NAME", "BACKUP", "STATUS", "ADDRESS", "TOOK", "OUT SINCE"}, rows)
		}}
}
