package security

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"postern/internal/posterntest"
	"postern/test/size"
)

// A flood is what a client of HTTP/2 does over and over that makes work and asks for nothing. Each kind by itself is proven in
// internal/http2; here it has to do with the whole of Postern.
type flood struct {
	name  string
	begin func(f *flooder) error        // of a connection; optional
	one   func(f *flooder, n int) error // the n-th, from 0, of a connection
	asks  bool                          // each is a request of somebody who may, taken back at once
	by    int                           // how many are sent together
}

// A flooder is a connection of somebody who floods.
type flooder struct {
	*h2
	out       *bufio.Writer
	authority string
	cookie    string
}

func (f *flooder) id(n int) uint32 { return uint32(2*n + 1) }

// ask opens a stream with a request that the backend would be asked.
func (f *flooder) ask(n int) error { return f.get(f.id(n), f.authority, "/flood", "cookie", f.cookie) }

// takeBack asks and resets.
func (f *flooder) takeBack(n int) error {
	if err := f.ask(n); err != nil {
		return err
	}
	return f.WriteRSTStream(f.id(n), http2.ErrCodeCancel)
}

// body opens stream 1 with a request whose body is to come.
func (f *flooder) body() error {
	if err := f.get(1, f.authority, "/", "cookie", f.cookie); err != nil {
		return err
	}
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, EndHeaders: true, BlockFragment: f.block(":method", "POST", "cookie", f.cookie)})
}

// block encodes the head of a request: its method and more fields.
func (f *flooder) block(fields ...string) []byte {
	f.head.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = f.enc.WriteField(field(fields[i], fields[i+1])) // a buffer takes everything
		if i == 0 {
			_ = f.enc.WriteField(field(":scheme", "https"))
			_ = f.enc.WriteField(field(":authority", f.authority))
			_ = f.enc.WriteField(field(":path", "/"))
		}
	}
	return f.head.Bytes()
}

// bomb is a head that is small on the wire and large in memory: a long field, put into the table and named a thousand times.
func (f *flooder) bomb(n int) error {
	block := bytes.Clone(f.block(":method", "GET", "x-bomb", strings.Repeat("b", 3000)))
	block = append(block, bytes.Repeat([]byte{0x80 | 62}, 1000)...)
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: f.id(n), BlockFragment: block, EndStream: true, EndHeaders: true})
}

var floods = []flood{
	{"rapid reset (CVE-2023-44487)", nil, (*flooder).takeBack, true, atOnce},
	{"rapid reset, one by one", nil, (*flooder).takeBack, true, 1},
	{"MadeYouReset by a window of nothing (CVE-2025-8671)", nil, func(f *flooder, n int) error {
		if err := f.ask(n); err != nil {
			return err
		}
		return f.WriteRawFrame(http2.FrameWindowUpdate, 0, f.id(n), make([]byte, 4))
	}, true, atOnce},
	{"MadeYouReset by content after the end (CVE-2025-8671)", nil, func(f *flooder, n int) error {
		if err := f.ask(n); err != nil {
			return err
		}
		return f.WriteRawFrame(http2.FrameData, 0, f.id(n), []byte("x"))
	}, true, atOnce},
	{"MadeYouReset by a priority (CVE-2025-8671)", nil, func(f *flooder, n int) error {
		if err := f.ask(n); err != nil {
			return err
		}
		return f.WriteRawFrame(http2.FramePriority, 0, f.id(n), make([]byte, 4))
	}, true, atOnce},
	{"continuations without end (CVE-2024-27316)", halfHead, func(f *flooder, _ int) error {
		return f.WriteContinuation(1, false, bytes.Repeat([]byte{0x00, 0x01, 'a', 0x01, 'b'}, 100))
	}, false, atOnce},
	{"empty continuations (CVE-2024-27316)", halfHead, func(f *flooder, _ int) error { return f.WriteContinuation(1, false, nil) }, false, atOnce},
	{"heads that grow (HPACK bomb, CVE-2016-6581)", nil, (*flooder).bomb, false, atOnce},
	{"settings (CVE-2019-9515)", nil, func(f *flooder, n int) error {
		return f.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: uint32(n % 8192)})
	}, false, atOnce},
	{"pings (CVE-2019-9512)", nil, func(f *flooder, _ int) error { return f.WritePing(false, [8]byte{}) }, false, atOnce},
	{"empty content (CVE-2019-9518)", (*flooder).body, func(f *flooder, _ int) error { return f.WriteData(3, false, nil) }, false, atOnce},
	{"priorities (CVE-2019-9513)", nil, func(f *flooder, n int) error {
		return f.WritePriority(f.id(n), http2.PriorityParam{StreamDep: 0, Weight: uint8(n)})
	}, false, atOnce},
	{"windows of a byte", nil, func(f *flooder, _ int) error { return f.WriteWindowUpdate(0, 1) }, false, atOnce},
}

func field(name, value string) hpack.HeaderField { return hpack.HeaderField{Name: name, Value: value} }

// halfHead begins a head that does not end.
func halfHead(f *flooder) error {
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.block(":method", "GET")})
}

// TestFloods sends 20,000 frames of each kind, over as many connections as that takes, again and again at an application of which
// somebody else wants a page meanwhile: he has it at once, the memory does not grow, and what is taken back seldom comes to the backend.
func TestFloods(t *testing.T) {
	s := newFlooded(t)
	s.reaches(t)
	frames, sides, lasts := size.Of(4_000, 20_000), size.Of(1, 4), size.Of(0, 5*time.Second)
	for _, f := range floods {
		t.Run(f.name, func(t *testing.T) {
			s.asked.Store(0)
			var ended, sent atomic.Int64
			bars{wait: size.Of(posterntest.Patience, time.Second), growth: 64 << 20}.abuse(t, s.world, s.cookie, func(t *testing.T) {
				for began := time.Now(); sent.Load() == 0 || time.Since(began) < lasts && !t.Failed(); sent.Add(int64(frames)) {
					many(sides, func(int) { ended.Add(int64(s.flood(t, f, frames/sides))) })
				}
			})
			t.Logf("%d frames, %d connections were ended, the backend saw %d requests", sent.Load(), ended.Load(), s.asked.Load())
			if ended.Load() < int64(sides) {
				t.Error("somebody may do it for ever")
			}
			if f.asks && s.asked.Load() > sent.Load()/10 {
				t.Errorf("the backend saw %d of %d requests that were taken back", s.asked.Load(), sent.Load())
			}
		})
	}
}

// flooded is an application that counts what it is asked by those who flood.
type flooded struct {
	*world
	cookie string // of a session
	asked  atomic.Int64
}

func newFlooded(t *testing.T) *flooded {
	t.Helper()
	s := &flooded{world: &world{System: posterntest.New(t)}}
	s.connector = s.Connector("site")
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/flood" {
			s.asked.Add(1)
		}
		fmt.Fprint(w, "page")
	}))
	t.Cleanup(backend.Close)
	s.wiki = s.Publish("wiki", backend.URL+"/")
	s.Assign(s.wiki, s.User("ada"))
	s.cookie, _ = s.session(t, "wiki", "ada")
	return s
}

// reaches shows that a request of those who flood is answered by the backend, if it is not taken back.
func (s *flooded) reaches(t *testing.T) {
	t.Helper()
	f := s.flooder(t)
	defer f.conn.Close()
	check(t, f.ask(0))
	check(t, f.out.Flush())
	s.Await("the request to come", func() bool { return s.asked.Load() == 1 })
}

func (s *flooded) flooder(t *testing.T) *flooder {
	t.Helper()
	f := &flooder{h2: newH2(t, s.world, "wiki"), authority: s.host("wiki"), cookie: sessionCookie + "=" + s.cookie}
	f.out = bufio.NewWriterSize(f.conn, 1<<20)
	f.Framer = http2.NewFramer(f.out, f.conn)
	f.AllowIllegalWrites = true
	return f
}

// flood sends so many of a flood, on a new connection whenever one was ended, and gives how many were.
func (s *flooded) flood(t *testing.T, kind flood, most int) (ended int) {
	for sent := 0; sent < most && !t.Failed(); {
		n, over := s.floodOnce(t, kind, most-sent)
		sent += max(n, 1)
		ended += btoi(over)
	}
	return ended
}

// atOnce is how many are sent together.
const atOnce = 50

// floodOnce sends on one connection, and waits until all was read. It gives how many it sent, and whether the connection was ended.
func (s *flooded) floodOnce(t *testing.T, kind flood, most int) (sent int, ended bool) {
	f := s.flooder(t)
	over, read := make(chan struct{}), make(chan struct{})
	go func() { // ends with the connection
		defer close(over)
		f.listen(read)
	}()
	defer func() {
		f.conn.Close()
		<-over
	}()
	if kind.begin != nil {
		check(t, kind.begin(f))
	}
	for ; sent < most; sent++ {
		check(t, kind.one(f, sent)) // into a buffer, mostly
		if sent%kind.by > 0 {
			continue
		}
		if f.out.Flush() != nil {
			return sent, true
		}
		select {
		case <-over:
			return sent, true
		default:
		}
	}
	if f.WritePing(false, allRead) != nil || f.out.Flush() != nil {
		return sent, true
	}
	select {
	case <-read:
		return sent, false
	case <-over:
		return sent, true
	}
}

// allRead is what the last ping says, whose answer comes when all before it was read.
var allRead = [8]byte{'a', 'l', 'l'}

// listen reads what the service says, until the connection ends. read is closed by the answer to the last ping.
func (f *flooder) listen(read chan<- struct{}) {
	for {
		frame, err := f.ReadFrame()
		if _, stream := err.(http2.StreamError); err != nil && !stream {
			return
		}
		if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() && ping.Data == allRead {
			close(read)
		}
	}
}
