package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"postern/internal/api"
	"postern/internal/disk"
	"postern/internal/fault"
)

// settings shows the flags of the service that answers.
func settings() *cobra.Command {
	c := &cobra.Command{Use: "settings", Short: "Show the flags that the service was started with, as they are in force", Args: cobra.NoArgs,
		Long: "Shows the flags of postern serve as they are in force at the service that answers, without secrets. They are changed\n" +
			"where it is started; what can be changed while it runs has commands of its own, such as branding and retention."}
	connectFlags(c)
	outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		found, err := client.Settings(c.Context())
		if err != nil {
			return err
		}
		rows := make([][]string, len(found.Items))
		for i, s := range found.Items {
			rows[i] = []string{"--" + s.Name, cell(s.Value), map[bool]string{true: "given", false: "usual"}[s.Set]}
		}
		if done, err := plainly(c, how, found.Items, namesOf(found.Items, func(s api.Setting) string { return s.Name })); done {
			return err
		}
		return table(c.OutOrStdout(), []string{"FLAG", "VALUE", "WHY"}, rows)
	}
	return c
}

// plainly prints a value for programs if that was asked for: as JSON or YAML, or its names alone.
func plainly(c *cobra.Command, how string, value any, names []string) (done bool, err error) {
	switch how {
	case "json", "yaml":
		return true, encode(c.OutOrStdout(), how, value)
	case "name":
		for _, name := range names {
			fmt.Fprintln(c.OutOrStdout(), cell(name))
		}
		return true, nil
	}
	return false, nil
}

func namesOf[T any](list []T, name func(T) string) []string {
	names := make([]string, len(list))
	for i, one := range list {
		names[i] = name(one)
	}
	return names
}

// backup takes a backup over the API.
func backup() *cobra.Command {
	c := &cobra.Command{Use: "backup FILE", Short: "Download a backup of everything that the service's database holds", Args: cobra.ExactArgs(1),
		Long: "Downloads everything that the service's database holds, as it is at one moment, to a file that only you can read.\n" +
			"It is the same as of postern db backup: postern db verify checks it and postern db restore restores it, into either engine.\n\n" +
			"The master key is not in it, and without that key nobody can restore it: keep a copy of the key elsewhere. Only Owners may.",
		Example: "  postern backup postern-$(date +%F).backup"}
	connectFlags(c)
	replace := c.Flags().Bool("force", false, "replace a file that is there")
	c.RunE = func(c *cobra.Command, args []string) error {
		client, err := connect(c)
		if err != nil {
			return err
		}
		path := args[0]
		if _, err := os.Stat(path); err == nil && !*replace {
			return fault.Conflict("%s is there already: choose another name, or replace it with --force", path)
		}
		draft, err := disk.Create(path, 0o600)
		if err != nil {
			return err
		}
		defer draft.Discard() // nothing to do after Commit
		size, err := client.Backup(c.Context(), draft)
		if err != nil {
			return err
		}
		if err := draft.Commit(); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s has %d bytes. The service's master key is NOT in it, and without that key nobody can restore it: keep a copy of the key elsewhere.\n", path, size)
		return nil
	}
	return c
}
