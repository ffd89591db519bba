package cli

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
)

func devices() noun[api.Device] {
	n := noun[api.Device]{
		use: "devices", single: "device", aliases: []string{"device"}, prefix: access.PrefixDevice,
		short: "People's machines with postern-client, by which they reach private applications",
		name:  func(d api.Device) string { return d.Name },
		columns: []column[api.Device]{
			{"NAME", func(_ *view, d api.Device) string { return d.Name }},
			{"USER", func(v *view, d api.Device) string { return v.nameOf(d.User) }},
			{"SYSTEM", func(_ *view, d api.Device) string { return strings.TrimSpace(d.OS + " " + d.OSVersion) }},
			{"CLIENT", func(_ *view, d api.Device) string { return d.Program }},
			{"STATE", func(_ *view, d api.Device) string {
				return map[bool]string{true: "enrolled", false: "revoked"}[d.Revoked.IsZero()]
			}},
			{"LAST SEEN", func(v *view, d api.Device) string { return v.ago(d.LastSeen) }},
			{"ID", func(_ *view, d api.Device) string { return d.ID }},
		},
		fields: []field{{"name", "name", "new name", text, "update"}},
		filters: []filter{
			{"user", "user", "only those of this user", refUser},
			{"os", "os", "only those with this operating system: linux, windows or darwin", text},
			{"revoked", "revoked", "only those that are revoked (true), or that are not (false)", either},
		},
		examples: map[string]string{
			"list":   "  postern devices list --user ada\n  postern devices list --os windows --revoked=false",
			"update": "  postern devices update ada-laptop --name \"Ada's laptop\"",
			"delete": "  postern devices delete \"Ada's laptop\" --yes",
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.Device, error] {
			return c.Devices.All
		},
		update: func(c *api.Client) func(context.Context, string, int64, api.Patch) (api.Device, error) {
			return c.Devices.Update
		},
		remove: func(c *api.Client) func(context.Context, string, int64) error { return c.Devices.Delete },
	}
	n.find = finder(n, func(c *api.Client) func(context.Context, string) (api.Device, error) { return c.Devices.Show })
	return n
}

// renameDevice is update --name in fewer words.
func renameDevice() *cobra.Command {
	return &cobra.Command{Use: "rename NAME NEW-NAME", Short: "Give a device another name", Args: cobra.ExactArgs(2),
		Example: "  postern devices rename ada-laptop \"Ada's laptop\"", ValidArgsFunction: devices().complete,
		RunE: func(c *cobra.Command, args []string) error {
			_, client, err := begin(c)
			if err != nil {
				return err
			}
			found, err := devices().find(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			renamed, err := client.Devices.Update(c.Context(), found.ID, found.Version, api.Patch{"name": args[1]})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.ErrOrStderr(), "The device %s is called %s now.\n", cell(found.Name), cell(renamed.Name))
			return err
		}}
}

func revokeDevice() *cobra.Command {
	c := &cobra.Command{Use: "revoke NAME", Short: "Revoke a device for good; what is open by it is cut, and its key is refused", Args: cobra.ExactArgs(1),
		Long: "Revoke a device for good: one that is lost, or that its user has no more. Its sign-ins end, what is open by it is cut, its\n" +
			"certificate is revoked and its key is refused. It stays in the list; to let the same machine enrol again, delete it.",
		Example: "  postern devices revoke \"Ada's laptop\" --yes", ValidArgsFunction: devices().complete,
		RunE: func(c *cobra.Command, args []string) error {
			how, client, err := begin(c)
			if err != nil {
				return err
			}
			found, err := devices().find(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			if err := confirm(c, fmt.Sprintf("Revoke the device %s for good?", cell(found.Name))); err != nil {
				return err
			}
			revoked, err := client.Devices.Revoke(c.Context(), found.ID)
			if err != nil {
				return err
			}
			if how == "json" || how == "yaml" {
				return encode(c.OutOrStdout(), how, revoked)
			}
			_, err = fmt.Fprintf(c.ErrOrStderr(), "The device %s is revoked.\n", cell(revoked.Name))
			return err
		}}
	c.Flags().Bool("yes", false, "do not ask")
	return c
}
