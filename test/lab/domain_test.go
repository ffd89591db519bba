//go:build linux

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/posterntest"
	"postern/test/size"
)

const (
	domainName      = "corp.test"
	proxyName       = "proxy." + domainName
	machineAccount  = "SITE1$"
	negotiateHelper = "/usr/lib/squid/negotiate_kerberos_auth"
	domainUp        = 10 * time.Minute // for a domain controller on a busy machine
)

// directory is an Active Directory on its machine in the private network.
type directory struct {
	*product
	dir string
	env []string
}

// startDomain makes a domain and waits until its domain controller gives out tickets and names.
func (p *product) startDomain() *directory {
	p.t.Helper()
	d := &directory{product: p, dir: p.path("domain")}
	d.env = append(os.Environ(), "NS="+p.Namespace(Domain), "DIR="+d.dir, "IP="+Domain.Addr(), "LINK=lan",
		"REALM="+strings.ToUpper(domainName), "NETBIOS=CORP", "TLS=", "ADMIN_PASSWORD=Adm1n-Passw0rd!")
	began := time.Now()
	p.t.Cleanup(func() {
		if err := d.script("stop"); err != nil {
			p.t.Error(err)
		}
	})
	if err := d.script("start"); err != nil {
		p.t.Fatal(err)
	}
	d.await("the domain controller", func() error {
		conn, err := dial(p.t, p.Lab, Site, Domain.Addr()+":88", impatient)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
	p.t.Logf("the domain is up after %v", time.Since(began).Round(time.Second))
	return d
}

func (d *directory) script(verb string) error {
	cmd := exec.Command("../directory/domain.sh", verb)
	cmd.Env = d.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(d.dir, "provision.log"))
		return fmt.Errorf("domain.sh %s: %w\n%s\n%s", verb, err, out, log)
	}
	return nil
}

func (d *directory) await(what string, ready func() error) {
	d.t.Helper()
	deadline := time.Now().Add(domainUp)
	for {
		err := ready()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(d.dir, "samba.log"))
			d.t.Fatalf("waited for %s: %v\n%s", what, err, log)
		}
		<-time.After(100 * time.Millisecond)
	}
}

// samba runs samba-tool on the domain controller.
func (d *directory) samba(args ...string) {
	d.t.Helper()
	d.Run(Domain, "samba-tool", append(args, "-s", filepath.Join(d.dir, "samba/etc/smb.conf"))...)
}

// keytab writes the keys that a principal has now.
func (d *directory) keytab(principal, file string) {
	d.t.Helper()
	next := file + ".next"
	d.samba("domain", "exportkeytab", next, "--principal="+principal)
	if err := os.Rename(next, file); err != nil {
		d.t.Fatal(err)
	}
}

// TestTheProxyOfADomain: the connector's machine has no way out but a real squid on another one, which lets nobody through who has no
// ticket of the Active Directory; the connector has the key of a machine account and finds the domain controller by DNS. What is
// wrong with the account is named, and mended, without a restart.
func TestTheProxyOfADomain(t *testing.T) {
	if !size.Full() {
		t.Log("NOT RUN: a part of the proof, since a domain takes its time: make proof PART=proxies")
		return
	}
	for _, tool := range []string{"squid", negotiateHelper, "samba", "samba-tool"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("a program is missing: %v", err)
		}
	}
	t.Setenv("KRB5_CONFIG", "/nonexistent/krb5.conf") // this machine's own says nothing of the domain
	p := newProduct(t)
	p.publish()
	p.Name(Proxy.Addr(), proxyName)
	d := p.startDomain()
	d.samba("user", "create", "squid", "Pr0xy-Passw0rd!")
	d.samba("spn", "add", "HTTP/"+proxyName, "squid")
	d.samba("computer", "create", strings.TrimSuffix(machineAccount, "$"))
	d.samba("user", "setpassword", machineAccount, "--newpassword=M4chine-Passw0rd!")
	d.keytab("HTTP/"+proxyName, p.squidFile("keytab", ""))
	keys := p.path("keytab")
	d.keytab(machineAccount, keys)
	access := []string{
		"auth_param negotiate program " + negotiateHelper + " -k " + p.path("squid/keytab") + " -s HTTP/" + proxyName + "@" + strings.ToUpper(domainName),
		"auth_param negotiate children 1", "acl known proxy_auth REQUIRED", "http_access allow CONNECT known", "http_access deny all",
	}
	s := p.startSquid(access...)
	p.Run(Site, "ip", "route", "del", "default")
	p.ResolveBy(Site, Domain.Addr(), domainName, false)

	args := []string{"run", "--state", p.path("connector"), "--token-file", p.path("token"), "--name", "site", "--log-level", "info",
		"--proxy", fmt.Sprintf("http://%s:%s", proxyName, squidPort)}
	p.log = &transcript{}
	refused := p.start(Site, p.log, "postern-connector", args...)
	p.says("--proxy-keytab")
	end(refused)
	p.log = &transcript{}
	p.connector = p.start(Site, p.log, "postern-connector", append(args, "--proxy-keytab", keys)...)
	p.awaitActive()
	p.signIn()
	for range size.Of(20, 200) {
		if a := p.open(posterntest.Patience); !a.good() {
			t.Fatalf("%d: %s", a.status, a.text)
		}
	}
	if !strings.Contains(p.admin("connectors", "list", "-o", "json"), "through the proxy http://"+proxyName) {
		t.Error("the connector's status does not tell that it goes by the proxy")
	}

	// Tunnels that stand go on when the account is disabled; new ones need a ticket.
	d.samba("user", "disable", machineAccount)
	end(s)
	s = p.startSquid(access...)
	p.says("the principal is disabled or locked")
	d.samba("user", "enable", machineAccount)
	p.expectBack(0)

	// Who resets the password makes the key worthless.
	d.samba("user", "setpassword", machineAccount, "--newpassword=An0ther-Passw0rd!")
	end(s)
	s = p.startSquid(access...)
	p.says("make a new keytab")
	d.keytab(machineAccount, keys)
	p.expectBack(0)

	end(s) // what it let through it logs at the end
	log, err := os.ReadFile(p.path("squid/access.log"))
	if principal := machineAccount + "@" + strings.ToUpper(domainName); err != nil || !strings.Contains(string(log), principal) {
		t.Errorf("squid did not see %s: %v\n%s", principal, err, log)
	}
	p.expectNothingInbound()
}

// says waits until the connector that runs has said something.
func (p *product) says(words string) {
	p.t.Helper()
	p.system.Await("the connector to say "+words, func() bool { return strings.Contains(p.log.String(), words) })
}
