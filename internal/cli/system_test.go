package cli_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/admin"
	"postern/internal/cli"
	"postern/internal/control"
	"postern/internal/identity"
	"postern/internal/posterntest/fresh"
	"postern/internal/store"
	"postern/internal/trafficlog"
)

const password = "correct horse battery staple"

// postern is the program as main makes it, as far as this package goes.
func postern() *cobra.Command {
	root := &cobra.Command{Use: "postern", Version: "test", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(cli.Commands()...)
	return root
}

// A service is a real one behind real HTTPS, claimed, and where a test finds what login needs.
type service struct {
	url, key, ca string
	control      *control.Control
	traffic      *trafficlog.Log
}

// serve starts a service. Its clean-ups are given to cleanup.
func serve(dir string, cleanup func(func())) (service, error) {
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	path := filepath.Join(dir, "test.db")
	if err := fresh.At(path); err != nil {
		return service{}, err
	}
	db, err := store.Open(ctx, store.Config{URL: "sqlite:" + path, KeyFile: filepath.Join(dir, "master.key"), Log: log})
	if err != nil {
		return service{}, err
	}
	traffic, err := trafficlog.New(trafficlog.Config{Dir: filepath.Join(dir, "traffic")})
	if err != nil {
		return service{}, err
	}
	c, err := control.New(ctx, control.Config{Store: db, Traffic: traffic, Log: log, Passwords: identity.PasswordConfig{Cost: identity.Cost{Memory: 64, Time: 1, Lanes: 1}},
		Names:   access.Names{PortalURL: "https://portal.example.com", AdminURL: "https://admin.example.com"},
		Gateway: access.Gateway{ID: access.NewID(access.PrefixGateway, time.Now()), Address: "gateway.example.com:443"}})
	if err != nil {
		return service{}, err
	}
	running, cancel := context.WithCancel(ctx)
	ended := make(chan error, 2)
	go func() { ended <- c.Run(running) }()
	go func() { ended <- traffic.Run(running) }()
	server := httptest.NewTLSServer(admin.New(admin.Config{Control: c, Log: log}))
	cleanup(func() {
		server.Close()
		cancel()
		<-ended
		<-ended
		db.Close()
	})
	code, _, err := c.SetupCode(ctx)
	if err != nil {
		return service{}, err
	}
	key, err := c.Setup(ctx, access.Actor{Kind: access.ActorAnyone, Address: "127.0.0.1"},
		control.SetupRequest{Code: code, User: access.User{Name: "owner"}, Password: password})
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return service{server.URL, key, string(ca), c, traffic}, err
}

// A terminal runs commands in this process, as the owner of a service.
type terminal struct{ *testing.T }

func newTerminal(t *testing.T) terminal {
	t.Helper()
	here, _ := newDeskOf(t)
	return here
}

// newDeskOf gives a terminal, and the service that it belongs to.
func newDeskOf(t *testing.T) (terminal, service) {
	t.Helper()
	s, err := serve(t.TempDir(), t.Cleanup)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(home, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
	t.Setenv("POSTERN_SERVER", s.url)
	t.Setenv("POSTERN_CA_FILE", write("ca.pem", s.ca))
	t.Setenv("POSTERN_API_KEY_FILE", write("owner.key", s.key+"\n"))
	t.Chdir(home)
	return terminal{t}, s
}

// A result is what a command printed and its exit code.
type result struct {
	code     int
	out, err string
}

func (t terminal) run(stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	root := postern()
	root.SetArgs(args)
	root.SetIn(bytes.NewBufferString(stdin))
	root.SetOut(&out)
	root.SetErr(&errs)
	code := cli.Report(&errs, root.ExecuteContext(t.Context()))
	return result{code, out.String(), errs.String()}
}

func (t terminal) must(args ...string) string {
	t.Helper()
	r := t.run("", args...)
	if r.code != 0 {
		t.Fatalf("postern %q: %d %s", args, r.code, r.err)
	}
	return r.out
}
