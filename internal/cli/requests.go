package cli

import (
	"context"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
)

func requests() noun[api.AccessRequest] {
	n := noun[api.AccessRequest]{
		use: "requests", single: "access request", aliases: []string{"request"}, prefix: access.PrefixRequest,
		short: "What users ask for on the page of their applications",
		name:  func(r api.AccessRequest) string { return r.ID },
		columns: []column[api.AccessRequest]{
			{"USER", func(v *view, r api.AccessRequest) string { return v.nameOf(r.User) }},
			{"APPLICATION", func(v *view, r api.AccessRequest) string { return v.nameOf(r.Application) }},
			{"FOR", func(_ *view, r api.AccessRequest) string {
				if d, err := time.ParseDuration(r.Period); err == nil {
					return span(d)
				}
				return r.Period
			}},
			{"STATE", func(_ *view, r api.AccessRequest) string { return r.State }},
			{"ASKED", func(v *view, r api.AccessRequest) string { return v.ago(r.Created) }},
			{"REASON", func(_ *view, r api.AccessRequest) string { return r.Reason }},
			{"ID", func(_ *view, r api.AccessRequest) string { return r.ID }},
		},
		filters: []filter{
			{"state", "state", "only those that are pending, approved, denied or withdrawn", text},
			{"user", "user", "only those of this user", refUser},
			{"application", "application", "only those for this application", refApplication},
		},
		examples: map[string]string{
			"list": "  postern requests list --state pending\n  postern requests list --application Wiki -o json",
			"show": "  postern requests show ID",
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.AccessRequest, error] {
			return c.Requests.All
		},
		more: []*cobra.Command{approve(), deny()},
	}
	n.find = findRequest
	return n
}

func findRequest(ctx context.Context, client *api.Client, id string) (api.AccessRequest, error) {
	if !access.ID(id).Valid(access.PrefixRequest) {
		return api.AccessRequest{}, usage("%q is not the id of an access request; postern requests list shows them", id)
	}
	return client.Requests.Show(ctx, id)
}

func approve() *cobra.Command {
	c := &cobra.Command{Use: "approve ID", Short: "Approve an access request: an assignment that ends", Args: cobra.ExactArgs(1),
		Example: "  postern requests approve ID\n  postern requests approve ID --for 7d --answer \"until the audit is over\""}
	period := c.Flags().String("for", "", "for how long, such as 8h or 30d; what was asked for if left out")
	answer := c.Flags().String("answer", "", "what to say to who asked")
	c.RunE = func(c *cobra.Command, args []string) error {
		in := api.ApproveInput{Answer: *answer}
		if *period != "" {
			d, ok := parseSpan(*period)
			if !ok {
				return usage("--for must be a duration such as 8h or 30d; not %q", *period)
			}
			in.Period = d.String()
		}
		return answerWith(c, args[0], func(client *api.Client, id string) (api.AccessRequest, error) {
			return client.Requests.Approve(c.Context(), id, in)
		})
	}
	return c
}

func deny() *cobra.Command {
	c := &cobra.Command{Use: "deny ID", Short: "Deny an access request", Args: cobra.ExactArgs(1),
		Example: "  postern requests deny ID --answer \"please use the reporting application instead\""}
	answer := c.Flags().String("answer", "", "what to say to who asked")
	c.RunE = func(c *cobra.Command, args []string) error {
		return answerWith(c, args[0], func(client *api.Client, id string) (api.AccessRequest, error) {
			return client.Requests.Deny(c.Context(), id, api.DenyInput{Answer: *answer})
		})
	}
	return c
}

func answerWith(c *cobra.Command, id string, do func(*api.Client, string) (api.AccessRequest, error)) error {
	how, client, err := begin(c)
	if err != nil {
		return err
	}
	found, err := findRequest(c.Context(), client, id)
	if err != nil {
		return err
	}
	answered, err := do(client, found.ID)
	if err != nil {
		return renamed(err, func(member string) string { return map[string]string{"period": "--for", "answer": "--answer"}[member] })
	}
	return requests().print(c, how, client, answered)
}
