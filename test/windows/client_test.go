//go:build linux

package windows

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postern/internal/api"
	"postern/internal/client"
	"postern/internal/posterntest"
)

const (
	clientProgram = `C:\users\ada\postern-client.exe`
	clientState   = `C:\users\ada\client`
	clientService = `C:\ProgramData\postern-client`
	programs      = `C:\Program Files\Postern`
)

// buildClient builds the client's program.
func (m *machine) buildClient() {
	m.t.Helper()
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", m.path(clientProgram), "postern/cmd/postern-client")
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("build: %v\n%s", err, out)
	}
}

func (m *machine) client(args ...string) (string, error) {
	return m.host(nil, wine, m.clientLine(args)...)
}

// clientLine is the command line of the client's program: of a user's own client, or of the machine's.
func (m *machine) clientLine(args []string) []string {
	if m.ofMachine {
		return append([]string{clientProgram}, args...)
	}
	return append([]string{clientProgram, "--state", clientState}, args...)
}

// clientDirectory is where that client keeps what it keeps.
func (m *machine) clientDirectory() string {
	if m.ofMachine {
		return clientService
	}
	return clientState
}

// begin starts the client's program and gives what it has said so far.
func (m *machine) begin(stdin string, args ...string) (cmd *exec.Cmd, said func() string) {
	m.t.Helper()
	file, err := os.CreateTemp(filepath.Dir(m.prefix), "out")
	if err != nil {
		m.t.Fatal(err)
	}
	defer file.Close() // the program has one of its own
	cmd = exec.Command(wine, m.clientLine(args)...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Stdin = m.env, file, file, strings.NewReader(stdin)
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	return cmd, func() string {
		text, err := os.ReadFile(file.Name())
		if err != nil {
			return err.Error()
		}
		return strings.ReplaceAll(string(text), "\r\n", "\n")
	}
}

// TestClient is the client on a Windows: signing in by a code, both proxies, a forwarded port, standard input and output, and the commands
// that ask the one that runs by its named pipe.
func TestClient(t *testing.T) {
	s := posterntest.New(t)
	s.Connector("site")
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "page %s", r.URL.Path) }))
	page, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.Assign(s.Private("lab", api.Segment{Destination: "localhost", Ports: page.Port()}), s.User("ada"))
	m := newMachine(t)
	m.buildClient()
	m.write(`C:\users\ada\ca.pem`, string(s.RootsPEM))
	m.signIn(s)

	up, said := m.begin("", "up", "--socks", "0", "--http", "0")
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(said())
		}
		up.Process.Kill()
		up.Wait()
	})
	status := m.status(client.StateConnected)
	if status.User != "ada" || !strings.Contains(status.SignInSealed, "DPAPI") || len(status.Listeners) != 2 {
		t.Errorf("%+v", status)
	}
	m.curls(status, page)
	typed, printed := m.begin("GET /typed HTTP/1.0\r\n\r\n", "connect", "localhost", page.Port())
	if err := typed.Wait(); err != nil || !strings.HasSuffix(printed(), "page /typed") {
		t.Errorf("connect: %v: %s", err, printed())
	}
	m.forwards("lab")
	for command, words := range map[string]string{"apps": "lab", "explain localhost " + page.Port(): "tunnel", "ssh-config": "nothing that you may reach on port 22", "logs": "proxy listening"} {
		if out, err := m.client(strings.Fields(command)...); err != nil || !strings.Contains(out, words) {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
	if out, err := m.client("down"); err != nil {
		t.Errorf("down: %v\n%s", err, out)
	}
	if err := up.Wait(); err != nil {
		t.Errorf("after down it ended with %v", err)
	}
	if out, err := m.client("up", "--tun"); err == nil || !strings.Contains(out, `wintun.dll (https://www.wintun.net) at `) {
		t.Errorf("an interface without what Windows needs for it: %v\n%s", err, out)
	}
	if out, err := m.client("logout", "--forget"); err != nil || !strings.Contains(out, "Signed out of") {
		t.Errorf("logout: %v\n%s", err, out)
	}
}

// TestInterface: what the interface tells a Windows, and what it reads of it, by the tests of its package. The interface itself is a driver's,
// for which Wine has no place.
func TestInterface(t *testing.T) {
	m := newMachine(t)
	const tests = `C:\downloaded\tun.test.exe`
	cmd := exec.Command("go", "test", "-c", "-o", m.path(tests), "postern/internal/client/tun")
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for _, name := range []string{"TestPolicyTable", "TestReady", "TestRoutesOfTheMachine", "TestMarked", "TestUnclaimed", "TestOutgoing", "TestTopmost"} {
		out, err := m.host(nil, wine, tests, "-test.v", "-test.run", "^"+name+"$")
		if err != nil || !strings.Contains(out, "--- PASS: "+name) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// TestClientService is the life of the client as a service of the machine: installed, signed in on by its pipe, used, updated, and gone
// without a trace.
func TestClientService(t *testing.T) {
	s := posterntest.New(t)
	s.Connector("site")
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "page %s", r.URL.Path) }))
	page, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.Assign(s.Private("lab", api.Segment{Destination: "localhost", Ports: page.Port()}), s.User("ada"))
	m := newMachine(t)
	m.buildClient()
	m.write(`C:\users\ada\ca.pem`, string(s.RootsPEM))
	m.ofMachine = true

	for words, args := range map[string]string{"wintun.dll": "install", "no service postern-client is installed": "uninstall", "directory": `install --tun=false --state C:\elsewhere`, "nobody-of-here is not known": "install --tun=false --owner nobody-of-here"} {
		if out, err := m.client(strings.Fields(args)...); err == nil || !strings.Contains(out, words) {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
	if m.exists(clientService) || m.exists(programs) {
		t.Error("a refused installation left something")
	}
	if out, err := m.client("install", "--tun=false", "--no-start"); err != nil || !strings.Contains(out, "It starts with the machine") {
		t.Errorf("install --no-start: %v\n%s", err, out)
	}
	if out, err := m.client("login", s.PortalURL); err == nil || !strings.Contains(out, "does not run just now") {
		t.Errorf("signing in on a service that does not run: %v\n%s", err, out)
	}
	m.installs("install", "--tun=false", "--socks", "0")
	if status := m.status(client.StateSignedOut); status.User != "" {
		t.Errorf("before anybody signed in: %+v", status)
	}
	m.signIn(s)
	m.curls(m.status(client.StateConnected), page)
	m.installs("install", "--tun=false", "--socks", "0", "--log-level", "debug")
	m.curls(m.status(client.StateConnected), page)
	if text := m.read(clientService + `\logs\program.log`); !strings.Contains(text, "signed in on this machine") || !strings.Contains(text, "level=DEBUG") {
		t.Errorf("the log of the service:\n%s", text)
	}
	out, err := m.client("uninstall")
	if err != nil || !strings.Contains(out, "Signed out of") {
		t.Errorf("uninstall: %v\n%s", err, out)
	}
	for _, left := range []string{clientService, programs} {
		if m.exists(left) {
			t.Errorf("uninstall left %s:\n%s", left, out)
		}
	}
	if m.registry(`HKLM\SYSTEM\CurrentControlSet\Services\postern-client`) != "" {
		t.Errorf("uninstall left the service:\n%s", out)
	}
}

func (m *machine) installs(args ...string) {
	m.t.Helper()
	if out, err := m.client(args...); err != nil || !strings.Contains(out, "Started it.") {
		m.t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// status waits until the client is in a state.
func (m *machine) status(state string) (status client.Status) {
	m.t.Helper()
	var out string
	defer func() {
		if m.t.Failed() {
			m.t.Log(out)
		}
	}()
	await(m.t, "the client to be "+state, func() bool {
		out, _ = m.client("status", "-o", "json") // it fails while the client is not connected, and says more behind the document
		status = client.Status{}
		return json.NewDecoder(strings.NewReader(out)).Decode(&status) == nil && status.State == state && (state != client.StateConnected || status.Rules.Applications == 1)
	})
	return status
}

// curls has curl go through each proxy of a client.
func (m *machine) curls(status client.Status, page *url.URL) {
	m.t.Helper()
	for _, l := range status.Listeners {
		scheme := map[string]string{"SOCKS5": "socks5h://", "HTTP": "http://"}[l.Kind]
		out, err := exec.Command("curl", "-sS", "--noproxy", "", "--max-time", "60", "--proxy", scheme+l.Address, "http://localhost:"+page.Port()+"/deep").CombinedOutput()
		if err != nil || string(out) != "page /deep" {
			m.t.Errorf("curl by %s: %s, %v", l.Kind, out, err)
		}
	}
}

// signIn signs ada in by a code, and looks that her tokens are on the disk in no clear text.
func (m *machine) signIn(s *posterntest.System) {
	m.t.Helper()
	login, said := m.begin("", "login", "--device-code", "--ca-file", `C:\users\ada\ca.pem`, s.PortalURL)
	address := regexp.MustCompile(`user_code=(\S+)`)
	await(m.t, "a code", func() bool { return address.MatchString(said()) || login.ProcessState != nil })
	code := address.FindStringSubmatch(said())[1]
	browser := s.Browser()
	browser.Post(s.PortalURL+"/sign-in", url.Values{"name": {"ada"}, "password": {posterntest.Password}})
	browser.Post(s.PortalURL+"/device", url.Values{"user_code": {code}})
	browser.Post(s.PortalURL+"/device/decide", url.Values{"user_code": {code}, "answer": {"allow"}})
	if err := login.Wait(); err != nil || !strings.Contains(said(), "is a new device of yours") {
		m.t.Fatalf("login: %v\n%s", err, said())
	}
	var kept struct{ Refresh, Access []byte }
	if err := json.Unmarshal([]byte(m.read(m.clientDirectory()+`\sign-in.json`)), &kept); err != nil || len(kept.Refresh) == 0 ||
		strings.Contains(string(kept.Refresh), "postern-") || strings.Contains(string(kept.Access), "postern-") {
		m.t.Errorf("the sign-in is kept as %q, %v", kept, err)
	}
}

func (m *machine) forwards(app string) {
	m.t.Helper()
	forward, said := m.begin("", "forward", app, "0")
	defer forward.Wait()
	defer forward.Process.Kill()
	goes := regexp.MustCompile(`(?m)^(127\.0\.0\.1:\d+) goes to`)
	await(m.t, "the port", func() bool { return goes.MatchString(said()) })
	out, err := exec.Command("curl", "-sS", "--max-time", "60", "http://"+goes.FindStringSubmatch(said())[1]+"/forwarded").CombinedOutput()
	if err != nil || string(out) != "page /forwarded" {
		m.t.Errorf("curl by forward: %s, %v", out, err)
	}
}
