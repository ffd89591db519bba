package doctor

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/user"
	"strings"

	"postern/internal/credential"
)

// A Requirement is a line of a firewall request: who must reach whom.
type Requirement struct {
	Process   string   `json:"process"`
	User      string   `json:"user,omitempty"`
	Direction string   `json:"direction"` // "outbound"; "local": never leaves the machine
	Host      string   `json:"host"`
	Addresses []string `json:"addresses,omitempty"` // as this machine resolves the host now
	Port      string   `json:"port"`
	Protocol  string   `json:"protocol"`
	Why       string   `json:"why"`
	Optional  bool     `json:"optional,omitempty"` // the connector works without
}

// Requirements says what this installation must be let through to.
func Requirements(ctx context.Context, cfg Config) []Requirement {
	r := &requirements{exam: &exam{Config: cfg.withDefaults()}, ctx: ctx}
	if dir, err := os.Stat(r.State); err == nil && dir.IsDir() {
		r.user, _ = owner(r.State)
		if opened, err := credential.Open(r.State); err == nil {
			r.cred, _ = opened.Load() // without one, what --service says is all that is known
		}
	}
	if me, err := user.Current(); err == nil && r.user == "" {
		r.user = me.Username
	}
	r.process = "postern-connector"
	if path, err := os.Executable(); err == nil {
		r.process = path
	}
	r.service()
	r.ways()
	r.names()
	if r.Live != nil {
		for _, a := range r.Live.Applications() {
			host, port, err := net.SplitHostPort(a.Address)
			if err == nil {
				r.add(Requirement{Host: host, Port: port, Protocol: "TCP", Why: "application " + a.Name})
			}
		}
	}
	return r.all
}

type requirements struct {
	*exam
	ctx     context.Context
	process string
	user    string
	all     []Requirement
}

func (r *requirements) add(q Requirement) {
	q.Process, q.User = r.process, r.user
	if q.Direction == "" {
		q.Direction = "outbound"
	}
	q.Addresses = r.resolve(q.Host)
	for _, known := range r.all {
		if known.Host == q.Host && known.Port == q.Port && known.Protocol == q.Protocol && known.Why == q.Why {
			return
		}
	}
	r.all = append(r.all, q)
}

// service names the service and its gateways, or the proxies on the way to them.
func (r *requirements) service() {
	host, port := hostPort(r.url())
	if host == "" {
		return
	}
	r.via(host, port, "the service: enrol, renew, first tunnel")
	if r.cred != nil {
		for _, g := range r.cred.Connection.Gateways {
			if gatewayHost, gatewayPort, err := net.SplitHostPort(g.Address); err == nil {
				r.via(gatewayHost, gatewayPort, "gateway "+g.ID+": tunnels")
			}
		}
	}
	if port == "443" {
		r.add(Requirement{Host: host, Port: "80", Protocol: "TCP", Why: "revocation list, where your rules ask for it", Optional: true})
	}
}

func (r *requirements) via(host, port, why string) {
	address := net.JoinHostPort(host, port)
	proxies, directly, err := r.Dialer.Behind(r.ctx, address)
	if err != nil || directly {
		r.add(Requirement{Host: host, Port: port, Protocol: "TCP", Why: why + " (TLS 1.3, not to be opened on the way)"})
	}
	for _, proxy := range proxies {
		proxyHost, proxyPort, _ := net.SplitHostPort(proxy) // it is made of them
		r.add(Requirement{Host: proxyHost, Port: proxyPort, Protocol: "TCP", Why: "proxy, which must let CONNECT " + address + " through: " + why})
	}
}

// ways adds whom the choice of proxies and the proof to them need.
func (r *requirements) ways() {
	for _, s := range r.Dialer.Servers() {
		r.add(Requirement{Host: s.Host, Port: s.Port, Protocol: s.Protocol, Why: s.Why})
	}
}

// names adds the machine's DNS servers.
func (r *requirements) names() {
	text, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		r.add(Requirement{Host: "the machine's DNS servers", Port: "53", Protocol: "UDP, TCP", Why: "names of the service and of applications"})
		return
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "nameserver" {
			continue
		}
		q := Requirement{Host: words[1], Port: "53", Protocol: "UDP, TCP", Why: "names of the service and of applications"}
		if a, err := netip.ParseAddr(words[1]); err == nil && a.IsLoopback() {
			q.Direction, q.Why = "local", q.Why+"; the resolver behind it asks others"
		}
		r.add(q)
	}
}

func (r *requirements) resolve(host string) []string {
	if _, err := netip.ParseAddr(host); err == nil {
		return []string{host}
	}
	if strings.Contains(host, " ") {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.ctx, nameTime)
	defer cancel()
	found, err := r.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	return texts(found)
}
