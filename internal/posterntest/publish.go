package posterntest

import (
	"crypto/tls"
	"time"

	"postern/internal/access"
	"postern/internal/api"
)

// User makes a user with Password.
func (s *System) User(name string) api.User {
	s.T.Helper()
	return must(s.API.Users.Create(s.T.Context(), api.UserCreate{
		UserInput: api.UserInput{Name: name}, Password: Password,
	}))(s.T)
}

// Publish publishes a backend at name.test.localhost and waits until the gateway knows.
func (s *System) Publish(name, internalURL string, changes ...func(*api.ApplicationInput)) api.Application {
	s.T.Helper()
	in := api.ApplicationInput{Name: name, ExternalURL: s.URL(name, "/"), InternalURL: internalURL}
	for _, change := range changes {
		change(&in)
	}
	app := must(s.API.Applications.Create(s.T.Context(), in))(s.T)
	s.awaitCertificate(in.ExternalURL)
	s.AwaitSnapshot(func(snap *access.Snapshot) bool {
		_, ok := snap.Application(access.ID(app.ID))
		return ok
	})
	return app
}

// Private makes a private application and waits until the gateway knows.
func (s *System) Private(name string, segments ...api.Segment) api.Application {
	s.T.Helper()
	app := must(s.API.Applications.Create(s.T.Context(), api.ApplicationInput{Name: name, Kind: "private", Segments: segments}))(s.T)
	s.AwaitSnapshot(func(snap *access.Snapshot) bool {
		_, ok := snap.Application(access.ID(app.ID))
		return ok
	})
	return app
}

// Assign lets a user use an application and waits until the gateway knows.
func (s *System) Assign(app api.Application, user api.User) api.Assignment {
	s.T.Helper()
	assignment := must(s.API.Assignments.Create(s.T.Context(), api.AssignmentInput{Application: app.ID, User: user.ID}))(s.T)
	who := &access.Principal{User: access.ID(user.ID)}
	s.AwaitSnapshot(func(snap *access.Snapshot) bool {
		_, ok := snap.Assigned(access.ID(app.ID), who, time.Now())
		return ok
	})
	return assignment
}

// Token makes an enrolment token for the default group.
func (s *System) Token(name string) string {
	s.T.Helper()
	return must(s.API.Tokens.Create(s.T.Context(), api.TokenInput{Name: name}))(s.T).Text
}

// awaitCertificate waits until the gateway presents a certificate for the host of a URL, which it
// does for published ones.
func (s *System) awaitCertificate(external string) {
	s.T.Helper()
	e := must(access.ParseEndpoint(external))(s.T)
	s.Await("a certificate for "+e.Host, func() bool {
		conn, err := tls.Dial("tcp", s.Address(), &tls.Config{ServerName: e.Host, RootCAs: s.Roots})
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}
