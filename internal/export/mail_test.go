package export_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"postern/internal/export"
	"postern/internal/fault"
)

func mailTo(address, scheme string) export.Config {
	return export.Config{Kind: export.KindMail, URL: scheme + "://" + address,
		Mail: export.Mail{Name: "Ops", Admin: "https://admin.access.example.com", From: "postern@example.com", To: []string{"ada@example.com", "bob@example.com"}}}
}

// alerts gives the news of so many alerts.
func alerts(count int, state string) (list []export.Event) {
	for i := range count {
		data := fmt.Sprintf(`{"id":"alr_%d","seq":%d,"state":%q,"code":"group-down","severity":"error","objectName":"hq-%d","groupName":"Zürich",`+
			`"sentence":"Nobody carries group Zürich.","cure":"Start one.","opened":"2026-11-01T12:00:00Z","resolved":"2026-11-01T12:30:00Z"}`, i, i+1, state, i)
		list = append(list, export.Event{Stream: "alerts", ID: fmt.Sprintf("alr_%d.%d", i, i+1), Seq: uint64(i + 1), Time: at, Summary: "s", Data: json.RawMessage(data)})
	}
	return list
}

// readMail parses what arrived as a mail program does.
func readMail(t *testing.T, data string) (mail.Header, string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, data)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, strings.ReplaceAll(string(body), "\r\n", "\n")
}

func subjectOf(t *testing.T, h mail.Header) string {
	t.Helper()
	subject, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return subject
}

// TestMailArrives: by each way into a mail server, with TLS that was checked.
func TestMailArrives(t *testing.T) {
	tests := []struct{ scheme, how string }{{"smtps", "PLAIN"}, {"smtps", "LOGIN"}, {"smtps", ""}, {"smtp", "PLAIN"}, {"smtp", "LOGIN"}, {"smtp", ""}, {"smtp+plain", ""}}
	for _, test := range tests {
		t.Run(test.scheme+" "+test.how, func(t *testing.T) {
			secure, roots := certificate(t)
			server := startMail(t, test.scheme, secure)
			server.how = test.how
			cfg := mailTo(server.address, test.scheme)
			user := ""
			if test.how != "" {
				user = mailUser
				cfg.Mail.User, cfg.Secret = mailUser, []byte(mailPassword)
			}
			s := sender(t, cfg, server.address, roots)
			if err := s.Send(t.Context(), alerts(1, "open")); err != nil {
				t.Fatal(err)
			}
			got := server.mails()
			if len(got) != 1 || got[0].from != "postern@example.com" || !slices.Equal(got[0].to, cfg.Mail.To) || got[0].user != user {
				t.Fatalf("%+v", got)
			}
			if answer := s.(interface{ Answer() string }).Answer(); !strings.HasPrefix(answer, "250 ") {
				t.Errorf("answer %q", answer)
			}
		})
	}
}

func TestMailText(t *testing.T) {
	tests := []struct {
		name    string
		batch   []export.Event
		subject string
		has     []string
		hasNot  []string
	}{
		{"one begins", alerts(1, "open"), "Postern access.example.com: Error in Zürich/hq-0: Nobody carries group Zürich.",
			[]string{"ERROR  Zürich/hq-0\nNobody carries group Zürich.\nWhat to do: Start one.\nSince 2026-11-01 12:00:00 UTC. [group-down alr_0]\n",
				"Admin center: https://admin.access.example.com\n", `export "Ops" of postern-test`}, []string{"more"}},
		{"one is over", alerts(1, "resolved"), "Postern access.example.com: Over in Zürich/hq-0: Nobody carries group Zürich.",
			[]string{"OVER  Zürich/hq-0\n", "From 2026-11-01 12:00:00 UTC to 2026-11-01 12:30:00 UTC."}, []string{"What to do"}},
		{"an event", alerts(1, "event"), "Postern access.example.com: Error in Zürich/hq-0: Nobody carries group Zürich.", []string{"At 2026-11-01 12:00:00 UTC."}, nil},
		{"many at once", append(alerts(70, "open"), alerts(2, "resolved")...), "Postern access.example.com: 70 errors, 2 over (Zürich/hq-0, Zürich/hq-1, Zürich/hq-2, …)",
			[]string{"hq-49\n", "… and 22 more: postern alerts list\n"}, []string{"hq-50\n"}},
		{"a test", []export.Event{{Stream: "test", ID: "exp_1", Time: at, Summary: "Postern sends logs here", Data: json.RawMessage(`{"test":true}`)}},
			"Postern access.example.com: Test: Postern sends logs here", []string{"TEST\nPostern sends logs here\n"}, []string{"What to do"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := startMail(t, "smtp+plain", nil)
			if err := sender(t, mailTo(server.address, "smtp+plain"), server.address, nil).Send(t.Context(), test.batch); err != nil {
				t.Fatal(err)
			}
			header, body := readMail(t, server.mails()[0].data)
			if got := subjectOf(t, header); got != test.subject {
				t.Errorf("subject %q", got)
			}
			for _, text := range test.has {
				if !strings.Contains(body, text) {
					t.Errorf("%q is missing in\n%s", text, body)
				}
			}
			for _, text := range test.hasNot {
				if strings.Contains(body, text) {
					t.Errorf("%q is in\n%s", text, body)
				}
			}
			to, err := header.AddressList("To")
			if err != nil || len(to) != 2 || to[1].Address != "bob@example.com" || header.Get("Auto-Submitted") != "auto-generated" || header.Get("Message-ID") == "" {
				t.Errorf("%v %v", header, err)
			}
			if date, err := header.Date(); err != nil || !date.Equal(at.Truncate(1e9)) {
				t.Errorf("date %v, %v", date, err)
			}
		})
	}
}

// TestMailThreads: the mail that something is over belongs to that which said that it began; a mail that comes twice has one name.
func TestMailThreads(t *testing.T) {
	server := startMail(t, "smtp+plain", nil)
	s := sender(t, mailTo(server.address, "smtp+plain"), server.address, nil)
	over := alerts(1, "resolved")
	over[0].ID = "alr_0.9"
	for _, batch := range [][]export.Event{alerts(1, "open"), alerts(1, "open"), over} {
		if err := s.Send(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	var ids, threads []string
	for _, m := range server.mails() {
		header, _ := readMail(t, m.data)
		ids, threads = append(ids, header.Get("Message-ID")), append(threads, header.Get("References"))
	}
	if len(ids) != 3 || ids[0] != ids[1] || ids[0] == ids[2] || threads[0] == "" || threads[0] != threads[2] {
		t.Errorf("ids %q, threads %q", ids, threads)
	}
}

// TestMailInjection: nothing that an alert or a name says becomes a line of the header, a command or the end of the mail.
func TestMailInjection(t *testing.T) {
	server := startMail(t, "smtp+plain", nil)
	cfg := mailTo(server.address, "smtp+plain")
	cfg.Mail.Name = "Ops\r\nBcc: eve@example.com"
	evil := "x\r\nBcc: eve@example.com\r\n\r\n.\r\nMAIL FROM:<eve@example.com>\r\n..\u2028\x00" + strings.Repeat("long ", 400)
	data, err := json.Marshal(map[string]any{"id": "alr_1\r\nBcc: eve@example.com", "state": "open", "severity": evil, "objectName": evil, "groupName": evil, "sentence": evil, "cure": evil, "code": evil})
	if err != nil {
		t.Fatal(err)
	}
	batch := []export.Event{{Stream: "alerts", ID: "alr_1.1\r\nBcc: eve@example.com", Time: at, Data: data}}
	dot := []export.Event{{Stream: "alerts", ID: "alr_2.2", Time: at, Data: json.RawMessage(`{"id":"alr_2","state":"open","sentence":"."}`)}}
	s := sender(t, cfg, server.address, nil)
	if err := errors.Join(s.Send(t.Context(), batch), s.Send(t.Context(), dot)); err != nil {
		t.Fatal(err)
	}
	got := server.mails()
	if len(got) != 2 || got[0].from != "postern@example.com" || len(got[0].to) != 2 {
		t.Fatalf("%+v", got)
	}
	header, body := readMail(t, got[0].data)
	if header.Get("Bcc") != "" || strings.Contains(body, "\nMAIL FROM") || !strings.Contains(body, "MAIL FROM:<eve@example.com>") {
		t.Errorf("%v\n%s", header, body)
	}
	if _, body := readMail(t, got[1].data); !strings.Contains(body, "\n.\nSince ") {
		t.Errorf("a line with a dot: %s", body)
	}
	for name := range header {
		if !slices.Contains([]string{"From", "To", "Subject", "Date", "Message-Id", "References", "Auto-Submitted", "X-Auto-Response-Suppress", "Mime-Version", "Content-Type",
			"Content-Transfer-Encoding", "Importance"}, name) {
			t.Errorf("a line of the header that nobody meant: %s", name)
		}
	}
	for line := range strings.SplitSeq(got[0].data, "\n") {
		if len(line) > 998 {
			t.Errorf("a line of %d bytes: %.60q", len(line), line)
		}
	}
}

// TestMailRefused: what a server refuses is told with its words, and what will not pass by itself is told from what may.
func TestMailRefused(t *testing.T) {
	gone := &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user here"}
	later := &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "come back later"}
	on := func(command, argument string, err error) func(string, string) error {
		return func(c, a string) error {
			if c == command && strings.Contains(a, argument) {
				return err
			}
			return nil
		}
	}
	tests := []struct {
		name    string
		refuse  func(string, string) error
		user    string
		want    string // of the error; empty: none
		verdict bool
		taken   bool
		mails   int
	}{
		{"the sender", on("MAIL", "", gone), "", "refuses the sender postern@example.com: 550 5.1.1 no such user here", true, false, 0},
		{"the sender, for now", on("MAIL", "", later), "", "come back later", false, false, 0},
		{"all recipients", on("RCPT", "", gone), "", "refuses the recipient bob@example.com: 550", true, false, 0},
		{"one recipient", on("RCPT", "ada@", gone), "", "took the mail, but not for ada@example.com (550 5.1.1 no such user here)", true, true, 1},
		{"the mail, for now", on("DATA", "", later), "", "refuses the mail: 451", false, false, 0},
		{"the mail", on("DATA", "", gone), "", "refuses the mail: 550", true, false, 0},
		{"what the mail says", on("DATA", "Nobody carries", gone), "", "", false, false, 1},
		{"a password that is wrong", on("", "", nil), mailUser, "does not let the user sign in: 535", true, false, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			secure, roots := certificate(t)
			server := startMail(t, "smtps", secure)
			server.refuse, server.how = test.refuse, "PLAIN"
			cfg := mailTo(server.address, "smtps")
			cfg.Mail.User, cfg.Secret = test.user, []byte("not the password")
			err := sender(t, cfg, server.address, roots).Send(t.Context(), alerts(1, "open"))
			verdict, is := errors.AsType[*export.Verdict](err)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) || is != test.verdict || is && verdict.Taken != test.taken {
				t.Errorf("%v (%v)", err, is)
			}
			if err != nil && (strings.Contains(err.Error(), "not the password") || fault.Is(err, fault.KindInternal)) {
				t.Errorf("%v", err)
			}
			if got := server.mails(); len(got) != test.mails {
				t.Errorf("%d mails arrived", len(got))
			}
		})
	}
}

// TestMailBare: a server that does not take what a mail says takes that there are alerts, and why that is all.
func TestMailBare(t *testing.T) {
	server := startMail(t, "smtp+plain", nil)
	server.refuse = func(command, argument string) error {
		if command == "DATA" && strings.Contains(argument, "Nobody carries") {
			return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "looks like spam"}
		}
		return nil
	}
	if err := sender(t, mailTo(server.address, "smtp+plain"), server.address, nil).Send(t.Context(), alerts(3, "open")); err != nil {
		t.Fatal(err)
	}
	header, body := readMail(t, server.mails()[0].data)
	if got := subjectOf(t, header); got != "Postern access.example.com: news of 3 alerts" || !strings.Contains(body, "looks like spam") {
		t.Errorf("%q\n%s", got, body)
	}
}

// TestMailWithoutTLS: without TLS that was checked, not even the sender's name is said.
func TestMailWithoutTLS(t *testing.T) {
	secure, roots := certificate(t)
	tests := []struct {
		name, scheme, server string
		roots                *x509.CertPool
		want                 string
	}{
		{"no STARTTLS", "smtp", "smtp+plain", roots, "offers no STARTTLS, and nothing is sent without TLS"},
		{"STARTTLS of a stranger", "smtp", "smtp", x509.NewCertPool(), "is not trusted: no authority that we trust issued it"},
		{"TLS of a stranger", "smtps", "smtps", x509.NewCertPool(), "is not trusted: no authority that we trust issued it"},
		{"no TLS", "smtps", "smtp+plain", roots, "does not speak TLS"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := startMail(t, test.server, secure)
			server.how = "PLAIN"
			cfg := mailTo(server.address, test.scheme)
			cfg.Mail.User, cfg.Secret = mailUser, []byte(mailPassword)
			err := sender(t, cfg, server.address, test.roots).Send(t.Context(), alerts(1, "open"))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v", err)
			}
			if len(server.seen) > 0 {
				t.Errorf("said all the same: %q", server.seen)
			}
		})
	}
}

// TestMailServerThatIsNone: whoever answers instead of a mail server is told from one, and may not say more than it takes.
func TestMailServerThatIsNone(t *testing.T) {
	tests := []struct {
		name  string
		serve func(net.Conn) []byte
		want  string
	}{
		{"a web server", func(c net.Conn) []byte { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n"); return readAll(c) }, "does not speak SMTP"},
		{"one that hangs up", func(c net.Conn) []byte { c.Close(); return nil }, "was lost"},
		{"one that never ends", func(c net.Conn) []byte {
			line := strings.Repeat("x", 4096)
			for {
				if _, err := io.WriteString(c, line); err != nil {
					c.Close()
					return nil
				}
			}
		}, "was lost"},
		{"one that refuses everybody", func(c net.Conn) []byte { io.WriteString(c, "554 no service for you\r\n"); return readAll(c) }, "554 no service for you"},
		{"one that offers nothing to sign in by", func(c net.Conn) []byte {
			io.WriteString(c, "220 hello\r\n250-hello\r\n250 AUTH GSSAPI\r\n")
			return readAll(c)
		}, `it offers "GSSAPI"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address, _ := listen(t, nil, test.serve)
			cfg := mailTo(address, "smtp+plain")
			cfg.Mail.User, cfg.Secret = mailUser, []byte(mailPassword) // which access allows with TLS only; here it makes us ask for a way to sign in
			err := sender(t, cfg, address, nil).Send(t.Context(), alerts(1, "open"))
			if err == nil || !strings.Contains(err.Error(), test.want) || fault.Is(err, fault.KindInternal) {
				t.Errorf("%v", err)
			}
		})
	}
}
