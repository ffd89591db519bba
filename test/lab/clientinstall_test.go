//go:build linux

package lab

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/posterntest"
)

// TestInstallClient: one command makes the client a service with an interface, with no more capabilities than its unit leaves it; somebody signs
// in on it, and it leaves nothing.
func TestInstallClient(t *testing.T) {
	t.Parallel()
	d := newDevice(t, ".corp.test:1-65535")
	m := newMachineAt(d.product, Device, "postern-client")
	if err := os.WriteFile(filepath.Join(m.dir, "etc/nsswitch.conf"), []byte("passwd: files\ngroup: files\nhosts: files dns\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := m.files()
	m.fails("no service postern-client is installed", "uninstall")
	m.fails("from 1 to 16", "install", "--gateways", "99")
	if diff := cmp.Diff(before, m.files()); diff != "" {
		t.Errorf("a refused installation left: %s", diff)
	}
	m.run("install", "--log-level", "debug")
	says := func(words string, args ...string) {
		t.Helper()
		last := ""
		d.system.Await(strings.Join(args, " ")+" to say "+words, func() bool {
			last, _ = m.try(args...)
			return strings.Contains(last, words)
		})
	}
	says("signed out", "status")

	said := &transcript{}
	login := m.command("login", "https://"+portalHost, "--device-code", "--ca-file", d.path("service/ca.pem"))
	login.Stdout, login.Stderr = said, said
	if err := login.Start(); err != nil {
		t.Fatal(err)
	}
	var code []string
	d.system.Await("the code", func() bool {
		code = shownCode.FindStringSubmatch(said.String())
		return code != nil
	})
	browser := d.newUser()
	browser.Post("https://"+portalHost+"/sign-in", url.Values{"name": {"ada"}, "password": {posterntest.Password}})
	browser.Post("https://"+portalHost+"/device", url.Values{"user_code": {code[1]}})
	browser.Post("https://"+portalHost+"/device/decide", url.Values{"user_code": {code[1]}, "answer": {"allow"}})
	if err := login.Wait(); err != nil {
		t.Fatalf("sign in: %v: %s", err, said)
	}
	says("connected", "status")
	says("interface on postern0", "status")
	says(databaseHost, "explain", "db:5432")
	on := func(command ...string) (string, error) {
		out, err := exec.Command("nsenter", append([]string{"--target", m.pid, "--mount", "--net"}, command...)...).CombinedOutput()
		return string(out), err
	}
	d.system.Await("a program to find the private name", func() bool {
		out, _ := on("getent", "ahostsv4", databaseHost)
		return strings.HasPrefix(out, "198.1")
	})
	says(databaseHost, "names")

	if out := m.run("uninstall"); !strings.Contains(out, "Signed out of https://"+portalHost) {
		t.Errorf("uninstall said %q", out)
	}
	if out, err := on("ip", "link", "show", "postern0"); err == nil {
		t.Errorf("the interface is left: %s", out)
	}
	if diff := cmp.Diff(before, m.files()); diff != "" {
		t.Errorf("left: %s", diff)
	}
}
