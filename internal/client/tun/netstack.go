package tun

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"

	device "golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"

	"postern/internal/client/flow"
)

const (
	mtu       = 1500
	nic       = 1
	queued    = 1024 // packets that wait for the device
	headroom  = 16   // before each packet, for the device's own header
	inFlight  = 2048 // connections that are being opened
	maxUDP    = 8192 // flows of datagrams of programs at once
	maxPacket = 1 << 16

	maxQuestions = 1024 // for names, at once
)

// netstack is a TCP/IP behind a TUN device. It takes packets to any address, since the machine's routes say which come here.
type netstack struct {
	t      *tun
	device device.Device
	stack  *stack.Stack
	link   *channel.Endpoint
	flows  sync.WaitGroup
	slots  chan struct{} // for flows of datagrams
	// questions has room for those by datagram that are being answered.
	questions chan struct{}
}

func newNetstack(d device.Device, t *tun) (*netstack, error) {
	n := &netstack{t: t, device: d, link: channel.New(queued, mtu, ""), slots: make(chan struct{}, maxUDP), questions: make(chan struct{}, maxQuestions)}
	n.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
		HandleLocal:        false,
	})
	sack := tcpip.TCPSACKEnabled(true)
	moderate := tcpip.TCPModerateReceiveBufferOption(true)
	for _, err := range []tcpip.Error{
		n.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &sack),
		n.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &moderate),
		n.stack.CreateNIC(nic, n.link),
		n.stack.SetPromiscuousMode(nic, true),
		n.stack.SetSpoofing(nic, true),
	} {
		if err != nil {
			return nil, fmt.Errorf("make a TCP/IP for the interface: %s", err)
		}
	}
	n.stack.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}, {Destination: header.IPv6EmptySubnet, NIC: nic}})
	// A window of its own for each connection is made of what it needs; 0: the default of the stack.
	n.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, tcp.NewForwarder(n.stack, 0, inFlight, n.tcp).HandlePacket)
	n.stack.SetTransportProtocolHandler(udp.ProtocolNumber, udp.NewForwarder(n.stack, n.udp).HandlePacket)
	return n, nil
}

// run moves packets between the device and the stack until the device or ctx ends.
func (n *netstack) run(ctx context.Context) error {
	var out sync.WaitGroup
	out.Go(func() { n.writePackets(ctx) })
	defer out.Wait()
	err := n.readPackets()
	if ctx.Err() != nil || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return fmt.Errorf("read from the interface: %w", err)
}

func (n *netstack) readPackets() error {
	batch := n.device.BatchSize()
	buffers, sizes := make([][]byte, batch), make([]int, batch)
	for i := range buffers {
		buffers[i] = make([]byte, headroom+maxPacket)
	}
	for {
		got, err := n.device.Read(buffers, sizes, headroom)
		if err != nil && !errors.Is(err, device.ErrTooManySegments) {
			return err
		}
		for i := range got {
			packet := buffers[i][headroom : headroom+sizes[i]]
			if len(packet) == 0 {
				continue
			}
			protocol := header.IPv4ProtocolNumber
			if packet[0]>>4 == 6 {
				protocol = header.IPv6ProtocolNumber
			}
			p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(packet)})
			n.link.InjectInbound(protocol, p)
			p.DecRef()
		}
	}
}

func (n *netstack) writePackets(ctx context.Context) {
	batch := n.device.BatchSize()
	buffers := make([][]byte, 0, batch)
	kept := make([][]byte, batch)
	for i := range kept {
		kept[i] = make([]byte, 0, headroom+maxPacket)
	}
	for {
		p := n.link.ReadContext(ctx)
		if p == nil {
			return
		}
		buffers = buffers[:0]
		for p != nil {
			b := kept[len(buffers)][:headroom]
			for _, part := range p.AsSlices() {
				b = append(b, part...)
			}
			p.DecRef()
			if buffers = append(buffers, b); len(buffers) == batch {
				break
			}
			p = n.link.Read()
		}
		if _, err := n.device.Write(buffers, headroom); err != nil && ctx.Err() == nil && !errors.Is(err, os.ErrClosed) {
			n.t.log.Debug("write to the interface", "error", err)
		}
	}
}

// close ends everything that runs in the stack.
func (n *netstack) close() {
	_ = n.device.Close() // it ends readPackets
	n.stack.Close()
	n.flows.Wait()
	n.stack.Wait()
}

// tcp opens the flow of a connection that a program wants, before it answers the program: what the destination did is what it sees.
func (n *netstack) tcp(r *tcp.ForwarderRequest) {
	id := r.ID()
	n.flows.Add(1)
	go func() {
		defer n.flows.Done()
		if n.isDNS(id) {
			n.dnsConnection(r)
			return
		}
		to, ok := n.t.wanted(flow.TCP, id)
		if !ok {
			r.Complete(true)
			return
		}
		n.t.log.Debug("connection wanted", "to", to.String())
		ctx, cancel := context.WithTimeout(n.t.life, openWithin)
		f, err := n.t.cfg.Opener.Open(ctx, to)
		cancel()
		if err != nil {
			n.t.log.Info("connection refused", "to", to.String(), "error", err)
			r.Complete(true)
			return
		}
		near, err := n.accept(r)
		if err != nil {
			f.Close()
			n.t.log.Debug("answer a program", "to", to.String(), "error", err)
			return
		}
		n.t.log.Debug("connection open", "to", to.String(), "application", f.Application, "request", f.Request)
		stop := context.AfterFunc(n.t.life, near.Abort)
		defer stop()
		if err := flow.Join(near, f.End()); err != nil {
			n.t.log.Debug("connection ended", "to", to.String(), "how", err)
		}
	}()
}

func (n *netstack) accept(r *tcp.ForwarderRequest) (*tcpEnd, error) {
	var queue waiter.Queue
	ep, problem := r.CreateEndpoint(&queue)
	if problem != nil {
		r.Complete(true)
		return nil, errors.New(problem.String())
	}
	r.Complete(false)
	ep.SocketOptions().SetKeepAlive(true)
	ep.SocketOptions().SetDelayOption(false) // no waiting for more: the program has sent what it has
	return &tcpEnd{gonet.NewTCPConn(&queue, ep), ep}, nil
}

// tcpEnd is a program's side of a connection.
type tcpEnd struct {
	*gonet.TCPConn
	ep tcpip.Endpoint
}

// Abort cuts the connection with a RST.
func (e *tcpEnd) Abort() { e.ep.Abort() }

// udp opens the flow of datagrams that a program begins. The first datagrams wait in its socket meanwhile.
func (n *netstack) udp(r *udp.ForwarderRequest) bool {
	id := r.ID()
	select {
	case n.slots <- struct{}{}:
	default:
		return true // lost, as datagrams are
	}
	var queue waiter.Queue
	ep, problem := r.CreateEndpoint(&queue)
	if problem != nil {
		<-n.slots
		return true
	}
	conn := gonet.NewUDPConn(&queue, ep)
	n.flows.Add(1)
	go func() {
		defer n.flows.Done()
		defer func() { <-n.slots }()
		defer conn.Close()
		if n.isDNS(id) {
			n.dnsDatagrams(conn)
			return
		}
		to, ok := n.t.wanted(flow.UDP, id)
		if !ok {
			return
		}
		if err := n.datagrams(conn, to); err != nil {
			n.t.log.Debug("datagrams ended", "to", to.String(), "how", err)
		}
	}()
	return true
}

// datagrams carries a flow of datagrams until one side ends it or both are silent.
func (n *netstack) datagrams(conn *gonet.UDPConn, to flow.To) error {
	opening, cancel := context.WithTimeout(n.t.life, openWithin)
	f, err := n.t.cfg.Opener.Open(opening, to)
	cancel()
	if err != nil {
		n.t.log.Info("datagrams refused", "to", to.String(), "error", err)
		return nil
	}
	ctx, end := context.WithCancelCause(n.t.life)
	defer end(nil)
	there := f.Datagrams()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // it ends the reading below
	defer stop()
	var back sync.WaitGroup
	back.Go(func() {
		end(there.Pump(ctx, flow.Idle, func(p []byte) error {
			_, err := conn.Write(p)
			return err
		}))
	})
	defer back.Wait()
	for p := make([]byte, maxPacket); ; {
		got, err := conn.Read(p)
		if err == nil {
			err = there.Send(p[:got])
		}
		if err != nil {
			end(err)
			return context.Cause(ctx)
		}
	}
}

func addrOf(ip net.IP) (netip.Addr, bool) {
	addr, ok := netip.AddrFromSlice(ip)
	return addr.Unmap(), ok
}
