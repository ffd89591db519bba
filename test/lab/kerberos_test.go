//go:build linux

package lab

import (
	"net"
	"strings"
	"syscall"
	"testing"

	"postern/test/size"
)

const ticketPassword = "T1cket-Passw0rd!"

// TestPrivateKerberos: a device logs in at an Active Directory that only the private network reaches, and is told nothing but its realm: the
// name servers of the private network say by SRV records where it is. With the client's interface, over UDP and over TCP.
func TestPrivateKerberos(t *testing.T) {
	if !size.Full() {
		t.Log("NOT RUN: a part of the proof, since a domain takes its time: make proof PART=private")
		return
	}
	needs(t, "kinit", "klist", "samba", "samba-tool")
	p := newProduct(t)
	p.publish()
	p.publicNames()
	d := &device{p, p.path("client")}
	domain := p.startDomain()
	domain.samba("user", "create", "ada", ticketPassword)
	p.ResolveBy(Site, Domain.Addr(), domainName, false)
	p.startConnector()
	p.awaitActive()
	p.admin("applications", "create", "Domain", "--kind", "private", "--segment", "."+domainName+":88,464/both", "--segment", "."+domainName+":389,445")
	p.admin("assignments", "create", "--application", "Domain", "--user", "ada")
	d.login()
	stop := d.upFor("dc1." + domainName)
	for network, limit := range map[string]string{"udp": "32768", "tcp": "1"} {
		config := p.file("krb5-"+network+".conf", "[libdefaults]\ndefault_realm = "+strings.ToUpper(domainName)+
			"\ndns_lookup_kdc = true\ndns_lookup_realm = false\nrdns = false\nudp_preference_limit = "+limit+"\n")
		cache := p.path("tickets-" + network)
		kinit := p.Command(Device, "env", "KRB5_CONFIG="+config, "KRB5_TRACE=/dev/stderr", "kinit", "-c", cache, "ada@"+strings.ToUpper(domainName))
		kinit.Stdin = strings.NewReader(ticketPassword + "\n")
		out, err := kinit.CombinedOutput()
		if err != nil {
			t.Errorf("%s: kinit: %v: %s", network, err, out)
			continue
		}
		said := string(out)
		if !strings.Contains(said, "_kerberos._"+network+"."+strings.ToUpper(domainName)) || !strings.Contains(said, map[string]string{"udp": "dgram 198.18.", "tcp": "stream 198.18."}[network]) {
			t.Errorf("%s: kinit found the domain controller in another way: %s", network, said)
		}
		if list := p.Run(Device, "klist", "-c", cache); !strings.Contains(list, "krbtgt/"+strings.ToUpper(domainName)) {
			t.Errorf("%s: no ticket: %s", network, list)
		}
	}
	if out, err := d.Command(Device, "curl", "-sS", "--max-time", "5", "telnet://"+net.JoinHostPort("dc1."+domainName, "53")).CombinedOutput(); err == nil {
		t.Errorf("a port that is in no segment answered: %q", out)
	}
	stop(syscall.SIGTERM)
	p.expectNothingInbound()
}
