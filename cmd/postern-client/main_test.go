package main

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"postern/internal/daemon"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"postern-client": func() {
			ctx, stop := daemon.Signals(context.Background())
			code := execute(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr})
			stop()
			os.Exit(code)
		},
	})
}

// TestScripts holds that wrong command lines end with a code other than zero and name what is wrong.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", RequireExplicitExec: true, Setup: func(env *testscript.Env) error {
		return os.Chmod(env.WorkDir, 0o700)
	}})
}
