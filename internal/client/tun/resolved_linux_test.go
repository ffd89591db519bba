package tun

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"postern/internal/match"
	"postern/internal/wire"
)

// bus runs a message bus of the test's own and gives its address.
func bus(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address", "--address=unix:path="+filepath.Join(t.TempDir(), "bus"))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address)
}

func connected(t *testing.T, address string) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// manager is systemd-resolved's interface, of a version that does not know DNS over TLS. It notes what it is told.
type manager struct {
	mu    sync.Mutex // guards the fields below
	calls []string
	gone  bool // the link
}

func (m *manager) note(format string, args ...any) *dbus.Error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, fmt.Sprintf(format, args...))
	return nil
}

func (m *manager) taken() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls := m.calls
	m.calls = nil
	slices.Sort(calls)
	return calls
}

func (m *manager) SetLinkDNS(link int32, servers []linkServer) *dbus.Error {
	return m.note("dns %d %d %v", link, servers[0].Family, net.IP(servers[0].Address))
}

func (m *manager) SetLinkDomains(link int32, domains []linkDomain) *dbus.Error {
	return m.note("domains %d %v", link, domains)
}

func (m *manager) SetLinkDefaultRoute(link int32, is bool) *dbus.Error {
	return m.note("default %d %v", link, is)
}
func (m *manager) SetLinkDNSSEC(link int32, how string) *dbus.Error { return m.note("dnssec %s", how) }
func (m *manager) SetLinkLLMNR(link int32, how string) *dbus.Error  { return m.note("llmnr %s", how) }
func (m *manager) SetLinkMulticastDNS(link int32, how string) *dbus.Error {
	return m.note("mdns %s", how)
}
func (m *manager) RevertLink(link int32) *dbus.Error {
	_ = m.note("revert %d", link)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return dbus.NewError(resolvedName+".NoSuchLink", []any{"Link 7 not known"})
	}
	return nil
}
func (m *manager) FlushCaches() *dbus.Error { return m.note("flush") }

// serve has the manager be found on a bus.
func (m *manager) serve(t *testing.T, address string) *dbus.Conn {
	t.Helper()
	conn := connected(t, address)
	if err := conn.Export(m, resolvedPath, strings.TrimSuffix(resolvedManager, ".")); err != nil {
		t.Fatal(err)
	}
	if reply, err := conn.RequestName(resolvedName, 0); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(reply, err)
	}
	return conn
}

// TestResolved: systemd-resolved is told what is answered here, once, again when it was started again, and that nothing is.
func TestResolved(t *testing.T) {
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("dbus-daemon is missing")
		}
		fmt.Println("NOT RUN: dbus-daemon is missing")
		return
	}
	address, m := bus(t), &manager{}
	running := m.serve(t, address)
	uplinks := filepath.Join(t.TempDir(), "resolv.conf")
	write(t, uplinks, "nameserver 192.0.2.53\nnameserver 198.18.0.1\nnameserver 2001:db8::53\n", 0o644)
	r := newResolved(connected(t, address), 7, uplinks)
	if got := r.servers(); !slices.Equal(got, []string{"192.0.2.53", "2001:db8::53"}) {
		t.Errorf("the network's name servers are %q", got)
	}
	if err := r.restore(); err != nil || len(m.taken()) != 0 {
		t.Errorf("nothing was taken: %v", err)
	}
	domains := []domain{{"corp.test", true}, {"db.other.test", false}}
	want := []string{"default 7 false", "dns 7 2 198.18.0.1", "dnssec no", "domains 7 [{use-application-dns.net true} {corp.test false} {db.other.test true}]", "flush", "llmnr no", "mdns no"}
	take := func(name string, want []string) {
		t.Helper()
		if err := r.take(domains); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := m.taken(); !slices.Equal(got, want) {
			t.Errorf("%s: told %q, want %q", name, got, want)
		}
	}
	take("at first", want)
	take("again", nil)
	if _, err := running.ReleaseName(resolvedName); err != nil {
		t.Fatal(err)
	}
	if err := r.take(domains); err == nil {
		t.Error("it is away, and nobody says so")
	}
	m.serve(t, address)
	take("started again", want)
	for i := range 300 {
		domains = append(domains, domain{fmt.Sprintf("h%d.test", i), false})
	}
	want[3] = "domains 7 [{. true} {corp.test false}]"
	take("more than it takes", want)
	if err := r.restore(); err != nil {
		t.Fatal(err)
	}
	if got := m.taken(); !slices.Equal(got, []string{"flush", "revert 7"}) {
		t.Errorf("at the end: %q", got)
	}
	m.mu.Lock()
	m.gone = true
	m.mu.Unlock()
	if err := errors.Join(r.take(domains), r.restore()); err != nil {
		t.Errorf("the interface has gone: %v", err)
	}
}

// TestDomains: those of DNS suffixes come first, in the order of the search, and each once.
func TestDomains(t *testing.T) {
	var entries []match.Entry
	for _, text := range []string{".corp.test", "*.corp.test", "db.corp.test", "10.0.0.0/8", "*.wild.test", ".a.corp.test"} {
		s, _, err := match.ParseSegment(text, "1", "tcp")
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, match.Entry{Segment: s, Owner: "app"})
	}
	want := []domain{{"a.corp.test", true}, {"corp.test", true}, {"db.corp.test", false}, {"wild.test", false}}
	if got := newView(wire.Rules{}, match.NewTable(entries), nil).plan(); !slices.Equal(got.search, want) || !slices.Contains(got.routes, netip.MustParsePrefix("10.0.0.0/8")) {
		t.Errorf("%+v", got)
	}
}

// TestStub: whether systemd-resolved answers is seen by where resolv.conf leads.
func TestStub(t *testing.T) {
	for content, want := range map[string]bool{"nameserver 127.0.0.53\noptions edns0\n": true, "nameserver 127.0.0.1\n": false, "": false, "nameserver 192.0.2.1\n": false} {
		path := filepath.Join(t.TempDir(), "resolv.conf")
		write(t, path, content, 0o644)
		if got := isStub(path); got != want {
			t.Errorf("%q: %v", content, got)
		}
	}
}
