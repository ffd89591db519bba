package cli

import (
	"context"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/api"
	"postern/internal/fault"
)

// restoreCommand brings a deleted object back by its id, or by its name where the audit log may be read.
func (n noun[T]) restoreCommand() *cobra.Command {
	return &cobra.Command{Use: "restore ID", Short: "Bring a deleted " + n.single + " back, under its id", Args: cobra.ExactArgs(1),
		Long: "Bring a deleted " + n.single + " back, under its id and as it was. What was deleted with it, and secrets, do not come back.\n\n" +
			"The id stands in the audit log: postern audit list --action " + n.deleting() + ". A name is looked up there.",
		Example: "  postern " + n.use + " restore " + n.prefix + "_01hq3v9z6y5t4r8m2k7c1d0b9a",
		RunE: func(c *cobra.Command, args []string) error {
			how, client, err := begin(c)
			if err != nil {
				return err
			}
			id := args[0]
			if !strings.HasPrefix(id, n.prefix+"_") {
				if id, err = n.deletedID(c.Context(), client, id); err != nil {
					return err
				}
			}
			object, err := n.restore(client)(c.Context(), id)
			if err != nil {
				return err
			}
			return n.print(c, how, client, object)
		}}
}

// deleting is the action of the audit log that deletes one.
func (n noun[T]) deleting() string { return strings.ReplaceAll(n.single, " ", "-") + ".delete" }

// deletedID finds the last deleted object of a name.
func (n noun[T]) deletedID(ctx context.Context, client *api.Client, name string) (string, error) {
	for e, err := range client.Audit.All(ctx, api.ListOptions{Filter: url.Values{"action": {n.deleting()}}}) {
		if err != nil {
			return "", err
		}
		if e.Outcome == "done" && strings.EqualFold(e.Name, name) {
			return e.Object, nil
		}
	}
	return "", fault.NotFound("the audit log knows of no deleted %s %q", n.single, name)
}
