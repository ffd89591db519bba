// Package flow carries what programs of a device send and get: bytes as TCP does, and datagrams.
//
// What one side does is what the other side sees: an end is an end, also of one direction only, a reset is a reset, and what was cut
// never looks complete. Datagrams keep their boundaries; a flow of them ends when it was silent for a while.
package flow

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"

	"postern/internal/match"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// The networks of flows.
const (
	TCP = "tcp"
	UDP = "udp"
)

// To is where a flow is to go.
type To struct {
	Network     string     // TCP or UDP
	Host        match.Host // a name is looked up by the connector, not here
	Port        uint16
	Application string // optional; the id of the one to go by, where several have the destination
	Process     string // optional; the program that wants it, for logs
}

// Parse reads a destination and says which part of it is wrong.
func Parse(network, host string, port uint16) (To, error) {
	if network != TCP && network != UDP {
		return To{}, fmt.Errorf(`the network is %q, not "tcp" or "udp"`, network)
	}
	parsed, err := match.ParseHost(host)
	if err != nil {
		return To{}, fmt.Errorf("the host %q %w", clip(host), err)
	}
	if port == 0 {
		return To{}, fmt.Errorf("the port is 0, not one from 1 to 65535")
	}
	return To{Network: network, Host: parsed, Port: port}, nil
}

func clip(text string) string { return text[:min(len(text), 256)] }

// Address gives host:port.
func (t To) Address() string { return net.JoinHostPort(t.Host.String(), fmt.Sprint(t.Port)) }

// String gives all of it for a person.
func (t To) String() string { return t.Address() + "/" + t.Network }

// Protocol gives the network as segments have it.
func (t To) Protocol() match.Protocol {
	if t.Network == UDP {
		return match.UDP
	}
	return match.TCP
}

// Open gives the message that opens the flow in a tunnel.
func (t To) Open() wire.Open {
	return wire.Open{Kind: wire.KindFlow, Network: t.Network, Host: t.Host.String(), Port: t.Port, Application: t.Application, Process: t.Process}
}

// Flow is an open flow: through a gateway, or dialled by this machine itself. Whoever has it ends it, by Join, Pump or Close.
type Flow struct {
	To          To
	Stream      *tunnel.Stream // through a gateway; nil: dialled directly
	Conn        net.Conn       // *net.TCPConn or *net.UDPConn, if dialled directly
	Application string         // that it belongs to; empty if dialled directly
	Address     string         // that was dialled, by the connector or by this machine
	Request     string         // under which the gateway logs it

	in, out atomic.Uint64 // bytes of datagrams
}

// Moved gives how many bytes came and went so far.
func (f *Flow) Moved() (in, out uint64) {
	in, out = f.in.Load(), f.out.Load()
	if f.Stream != nil {
		i, o := f.Stream.Moved()
		return in + i, out + o
	}
	return in, out
}

// End gives the flow's side for Join.
func (f *Flow) End() End {
	if f.Stream != nil {
		return StreamEnd(f.Stream)
	}
	return ConnEnd(f.Conn)
}

// Close ends the flow as it is: what was not finished is cut.
func (f *Flow) Close() {
	if f.Stream != nil {
		_ = f.Stream.Close() // never fails
		return
	}
	_ = f.Conn.Close() // nothing is left to be told
}

// Opener opens flows.
type Opener interface {
	// Open opens a flow. An error is a sentence for the user; a *wire.Refusal in it says who refused and why.
	Open(ctx context.Context, to To) (*Flow, error)
}
