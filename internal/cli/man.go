package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func man() *cobra.Command {
	return &cobra.Command{Use: "man DIRECTORY", Short: "Write the manual pages of all commands", Args: cobra.ExactArgs(1),
		Long: "Write the manual pages of all commands, section 1, into a directory, which is made if it is not there.\n" +
			"SOURCE_DATE_EPOCH gives their date.",
		Example: "  postern man /usr/local/share/man/man1",
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return usage("%v", err)
			}
			root := c.Root()
			root.DisableAutoGenTag = true
			header := &doc.GenManHeader{Section: "1", Source: "Postern " + root.Version, Manual: "Postern"}
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return fmt.Errorf("write the manual pages: %w", err)
			}
			return nil
		}}
}
