// Command postern is the service of Postern: it signs people in and carries their traffic through
// connectors to private applications. Its other commands administer a service, here or elsewhere.
package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"postern/internal/cli"
	"postern/internal/daemon"
)

// version is set by the linker when a release is built.
var version = "dev"

func main() {
	code := 0
	ended := daemon.Main(func(ctx context.Context) error {
		err := command().ExecuteContext(ctx)
		if ctx.Err() != nil {
			return err // a signal came: daemon knows what is an error then
		}
		code = cli.Report(os.Stderr, err)
		return nil
	})
	os.Exit(max(code, ended))
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:     "postern",
		Version: version,
		Short:   "Access to private applications without one open inbound port",
		Long: `Postern gives people access to private web applications through connectors that
only dial out. This program is the service, and the command line of its administrators.

  postern demo     try everything on this machine in one minute
  postern serve    run the service
  postern login    administer a running service from here`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return cli.Usage(err) })
	root.AddCommand(cli.Strict(serveCommand()), cli.Strict(demoCommand()), dbCommand())
	root.AddCommand(cli.Commands()...)
	addMaster(root)
	return root
}
