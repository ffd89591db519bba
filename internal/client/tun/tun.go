// Package tun carries the connections of a whole device: what its programs send to private destinations comes as packets of a
// network interface, is made connections and datagrams of again by a TCP/IP of our own, and goes on as flows.
//
// Names of private destinations get synthetic addresses, so that sites with the same addresses are told apart, and so that a program
// never has to know. Everything else the device does stays as it is: only private destinations are routed here, only private names are
// answered here, and what was changed on the machine is put back, also after a crash.
package tun

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"postern/internal/client/flow"
	"postern/internal/client/process"
	"postern/internal/match"
	"postern/internal/wire"
)

// Config holds what a TUN needs.
type Config struct {
	Name   string // of the interface
	State  string // directory for what must be put back after a crash
	Opener flow.Opener
	// Lookup asks a connector what a private name stands for.
	Lookup func(ctx context.Context, name string, of wire.LookupType) (wire.Looked, error)
	// Search gives the whole name of one of one label; empty: there is none.
	Search func(ctx context.Context, label string) (name string, err error)
	// Private waits for rules with another mark, and gives them with theirs.
	Private func(ctx context.Context, mark string) (rules wire.Rules, table *match.Table, next string, err error)
	// Names, if there is one, is given what lists the names that have addresses.
	Names func(list func() []Name)
	// Own are hosts that are never private, whatever the rules say: the service and its gateways.
	Own func() []string
	// Control is called for each socket of our own, so that what it carries never comes here: see Mark.
	Control  func(network, address string, c syscall.RawConn) error
	Programs *process.Finder // optional; tells which programs want what, for logs
	Log      *slog.Logger
}

// system is what the machine is told: addresses and routes of the interface, and who answers for names.
type system interface {
	// Apply puts a plan in force in place of the one before. The zero plan takes everything away.
	Apply(plan) error
	// Upstreams gives the name servers that the machine would use without us.
	Upstreams() []string
	// Keep holds it in force, whatever others change, until ctx ends.
	Keep(ctx context.Context)
	// Undo puts back everything. It may be called again.
	Undo() error
}

// nameServers are who answers for names on a machine.
type nameServers interface {
	// take has the names of domains answered here. It does nothing if that is so.
	take(domains []domain) error
	// servers gives the name servers that the machine would use without us.
	servers() []string
	// restore puts back what was.
	restore() error
}

// keepEvery is how often the machine is looked at for what others changed.
const keepEvery = 2 * time.Second

// warnOnce warns of what goes on failing only when it fails otherwise than it was said to; it gives what is said now.
func warnOnce(log *slog.Logger, doing string, err error, said string) string {
	if err == nil {
		return ""
	}
	if err.Error() != said {
		log.Warn(doing, "error", err)
	}
	return err.Error()
}

// Run serves until ctx ends, and puts the machine back as it was.
func Run(ctx context.Context, cfg Config) (err error) {
	device, sys, err := open(cfg)
	if err != nil {
		return err
	}
	t := &tun{cfg: cfg, log: cfg.Log, system: sys, names: newNames()}
	if cfg.Names != nil {
		cfg.Names(t.names.list)
	}
	if t.net, err = newNetstack(device, t); err != nil {
		return errors.Join(err, sys.Undo(), device.Close())
	}
	var work sync.WaitGroup
	ctx, end := context.WithCancel(ctx)
	defer work.Wait()
	defer t.net.close()
	defer func() { err = errors.Join(err, sys.Undo()) }() // first, since a system that shuts down may not wait for the rest
	defer end()
	t.life = ctx
	failed := make(chan error, 2)
	work.Go(func() { failed <- t.net.run(ctx) })
	work.Go(func() { sys.Keep(ctx) })
	work.Go(func() { failed <- t.follow(ctx) })
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// tun is a running one.
type tun struct {
	cfg    Config
	log    *slog.Logger
	system system
	net    *netstack
	names  *names
	life   context.Context

	mu   sync.RWMutex // guards the fields below
	told view
}

// follow puts rules in force as they change, until ctx ends.
func (t *tun) follow(ctx context.Context) error {
	for mark := ""; ; {
		rules, table, next, err := t.cfg.Private(ctx, mark)
		if err != nil {
			return err
		}
		v := newView(rules, table, t.cfg.Own())
		t.mu.Lock()
		t.told = v
		t.mu.Unlock()
		mark = next
		if err := t.system.Apply(v.plan()); err != nil {
			t.log.Error("put routes and name servers in force", "error", err)
		}
	}
}

func (t *tun) view() view {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.told
}

// openWithin bounds how long a program waits for its connection: the gateway has bounds of its own.
const openWithin = 40 * time.Second

// wanted gives where a program wants to, and which program that is.
func (t *tun) wanted(network string, id stack.TransportEndpointID) (flow.To, bool) {
	to, ok := t.target(network, net.IP(id.LocalAddress.AsSlice()), id.LocalPort)
	if ok {
		from, _ := addrOf(net.IP(id.RemoteAddress.AsSlice())) // nobody's if it is none
		at, _ := addrOf(net.IP(id.LocalAddress.AsSlice()))
		to.Process = t.cfg.Programs.Name(process.Socket{Network: network, Local: netip.AddrPortFrom(from, id.RemotePort), Remote: netip.AddrPortFrom(at, id.LocalPort)})
	}
	return to, ok
}

// target gives where an address leads that a program was told: a name's, or a private one itself.
func (t *tun) target(network string, to net.IP, port uint16) (flow.To, bool) {
	addr, ok := addrOf(to)
	if !ok {
		return flow.To{}, false
	}
	if name, synthetic := t.names.name(addr); name != "" {
		to, err := flow.Parse(network, name, port)
		return to, err == nil
	} else if synthetic {
		return flow.To{}, false // of nobody: it was given to no name in this life
	}
	parsed, err := flow.Parse(network, addr.String(), port)
	return parsed, err == nil
}
