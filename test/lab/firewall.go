//go:build linux

package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Cut is a way in which a network loses its way out.
type Cut string

// The cuts of outbound TCP 443. Both also hold for connections that stand, in both directions.
const (
	Drop  Cut = "drop"                  // silence: packets vanish
	Reset Cut = "reject with tcp reset" // refusal: both ends get a reset
)

// InboundPackets returns how many packets from outside, which were no replies, the firewalls have dropped.
func (l *Lab) InboundPackets() uint64 {
	l.t.Helper()
	return l.packets(Firewall, "inbound") + l.packets(BranchFirewall, "inbound")
}

// CutPackets returns how many packets a cut has swallowed, in both directions: the proof that it bit.
func (l *Lab) CutPackets() uint64 { l.t.Helper(); return l.packets(Firewall, "cut") }

// CutOutbound cuts the private network's outbound TCP 443 until Restore.
func (l *Lab) CutOutbound(how Cut) {
	l.t.Helper()
	l.nft(fmt.Sprintf(`
		flush chain inet lab cut
		add rule inet lab cut oifname "wan" tcp dport 443 counter name "cut" %[1]s
		add rule inet lab cut iifname "wan" tcp sport 443 ct state established counter name "cut" %[1]s`, how))
}

// A Way is a direction in which a network can be cut.
type Way string

// The ways, as a connector sees them.
const (
	Out  Way = "out"  // what it sends does not arrive
	In   Way = "in"   // it hears nothing
	Both Way = "both" // ways
)

// CutHost cuts the outbound TCP 443 of one host of the private network silently, in one way or both, until Restore.
func (l *Lab) CutHost(h Host, way Way) {
	l.t.Helper()
	rules := "flush chain inet lab cut\n"
	if way != In {
		rules += fmt.Sprintf("add rule inet lab cut oifname \"wan\" ip saddr %s tcp dport 443 counter name \"cut\" drop\n", h.Addr())
	}
	if way != Out {
		rules += fmt.Sprintf("add rule inet lab cut iifname \"wan\" ip daddr %s tcp sport 443 counter name \"cut\" drop\n", h.Addr())
	}
	l.nft(rules)
}

// Restore ends a cut.
func (l *Lab) Restore() { l.t.Helper(); l.nft("flush chain inet lab cut") }

func (l *Lab) nft(rules string) {
	l.t.Helper()
	if _, err := tool(rules, "ip", "netns", "exec", l.Namespace(Firewall), "nft", "-f", "-"); err != nil {
		l.t.Fatalf("change the firewall: %v", err)
	}
}

// rules make a firewall. Replies are what belongs to connections from inside; everything else from
// outside is counted and dropped, whether it is meant for the firewall itself or for what is behind it.
// From lan to lan: on kernels with br_netfilter the traffic of a bridge passes through here, too.
const rules = `
table inet lab {
	counter inbound { }
	counter cut { }
	chain cut { }
	chain forward {
		type filter hook forward priority filter; policy drop;
		jump cut
		ct state established,related accept
		iifname "wan" counter name "inbound" drop
		iifname "lan" oifname "lan" accept
		iifname "lan" oifname "wan" ip saddr { 10.20.0.10-10.20.0.12, 10.20.0.30 } tcp dport 443 accept
	}
	chain input {
		type filter hook input priority filter; policy drop;
		iifname "lan" accept
		iifname "lo" accept
		ct state established,related accept
		iifname "wan" counter name "inbound" drop
	}
	chain source {
		type nat hook postrouting priority srcnat;
		oifname "wan" masquerade
	}
}`

// conntrack keeps what the firewall knows of a connection for longer than any test lasts: a straggler of one
// that is over (cut, reset, closed) is still a late reply and must not count as an attempt from outside.
var conntrack = map[string]string{
	"tcp_be_liberal": "1", "tcp_timeout_close": "3600", "tcp_timeout_close_wait": "3600", "tcp_timeout_fin_wait": "3600",
	"tcp_timeout_last_ack": "3600", "tcp_timeout_max_retrans": "3600", "tcp_timeout_time_wait": "3600",
	"tcp_timeout_unacknowledged": "3600", "tcp_timeout_syn_sent": "3600",
}

// build makes the namespaces, the wires between them, and the firewall.
func (l *Lab) build() error {
	for _, a := range addresses {
		if err := l.addHost(a.host); err != nil {
			return err
		}
	}
	wan := "-n " + l.Namespace(Internet)
	steps := []string{wan + " link add wan type bridge", wan + " link set wan up", wan + " addr add " + Internet.Addr() + "/24 dev wan"}
	for _, h := range []Host{Service, Device} {
		steps = append(steps, l.wire(Internet, "wan", h)...)
	}
	steps = append(steps, l.privateNetwork(Firewall, []Host{Site, Site2, Site3, Proxy}, []Host{Backend, Domain})...)
	steps = append(steps, l.privateNetwork(BranchFirewall, []Host{Branch}, []Host{BranchBackend})...)
	steps = append(steps,
		wan+" route add 10.20.0.0/24 via "+Firewall.Addr(),
		"-n "+l.Namespace(Service)+" route add 10.20.0.0/24 via "+Firewall.Addr(),
		"-n "+l.Namespace(Device)+" route add default via "+Internet.Addr(),
	)
	for _, step := range steps {
		if _, err := tool("", "ip", strings.Fields(step)...); err != nil {
			return err
		}
	}
	return errors.Join(l.guard(Firewall), l.guard(BranchFirewall))
}

// privateNetwork wires a private network: its firewall, hosts that it lets out, and others.
func (l *Lab) privateNetwork(firewall Host, out, others []Host) []string {
	at := "-n " + l.Namespace(firewall)
	steps := append(l.wire(Internet, "wan", firewall), at+" link add lan type bridge", at+" link set lan up", at+" addr add 10.20.0.1/24 dev lan")
	for _, h := range out {
		steps = append(steps, l.wire(firewall, "lan", h)...)
		steps = append(steps, "-n "+l.Namespace(h)+" route add default via 10.20.0.1")
	}
	for _, h := range others {
		steps = append(steps, l.wire(firewall, "lan", h)...)
	}
	return steps
}

// guard makes a host a firewall.
func (l *Lab) guard(h Host) error {
	if _, err := tool(rules, "ip", "netns", "exec", l.Namespace(h), "nft", "-f", "-"); err != nil {
		return err
	}
	return l.in(h, func() error {
		var errs []error
		for name, value := range conntrack {
			errs = append(errs, sysctl("netfilter/nf_conntrack_"+name, value))
		}
		if err := sysctl("netfilter/nf_conntrack_tcp_ignore_invalid_rst", "1"); !errors.Is(err, os.ErrNotExist) { // kernels have it since 5.14
			errs = append(errs, err)
		}
		return errors.Join(append(errs, sysctl("ipv4/ip_forward", "1"))...)
	})
}

// Of each host's /etc.
const (
	ownHosts = "127.0.0.1 localhost\n"
	nsswitch = "passwd: files\ngroup: files\nhosts: files\n"
)

// addHost makes a namespace with its loopback, without IPv6, and with name resolution of its own.
func (l *Lab) addHost(h Host) error {
	namespace := l.Namespace(h)
	if err := os.MkdirAll(etcDir(namespace), 0o755); err != nil {
		return err
	}
	for name, content := range map[string]string{
		"hosts":         ownHosts,
		"resolv.conf":   "options timeout:1 attempts:1\n", // nothing answers: names come from hosts
		"nsswitch.conf": nsswitch,
	} {
		if err := os.WriteFile(filepath.Join(etcDir(namespace), name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	if _, err := tool("", "ip", "netns", "add", namespace); err != nil {
		return err
	}
	if err := l.in(h, func() error {
		err := sysctl("ipv6/conf/all/disable_ipv6", "1")
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a kernel without IPv6
		}
		return err
	}); err != nil {
		return err
	}
	_, err := tool("", "ip", "-n", namespace, "link", "set", "lo", "up")
	return err
}

// wire connects a host to a bridge, with its address, by an interface that bears the bridge's name.
func (l *Lab) wire(at Host, bridge string, h Host) []string {
	from, to := "-n "+l.Namespace(at), "-n "+l.Namespace(h)
	return []string{
		from + " link add " + string(h) + " type veth peer name " + bridge + " netns " + l.Namespace(h),
		from + " link set " + string(h) + " master " + bridge + " up",
		to + " addr add " + h.Addr() + "/24 dev " + bridge,
		to + " link set " + bridge + " up",
	}
}

// sysctl sets a variable of the calling thread's network namespace.
func sysctl(name, value string) error {
	return os.WriteFile(filepath.Join("/proc/sys/net", name), []byte(value), 0)
}
