package control_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
)

// receiver is a syslog server over TCP that keeps the entries it has read to the end.
type receiver struct {
	t        *testing.T
	address  string
	listener net.Listener
	all      sync.WaitGroup

	mu  sync.Mutex // guards the rest
	got map[string][]exported
}

type exported struct {
	ID     string `json:"id"`
	Seq    uint64 `json:"seq"`
	Action string `json:"action"`
	Event  string `json:"event"`
	Hash   string `json:"hash"`
	Code   string `json:"code"`
	State  string `json:"state"`
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, got: map[string][]exported{},
		address: fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))} // nobody else takes the port while it is stopped
	r.start()
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *receiver) start() {
	r.t.Helper()
	l, err := net.Listen("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.listener, r.address = l, l.Addr().String()
	r.all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			data, err := io.ReadAll(conn)
			if err == nil {
				r.take(string(data))
			}
			conn.Close()
		}
	})
}

func (r *receiver) stop() {
	r.listener.Close()
	r.all.Wait()
}

func (r *receiver) take(data string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for data != "" {
		length, rest, _ := strings.Cut(data, " ")
		var n int
		if _, err := fmt.Sscan(length, &n); err != nil || n > len(rest) {
			r.t.Errorf("no frame: %.100q", data)
			return
		}
		message := rest[:n]
		data = rest[n:]
		var e exported
		at := strings.Index(message, "] {")
		if err := json.Unmarshal([]byte(message[at+2:]), &e); err != nil {
			r.t.Errorf("%q: %v", message, err)
			return
		}
		stream := strings.Fields(message)[5]
		r.got[stream] = append(r.got[stream], e)
	}
}

// of gives what came of a stream.
func (r *receiver) of(stream string) []exported {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]exported(nil), r.got[stream]...)
}

// inOrder fails the test unless every number from first on came, copies aside.
func inOrder(t *testing.T, list []exported, first uint64) {
	t.Helper()
	for _, e := range list {
		if e.Seq == first {
			first++
		} else if e.Seq > first {
			t.Fatalf("entry %d came and %d did not", e.Seq, first)
		}
	}
}

func (k *kit) export(name, address string, streams ...access.ExportStream) control.Exported {
	k.t.Helper()
	made, err := k.CreateExport(k.t.Context(), k.owner, control.NewExport{Beginning: true, Export: access.Export{Name: name, Kind: access.ExportSyslog,
		URL: "tcp://" + address, Streams: streams, AllowLoopback: true}})
	return must(k.t, made, err)
}

func TestLogsAreSent(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		r := newReceiver(t)
		k.user("ada")
		for range 3 {
			_, _ = k.SignIn(t.Context(), anyone(), control.Credentials{Name: "ada", Password: "wrong"})
		}
		k.signIns(3, control.SignInFilter{})
		e := k.export("SIEM", r.address, access.StreamAudit, access.StreamSignIns)
		last := k.lastAudit("export.create")
		eventually(t, "both logs arrive", func() bool {
			audit, signIns := r.of("audit"), r.of("sign-in")
			return len(audit) > 0 && audit[len(audit)-1].ID == string(last.ID) && len(signIns) >= 3
		})
		inOrder(t, r.of("audit"), 1)
		inOrder(t, r.of("sign-in"), 1)
		if head := r.of("audit")[len(r.of("audit"))-1]; head.Hash != last.Hash {
			t.Errorf("the hash that was sent is %q", head.Hash)
		}

		r.stop() // while nobody listens nothing else is harmed
		for i := range 30 {
			k.user(fmt.Sprint("user", i))
		}
		eventually(t, "the failure shows", func() bool {
			now := given(k.Export(t.Context(), k.owner, e.ID))(t)
			return now.States[0].Error != "" && now.States[0].Waiting >= 30 && !now.States[0].Failing.IsZero()
		})
		r.start()
		last = k.lastAudit("user.create")
		eventually(t, "what waited arrives", func() bool {
			audit := r.of("audit")
			return audit[len(audit)-1].ID == string(last.ID)
		})
		inOrder(t, r.of("audit"), 1)
		eventually(t, "the failure is over", func() bool {
			now := given(k.Export(t.Context(), k.owner, e.ID))(t)
			return now.States[0].Error == "" && now.States[0].Waiting == 0 && now.States[0].Seq == last.Seq
		})
		k.whole()
	})
}

// TestNextServiceGoesOnSending ends the service between two batches and lets another go on.
func TestNextServiceGoesOnSending(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		r := newReceiver(t)
		k.export("SIEM", r.address, access.StreamAudit)
		eventually(t, "the first entries arrive", func() bool { return len(r.of("audit")) > 0 })
		k.stop()
		before := len(r.of("audit"))
		for i := range 5 { // changes go on while nobody sends
			if _, err := k.CreateUser(t.Context(), k.owner, access.User{Name: fmt.Sprint("user", i)}, ""); err != nil {
				t.Fatal(err)
			}
		}
		last := k.lastAudit("user.create")
		k.Control = k.open()
		k.run()
		eventually(t, "the rest arrives", func() bool {
			list := r.of("audit")
			return list[len(list)-1].ID == string(last.ID)
		})
		list := r.of("audit")
		inOrder(t, list, 1)
		if extra := len(list) - int(last.Seq); extra > before {
			t.Errorf("%d entries came twice", extra)
		}
	})
}

func TestExportsRefused(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		good := access.Export{Name: "x", Kind: access.ExportWebhook, URL: "https://logs.example.com/hook", Streams: []access.ExportStream{access.StreamAudit}}
		rows := []struct {
			name, secret string
			change       func(e *access.Export)
			field        string
		}{
			{"no name", "", func(e *access.Export) { e.Name = "" }, "name"},
			{"no such kind", "", func(e *access.Export) { e.Kind = "fax" }, "kind"},
			{"no stream", "", func(e *access.Export) { e.Streams = nil }, "streams"},
			{"a stream twice", "", func(e *access.Export) { e.Streams = append(e.Streams, "audit") }, "streams[1]"},
			{"no such stream", "", func(e *access.Export) { e.Streams[0] = "weather" }, "streams[0]"},
			{"plain HTTP", "", func(e *access.Export) { e.URL = "http://logs.example.com/" }, "url"},
			{"a password in the URL", "", func(e *access.Export) { e.URL = "https://user:secret@logs.example.com/" }, "url"},
			{"a token in the URL", "", func(e *access.Export) { e.URL = "https://logs.example.com/?token=secret" }, "url"},
			{"syslog without a port", "", func(e *access.Export) { e.Kind, e.URL = access.ExportSyslog, "tls://logs.example.com" }, "url"},
			{"a certificate that is none", "", func(e *access.Export) { e.CA = "x" }, "ca"},
			{"an array of OTLP", "", func(e *access.Export) { e.Kind, e.Array = access.ExportOTLP, true }, "array"},
			{"a secret of syslog", "s", func(e *access.Export) { e.Kind, e.URL = access.ExportSyslog, "tls://logs.example.com:6514" }, "secret"},
			{"a token with a line", "a\nb", func(e *access.Export) { e.Kind = access.ExportOTLP }, "secret"},
		}
		for _, row := range rows {
			e := good
			e.Streams = []access.ExportStream{access.StreamAudit}
			row.change(&e)
			_, err := k.CreateExport(t.Context(), k.owner, control.NewExport{Export: e, Secret: []byte(row.secret)})
			if !fault.Is(err, fault.KindInvalid) || !strings.HasPrefix(err.Error(), row.field+" ") {
				t.Errorf("%s: %v", row.name, err)
			}
		}
		made := given(k.CreateExport(t.Context(), k.owner, control.NewExport{Export: good, Secret: []byte("topsecret")}))(t)
		if !made.HasSecret || strings.Contains(fmt.Sprintf("%+v", made), "topsecret") || strings.Contains(k.everything(), "topsecret") {
			t.Errorf("%+v", made)
		}
		elsewhere := made
		elsewhere.URL = "https://evil.example/hook"
		_, err := k.UpdateExport(t.Context(), k.owner, elsewhere)
		wantKind(t, err, fault.KindConflict) // its secret would go there
		other := made
		other.Streams = []access.ExportStream{access.StreamSignIns}
		changed := given(k.UpdateExport(t.Context(), k.owner, other))(t)
		if len(changed.States) != 1 || changed.States[0].Stream != access.StreamSignIns {
			t.Errorf("%+v", changed)
		}
		_, err = k.UpdateExport(t.Context(), k.owner, other)
		wantKind(t, err, fault.KindChanged)
		if err := k.SetExportSecret(t.Context(), k.owner, made.ID, nil); err != nil {
			t.Error(err)
		}
		if _, err := k.TestExport(t.Context(), k.owner, made.ID); err == nil || fault.Is(err, fault.KindInternal) {
			t.Errorf("a test that reaches nobody: %v", err)
		}
		if err := k.DeleteExport(t.Context(), k.owner, made.ID, 0); err != nil {
			t.Error(err)
		}
		_, err = k.Export(t.Context(), k.owner, made.ID)
		wantKind(t, err, fault.KindNotFound)
	})
}

func TestTestOfAnExport(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		r := newReceiver(t)
		e := k.export("SIEM", r.address, access.StreamAudit)
		if _, err := k.TestExport(t.Context(), k.owner, e.ID); err != nil {
			t.Error(err)
		}
		eventually(t, "the test arrives", func() bool { return len(r.of("test")) == 1 })
		r.stop()
		_, err := k.TestExport(t.Context(), k.owner, e.ID)
		wantKind(t, err, fault.KindUnavailable)
		r.start()
	})
}
