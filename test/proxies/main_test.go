// Package proxies proves that connectors get out of networks as they are: through squid, open, with a password, with Kerberos
// (MIT's KDC); by a script that chooses; and through proxies that open TLS.
package proxies

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/connector"
	"postern/internal/credential"
	"postern/internal/posterntest"
	"postern/internal/service"
	"postern/internal/uplink"
	"postern/internal/uplink/pac"
	"postern/internal/wire"
)

const asScript = "as-script" // the argument with which the test's own program runs a proxy script

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asScript {
		if err := pac.Serve(os.Stdin, os.Stdout, os.Exit); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// world is a service whose gateway is dialled by name, so that proxies are used, and an application.
type world struct {
	*posterntest.System
	app  api.Application
	user api.User
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{System: posterntest.New(t, posterntest.With(func(c *service.Config) {
		c.GatewayAddress = strings.TrimPrefix(c.URL, "https://")
	}))}
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "private page %s", r.URL.Path)
	}))
	w.app = w.Publish("wiki", backend.URL)
	w.user = w.User("ada")
	w.Assign(w.app, w.user)
	return w
}

// host gives the portal's host and port, as connectors dial them.
func (w *world) host() string { return strings.TrimPrefix(w.PortalURL, "https://") }

// enrol enrols and runs a connector that gets out as cfg says, until the test ends.
func (w *world) enrol(name string, cfg uplink.Config) (*posterntest.Connector, *logBuffer) {
	t := w.T
	t.Helper()
	log := &logBuffer{}
	cfg.Timeout = posterntest.Patience
	cfg.Script = pac.Process(os.Args[0], asScript)
	dialer := must(uplink.New(cfg))(t)
	c := &posterntest.Connector{State: filepath.Join(t.TempDir(), "state")}
	cred := must(connector.Enrol(t.Context(), connector.Enrolment{
		State: c.State, Token: must(wire.ParseEnrolmentToken(w.Token(name)))(t), Name: name, Dialer: dialer,
		Host: wire.Host{MachineName: "test", OS: "linux", Arch: "amd64", Program: "test"}, Log: log.logger(),
	}))(t)
	c.ID = access.ID(cred.Identity.ID)
	w.Run(c, func(cc *connector.Config) { cc.Dialer, cc.Log = dialer, log.logger() })
	return c, log
}

// carries checks that a page of the application is reached.
func (w *world) carries() {
	w.T.Helper()
	page := w.Browser().SignIn(w.URL("wiki", "/deep/page"), "ada")
	if page.StatusCode != http.StatusOK || page.Text != "private page /deep/page" {
		w.T.Fatalf("%s: %s", page.Status, page.Text)
	}
}

// way waits until the API tells how a connector's tunnels go.
func (w *world) way(id access.ID, want string) {
	w.T.Helper()
	var last string
	w.Await("the API to tell that "+string(id)+" goes "+want, func() bool {
		c, err := w.API.Connectors.Show(w.T.Context(), string(id))
		if err != nil {
			w.T.Fatal(err)
		}
		if last != c.Status.Way {
			last = c.Status.Way
			w.T.Logf("way: %s", last)
		}
		return strings.Contains(c.Status.Way, want)
	})
}

// logBuffer keeps what is logged.
type logBuffer struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// enrolTLS is how a connector looks at the service before it is enrolled.
func (w *world) enrolTLS() *tls.Config {
	w.T.Helper()
	return must(credential.EnrolTLS(must(wire.ParseEnrolmentToken(w.Token("x" + rand.Text())))(w.T)))(w.T)
}

func userinfo(text string) *url.Userinfo {
	name, password, _ := strings.Cut(text, ":")
	return url.UserPassword(name, password)
}
