package proxies

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/internal/posterntest"
	"postern/internal/uplink"
)

const realm = "POSTERN.TEST"

// kdc is a Kerberos realm with its own KDC (MIT's) on loopback.
type kdc struct {
	t   testing.TB
	dir string
	env []string
}

func startKDC(t testing.TB) *kdc {
	t.Helper()
	k := &kdc{t: t, dir: workspace(t)}
	for range 5 { // the KDC chooses no port itself; one that was free may be taken meanwhile
		if k.run() {
			return k
		}
	}
	log, _ := os.ReadFile(filepath.Join(k.dir, "kdc.log"))
	t.Fatalf("the KDC does not start:\n%s", log)
	return nil
}

// config gives the file by which clients and services find the realm.
func (k *kdc) config() string { return filepath.Join(k.dir, "krb5.conf") }

func (k *kdc) run() bool {
	k.t.Helper()
	port := strconv.Itoa(posterntest.FreePort(k.t))
	address := net.JoinHostPort("127.0.0.1", port)
	for name, text := range map[string]string{
		"krb5.conf": fmt.Sprintf("[libdefaults]\n default_realm = %s\n dns_lookup_kdc = false\n rdns = false\n dns_canonicalize_hostname = false\n udp_preference_limit = 1\n"+
			"[realms]\n %s = {\n  kdc = %s\n }\n", realm, realm, address),
		"kdc.conf": fmt.Sprintf("[kdcdefaults]\n kdc_listen = 127.0.0.1:%s\n kdc_tcp_listen = 127.0.0.1:%s\n[realms]\n %s = {\n  database_name = %s/principal\n  key_stash_file = %s/stash\n  acl_file = %s/acl\n"+
			"  supported_enctypes = aes256-cts:normal\n }\n[logging]\n kdc = FILE:%s/kdc.log\n", port, port, realm, k.dir, k.dir, k.dir, k.dir),
	} {
		if err := os.WriteFile(filepath.Join(k.dir, name), []byte(text), 0o644); err != nil {
			k.t.Fatal(err)
		}
	}
	k.env = append(os.Environ(), "KRB5_CONFIG="+k.config(), "KRB5_KDC_PROFILE="+filepath.Join(k.dir, "kdc.conf"))
	if _, err := os.Stat(filepath.Join(k.dir, "principal")); err != nil {
		k.tool("kdb5_util", "create", "-s", "-r", realm, "-P", "master")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, sbin("krb5kdc"), "-n", "-r", realm)
	cmd.Env = k.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }() // it is killed
	k.t.Cleanup(func() { cancel(); <-ended })
	return answers(address, ended)
}

// sbin finds a program of administrators, who alone have its directory in their path.
func sbin(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return "/usr/sbin/" + name
}

func (k *kdc) tool(name string, args ...string) {
	k.t.Helper()
	cmd := exec.Command(sbin(name), args...)
	cmd.Env = k.env
	if out, err := cmd.CombinedOutput(); err != nil {
		k.t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}

// keytab makes a principal and gives a file with its key.
func (k *kdc) keytab(principal string) string {
	k.t.Helper()
	path := filepath.Join(k.dir, strings.NewReplacer("/", "-", "@", "-").Replace(principal)+".keytab")
	k.tool("kadmin.local", "-r", realm, "-q", "addprinc -randkey +requires_preauth "+principal)
	k.tool("kadmin.local", "-r", realm, "-q", "ktadd -k "+path+" "+principal)
	give(k.t, k.dir)
	return path
}

// TestSquidWithKerberos: a proxy that wants Negotiate is got through with a key or a ticket, and whatever is wrong with them
// is said.
func TestSquidWithKerberos(t *testing.T) {
	if !need(t, "squid", negotiateHelper, sbin("krb5kdc"), sbin("kdb5_util"), sbin("kadmin.local"), "kinit") {
		return
	}
	const proxy = "proxy.localhost" // resolved to this machine by our own dialer
	w := newWorld(t)
	portal, _, _ := net.SplitHostPort(w.host())
	k := startKDC(t)
	service := k.keytab("HTTP/" + proxy)
	mine := k.keytab("connector/site1")
	t.Setenv("KRB5_CONFIG", k.config())
	s := startSquid(t, []string{portal}, "", "auth_param negotiate program "+negotiateHelper+" -k "+service+" -s HTTP/"+proxy+"@"+realm,
		"auth_param negotiate children 1", "auth_param negotiate keep_alive on", "acl known proxy_auth REQUIRED",
		"http_access allow CONNECT known", "http_access deny all")
	url := "http://" + proxy + ":" + s.port
	cache := filepath.Join(k.dir, "cache")
	k.tool("kinit", "-k", "-t", mine, "-c", cache, "connector/site1@"+realm)
	for name, kerberos := range map[string]uplink.Kerberos{
		"key":                {Keytab: mine},
		"key of a principal": {Keytab: mine, Principal: "connector/site1@" + realm},
		"ticket":             {Cache: cache},
	} {
		before := s.connects(w.host())
		c, _ := w.enrol(name, uplink.Config{Proxy: url, Kerberos: kerberos})
		w.carries()
		w.way(c.ID, "through the proxy "+url)
		if err := c.Stop(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s.connects(w.host()) <= before || !strings.Contains(s.log(), "connector/site1@"+realm) {
			t.Errorf("%s: squid did not see the principal:\n%s", name, s.log())
		}
	}
	stale := k.keytab("connector/changed")
	if err := os.Rename(stale, stale+".old"); err != nil {
		t.Fatal(err)
	}
	k.keytab("connector/changed") // a new key
	oldKey := stale + ".old"
	k.expectAskedOnce(w, url, oldKey)
	for name, test := range map[string]struct {
		proxy    string
		kerberos uplink.Kerberos
		want     string
	}{
		"nothing":              {url, uplink.Kerberos{}, "--proxy-keytab"},
		"an old key":           {url, uplink.Kerberos{Keytab: oldKey}, "make a new keytab"},
		"an unknown principal": {url, uplink.Kerberos{Keytab: mine, Principal: "nobody@" + realm}, "is proxy-principal right?"},
		"an unknown proxy":     {"http://other.localhost:" + s.port, uplink.Kerberos{Keytab: mine}, "the KDC knows no service HTTP/other.localhost"},
		"a proxy by address":   {"http://127.0.0.1:" + s.port, uplink.Kerberos{Keytab: mine}, "name it by its host name"},
		"no ticket":            {url, uplink.Kerberos{Cache: filepath.Join(k.dir, "none")}, "proxy-credentials-cache cannot be read"},
	} {
		d := must(uplink.New(uplink.Config{Proxy: test.proxy, Kerberos: test.kerberos, Timeout: posterntest.Patience}))(t)
		face := must(d.Service("https://"+w.host(), w.enrolTLS()))(t)
		if err := face.Post(t.Context(), "/enrol", struct{}{}, &struct{}{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// expectAskedOnce holds that a key which the KDC does not accept is shown to it once, not at each dial, which would have the account
// locked; and that another one in the same file is shown at once.
func (k *kdc) expectAskedOnce(w *world, proxy, path string) {
	k.t.Helper()
	const failed = "PREAUTH_FAILED"
	asked := func() int {
		log, err := os.ReadFile(filepath.Join(k.dir, "kdc.log"))
		if err != nil {
			k.t.Fatal(err)
		}
		return strings.Count(string(log), failed)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		k.t.Fatal(err)
	}
	file := filepath.Join(k.dir, "refused.keytab")
	write := func(text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			k.t.Fatal(err)
		}
	}
	write(text)
	d := must(uplink.New(uplink.Config{Proxy: proxy, Kerberos: uplink.Kerberos{Keytab: file}, Timeout: posterntest.Patience}))(k.t)
	face := must(d.Service("https://"+w.host(), w.enrolTLS()))(k.t)
	before := asked()
	for range 3 {
		if err := face.Post(k.t.Context(), "/enrol", struct{}{}, &struct{}{}); err == nil || !strings.Contains(err.Error(), "make a new keytab") {
			k.t.Errorf("a refused key: %v", err)
		}
	}
	if n := asked() - before; n != 1 {
		k.t.Errorf("a key that is refused was shown %d times, want once", n)
	}
	fresh, err := os.ReadFile(filepath.Join(k.dir, "connector-changed.keytab"))
	if err != nil {
		k.t.Fatal(err)
	}
	write(fresh)
	if err := face.Post(k.t.Context(), "/enrol", struct{}{}, &struct{}{}); err == nil || strings.Contains(err.Error(), "keytab") {
		k.t.Errorf("with the new key: %v", err) // the service refuses what is said, which is no enrolment
	}
}

// answers waits until somebody takes connections, or has ended.
func answers(address string, ended <-chan struct{}) bool {
	deadline := time.After(posterntest.Patience)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return true
		}
		select {
		case <-ended:
			return false
		case <-deadline:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
}
