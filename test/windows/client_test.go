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
	return m.host(nil, wine, append([]string{clientProgram, "--state", clientState}, args...)...)
}

// begin starts the client's program and gives what it has said so far.
func (m *machine) begin(stdin string, args ...string) (cmd *exec.Cmd, said func() string) {
	m.t.Helper()
	file, err := os.CreateTemp(filepath.Dir(m.prefix), "out")
	if err != nil {
		m.t.Fatal(err)
	}
	defer file.Close() // the program has one of its own
	cmd = exec.Command(wine, append([]string{clientProgram, "--state", clientState}, args...)...)
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
	var status client.Status
	await(t, "the client to be connected", func() bool {
		out, err := m.client("status", "-o", "json")
		status = client.Status{}
		return err == nil && json.Unmarshal([]byte(out), &status) == nil && status.State == client.StateConnected && status.Rules.Applications == 1
	})
	if status.User != "ada" || !strings.Contains(status.SignInSealed, "DPAPI") || len(status.Listeners) != 2 {
		t.Errorf("%+v", status)
	}
	for i, scheme := range []string{"socks5h://", "http://"} {
		out, err := exec.Command("curl", "-sS", "--noproxy", "", "--max-time", "60", "--proxy", scheme+status.Listeners[i].Address, "http://localhost:"+page.Port()+"/deep").CombinedOutput()
		if err != nil || string(out) != "page /deep" {
			t.Errorf("curl by %s: %s, %v", scheme, out, err)
		}
	}
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
	if err := json.Unmarshal([]byte(m.read(clientState+`\sign-in.json`)), &kept); err != nil || len(kept.Refresh) == 0 ||
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
