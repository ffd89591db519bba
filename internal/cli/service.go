package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/admin"
	"postern/internal/api"
	"postern/internal/fault"
)

func health() *cobra.Command {
	c := &cobra.Command{Use: "health", Short: "Say how the service is; exit code 1 when something is wrong", Args: cobra.NoArgs}
	connectFlags(c)
	outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		found, err := client.Health(c.Context())
		if err != nil {
			return err
		}
		if err := printHealth(c, how, found); err != nil {
			return err
		}
		if !found.Healthy {
			return fault.Unavailable("the service is not well")
		}
		return nil
	}
	return c
}

func printHealth(c *cobra.Command, how string, found api.Health) error {
	if how == "json" || how == "yaml" {
		return encode(c.OutOrStdout(), how, found)
	}
	rows := make([][]string, len(found.Checks))
	for i, check := range found.Checks {
		rows[i] = []string{cell(check.Name), "good"}
		if !check.Healthy {
			rows[i][1] = "failed: " + cell(check.Error)
		}
		if how == "name" {
			rows[i] = rows[i][:1]
		}
	}
	if how == "name" {
		return table(c.OutOrStdout(), nil, rows)
	}
	if err := table(c.OutOrStdout(), []string{"CHECK", "STATE"}, rows); err != nil || len(found.Findings) == 0 {
		return err
	}
	fmt.Fprintln(c.OutOrStdout())
	for _, f := range found.Findings {
		fmt.Fprintf(c.OutOrStdout(), "%s %s: %s\n  → %s\n", strings.ToUpper(cell(f.Severity)), cell(f.Code), cell(f.Sentence), cell(f.Cure))
	}
	return nil
}

// begin reads what every command needs.
func begin(c *cobra.Command) (string, *api.Client, error) {
	how, err := format(c)
	if err != nil {
		return "", nil, err
	}
	made, err := connect(c)
	return how, made, err
}

func openAPI() *cobra.Command {
	return &cobra.Command{Use: "openapi", Short: "Print the OpenAPI document of the admin API", Args: cobra.NoArgs,
		Long: "Print the OpenAPI document of the admin API (3.1, YAML) of this version. A service has its own at /openapi.yaml.",
		RunE: func(c *cobra.Command, _ []string) error {
			document, err := admin.OpenAPI()
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(document)
			return err
		}}
}

func quote(text string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-/+=:@", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !safe(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
