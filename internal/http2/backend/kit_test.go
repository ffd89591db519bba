package backend

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"postern/internal/field"
)

const patience = 30 * time.Second

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// pair gives two ends of a connection of TCP.
func pair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	client = must(net.Dial("tcp", l.Addr().String()))(t)
	server = must(l.Accept())(t)
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func dial(t testing.TB, conn net.Conn, cfg Config) *Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := must(Dial(ctx, conn, cfg))(t)
	t.Cleanup(func() { c.Close(); <-c.Done() })
	return c
}

// served gives a connection to a real server: that of net/http.
func served(t testing.TB, h http.HandlerFunc, cfg Config, server http.HTTP2Config) *Conn {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols, s.Config.HTTP2 = &http.Protocols{}, &server
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return dial(t, must(net.Dial("tcp", s.Listener.Addr().String()))(t), cfg)
}

func get(path string) *Request {
	return &Request{Method: "GET", Scheme: "http", Authority: "app.test", Path: path}
}

func post(length int64) *Request {
	return &Request{Method: "POST", Scheme: "http", Authority: "app.test", Path: "/", Length: length}
}

func fields(pairs ...string) (list field.Fields) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, field.Field{Name: []byte(pairs[i]), Value: []byte(pairs[i+1])})
	}
	return list
}

func text(list field.Fields) string {
	var b bytes.Buffer
	for i := range list {
		fmt.Fprintf(&b, "%s: %s\n", list[i].Name, list[i].Value)
	}
	return b.String()
}

// whole reads a response to its end.
func whole(s *Stream) (*Head, string, error) {
	h, err := s.Head()
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(s)
	return h, string(body), err
}

// eventually asks again until ok or patience is over.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

// A peer is a backend whose every frame a test writes.
type peer struct {
	*http2.Framer
	t     testing.TB
	conn  net.Conn
	block bytes.Buffer
	enc   *hpack.Encoder
}

// scripted gives a connection to a backend that a test plays, after the settings were exchanged.
func scripted(t testing.TB, cfg Config, settings ...http2.Setting) (*Conn, *peer) {
	t.Helper()
	client, other := pair(t)
	p := &peer{Framer: http2.NewFramer(other, other), t: t, conn: other}
	p.Framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	p.Framer.AllowIllegalWrites = true
	p.enc = hpack.NewEncoder(&p.block)
	_ = other.SetDeadline(time.Now().Add(patience)) // no test hangs
	if err := p.WriteSettings(settings...); err != nil {
		t.Fatal(err)
	}
	c := dial(t, client, cfg)
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(other, preface); err != nil || string(preface) != http2.ClientPreface {
		t.Fatalf("%q, %v", preface, err)
	}
	return c, p
}

// await reads frames until one is of the type that is waited for.
func await[F http2.Frame](p *peer) F {
	p.t.Helper()
	for {
		f, err := p.ReadFrame()
		if err != nil {
			var none F
			p.t.Fatalf("waiting for %T: %v", none, err)
		}
		if found, ok := f.(F); ok {
			return found
		}
	}
}

func (p *peer) head(stream uint32, end bool, pairs ...string) {
	p.t.Helper()
	p.block.Reset()
	for i := 0; i < len(pairs); i += 2 {
		_ = p.enc.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	p.wrote(p.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: p.block.Bytes(), EndStream: end, EndHeaders: true}))
}

func (p *peer) wrote(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}
