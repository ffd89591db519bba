package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/agent/proxyflags"
	"postern/internal/connector/journal"
	"postern/internal/fault"
	"postern/internal/wire"
)

// keptLog gives the program's log, and the journal that it goes through.
func (r *runFlags) keptLog(out io.Writer) (*slog.Logger, *journal.Journal, error) {
	log, err := r.log(out)
	if err != nil {
		return nil, nil, err
	}
	admin, err := journal.Outputs(r.adminLog, r.state, wire.LogAdmin)
	if err != nil {
		return nil, nil, proxyflags.Named("--admin-log", err)
	}
	session, err := journal.Outputs(r.sessionLog, r.state, wire.LogSession)
	if err != nil {
		return nil, nil, proxyflags.Named("--session-log", err)
	}
	kept := journal.New(journal.Config{Admin: admin, Session: session})
	return slog.New(kept.Handler(log.Handler())), kept, nil
}

// logsFlags are the flags of logs.
type logsFlags struct {
	*settings
	log, output string
	count       int
	follow      bool
}

func logsCommand(s *settings) *cobra.Command {
	flags := &logsFlags{settings: s}
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Show the connector's key events, or its transactions while the service has it log them",
		Long: `logs reads the files of the logs in the state directory, also while no connector runs. The Session log has every transaction
while an administrator has switched it on: postern connectors update NAME --session-log 2h.`,
		Example: `  postern-connector logs
  postern-connector logs --log session --follow
  postern-connector logs -n 20 -o json`,
		Args: noToken,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.log, "log", wire.LogAdmin, "which `log`: admin or session")
	f.IntVarP(&flags.count, "lines", "n", 100, "at most so many entries of the past, the newest")
	f.BoolVarP(&flags.follow, "follow", "f", false, "go on until interrupted")
	f.StringVarP(&flags.output, "output", "o", "table", "table or json, one entry a line")
	return cmd
}

func (l *logsFlags) run(ctx context.Context, out io.Writer) error {
	if err := l.stateRequired(); err != nil {
		return err
	}
	switch {
	case l.log != wire.LogAdmin && l.log != wire.LogSession:
		return fault.Invalid("--log", "must be admin or session")
	case l.output != "table" && l.output != "json":
		return fault.Invalid("--output", "must be table or json")
	case l.count < 0:
		return fault.Invalid("--lines", "must not be negative")
	}
	path := journal.FilePath(l.state, l.log)
	entries, file, err := past(path, l.count)
	if err != nil {
		return err
	}
	if file == nil && !l.follow {
		return fault.NotFound("there is no %s: this connector has not written it yet, or was told to write it elsewhere (--%s-log)", path, l.log)
	}
	for _, e := range entries {
		if err := l.print(out, e); err != nil {
			return err
		}
	}
	if !l.follow {
		return file.Close()
	}
	return l.tail(ctx, out, path, file)
}

// past gives the newest entries of a log's files, and the file that is written at the end of what was read; nil: there is none.
func past(path string, count int) (entries [][]byte, file *os.File, err error) {
	for i := journal.FileCount - 1; i >= 0; i-- {
		name := path
		if i > 0 {
			name += "." + strconv.Itoa(i)
		}
		opened, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read the log: %w", err)
		}
		lines, half := bufio.NewReader(opened), 0
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				half = len(line) // the last line may be half written: it is read when it is whole
				break
			}
			entries = append(entries, line)
			if over := len(entries) - count; over > 0 {
				entries = slices.Delete(entries, 0, over)
			}
		}
		if i > 0 {
			_ = opened.Close() // only read from
			continue
		}
		file = opened
		if _, err := file.Seek(-int64(half), io.SeekCurrent); err != nil {
			return nil, nil, err
		}
	}
	return entries, file, nil
}

const tailEvery = 300 * time.Millisecond

// tail prints what comes, in the next file, too, until ctx ends.
func (l *logsFlags) tail(ctx context.Context, out io.Writer, path string, file *os.File) error {
	var rest []byte
	tick := time.NewTicker(tailEvery)
	defer tick.Stop()
	for {
		if file != nil {
			data, err := io.ReadAll(file)
			if err != nil {
				return fmt.Errorf("read the log: %w", err)
			}
			rest = append(rest, data...)
			for {
				i := slices.Index(rest, '\n')
				if i < 0 {
					break
				}
				if err := l.print(out, rest[:i+1]); err != nil {
					return err
				}
				rest = rest[i+1:]
			}
		}
		if next, changed := successor(path, file); changed {
			file, rest = next, nil
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// successor opens the file of that name if it is another one than file, which is read to its end.
func successor(path string, file *os.File) (*os.File, bool) {
	named, err := os.Stat(path)
	if err != nil {
		return nil, false
	}
	if file != nil {
		if ours, err := file.Stat(); err == nil && os.SameFile(ours, named) {
			return nil, false
		}
		_ = file.Close() // only read from
	}
	next, err := os.Open(path)
	return next, err == nil
}

func (l *logsFlags) print(out io.Writer, line []byte) error {
	var e wire.LogEntry
	if l.output == "json" || json.Unmarshal(line, &e) != nil { // what somebody else wrote there is shown as it is
		_, err := out.Write(line)
		return err
	}
	text := fmt.Sprintf("%s %-5s %-4s %s", e.Time.Local().Format(time.DateTime), e.Severity, e.Event, e.Message)
	for _, f := range e.Pairs() {
		text += fmt.Sprintf(" %s=%q", f.Name, f.Value)
	}
	_, err := fmt.Fprintln(out, text)
	return err
}
