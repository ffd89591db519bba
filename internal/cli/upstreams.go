package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
)

func upstreams() noun[api.Upstream] {
	n := noun[api.Upstream]{
		use: "upstreams", single: "upstream", aliases: []string{"upstream"}, prefix: access.PrefixUpstream,
		short: "Identity providers and directories where people prove who they are",
		name:  func(u api.Upstream) string { return u.Name },
		columns: []column[api.Upstream]{
			{"NAME", func(_ *view, u api.Upstream) string { return u.Name }},
			{"KIND", func(_ *view, u api.Upstream) string { return u.Kind }},
			{"WHERE", func(_ *view, u api.Upstream) string { return whereUpstream(u) }},
			{"STATE", func(_ *view, u api.Upstream) string { return state(u.Disabled) }},
			{"SECRET", func(_ *view, u api.Upstream) string { return yes(u.HasSecret) }},
			{"DEFAULT", func(_ *view, u api.Upstream) string { return yes(u.Default) }},
		},
		fields: upstreamFields(),
		needed: "--kind KIND ",
		filters: []filter{{"disabled", "disabled", "only those that are disabled (true), or that are not (false)", either},
			{"kind", "kind", "only those of this kind: oidc, ldap or saml", text}},
		examples: map[string]string{
			"create": "  postern upstreams create Example --kind oidc --issuer https://login.example.com/realms/main \\\n" +
				"    --client-id postern --secret-file client.secret --map employees=Staff\n" +
				"  postern upstreams create Directory --kind ldap --url ldaps://dc1.example.com --base-dn dc=example,dc=com \\\n" +
				"    --bind-dn cn=postern,dc=example,dc=com --active-directory --nested-groups --secret-file - < password.txt",
			"update": "  postern upstreams update Example --map employees=Staff --map admins=\"Wiki admins\"\n  postern upstreams update Example --disabled",
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.Upstream, error] {
			return c.Upstreams.All
		},
		create: createUpstream,
		update: updateUpstream,
		remove: func(c *api.Client) func(context.Context, string, int64) error { return c.Upstreams.Delete },
		restore: func(c *api.Client) func(context.Context, string) (api.Upstream, error) {
			return c.Upstreams.Restore
		},
		past: &past[api.Upstream]{
			history: func(c *api.Client) func(context.Context, string) ([]api.HistoryEntry, error) {
				return c.Upstreams.History
			},
			undo: func(c *api.Client) func(context.Context, string, int64, int64) (api.Upstream, error) {
				return c.Upstreams.Undo
			},
		},
	}
	n.find = finder(n, func(c *api.Client) func(context.Context, string) (api.Upstream, error) { return c.Upstreams.Show })
	return n
}

func updateUpstream(c *api.Client) func(context.Context, string, int64, api.Patch) (api.Upstream, error) {
	return func(ctx context.Context, id string, version int64, patch api.Patch) (api.Upstream, error) {
		nested, err := nestUpstream(ctx, c, patch)
		if errors.Is(err, errWhichKind) { // the upstream itself knows
			var there api.Upstream
			if there, err = c.Upstreams.Show(ctx, id); err != nil {
				return api.Upstream{}, err
			}
			patch["kind"] = there.Kind
			nested, err = nestUpstream(ctx, c, patch)
			delete(nested, "kind")
		}
		if err != nil {
			return api.Upstream{}, err
		}
		return c.Upstreams.Update(ctx, id, version, nested)
	}
}

func upstreamFields() []field {
	return []field{
		{"name", "name", "new name", text, "update"},
		{"kind", "kind", "oidc, ldap or saml", text, "create"},
		{"disabled", "disabled", "nobody may sign in by it; sessions that came from it end", truth, ""},
		{"only-known", "onlyKnown", "nobody new: only users that were linked to it before", truth, ""},
		{"default", "default", "the sign-in page leads there at once", truth, ""},
		{"domain", "domains", "ldap: serves the sign-in names that end so; may be given several times, \"\" for every other name", wholes, ""},

		{"name-claim", "mapping.name", "claim or attribute that gives the sign-in name", text, ""},
		{"display-name-claim", "mapping.displayName", "claim or attribute that gives the display name", text, ""},
		{"email-claim", "mapping.email", "claim or attribute that gives the e-mail address", text, ""},
		{"email-domain", "mapping.emailDomains", "let in only verified addresses in this domain; may be given several times", wholes, ""},
		{"require", "mapping.required", "let in only who has `CLAIM=VALUE`; several values of one claim are choices", wholes, ""},
		{"map", "mapping.groups", "members of the upstream's group become members of ours: `THEIRS=OURS`; may be given several times", wholes, ""},
		{"groups-by-name", "mapping.groupsByName", "groups of the upstream also count as ours of the same name", truth, ""},
		{"group-prefix", "mapping.groupPrefix", "of those only the ones that begin so", text, ""},

		{"issuer", "oidc.issuer", "oidc: the issuer, as the provider states it", text, ""},
		{"client-id", "oidc.clientId", "oidc: what the provider calls this service", text, ""},
		{"secret-expires", "oidc.secretExpires", "oidc: when the provider will not take the secret any more: a time, or from now on as in 180d; health tells ahead", moment, ""},
		{"scope", "oidc.scopes", "oidc: what to ask for beside openid; may be given several times", wholes, ""},
		{"groups-claim", "oidc.groupsClaim", "oidc: where the groups are", text, ""},
		{"strong-acr", "oidc.strongAcr", "oidc: authentication context (acr) that is more than one factor, and asked for where that is needed; may be given several times", wholes, ""},
		{"strong-amr", "oidc.strongAmr", "oidc: method (amr) that is more than one factor; may be given several times", wholes, ""},

		{"url", "ldap.urls", "ldap: a server, ldaps://host; may be given several times", wholes, ""},
		{"start-tls", "ldap.startTls", "ldap: encrypt ldap:// connections", truth, ""},
		{"allow-plain", "ldap.allowPlain", "ldap: send passwords unencrypted", truth, ""},
		{"base-dn", "ldap.baseDn", "ldap: users are below this entry", text, ""},
		{"bind-dn", "ldap.bindDn", "ldap: who looks users up; the secret is its password", text, ""},
		{"user-filter", "ldap.userFilter", "ldap: finds a user by {name}", text, ""},
		{"ldap-subject", "ldap.subjectAttribute", "ldap: attribute of a user that never changes", text, ""},
		{"attribute", "ldap.attributes", "ldap: what else to read; may be given several times", wholes, ""},
		{"group-base", "ldap.groupBase", "ldap: groups are below this entry", text, ""},
		{"group-filter", "ldap.groupFilter", "ldap: finds the groups of a user by {dn} or {name}", text, ""},
		{"nested-groups", "ldap.nestedGroups", "ldap: groups of groups count too", truth, ""},
		{"active-directory", "ldap.activeDirectory", "ldap: it is Active Directory", truth, ""},
		{"workgroup", "ldap.workgroup", "ldap: what people write before the backslash of WORKGROUP\\name", text, ""},

		{"metadata", "saml.metadata", "saml: `file` with the provider's metadata", content, ""},
		{"metadata-url", "saml.metadataUrl", "saml: where to fetch it", text, ""},
		{"entity-id", "saml.entityId", "saml: what the provider calls this service", text, ""},
		{"saml-subject", "saml.subjectAttribute", "saml: attribute of a user that never changes", text, ""},
		{"groups-attribute", "saml.groupsAttribute", "saml: where the groups are", text, ""},
		{"idp-initiated", "saml.idpInitiated", "saml: take answers that nobody asked for here", truth, ""},
		{"sign-requests", "saml.signRequests", "saml: sign requests with the private key that is the secret", truth, ""},
		{"metadata-signer", "saml.metadataSigner", "saml: `file` with PEM certificates of which one must have signed the metadata", content, ""},
		{"strong-context", "saml.strongContexts", "saml: authentication context that is more than one factor, and asked for where that is needed; may be given several times", wholes, ""},

		{"ca", "ca", "`file` with PEM certificates that its chain may end in, beside the system's", content, ""},
		{"proof-life", "proofLife", "saml, and oidc without refresh tokens: how long a session is good without the provider's word, such as 1h", text, ""},
		{"allow-private", "allowPrivate", "oidc, saml: it may be at a private address", truth, ""},
		{"allow-loopback", "allowLoopback", "it may be this very machine", truth, ""},
	}
}

func whereUpstream(u api.Upstream) string {
	switch {
	case u.OIDC != nil:
		return u.OIDC.Issuer
	case u.LDAP != nil:
		return strings.Join(u.LDAP.URLs, " ")
	case u.SAML != nil && u.SAML.MetadataURL != "":
		return u.SAML.MetadataURL
	case u.SAML != nil:
		return "metadata"
	}
	return ""
}

// errWhichKind says that a flag could be of any kind of upstream.
var errWhichKind = usage("say of which kind with another flag: --issuer, --url or --metadata-url must go with it")

// nestUpstream puts members with dots into the objects that the API has, and names where it wants
// ids. What every kind has goes to the only kind there is.
func nestUpstream(ctx context.Context, client *api.Client, flat map[string]any) (api.Patch, error) {
	out := api.Patch{}
	kinds := map[string]bool{}
	for member := range flat {
		if kind, _, ok := strings.Cut(member, "."); ok && kind != "mapping" {
			kinds[kind] = true
		}
	}
	kind, _ := flat["kind"].(string)
	for k := range kinds {
		kind = k
	}
	for member, value := range flat {
		var err error
		switch member {
		case "mapping.groups":
			value, err = groupMappings(ctx, client, value)
		case "mapping.required":
			value, err = requirements(value)
		case "ca", "allowPrivate", "allowLoopback", "proofLife":
			if kind == "" {
				return nil, errWhichKind
			}
			member = kind + "." + member
		}
		if err != nil {
			return nil, err
		}
		object, name, deep := strings.Cut(member, ".")
		if !deep {
			out[member] = value
			continue
		}
		inner, _ := out[object].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
			out[object] = inner
		}
		inner[name] = value
	}
	return out, nil
}

func groupMappings(ctx context.Context, client *api.Client, given any) (any, error) {
	list := []api.UpstreamGroup{}
	texts, _ := given.([]string)
	for _, each := range texts {
		at := strings.LastIndex(each, "=") // a distinguished name has more
		if at < 1 || at == len(each)-1 {
			return nil, usage("--map must be THEIRS=OURS, such as employees=Staff; %q is not", each)
		}
		id, err := reference(ctx, client, refGroup, flagged{"--map", each[at+1:]})
		if err != nil {
			return nil, err
		}
		list = append(list, api.UpstreamGroup{From: each[:at], To: id})
	}
	return list, nil
}

func requirements(given any) (any, error) {
	list := []api.UpstreamRequirement{}
	texts, _ := given.([]string)
	for _, each := range texts {
		claim, value, ok := strings.Cut(each, "=")
		if !ok || claim == "" {
			return nil, usage("--require must be CLAIM=VALUE, such as tid=7a1c…; %q is not", each)
		}
		at := slices.IndexFunc(list, func(r api.UpstreamRequirement) bool { return r.Claim == claim })
		if at < 0 {
			at = len(list)
			list = append(list, api.UpstreamRequirement{Claim: claim})
		}
		list[at].Values = append(list[at].Values, value)
	}
	return list, nil
}

// secretFlags declares where an upstream's secret may come from, and what refuses it elsewhere.
func secretFlags(c *cobra.Command) {
	c.Flags().String("secret-file", "", "`file` with the client secret, the password of --bind-dn or the PEM private key; - for standard input")
	c.Flags().String("secret", "", "")
	_ = c.Flags().MarkHidden("secret") // the flag exists
}

func readUpstreamSecret(c *cobra.Command) (string, error) {
	if c.Flags().Changed("secret") {
		return "", usage("--secret: "+neverArgument, "secret", "--secret-file")
	}
	file, err := c.Flags().GetString("secret-file")
	if err != nil || file == "" {
		return "", err
	}
	secret, err := readText(c, "--secret-file", file, maxKeyFile)
	return strings.TrimRight(secret, "\r\n"), err
}

// maxKeyFile bounds a file with a secret that may be a private key, in bytes.
const maxKeyFile = 16 << 10

func createUpstream(c *cobra.Command, client *api.Client, values map[string]any) (api.Upstream, error) {
	nested, err := nestUpstream(c.Context(), client, values)
	if err != nil {
		return api.Upstream{}, err
	}
	in, err := inputOf[api.UpstreamCreate](nested)
	if err != nil {
		return api.Upstream{}, err
	}
	if in.Secret, err = readUpstreamSecret(c); err != nil {
		return api.Upstream{}, err
	}
	made, err := client.Upstreams.Create(c.Context(), in)
	return made, renamed(err, func(member string) string {
		if flags, ok := map[string]string{"oidc": "--issuer and --client-id", "ldap": "--url and --base-dn", "saml": "--metadata or --metadata-url"}[member]; ok {
			return flags
		}
		return member
	})
}

// onUpstream makes a command about one upstream.
func onUpstream(use, short, example string, do func(c *cobra.Command, how string, client *api.Client, u api.Upstream) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1), Example: example,
		RunE: func(c *cobra.Command, args []string) error {
			how, client, err := begin(c)
			if err != nil {
				return err
			}
			found, err := upstreams().find(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			return do(c, how, client, found)
		}}
}

func upstreamSecret() *cobra.Command {
	c := onUpstream("secret NAME [flags]", "Give an upstream another secret", "  postern upstreams secret Example --secret-file client.secret\n  postern upstreams secret Example --none",
		func(c *cobra.Command, _ string, client *api.Client, u api.Upstream) error {
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
			if err := client.Upstreams.SetSecret(c.Context(), u.ID, secret); err != nil {
				return renamed(err, func(string) string { return "--secret-file" })
			}
			fmt.Fprintf(c.ErrOrStderr(), "The secret of %s is %s.\n", cell(u.Name), map[bool]string{true: "removed", false: "replaced"}[none])
			return nil
		})
	secretFlags(c)
	c.Flags().Bool("none", false, "remove the secret")
	return c
}

func testUpstream() *cobra.Command {
	c := onUpstream("test NAME [flags]", "Show what would become of somebody, without changing anything",
		"  postern upstreams test Example --claims claims.json\n  postern upstreams test Directory --user ada",
		func(c *cobra.Command, how string, client *api.Client, u api.Upstream) error {
			in, err := testInput(c)
			if err != nil {
				return err
			}
			out, err := client.Upstreams.Test(c.Context(), u.ID, in)
			if err != nil {
				return renamed(err, func(name string) string { return "--" + name })
			}
			if err := printTested(c, how, out); err != nil || out.Allowed {
				return err
			}
			return ErrFound
		})
	c.Flags().String("claims", "", "`file` with what the upstream would say, as a JSON object; - for standard input")
	c.Flags().StringArray("group", nil, "a group of the upstream; may be given several times")
	c.Flags().String("user", "", "ldap: `NAME` of somebody whom the directory is asked about")
	return c
}

func testInput(c *cobra.Command) (in api.UpstreamTest, err error) {
	file, err := c.Flags().GetString("claims")
	if err != nil {
		return in, err
	}
	if in.User, err = c.Flags().GetString("user"); err != nil {
		return in, err
	}
	if in.Groups, err = c.Flags().GetStringArray("group"); err != nil {
		return in, err
	}
	if (file == "") == (in.User == "") {
		return in, usage("give either --claims or --user")
	}
	if file == "" {
		return in, nil
	}
	text, err := readText(c, "--claims", file, maxFile)
	if err != nil {
		return in, err
	}
	if err := json.Unmarshal([]byte(text), &in.Claims); err != nil {
		return in, usage("--claims: %s is not a JSON object: %v", file, err)
	}
	return in, nil
}

func printTested(c *cobra.Command, how string, out api.UpstreamTested) error {
	w := c.OutOrStdout()
	if how == "json" || how == "yaml" {
		return encode(w, how, out)
	}
	verdict := "would be let in"
	switch {
	case !out.Allowed:
		verdict = "would not be let in: " + out.Reason
	case out.User != "":
		verdict += " as the user " + out.User
	default:
		verdict += " as a new user"
	}
	rows := [][]string{{"Result", verdict}, {"Subject", out.Subject}, {"Name", out.Name}, {"Display name", out.DisplayName},
		{"E-mail", out.Email}, {"Groups", comma(out.Groups)}}
	for _, row := range rows {
		if row[1] != "" {
			fmt.Fprintf(w, "%-16s%s\n", row[0]+":", cell(row[1]))
		}
	}
	for _, step := range out.Steps {
		fmt.Fprintf(w, "  %s: %s\n", cell(step.What), cell(step.Why))
	}
	return nil
}

func checkUpstream() *cobra.Command {
	return onUpstream("check NAME", "Ask an upstream whether it can be used", "  postern upstreams check Example",
		func(c *cobra.Command, how string, client *api.Client, u api.Upstream) error {
			out, err := client.Upstreams.Check(c.Context(), u.ID)
			if err != nil {
				return err
			}
			if how == "json" || how == "yaml" {
				err = encode(c.OutOrStdout(), how, out)
			} else if out.Works {
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s answers and can be used.\n", cell(u.Name))
			} else {
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s cannot be used: %s\n", cell(u.Name), cell(out.Reason))
			}
			if err == nil && !out.Works {
				err = ErrFound
			}
			return err
		})
}
