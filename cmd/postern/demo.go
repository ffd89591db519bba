package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"postern/internal/demo"
)

func demoCommand() *cobra.Command {
	var cfg demo.Config
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Try Postern on this machine: a service, a connector and a private application",
		Long: `Run a whole Postern on loopback: a service on an embedded database, a connector as a
process of its own and a small private web application. It needs no root and leaves nothing behind
unless --data names a directory to keep. Loopback shows how it works, not how it isolates.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.Connector == "" {
				self, err := os.Executable()
				if err != nil {
					return err
				}
				cfg.Connector = filepath.Join(filepath.Dir(self), "postern-connector")
			}
			cfg.Out = cmd.OutOrStdout()
			return demo.Run(cmd.Context(), cfg)
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Data, "data", "", "keep everything in this directory (default: a temporary one)")
	f.IntVar(&cfg.Port, "port", 8443, "port of the service, 0 for any free one")
	f.StringVar(&cfg.Connector, "connector", "", "the postern-connector program (default: the one beside this program)")
	f.BoolVar(&cfg.Verbose, "verbose", false, "show the logs of service and connector")
	return cmd
}
