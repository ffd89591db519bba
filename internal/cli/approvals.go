package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

func approveCommand() *cobra.Command {
	return onConnectors("approve NAME…", "Let connectors that wait for approval into their groups", "  postern connectors list --status waiting\n  postern connectors approve hq-2",
		func(ctx context.Context, client *api.Client, k api.Connector) (string, error) {
			_, err := client.Connectors.Approve(ctx, k.ID)
			return "Approved", err
		})
}

func rejectCommand() *cobra.Command {
	c := onConnectors("reject NAME…", "Delete connectors that wait for approval", "  postern connectors reject hq-2",
		func(ctx context.Context, client *api.Client, k api.Connector) (string, error) {
			return "Rejected and deleted", client.Connectors.Reject(ctx, k.ID)
		})
	c.Long = "reject deletes connectors that wait for approval and revokes their certificates. Their machines would have to enrol again, each with another token."
	return c
}

// onConnectors makes a command about connectors, all of which are found before anything is done to one.
func onConnectors(use, short, example string, do func(ctx context.Context, client *api.Client, k api.Connector) (done string, err error)) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.MinimumNArgs(1), Example: example,
		RunE: func(c *cobra.Command, args []string) error {
			_, client, err := begin(c)
			if err != nil {
				return err
			}
			found := make([]api.Connector, len(args))
			for i, arg := range args {
				if found[i], err = connectors().find(c.Context(), client, arg); err != nil {
					return err
				}
			}
			for _, k := range found {
				done, err := do(c.Context(), client, k)
				if err != nil {
					return fmt.Errorf("%s %s: %w", c.Name(), cell(k.Name), err)
				}
				fmt.Fprintf(c.ErrOrStderr(), "%s: %s.\n", done, cell(k.Name))
			}
			return nil
		}}
}
