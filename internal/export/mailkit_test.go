package export_test

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailServer is a mail server of somebody else's making that keeps what it took. Set its fields before use.
type mailServer struct {
	address string
	how     string // PLAIN or LOGIN; empty: nobody signs in
	refuse  func(command, argument string) error

	mu   sync.Mutex // guards the rest
	got  []received
	seen []string // commands that came, passwords aside
}

type received struct {
	user, from string
	to         []string
	data       string
}

const (
	mailUser     = "postern"
	mailPassword = "pass word £"
)

// startMail starts one that speaks TLS from the first byte, by STARTTLS, or not at all.
func startMail(t *testing.T, scheme string, secure *tls.Config) *mailServer {
	t.Helper()
	m := &mailServer{refuse: func(string, string) error { return nil }}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{server: m}, nil }))
	server.Domain, server.MaxMessageBytes, server.MaxRecipients = "mail.example.com", 1<<20, 50
	server.ErrorLog = log.New(io.Discard, "", 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	switch scheme {
	case "smtps":
		l = tls.NewListener(l, secure)
	case "smtp":
		server.TLSConfig = secure
	}
	m.address = l.Addr().String()
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-done })
	return m
}

func (m *mailServer) note(command, argument string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen = append(m.seen, command)
	return m.refuse(command, argument)
}

func (m *mailServer) mails() []received {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]received(nil), m.got...)
}

type mailSession struct {
	server *mailServer
	now    received
}

func (s *mailSession) Reset()        { s.now = received{user: s.now.user} }
func (s *mailSession) Logout() error { return nil }

func (s *mailSession) AuthMechanisms() []string {
	if s.server.how == "" {
		return nil
	}
	return []string{s.server.how}
}

func (s *mailSession) Auth(string) (sasl.Server, error) {
	check := func(user, password string) error {
		if err := s.server.note("AUTH", user); err != nil {
			return err
		}
		if user != mailUser || password != mailPassword {
			return smtp.ErrAuthFailed
		}
		s.now.user = user
		return nil
	}
	if s.server.how == "LOGIN" {
		return &loginServer{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
}

// loginServer asks for the user and then for the password.
type loginServer struct {
	check func(user, password string) error
	asked int
	user  string
}

func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	l.asked++
	switch l.asked {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	case 3:
		return nil, true, l.check(l.user, string(response))
	}
	return nil, true, errors.New("too much")
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.now.from = from
	return s.server.note("MAIL", from)
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.server.note("RCPT", to); err != nil {
		return err
	}
	s.now.to = append(s.now.to, to)
	return nil
}

func (s *mailSession) Data(from io.Reader) error {
	data, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	if err := s.server.note("DATA", string(data)); err != nil {
		return err
	}
	s.now.data = string(data)
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.got = append(s.server.got, s.now)
	return nil
}
