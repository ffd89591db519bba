package cli

import (
	"cmp"
	"context"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
)

func applications() noun[api.Application] {
	n := noun[api.Application]{
		use: "applications", single: "application", aliases: []string{"application", "apps", "app"}, prefix: access.PrefixApplication,
		short: "Web applications that are published, and private ones",
		name:  func(a api.Application) string { return a.Name },
		columns: []column[api.Application]{
			{"NAME", func(_ *view, a api.Application) string { return a.Name }},
			{"KIND", func(_ *view, a api.Application) string { return a.Kind }},
			{"EXTERNAL URL", func(_ *view, a api.Application) string { return a.ExternalURL }},
			{"INTERNAL URL, SEGMENTS", func(_ *view, a api.Application) string { return cmp.Or(a.InternalURL, segmentsCell(a.Segments)) }},
			{"CONNECTOR GROUP", func(v *view, a api.Application) string { return v.nameOf(a.ConnectorGroup) }},
			{"PRE-AUTHENTICATION", func(_ *view, a api.Application) string { return a.PreAuthentication }},
			{"STATE", func(_ *view, a api.Application) string { return state(a.Disabled) }},
			{"CHANGED", func(v *view, a api.Application) string { return v.ago(a.Updated) }},
		},
		more:   []*cobra.Command{applicationConnectors(), applicationChanges(), testApplication(), applicationSeries()},
		fields: applicationFields(),
		needed: "(--external-url URL --internal-url URL | --kind private --segment DESTINATION:PORTS) ",
		filters: []filter{{"kind", "kind", "only those of this kind: web, private or quick-access", text}, {"connector-group", "connectorGroup", "only those of this connector group", refConnectorGroup}, {"disabled", "disabled", "only those that are disabled (true), or that are not (false)", either},
			{"pre-authentication", "preAuthentication", "only those with sign-in, or passthrough", text},
			{"requestable", "requestable", "only those that users may ask for (true), or may not (false)", either}},
		examples: map[string]string{
			"list": "  postern applications list\n  postern apps list --search wiki -o json",
			"create": "  postern applications create Wiki --external-url https://wiki.example.com/ --internal-url http://wiki.internal:8080/\n" +
				"  postern assignments create --application Wiki --group Staff\n" +
				"  postern applications create Databases --kind private --segment db.corp.example:5432 --segment 10.1.0.0/16:5432,6379/tcp",
			"update": "  postern applications update Wiki --disabled\n  postern applications update Wiki --disabled=false --idle-timeout 30m",
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.Application, error] {
			return c.Applications.All
		},
		create: maker(func(c *api.Client) func(context.Context, api.ApplicationInput) (api.Application, error) {
			return c.Applications.Create
		}),
		update: func(c *api.Client) func(context.Context, string, int64, api.Patch) (api.Application, error) {
			return c.Applications.Update
		},
		remove: func(c *api.Client) func(context.Context, string, int64) error { return c.Applications.Delete },
		restore: func(c *api.Client) func(context.Context, string) (api.Application, error) {
			return c.Applications.Restore
		},
		past: &past[api.Application]{
			history: func(c *api.Client) func(context.Context, string) ([]api.HistoryEntry, error) {
				return c.Applications.History
			},
			undo: func(c *api.Client) func(context.Context, string, int64, int64) (api.Application, error) {
				return c.Applications.Undo
			},
		},
	}
	n.find = finder(n, func(c *api.Client) func(context.Context, string) (api.Application, error) { return c.Applications.Show })
	return n
}

func applicationFields() []field {
	return []field{
		{"name", "name", "new name", text, "update"},
		{"kind", "kind", "web, private, or quick-access, the one private application that comes after all others; default: web", text, ""},
		{"segment", "segments", "destination of a private application, as db.corp.example:22,80-90/tcp; names, *.domains, .domains, addresses, CIDR prefixes and ranges; /tcp, /udp or /both; may be given several times, and replaces those that are there", segment, ""},
		{"segments-file", "segments", "`file` with such destinations, one on each line", segmentLines, ""},
		{"direct", "direct", "of a private application: devices that reach no gateway dial its destinations themselves, instead of blocking them", truth, ""},
		{"proxy-protocol", "proxyProtocol", "of a private application: v2 has connectors tell its servers the device's address by the PROXY protocol, ahead of all bytes of a TCP flow; the servers must expect it", text, ""},
		{"external-url", "externalUrl", "https URL that people use", text, ""},
		{"internal-url", "internalUrl", "http or https URL that the connectors reach", text, ""},
		{"connector-group", "connectorGroup", "connector group that serves it; default: the default group", refConnectorGroup, ""},
		{"pre-authentication", "preAuthentication", "sign-in or passthrough", text, ""},
		{"host-header", "hostHeader", "which Host the application is shown: internal or external", text, ""},
		{"backend-protocol", "backendProtocol", "which HTTP the application is spoken to: http1, http2 (as gRPC needs; h2c for http://) or auto", text, ""},
		{"balancing", "balancing", "which connector carries a request: least-loaded, sticky-user, sticky-address or priority", text, ""},
		{"disabled", "disabled", "nobody may use it, for maintenance", truth, ""},
		{"skip-verify", "skipVerify", "do not verify the TLS certificate of the internal URL (a weakness)", truth, ""},
		{"backend-ca", "backendCa", "PEM `file` with authorities of the internal URL's certificate", content, ""},
		{"backend-timeout", "backendTimeout", "how long the application's answer may take to begin, such as 85s", text, ""},
		{"idle-timeout", "idleTimeout", "how long a body or a WebSocket may stand still, such as 5m", text, ""},
		{"access-keys", "accessKeys", "users may make access keys for it, for programs that cannot sign in", truth, ""},
		{"requestable", "requestable", "users may ask for it on the page of their applications", truth, ""},
		{"owner", "ownerUsers", "user who answers such requests; may be given several times, \"\" for nobody", refUsers, ""},
		{"owner-group", "ownerGroups", "group whose members answer such requests; may be given several times, \"\" for none", refGroups, ""},
		{"allow-raw-paths", "allowRawPaths", "forward request targets that could be read in two ways (a weakness)", truth, ""},
	}
}

func state(disabled bool) string {
	if disabled {
		return "disabled"
	}
	return "enabled"
}

func assignments() noun[api.Assignment] {
	n := noun[api.Assignment]{
		use: "assignments", single: "assignment", aliases: []string{"assignment"}, prefix: access.PrefixAssignment,
		short:   "Who may use which application",
		name:    func(a api.Assignment) string { return a.ID },
		columns: assignmentColumns(),
		fields: []field{
			{"application", "application", "application that may be used", refApplication, "create"},
			{"user", "user", "user who may use it", refUser, "create"},
			{"group", "group", "group whose members may use it", refGroup, "create"},
			{"expires", "expires", "when it ends: a time, a duration from now such as 30d, or never", ending, ""},
		},
		needed: "--application APPLICATION (--user USER | --group GROUP) ",
		filters: []filter{
			{"application", "application", "only those of this application", refApplication},
			{"user", "user", "only those to this user", refUser}, {"group", "group", "only those to this group", refGroup},
			{"expired", "expired", "only those that have ended (true), or that have not (false)", either},
		},
		examples: map[string]string{
			"list":   "  postern assignments list --application Wiki",
			"create": "  postern assignments create --application Wiki --group Staff\n  postern assignments create --application Wiki --user ada --expires 30d",
			"update": "  postern assignments update ID --expires 2026-12-31\n  postern assignments update ID --expires never",
			"show":   "  postern assignments show ID",
			"delete": "  postern assignments delete ID",
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.Assignment, error] {
			return c.Assignments.All
		},
		create: maker(func(c *api.Client) func(context.Context, api.AssignmentInput) (api.Assignment, error) {
			return c.Assignments.Create
		}),
		update: func(c *api.Client) func(context.Context, string, int64, api.Patch) (api.Assignment, error) {
			return c.Assignments.Update
		},
		remove: func(c *api.Client) func(context.Context, string, int64) error { return c.Assignments.Delete },
		restore: func(c *api.Client) func(context.Context, string) (api.Assignment, error) {
			return c.Assignments.Restore
		},
		past: &past[api.Assignment]{
			history: func(c *api.Client) func(context.Context, string) ([]api.HistoryEntry, error) {
				return c.Assignments.History
			},
			undo: func(c *api.Client) func(context.Context, string, int64, int64) (api.Assignment, error) {
				return c.Assignments.Undo
			},
		},
	}
	n.find = func(ctx context.Context, client *api.Client, id string) (api.Assignment, error) {
		if !access.ID(id).Valid(access.PrefixAssignment) {
			return api.Assignment{}, usage("%q is not the id of an assignment; postern assignments list shows them", id)
		}
		return client.Assignments.Show(ctx, id)
	}
	return n
}

func assignmentColumns() []column[api.Assignment] {
	return []column[api.Assignment]{
		{"APPLICATION", func(v *view, a api.Assignment) string { return v.nameOf(a.Application) }},
		{"TO", func(v *view, a api.Assignment) string { return v.nameOf(a.User + a.Group) }},
		{"KIND", func(_ *view, a api.Assignment) string {
			if a.User != "" {
				return "user"
			}
			return "group"
		}},
		{"EXPIRES", func(v *view, a api.Assignment) string { return expiry(v, a.Expires) }},
		{"MADE", func(v *view, a api.Assignment) string { return v.ago(a.Created) }},
		{"ID", func(_ *view, a api.Assignment) string { return a.ID }},
	}
}

// expiry tells when something ends, and of what has ended that it has.
func expiry(v *view, at time.Time) string {
	switch {
	case at.IsZero():
		return "never"
	case at.After(v.now):
		return v.ago(at)
	}
	return "expired " + v.ago(at)
}
