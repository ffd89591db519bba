package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
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
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"postern/internal/api"
	"postern/internal/client"
	"postern/internal/posterntest"
)

// user is somebody with a machine: the program runs as processes of its own, on one state directory.
type user struct {
	*posterntest.System
	t     *testing.T
	state string
	ca    string
	port  uint16 // of a web page behind the connector
	ssh   uint16 // of an SSH server there
	free  uint16 // where nobody listens
	key   string // file with the user's SSH key

	assigned api.Assignment
}

func newUser(t *testing.T) *user {
	t.Helper()
	u := &user{System: posterntest.New(t), t: t, state: filepath.Join(t.TempDir(), "state"), ca: filepath.Join(t.TempDir(), "ca.pem")}
	if err := os.WriteFile(u.ca, u.RootsPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	u.Connector("site")
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "page %s", r.URL.Path) }))
	page, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Sscan(page.Port(), &u.port)
	u.ssh, u.key = sshServer(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.free = uint16(closed.Addr().(*net.TCPAddr).Port)
	closed.Close()
	app := u.Private("lab", api.Segment{Destination: "localhost", Ports: fmt.Sprintf("22,%d,%d,%d", u.port, u.ssh, u.free)})
	u.assigned = u.Assign(app, u.User("ada"))
	return u
}

// command gives the program with a command line, on the user's state.
func (u *user) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(u.t.Context(), "postern-client", append([]string{"--state", u.state}, args...)...)
	cmd.Env = append(os.Environ(), "NO_PROXY=*", "DISPLAY=", "WAYLAND_DISPLAY=")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = posterntest.Patience
	return cmd
}

// run runs a command line to its end.
func (u *user) run(args ...string) (out, errs string, code int) {
	u.t.Helper()
	cmd := u.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		u.t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// start starts a command line and gives what it says on standard error, line by line.
func (u *user) start(args ...string) (*exec.Cmd, <-chan string) {
	u.t.Helper()
	cmd := u.command(args...)
	return cmd, begin(u.t, cmd)
}

// begin starts a command and gives what it says on standard error, line by line.
func begin(t *testing.T, cmd *exec.Cmd) <-chan string {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		defer read.Close()
		in := bufio.NewScanner(read)
		for in.Scan() {
			select {
			case lines <- in.Text():
			default: // nobody looks any more
			}
		}
	}()
	return lines
}

// await waits for a line and gives what its pattern's group matches.
func await(t *testing.T, lines <-chan string, pattern string) string {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	var seen []string
	late := time.After(posterntest.Patience)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("it ended and never said %s: %q", pattern, seen)
			}
			seen = append(seen, line)
			if found := wanted.FindStringSubmatch(line); found != nil {
				return found[len(found)-1]
			}
		case <-late:
			t.Fatalf("it never said %s: %q", pattern, seen)
		}
	}
}

// login signs ada in, who allows it in her browser.
func (u *user) login(args ...string) {
	u.t.Helper()
	cmd, lines := u.start(append([]string{"login", "--ca-file", u.ca, u.PortalURL}, args...)...)
	u.Allow("ada", await(u.t, lines, `^ +(https://\S+/oauth/authorize\S+)`))
	await(u.t, lines, "^Signed in at "+u.PortalURL)
	if err := cmd.Wait(); err != nil {
		u.t.Fatal(err)
	}
}

// up runs the client with both proxies and waits until it is connected. stop ends it as SIGINT does.
func (u *user) up(args ...string) (status client.Status, stop func() error) {
	u.t.Helper()
	cmd, _ := u.start(append([]string{"up", "--socks", "0", "--http", "0"}, args...)...)
	stop = sync.OnceValue(func() error {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		return cmd.Wait()
	})
	u.t.Cleanup(func() { _ = stop() })
	u.Await("the client to be connected", func() bool {
		out, _, code := u.run("status", "-o", "json")
		status = client.Status{}
		return code == exitOK && json.Unmarshal([]byte(out), &status) == nil && status.State == client.StateConnected && status.Rules.Applications > 0
	})
	return status, stop
}

func listener(t *testing.T, s client.Status, kind string) string {
	t.Helper()
	for _, l := range s.Listeners {
		if l.Kind == kind {
			return l.Address
		}
	}
	t.Fatalf("no %s among %+v", kind, s.Listeners)
	return ""
}

// TestDeviceCode: where there is no browser a code does, and who signs in again is the same device.
func TestDeviceCode(t *testing.T) {
	u := newUser(t)
	u.login()
	status, _ := u.up()
	cmd, lines := u.start("login", "--device-code")
	code := await(t, lines, `user_code=(\S+)$`)
	browser := u.Browser()
	browser.Post(u.PortalURL+"/sign-in", url.Values{"name": {"ada"}, "password": {posterntest.Password}})
	browser.Post(u.PortalURL+"/device", url.Values{"user_code": {code}})
	browser.Post(u.PortalURL+"/device/decide", url.Values{"user_code": {code}, "answer": {"allow"}})
	await(t, lines, "is a device of yours .("+status.Device+").")
	await(t, lines, "The client that runs goes on")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	other, _ := u.start("login", "--new-device", "--no-browser")
	_ = other.Process.Signal(os.Interrupt) // who gives up keeps what was there
	if err := other.Wait(); err == nil {
		t.Error("it signed in without anybody")
	}
	if _, errs, code := u.run("connect", "localhost", fmt.Sprint(u.free)); code != exitError {
		t.Errorf("afterwards: %d %s", code, errs)
	}
}

// sshServer serves SSH with one user's key: whatever is run there answers with its own input.
func sshServer(t *testing.T) (port uint16, keyFile string) {
	t.Helper()
	signer := func() (ssh.Signer, []byte) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		block, err := ssh.MarshalPrivateKey(key, "")
		if err != nil {
			t.Fatal(err)
		}
		s, err := ssh.NewSignerFromKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return s, pem.EncodeToMemory(block)
	}
	server, _ := signer()
	mine, text := signer()
	keyFile = filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(keyFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(key.Marshal(), mine.PublicKey().Marshal()) {
			return nil, errors.New("another key")
		}
		return nil, nil
	}}
	config.AddHostKey(server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveSSH(conn, config)
		}
	}()
	return uint16(l.Addr().(*net.TCPAddr).Port), keyFile
}

func serveSSH(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go func() {
			for request := range requests {
				_ = request.Reply(request.Type == "exec", nil)
			}
		}()
		go func() {
			_, _ = io.Copy(channel, channel)
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{0}))
			_ = channel.Close()
		}()
	}
}

// TestProgram: a user signs in, runs the client, and reaches a private page and an SSH server by every rootless way.
func TestProgram(t *testing.T) {
	u := newUser(t)
	u.login()
	status, stop := u.up()
	page := fmt.Sprintf("http://localhost:%d/deep", u.port)
	for name, args := range map[string][]string{
		"socks": {"--proxy", "socks5h://" + listener(t, status, "SOCKS5")}, "connect": {"--proxytunnel", "--proxy", "http://" + listener(t, status, "HTTP")},
		"http": {"--proxy", "http://" + listener(t, status, "HTTP")},
	} {
		cmd := exec.CommandContext(t.Context(), "curl", append(args, "--noproxy", "", "-sS", "--max-time", "30", page)...)
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != "page /deep" {
			t.Errorf("curl by %s: %s, %v", name, out, err)
		}
	}
	u.byForward()
	u.bySSH()
	u.byConnect()
	u.asks()
	if _, errs, code := u.run("up"); code != exitError || !strings.Contains(errs, "running already") {
		t.Errorf("a second one: %d %s", code, errs)
	}
	if _, errs, code := u.run("down"); code != exitOK {
		t.Errorf("down: %d %s", code, errs)
	}
	if err := stop(); err != nil {
		t.Errorf("after down it ended with %v", err)
	}
	u.byForward() // and now by tunnels of their own
	u.byConnect()
	if _, errs, code := u.run("logout"); code != exitOK || !strings.Contains(errs, "Signed out of "+u.PortalURL) {
		t.Errorf("logout: %d %s", code, errs)
	}
	if _, _, code := u.run("connect", "localhost", fmt.Sprint(u.port)); code != exitSignedIn {
		t.Errorf("signed out: %d", code)
	}
}

func (u *user) byForward() {
	u.t.Helper()
	cmd, lines := u.start("forward", fmt.Sprintf("lab:%d", u.port), "0")
	at := await(u.t, lines, `^(127\.0\.0\.1:\d+) goes to localhost:`)
	response, err := http.Get("http://" + at + "/forwarded")
	if err != nil {
		u.t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if err != nil || string(body) != "page /forwarded" {
		u.t.Errorf("%s, %v", body, err)
	}
	_ = cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil {
		u.t.Errorf("forward ended with %v", err)
	}
}

func (u *user) bySSH() {
	u.t.Helper()
	config, errs, code := u.run("ssh-config")
	if code != exitOK || !strings.Contains(config, "\nHost localhost\n") {
		u.t.Fatalf("%d %s %s", code, config, errs)
	}
	file := filepath.Join(u.t.TempDir(), "ssh_config")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		u.t.Fatal(err)
	}
	sent := make([]byte, 4<<20)
	_, _ = rand.Read(sent) // never fails
	cmd := exec.CommandContext(u.t.Context(), "ssh", "-F", file, "-i", u.key, "-p", fmt.Sprint(u.ssh), "-o", "UserKnownHostsFile=/dev/null",
		"-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "ada@localhost", "cat")
	cmd.Stdin = bytes.NewReader(sent)
	var said bytes.Buffer
	cmd.Stderr = &said
	if got, err := cmd.Output(); err != nil || !bytes.Equal(got, sent) {
		u.t.Errorf("ssh gave %d of %d bytes, %v: %s", len(got), len(sent), err, said.String())
	}
}

func (u *user) byConnect() {
	u.t.Helper()
	cmd := u.command("connect", "localhost", fmt.Sprint(u.port))
	cmd.Stdin = strings.NewReader("GET /typed HTTP/1.0\r\n\r\n")
	if out, err := cmd.Output(); err != nil || !strings.HasSuffix(string(out), "page /typed") {
		u.t.Errorf("connect gave %s, %v", out, err)
	}
	if _, errs, code := u.run("connect", "localhost", "1"); code != exitRefused || !strings.Contains(errs, "localhost:1") {
		u.t.Errorf("what nobody has: %d %s", code, errs)
	}
	if _, errs, code := u.run("connect", "localhost", fmt.Sprint(u.free)); code != exitError || !strings.Contains(errs, "refuses connections") {
		u.t.Errorf("where nobody listens: %d %s", code, errs)
	}
}

func (u *user) asks() {
	u.t.Helper()
	for _, test := range []struct {
		args string
		want string
		code int
	}{
		{"status", `(?m)^State +connected\n(.*\n)*User +ada$`, exitOK},
		{"status -o yaml", `(?m)^state: connected$`, exitOK},
		{"apps", `(?m)^lab +app_\w+ +localhost +22,`, exitOK},
		{"apps -o json", `"destination": "localhost"`, exitOK},
		{"explain localhost 22", `(?m)^Goes +tunnel\nWhy +.*"lab"\nSegment +localhost:22,`, exitOK},
		{"explain localhost 22 --udp", `(?m)^Goes +blocked$`, exitRefused},
		{"explain localhost 22 --app nothing", ``, exitRefused},
		{"explain elsewhere.example 22 -o json", `"way": "blocked"`, exitRefused},
		{"diagnose", `(?m)^ok +gateway +127`, exitOK},
		{"flows", `(?m)^SINCE +PROGRAM +DESTINATION`, exitOK},
		{"logs", `(?m) INFO  proxy listening kind="SOCKS5" address="127.0.0.1:\d+"$`, exitOK},
		{"pause --for 1m", ``, exitOK},
		{"status", `(?m)^State +paused$`, exitOK},
		{"resume", ``, exitOK},
	} {
		out, errs, code := u.run(strings.Fields(test.args)...)
		if code != test.code || !regexp.MustCompile(test.want).MatchString(out) {
			u.t.Errorf("%s: %d\n%s%s", test.args, code, out, errs)
		}
	}
}

// TestConnectIsCut: what an administrator cuts ends connect with a code of its own.
func TestConnectIsCut(t *testing.T) {
	u := newUser(t)
	u.login()
	cmd := u.command("connect", "localhost", fmt.Sprint(u.ssh))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "SSH-2.0") {
		t.Fatalf("%q, %v", line, err)
	}
	if err := u.API.Assignments.Delete(context.WithoutCancel(t.Context()), u.assigned.ID, u.assigned.Version); err != nil {
		t.Fatal(err)
	}
	ended, ok := errors.AsType[*exec.ExitError](cmd.Wait())
	if !ok || ended.ExitCode() != exitCut {
		t.Errorf("it ended with %v", ended)
	}
}
