package http2_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"testing"

	frames "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"postern/internal/field"
	"postern/internal/http2"
)

// browser is what a browser sends with every request.
var browser = [][2]string{
	{":method", "GET"}, {":authority", "wiki.example.com"}, {":scheme", "https"}, {":path", "/wiki/Main_Page?useskin=vector"},
	{"user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
	{"accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, {"accept-language", "en-US,en;q=0.5"},
	{"accept-encoding", "gzip, deflate, br, zstd"},
	{"cookie", "__Host-postern=abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz"}, {"cookie", "theme=dark"},
	{"upgrade-insecure-requests", "1"}, {"sec-fetch-dest", "document"}, {"sec-fetch-mode", "navigate"}, {"sec-fetch-site", "none"},
	{"sec-fetch-user", "?1"}, {"priority", "u=0, i"}, {"te", "trailers"},
}

var answer = struct {
	fields  field.Fields
	content []byte
}{
	field.Fields{
		{Name: []byte("Server"), Value: []byte("x")}, {Name: []byte("Date"), Value: []byte("Sat, 21 Nov 2026 12:00:00 GMT")},
		{Name: []byte("Content-Type"), Value: []byte("text/html; charset=utf-8")}, {Name: []byte("Cache-Control"), Value: []byte("private")},
		{Name: []byte("X-Content-Type-Options"), Value: []byte("nosniff")},
	},
	bytes.Repeat([]byte("x"), 1024),
}

// BenchmarkRequests answers a browser's requests with 1 KiB, 8 and 64 at a time on a connection, over TLS: this package's
// server and net/http's in turn. What the client costs is the same for both, and it allocates nothing.
func BenchmarkRequests(b *testing.B) {
	for _, at := range []int{1, 8, 64} {
		for _, server := range []string{"ours", "net-http"} {
			b.Run(strconv.Itoa(at)+"/"+server, func(b *testing.B) {
				var addr string
				if server == "ours" {
					addr = serve(b, http2.Config{Handle: func(st *http2.Stream) {
						_ = st.Start(200, answer.fields, int64(len(answer.content)))
						_, _ = st.Write(answer.content)
						_ = st.End(nil)
					}}).addr
				} else {
					addr = serveStd(b)
				}
				conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
				if err != nil {
					b.Fatal(err)
				}
				defer conn.Close()
				c := newLoader(b, conn, at)
				c.round(b) // fills the dynamic table
				b.ReportAllocs()
				b.ResetTimer()
				for done := 0; done < b.N; done += at {
					c.round(b)
				}
			})
		}
	}
}

func serveStd(b *testing.B) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	chain, _ := certificate()
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for _, f := range answer.fields {
				w.Header().Set(string(f.Name), string(f.Value))
			}
			w.Header().Set("Content-Length", strconv.Itoa(len(answer.content)))
			_, _ = w.Write(answer.content)
		}),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{chain}, DynamicRecordSizingDisabled: true},
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, 0),
	}
	go server.ServeTLS(listener, "", "")
	b.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

// A loader asks for many things at once and reads the answers.
type loader struct {
	conn   net.Conn
	at     int
	id     uint32
	first  []byte // the block of the first request, which fills the table
	block  []byte // of all others
	out    []byte
	in     []byte
	unread int
	begun  bool
}

func newLoader(tb testing.TB, conn net.Conn, at int) *loader {
	c := &loader{conn: conn, at: at, id: 1, in: make([]byte, 256<<10)}
	var head bytes.Buffer
	e := hpack.NewEncoder(&head)
	for i := range 2 {
		head.Reset()
		for _, f := range browser {
			_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		if c.block = bytes.Clone(head.Bytes()); i == 0 {
			c.first = c.block
		}
	}
	c.out = append(c.out, frames.ClientPreface...)
	c.out = append(c.out, 0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff) // windows as large as they can be
	c.out = append(c.out, 0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0xff, 0, 0)
	return c
}

// round asks and reads until all is answered.
func (c *loader) round(tb testing.TB) {
	for range c.at {
		block := c.block
		if !c.begun {
			block, c.begun = c.first, true
		}
		c.out = append(c.out, byte(len(block)>>16), byte(len(block)>>8), byte(len(block)), 1, 5)
		c.out = binary.BigEndian.AppendUint32(c.out, c.id)
		c.out = append(c.out, block...)
		c.id += 2
	}
	if c.id>>12 != (c.id-2*uint32(c.at))>>12 { // what was taken can be sent again
		c.out = append(c.out, 0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0x10, 0, 0)
	}
	if _, err := c.conn.Write(c.out); err != nil {
		tb.Fatal(err)
	}
	c.out = c.out[:0]
	for ended := 0; ended < c.at; {
		n, err := c.conn.Read(c.in[c.unread:])
		if err != nil {
			tb.Fatal(err)
		}
		c.unread += n
		at := 0
		for c.unread-at >= 9 {
			length := int(c.in[at])<<16 | int(c.in[at+1])<<8 | int(c.in[at+2])
			if c.unread-at < 9+length {
				break
			}
			kind, flags := c.in[at+3], c.in[at+4]
			if kind <= 1 && flags&1 != 0 {
				ended++
			}
			if kind == 3 || kind == 7 {
				tb.Fatalf("frame of type %d", kind)
			}
			at += 9 + length
		}
		c.unread = copy(c.in, c.in[at:c.unread])
	}
}
