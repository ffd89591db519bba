package control_test

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/wire"
)

// mailbox is a mail server that speaks TLS from the first byte, lets postern sign in by the password hush, and has no user gone@example.com.
type mailbox struct {
	address, ca string

	mu   sync.Mutex // guards got
	got  []string
	down bool
}

func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	web.Close()
	m := &mailbox{ca: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}))}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailing{m}, nil }))
	server.Domain, server.ErrorLog = "mail.example.com", log.New(io.Discard, "", 0)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	m.address = l.Addr().String()
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-done })
	return m
}

func (m *mailbox) mails() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.got...)
}

func (m *mailbox) fail(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

type mailing struct{ *mailbox }

func (m *mailing) Reset()                   {}
func (m *mailing) Logout() error            { return nil }
func (m *mailing) AuthMechanisms() []string { return []string{"PLAIN"} }

func (m *mailing) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "postern" || password != "hush" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (m *mailing) Mail(string, *smtp.MailOptions) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return &smtp.SMTPError{Code: 451, Message: "not now"}
	}
	return nil
}

func (m *mailing) Rcpt(to string, _ *smtp.RcptOptions) error {
	if to == "gone@example.com" {
		return &smtp.SMTPError{Code: 550, Message: "no such user"}
	}
	return nil
}

func (m *mailing) Data(from io.Reader) error {
	data, err := io.ReadAll(from)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got = append(m.got, string(data))
	return err
}

func (m *mailbox) export(name string, to ...string) control.NewExport {
	return control.NewExport{Secret: []byte("hush"), Export: access.Export{Name: name, Kind: access.ExportMail, URL: "smtps://" + m.address, CA: m.ca,
		Streams: []access.ExportStream{access.StreamAlerts}, AllowLoopback: true, From: "postern@example.com", To: to, User: "postern"}}
}

// TestAlertsByMail: the first news goes at once, what follows within minutes in one mail; a mail server that is away delays and loses nothing.
func TestAlertsByMail(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		m := newMailbox(t)
		made := given(k.CreateExport(t.Context(), k.owner, m.export("Ops", "ada@example.com")))(t)
		if strings.Contains(k.everything(), "hush") {
			t.Error("the password lies open in the database")
		}
		answer, err := k.TestExport(t.Context(), k.owner, made.ID)
		if err != nil || !strings.HasPrefix(answer, "250 ") || len(m.mails()) != 1 {
			t.Fatalf("the test: %q, %v, %d mails", answer, err, len(m.mails()))
		}
		a := k.enrol()
		must(t, 0, second(k.Renew(t.Context(), anyone(), a.signed(t, wire.PurposeRenew, newKey(t), nil))))
		k.pass(25 * time.Hour)
		if _, err := k.Renew(t.Context(), anyone(), a.signed(t, wire.PurposeRenew, newKey(t), nil)); err == nil {
			t.Fatal("the copy is good")
		}
		eventually(t, "the first mail", func() bool { return len(m.mails()) == 2 && k.waiting(made.ID) == 0 })
		if got := m.mails()[1]; !strings.Contains(got, "credential-cloned") {
			t.Errorf("%s", got)
		}
		m.fail(true)
		k.Miss(t.Context(), 10*day, true)
		k.settled()
		k.here(a.id(), 1)
		eventually(t, "two more to be collected", func() bool {
			return len(k.alerts("connector-archived", "")) == 1 && len(k.alerts("connector-returned", "")) == 1 && k.waiting(made.ID) >= 2
		})
		k.pass(6 * time.Minute)
		eventually(t, "the failure to show", func() bool {
			now := given(k.Export(t.Context(), k.owner, made.ID))(t)
			return strings.Contains(now.States[0].Error, "not now")
		})
		m.fail(false)
		eventually(t, "the second mail", func() bool { return k.waiting(made.ID) == 0 })
		got := m.mails()
		if len(got) != 3 || !strings.Contains(got[2], "connector-archived") || !strings.Contains(got[2], "connector-returned") {
			t.Errorf("%d mails: %s", len(got), got[len(got)-1])
		}
	})
}

// waiting tells how many alerts a destination has not got yet, once it has no failure.
func (k *kit) waiting(id access.ID) int64 {
	k.t.Helper()
	return given(k.Export(k.t.Context(), k.owner, id))(k.t).States[0].Waiting
}

// TestMailForSome: who has a mail does not get it again because somebody else's address is wrong; that is told.
func TestMailForSome(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		m := newMailbox(t)
		made := given(k.CreateExport(t.Context(), k.owner, m.export("Ops", "ada@example.com", "gone@example.com")))(t)
		if _, err := k.TestExport(t.Context(), k.owner, made.ID); err == nil || !strings.Contains(err.Error(), "not for gone@example.com (550") {
			t.Errorf("the test: %v", err)
		}
		k.enrol()
		k.Miss(t.Context(), 10*day, true)
		eventually(t, "the failure to show", func() bool {
			now := given(k.Export(t.Context(), k.owner, made.ID))(t)
			return now.States[0].Waiting == 0 && strings.Contains(now.States[0].Error, "not for gone@example.com")
		})
		if got := m.mails(); len(got) != 2 {
			t.Errorf("%d mails", len(got))
		}
		k.pass(6 * time.Minute)
		eventually(t, "health to tell", func() bool {
			for _, f := range k.Findings(t.Context()) {
				if f.Code == "export-failing" {
					return true
				}
			}
			k.Alert(t.Context())
			return false
		})
	})
}

func TestMailRefused(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		rows := []struct {
			name, secret string
			change       func(e *access.Export)
			field        string
		}{
			{"another log", "", func(e *access.Export) { e.Streams = append(e.Streams, access.StreamAudit) }, "streams"},
			{"a web server", "", func(e *access.Export) { e.URL = "https://mail.example.com/" }, "url"},
			{"no port", "", func(e *access.Export) { e.URL = "smtps://mail.example.com" }, "url"},
			{"a password in the URL", "", func(e *access.Export) { e.URL = "smtps://a:b@mail.example.com:465" }, "url"},
			{"nobody", "", func(e *access.Export) { e.To = nil }, "to"},
			{"too many", "", func(e *access.Export) { e.To = strings.Split(strings.Repeat("a@b.example ", 21), " ") }, "to"},
			{"somebody twice", "", func(e *access.Export) { e.To = []string{"a@b.example", "a@b.example"} }, "to[1]"},
			{"two in one", "", func(e *access.Export) { e.To = []string{"a@b.example,c@d.example"} }, "to[0]"},
			{"a line", "", func(e *access.Export) { e.To = []string{"a@b.example\r\nBcc: c@d.example"} }, "to[0]"},
			{"a command", "", func(e *access.Export) { e.To = []string{"a@b.example>"} }, "to[0]"},
			{"an empty one", "", func(e *access.Export) { e.To = []string{""} }, "to[0]"},
			{"a sender with a name", "", func(e *access.Export) { e.From = "Postern <a@b.example>" }, "from"},
			{"a sender of other letters", "", func(e *access.Export) { e.From = "ä@b.example" }, "from"},
			{"no sender", "", func(e *access.Export) { e.From = "" }, "from"},
			{"a user with a line", "", func(e *access.Export) { e.User = "a\nb" }, "user"},
			{"a user without TLS", "", func(e *access.Export) { e.URL = "smtp+plain://mail.example.com:25" }, "user"},
			{"a password without a user", "s", func(e *access.Export) { e.User = "" }, "user"},
			{"recipients of syslog", "", func(e *access.Export) { e.Kind, e.URL = access.ExportSyslog, "tls://logs.example.com:6514" }, "to"},
			{"an array", "", func(e *access.Export) { e.Array = true }, "array"},
		}
		for _, row := range rows {
			e := access.Export{Name: "x", Kind: access.ExportMail, URL: "smtp://mail.example.com:587", Streams: []access.ExportStream{access.StreamAlerts},
				From: "postern@example.com", To: []string{"ada@example.com"}, User: "postern"}
			row.change(&e)
			_, err := k.CreateExport(t.Context(), k.owner, control.NewExport{Export: e, Secret: []byte(row.secret)})
			if !fault.Is(err, fault.KindInvalid) || !strings.HasPrefix(err.Error(), row.field+" ") {
				t.Errorf("%s: %v", row.name, err)
			}
		}
		m := newMailbox(t)
		made := given(k.CreateExport(t.Context(), k.owner, m.export("Ops", "ada@example.com")))(t)
		moved := made
		moved.URL = "smtp://evil.example:587"
		_, err := k.UpdateExport(t.Context(), k.owner, moved)
		wantKind(t, err, fault.KindConflict) // the password would go there
		nobody := made
		nobody.User = ""
		_, err = k.UpdateExport(t.Context(), k.owner, nobody)
		wantKind(t, err, fault.KindInvalid)
		other := made
		other.To = []string{"bob@example.com", "ada@example.com"}
		changed := given(k.UpdateExport(t.Context(), k.owner, other))(t)
		if len(changed.To) != 2 || changed.To[0] != "bob@example.com" || !changed.HasSecret {
			t.Errorf("%+v", changed)
		}
	})
}
