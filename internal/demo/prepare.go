package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/disk"
	"postern/internal/fault"
)

// state is what a kept demo remembers beside its service: the passwords it told people.
type state struct {
	Admin string `json:"admin"`
	Guest string `json:"guest"`
	Key   string `json:"key"`
}

func (d *demo) path(name string) string { return filepath.Join(d.Data, name) }

// prepare claims the service at the first start and publishes the private application where it
// listens now.
func (d *demo) prepare(ctx context.Context) (state, error) {
	st, err := d.claim(ctx)
	if err != nil {
		return st, fmt.Errorf("claim the service: %w", err)
	}
	by, err := d.service.Control().KeyActor(ctx, st.Key, "127.0.0.1", "demo")
	if err != nil {
		return st, err
	}
	if err := d.publish(ctx, by); err != nil {
		return st, fmt.Errorf("publish the private application: %w", err)
	}
	snap, err := d.service.Control().Snapshot(ctx, 0)
	if err != nil {
		return st, err
	}
	// Connectors refuse loopback addresses whatever the service says; only this file of their own
	// machine can allow them.
	rules := "# The demo's private application listens on loopback.\nallow 127.0.0.1\n"
	return st, errors.Join(
		disk.WriteFile(d.path("ca.pem"), snap.Roots, 0o644),
		disk.WriteFile(d.path("api-key"), []byte(st.Key+"\n"), 0o600),
		disk.WriteFile(d.path("connector.rules"), []byte(rules), 0o600),
		d.writeToken(ctx, by),
	)
}

func (d *demo) claim(ctx context.Context) (state, error) {
	var st state
	saved, err := os.ReadFile(d.path("demo.json"))
	if err == nil {
		return st, json.Unmarshal(saved, &st)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return st, err
	}
	st = state{Admin: password(), Guest: password()}
	link, err := d.service.SetupLink(ctx)
	if err != nil {
		return st, err
	}
	_, code, ok := strings.Cut(link, "#")
	if !ok {
		return st, fault.Conflict("the service in %s is claimed already, but not by a demo", d.Data)
	}
	st.Key, err = d.service.Control().Setup(ctx, access.Actor{Kind: access.ActorAnyone, Address: "127.0.0.1", Request: "demo"},
		control.SetupRequest{Code: code, User: access.User{Name: "admin", DisplayName: "Administrator"}, Password: st.Admin})
	if err != nil {
		return st, err
	}
	by, err := d.service.Control().KeyActor(ctx, st.Key, "127.0.0.1", "demo")
	if err != nil {
		return st, err
	}
	guest := access.User{Name: "guest", DisplayName: "Guest Without Access"}
	if _, err := d.service.Control().CreateUser(ctx, by, guest, st.Guest); err != nil {
		return st, err
	}
	text, _ := json.Marshal(st) // three strings
	return st, disk.WriteFile(d.path("demo.json"), text, 0o600)
}

// publish makes the application, or points it at the port of this run.
func (d *demo) publish(ctx context.Context, by access.Actor) error {
	c := d.service.Control()
	internal := "http://" + d.notes.Addr().String() + "/"
	portal, err := access.ParseEndpoint(d.service.URL())
	if err != nil {
		return err
	}
	external := access.Endpoint{Scheme: "https", Host: notesHost, Port: portal.Port}.Origin() + "/"
	apps, _, err := c.Applications(ctx, by, access.Page{Search: "Notes"})
	if err != nil {
		return err
	}
	if len(apps) > 0 {
		app := apps[0]
		app.InternalURL, app.ExternalURL = internal, external
		_, err := c.UpdateApplication(ctx, by, app)
		return err
	}
	groups, _, err := c.ConnectorGroups(ctx, by, access.Page{})
	if err != nil {
		return err
	}
	users, _, err := c.Users(ctx, by, access.Page{Search: "admin"})
	if err != nil {
		return err
	}
	if len(groups) == 0 || len(users) == 0 {
		return fault.NotFound("the service has no connector group or no administrator")
	}
	app, err := c.CreateApplication(ctx, by, access.Application{
		Name: "Notes", GroupID: groups[0].ID, ExternalURL: external, InternalURL: internal,
	})
	if err != nil {
		return err
	}
	_, err = c.CreateAssignment(ctx, by, access.Assignment{Application: app.ID, User: users[0].ID})
	return err
}

// writeToken gives the connector a token, unless it has a credential from an earlier run.
func (d *demo) writeToken(ctx context.Context, by access.Actor) error {
	c := d.service.Control()
	if connectors, _, err := c.Connectors(ctx, by, access.Page{}); err != nil || len(connectors) > 0 {
		return err
	}
	groups, _, err := c.ConnectorGroups(ctx, by, access.Page{})
	if err != nil {
		return err
	}
	_, text, err := c.CreateToken(ctx, by, access.Token{
		Name: "demo", GroupID: groups[0].ID, Expires: time.Now().Add(10 * time.Minute),
	})
	if err != nil {
		return err
	}
	return disk.WriteFile(d.path("token"), []byte(text+"\n"), 0o600)
}

// connectorCommand gives the connector's process. It is asked to stop when ctx ends and ended when
// it does not.
func (d *demo) connectorCommand(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.Connector, "run", "--state", d.path("connector"), "--token-file", d.path("token"),
		"--rules", d.path("connector.rules"), "--name", "demo")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if d.Verbose {
		cmd.Stderr = os.Stderr
	}
	return cmd
}

// password makes a password of 80 random bits that can be typed.
func password() string {
	text := strings.ToLower(rand.Text())[:16]
	return text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
}

func (d *demo) tell(st state) {
	address := d.service.Address().String()
	portal, _ := access.ParseEndpoint(d.service.URL())
	notesURL := access.Endpoint{Scheme: "https", Host: notesHost, Port: portal.Port}.Origin() + "/"
	fmt.Fprintf(d.Out, `
Postern is running: a service, a connector and a private application.

  Open this             %s
  Portal                %s/
  Admin center and API  %s/

  Sign in as   admin    password  %s    (may open the application)
          or   guest    password  %s    (may not: see what Postern says)

The browser warns until it trusts this demo's certificate authority; go on past the
warning, or import %s for the time of the demo.

Without a browser (also on systems that do not know *.localhost):
  curl --cacert %[6]s --resolve %[7]s:%[8]d:127.0.0.1 -i %[1]s

As an administrator:
  export POSTERN_SERVER=%[3]s POSTERN_API_KEY_FILE=%[9]s POSTERN_CA_FILE=%[6]s
  bin/postern applications list
  bin/postern connectors list

The application listens on %[10]s only; the connector reaches it and dials out to
%[11]s. All of this is one machine, so it shows how Postern works, not how it
isolates: test/lab does that with separate networks.

Ctrl-C ends the demo.
`, notesURL, d.service.URL(), d.service.AdminURL(), st.Admin, st.Guest, d.path("ca.pem"), notesHost, portal.Port,
		d.path("api-key"), d.notes.Addr(), address)
}
