package journal_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/connector/journal"
	"postern/internal/daemon"
	"postern/internal/wire"
)

func lines(t *testing.T, path string) (all []wire.LogEntry) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var e wire.LogEntry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, e)
	}
	return all
}

func TestKeyEventsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "admin.log")
	j := journal.New(journal.Config{Admin: []journal.Output{journal.NewFile(path)}})
	var program bytes.Buffer
	next, err := daemon.NewLog(daemon.LogConfig{Output: &program})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(j.Handler(next.Handler()))
	log.With("gateway", "gtw_1").WithGroup("peer").Info("tunnel up", "address", "192.0.2.1:443", "token", "hunter2")
	log.Info("something of no importance")
	log.Debug("nobody asked for it")
	j.Debug(true)
	log.Debug("somebody asked for it")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	log.Info("tunnel up") // after the end: nothing happens
	kept := lines(t, path)
	if len(kept) != 1 || kept[0].Event != "C120" || kept[0].Severity != "info" {
		t.Fatalf("kept: %+v", kept)
	}
	want := []wire.LogPair{{Name: "gateway", Value: "gtw_1"}, {Name: "peer.address", Value: "192.0.2.1:443"}, {Name: "peer.token", Value: "[redacted]"}}
	if fmt.Sprint(kept[0].Fields) != fmt.Sprint(want) {
		t.Errorf("fields: %v", kept[0].Fields)
	}
	for _, part := range []string{"event=C120", "somebody asked for it"} {
		if !strings.Contains(program.String(), part) {
			t.Errorf("the program's own log has no %q:\n%s", part, program.String())
		}
	}
	if strings.Contains(program.String(), "nobody asked") || strings.Contains(program.String(), "hunter2") {
		t.Errorf("the program's own log says too much:\n%s", program.String())
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the file: %v %v", info.Mode(), err)
	}
	page := j.Read(t.Context(), wire.AskLog{Log: wire.LogProgram})
	if len(page.Entries) != 4 {
		t.Errorf("in memory: %+v", page.Entries)
	}
}

// TestFilesHaveBounds holds the number and size of files, and that two processes may write.
func TestFilesHaveBounds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "session.log")
	one, other := journal.NewFile(path), journal.NewFile(path)
	e := wire.LogEntry{Message: strings.Repeat("x", 1<<20)}
	for range 40 { // twice as much as may be kept
		for _, f := range []*journal.File{one, other} {
			if err := f.Write(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != journal.FileCount {
		t.Fatalf("files: %v %v", files, err)
	}
	for _, name := range files {
		if info, err := os.Stat(name); err != nil || info.Size() > journal.FileSize {
			t.Errorf("%s: %d bytes, %v", name, info.Size(), err)
		}
	}
	if one.Close() != nil || other.Close() != nil {
		t.Error("not closed")
	}
}

func TestFollowing(t *testing.T) {
	j := journal.New(journal.Config{})
	log := slog.New(j.Handler(slog.DiscardHandler))
	j.Debug(true)
	read := func(ask wire.AskLog) wire.LogPage { return j.Read(t.Context(), ask) }
	empty := read(wire.AskLog{Log: wire.LogProgram})
	if len(empty.Entries) != 0 || empty.Instance == "" {
		t.Fatalf("%+v", empty)
	}
	came := make(chan wire.LogPage, 1)
	go func() {
		came <- read(wire.AskLog{Log: wire.LogProgram, Instance: empty.Instance, After: empty.Next, Wait: time.Minute})
	}()
	log.Info("first")
	page := <-came // the wait ends with the entry, or twenty seconds later
	if page = read(wire.AskLog{Log: wire.LogProgram}); len(page.Entries) != 1 || page.Entries[0].Message != "first" {
		t.Fatalf("%+v", page)
	}
	for i := range 3000 {
		log.Info("more", "number", i)
	}
	next := read(wire.AskLog{Log: wire.LogProgram, Instance: page.Instance, After: page.Next, Limit: 10})
	if len(next.Entries) != 10 || next.Missed != 2990 || next.Next != 3001 || next.Entries[9].Fields[0].Value != "2999" {
		t.Errorf("%d entries, %d missed, next %d, %+v", len(next.Entries), next.Missed, next.Next, next.Entries[9])
	}
	if data := wire.Encode(read(wire.AskLog{Log: wire.LogProgram})); len(data) > wire.MaxAsk {
		t.Errorf("an answer of %d bytes", len(data))
	}
	if other := read(wire.AskLog{Log: wire.LogProgram, Instance: "another process", After: 3001, Limit: 5}); len(other.Entries) != 5 {
		t.Errorf("places of another process: %+v", other)
	}
	if none := read(wire.AskLog{Log: "secrets"}); len(none.Entries) != 0 {
		t.Errorf("%+v", none)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if over := j.Read(ctx, wire.AskLog{Log: wire.LogProgram, Instance: page.Instance, After: 3001, Wait: time.Minute}); len(over.Entries) != 0 {
		t.Errorf("%+v", over)
	}
}

func TestTransactions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "session.log")
	j := journal.New(journal.Config{Session: []journal.Output{journal.NewFile(path)}})
	j.Transaction(wire.Record{User: "ada", Session: "ses_1", UserAgent: "browser", ApplicationName: "Wiki", Destination: "wiki:443", Status: 200, Outcome: wire.OutcomeForwarded, Complete: true, Sent: 5})
	j.Transaction(wire.Record{User: "bob", Outcome: wire.OutcomeFailed, Reason: "connection-refused"})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	kept := lines(t, path)
	if len(kept) != 2 || kept[0].Severity != "info" || kept[1].Severity != "warn" || kept[0].Transaction.Session != "" || kept[0].Transaction.UserAgent != "" {
		t.Fatalf("%+v", kept)
	}
	if pairs := fmt.Sprint(kept[0].Pairs()); !strings.Contains(pairs, "{user ada} {application Wiki} {target wiki:443}") {
		t.Errorf("pairs: %s", pairs)
	}
}

// stuck is an output that takes nothing until it is let go.
type stuck struct {
	free chan struct{}
}

func (s *stuck) Write(wire.LogEntry) error { <-s.free; return errors.New("the disk is full") }
func (s *stuck) Close() error              { return nil }

// TestNobodyWaitsForAnOutput holds that logging goes on, and that what was lost is counted and told.
func TestNobodyWaitsForAnOutput(t *testing.T) {
	out := &stuck{free: make(chan struct{})}
	j := journal.New(journal.Config{Admin: []journal.Output{out}})
	log := slog.New(j.Handler(slog.DiscardHandler))
	j.Debug(true)
	for range 5000 {
		log.Info("tunnel up")
	}
	if j.Dropped() == 0 {
		t.Error("nothing was counted")
	}
	close(out.free)
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if p := j.Problem(); !strings.Contains(p, "the admin log cannot be written: the disk is full") {
		t.Errorf("problem: %q", p)
	}
	if j.Dropped() != 5000 {
		t.Errorf("%d of 5000 were counted", j.Dropped())
	}
}

func TestSyslog(t *testing.T) {
	e := wire.LogEntry{Time: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), Severity: "warn", Event: "C124", Message: "connection intercepted"}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	socket := filepath.Join(t.TempDir(), "log")
	unix, err := net.ListenPacket("unixgram", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	send := func(to string) {
		t.Helper()
		out, err := journal.NewSyslog(to, "postern-connector-admin")
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Write(e); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
	}
	says := func(got, prefix string) {
		t.Helper()
		if !strings.HasPrefix(got, prefix) || !strings.Contains(got, `"message":"connection intercepted"`) {
			t.Errorf("%q does not begin with %q", got, prefix)
		}
	}
	packet := make([]byte, 9000)
	send("udp://" + udp.LocalAddr().String())
	n, _, err := udp.ReadFrom(packet)
	if err != nil {
		t.Fatal(err)
	}
	says(string(packet[:n]), "<28>1 2026-11-21T12:00:00.000000Z ")
	send("unix://" + socket)
	if n, _, err = unix.ReadFrom(packet); err != nil {
		t.Fatal(err)
	}
	says(string(packet[:n]), "<28>")

	send("tcp://" + tcp.Addr().String())
	conn, err := tcp.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	var size int
	if _, err := fmt.Fscanf(reader, "%d ", &size); err != nil {
		t.Fatal(err)
	}
	message := make([]byte, size)
	if _, err := io.ReadFull(reader, message); err != nil {
		t.Fatal(err)
	}
	says(string(message), "<28>1 ")
	if rest, err := io.ReadAll(reader); err != nil || len(rest) > 0 {
		t.Errorf("after the message: %q %v", rest, err)
	}
}

func TestOutputsAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"paper": "not \"paper\"", "": "must be off", "udp://": "must name a host", "https://logs.example.com": "udp://, tcp:// or unix://", "eventlog": "which only Windows has",
	} {
		if _, err := journal.Outputs(text, "/state", wire.LogAdmin); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]int{"off": 0, "file": 1, "file, udp://[::1]:514": 2, "unix:///dev/log": 1} {
		if all, err := journal.Outputs(text, "/state", wire.LogAdmin); err != nil || len(all) != want {
			t.Errorf("%q: %d outputs, %v", text, len(all), err)
		}
	}
}

// TestEveryEventIsDocumented holds that docs/connector-logs.md has exactly the events that there are, and that the program says
// their words.
func TestEveryEventIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/connector-logs.md")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, pattern := range []string{"../*.go", "../../../cmd/postern-connector/*.go", "../../supervise/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(text)
		}
	}
	var table strings.Builder
	seen := map[string]bool{}
	for _, e := range journal.Events() {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", e.ID, e.Message, e.Means)
		if seen[e.ID] || seen[e.Message] {
			t.Errorf("%s is there twice", e.ID)
		}
		seen[e.ID], seen[e.Message] = true, true
		if !strings.Contains(code.String(), `"`+e.Message+`"`) {
			t.Errorf("%s: nobody says %q", e.ID, e.Message)
		}
	}
	if !strings.Contains(string(page), table.String()) {
		t.Errorf("docs/connector-logs.md must hold this table:\n%s", table.String())
	}
}
