package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"postern/internal/cli"
	"postern/internal/daemon"
	"postern/internal/disk"
	"postern/internal/fault"
	"postern/internal/service"
	"postern/internal/store"
)

func dbCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "db",
		Short: "Look after the database: back up, restore, check, migrate",
		Long: `Look after the database of a service, on the machine where it is or one that reaches it.

These commands open the database themselves, with the same settings as postern serve: --data,
--database and --key-file, or POSTERN_DATA, POSTERN_DATABASE and POSTERN_KEY_FILE.`,
	}
	cmd.AddCommand(backupCommand(), verifyCommand(), restoreCommand(), checkCommand(), migrateCommand())
	return cli.Strict(cmd)
}

// storage adds the flags that say where the database is, and gives what reads them.
func storage(cmd *cobra.Command) func() (store.Config, error) {
	var cfg service.Config
	f := cmd.Flags()
	f.StringVar(&cfg.Data, "data", "", "`directory` of database and master key (default /var/lib/postern)")
	f.StringVar(&cfg.Database, "database", "", "postgres://… instead of SQLite in the data directory")
	f.StringVar(&cfg.KeyFile, "key-file", "", "`file` with the master key (default DATA/master.key)")
	return func() (store.Config, error) {
		if err := daemon.FlagsFromEnvironment(f, "POSTERN"); err != nil {
			return store.Config{}, cli.Usage(err)
		}
		where, err := cfg.Storage()
		where.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
		return where, err
	}
}

func migrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "migrate", Args: cobra.NoArgs,
		Short: "Bring the database's schema up to date, as postern serve does when it starts",
		Long: `Bring the database's schema up to date, as postern serve does when it starts.

Migrations only add: services of the version before go on running meanwhile and afterwards.`,
	}
	where := storage(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := where()
		if err != nil {
			return err
		}
		before, after, err := store.Migrate(cmd.Context(), cfg)
		switch {
		case err != nil:
			return err
		case before.Version == after.Version:
			fmt.Fprintf(cmd.OutOrStdout(), "The database has schema %d already.\n", after.Version)
		default:
			fmt.Fprintf(cmd.OutOrStdout(), "The database had schema %d and has schema %d now.\n", before.Version, after.Version)
		}
		return nil
	}
	return cmd
}

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "check", Args: cobra.NoArgs,
		Short: "Look through the whole database for damage",
		Long: `Look through the whole database: its schema, the integrity of the file (SQLite), every
reference between tables, what is always true of the rows, and whether the master key opens every
secret. The service may go on running. Nothing is changed.

The exit code is 0 when all is well, 3 when problems were found and printed, 1 when the database
could not be looked at.`,
	}
	where := storage(cmd)
	output := cmd.Flags().StringP("output", "o", "table", "table or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *output != "table" && *output != "json" {
			return cli.Usage(fmt.Errorf("--output must be table or json"))
		}
		cfg, err := where()
		if err != nil {
			return err
		}
		report, err := store.Check(cmd.Context(), cfg)
		if err != nil {
			return err
		}
		if err := printReport(cmd.OutOrStdout(), *output, report); err != nil {
			return err
		}
		if len(report.Problems) > 0 {
			return cli.ErrFound
		}
		return nil
	}
	return cmd
}

func printReport(w io.Writer, output string, r store.Report) error {
	if output == "json" {
		out := struct {
			Schema        int64            `json:"schema"`
			Newest        int64            `json:"newestSchema"`
			Instance      string           `json:"instance"`
			Configuration uint64           `json:"configuration"`
			Key           string           `json:"key"`
			Rows          map[string]int64 `json:"rows"`
			Problems      []string         `json:"problems"`
		}{r.Schema.Version, r.Schema.Newest, r.TrustDomain, r.Configuration, r.Key, r.Rows, append([]string{}, r.Problems...)}
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(out)
	}
	fmt.Fprintf(w, "Instance       %s\nSchema         %d of %d\nConfiguration  version %d\nMaster key     %s\n\n",
		r.TrustDomain, r.Schema.Version, r.Schema.Newest, r.Configuration, r.Key)
	if err := printRows(w, r.Rows); err != nil {
		return err
	}
	if r.Schema.Version < r.Schema.Newest {
		fmt.Fprintf(w, "\nThe schema is older than this program: postern db migrate or the next start of postern serve brings it up to date.\n")
	}
	if len(r.Problems) == 0 {
		fmt.Fprintf(w, "\nNo problems found.\n")
		return nil
	}
	fmt.Fprintf(w, "\nProblems found:\n")
	for _, problem := range r.Problems {
		fmt.Fprintf(w, "  - %s\n", problem)
	}
	fmt.Fprintf(w, "\nKeep a copy of the database as it is, then restore the last good backup: see docs/operations.md.\n")
	return nil
}

func printRows(w io.Writer, rows map[string]int64) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "TABLE\tROWS\n")
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(table, "%s\t%d\n", name, rows[name])
	}
	return table.Flush()
}

const noKey = `The master key is NOT in it, and without that key nobody can restore it: keep a copy of
%s somewhere else.
`

func backupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "backup FILE", Args: cobra.ExactArgs(1),
		Short: "Write everything that the database holds to a file, while the service runs",
		Long: `Write everything that the database holds, as it is at one moment, to a file that only you
can read, or with - to standard output. The service goes on running and writing.

A backup of either engine can be restored into either. It holds configuration, users with hashes of
their passwords, sessions, the audit log, and sealed secrets. It never holds the master key, without
which it cannot be restored: keep that elsewhere.`,
		Example: "  postern db backup /var/backups/postern-$(date +%F).backup\n  postern db backup - | ssh backups 'cat > postern.backup'",
	}
	where := storage(cmd)
	replace := cmd.Flags().Bool("force", false, "replace a file that is there")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := where()
		if err != nil {
			return err
		}
		summary, err := backup(cmd, cfg, target{args[0], *replace})
		if err != nil {
			return err
		}
		w := cmd.ErrOrStderr()
		fmt.Fprintf(w, "Backed up %d rows of %s: schema %d, configuration version %d.\n", summary.Total(), summary.TrustDomain, summary.Schema, summary.Configuration)
		fmt.Fprintf(w, noKey, cfg.KeyFile)
		return nil
	}
	return cmd
}

// target is where a backup goes.
type target struct {
	path    string // - for standard output
	replace bool
}

// backup writes to a draft first, also for standard output: a reader that is slow must not hold the
// database's moment, and one that is cut off gets nothing that looks like a backup.
func backup(cmd *cobra.Command, cfg store.Config, to target) (store.Summary, error) {
	if out, ok := cmd.OutOrStdout().(*os.File); ok && to.path == "-" && term.IsTerminal(int(out.Fd())) {
		return store.Summary{}, cli.Usage(fmt.Errorf("a backup is not for a terminal to show: redirect it to a file"))
	}
	if _, err := os.Stat(to.path); err == nil && to.path != "-" && !to.replace {
		return store.Summary{}, fault.Conflict("%s is there already: choose another name, or replace it with --force", to.path)
	}
	s, err := store.Attach(cmd.Context(), cfg)
	if err != nil {
		return store.Summary{}, err
	}
	defer s.Close() // nothing was written
	if to.path != "-" {
		draft, err := disk.Create(to.path, 0o600)
		if err != nil {
			return store.Summary{}, err
		}
		defer draft.Discard() // nothing to do after Commit
		summary, err := s.Backup(cmd.Context(), draft)
		if err != nil {
			return store.Summary{}, err
		}
		return summary, draft.Commit()
	}
	spool, err := spoolFile()
	if err != nil {
		return store.Summary{}, err
	}
	defer spool.Close() // it is gone with it
	summary, err := s.Backup(cmd.Context(), spool)
	if err != nil {
		return store.Summary{}, err
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return store.Summary{}, err
	}
	_, err = io.Copy(cmd.OutOrStdout(), spool)
	return summary, err
}

// spool is a temporary file that is removed when it is closed.
type spool struct{ *os.File }

func spoolFile() (spool, error) {
	file, err := os.CreateTemp("", "postern-backup-*") // its mode is 0600
	if err != nil {
		return spool{}, fmt.Errorf("make a temporary file: %w", err)
	}
	return spool{file}, nil
}

// Close closes and removes it.
func (s spool) Close() error {
	defer os.Remove(s.Name()) // a temporary file in a temporary directory
	return s.File.Close()
}

func verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify FILE", Args: cobra.ExactArgs(1),
		Short: "Check a backup without restoring it",
		Long: `Read a backup to its end and check that it is whole and was made with the master key, without
restoring it. - reads standard input.`,
		Example: "  postern db verify postern.backup",
	}
	where := storage(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := where()
		if err != nil {
			return err
		}
		file, err := openBackup(cmd.Context(), cmd.InOrStdin(), args[0])
		if err != nil {
			return err
		}
		defer file.Close() // it was only read
		summary, err := store.VerifyBackup(cmd.Context(), file, cfg.KeyFile)
		if err != nil {
			return err
		}
		w := cmd.OutOrStdout()
		fmt.Fprintf(w, "A good backup of %s, taken %s: schema %d, configuration version %d, master key %s.\n\n",
			summary.TrustDomain, summary.Taken.Format("2006-01-02 15:04:05 MST"), summary.Schema, summary.Configuration, summary.Key)
		return printRows(w, summary.Rows)
	}
	return cmd
}

// openBackup opens a file, or keeps standard input in one: a backup is read twice.
func openBackup(ctx context.Context, stdin io.Reader, path string) (io.ReadSeekCloser, error) {
	if path != "-" {
		return os.Open(path)
	}
	file, err := spoolFile()
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(file, stdin)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		file.Close() // the error before counts
		return nil, fmt.Errorf("read the backup: %w", err)
	}
	return file, nil
}

func restoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "restore FILE", Args: cobra.ExactArgs(1),
		Short: "Restore a backup into an empty database",
		Long: `Restore a backup into an empty database; - reads it from standard input. Stop every service on
the database first, and have the master key of the time when the backup was taken at --key-file.

The backup is read to its end and checked, a database is built from it, brought up to date and
checked, and only then put in its place, in one step. Until then nothing has changed.

--force replaces a database that is in use by an instance. What was there is kept beside it: with
SQLite as postern.db.replaced, with PostgreSQL in the schema postern_replaced.

What happened after the backup was taken is not in it: connectors that enrolled since then must be
enrolled again, and users whose password or factor changed use those of before.`,
		Example: "  systemctl stop postern\n  postern db restore /var/backups/postern-2026-11-21.backup\n  systemctl start postern",
	}
	where := storage(cmd)
	force := cmd.Flags().Bool("force", false, "replace the instance that the database holds")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := where()
		if err != nil {
			return err
		}
		file, err := openBackup(cmd.Context(), cmd.InOrStdin(), args[0])
		if err != nil {
			return err
		}
		defer file.Close() // it was only read
		out, err := store.Restore(cmd.Context(), store.Restoring{Config: cfg, File: file, Force: *force})
		if err != nil {
			return err
		}
		w := cmd.OutOrStdout()
		fmt.Fprintf(w, "Restored %d rows of %s as of %s: configuration version %d.\n",
			out.Total(), out.TrustDomain, out.Taken.Format("2006-01-02 15:04:05 MST"), out.Configuration)
		if out.Kept != "" {
			fmt.Fprintf(w, "The database that was there is kept as %s. Remove it when you do not need it any more: it holds secrets.\n", out.Kept)
		}
		fmt.Fprintln(w, "Start the service now.")
		return nil
	}
	return cmd
}
