package client_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/client"
	"postern/internal/client/flow"
	"postern/internal/daemon"
	"postern/internal/fault"
	"postern/internal/local"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// TestControl: what other programs of the user ask the client that runs.
func TestControl(t *testing.T) {
	w := newWorld(t)
	if _, err := client.Connect(t.Context(), t.TempDir()); !errors.Is(err, client.ErrNotRunning) {
		t.Errorf("nobody runs there: %v", err)
	}
	d := w.Device("ada")
	w.ready(d, 1)
	remote := w.remote(t, d)
	if info, err := os.Lstat(filepath.Join(d.State, "control.sock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	status, err := remote.Status(t.Context())
	if err != nil || status.State != client.StateConnected || status.User != "ada" || len(status.Listeners) != 1 || len(status.Tunnels) != 1 {
		t.Errorf("%+v, %v", status, err)
	}
	told, err := remote.Rules(t.Context())
	if err != nil || len(told.Applications) != 1 || told.Applications[0].Name != "lab" || len(told.Applications[0].Segments) != 3 {
		t.Errorf("%+v, %v", told, err)
	}
	for _, test := range []struct {
		to        flow.To
		way, says string
	}{
		{to(t, flow.TCP, "127.0.0.1", w.tcp.port), client.WayTunnel, `"lab"`},
		{to(t, flow.UDP, "LocalHost", 9), client.WayTunnel, `"lab"`},
		{to(t, flow.TCP, "other.example", 9), client.WayBlocked, "no application"},
	} {
		if got, err := remote.Explain(t.Context(), test.to); err != nil || got.Way != test.way || !strings.Contains(got.Why, test.says) {
			t.Errorf("%s: %+v, %v", test.to, got, err)
		}
	}
	if until, err := remote.Pause(t.Context(), time.Minute); err != nil || time.Until(until) <= 0 || d.Status().State != client.StatePaused {
		t.Errorf("%v, %v", until, err)
	}
	if _, err := remote.Pause(t.Context(), 25*time.Hour); !fault.Is(err, fault.KindInvalid) {
		t.Errorf("too long a pause: %v", err)
	}
	if _, err := remote.Pause(t.Context(), 0); err != nil || d.Status().State != client.StateConnected {
		t.Errorf("%v", err)
	}
	if _, err := remote.Open(t.Context(), to(t, flow.TCP, "other.example", 9)); !fault.Is(err, fault.KindForbidden) {
		t.Errorf("nobody's: %v", err)
	}
	if _, err := remote.Open(t.Context(), to(t, flow.TCP, "127.0.0.1", w.free)); code(err) != "connection-refused" {
		t.Errorf("nobody listens: %v", err)
	}
	open := must(remote.Open(t.Context(), to(t, flow.TCP, "127.0.0.1", w.tcp.port)))(t)
	_, _ = open.Stream.Write([]byte("1234567"))
	_, _ = io.ReadFull(w.tcp.next(t), make([]byte, 7))
	if list, err := remote.Flows(t.Context()); err != nil || len(list) != 1 || list[0].Name != "lab" || list[0].Out != 7 || list[0].Request != open.Request || list[0].Network != flow.TCP {
		t.Errorf("%+v, %v", list, err)
	}
	open.Close()
	w.Await("the flow to be over", func() bool { return len(d.Flows()) == 0 })
	u := must(remote.Open(t.Context(), to(t, flow.UDP, "127.0.0.1", w.udp)))(t)
	_ = u.Stream.SendDatagram([]byte("hello"))
	if got, err := u.Stream.ReceiveDatagram(t.Context()); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	if list := d.Flows(); len(list) != 1 || list[0].Network != flow.UDP || list[0].In != 5 || list[0].Out != 5 {
		t.Errorf("%+v", list)
	}
	u.Close()
}

func journalLog(j *client.Journal) *slog.Logger {
	return slog.New(j.Handler(slog.DiscardHandler, daemon.Redact))
}

// TestLogs: what was logged is kept, without secrets, and the next is waited for.
func TestLogs(t *testing.T) {
	j := client.NewJournal(3)
	if list, _ := j.After(0, 10); list != nil {
		t.Errorf("%+v", list)
	}
	w := newWorld(t)
	d := w.Device("ada", func(c *client.Config) { c.Journal = j })
	remote := w.remote(t, d)
	log := journalLog(j)
	for _, word := range []string{"one", "two", "three", "four"} {
		log.Info(word, "token", "secret-"+word, "count", 1)
	}
	list, err := remote.Logs(t.Context(), 0, 2, 0)
	if err != nil || len(list) != 2 || list[0].Message != "three" || list[1].Number != 4 || list[1].Fields[0].Value != "[redacted]" || list[1].Fields[1].Value != "1" {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err = remote.Logs(t.Context(), 0, 100, 0); err != nil || len(list) != 3 {
		t.Errorf("%+v, %v", list, err)
	}
	waited := make(chan []client.Record, 1)
	go func() {
		list, _ := remote.Logs(t.Context(), 4, 100, patience) // what went wrong is missed below
		waited <- list
	}()
	log.Warn("five")
	if list := <-waited; len(list) != 1 || list[0].Message != "five" || list[0].Level != "WARN" {
		t.Errorf("%+v", list)
	}
}

// TestNastyPrograms: whatever a program says on the control socket, the others are served.
func TestNastyPrograms(t *testing.T) {
	w := newWorld(t)
	d := w.Device("ada")
	w.ready(d, 1)
	remote := w.remote(t, d)
	ask := func(payload, body string) error {
		conn := must(local.Dial(t.Context(), d.State, "control.sock"))(t)
		s := must(tunnel.New(tunnel.Config{Conn: conn, Dialler: true}))(t)
		ended := make(chan struct{})
		go func() { defer close(ended); _ = s.Run(context.Background()) }()
		defer func() { _ = s.Close(); <-ended }()
		st := must(s.Open(t.Context(), []byte(payload)))(t)
		defer st.Close()
		_, _ = st.Write([]byte(body))
		_ = st.CloseWrite()
		_ = st.SetReadDeadline(time.Now().Add(patience))
		_, err := io.ReadAll(st)
		return err
	}
	for _, test := range []struct{ payload, body string }{
		{"", ""}, {"nonsense", ""}, {`{"kind":"dial"}`, ""}, {`{"kind":"ask","question":"none"}`, "{}"}, {`{"kind":"ask","question":"explain"}`, "nonsense"},
		{`{"kind":"ask","question":"explain"}`, `{"network":"tcp","host":"127.1","port":1}`}, {`{"kind":"ask","question":"pause"}`, `{"for":-1}`},
		{`{"kind":"ask","question":"logs"}`, `[]`}, {`{"kind":"ask","question":"status"}`, strings.Repeat("x", wire.MaxAsk+1)},
		{`{"kind":"flow","network":"both","host":"127.0.0.1","port":1}`, ""}, {`{"kind":"flow","network":"tcp","host":"","port":1}`, ""},
		{`{"kind":"flow","network":"tcp","host":"127.0.0.1","port":0}`, ""},
	} {
		if err := ask(test.payload, test.body); err == nil {
			t.Errorf("%q with %.20q was answered", test.payload, test.body)
		}
	}
	conn := must(local.Dial(t.Context(), d.State, "control.sock"))(t)
	_, _ = conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("somebody who speaks something else is still listened to")
	}
	_ = conn.Close()
	if _, err := remote.Status(t.Context()); err != nil {
		t.Error(err)
	}
}
