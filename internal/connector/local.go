package connector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"postern/internal/disk"
	"postern/internal/match"
)

const (
	maxRulesFile = 1 << 20         // bytes
	rulesPoll    = 2 * time.Second // how often the file is looked at for changes
)

// localRules is the local allow/deny file: what no service can override. Its rules are replaced as a whole.
type localRules struct {
	path    string // empty: there is no file
	current atomic.Pointer[match.Rules]
	problem atomic.Pointer[string] // why the file as it is now is not in force
	text    []byte                 // that current was read from; used by load only
	stamp   fileStamp              // as text
}

type fileStamp struct {
	modified time.Time
	size     int64
}

// openRules reads the file. A file that is missing, wrong or writable by others is an error: starting without rules
// that somebody wrote down would be the opposite of what they asked for.
func openRules(path string) (*localRules, error) {
	l := &localRules{path: path}
	l.current.Store(&match.Rules{})
	if path == "" {
		return l, nil
	}
	return l, l.load()
}

func (l *localRules) rules() *match.Rules { return l.current.Load() }

// load reads the file and puts it in force; on an error the rules that were in force stay.
func (l *localRules) load() error {
	stamp, err := stampOf(l.path)
	if err == nil {
		l.stamp = stamp
	}
	text, err := disk.ReadPrivate(l.path, maxRulesFile)
	if err != nil {
		return l.broken(fmt.Errorf("local rules: %w", err))
	}
	rules, err := match.ParseRules(string(text))
	if err != nil {
		return l.broken(fmt.Errorf("local rules in %s: %w", l.path, err))
	}
	l.text = text
	l.current.Store(&rules)
	l.problem.Store(nil)
	return nil
}

func (l *localRules) broken(err error) error {
	sentence := err.Error()
	l.problem.Store(&sentence)
	return err
}

func stampOf(path string) (fileStamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileStamp{}, err
	}
	return fileStamp{info.ModTime(), info.Size()}, nil
}

// watch reads the file again when it changed and when reload says so, until ctx ends.
func (l *localRules) watch(ctx context.Context, reload <-chan os.Signal, log *slog.Logger) {
	if l.path == "" {
		return
	}
	tick := time.NewTicker(rulesPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-reload:
			l.reload(log)
		case <-tick.C:
			stamp, err := stampOf(l.path)
			gone := errors.Is(err, fs.ErrNotExist) && l.problem.Load() == nil
			if gone || err == nil && stamp != l.stamp {
				l.reload(log)
			}
		}
	}
}

func (l *localRules) reload(log *slog.Logger) {
	before := l.text
	if err := l.load(); err != nil {
		log.Error("local rules are wrong: the ones read before stay in force", "error", err)
		return
	}
	if !bytes.Equal(before, l.text) {
		log.Info("local rules read", "file", l.path, "rules", l.rules().Len())
	}
}
