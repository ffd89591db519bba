//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/posterntest"
)

// The names under which people and connectors know the service. Not under localhost, which is every
// host's own (RFC 6761, section 6.3).
const (
	portalHost = "portal.lab.test"
	adminHost  = "admin.lab.test"
	appHost    = "notes.lab.test"
	pageText   = "a page of the private network"
)

// programs is the directory of the built programs, which the first test that asks builds.
var (
	programs string
	build    = sync.OnceValue(func() error {
		cmd := exec.Command("go", "build", "-o", programs+string(filepath.Separator), "postern/cmd/...")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build the programs: %w: %s", err, out)
		}
		return nil
	})
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "postern-lab-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programs = dir
	code := Main(m)
	_ = os.RemoveAll(dir) // what is left lies in the temporary directory
	os.Exit(code)
}

// product is the built programs where they belong: the service in its network, a connector in the
// private one, a web application that only the private network reaches, and a user on the internet.
type product struct {
	*Lab
	t         *testing.T
	dir       string
	system    *posterntest.System // its names and trust; the service is a process
	user      *posterntest.Browser
	service   *exec.Cmd
	printed   *transcript // what the service wrote to standard output
	peers     sync.Map    // addresses that the application was asked from
	connector *exec.Cmd
	log       *transcript // of the connector that runs
}

// transcript collects what a process writes.
type transcript struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// newProduct builds a lab and claims a new service in it. There is no connector yet.
func newProduct(t *testing.T) *product {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	p := &product{Lab: New(t), t: t, dir: t.TempDir(), printed: &transcript{}}
	p.Name(Service.Addr(), portalHost, adminHost, appHost)
	p.servePage(Backend, pageText)
	p.startService()
	p.system = posterntest.Attach(t, p.dir, 443)
	p.system.PortalURL, p.system.AdminURL = "https://"+portalHost, "https://"+adminHost
	p.claim()
	return p
}

func (p *product) path(name string) string { return filepath.Join(p.dir, name) }

// start runs one of our programs on a host until the test ends. What it writes goes to out and to the
// test's log.
func (p *product) start(h Host, out io.Writer, program string, args ...string) *exec.Cmd {
	p.t.Helper()
	cmd := p.Command(h, filepath.Join(programs, program), args...)
	all := io.MultiWriter(out, p.t.Output())
	cmd.Stdout, cmd.Stderr = all, all
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", program, err)
	}
	p.t.Cleanup(func() { end(cmd) })
	return cmd
}

// end kills a process, unless that is done.
func end(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

func (p *product) startService() {
	p.t.Helper()
	p.service = p.start(Service, p.printed, "postern", "serve", "--data", p.path("service"), "--url", "https://"+portalHost,
		"--admin-url", "https://"+adminHost, "--drain", "2s", "--log-level", "warn")
}

// startConnector starts a connector that enrols with the token file, unless it is enrolled.
func (p *product) startConnector() {
	p.t.Helper()
	p.log = &transcript{}
	p.connector = p.start(Site, p.log, "postern-connector", "run", "--state", p.path("connector"),
		"--token-file", p.path("token"), "--name", "site", "--log-level", "warn")
}

// servePage serves a private application on a host, which remembers who asked.
func (p *product) servePage(h Host, text string) {
	p.t.Helper()
	listener, err := p.Listen(h, net.JoinHostPort(h.Addr(), "80"))
	if err != nil {
		p.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		p.peers.Store(host, true)
		fmt.Fprint(w, text)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	p.t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			p.t.Errorf("the private application: %v", err)
		}
	})
}

var (
	setupLink = regexp.MustCompile(`https://\S+/setup#(\S+)`)
	shownKey  = regexp.MustCompile(`id="key">([^<]+)<`)
)

// claim opens the set-up link that the service printed and fills in its form, as its owner does.
func (p *product) claim() {
	p.t.Helper()
	var link []string
	p.system.Await("the set-up link", func() bool {
		link = setupLink.FindStringSubmatch(p.printed.String())
		return link != nil
	})
	roots, err := os.ReadFile(p.path("service/ca.pem"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.system.Trust(roots)
	p.user = p.newUser()
	page := p.user.Post("https://"+adminHost+"/setup", url.Values{"code": {link[1]}, "name": {"owner"}, "password": {posterntest.Password}})
	key := shownKey.FindStringSubmatch(page.Text)
	if key == nil {
		p.t.Fatalf("claim the service: %s: %s", page.Status, page.Text)
	}
	for name, text := range map[string]string{"key": key[1], "password": posterntest.Password} {
		if err := os.WriteFile(p.path(name), []byte(text+"\n"), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
}

// newUser gives a browser on the internet, without cookies.
func (p *product) newUser() *posterntest.Browser {
	p.t.Helper()
	browser := p.system.Browser()
	browser.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return p.Dial(ctx, Internet, network, address)
	}
	return browser
}

// admin runs the command line as the owner does, on the internet.
func (p *product) admin(args ...string) string {
	p.t.Helper()
	out, err := p.adminCommand(args...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("postern %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (p *product) adminCommand(args ...string) *exec.Cmd {
	cmd := p.Command(Internet, filepath.Join(programs, "postern"), args...)
	cmd.Env = append(os.Environ(), "POSTERN_SERVER=https://"+adminHost, "POSTERN_API_KEY_FILE="+p.path("key"),
		"POSTERN_CA_FILE="+p.path("service/ca.pem"))
	return cmd
}

// publish publishes the private application to ada and makes a token for a connector.
func (p *product) publish() {
	p.t.Helper()
	p.admin("applications", "create", "Notes", "--external-url", "https://"+appHost+"/", "--internal-url", "http://"+Backend.Addr()+"/")
	p.admin("users", "create", "ada", "--password-file", p.path("password"))
	p.admin("assignments", "create", "--application", "Notes", "--user", "ada")
	p.admin("tokens", "create", "site", "--out", p.path("token"))
}

// awaitActive waits until the service says that the connector is active.
func (p *product) awaitActive() {
	p.t.Helper()
	p.system.Await("the connector to be active", func() bool {
		return strings.Contains(p.admin("connectors", "list", "-o", "json"), `"label": "active"`)
	})
}

// signIn signs ada in at the application and checks that she sees it.
func (p *product) signIn() {
	p.t.Helper()
	page := p.user.SignIn("https://"+appHost+"/", "ada")
	if page.StatusCode != http.StatusOK || page.Text != pageText {
		p.t.Fatalf("after sign-in: %s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
}

// answer is what a user gets who opens the application's page.
type answer struct {
	status int
	text   string
}

func (a answer) good() bool { return a.status == http.StatusOK && a.text == pageText }

// open opens the page with some patience. No answer at all has status 0.
func (p *product) open(patience time.Duration) answer {
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+appHost+"/", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	resp, err := p.user.Do(req)
	if err != nil {
		return answer{text: err.Error()}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{text: err.Error()}
	}
	return answer{resp.StatusCode, string(text)}
}

// expectNothingInbound checks that nobody tried to get into the private network, and that the
// application was asked by the connector alone.
func (p *product) expectNothingInbound() { p.t.Helper(); p.expectNothingInboundOf(Site) }

// expectNothingInboundOf is for connectors on other machines.
func (p *product) expectNothingInboundOf(connectors ...Host) {
	p.t.Helper()
	if n := p.InboundPackets(); n != 0 {
		p.t.Errorf("the firewall counted %d packets from outside, want 0", n)
	}
	p.peers.Range(func(peer, _ any) bool {
		if !slices.ContainsFunc(connectors, func(h Host) bool { return peer == h.Addr() }) {
			p.t.Errorf("%s asked the private application", peer)
		}
		return true
	})
}
