package cli

import (
	"context"
	"encoding/base64"
	"os"

	"github.com/spf13/cobra"

	"postern/internal/api"
	"postern/internal/fault"
)

// branding shows and changes how the pages look that people see.
func branding() *cobra.Command {
	c := &cobra.Command{Use: "branding", Short: "How the pages look that people see: name, logo, colours",
		Long: "How the pages look that people see: sign-in, their applications, errors, signed out, questions.\n\n" +
			"Colours that people cannot read and logos that are more than an image are refused."}
	show := &cobra.Command{Use: "show", Short: "Show the branding", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		b, err := client.Branding(c.Context())
		if err != nil {
			return err
		}
		return printBranding(c, how, b)
	}}
	change := &cobra.Command{Use: "update [flags]", Aliases: []string{"set"}, Short: "Change the branding; what no flag names stays, and an empty value is our own look", Args: cobra.NoArgs,
		Example: "  postern branding update --name 'Example Corp.' --logo logo.svg --colour '#7a1f3d'\n  postern branding update --logo ''", RunE: updateBranding}
	change.Flags().String("name", "", "name of the organisation, in the head of each page")
	change.Flags().String("logo", "", "PNG or SVG `file` of at most 32 KiB")
	change.Flags().String("colour", "", "colour of buttons and links on light pages, such as #0f6cbd")
	change.Flags().String("dark-colour", "", "the same on dark pages; made of the other one if empty")
	connectFlags(c)
	outputFlag(c)
	c.AddCommand(show, change)
	c.AddCommand(only[api.Branding]{
		single: "branding", use: "branding",
		now: func(ctx context.Context, client *api.Client) (int64, error) {
			b, err := client.Branding(ctx)
			return b.Version, err
		},
		history: (*api.Client).BrandingHistory, undo: (*api.Client).UndoBranding, print: printBranding,
	}.past()...)
	return c
}

func updateBranding(c *cobra.Command, _ []string) error {
	how, client, err := begin(c)
	if err != nil {
		return err
	}
	patch := api.Patch{}
	for flag, member := range map[string]string{"name": "name", "colour": "colour", "dark-colour": "darkColour", "logo": "logo"} {
		if !c.Flags().Changed(flag) {
			continue
		}
		value, _ := c.Flags().GetString(flag) // it is defined
		if flag == "logo" && value != "" {
			if value, err = readLogo(value); err != nil {
				return err
			}
		}
		patch[member] = value
	}
	if len(patch) == 0 {
		return usage("nothing to change: name what with a flag; see %s --help", c.CommandPath())
	}
	now, err := client.Branding(c.Context())
	if err != nil {
		return err
	}
	b, err := client.UpdateBranding(c.Context(), now.Version, patch)
	if err != nil {
		return err
	}
	return printBranding(c, how, b)
}

// readLogo reads an image; the service says what is wrong with it.
func readLogo(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", usage("--logo: %v", err)
	}
	if info.Size() > maxFile {
		return "", fault.New(fault.KindTooLarge, "--logo: %s has %d bytes", path, info.Size())
	}
	image, err := os.ReadFile(path)
	if err != nil {
		return "", usage("--logo: %v", err)
	}
	return base64.StdEncoding.EncodeToString(image), nil
}

func printBranding(c *cobra.Command, how string, b api.Branding) error {
	if how == "json" || how == "yaml" {
		return encode(c.OutOrStdout(), how, b)
	}
	or := func(text, other string) string {
		if text == "" {
			return other
		}
		return cell(text)
	}
	logo := or(b.LogoType, "Postern's")
	return table(c.OutOrStdout(), nil, [][]string{
		{"NAME", or(b.Name, "Postern")}, {"LOGO", logo}, {"COLOUR", or(b.Light.Colour, "Postern's")}, {"ON DARK PAGES", or(b.Dark.Colour, "Postern's")},
	})
}
