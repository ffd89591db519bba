package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/admin"
	"postern/internal/api"
	"postern/internal/disk"
	"postern/internal/fault"
)

func login() *cobra.Command {
	c := &cobra.Command{Use: "login [URL]", Short: "Sign in: keep the URL of a service and an API key for the other commands",
		Long: "Sign in: keep the URL of a service and an API key for the other commands.\n\n" +
			"The key is read from --key-file, from standard input, or asked for without echo. It is tried\n" +
			"before it is kept, in a file of your configuration directory that only you can read.",
		Example: "  postern login https://admin.example.com\n  postern login https://admin.example.com --key-file first.key --ca-file postern-ca.pem",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(neverArgument, "key", "--key-file")
			}
			return nil
		}}
	c.Flags().String("server", "", "`URL` of the admin host; instead of the argument")
	c.Flags().String("key-file", "", "`file` with the API key, - for standard input")
	c.Flags().String("ca-file", "", "PEM `file` with the authority of the service's certificate, when it is private")
	c.Flags().String("key", "", "")
	_ = c.Flags().MarkHidden("key") // the flag exists
	c.RunE = func(c *cobra.Command, args []string) error {
		if c.Flags().Changed("key") {
			return usage("--key: "+neverArgument, "key", "--key-file")
		}
		a, err := readLogin(c, args)
		if err != nil {
			return err
		}
		made, err := client(c, a)
		if err != nil {
			return err
		}
		defer made.Close()
		me, err := made.Me(c.Context())
		if err != nil {
			return fmt.Errorf("sign in to %s: %w", a.Server, err)
		}
		path, err := writeAccount(a)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "Signed in to %s with the API key %q (%s). Kept in %s.\n", a.Server, cell(me.Name), cell(comma(me.Roles)), path)
		return nil
	}
	return c
}

func readLogin(c *cobra.Command, args []string) (account, error) {
	a := account{Server: setting(c, "server", "POSTERN_SERVER")}
	if len(args) == 1 {
		if c.Flags().Changed("server") {
			return a, usage("give the URL once: as an argument or with --server")
		}
		a.Server = args[0]
	}
	u, err := api.CheckServer(a.Server)
	if err != nil {
		return a, usageError{renamed(err, func(string) string { return "URL" })}
	}
	a.Server = u.String()
	if file := setting(c, "ca-file", "POSTERN_CA_FILE"); file != "" {
		if a.CA, err = readText(c, "--ca-file", file, maxFile); err != nil {
			return a, err
		}
	}
	if file := os.Getenv("POSTERN_API_KEY_FILE"); file != "" && !c.Flags().Changed("key-file") {
		a.Key, err = readSecret(c, "$POSTERN_API_KEY_FILE", file)
		return a, err
	}
	a.Key, err = ask(c, "key-file", "API key", false)
	a.Key = strings.TrimSpace(a.Key)
	return a, err
}

func logout() *cobra.Command {
	return &cobra.Command{Use: "logout", Short: "Sign out: forget the service and the API key that login kept", Args: cobra.NoArgs,
		Long: "Sign out: forget the service and the API key that login kept.\n\nThe key itself stays good; postern keys delete ends it.",
		RunE: func(c *cobra.Command, _ []string) error {
			path, err := accountPath()
			if err != nil {
				return err
			}
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
				fmt.Fprintln(c.ErrOrStderr(), "You were not signed in.")
				return nil
			}
			if err := disk.Remove(path); err != nil {
				return fmt.Errorf("sign out: %w", err)
			}
			fmt.Fprintln(c.ErrOrStderr(), "Signed out. The API key itself stays good; postern keys delete ends it.")
			return nil
		}}
}

func whoami() *cobra.Command {
	c := &cobra.Command{Use: "whoami", Short: "Say which service this is and whose API key", Args: cobra.NoArgs}
	connectFlags(c)
	outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		me, err := client.Me(c.Context())
		if err != nil {
			return err
		}
		switch how {
		case "json", "yaml":
			return encode(c.OutOrStdout(), how, me)
		case "name":
			_, err := fmt.Fprintln(c.OutOrStdout(), cell(me.Name))
			return err
		}
		return table(c.OutOrStdout(), nil, [][]string{
			{"Service:", cell(client.URL())}, {"Kind:", cell(me.Kind)}, {"Name:", cell(me.Name)}, {"Roles:", cell(comma(me.Roles))}, {"ID:", cell(me.ID)},
		})
	}
	return c
}

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
	return table(c.OutOrStdout(), []string{"CHECK", "STATE"}, rows)
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
