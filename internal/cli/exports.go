package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/fault"
)

func exports() noun[api.Export] {
	n := noun[api.Export]{
		use: "exports", single: "export", aliases: []string{"log-destinations"}, prefix: access.PrefixExport,
		short: "Where logs are sent: syslog servers, webhooks, collectors of OpenTelemetry, and alerts by mail",
		name:  func(e api.Export) string { return e.Name },
		columns: []column[api.Export]{
			{"NAME", func(_ *view, e api.Export) string { return e.Name }},
			{"KIND", func(_ *view, e api.Export) string { return e.Kind }},
			{"STREAMS", func(_ *view, e api.Export) string { return comma(e.Streams) }},
			{"STATE", func(_ *view, e api.Export) string { return exportState(e) }},
			{"WAITING", func(_ *view, e api.Export) string { return exportWaiting(e) }},
			{"TO", func(_ *view, e api.Export) string { return e.URL }},
		},
		needed: "--kind KIND --url URL --stream STREAM ",
		fields: exportFields(),
		filters: []filter{
			{"disabled", "disabled", "only those that are disabled (true), or that are not (false)", either}, {"kind", "kind", "only those of this kind: syslog, webhook, otlp or mail", text},
			{"stream", "stream", "only those that are sent this log: audit, sign-ins, traffic or alerts", text},
			{"failing", "failing", "only those that do not take what they are sent (true), or all others (false)", either},
		},
		examples: map[string]string{
			"create": "  postern exports create SIEM --kind syslog --url tls://logs.example.com:6514 --stream audit --stream sign-ins\n" +
				"  postern exports create Hook --kind webhook --url https://example.com/hook --stream audit --secret-file hook.secret\n" +
				"  postern exports create Mail --kind mail --url smtp://mail.example.com:587 --stream alerts --from postern@example.com --to ops@example.com --user postern --secret-file mail.password",
			"update": "  postern exports update SIEM --disabled\n  postern exports update SIEM --stream audit",
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.Export, error] {
			return c.Exports.All
		},
		create: createExport,
		update: func(c *api.Client) func(context.Context, string, int64, api.Patch) (api.Export, error) {
			return c.Exports.Update
		},
		remove: func(c *api.Client) func(context.Context, string, int64) error { return c.Exports.Delete },
		restore: func(c *api.Client) func(context.Context, string) (api.Export, error) {
			return c.Exports.Restore
		},
		past: &past[api.Export]{
			history: func(c *api.Client) func(context.Context, string) ([]api.HistoryEntry, error) {
				return c.Exports.History
			},
			undo: func(c *api.Client) func(context.Context, string, int64, int64) (api.Export, error) {
				return c.Exports.Undo
			},
		},
		more: []*cobra.Command{exportSecret(), testExport()},
	}
	n.find = finder(n, func(c *api.Client) func(context.Context, string) (api.Export, error) { return c.Exports.Show })
	return n
}

func exportFields() []field {
	return []field{
		{"name", "name", "new name", text, "update"},
		{"kind", "kind", "syslog, webhook, otlp or mail", text, "create"},
		{"url", "url", "where to: tls://, tcp:// or udp://host:port of syslog; smtps://, smtp:// (STARTTLS) or smtp+plain://host:port of mail; else https://…; without user and query", text, ""},
		{"stream", "streams", "which log: audit, sign-ins, traffic or alerts; may be given several times", wholes, ""},
		{"from", "from", "mail: the sender's address", text, ""},
		{"to", "to", "mail: a recipient's address; may be given several times", wholes, ""},
		{"user", "user", "mail: who signs in at the server; the password is the secret", text, ""},
		{"array", "array", "webhook: post a JSON array instead of a line for each entry", truth, ""},
		{"ca-file", "ca", "`file` with authorities to trust beside the system's, PEM", content, ""},
		{"allow-private", "allowPrivate", "it may be in a private network", truth, ""},
		{"allow-loopback", "allowLoopback", "it may be on the service's own machine", truth, ""},
		{"disabled", "disabled", "send nothing; it goes on where it was when this ends", truth, ""},
		{"beginning", "beginning", "send what is in the logs already, too", truth, "create"},
	}
}

func exportState(e api.Export) string {
	if e.Disabled {
		return "disabled"
	}
	for _, s := range e.States {
		if s.Error != "" {
			return "failing"
		}
	}
	return "good"
}

func exportWaiting(e api.Export) string {
	var waiting int64
	for _, s := range e.States {
		waiting += s.Waiting
	}
	return strconv.FormatInt(waiting, 10)
}

// exportsCommand gives the commands about exports.
func exportsCommand() *cobra.Command {
	c := exports().command()
	for _, sub := range c.Commands() {
		if sub.Name() == "create" {
			secretFlags(sub)
			sub.Flags().Lookup("secret-file").Usage = "`file` with what signs a webhook's requests, a collector's bearer token, or the password for a mail server; - for standard input"
		}
	}
	return c
}

func createExport(c *cobra.Command, client *api.Client, values map[string]any) (api.Export, error) {
	var in api.ExportCreate
	data, err := json.Marshal(values)
	if err == nil {
		err = json.Unmarshal(data, &in)
	}
	if err != nil {
		return api.Export{}, fault.Internal(err, "read the flags")
	}
	if in.Secret, err = readUpstreamSecret(c); err != nil {
		return api.Export{}, err
	}
	return client.Exports.Create(c.Context(), in)
}

// onExport makes a command about one destination.
func onExport(use, short, example string, do func(c *cobra.Command, client *api.Client, e api.Export) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1), Example: example,
		RunE: func(c *cobra.Command, args []string) error {
			_, client, err := begin(c)
			if err != nil {
				return err
			}
			n := exports()
			found, err := n.find(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			return do(c, client, found)
		}}
}

func exportSecret() *cobra.Command {
	c := onExport("secret NAME [flags]", "Give an export another secret", "  postern exports secret Hook --secret-file hook.secret\n  postern exports secret Hook --none",
		func(c *cobra.Command, client *api.Client, e api.Export) error {
			none, err := c.Flags().GetBool("none")
			if err != nil {
				return err
			}
			secret, err := readUpstreamSecret(c)
			if err != nil {
				return err
			}
			if none == (secret != "") {
				return usage("give either --secret-file or --none")
			}
			if err := client.Exports.SetSecret(c.Context(), e.ID, secret); err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "The secret of %s is changed.\n", cell(e.Name))
			return nil
		})
	secretFlags(c)
	c.Flags().Bool("none", false, "remove the secret")
	return c
}

func testExport() *cobra.Command {
	return onExport("test NAME", "Send one event that tells of nothing, and say whether it arrived", "  postern exports test SIEM",
		func(c *cobra.Command, client *api.Client, e api.Export) error {
			test, err := client.Exports.Test(c.Context(), e.ID)
			if err != nil {
				return fmt.Errorf("test %s: %w", e.Name, err)
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s took it.\n", cell(e.Name))
			if test.Answer != "" {
				fmt.Fprintf(c.ErrOrStderr(), "Its answer: %s\n", cell(test.Answer))
			}
			return nil
		})
}
