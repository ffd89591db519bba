package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

// clients shows and changes what holds for postern-client on all devices.
func clients() *cobra.Command {
	c := &cobra.Command{Use: "clients", Short: "What holds for postern-client on all devices: off for all (break glass), and what users may not do with it",
		Long: "What holds for postern-client on all devices.\n\n" +
			"While clients are off they capture nothing, what was open through them is cut, gateways refuse what they ask for, and devices go as if\n" +
			"there were no client. Users read the reason in postern-client status. On again, everything works at once.\n\n" +
			"Locked commands are refused by the client that runs. Who administers a machine can still end the program there."}
	show := &cobra.Command{Use: "show", Short: "Show what holds for all clients", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		held, err := client.Clients(c.Context())
		if err != nil {
			return err
		}
		return printClients(c, how, held)
	}}
	off := &cobra.Command{Use: "off [flags]", Short: "Turn all clients off: what is open through them is cut", Args: cobra.NoArgs,
		Example: "  postern clients off --reason 'Maintenance of the data centre until noon'", RunE: clientsOff}
	off.Flags().String("reason", "", "what users are told")
	off.Flags().Bool("yes", false, "do not ask")
	on := &cobra.Command{Use: "on", Short: "Turn all clients on again", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		return changeClients(c, func(*api.Clients) (api.Patch, error) { return api.Patch{"off": false, "offReason": nil}, nil })
	}}
	change := &cobra.Command{Use: "update [flags]", Aliases: []string{"set"}, Short: "Change what users may not do, or what they are told; what no flag names stays", Args: cobra.NoArgs,
		Example: "  postern clients update --locked pause,down\n  postern clients update --locked ''\n  postern clients update --reason 'Until one o’clock'", RunE: updateClients}
	change.Flags().StringSlice("locked", nil, "`commands` of the client that users may not use: of pause, down and logout; '' for none")
	change.Flags().String("reason", "", "what users are told while clients are off")
	connectFlags(c)
	outputFlag(c)
	c.AddCommand(show, off, on, change)
	c.AddCommand(only[api.Clients]{
		single: "switches of all clients", use: "clients",
		now: func(ctx context.Context, client *api.Client) (int64, error) {
			held, err := client.Clients(ctx)
			return held.Version, err
		},
		history: (*api.Client).ClientsHistory, undo: (*api.Client).UndoClients, print: printClients,
	}.past()...)
	return c
}

func clientsOff(c *cobra.Command, _ []string) error {
	return changeClients(c, func(now *api.Clients) (api.Patch, error) {
		patch := api.Patch{"off": true}
		if c.Flags().Changed("reason") {
			patch["offReason"], _ = c.Flags().GetString("reason") // it is defined
		}
		return patch, confirm(c, "Turn all clients off? "+devicesInWords(now.Connected)+"; what is open through them is cut.")
	})
}

func devicesInWords(n int) string {
	if n == 1 {
		return "One device is connected"
	}
	return fmt.Sprintf("%d devices are connected", n)
}

func updateClients(c *cobra.Command, _ []string) error {
	patch := api.Patch{}
	if c.Flags().Changed("locked") {
		patch["locked"], _ = c.Flags().GetStringSlice("locked") // it is defined, like the next
	}
	if c.Flags().Changed("reason") {
		patch["offReason"], _ = c.Flags().GetString("reason")
	}
	if len(patch) == 0 {
		return usage("nothing to change: name what with a flag; see %s --help", c.CommandPath())
	}
	return changeClients(c, func(*api.Clients) (api.Patch, error) { return patch, nil })
}

// changeClients patches what holds for all clients, as it is now.
func changeClients(c *cobra.Command, patch func(now *api.Clients) (api.Patch, error)) error {
	how, client, err := begin(c)
	if err != nil {
		return err
	}
	now, err := client.Clients(c.Context())
	if err != nil {
		return err
	}
	wanted, err := patch(&now)
	if err != nil {
		return err
	}
	held, err := client.UpdateClients(c.Context(), now.Version, wanted)
	if err != nil {
		return renamed(err, func(name string) string {
			if name == "offReason" {
				return "--reason"
			}
			return "--locked" // or one of its list
		})
	}
	return printClients(c, how, held)
}

func printClients(c *cobra.Command, how string, held api.Clients) error {
	if how == "json" || how == "yaml" {
		return encode(c.OutOrStdout(), how, held)
	}
	state := "on"
	if held.Off {
		state = "off"
	}
	return table(c.OutOrStdout(), []string{"CLIENTS", "REASON", "LOCKED", "CONNECTED"},
		[][]string{{state, nameOr(held.OffReason, "-"), nameOr(strings.Join(held.Locked, ", "), "-"), fmt.Sprint(held.Connected)}})
}
