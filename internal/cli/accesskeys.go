package cli

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/fault"
)

func accessKeys() noun[api.AccessKey] {
	n := noun[api.AccessKey]{
		use: "access-keys", single: "access key", aliases: []string{"access-key"}, prefix: access.PrefixAccessKey,
		short: "Access keys, which users make for their own programs",
		name:  func(k api.AccessKey) string { return k.Name },
		columns: []column[api.AccessKey]{
			{"NAME", func(_ *view, k api.AccessKey) string { return k.Name }},
			{"USER", func(v *view, k api.AccessKey) string { return v.nameOf(k.User) }},
			{"APPLICATION", func(v *view, k api.AccessKey) string { return v.nameOf(k.Application) }},
			{"EXPIRES", func(v *view, k api.AccessKey) string { return v.ago(k.Expires) }},
			{"LAST USED", func(v *view, k api.AccessKey) string { return v.ago(k.LastUsed) }},
			{"ID", func(_ *view, k api.AccessKey) string { return k.ID }},
		},
		filters: []filter{{"user", "user", "only those of this user", refUser}, {"application", "application", "only those for this application", refApplication}, {"expired", "expired", "only those that have ended (true), or that have not (false)", either}},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.AccessKey, error] {
			return c.AccessKeys.All
		},
		remove: func(c *api.Client) func(context.Context, string, int64) error { return c.AccessKeys.Delete },
	}
	n.find = finder(n, func(c *api.Client) func(context.Context, string) (api.AccessKey, error) { return c.AccessKeys.Show })
	return n
}

// token prints an access token for one application.
func token() *cobra.Command {
	c := &cobra.Command{Use: "token URL", Short: "Print an access token for one application, to be sent as a bearer token",
		Long: "Print an access token for the application at a URL. It is good for some minutes, at that application only,\n" +
			"for whoever you are signed in as. Send it as Authorization: Bearer, or, where the application needs\n" +
			"that header itself, as Postern-Authorization.",
		Example: "  curl -H \"Authorization: Bearer $(postern token https://wiki.example.com)\" https://wiki.example.com/api/pages",
		Args:    cobra.ExactArgs(1)}
	connectFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		a, err := chosen(c)
		if err != nil {
			return err
		}
		if a.Refresh == "" {
			return fault.Unauthenticated("only somebody who is signed in to %s gets a token, not an API key", a.Server)
		}
		resource := args[0]
		if !strings.Contains(resource, "://") {
			resource = "https://" + resource
		}
		text, err := a.token(c.Context(), resource)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), text)
		return err
	}
	return c
}
