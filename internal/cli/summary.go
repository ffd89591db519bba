package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

func summary() *cobra.Command {
	c := &cobra.Command{Use: "summary", Short: "Count connectors, groups, applications, assignments and gateways", Args: cobra.NoArgs,
		Long: "Count what there is and how much of it works, without reading whole lists. Archived connectors are not counted."}
	connectFlags(c)
	outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		s, err := client.Summary(c.Context())
		if err != nil {
			return err
		}
		if how == "json" || how == "yaml" {
			return encode(c.OutOrStdout(), how, s)
		}
		rows := summaryRows(s)
		if how == "name" {
			for i := range rows {
				rows[i] = rows[i][:1]
			}
			return table(c.OutOrStdout(), nil, rows)
		}
		return table(c.OutOrStdout(), []string{"WHAT", "ALL", "OF THEM"}, rows)
	}
	return c
}

func summaryRows(s api.Summary) [][]string {
	k := s.Connectors
	of := ""
	for _, n := range []struct {
		count int
		word  string
	}{{k.Active, "active"}, {k.Degraded, "degraded"}, {k.Draining, "draining"}, {k.Inactive, "inactive"}, {k.Disabled, "disabled"}, {k.Waiting, "waiting"}} {
		if n.count > 0 {
			if of != "" {
				of += ", "
			}
			of += fmt.Sprintf("%d %s", n.count, n.word)
		}
	}
	return [][]string{
		{"connectors", fmt.Sprint(k.All), of},
		{"connector groups", fmt.Sprint(len(s.Groups)), fmt.Sprintf("%d with an active connector", s.Carrying)},
		{"applications", fmt.Sprint(s.Applications.All), fmt.Sprintf("%d disabled", s.Applications.Disabled)},
		{"assignments", fmt.Sprint(s.Assignments), ""},
		{"gateways", fmt.Sprint(s.Gateways.All), fmt.Sprintf("%d reached", s.Gateways.Reached)},
	}
}
