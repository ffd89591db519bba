package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"postern/internal/daemon"
	"postern/internal/disk"
)

const logMost = 10 << 20 // bytes of a file of the program's log

// serve runs the client below the service control manager, or in a console where there is none.
func (u *upFlags) serve(ctx context.Context) error {
	err := daemon.WindowsService(ctx, func(ctx context.Context, _ <-chan daemon.Order) error {
		out := disk.NewRollingLog(filepath.Join(u.state, "logs", "program.log"), logMost) // Windows has no place for the standard error of a service
		defer out.Close()                                                                 // what was written is written
		u.std.err = out
		err := u.run(ctx)
		if err != nil {
			fmt.Fprintf(out, "postern-client: %v\n", err) // nobody reads what main prints
		}
		return err
	})
	if errors.Is(err, daemon.ErrNoService) { // in a console
		return u.run(ctx)
	}
	return err
}

// useServiceSettings puts the settings of the service into the environment, as other systems do by themselves.
func useServiceSettings() {
	for _, setting := range thisMachine().Settings(serviceName) {
		if _, there := os.LookupEnv(setting.Name); !there && strings.HasPrefix(setting.Name, "POSTERN_CLIENT_") {
			_ = os.Setenv(setting.Name, setting.Value) // it names a variable: it was read from a file of them
		}
	}
}
