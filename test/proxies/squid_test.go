package proxies

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"postern/internal/posterntest"
	"postern/internal/uplink"
)

const (
	basicHelper     = "/usr/lib/squid/basic_ncsa_auth"
	negotiateHelper = "/usr/lib/squid/negotiate_kerberos_auth"
	certHelper      = "/usr/lib/squid/security_file_certgen"
)

// squid is a real squid on loopback that leads every name to this machine.
type squid struct {
	t    testing.TB
	dir  string
	port string
	env  []string
}

// startSquid starts squid with lines of configuration. port: what stands after the address of http_port.
func startSquid(t testing.TB, hosts []string, port string, lines ...string) *squid {
	t.Helper()
	s := &squid{t: t, dir: workspace(t)}
	if err := os.WriteFile(filepath.Join(s.dir, "hosts"), []byte("127.0.0.1 "+strings.Join(hosts, " ")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 5 { // squid chooses no port itself; one that was free may be taken meanwhile
		if s.run(port, lines) {
			return s
		}
	}
	log, _ := os.ReadFile(filepath.Join(s.dir, "cache.log"))
	t.Fatalf("squid does not start:\n%s", log)
	return nil
}

// workspace makes a directory that squid's own user may use.
func workspace(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "squid")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	give(t, dir)
	return dir
}

// give makes squid's user the owner, who it becomes when it was started as root.
func give(t testing.TB, path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	proxy, err := user.Lookup("proxy")
	if err != nil {
		t.Fatal(err)
	}
	uid, gid := must(strconv.Atoi(proxy.Uid))(t), must(strconv.Atoi(proxy.Gid))(t)
	err = filepath.WalkDir(path, func(each string, _ fs.DirEntry, err error) error { return errors.Join(err, os.Chown(each, uid, gid)) })
	if err != nil {
		t.Fatal(err)
	}
}

func (s *squid) run(port string, lines []string) bool {
	s.port = strconv.Itoa(posterntest.FreePort(s.t))
	config := append([]string{
		"http_port 127.0.0.1:" + s.port + " " + port,
		"hosts_file " + filepath.Join(s.dir, "hosts"),
		"dns_nameservers 127.0.0.1", "dns_timeout 1 second", "dns_retransmit_interval 1 second",
		"pid_filename " + filepath.Join(s.dir, "squid.pid"),
		"cache_log " + filepath.Join(s.dir, "cache.log"),
		"access_log stdio:" + filepath.Join(s.dir, "access.log"),
		"coredump_dir " + s.dir,
		"cache deny all", "cache_mem 8 MB", "shutdown_lifetime 0 seconds", "max_filedescriptors 1024", "visible_hostname proxy.test",
	}, lines...)
	file := filepath.Join(s.dir, "squid.conf")
	if err := os.WriteFile(file, []byte(strings.Join(config, "\n")+"\n"), 0o644); err != nil {
		s.t.Fatal(err)
	}
	give(s.t, s.dir)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "squid", "-N", "-f", file)
	cmd.Env = append(os.Environ(), s.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // its helpers, too
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }() // it is killed
	s.t.Cleanup(func() { cancel(); <-ended })
	return answers("127.0.0.1:"+s.port, ended)
}

// log gives what squid says of the requests that it had.
func (s *squid) log() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "access.log"))
	return string(text)
}

// file puts a file where squid reads it.
func (s *squid) file(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// need skips nothing: where a program is missing the test is not run and says so; with CI=true that is a failure.
func need(t *testing.T, programs ...string) bool {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			fmt.Fprintf(os.Stderr, "NOT RUN: %s needs %s\n", t.Name(), program)
			if os.Getenv("CI") == "true" {
				t.Errorf("%s is missing", program)
			}
			return false
		}
	}
	return true
}

// TestSquid: enrolment, tunnels and traffic through a real proxy, open and with a password, named and found by a script.
func TestSquid(t *testing.T) {
	if !need(t, "squid", basicHelper) {
		return
	}
	w := newWorld(t)
	portal, _, _ := net.SplitHostPort(w.host())
	only := fmt.Sprintf("acl service port %d", w.Port())
	open := startSquid(t, []string{portal}, "", only, "http_access allow CONNECT service", "http_access deny all")
	closed := startBasic(t, portal, only)
	proxies := map[string]struct {
		cfg uplink.Config
		by  *squid
	}{
		"open":        {uplink.Config{Proxy: "http://127.0.0.1:" + open.port}, open},
		"Basic":       {uplink.Config{Proxy: "http://me:secret@127.0.0.1:" + closed.port}, closed},
		"Basic, file": {uplink.Config{Proxy: "http://127.0.0.1:" + closed.port, User: userinfo("me:secret")}, closed},
		"script": {uplink.Config{Proxy: "pac:" + open.file("proxy.pac", fmt.Sprintf(
			`function FindProxyForURL(url, host) { return dnsDomainIs(host, ".localhost") ? "PROXY 127.0.0.1:1; PROXY 127.0.0.1:%s" : "DIRECT" }`, open.port))}, open},
	}
	for name, p := range proxies {
		before := strings.Count(p.by.log(), "CONNECT "+w.host())
		c, _ := w.enrol(name, p.cfg)
		w.carries()
		w.way(c.ID, "through the proxy http://")
		if err := c.Stop(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if p.by.connects(w.host()) <= before {
			t.Errorf("%s: squid had nothing to do:\n%s", name, p.by.log())
		}
	}
	for name, test := range map[string]struct{ proxy, want string }{
		"no password":      {"http://127.0.0.1:" + closed.port, `offers "Basic"`},
		"a wrong password": {"http://me:wrong@127.0.0.1:" + closed.port, "did not accept the user and password"},
		"a forbidden port": {"http://127.0.0.1:" + open.port, "answered 403"},
		"a name not known": {"http://127.0.0.1:" + open.port, "could not reach unknown.test.localhost"},
	} {
		host := w.host()
		switch name {
		case "a forbidden port":
			host = portal + ":1"
		case "a name not known":
			host = fmt.Sprintf("unknown.test.localhost:%d", w.Port())
		}
		if err := w.refused(test.proxy, host); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// startBasic starts a squid that wants the user me with the password secret.
func startBasic(t *testing.T, portal, only string) *squid {
	t.Helper()
	users := filepath.Join(workspace(t), "users")
	hash := must(exec.Command("openssl", "passwd", "-apr1", "-salt", "postern0", "secret").Output())(t)
	if err := os.WriteFile(users, []byte("me:"+string(hash)), 0o644); err != nil {
		t.Fatal(err)
	}
	return startSquid(t, []string{portal}, "", "auth_param basic program "+basicHelper+" "+users, "auth_param basic children 1",
		"acl known proxy_auth REQUIRED", only, "http_access allow CONNECT service known", "http_access deny all")
}

// connects counts the tunnels through squid, which it logs when they end.
func (s *squid) connects(host string) int { return strings.Count(s.log(), "CONNECT "+host) }

// refused gives the error of a dial through a proxy.
func (w *world) refused(proxy, host string) error {
	w.T.Helper()
	cfg := must(uplink.New(uplink.Config{Proxy: proxy, Timeout: posterntest.Patience}))(w.T)
	service := must(cfg.Service("https://"+host, w.enrolTLS()))(w.T)
	return service.Post(w.T.Context(), "/enrol", struct{}{}, &struct{}{})
}
