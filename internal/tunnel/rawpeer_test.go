package tunnel

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

// rawPeer speaks the wire by hand: it may break every rule.
type rawPeer struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

type rawFrame struct {
	header
	payload []byte
}

// hostile returns a session, the acceptor side, and a raw peer that dialled it and has said HELLO.
func hostile(t testing.TB, change func(*Config)) (*running, *rawPeer) {
	t.Helper()
	dialled, accepted := tcpPair(t)
	cfg := Config{Conn: accepted, Accept: echo, Limits: Limits{Linger: 100 * time.Millisecond}}
	if change != nil {
		change(&cfg)
	}
	s := run(t, cfg)
	p := &rawPeer{t, dialled, bufio.NewReader(dialled)}
	dialled.SetDeadline(time.Now().Add(30 * time.Second))
	p.send(appendHello(nil, helloFrame{Hello{Version: Version}, startWindow}))
	return s, p
}

func (p *rawPeer) send(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatalf("raw peer writes: %v", err)
	}
}

// next reads one frame.
func (p *rawPeer) next() (rawFrame, error) {
	var b [headerSize]byte
	if _, err := io.ReadFull(p.r, b[:]); err != nil {
		return rawFrame{}, err
	}
	h, err := parseHeader(b[:])
	if err != nil {
		return rawFrame{}, err
	}
	f := rawFrame{h, make([]byte, h.length)}
	_, err = io.ReadFull(p.r, f.payload)
	return f, err
}

// expect reads frames until one of the kind on the stream.
func (p *rawPeer) expect(kind frameType, id uint32) rawFrame {
	p.t.Helper()
	for {
		f, err := p.next()
		if err != nil {
			p.t.Fatalf("raw peer waits for %s on %d: %v", kind, id, err)
		}
		if f.kind == kind && f.id == id {
			return f
		}
	}
}

func (p *rawPeer) open(id uint32) {
	p.send(appendOpen(nil, id, openFrame{assumed: startWindow, granted: startWindow}))
}

// frame returns any frame, legal or not.
func frame(kind frameType, flags uint8, id uint32, payload []byte) []byte {
	return append(appendHeader(nil, header{kind: kind, flags: flags, length: len(payload), id: id}), payload...)
}

func join(frames ...[]byte) []byte {
	var b []byte
	for _, f := range frames {
		b = append(b, f...)
	}
	return b
}
