package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"postern/internal/cli"
	"postern/internal/store"
)

// addMaster puts the rotation of the master key beside that of the keys in the database.
func addMaster(root *cobra.Command) {
	parent, _, err := root.Find([]string{"keys", "rotate"})
	if err != nil {
		return // a test asks for it
	}
	parent.AddCommand(cli.Strict(masterCommand()))
}

func masterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "master", Args: cobra.NoArgs,
		Short: "Rotate the master key, on the machine where its file is",
		Long: `Rotate the master key: make a new one and seal every secret in the database under it, in one
transaction, while the service runs. Services on this machine go on with the new key by themselves.

With replicas on other machines: run it with --prepare first, copy the file that it names beside the
key file of each of them, under the same name, and then run it again without. A replica that has not
got the new key says so in its health, serves who is signed in, and changes nothing.

The old key is kept beside the new one, because older backups open with nothing else. Remove it with
the last of them.`,
		Example: "  postern keys rotate master --prepare\n  postern keys rotate master",
	}
	where := storage(cmd)
	prepare := cmd.Flags().Bool("prepare", false, "only make the next key, to be copied to other machines")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := where()
		if err != nil {
			return err
		}
		w := cmd.OutOrStdout()
		if *prepare {
			path, err := store.PrepareKey(cfg)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "The next master key is in %s.\nCopy it beside the key file of every replica, then run this again without --prepare.\n", path)
			return nil
		}
		out, err := store.ChangeKey(cmd.Context(), cfg)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "Sealed %d secrets anew: the master key is %s now, and was %s.\n", out.Sealed, out.New, out.Old)
		if out.Pending != "" {
			fmt.Fprintf(w, "The key file could not be replaced: put %s at %s yourself, before the service starts again.\n", out.Pending, cfg.KeyFile)
			return nil
		}
		fmt.Fprintf(w, "The old key is kept in %s: backups made until now open with nothing else.\nTake a new backup, and a copy of the new key to where you keep it.\n", out.Kept)
		return nil
	}
	return cmd
}
