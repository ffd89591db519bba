//go:build linux

package lab

import (
	"net"
	"strings"
	"testing"
)

// TestPrivateProxyProtocol: a real HAProxy learns by the PROXY protocol which address a device came from, which name it asked for and the
// reference under which the flow is logged; and of an application without it what is so: the connector's address.
func TestPrivateProxyProtocol(t *testing.T) {
	needs(t, "haproxy")
	t.Parallel()
	d := newDevice(t, "10.20.0.20:7300", ".corp.test:7300")
	answer := `http-request return status 200 content-type text/plain lf-string "%[src] to %[dst]:%[dst_port] name=%[fc_pp_authority] %[fc_pp_unique_id]"`
	config := []string{"defaults", "mode http", "timeout client 30s", "timeout server 30s", "timeout connect 30s",
		"frontend told", "bind " + net.JoinHostPort(Backend.Addr(), "7301") + " accept-proxy", answer,
		"frontend plain", "bind " + net.JoinHostPort(Backend.Addr(), "7300"), answer}
	haproxy := d.Start(Backend, "haproxy", "-db", "-f", d.file("haproxy.cfg", strings.Join(config, "\n")+"\n"))
	defer end(haproxy)
	d.admin("applications", "create", "Told", "--kind", "private", "--segment", "10.20.0.20:7301", "--segment", ".corp.test:7301", "--proxy-protocol", "v2")
	d.admin("assignments", "create", "--application", "Told", "--user", "ada")
	d.proxies()
	ask := func(to string) (said string) {
		d.system.Await("an answer of "+to, func() bool { // once HAProxy listens and the device has the application
			out, err := d.Command(Device, "curl", "-sS", "--max-time", "20", "--proxy", "socks5h://127.0.0.1:"+socksPort, "http://"+to+"/").Output()
			said = string(out)
			return err == nil
		})
		return said
	}
	if got := ask(databaseHost + ":7300"); !strings.HasPrefix(got, Site.Addr()+" to 10.20.0.20:7300 ") {
		t.Errorf("without the PROXY protocol: %q", got)
	}
	for _, host := range []string{databaseHost, Backend.Addr()} {
		words := strings.Fields(ask(host + ":7301"))
		name := "name="
		if host == databaseHost {
			name += host
		}
		if len(words) != 5 || strings.Join(words[:4], " ") != Device.Addr()+" to 10.20.0.20:7301 "+name {
			t.Fatalf("%s: %q", host, words)
		}
		d.system.Await("the record of the flow", func() bool {
			return strings.Contains(d.admin("traffic", "list", "--request", words[4], "-o", "json"), `"Told"`)
		})
	}
	d.admin("applications", "update", "Told", "--proxy-protocol", "")
	if show := d.admin("applications", "show", "Told", "-o", "json"); strings.Contains(show, "proxyProtocol") {
		t.Errorf("it was taken away: %s", show)
	}
	d.system.Await("the next connection to be without", func() bool { // which HAProxy does not take
		out, err := d.Command(Device, "curl", "-sS", "--max-time", "5", "--proxy", "socks5h://127.0.0.1:"+socksPort, "http://10.20.0.20:7301/").CombinedOutput()
		return err != nil && !strings.Contains(string(out), Device.Addr())
	})
	d.expectNothingInbound()
}
