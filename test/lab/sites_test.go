//go:build linux

package lab

import (
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// site is one of two private networks with the very same addresses. Both publish the same segments, besides their names: by address
// the first one has them.
type site struct {
	*device
	name    string // of its application
	zone    string // of its names
	inside  Host   // where its connector runs
	backend Host   // where its servers are
	page    string // that it serves
	dir     string // of its servers' files
}

// host is the name of the machine with the servers.
func (s *site) host() string { return "db." + s.zone }

// newSites builds a lab with a device and two sites, and starts the servers of both.
func newSites(t *testing.T) (d *device, head, branch *site) {
	t.Helper()
	p := newProduct(t)
	p.publish()
	p.publicNames()
	d = &device{p, p.path("client")}
	head = &site{d, "Head", privateZone, Site, Backend, pageText, p.path("head")}
	branch = &site{d, "Branch", "branch.test", Branch, BranchBackend, "a page of the branch", p.path("branch")}
	p.admin("connector-groups", "create", branch.name)
	p.admin("tokens", "create", branch.name, "--connector-group", branch.name, "--out", p.path("token-branch"))
	p.startConnector()
	p.start(Branch, io.Discard, "postern-connector", "run", "--state", p.path("connector-branch"), "--token-file", p.path("token-branch"),
		"--name", "branch", "--log-level", "warn")
	p.servePage(BranchBackend, branch.page)
	for _, s := range []*site{head, branch} {
		args := []string{"applications", "create", s.name, "--kind", "private", "--segment", "." + s.zone + ":1-65535/both", "--segment", "10.20.0.20:1-65535/both"}
		if s == branch {
			args = append(args, "--connector-group", s.name)
		}
		p.admin(args...)
		p.admin("assignments", "create", "--application", s.name, "--user", "ada")
		s.serve()
	}
	p.system.Await("both connectors to be active", func() bool {
		return strings.Count(p.admin("connectors", "list", "-o", "json"), `"label": "active"`) == 2
	})
	d.login()
	return d, head, branch
}

// serve starts a real server of each kind.
func (s *site) serve() {
	s.t.Helper()
	a := &dnsmessage.AResource{A: [4]byte{10, 20, 0, 20}}
	records := map[string][]dnsmessage.ResourceBody{s.host() + ".": {a}}
	for _, name := range s.manyNames() {
		records[name+"."] = []dnsmessage.ResourceBody{a}
	}
	s.nameServer(s.backend, records)
	s.ResolveBy(s.inside, s.backend.Addr(), s.zone, false)
	s.serveSSH()
	s.servePostgreSQL()
	s.serveRedis()
	s.serveSMB()
	s.Start(s.backend, "iperf3", "-s", "-B", s.backend.Addr(), "-p", iperfPort)
	s.awaitPort(iperfPort)
	s.serveQUIC()
}

// way is how programs of the device get to a site.
type way struct {
	name string
	wrap []string // goes before a program's command line
	// to gives where a program connects for a port of a site; it has both protocols there, if udp.
	to  func(s *site, port string) (host, local string)
	udp bool
	ssh []string // options of ssh; then nothing else goes this way
}

func byName(s *site, port string) (string, string) { return s.host(), port }

// ways gives those without an interface.
func (d *device) ways() []way {
	chains := func(kind, port string) []string {
		config := "strict_chain\nproxy_dns\ntcp_read_time_out 60000\ntcp_connect_time_out 30000\n[ProxyList]\n" + kind + " 127.0.0.1 " + port + "\n"
		return []string{"proxychains4", "-q", "-f", d.file("chain-"+kind, config)}
	}
	forwards := map[string]string{}
	forward := func(s *site, port string) (string, string) {
		to := s.name + ":" + s.backend.Addr() + ":" + port
		if forwards[to] == "" {
			forwards[to] = d.forward(to, "0")
			d.forward(to+"/udp", forwards[to])
		}
		return "127.0.0.1", forwards[to]
	}
	return []way{
		{name: "SOCKS5", wrap: chains("socks5", socksPort), to: byName},
		{name: "HTTP CONNECT", wrap: chains("http", httpPort), to: byName},
		{name: "forward", to: forward, udp: true},
		{name: "connect", to: byName, ssh: []string{"-o", "ProxyCommand=" + programs + "/postern-client connect --state " + d.state + " %h %p"}},
	}
}

// The ports of the proxies, on the device.
const (
	socksPort = "1080"
	httpPort  = "8080"
)

var goesTo = regexp.MustCompile(`127\.0\.0\.1:(\d+) goes to `)

// forward makes a port of a site one of the device, which it gives.
func (d *device) forward(to, local string) string {
	d.t.Helper()
	said := &transcript{}
	d.start(Device, said, "postern-client", "forward", "--state", d.state, to, local)
	var port []string
	d.system.Await("the port of "+to, func() bool {
		port = goesTo.FindStringSubmatch(said.String())
		return port != nil
	})
	return port[1]
}

// proxies runs the client with its proxies, without an interface.
func (d *device) proxies(args ...string) {
	d.t.Helper()
	d.start(Device, io.Discard, "postern-client", append([]string{"up", "--socks", socksPort, "--http", httpPort, "--state", d.state}, args...)...)
	d.system.Await("the client to be connected", func() bool {
		out, err := d.Command(Device, programs+"/postern-client", "status", "--state", d.state, "-o", "json").CombinedOutput()
		return err == nil && strings.Contains(string(out), `"connected"`) && !strings.Contains(string(out), `"applications": 0`)
	})
}

// TestPrivateSites: programs that nobody here wrote reach their servers at two sites with the same addresses, with an interface and by each
// way without one, and nobody gets in from outside.
func TestPrivateSites(t *testing.T) {
	needs(t, "ssh", "scp", "sshd", "pgbench", "pg_dump", "redis-benchmark", "redis-server", "smbclient", "smbd", "iperf3", "dnsperf", "proxychains4")
	t.Parallel()
	d, head, branch := newSites(t)
	before := d.machine()
	d.rootless(head, branch)

	stop := d.up()
	w := way{name: "interface", to: byName, udp: true}
	d.expectSites(w, head, branch)
	byAddress := way{name: "interface, by address", to: func(s *site, port string) (string, string) { return s.backend.Addr(), port }}
	if got := d.page(byAddress, branch); got != head.page {
		t.Errorf("by address the first site's application has it, and not %q", got)
	}
	beside := d.forward(branch.name+":"+branch.backend.Addr()+":80", "0")
	if got := d.Run(Device, "curl", "-sS", "--max-time", "20", "http://"+net.JoinHostPort("127.0.0.1", beside)+"/"); got != branch.page {
		t.Errorf("by its application the branch is %q", got)
	}
	d.expectNames(branch, clientServer, "53", "")
	d.expectNames(branch, clientServer, "53", "tcp")
	stop(syscall.SIGTERM)
	if after := d.machine(); after != before {
		t.Errorf("after the client ended the machine is\n%s\nbefore it was\n%s", after, before)
	}
	d.expectNothingInbound()
}

// clientServer is the client's own name server.
const clientServer = "198.18.0.1"

// rootless looks at the ways that need no interface.
func (d *device) rootless(head, branch *site) {
	d.t.Helper()
	d.proxies()
	for _, w := range d.ways() {
		d.expectSites(w, head, branch)
	}
	via := d.associate(branch.host(), quicPort)
	branch.expectQUIC("SOCKS5", via, via.to)
	d.Run(Device, programs+"/postern-client", "down", "--state", d.state)
}

// expectSites looks at both sites by one way, and has programs use the one whose addresses are the other's, too.
func (d *device) expectSites(w way, head, branch *site) {
	d.t.Helper()
	if w.ssh == nil {
		for _, s := range []*site{head, branch} {
			if got := d.page(w, s); got != s.page {
				d.t.Errorf("%s: the page of %s is %q", w.name, s.name, got)
			}
		}
	}
	branch.expectPrograms(w)
}

// page gets the page of a site.
func (d *device) page(w way, s *site) string {
	d.t.Helper()
	host, port := w.to(s, "80")
	return d.by(w, "curl", "-sS", "--max-time", "20", "http://"+net.JoinHostPort(host, port)+"/")
}

// by runs a program of the device by a way.
func (d *device) by(w way, name string, args ...string) string {
	d.t.Helper()
	line := append(append(append([]string{}, w.wrap...), name), args...)
	return d.Run(Device, line[0], line[1:]...)
}
