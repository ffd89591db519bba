package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"postern/internal/access"
	"postern/internal/cli"
	"postern/internal/store"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"postern": func() { os.Exit(cli.Report(os.Stderr, command().Execute())) },
	})
}

// TestScripts runs the scripts of testdata, each with a database of its own in the directory data.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			return prepare(filepath.Join(env.WorkDir, "data"))
		},
	})
}

// prepare makes a database with a user and a secret.
func prepare(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	ctx := context.Background()
	s, err := store.Open(ctx, store.Config{URL: "sqlite:" + filepath.Join(dir, "postern.db"), KeyFile: filepath.Join(dir, "master.key")})
	if err != nil {
		return err
	}
	err = s.Write(ctx, func(tx *store.Tx) error {
		if err := tx.InsertConnectorGroup(ctx, &access.ConnectorGroup{Meta: access.Meta{ID: "cgr_1"}, Name: "Default", Default: true}); err != nil {
			return err
		}
		if err := tx.InsertUser(ctx, &access.User{Meta: access.Meta{ID: "usr_1"}, Name: "ada"}); err != nil {
			return err
		}
		return tx.PutSecret(ctx, "test", []byte("sealed"))
	})
	if err != nil {
		return err
	}
	return s.Close()
}
