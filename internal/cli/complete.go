package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
)

const (
	completeWithin = 2 * time.Second // a shell waits for it
	maxCompletions = 100
)

type completion = func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective)

// completing gives every command below a noun's what completes its arguments and flags.
func (n noun[T]) completing(c *cobra.Command) {
	for _, sub := range c.Commands() {
		switch {
		case sub.Name() == "create":
		case strings.Contains(sub.Use, " NAME…"):
			sub.ValidArgsFunction = n.complete
		case strings.Contains(sub.Use, " NAME"):
			sub.ValidArgsFunction = first(n.complete)
		case strings.Contains(sub.Use, " GROUP [USER…]"):
			sub.ValidArgsFunction = func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
				if len(args) == 0 {
					return n.complete(c, args, typed)
				}
				return users().complete(c, args[1:], typed)
			}
		}
		for _, f := range n.fields {
			completeFlag(sub, f.flag, f.kind.completion())
		}
		for _, f := range n.filters {
			if sub.Name() == "list" {
				completeFlag(sub, f.flag, f.completion())
			}
		}
	}
}

// completeFlag completes a flag, if the command has it.
func completeFlag(c *cobra.Command, flag string, with completion) {
	if with != nil && c.Flags().Lookup(flag) != nil {
		_ = c.RegisterFlagCompletionFunc(flag, with) // the flag exists
	}
}

// first completes the first argument only.
func first(with completion) completion {
	return func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return with(c, args, typed)
	}
}

func (k kind) completion() completion {
	switch k {
	case refConnectorGroup, refBackupGroup:
		return anew(connectorGroups().complete)
	case refApplication, refApplications:
		return anew(applications().complete)
	case refUser, refUsers:
		return anew(users().complete)
	case refGroup, refGroups:
		return anew(groups().complete)
	case refUpstream:
		return anew(upstreams().complete)
	case content:
		return nil // files
	case list:
		return fixed(words(access.Roles())...)
	}
	return cobra.NoFileCompletions
}

// completion completes a filter: by what the service has, or by its words.
func (f filter) completion() completion {
	words := map[string][]string{"os": access.DeviceSystems(), "role": words(access.Roles()), "mode": {"enforce", "report-only", "off"}, "stream": words(access.ExportStreams()),
		"pre-authentication": words([]access.PreAuthentication{access.SignIn, access.Passthrough}), "status": {"active", "degraded", "draining", "inactive", "disabled", "archived"},
		"archived": {"true", "false", "any"}}
	switch {
	case f.kind == either:
		return fixed("true", "false")
	case f.kind == text && words[f.flag] != nil:
		return fixed(words[f.flag]...)
	}
	return f.kind.completion()
}

func words[W ~string](from []W) []string {
	to := make([]string, len(from))
	for i, w := range from {
		to[i] = string(w)
	}
	return to
}

// anew completes a flag, for which the arguments do not count.
func anew(with completion) completion {
	return func(c *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return with(c, nil, typed)
	}
}

func fixed(words ...string) completion {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// complete gives the names of objects, from the service, that begin like what was typed. Whatever
// goes wrong, there is just nothing to complete.
func (n noun[T]) complete(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if setting(c, "api-key-file", "POSTERN_API_KEY_FILE") == "-" {
		return nil, cobra.ShellCompDirectiveNoFileComp // standard input is the shell's
	}
	client, err := connect(c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(c.Context(), completeWithin)
	defer cancel()
	var names []string
	for item, err := range n.all(client)(ctx, api.ListOptions{Search: typed, Limit: api.MaxPage}) {
		if err != nil || len(names) == maxCompletions {
			break
		}
		name := n.name(item)
		if strings.HasPrefix(strings.ToLower(name), strings.ToLower(typed)) && !slices.Contains(args, name) && cell(name) == name {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}
