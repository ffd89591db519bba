package store_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"

	"postern/internal/access"
	"postern/internal/store"
)

// TestMain lets this program also be the other processes that a test needs: started by it with a
// task in the environment, each opens the store and does what the task says.
func TestMain(m *testing.M) {
	task, ok := tasks[os.Getenv("STORE_TEST_TASK")]
	if !ok {
		os.Exit(m.Run())
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if os.Getenv("STORE_TEST_TASK") == "start" {
		fmt.Println("starts")
	}
	s, err := store.Open(context.Background(), store.Config{URL: os.Getenv("STORE_TEST_URL"), KeyFile: os.Getenv("STORE_TEST_KEY"), Log: log})
	if err == nil {
		err = task(context.Background(), s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

var tasks = map[string]func(context.Context, *store.Store) error{
	// tells when it starts, and of one act
	"start": func(ctx context.Context, s *store.Store) error {
		version, err := act(ctx, s)
		if err == nil {
			fmt.Println(version)
		}
		return errFirst(err, s.Close())
	},
	// one act, and the instance it was done in
	"once": func(ctx context.Context, s *store.Store) error {
		if _, err := act(ctx, s); err != nil {
			return err
		}
		var domain string
		err := s.Read(ctx, func(tx *store.Tx) (err error) {
			domain, err = tx.Instance(ctx)
			return err
		})
		fmt.Println(domain)
		return errFirst(err, s.Close())
	},
	"change key": changeKeyTask,
	"restore":    restoreTask,
	"backup":     backupTask,
	// acts until it is killed, each told when it is acknowledged
	"on and on": func(ctx context.Context, s *store.Store) error {
		for {
			version, err := act(ctx, s)
			if err != nil {
				return err
			}
			fmt.Println(version)
		}
	},
}

// act is one change as control makes them: it counts the version up and leaves four rows that say
// which one it was.
func act(ctx context.Context, s *store.Store) (version uint64, err error) {
	err = s.Write(ctx, func(tx *store.Tx) error {
		if version, err = tx.NextVersion(ctx); err != nil {
			return err
		}
		user := access.User{Meta: meta(access.ID(fmt.Sprint("usr_", version)), 0), Name: fmt.Sprint("u", version)}
		group := access.Group{Meta: meta(access.ID(fmt.Sprint("grp_", version)), 0), Name: fmt.Sprint("g", version), Members: []access.ID{user.ID}}
		entry := auditEntry(0)
		entry.ID, entry.Version, entry.Object = access.ID(fmt.Sprint("aud_", version)), version, user.ID
		ending := access.Ending{Kind: access.EndingUser, ID: string(user.ID), Time: at(0)}
		if err := errFirst(tx.InsertUser(ctx, &user), tx.InsertGroup(ctx, &group), tx.AppendAudit(ctx, &entry), tx.AppendEnding(ctx, &ending)); err != nil {
			return err
		}
		if ending.Seq != version {
			return fmt.Errorf("ending %d in act %d", ending.Seq, version)
		}
		return nil
	})
	return version, err
}

// process is this program run for a task.
type process struct {
	*exec.Cmd
	out *bufio.Scanner
}

func startProcess(t testing.TB, task string, cfg store.Config) process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_TASK="+task, "STORE_TEST_URL="+cfg.URL, "STORE_TEST_KEY="+cfg.KeyFile)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // mostly it has ended
		_ = cmd.Wait()
	})
	return process{cmd, bufio.NewScanner(out)}
}
