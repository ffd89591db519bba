package cli

import (
	"context"
	"iter"
	"strings"

	"postern/internal/access"
	"postern/internal/api"
)

func policies() noun[api.Policy] {
	n := noun[api.Policy]{
		use: "policies", single: "policy", aliases: []string{"policy"}, prefix: access.PrefixPolicy,
		short: "What requests must meet, beside being assigned",
		name:  func(p api.Policy) string { return p.Name },
		columns: []column[api.Policy]{
			{"NAME", func(_ *view, p api.Policy) string { return p.Name }},
			{"MODE", func(_ *view, p api.Policy) string { return p.Mode }},
			{"APPLICATIONS", func(v *view, p api.Policy) string { return allOr(p.AllApplications, "all", v.namesOf(p.Applications)) }},
			{"FOR", func(v *view, p api.Policy) string {
				return allOr(p.Everyone, "everyone", v.namesOf(append(append([]string{}, p.Groups...), p.Users...)))
			}},
			{"EXCEPT", func(v *view, p api.Policy) string {
				return comma(v.namesOf(append(append([]string{}, p.ExceptGroups...), p.ExceptUsers...)))
			}},
			{"ASKS FOR", func(_ *view, p api.Policy) string { return comma(asksFor(p)) }},
		},
		fields: policyFields(),
		needed: "(--application APPLICATION | --all-applications) (--user USER | --group GROUP | --everyone) ",
		filters: []filter{
			{"mode", "mode", "only those in this mode: enforce, report-only or off", text},
			{"user", "user", "only those that name this user, as one whom they are for or not for", refUser},
			{"group", "group", "only those that name this group, as one whom they are for or not for", refGroup},
			{"application", "application", "only those that are for this application, or for all", refApplication},
		},
		examples: map[string]string{
			"create": "  postern policies create \"Second factor\" --all-applications --everyone --strength multi-factor --mode report-only\n" +
				"  postern policies create Office --application Wiki --group Staff --allow-network 192.0.2.0/24 --window \"mon-fri 08:00-18:00 Europe/Berlin\"\n" +
				"  postern policies create \"Managed devices\" --application Database --everyone --device-enrolled --device-system windows --client-version 1.4.0",
			"update": "  postern policies update \"Second factor\" --mode enforce\n  postern policies update Office --except-group Admins",
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.Policy, error] {
			return c.Policies.All
		},
		create: maker(func(c *api.Client) func(context.Context, api.PolicyInput) (api.Policy, error) {
			return c.Policies.Create
		}),
		update: func(c *api.Client) func(context.Context, string, int64, api.Patch) (api.Policy, error) {
			return c.Policies.Update
		},
		remove: func(c *api.Client) func(context.Context, string, int64) error { return c.Policies.Delete },
		restore: func(c *api.Client) func(context.Context, string) (api.Policy, error) {
			return c.Policies.Restore
		},
		past: &past[api.Policy]{
			history: func(c *api.Client) func(context.Context, string) ([]api.HistoryEntry, error) {
				return c.Policies.History
			},
			undo: func(c *api.Client) func(context.Context, string, int64, int64) (api.Policy, error) {
				return c.Policies.Undo
			},
		},
	}
	n.find = finder(n, func(c *api.Client) func(context.Context, string) (api.Policy, error) { return c.Policies.Show })
	return n
}

func allOr(all bool, word string, names []string) string {
	if all {
		return word
	}
	return comma(names)
}

// asksFor says the conditions of a policy in few words.
func asksFor(p api.Policy) []string {
	var list []string
	if p.Unknown {
		list = append(list, "something that this version does not know")
	}
	if p.Strength != "" {
		list = append(list, p.Strength)
	}
	if p.MaxAge != "" {
		list = append(list, "signed in within "+p.MaxAge)
	}
	for _, n := range p.AllowedNetworks {
		list = append(list, "from "+n)
	}
	for _, n := range p.BlockedNetworks {
		list = append(list, "not from "+n)
	}
	if p.DeviceEnrolled && len(p.DeviceSystems)+len(p.ClientVersions) == 0 {
		list = append(list, "enrolled device")
	}
	if len(p.DeviceSystems) > 0 {
		list = append(list, "device with "+strings.Join(p.DeviceSystems, " or "))
	}
	for _, v := range p.ClientVersions {
		list = append(list, "client "+v+" or newer")
	}
	return append(list, p.Windows...)
}

func policyFields() []field {
	return []field{
		{"name", "name", "new name", text, "update"},
		{"description", "description", "what the policy is for", text, ""},
		{"mode", "mode", "enforce, report-only or off", text, ""},
		{"all-applications", "allApplications", "it is for every application", truth, ""},
		{"application", "applications", "application that it is for; may be given several times, \"\" for none", refApplications, ""},
		{"everyone", "everyone", "it is for everybody", truth, ""},
		{"user", "users", "user whom it is for; may be given several times, \"\" for nobody", refUsers, ""},
		{"group", "groups", "group whom it is for; may be given several times, \"\" for none", refGroups, ""},
		{"except-user", "exceptUsers", "user whom it is not for; may be given several times, \"\" for nobody", refUsers, ""},
		{"except-group", "exceptGroups", "group whom it is not for; may be given several times, \"\" for none", refGroups, ""},
		{"strength", "strength", "how well people must have proven who they are: single-factor, multi-factor or phishing-resistant; \"\" for any way", text, ""},
		{"max-age", "maxAge", "how long ago the last sign-in may be, such as 12h; \"\" for any time", text, ""},
		{"allow-network", "allowedNetworks", "network, such as 192.0.2.0/24, of which the client must be in one; may be given several times, \"\" for anywhere", wholes, ""},
		{"block-network", "blockedNetworks", "network of which the client must be in none; may be given several times, \"\" for none", wholes, ""},
		{"device-enrolled", "deviceEnrolled", "they must come by postern-client from an enrolled device; a browser is none, so web applications are out of reach", truth, ""},
		{"device-system", "deviceSystems", "operating system of the enrolled device: linux, windows or darwin; may be given several times, \"\" for any", wholes, ""},
		{"client-version", "clientVersions", "least version of the client on the enrolled device, such as 1.4.0, or windows=1.4.0 for one system; may be given several times, \"\" for any", wholes, ""},
		{"window", "windows", "time that must be open, such as \"mon-fri 08:00-18:00 Europe/Berlin\"; may be given several times, \"\" for always", wholes, ""},
	}
}
