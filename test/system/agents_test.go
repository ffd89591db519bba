package system

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"postern/internal/api"
	"postern/internal/connector"
	"postern/internal/posterntest"
	"postern/internal/uplink"
	"postern/internal/wire"
	"postern/test/size"
)

// agentsIn has this test binary be a process with many connectors instead: all that are listed in this directory.
const agentsIn = "POSTERN_TEST_AGENTS"

// agentsNice has that process give way: its connectors stand for machines elsewhere, which would not take this one's processors from the service.
const agentsNice = "POSTERN_TEST_AGENTS_NICE"

// nice lowers the priority of all threads; those to come inherit it.
func nice() {
	threads, _ := filepath.Glob("/proc/self/task/*")
	for _, thread := range threads {
		if id, err := strconv.Atoi(filepath.Base(thread)); err == nil {
			_ = syscall.Setpriority(syscall.PRIO_PROCESS, id, 19)
		}
	}
}

// runAgents enrols the connectors of a directory, if they are not, and runs them until standard input ends. It prints each configuration
// that one of them got.
func runAgents(dir string) int {
	if os.Getenv(agentsNice) != "" {
		nice()
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		stop()
	}()
	list, err := os.ReadFile(filepath.Join(dir, "tokens"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var all sync.WaitGroup
	turns := make(chan struct{}, 4) // who enrol at once
	for line := range strings.Lines(string(list)) {
		name, token, _ := strings.Cut(strings.TrimSpace(line), " ")
		all.Go(func() {
			if err := runAgent(ctx, agent{dir, name, token}, turns); err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, name, err)
			}
		})
	}
	all.Wait()
	return 0
}

type agent struct{ dir, name, token string }

func runAgent(ctx context.Context, a agent, turns chan struct{}) error {
	dialer, err := uplink.New(uplink.Config{Proxy: "direct"})
	if err != nil {
		return err
	}
	host := wire.Host{MachineName: a.name, OS: "linux", Arch: "amd64", Program: "test"}
	state := filepath.Join(a.dir, a.name)
	if _, err := os.Stat(state); err != nil {
		token, err := wire.ParseEnrolmentToken(a.token)
		if err != nil {
			return err
		}
		turns <- struct{}{}
		err = enrolPatiently(ctx, connector.Enrolment{State: state, Token: token, Name: a.name, Dialer: dialer, Host: host, Log: slog.New(slog.DiscardHandler)})
		<-turns
		if err != nil {
			return err
		}
	}
	c, err := connector.New(connector.Config{State: state, Rules: filepath.Join(a.dir, "rules"), Dialer: dialer, Host: host, Drain: time.Second,
		Log: slog.New(&deliveries{name: a.name})})
	if err != nil {
		return err
	}
	return c.Run(ctx)
}

// enrolPatiently tries again, as the program does: one address may only enrol so many in a second, and a busy machine takes its time.
func enrolPatiently(ctx context.Context, e connector.Enrolment) error {
	for {
		if _, err := connector.Enrol(ctx, e); err == nil {
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// deliveries prints the configurations that a connector logs.
type deliveries struct{ name string }

func (d *deliveries) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}
func (d *deliveries) WithAttrs([]slog.Attr) slog.Handler { return d }
func (d *deliveries) WithGroup(string) slog.Handler      { return d }

func (d *deliveries) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "configuration in force" {
		return nil
	}
	version := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "version" {
			version = a.Value.String()
		}
		return true
	})
	_, err := fmt.Printf("configured %s %s %d\n", d.name, version, time.Now().UnixNano())
	return err
}

// A delivery is a configuration that a connector got.
type delivery struct {
	connector string
	version   uint64
	at        time.Time
}

// agents are processes with many connectors each.
type agents struct {
	s         *site
	processes []*process
}

// newAgents makes tokens for so many connectors, evenly in so many processes; those of the first are in a group of their own.
func (s *site) newAgents(count, processes int, group string) *agents {
	s.t.Helper()
	program, err := os.Executable()
	if err == nil {
		err = os.Symlink(program, filepath.Join(programs, "agents"))
	}
	if err != nil && !os.IsExist(err) {
		s.t.Fatal(err)
	}
	a := &agents{s: s}
	for p := range processes {
		dir := s.t.TempDir()
		var tokens strings.Builder
		for i := range count / processes {
			in := api.TokenInput{Name: fmt.Sprintf("p%d-%d", p, i)}
			if p == 0 {
				in.ConnectorGroup = group
			}
			token := must(s.API.Tokens.Create(s.t.Context(), in))(s.t)
			fmt.Fprintf(&tokens, "%s %s\n", in.Name, token.Text)
		}
		for name, text := range map[string]string{"tokens": tokens.String(), "rules": "allow 127.0.0.1\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				s.t.Fatal(err)
			}
		}
		process := newProcess(s.t, dir, "agents")
		process.env = []string{agentsIn + "=" + dir}
		if p > 0 && size.Full() { // people go by those of the first; where tests share the machine, they would starve
			process.env = append(process.env, agentsNice+"=1")
		}
		process.input = true
		a.processes = append(a.processes, process)
	}
	return a
}

func (a *agents) start(list ...*process) {
	a.s.t.Helper()
	for _, p := range list {
		p.start()
	}
}

// delivered gives the configurations that came since a moment.
func (a *agents) delivered(since time.Time) (list []delivery) {
	for _, p := range a.processes {
		for line := range strings.Lines(p.printed()) {
			parts := strings.Fields(line)
			if len(parts) != 4 || parts[0] != "configured" {
				continue
			}
			version, _ := strconv.ParseUint(parts[2], 10, 64)
			nanoseconds, _ := strconv.ParseInt(parts[3], 10, 64)
			if at := time.Unix(0, nanoseconds); !at.Before(since) {
				list = append(list, delivery{parts[1], version, at})
			}
		}
	}
	return list
}

// tunnels gives how many tunnels the gateway holds, -1 if it cannot be asked.
func (s *site) tunnels() int {
	ctx, cancel := context.WithTimeout(s.t.Context(), posterntest.Patience)
	defer cancel()
	list, err := s.API.Gateways.List(ctx, api.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		return -1
	}
	return list.Items[0].Tunnels
}

// awaitTunnels waits until the gateway holds so many, and gives how long that took since a moment.
func (s *site) awaitTunnels(want int, since time.Time) time.Duration {
	s.t.Helper()
	for deadline := since.Add(4 * time.Minute); s.tunnels() != want; {
		if time.Now().After(deadline) {
			s.t.Fatalf("%d tunnels, want %d", s.tunnels(), want)
		}
		pause(s.t, 50*time.Millisecond)
	}
	return time.Since(since)
}

// cpu gives how much processor time a process has used.
func (p *process) cpu() time.Duration {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * (time.Second / 100) // USER_HZ is 100 on every architecture that Go runs on
}
