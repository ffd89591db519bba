package posterntest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/connector"
	"postern/internal/wire"
)

// Connector is a connector that runs in the test's process.
type Connector struct {
	*connector.Connector
	ID    access.ID
	State string // its directory

	stop func() error
}

// Rules are the local rules of a System's connectors: they may reach the backends of the test.
const Rules = "allow 127.0.0.1\nallow ::1\n"

// Connector enrols a connector in the default group, runs it until the test ends, and waits until
// it is active.
func (s *System) Connector(name string, changes ...func(*connector.Config)) *Connector {
	s.T.Helper()
	state := filepath.Join(s.T.TempDir(), "state")
	token := must(wire.ParseEnrolmentToken(s.Token(name)))(s.T)
	cred := must(connector.Enrol(s.T.Context(), connector.Enrolment{
		State: state, Token: token, Name: name, Dialer: s.Dialer(), Host: testHost, Log: s.Log,
	}))(s.T)
	c := &Connector{ID: access.ID(cred.Identity.ID), State: state}
	s.Run(c, changes...)
	return c
}

var testHost = wire.Host{MachineName: "test", OS: "linux", Arch: "amd64", Program: "test"}

// Run runs an enrolled connector, again after Stop, and waits until it is active.
func (s *System) Run(c *Connector, changes ...func(*connector.Config)) {
	s.T.Helper()
	rules := filepath.Join(filepath.Dir(c.State), "rules")
	if err := os.WriteFile(rules, []byte(Rules), 0o600); err != nil {
		s.T.Fatal(err)
	}
	cfg := connector.Config{
		State: c.State, Rules: rules, Host: testHost, Log: s.Log, Drain: 5 * time.Second,
		Dialer: s.Dialer(),
	}
	for _, change := range changes {
		change(&cfg)
	}
	c.Connector = must(connector.New(cfg))(s.T)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Connector.Run(ctx) }()
	c.stop = sync.OnceValue(func() error { cancel(); return <-done })
	s.T.Cleanup(func() {
		if err := c.stop(); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, connector.ErrEnded) {
			s.T.Errorf("connector %s ended: %v", c.ID, err)
		}
	})
	s.AwaitConnector(c.ID, "active")
}

// Stop stops the connector as SIGTERM does and waits for its end.
func (c *Connector) Stop() error { return c.stop() }

// AwaitConnector waits until the service says this of a connector.
func (s *System) AwaitConnector(id access.ID, label string) {
	s.T.Helper()
	s.Await("connector "+string(id)+" to be "+label, func() bool {
		if s.Service != nil {
			return string(s.Service.Control().ConnectorStatus(id).Label) == label
		}
		c, err := s.API.Connectors.Show(s.T.Context(), string(id))
		return err == nil && c.Status.Label == label
	})
}
