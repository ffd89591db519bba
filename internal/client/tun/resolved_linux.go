package tun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// systemd-resolved is told by its own interface which names are answered here: those of the interface's link, and no other. What it was told
// goes with the link, so there is nothing to put back after a crash.
const (
	resolvedName    = "org.freedesktop.resolve1"
	resolvedManager = resolvedName + ".Manager."
	resolvedPath    = dbus.ObjectPath("/org/freedesktop/resolve1")
	resolvedUplinks = "/run/systemd/resolve/resolv.conf" // the name servers of all links, one after the other
	resolvedWithin  = 5 * time.Second
	resolvedMost    = 250 // domains of a link; it takes 256
)

// resolved is a machine whose names systemd-resolved answers.
type resolved struct {
	conn    *dbus.Conn
	link    int32 // the interface's number
	uplinks string

	mu    sync.Mutex // guards the fields below
	owner string     // the process that was told, by its name on the bus
	told  []domain
}

// isStub reports whether a resolv.conf(5) leads to systemd-resolved.
func isStub(path string) bool {
	to, err := filepath.EvalSymlinks(path)
	if err == nil && strings.HasPrefix(to, "/run/systemd/resolve/stub-resolv.conf") {
		return true
	}
	content, err := os.ReadFile(path)
	return err == nil && slices.Contains(serversIn(content), "127.0.0.53")
}

// systemResolved connects to the machine's systemd-resolved; nil if it has none that answers.
func systemResolved(link int) *resolved {
	conn, err := dbus.ConnectSystemBus()
	if err != nil {
		return nil
	}
	r := newResolved(conn, link, resolvedUplinks)
	if _, err := r.process(); err != nil {
		_ = conn.Close() // it is of no use
		return nil
	}
	return r
}

func newResolved(conn *dbus.Conn, link int, uplinks string) *resolved {
	return &resolved{conn: conn, link: int32(link), uplinks: uplinks}
}

// process gives the name on the bus of the process that answers, which is another one after it was started again.
func (r *resolved) process() (owner string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), resolvedWithin)
	defer cancel()
	err = r.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetNameOwner", 0, resolvedName).Store(&owner)
	if err != nil {
		return "", fmt.Errorf("ask for systemd-resolved: %w", err)
	}
	return owner, nil
}

func (r *resolved) call(method string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), resolvedWithin)
	defer cancel()
	call := r.conn.Object(resolvedName, resolvedPath).CallWithContext(ctx, resolvedManager+method, 0, args...)
	if call.Err != nil {
		return fmt.Errorf("systemd-resolved: %s: %w", method, call.Err)
	}
	return nil
}

// The forms of what systemd-resolved is told (org.freedesktop.resolve1(5)).
type (
	linkServer struct {
		Family  int32
		Address []byte
	}
	linkDomain struct {
		Name      string
		RouteOnly bool
	}
)

func (r *resolved) take(domains []domain) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	owner, err := r.process()
	if err != nil {
		return err
	}
	if owner == r.owner && slices.Equal(domains, r.told) {
		return nil
	}
	list := []linkDomain{{strings.TrimSuffix(canary, "."), true}}
	if len(domains) > resolvedMost { // every question comes here then, and what is not private goes on to the network
		list = []linkDomain{{".", true}}
		domains = slices.DeleteFunc(slices.Clone(domains), func(d domain) bool { return !d.search })
		domains = domains[:min(len(domains), resolvedMost)]
	}
	for _, d := range domains {
		list = append(list, linkDomain{d.name, !d.search})
	}
	servers := []linkServer{{unix.AF_INET, server4.AsSlice()}}
	err = errors.Join(r.call("SetLinkDNS", r.link, servers), r.call("SetLinkDomains", r.link, list))
	if err != nil {
		return err
	}
	for method, value := range map[string]any{ // of private networks, which sign nothing; older versions do not know all of these
		"SetLinkDefaultRoute": false, "SetLinkDNSSEC": "no", "SetLinkDNSOverTLS": "no", "SetLinkLLMNR": "no", "SetLinkMulticastDNS": "no",
	} {
		if err := r.call(method, r.link, value); err != nil && !isError(err, "org.freedesktop.DBus.Error.UnknownMethod") {
			return err
		}
	}
	r.owner, r.told = owner, slices.Clone(domains)
	return r.call("FlushCaches") // that there was no such name, for instance
}

func (r *resolved) servers() []string {
	content, err := os.ReadFile(r.uplinks)
	if err != nil {
		return nil // as if there were no network
	}
	return serversIn(content)
}

func (r *resolved) restore() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.owner == "" {
		return nil
	}
	r.owner, r.told = "", nil
	err := r.call("RevertLink", r.link)
	if isError(err, resolvedName+".NoSuchLink") { // it went with the interface
		err = nil
	}
	return errors.Join(err, r.call("FlushCaches"))
}

// isError tells whether the bus answered with an error of that name.
func isError(err error, name string) bool {
	said, ok := errors.AsType[dbus.Error](err)
	return ok && said.Name == name
}
