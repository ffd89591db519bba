package http2_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	frames "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A peer is a client that says what it likes, frame by frame, by x/net's framer.
type peer struct {
	*frames.Framer
	t     testing.TB
	conn  net.Conn
	block bytes.Buffer
	enc   *hpack.Encoder
	dec   *hpack.Decoder
}

// dial connects and says the preface and settings.
func (s *site) dial(t testing.TB, settings ...frames.Setting) *peer {
	t.Helper()
	p := s.dialRaw(t)
	p.raw(frames.ClientPreface)
	p.ok(p.WriteSettings(settings...))
	return p
}

// dialRaw connects and says nothing.
func (s *site) dialRaw(t testing.TB) *peer {
	t.Helper()
	conn, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: s.roots, ServerName: "example.com", NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	return newPeer(t, conn)
}

func newPeer(t testing.TB, conn net.Conn) *peer {
	_ = conn.SetDeadline(time.Now().Add(within)) // an open connection takes any
	t.Cleanup(func() { _ = conn.Close() })
	p := &peer{Framer: frames.NewFramer(conn, conn), t: t, conn: conn, dec: hpack.NewDecoder(4096, nil)}
	p.AllowIllegalWrites, p.AllowIllegalReads = true, true
	p.enc = hpack.NewEncoder(&p.block)
	return p
}

func (p *peer) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) raw(text string) {
	p.t.Helper()
	_, err := io.WriteString(p.conn, text)
	p.ok(err)
}

// head makes a header block: "name: value" each.
func (p *peer) head(fields ...string) []byte {
	p.block.Reset()
	for _, f := range fields {
		at := strings.Index(f[1:], ": ") + 1
		p.ok(p.enc.WriteField(hpack.HeaderField{Name: f[:at], Value: f[at+2:]}))
	}
	return bytes.Clone(p.block.Bytes())
}

// get is a good request's pseudo-header fields.
var get = []string{":method: GET", ":scheme: https", ":authority: example.com", ":path: /"}

// post is one with content.
var post = []string{":method: POST", ":scheme: https", ":authority: example.com", ":path: /"}

func with(fields []string, more ...string) []string {
	return append(append([]string{}, fields...), more...)
}

// ask sends a request without content.
func (p *peer) ask(id uint32, fields ...string) {
	p.t.Helper()
	p.ok(p.WriteHeaders(frames.HeadersFrameParam{StreamID: id, BlockFragment: p.head(fields...), EndStream: true, EndHeaders: true}))
}

// begin sends a request whose content follows.
func (p *peer) begin(id uint32, fields ...string) {
	p.t.Helper()
	p.ok(p.WriteHeaders(frames.HeadersFrameParam{StreamID: id, BlockFragment: p.head(fields...), EndHeaders: true}))
}

// next gives the next thing that the server says of streams and of the connection's end, as a line. Of settings, windows
// and answers to pings it says nothing.
func (p *peer) next() string {
	for {
		f, err := p.ReadFrame()
		if err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				p.t.Helper()
				p.t.Fatal("the server says nothing")
			}
			return "closed"
		}
		end := func(flags frames.Flags) string {
			if flags.Has(1) {
				return " end"
			}
			return ""
		}
		switch f := f.(type) {
		case *frames.HeadersFrame:
			return fmt.Sprintf("%d %s%s", f.StreamID, p.fields(p.rest(f)), end(f.Flags))
		case *frames.DataFrame:
			return fmt.Sprintf("%d %q%s", f.StreamID, f.Data(), end(f.Flags))
		case *frames.RSTStreamFrame:
			return fmt.Sprintf("%d reset %v", f.StreamID, f.ErrCode)
		case *frames.GoAwayFrame:
			return fmt.Sprintf("goaway %d %v", f.LastStreamID, f.ErrCode)
		}
	}
}

// rest gives a whole header block.
func (p *peer) rest(f *frames.HeadersFrame) []byte {
	block := bytes.Clone(f.HeaderBlockFragment())
	for ended := f.HeadersEnded(); !ended; {
		next, err := p.ReadFrame()
		more, ok := next.(*frames.ContinuationFrame)
		if !ok {
			p.t.Fatalf("a header block goes on with %v, %v", next, err)
		}
		block, ended = append(block, more.HeaderBlockFragment()...), more.HeadersEnded()
	}
	return block
}

// fields gives a head: the status, and names and values but the date.
func (p *peer) fields(block []byte) string {
	list, err := p.dec.DecodeFull(block)
	if err != nil {
		p.t.Fatalf("the server's header block: %v", err)
	}
	var out []string
	for _, f := range list {
		switch f.Name {
		case ":status":
			out = append(out, f.Value)
		case "date", "content-type":
		default:
			out = append(out, f.Name+": "+f.Value)
		}
	}
	return strings.Join(out, " ")
}

// wants reads what the server says, line by line. The end of content may come with the last of it or right after.
func (p *peer) wants(lines ...string) {
	p.t.Helper()
	for _, want := range lines {
		got := p.next()
		if got+" end" == want && strings.HasSuffix(got, `"`) {
			id, _, _ := strings.Cut(got, " ")
			if last := p.next(); last != id+` "" end` {
				p.t.Fatalf("got %q after %q", last, got)
			}
			continue
		}
		if got != want {
			p.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func line(id uint32, text string) string { return fmt.Sprint(id, " ", text) }
