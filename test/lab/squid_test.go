//go:build linux

package lab

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"postern/internal/posterntest"
)

const basicHelper = "/usr/lib/squid/basic_ncsa_auth"

// TestOnlyTheProxyLeadsOut: the connector's machine has no way to any other network, and neither names of it; a real squid on a machine of its
// own has. Enrolment, tunnels and traffic go by it, open and with a password; what the proxy refuses is named.
func TestOnlyTheProxyLeadsOut(t *testing.T) {
	for _, tool := range []string{"squid", basicHelper} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("install squid-openssl: %v", err)
		}
	}
	for _, password := range []bool{false, true} {
		t.Run(map[bool]string{false: "open", true: "password"}[password], func(t *testing.T) {
			t.Parallel()
			p := newProduct(t)
			p.publish()
			access := []string{"http_access allow all"}
			if password {
				access = p.passwords()
			}
			s := p.startSquid(access...)
			p.Run(Site, "ip", "route", "del", "default")
			if conn, err := dial(t, p.Lab, Site, net.JoinHostPort(Service.Addr(), "443"), impatient); err == nil {
				t.Fatalf("the connector's machine reaches %s by itself", conn.RemoteAddr())
			}
			proxy := "http://" + net.JoinHostPort(Proxy.Addr(), squidPort)
			args := []string{"run", "--state", p.path("connector"), "--token-file", p.path("token"), "--name", "site", "--log-level", "warn", "--proxy", proxy}
			if password {
				p.log = &transcript{}
				refused := p.start(Site, p.log, "postern-connector", args...)
				p.system.Await("the refusal of the proxy to be named", func() bool {
					return strings.Contains(p.log.String(), "407") || strings.Contains(p.log.String(), "password")
				})
				end(refused)
				file := p.path("proxy-user")
				if err := os.WriteFile(file, []byte("site:s p:cret\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, "--proxy-user-file", file)
			}
			p.log = &transcript{}
			p.connector = p.start(Site, p.log, "postern-connector", args...)
			p.awaitActive()
			p.signIn()
			for range 20 {
				if a := p.open(posterntest.Patience); !a.good() {
					t.Fatalf("%d: %s", a.status, a.text)
				}
			}
			if !strings.Contains(p.admin("connectors", "list", "-o", "json"), "proxy") {
				t.Error("the connector's status does not tell that it goes by a proxy")
			}
			// A proxy that is restarted cuts every tunnel: they are back by themselves.
			end(s)
			p.startSquid(access...)
			p.expectBack(0)
			p.expectNothingInbound()
		})
	}
}

const squidPort = "3128"

// squidFile puts a file where squid reads it.
func (p *product) squidFile(name, text string) string {
	p.t.Helper()
	dir := p.path("squid")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	p.passable(dir)
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	return file
}

// passwords has squid ask for the password of the user site.
func (p *product) passwords() []string {
	p.t.Helper()
	hash := strings.TrimSpace(p.Run(Proxy, "openssl", "passwd", "-apr1", "s p:cret"))
	users := p.squidFile("users", "site:"+hash+"\n")
	return []string{"auth_param basic program " + basicHelper + " " + users, "auth_param basic children 1",
		"acl known proxy_auth REQUIRED", "http_access allow known", "http_access deny all"}
}

// startSquid starts a proxy on its machine, which lets through whom these lines say.
func (p *product) startSquid(access ...string) *exec.Cmd {
	p.t.Helper()
	dir := p.path("squid")
	config := strings.Join(append([]string{
		"http_port " + net.JoinHostPort(Proxy.Addr(), squidPort), "hosts_file /etc/hosts", "dns_nameservers 127.0.0.1", "dns_timeout 1 second",
		"pid_filename none", "cache_log " + filepath.Join(dir, "cache.log"), "access_log stdio:" + filepath.Join(dir, "access.log"), "logfile_rotate 0", "coredump_dir " + dir,
		"cache deny all", "cache_mem 8 MB", "shutdown_lifetime 0 seconds", "max_filedescriptors 1024", "visible_hostname proxy.test",
	}, access...), "\n") + "\n"
	file := p.squidFile("squid.conf", config)
	p.give(dir)
	cmd := p.Start(Proxy, "squid", "-N", "-f", file)
	p.system.Await("squid to answer", func() bool {
		conn, err := p.Dial(p.t.Context(), Site, "tcp", net.JoinHostPort(Proxy.Addr(), squidPort))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return cmd
}

// give makes the user of squid the owner, who it becomes.
func (p *product) give(dir string) {
	p.t.Helper()
	who, err := user.Lookup("proxy")
	if err != nil {
		p.t.Fatal(err)
	}
	uid, uidErr := strconv.Atoi(who.Uid)
	gid, gidErr := strconv.Atoi(who.Gid)
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error { return errors.Join(err, os.Chown(path, uid, gid)) })
	if err := errors.Join(uidErr, gidErr, err); err != nil {
		p.t.Fatal(err)
	}
}

// passable lets others pass through the directories above, which the testing package makes for one user.
func (p *product) passable(dir string) {
	p.t.Helper()
	for dir != os.TempDir() && dir != "/" {
		if err := os.Chmod(dir, 0o755); err != nil {
			p.t.Fatal(err)
		}
		dir = filepath.Dir(dir)
	}
}
