//go:build linux

package lab

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/quic-go/quic-go"
)

// The ports of a site's servers.
const (
	sshPort   = "22"
	smbPort   = "445"
	quicPort  = "4433"
	iperfPort = "5201"
	pgPort    = "5432"
	redisPort = "6379"
)

// needs fails the test where a program is missing.
func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("a program is missing: %v", err)
		}
	}
}

// file writes a file of the test's own.
func (p *product) file(name, text string) string {
	p.t.Helper()
	path := p.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// awaitPort waits until a server of the site listens.
func (s *site) awaitPort(port string) {
	s.t.Helper()
	s.system.Await(s.name+"'s server on port "+port, func() bool {
		conn, err := s.Dial(s.t.Context(), s.inside, "tcp", net.JoinHostPort(s.backend.Addr(), port))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// mkdir makes a directory of the site's servers.
func (s *site) mkdir(name string, mode os.FileMode) string {
	s.t.Helper()
	dir := filepath.Join(s.dir, name)
	if err := os.MkdirAll(dir, mode); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil { // whatever the umask
		s.t.Fatal(err)
	}
	return dir
}

// serveSSH serves root, who has the key of the file "ssh-key".
func (s *site) serveSSH() {
	s.t.Helper()
	dir := s.mkdir("ssh", 0o700)
	if _, err := os.Stat(s.path("ssh-key")); err != nil {
		s.Run(s.backend, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", s.path("ssh-key"))
	}
	s.Run(s.backend, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, "host"))
	config := s.file(s.name+"-sshd.conf", strings.Join([]string{
		"ListenAddress " + net.JoinHostPort(s.backend.Addr(), sshPort), "HostKey " + filepath.Join(dir, "host"), "AuthorizedKeysFile " + s.path("ssh-key.pub"),
		"StrictModes no", "UsePAM no", "PermitRootLogin yes", "PasswordAuthentication no", "PidFile none", "UseDNS no", "Subsystem sftp internal-sftp",
	}, "\n")+"\n")
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd has no option for it
		s.t.Fatal(err)
	}
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		s.t.Fatal(err)
	}
	s.Start(s.backend, sshd, "-D", "-e", "-f", config) // by its whole path, or it refuses
	s.awaitPort(sshPort)
}

// servePostgreSQL serves the database postgres to everybody on site, as a user who is not root.
func (s *site) servePostgreSQL() {
	s.t.Helper()
	dir := s.mkdir("postgresql", 0o700)
	nobody, err := user.Lookup("nobody")
	if err != nil {
		s.t.Fatal(err)
	}
	uid, _ := strconv.Atoi(nobody.Uid) // a number on Linux
	gid, _ := strconv.Atoi(nobody.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		s.t.Fatal(err)
	}
	s.passable(s.dir)
	as := func(program string, args ...string) []string {
		return append([]string{"--reuid=" + nobody.Uid, "--regid=" + nobody.Gid, "--clear-groups", "--", postgresProgram(s.t, program)}, args...)
	}
	data := filepath.Join(dir, "data")
	s.Run(s.backend, "setpriv", as("initdb", "-D", data, "-U", "postern", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")...)
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte("host all all 10.20.0.0/24 trust\n"), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.Start(s.backend, "setpriv", as("postgres", "-D", data, "-h", s.backend.Addr(), "-p", pgPort, "-k", dir, "-F")...)
	s.awaitPort(pgPort)
	s.system.Await("PostgreSQL to answer", func() bool {
		return s.Command(s.inside, "psql", s.postgres(s.backend.Addr(), pgPort, "-c", "SELECT 1")...).Run() == nil
	})
}

// postgresProgram looks on PATH and where Debian keeps the programs of every version.
func postgresProgram(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		t.Fatalf("there is no program %q: install postgresql", name)
	}
	return found[len(found)-1]
}

// postgres gives the arguments of a program of PostgreSQL's.
func (s *site) postgres(host, port string, args ...string) []string {
	return append([]string{"-h", host, "-p", port, "-U", "postern", "-d", "postgres"}, args...)
}

func (s *site) serveRedis() {
	s.t.Helper()
	s.Start(s.backend, "redis-server", "--bind", s.backend.Addr(), "--port", redisPort, "--protected-mode", "no", "--save", "", "--appendonly", "no",
		"--dir", s.mkdir("redis", 0o700), "--loglevel", "warning")
	s.awaitPort(redisPort)
}

// serveSMB serves the share "share" to everybody.
func (s *site) serveSMB() {
	s.t.Helper()
	dir := s.mkdir("smb", 0o755)
	lines := []string{"[global]", "server role = standalone", "map to guest = Bad User", "disable netbios = yes", "smb ports = " + smbPort,
		"interfaces = " + s.backend.Addr(), "bind interfaces only = yes", "load printers = no", "disable spoolss = yes", "log file = " + filepath.Join(dir, "log")}
	for _, kind := range []string{"private dir", "lock directory", "state directory", "cache directory", "pid directory", "ncalrpc dir"} {
		lines = append(lines, kind+" = "+s.mkdir("smb/"+strings.ReplaceAll(kind, " ", "-"), 0o755))
	}
	lines = append(lines, "[share]", "path = "+s.mkdir("smb/share", 0o777), "guest ok = yes", "read only = no", "force user = root")
	config := s.file(s.name+"-smb.conf", strings.Join(lines, "\n")+"\n")
	s.Start(s.backend, "smbd", "--foreground", "--no-process-group", "-s", config)
	s.awaitPort(smbPort)
}

// serveQUIC serves an echo of streams.
func (s *site) serveQUIC() {
	s.t.Helper()
	conn, err := s.ListenPacket(s.backend, net.JoinHostPort(s.backend.Addr(), quicPort))
	if err != nil {
		s.t.Fatal(err)
	}
	secure := httptest.NewTLSServer(nil) // for its certificate
	defer secure.Close()
	listener, err := quic.Listen(conn, &tls.Config{Certificates: secure.TLS.Certificates, NextProtos: []string{"echo"}}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			peer, err := listener.Accept(context.Background())
			if err != nil {
				return
			}
			go func() { // ends with the connection
				for {
					stream, err := peer.AcceptStream(context.Background())
					if err != nil {
						return
					}
					_, _ = io.Copy(stream, stream)
					_ = stream.Close()
				}
			}()
		}
	}()
	s.t.Cleanup(func() { _ = listener.Close(); _ = conn.Close(); <-done })
}
