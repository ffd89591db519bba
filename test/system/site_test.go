package system

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/internal/service"
)

// site is a service with its connectors, each a process of its own, and what a test does with them.
type site struct {
	*posterntest.System // without a Service: what is below talks to the processes
	t                   *testing.T
	service             *process
	beyond              *process // the service that holds the connectors' tunnels, if it is another one
	connectors          []*process
	clients             []client     // signed in at the application wiki, after publish
	auditHead           string       // the end of the audit log at the crash point before
	changes             atomic.Int64 // acknowledged to the writers of a crash test
}

// client is an HTTP client of one protocol, without a limit of time.
type client struct {
	name string
	*http.Client
}

// newSite starts a service and claims it; database is empty for SQLite.
func newSite(t *testing.T, database string) *site {
	t.Helper()
	dir := t.TempDir()
	port := posterntest.FreePort(t)
	portal := fmt.Sprintf("https://portal.test.localhost:%d", port)
	admin := fmt.Sprintf("https://admin.test.localhost:%d", port)
	args := []string{"serve", "--data", filepath.Join(dir, "service"), "--url", portal, "--admin-url", admin,
		"--listen", fmt.Sprintf("127.0.0.1:%d", port), "--listen-plain", "off", "--metrics-listen", "off",
		"--gateway-address", fmt.Sprintf("127.0.0.1:%d", port), "--drain", "15s"}
	if database != "" {
		args = append(args, "--database", database)
	}
	s := &site{t: t, service: newProcess(t, dir, "postern", args...)}
	s.System = posterntest.Attach(t, dir, port)
	s.service.start()
	s.claim()
	return s
}

var setupLink = regexp.MustCompile(`https://\S+/setup#(\S+)`)

// claim uses the set-up link that the service printed, as the first administrator does.
func (s *site) claim() {
	s.t.Helper()
	var code []string
	s.Await("the set-up link", func() bool {
		code = setupLink.FindStringSubmatch(s.service.printed())
		return code != nil
	})
	roots, err := os.ReadFile(filepath.Join(s.Dir, "service", service.RootsFile))
	if err != nil {
		s.t.Fatal(err)
	}
	s.Trust(roots)
	done, err := s.Client("").Setup(s.t.Context(), api.SetupRequest{Code: code[1], Name: "owner", Password: posterntest.Password})
	if err != nil {
		s.t.Fatalf("claim the service: %v", err)
	}
	s.Key = done.Key
	s.API = s.Client(s.Key)
}

// connect starts another connector, with more arguments, and waits until it is active.
func (s *site) connect(more ...string) {
	s.t.Helper()
	dir := s.t.TempDir()
	name := fmt.Sprintf("site%d", len(s.connectors)+1)
	token := filepath.Join(dir, "token")
	rules := filepath.Join(dir, "rules")
	for name, text := range map[string]string{token: s.Token(name) + "\n", rules: "allow 127.0.0.1\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	args := append([]string{"run", "--state", filepath.Join(dir, "state"), "--token-file", token, "--rules", rules, "--name", name}, more...)
	c := newProcess(s.t, dir, "postern-connector", args...)
	s.connectors = append(s.connectors, c)
	c.start()
	s.awaitActive(len(s.connectors))
}

// awaitActive waits until the service says that so many connectors are active.
func (s *site) awaitActive(want int) {
	s.t.Helper()
	s.Await(fmt.Sprintf("%d connectors to be active", want), func() bool {
		ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Second)
		defer cancel()
		list, err := s.API.Connectors.List(ctx, api.ListOptions{})
		active := 0
		for _, c := range list.Items {
			if c.Status.Label == "active" {
				active++
			}
		}
		return err == nil && active == want
	})
}

// signIn gives a browser that is signed in at a URL. It tries again while the processes do not
// know yet what was just published or assigned.
func (s *site) signIn(target, name string) *posterntest.Browser {
	s.t.Helper()
	var browser *posterntest.Browser
	s.Await(name+" to be let in", func() bool {
		browser = s.Browser()
		return browser.SignIn(target, name).StatusCode == http.StatusOK
	})
	return browser
}

// publish publishes a backend as the application wiki and signs a user in, whose session the
// clients share. The backend's front page must answer 200.
func (s *site) publish(internalURL string) {
	s.t.Helper()
	s.Assign(s.Publish("wiki", internalURL), s.User("ada"))
	s.awaitHost("wiki")
	signedIn := s.signIn(s.URL("wiki", "/"), "ada")
	for _, c := range []client{
		{"HTTP/1.1", s.Browser().WithoutHTTP2().Client},
		{"HTTP/2", s.Browser().Client},
	} {
		c.Jar, c.Timeout = signedIn.Jar, 0
		s.clients = append(s.clients, c)
	}
}

// awaitHost waits until an application's host is known to whoever answers: behind a balancer these are several services, in turn, and
// one that has not heard of it yet knows no such name.
func (s *site) awaitHost(label string) {
	s.t.Helper()
	host := strings.TrimPrefix(s.URL(label, ""), "https://")
	s.Await(host+" to be known", func() bool {
		for range 2 * len(regions) {
			conn, err := tls.Dial("tcp", s.Address(), &tls.Config{ServerName: strings.Split(host, ":")[0], RootCAs: s.Roots})
			if err != nil {
				return false
			}
			conn.Close()
		}
		return true
	})
}

// newWiki gives a site with connectors and a handler published as the application wiki.
func newWiki(t *testing.T, connectors int, handler http.HandlerFunc) *site {
	t.Helper()
	return ways[0].wiki(t, connectors, handler)
}

// wiki gives the URL of a page of the application.
func (s *site) wiki(path string) string { return s.URL("wiki", path) }

// get gives the status and the text of a page. The status is 0 if there was no complete answer.
func (s *site) get(c client, path string) (status int, text string) {
	ctx, cancel := context.WithTimeout(context.Background(), posterntest.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.wiki(path), nil)
	if err != nil {
		return 0, err.Error()
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}

// must gives a value or ends the test: must(f())(t).
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
