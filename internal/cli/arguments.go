package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The usage line of a command says what it needs, and is believed: NAME is an argument, NAME… one or more, [URL] none
// or one; --kind KIND is a flag that must be given, (--user USER | --group GROUP) two of which one must be.

// A need is an argument of a usage line, or a flag.
type need struct {
	argument string
	flags    []string // any of them
	optional bool
	several  bool
}

func needs(use string) []need {
	var list []need
	var within, value bool // parentheses; what a flag takes
	for _, word := range strings.Fields(use)[1:] {
		name := strings.Trim(word, "()[]")
		switch {
		case word == "[flags]", word == "|":
			value = false
		case strings.HasPrefix(name, "-"):
			if !within {
				list = append(list, need{optional: strings.HasPrefix(word, "[")})
			}
			last := &list[len(list)-1]
			last.flags = append(last.flags, strings.TrimLeft(name, "-"))
			within, value = within || strings.HasPrefix(word, "("), true
		case value:
			value = false
		default:
			list = append(list, need{argument: strings.TrimSuffix(name, "…"), optional: strings.HasPrefix(word, "["), several: strings.HasSuffix(name, "…")})
		}
		if strings.HasSuffix(word, ")") {
			within, value = false, false
		}
	}
	return list
}

// checked gives the check of a command's arguments and of the flags that it cannot do without.
func checked(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		var places, missing []string
		several := false
		for _, n := range needs(c.Use) {
			switch {
			case n.argument == "":
				if !n.optional && !given(c, n.flags) {
					missing = append(missing, spelled(c, n.flags))
				}
				continue
			case !n.optional && len(places) >= len(args) && (!n.several || len(places) == 0):
				missing = append(missing, n.argument)
			}
			places, several = append(places, n.argument), several || n.several
		}
		if len(missing) > 0 {
			return misused(c, "%s %s missing", joined(missing), map[bool]string{true: "is", false: "are"}[len(missing) == 1])
		}
		err := error(nil)
		if check != nil {
			err = check(c, args)
		}
		if err == nil || len(args) <= len(places) || several {
			return Usage(err)
		}
		if len(places) == 0 {
			return misused(c, "%q is one argument too many: %s takes none", args[0], c.CommandPath())
		}
		if c.Name() == "login" {
			return Usage(err) // a key perhaps, which is not repeated
		}
		return misused(c, "%q is one argument too many: %s takes only %s; what has blanks stands in quotes", args[len(places)], c.CommandPath(), joined(places))
	}
}

// misused says what is wrong with a command, how it is used, and an example.
func misused(c *cobra.Command, format string, args ...any) error {
	text := fmt.Sprintf(format, args...) + "\n  Usage:   " + c.UseLine()
	if example, _, _ := strings.Cut(strings.TrimSpace(c.Example), "\n"); example != "" {
		text += "\n  Example: " + strings.TrimSuffix(strings.TrimSpace(example), " \\")
	}
	return usage("%s", text)
}

func given(c *cobra.Command, flags []string) bool {
	return slices.ContainsFunc(flags, func(name string) bool {
		f := lookup(c, name)
		return f == nil || f.Changed
	})
}

func lookup(c *cobra.Command, name string) *pflag.Flag {
	if len(name) == 1 {
		return c.Flags().ShorthandLookup(name)
	}
	return c.Flags().Lookup(name)
}

func spelled(c *cobra.Command, flags []string) string {
	names := make([]string, len(flags))
	for i, name := range flags {
		if names[i] = "--" + name; len(name) == 1 {
			names[i] = "--" + lookup(c, name).Name + " (-" + name + ")"
		}
	}
	return strings.Join(names, " or ")
}

func joined(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
