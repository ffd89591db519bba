package tun

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	device "golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"postern/internal/client/flow"
	"postern/internal/dial"
	"postern/internal/match"
	"postern/internal/wire"
)

const patience = 30 * time.Second

var discard = slog.New(slog.DiscardHandler)

// A kernel is what programs of the device talk to: a TCP/IP whose packets go to the interface, as those of a real one do.
type kernel struct {
	t     *testing.T
	stack *stack.Stack
	link  *channel.Endpoint
	in    chan []byte
	done  chan struct{}
	once  sync.Once
}

func newKernel(t *testing.T) *kernel {
	k := &kernel{t: t, link: channel.New(4096, mtu, ""), in: make(chan []byte, 4096), done: make(chan struct{})}
	k.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
	})
	if err := k.stack.CreateNIC(1, k.link); err != nil {
		t.Fatal(err)
	}
	for _, addr := range []netip.Addr{server4.Next(), server6.Next()} {
		p := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: tcpip.AddrFromSlice(addr.AsSlice()).WithPrefix()}
		if addr.Is6() {
			p.Protocol = ipv6.ProtocolNumber
		}
		if err := k.stack.AddProtocolAddress(1, p, stack.AddressProperties{}); err != nil {
			t.Fatal(err)
		}
	}
	k.stack.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: 1}, {Destination: header.IPv6EmptySubnet, NIC: 1}})
	return k
}

// The kernel is the device that the code under test reads from and writes to.

func (k *kernel) Read(buffers [][]byte, sizes []int, offset int) (int, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-k.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	p := k.link.ReadContext(ctx)
	if p == nil {
		return 0, os.ErrClosed
	}
	b := buffers[0][:offset]
	for _, part := range p.AsSlices() {
		b = append(b, part...)
	}
	p.DecRef()
	sizes[0] = len(b) - offset
	return 1, nil
}

func (k *kernel) Write(buffers [][]byte, offset int) (int, error) {
	for _, b := range buffers {
		packet := append([]byte(nil), b[offset:]...)
		protocol := header.IPv4ProtocolNumber
		if packet[0]>>4 == 6 {
			protocol = header.IPv6ProtocolNumber
		}
		p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(packet)})
		k.link.InjectInbound(protocol, p)
		p.DecRef()
	}
	return len(buffers), nil
}

func (k *kernel) Close() error                { k.once.Do(func() { close(k.done) }); return nil }
func (k *kernel) BatchSize() int              { return 1 }
func (k *kernel) Name() (string, error)       { return "test", nil }
func (k *kernel) MTU() (int, error)           { return mtu, nil }
func (k *kernel) Events() <-chan device.Event { return nil }
func (k *kernel) File() *os.File              { return nil }

// dial connects a program of the device.
func (k *kernel) dial(network string, to netip.AddrPort) (net.Conn, error) {
	at := tcpip.FullAddress{NIC: 1, Addr: tcpip.AddrFromSlice(to.Addr().AsSlice()), Port: to.Port()}
	protocol := tcpip.NetworkProtocolNumber(ipv4.ProtocolNumber)
	if to.Addr().Is6() {
		protocol = ipv6.ProtocolNumber
	}
	if network == "udp" {
		return gonet.DialUDP(k.stack, nil, &at, protocol)
	}
	ctx, cancel := context.WithTimeout(k.t.Context(), patience)
	defer cancel()
	return gonet.DialContextTCP(ctx, k.stack, at, protocol)
}

// A world is a device's interface whose flows are dialled by the test itself.
type world struct {
	*tun
	*kernel
	system *fakeSystem
	mu     sync.Mutex
	opened []flow.To
	dials  map[string]string // what is dialled for a destination; nothing: it is refused
	looks  map[string]wire.Looked
	whole  map[string]string // of names of one label
}

// fakeSystem is a machine without routes.
type fakeSystem struct{ servers []string }

func (*fakeSystem) Apply(plan) error      { return nil }
func (*fakeSystem) Keep(context.Context)  {}
func (*fakeSystem) Undo() error           { return nil }
func (s *fakeSystem) Upstreams() []string { return s.servers }

func newWorld(t *testing.T, segments ...[3]string) *world {
	t.Helper()
	w := &world{kernel: newKernel(t), system: &fakeSystem{}, dials: map[string]string{}, looks: map[string]wire.Looked{}, whole: map[string]string{}}
	rules := wire.Rules{Applications: []wire.Rule{{Application: "app_1", Name: "Lab"}}}
	var entries []match.Entry
	for _, s := range segments {
		parsed, _, err := match.ParseSegment(s[0], s[1], s[2])
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, match.Entry{Segment: parsed, Owner: "app_1"})
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.tun = &tun{log: slog.New(slog.NewTextHandler(t.Output(), nil)), system: w.system, names: newNames(), life: ctx,
		told: newView(rules, match.NewTable(entries), []string{"portal.test"})}
	w.tun.cfg = Config{Opener: w, Lookup: w.lookup, Search: func(_ context.Context, label string) (string, error) { return w.whole[label], nil }}
	var err error
	if w.tun.net, err = newNetstack(w.kernel, w.tun); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- w.tun.net.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		w.tun.net.close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		w.kernel.stack.Close()
	})
	return w
}

// Open dials what the test says.
func (w *world) Open(ctx context.Context, to flow.To) (*flow.Flow, error) {
	w.mu.Lock()
	w.opened = append(w.opened, to)
	at := w.dials[to.String()]
	w.mu.Unlock()
	if at == "" {
		return nil, &wire.Refusal{Phase: wire.PhaseDecide, Code: wire.CodeNobodys, Message: "it is nobody's"}
	}
	conn, err := dial.Context(ctx, to.Network, at)
	if err != nil {
		return nil, err
	}
	return &flow.Flow{To: to, Conn: conn, Address: at}, nil
}

func (w *world) lookup(_ context.Context, name string, of wire.LookupType) (wire.Looked, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.looks[name+" "+string(of)], nil
}
