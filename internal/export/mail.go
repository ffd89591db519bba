package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"postern/internal/fault"
)

// mailer hands alerts to a mail server: one mail for each batch. The server's word that it has a mail is the end of it for us.
//
// TLS is not left to chance: from the first byte (smtps), or by STARTTLS, without which nothing more is said (smtp). Only a URL
// that says so (smtp+plain) goes without, and then without a password, too.
type mailer struct {
	cfg     Config
	scheme  string
	address string // host:port
	host    string
	answer  string // the server's last word on a mail
}

// Mail says whom mails are from and for.
type Mail struct {
	Name  string // of the export, which every mail tells
	Admin string // URL of the admin center
	From  string
	To    []string
	User  string // with whose name and Config.Secret to sign in at the server; empty: not at all
}

// Verdict is an error that sending the same again does not change.
type Verdict struct {
	Err   error // a fault
	Taken bool  // the other side has the batch all the same, though not for everybody
}

// Error gives the sentence.
func (v *Verdict) Error() string { return v.Err.Error() }

// Unwrap gives the fault.
func (v *Verdict) Unwrap() error { return v.Err }

const maxReplies = 256 << 10 // bytes that a server may say about one mail

func (m *mailer) Close() {}

// Answer gives the server's last word on a mail.
func (m *mailer) Answer() string { return m.answer }

func (m *mailer) Send(ctx context.Context, batch []Event) error {
	network := "tcp"
	if m.scheme == "smtps" {
		network = "tls"
	}
	conn, err := m.cfg.Fetch.Dial(ctx, network, m.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(writeWithin))
	server, err := m.enter(ctx, conn)
	if err != nil {
		return err
	}
	missed, err := m.envelope(server)
	if err != nil {
		return err
	}
	if err := m.hand(server, batch); err != nil {
		return err
	}
	_ = server.Quit() // it has the mail: how it parts is its own affair
	if len(missed) > 0 {
		return &Verdict{fault.New(fault.KindUpstream, "%s took the mail, but not for %s", m.address, strings.Join(missed, ", ")), true}
	}
	return nil
}

// bounded reads no more than a server may say.
type bounded struct {
	net.Conn
	from io.Reader
}

func (b bounded) Read(p []byte) (int, error) { return b.from.Read(p) }

// enter greets the server, and goes on only over TLS and, where there is a user, signed in.
func (m *mailer) enter(ctx context.Context, conn net.Conn) (*smtp.Client, error) {
	server, err := smtp.NewClient(bounded{conn, io.LimitReader(conn, maxReplies)}, m.host)
	if err == nil {
		err = server.Hello(m.cfg.Host)
	}
	if err != nil {
		return nil, m.said("greets", err)
	}
	if m.scheme == "smtp" {
		if offered, _ := server.Extension("STARTTLS"); !offered {
			return nil, fault.New(fault.KindUpstream, "%s offers no STARTTLS, and nothing is sent without TLS: if it speaks TLS from the first byte, the URL must start with smtps://", m.address)
		}
		if err := server.StartTLS(m.cfg.Fetch.TLS(m.host)); err != nil {
			if _, answered := errors.AsType[*textproto.Error](err); answered {
				return nil, m.said("answers to STARTTLS", err)
			}
			return nil, m.cfg.Fetch.Explain(ctx, m.address, err)
		}
	}
	if m.cfg.Mail.User == "" {
		return server, nil
	}
	return server, m.signIn(server)
}

func (m *mailer) signIn(server *smtp.Client) error {
	if len(m.cfg.Secret) == 0 {
		return fault.Invalid("secret", "is missing: there is a user, but no password (postern exports secret NAME --secret-file FILE)")
	}
	_, offered := server.Extension("AUTH")
	var how smtp.Auth
	switch ways := strings.Fields(strings.ToUpper(offered)); {
	case slices.Contains(ways, "PLAIN"):
		how = &plain{m.cfg.Mail.User, string(m.cfg.Secret)}
	case slices.Contains(ways, "LOGIN"):
		how = &login{m.cfg.Mail.User, string(m.cfg.Secret)}
	default:
		return fault.New(fault.KindUpstream, "%s lets nobody sign in by PLAIN or LOGIN; it offers %q", m.address, fault.Readable(offered))
	}
	if err := server.Auth(how); err != nil {
		return m.said("does not let the user sign in", err)
	}
	return nil
}

// plain is RFC 4616. TLS was seen to before.
type plain struct{ user, password string }

func (a *plain) Start(*smtp.ServerInfo) (string, []byte, error) {
	return "PLAIN", []byte("\x00" + a.user + "\x00" + a.password), nil
}

func (a *plain) Next(_ []byte, more bool) ([]byte, error) {
	if more {
		return nil, errors.New("it asks on after PLAIN")
	}
	return nil, nil
}

// login is what servers had before PLAIN: user and password, one after the other, whatever they are asked for by.
type login struct{ user, password string }

func (a *login) Start(*smtp.ServerInfo) (string, []byte, error) { return "LOGIN", nil, nil }

func (a *login) Next(_ []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	answer := a.user
	if a.user == "" {
		answer = a.password
	}
	a.user = ""
	return []byte(answer), nil
}

// envelope names sender and recipients, and gives those that the server does not take beside others.
func (m *mailer) envelope(server *smtp.Client) (missed []string, err error) {
	if err := server.Mail(m.cfg.Mail.From); err != nil {
		return nil, m.said("refuses the sender "+m.cfg.Mail.From, err)
	}
	var last error
	for _, to := range m.cfg.Mail.To {
		err := server.Rcpt(to)
		if err == nil {
			continue
		}
		last = m.said("refuses the recipient "+to, err)
		if _, answered := errors.AsType[*textproto.Error](err); !answered {
			return nil, last
		}
		missed = append(missed, to+" ("+words(err)+")")
	}
	if len(missed) == len(m.cfg.Mail.To) {
		return nil, last
	}
	return missed, nil
}

// hand gives the server the mail. One whose content it refuses goes again with nothing in it that could be the reason: it
// still says that there are alerts, and where.
func (m *mailer) hand(server *smtp.Client, batch []Event) error {
	err := m.data(server, m.compose(batch))
	if e, answered := errors.AsType[*textproto.Error](err); answered && e.Code/100 == 5 {
		if _, addressErr := m.envelope(server); addressErr != nil {
			return m.said("refuses the mail", err)
		}
		if m.data(server, m.bare(len(batch), words(err))) == nil {
			return nil
		}
	}
	if err != nil {
		return m.said("refuses the mail", err)
	}
	return nil
}

func (m *mailer) data(server *smtp.Client, mail []byte) error {
	id, err := server.Text.Cmd("DATA")
	if err != nil {
		return err
	}
	server.Text.StartResponse(id)
	_, _, err = server.Text.ReadResponse(354)
	server.Text.EndResponse(id)
	if err != nil {
		return err
	}
	body := server.Text.DotWriter()
	if _, err := io.Copy(body, bytes.NewReader(mail)); err != nil {
		return err
	}
	if err := body.Close(); err != nil {
		return err
	}
	code, text, err := server.Text.ReadResponse(250)
	if err == nil {
		m.answer = words(&textproto.Error{Code: code, Msg: text})
	}
	return err
}

// words gives what a server said, in one line of bounded length.
func words(err error) string {
	text := err.Error()
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		text = fmt.Sprintf("%d %s", answer.Code, answer.Msg)
	}
	text = strings.Join(strings.Fields(text), " ")
	return fault.Readable(text[:min(len(text), 200)])
}

// said makes a fault of what went wrong: of what the server answered, or of the connection.
func (m *mailer) said(what string, err error) error {
	answer, answered := errors.AsType[*textproto.Error](err)
	switch timeout, isNet := errors.AsType[net.Error](err); {
	case answered && answer.Code/100 == 4:
		return fault.Unavailable("%s %s: %s", m.address, what, words(err))
	case answered:
		return &Verdict{Err: fault.New(fault.KindUpstream, "%s %s: %s", m.address, what, words(err))}
	case isNet && timeout.Timeout():
		return fault.New(fault.KindTimeout, "%s does not answer", m.address).Because(err)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isNet:
		return fault.Unavailable("the connection to %s was lost", m.address).Because(err)
	}
	return fault.New(fault.KindUpstream, "%s does not speak SMTP as it should", m.address).Because(err)
}
