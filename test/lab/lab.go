//go:build linux

// Package lab builds the world that Postern is made for, out of network namespaces on one Linux machine:
//
//	internet ───┬─── service, device            203.0.113.0/24
//	  (users)   │
//	         firewall    drops and counts every inbound packet that is not a reply;
//	            │        lets out TCP to port 443 and nothing else, with its own address (masquerade)
//	   site ────┴──── backend                   10.20.0.0/24
//	(connector)       (no way out, no way in but from the site)
//
// There is a second private network like it, the branch, with the very same addresses behind a firewall of its own.
//
// Users and the service have a route to the first private network, so that what protects it is the firewall and
// not that nobody found the way. The device has none, since a route of its own goes before those of the client on it. Everything is IPv4; IPv6 is off, so that no neighbour discovery is counted.
// Labs have unique names and run in parallel; each is removed with its test, and what a killed run left
// behind is removed by the next. It needs root and Debian's iproute2 and nftables.
package lab

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A Host is one machine of the lab: a network namespace.
type Host string

// The hosts.
const (
	Internet Host = "internet" // where users are
	Device   Host = "device"   // of a user, with the client; on the internet, too
	Service  Host = "service"
	Firewall Host = "firewall"
	Site     Host = "site" // where the connector runs; others run on:
	Site2    Host = "site2"
	Site3    Host = "site3"
	Proxy    Host = "proxy" // in the private network; what goes out by it
	Backend  Host = "backend"
	Domain   Host = "domain" // in the private network; an Active Directory, where a test needs one

	BranchFirewall Host = "branch-firewall"
	Branch         Host = "branch" // where the branch's connector runs
	BranchBackend  Host = "branch-backend"
)

// addresses are the hosts' own, in the order in which they are built; the firewall's is its public one.
var addresses = []struct {
	host Host
	addr string
}{
	{Internet, "203.0.113.1"}, {Service, "203.0.113.10"}, {Firewall, "203.0.113.20"}, {Site, "10.20.0.10"},
	{Site2, "10.20.0.11"}, {Site3, "10.20.0.12"}, {Proxy, "10.20.0.30"}, {Backend, "10.20.0.20"}, {Domain, "10.20.0.40"},
	{Device, "203.0.113.2"}, {BranchFirewall, "203.0.113.30"}, {Branch, "10.20.0.10"}, {BranchBackend, "10.20.0.20"},
}

// Addr returns the address of a host, without a port.
func (h Host) Addr() string {
	for _, a := range addresses {
		if a.host == h {
			return a.addr
		}
	}
	return ""
}

// Possible returns why no lab can be built here, or nil.
func Possible() error {
	if os.Geteuid() != 0 {
		return errors.New("the lab needs root, to make network namespaces")
	}
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("the lab needs %s: install iproute2 and nftables", tool)
		}
	}
	return nil
}

// Main runs the tests of a package that builds labs and returns the code for os.Exit. Where no lab can be built
// the tests do not run, and Main says so aloud; with CI=true that is a failure.
func Main(m *testing.M) int {
	err := Possible()
	if err == nil {
		return m.Run()
	}
	fmt.Fprintf(os.Stderr, "NOT RUN: %v\n", err)
	if os.Getenv("CI") == "true" {
		return 1
	}
	return 0
}

// A Lab is a set of hosts that stands until its test ends.
type Lab struct {
	t    testing.TB
	name string // of this lab among all, the prefix of its namespaces

	mu    sync.Mutex
	names map[string]string // guarded by mu; host names and their addresses, see Name
}

// New builds a lab. It fails the test where that is not possible.
func New(t testing.TB) *Lab {
	t.Helper()
	if err := Possible(); err != nil {
		t.Fatal(err)
	}
	l := &Lab{t: t, name: fmt.Sprintf("%s%d-%s", prefix, os.Getpid(), strings.ToLower(rand.Text()[:6])), names: map[string]string{}}
	if err := sweep(); err != nil {
		t.Fatalf("remove labs of earlier runs: %v", err)
	}
	t.Cleanup(func() {
		if err := remove(l.name); err != nil {
			t.Errorf("remove the lab: %v", err)
		}
	})
	if err := l.build(); err != nil {
		t.Fatalf("build the lab: %v", err)
	}
	return l
}

// Namespace returns the name of a host's network namespace, as `ip netns` knows it.
func (l *Lab) Namespace(h Host) string { return l.name + "-" + string(h) }

// Name gives an address names that all hosts resolve: processes by their own /etc/hosts, Dial by itself.
func (l *Lab) Name(address string, names ...string) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		l.names[name] = address
	}
	for _, a := range addresses {
		file, err := os.OpenFile(filepath.Join(etcDir(l.Namespace(a.host)), "hosts"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			l.t.Fatalf("name %s: %v", address, err)
		}
		_, err = fmt.Fprintf(file, "%s %s\n", address, strings.Join(names, " "))
		if err := errors.Join(err, file.Close()); err != nil {
			l.t.Fatalf("name %s: %v", address, err)
		}
	}
}

// ResolveBy has a host ask a name server in its domains, beside its own /etc/hosts. alone: of that file only its own name is left.
func (l *Lab) ResolveBy(h Host, server, domain string, alone bool) {
	l.t.Helper()
	dir := etcDir(l.Namespace(h))
	files := map[string]string{"resolv.conf": "nameserver " + server + "\nsearch " + domain + "\noptions timeout:3 attempts:2\n",
		"nsswitch.conf": strings.Replace(nsswitch, "hosts: files", "hosts: files dns", 1)}
	if alone {
		files["hosts"] = ownHosts
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			l.t.Fatal(err)
		}
	}
}

// Command prepares a process on a host; its pid will be the program's own. It ends with the lab at the latest.
func (l *Lab) Command(h Host, name string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", l.Namespace(h), name}, args...)...)
}

// Run runs a process on a host to its end and returns what it wrote. The test fails if the process does.
func (l *Lab) Run(h Host, name string, args ...string) string {
	l.t.Helper()
	out, err := l.Command(h, name, args...).CombinedOutput()
	if err != nil {
		l.t.Fatalf("%s: %s: %v: %s", h, name, err, out)
	}
	return string(out)
}

// Start starts a process on a host; what it writes goes to the test's log. The test's end kills it.
func (l *Lab) Start(h Host, name string, args ...string) *exec.Cmd {
	l.t.Helper()
	cmd := l.Command(h, name, args...)
	cmd.Stdout, cmd.Stderr = l.t.Output(), l.t.Output()
	if err := cmd.Start(); err != nil {
		l.t.Fatalf("%s: start %s: %v", h, name, err)
	}
	l.t.Cleanup(func() {
		if cmd.ProcessState == nil { // the test has not waited for it
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

// Dial connects from a host. An HTTP client's DialContext is a closure over it.
func (l *Lab) Dial(ctx context.Context, from Host, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	if named, ok := l.names[host]; ok {
		host = named
	}
	l.mu.Unlock()
	if _, err := netip.ParseAddr(host); err != nil { // a look-up would run on another thread, outside the namespace
		return nil, fmt.Errorf("dial from %s: %s has no name in the lab", from, host)
	}
	var conn net.Conn
	err = l.in(from, func() (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(host, port))
		return err
	})
	return conn, err
}

// Listen listens for TCP on a host, in this process.
func (l *Lab) Listen(h Host, address string) (net.Listener, error) {
	var listener net.Listener
	err := l.in(h, func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	})
	return listener, err
}

// ListenPacket listens for UDP on a host, in this process.
func (l *Lab) ListenPacket(h Host, address string) (net.PacketConn, error) {
	var conn net.PacketConn
	err := l.in(h, func() (err error) {
		conn, err = net.ListenPacket("udp", address)
		return err
	})
	return conn, err
}

// in runs do on a thread in the namespace of a host. A socket stays in the namespace where it was made.
func (l *Lab) in(h Host, do func() error) error {
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends with this goroutine, so that no other ever runs in the namespace.
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() { // the main thread would stay, and /proc/self with it
			defer runtime.UnlockOSThread()
			done <- l.in(h, do) // on another thread, as this one is taken
			return
		}
		done <- enter(l.Namespace(h), do)
	}()
	return <-done
}

func enter(namespace string, do func() error) error {
	file, err := os.Open(filepath.Join(namespaceDir, namespace))
	if err != nil {
		return err
	}
	defer file.Close() // only read from
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter %s: %w", namespace, err)
	}
	return do()
}

const (
	prefix       = "postern-"
	namespaceDir = "/run/netns"
)

// etcDir holds the files that `ip netns exec` mounts over those in /etc.
func etcDir(namespace string) string { return filepath.Join("/etc/netns", namespace) }

// sweep removes labs whose process is gone.
func sweep() error {
	var errs []error
	for _, dir := range []string{namespaceDir, filepath.Dir(etcDir(""))} {
		found, err := filepath.Glob(filepath.Join(dir, prefix+"*-*-"+string(Internet)))
		errs = append(errs, err)
		for _, path := range found {
			lab := strings.TrimSuffix(filepath.Base(path), "-"+string(Internet))
			pid, _, _ := strings.Cut(strings.TrimPrefix(lab, prefix), "-")
			number, err := strconv.Atoi(pid)
			if err != nil || !errors.Is(syscall.Kill(number, 0), syscall.ESRCH) {
				continue // not ours, or its process lives
			}
			errs = append(errs, remove(lab))
		}
	}
	return errors.Join(errs...)
}

// remove ends every process of a lab and removes its namespaces; the internet last, by which sweep finds it.
func remove(lab string) error {
	var errs []error
	for i := len(addresses) - 1; i >= 0; i-- {
		namespace := lab + "-" + string(addresses[i].host)
		errs = append(errs, os.RemoveAll(etcDir(namespace)))
		if err := removeNamespace(namespace); err != nil && exists(namespace) { // not built, or removed by another sweep
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func removeNamespace(namespace string) error {
	if !exists(namespace) {
		return nil
	}
	if err := endAll(namespace); err != nil {
		return err
	}
	_, err := tool("", "ip", "netns", "del", namespace)
	return err
}

// endAll ends every process in a namespace, and waits until there is none: whatever ends later may still write to what is removed next.
func endAll(namespace string) error {
	deadline, tick := time.After(time.Minute), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		pids, err := tool("", "ip", "netns", "pids", namespace)
		if err != nil {
			return err
		}
		list := slices.DeleteFunc(strings.Fields(pids), func(pid string) bool { return pid == strconv.Itoa(os.Getpid()) })
		if len(list) == 0 {
			return nil
		}
		for _, pid := range list {
			if number, err := strconv.Atoi(pid); err == nil {
				_ = syscall.Kill(number, syscall.SIGKILL) // it may have ended by itself
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("processes %v do not end in %s", list, namespace)
		}
	}
}

func exists(namespace string) bool {
	_, err := os.Stat(filepath.Join(namespaceDir, namespace))
	return err == nil
}

// tool runs a command with an input and returns what it wrote; what it complained about is in the error.
func tool(input, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, exit.Stderr)
	}
	return string(out), err
}

// packets reads a counter that nftables keeps on a host.
func (l *Lab) packets(h Host, counter string) uint64 {
	l.t.Helper()
	out, err := tool("", "ip", "netns", "exec", l.Namespace(h), "nft", "-j", "list", "counter", "inet", "lab", counter)
	if err != nil {
		l.t.Fatalf("read a counter of %s: %v", h, err)
	}
	var listing struct {
		Nftables []struct {
			Counter *struct{ Packets uint64 }
		}
	}
	if err := json.Unmarshal([]byte(out), &listing); err != nil {
		l.t.Fatalf("read a counter of %s: %v in %s", h, err, out)
	}
	for _, entry := range listing.Nftables {
		if entry.Counter != nil {
			return entry.Counter.Packets
		}
	}
	l.t.Fatalf("read a counter of %s: none in %s", h, out)
	return 0
}
