package http2_test

import (
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	frames "golang.org/x/net/http2"

	"postern/internal/http2"
	"postern/test/size"
)

// good is a request's head in a form that needs no table.
const good = "\x82\x87\x84\x01\x0bexample.com"

// floods are what a client may send again and again, the n-th time what frames gives, each named after the incident that
// taught it. The connection is to end for the reason, or one of two where both kinds of its frames cost.
var floods = []struct {
	name   string
	frames func(n int) string
	reason string
}{
	{"rapid reset (CVE-2023-44487)", func(n int) string {
		return frame(1, 5, uint32(2*n+3), good) + frame(3, 0, uint32(2*n+3), "\x00\x00\x00\x08")
	}, "rapid-reset"},
	{"MadeYouReset by a window of nothing (CVE-2025-8671)", func(n int) string {
		return frame(1, 5, uint32(2*n+3), good) + frame(8, 0, uint32(2*n+3), "\x00\x00\x00\x00")
	}, "made-reset or window-update-flood"},
	{"MadeYouReset by a window too large (CVE-2025-8671)", func(n int) string {
		return frame(1, 5, uint32(2*n+3), good) + frame(8, 0, uint32(2*n+3), "\x7f\xff\xff\xff")
	}, "made-reset or window-update-flood"},
	{"MadeYouReset by content after the end (CVE-2025-8671)", func(n int) string {
		return frame(1, 5, uint32(2*n+3), good) + frame(0, 0, uint32(2*n+3), "x")
	}, "made-reset"},
	{"MadeYouReset by a head after the end (CVE-2025-8671)", func(n int) string {
		return frame(1, 5, uint32(2*n+3), good) + frame(1, 5, uint32(2*n+3), good)
	}, "made-reset"},
	{"MadeYouReset by a priority (CVE-2025-8671)", func(n int) string {
		return frame(1, 5, uint32(2*n+3), good) + frame(2, 0, uint32(2*n+3), "\x00")
	}, "made-reset or priority-flood"},
	{"resets that we make (CVE-2019-9514)", func(n int) string { return frame(1, 5, uint32(2*n+3), "\x82") }, "made-reset"},
	{"heads without names (CVE-2019-9516)", func(n int) string { return frame(1, 5, uint32(2*n+3), good+"\x00\x00\x00") }, "made-reset"},
	{"requests that are refused", func(n int) string { return frame(1, 5, uint32(2*n+3), good+"\x00\x06expect\x01x") }, "refused-flood"},
	{"pings (CVE-2019-9512)", func(int) string { return frame(6, 0, 0, "12345678") }, "ping-flood"},
	{"settings (CVE-2019-9515)", func(int) string { return frame(4, 0, 0, "") }, "settings-flood"},
	{"large settings (CVE-2019-9515)", func(int) string { return frame(4, 0, 0, strings.Repeat("\x00\x04\x00\x00\x00\x00", 2730)) }, "settings-flood"},
	{"settings acknowledged", func(int) string { return frame(4, 1, 0, "") }, "settings-flood"},
	{"priorities (CVE-2019-9513)", func(n int) string { return frame(2, 0, uint32(2*n+3), "\x00\x00\x00\x00\xff") }, "priority-flood"},
	{"priority updates", func(int) string { return frame(0x10, 0, 0, "\x00\x00\x00\x01u=1") }, "priority-flood"},
	{"empty content (CVE-2019-9518)", func(int) string { return frame(0, 0, 1, "") }, "empty-data-flood"},
	{"padding without content", func(int) string { return frame(0, 8, 1, "\xff"+strings.Repeat("\x00", 255)) }, "empty-data-flood"},
	{"empty continuations (CVE-2024-27316)", func(n int) string {
		if n == 0 {
			return frame(1, 1, 3, good)
		}
		return frame(9, 0, 3, "")
	}, "continuation-flood"},
	{"continuations without end (CVE-2024-27316)", func(n int) string {
		if n == 0 {
			return frame(1, 1, 3, good)
		}
		return frame(9, 0, 3, strings.Repeat("\x00\x01a\x01b", 2000))
	}, "header-block"},
	{"windows of a byte", func(int) string { return frame(8, 0, 0, "\x00\x00\x00\x01") }, "window-update-flood"},
	{"unknown frames", func(int) string { return frame(0x70, 0, 0, "") }, "unknown-frame-flood"},
	{"goaways", func(int) string { return frame(7, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x01") }, "goaway-flood"},
	{"more streams than may be", func(n int) string { return frame(1, 4, uint32(2*n+3), good) }, "made-reset"},
	{"content after a reset", func(n int) string {
		if n == 0 {
			return frame(1, 4, 3, good+"\x00\x06expect\x01x")
		}
		return frame(0, 0, 3, "x")
	}, "data-after-reset"},
	{"resets of what is over", func(n int) string {
		if n == 0 {
			return frame(1, 4, 3, good+"\x00\x06expect\x01x")
		}
		return frame(3, 0, 3, "\x00\x00\x00\x08")
	}, "reset-flood"},
}

// TestFloods sends each on a connection, with stream 1 open and its handler waiting. The connection ends for the right reason
// within the frames of a flood, next to no request reaches Handle, no memory stays, and another connection is served all the
// time.
func TestFloods(t *testing.T) {
	amount := size.Of(3000, 20_000)
	for _, row := range floods {
		t.Run(row.name, func(t *testing.T) {
			var handled atomic.Int64
			s := serve(t, http2.Config{Handle: func(st *http2.Stream) {
				if st.Request().Fields.Count("canary") > 0 {
					tell(st)
					return
				}
				handled.Add(1)
				_, _ = io.Copy(io.Discard, st)
				gone := make(chan struct{})
				st.OnGone(func(error) { close(gone) })
				<-gone
			}})
			quiet := s.canary(t)
			before := heap()
			p := s.dial(t)
			p.ok(p.WriteWindowUpdate(0, 1<<20))
			p.begin(1, post...)
			end := make(chan string, 1)
			go func() {
				for {
					got := p.next()
					if strings.HasPrefix(got, "goaway") || got == "closed" {
						end <- got
						return
					}
				}
			}()
			p.flood(amount, row.frames)
			if got := <-end; !strings.HasSuffix(got, "ENHANCE_YOUR_CALM") {
				t.Errorf("the connection ended with %q", got)
			}
			_ = p.conn.Close()
			err := s.ended(t)
			if !slices.Contains(strings.Split(row.reason, " or "), connReason(err)) {
				t.Errorf("ended with %v (%q), want %q; refused %v", err, connReason(err), row.reason, s.refused)
			}
			if most := int64(max(101, amount/10)); handled.Load() > most {
				t.Errorf("%d requests were handled", handled.Load())
			}
			if grown := int64(heap()) - int64(before); grown > 64<<20 {
				t.Errorf("%d bytes of memory are left", grown)
			}
			quiet()
		})
	}
}

// flood sends, many frames in a write, until the connection is closed.
func (p *peer) flood(amount int, frames func(int) string) {
	var b strings.Builder
	for n := range amount {
		b.WriteString(frames(n))
		if b.Len() > 64<<10 || n == amount-1 {
			if _, err := io.WriteString(p.conn, b.String()); err != nil {
				return
			}
			b.Reset()
		}
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// canary asks all the time on a connection of its own, until the function that it gives is called. Every request must be
// answered, at full size within a second.
func (s *site) canary(t *testing.T) (stop func()) {
	client := s.client(t)
	done := make(chan struct{})
	var all sync.WaitGroup
	ask := func() {
		q, _ := http.NewRequest("GET", "https://"+s.addr+"/", nil)
		q.Header.Set("Canary", "1")
		began := time.Now()
		answer, err := client.Do(q)
		if err != nil {
			t.Errorf("the canary: %v", err)
			return
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if took := time.Since(began); size.Full() && took > time.Second {
			t.Errorf("the canary waited %v", took)
		}
	}
	ask()
	all.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				ask()
			}
		}
	})
	return func() { close(done); all.Wait() }
}

// TestHPACKBomb sends heads that say the same large field again and again from the table (CVE-2016-6581): each is refused with
// 431, and what they would be takes neither memory nor the connection.
func TestHPACKBomb(t *testing.T) {
	s := serve(t, http2.Config{Handle: tell})
	p := s.dial(t)
	large := "a: " + strings.Repeat("x", 3900)
	p.ask(1, with(get, large)...)
	p.wants("1 200")
	p.next()
	before := heap()
	bomb := good + strings.Repeat("\xbe", 16<<10-len(good))
	for n := range size.Of(50, 300) {
		p.raw(frame(1, 5, uint32(2*n+3), bomb))
		if got := p.next(); !strings.Contains(got, " 431") {
			t.Fatalf("got %q", got)
		}
		p.next()
	}
	if grown := int64(heap()) - int64(before); grown > 8<<20 {
		t.Errorf("%d bytes of memory are left", grown)
	}
	p.ask(9999, get...)
	p.wants("9999 200", `9999 "GET https example.com /" end`)
}

// TestTableGames changes the table's size all the time: what the table has stays right, and it stays small.
func TestTableGames(t *testing.T) {
	s := serve(t, http2.Config{Handle: tell})
	p := s.dial(t)
	p.ok(p.WriteWindowUpdate(0, 1<<30))
	for n := range 500 {
		p.enc.SetMaxDynamicTableSize(uint32(n * 97 % 4097))
		p.enc.SetMaxDynamicTableSize(uint32(n * 31 % 4097))
		p.ask(uint32(2*n+1), with(get, "a: "+strings.Repeat("y", n), "b: "+strings.Repeat("z", n%7))...)
		p.wants(line(uint32(2*n+1), "200"), line(uint32(2*n+1), `"GET https example.com /|a=`+strings.Repeat("y", n)+"|b="+strings.Repeat("z", n%7)+`" end`))
	}
}

// TestAnswersUnread asks for answers and takes none from the socket (CVE-2019-9512, -9514, -9515): with work to spare, the
// answers that may wait are what ends it.
func TestAnswersUnread(t *testing.T) {
	for name, ask := range map[string]func(n int) string{
		"pings":    func(int) string { return frame(6, 0, 0, "12345678") },
		"settings": func(int) string { return frame(4, 0, 0, "") },
		"resets":   func(n int) string { return frame(1, 5, uint32(2*n+1), "\x82") },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, http2.Config{Limits: http2.Limits{Work: 1 << 40, Linger: time.Millisecond}, Handle: tell})
			before := heap()
			p := s.dial(t)
			p.flood(1<<22, ask) // more than all buffers of both sockets take
			if got := connReason(s.ended(t)); got != "answers-unread" {
				t.Errorf("ended for %q", got)
			}
			if grown := int64(heap()) - int64(before); grown > 64<<20 {
				t.Errorf("%d bytes of memory are left", grown)
			}
		})
	}
}

// TestResponsesUnread asks for much and takes nothing from the socket, on as many streams as there may be, again and again
// (CVE-2019-9517): what waits to be written stays within its bound.
func TestResponsesUnread(t *testing.T) {
	head, content := fieldsOf("a", strings.Repeat("x", 16<<10)), make([]byte, 1<<20)
	s := serve(t, http2.Config{Limits: http2.Limits{Work: 1 << 40, Stall: 500 * time.Millisecond}, Handle: func(st *http2.Stream) {
		_ = st.Start(200, head, -1)
		_, _ = st.Write(content)
		_ = st.End(nil)
	}})
	before := heap()
	p := s.dial(t, frames.Setting{ID: frames.SettingInitialWindowSize, Val: 1<<31 - 1})
	p.ok(p.WriteWindowUpdate(0, 1<<30))
	asked := 0
	ask := func(int) string { asked++; return frame(1, 5, uint32(2*asked-1), good) }
	p.flood(size.Of(3000, 20_000), ask)
	if grown := int64(heap()) - int64(before); grown > 16<<20 {
		t.Errorf("%d bytes of memory are in use", grown)
	}
	// A server that was slow has given up on streams that waited for their turn before the socket was full: more is asked for.
	until(t, "the connection is over", func() bool {
		p.flood(100, ask)
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.ends) > 0
	})
}

// TestHandlersAreBounded resets streams whose handlers do not end (CVE-2023-44487, CVE-2025-8671): not more of them run than
// Limits.Streams, however many streams were opened.
func TestHandlersAreBounded(t *testing.T) {
	const most = 10
	var running, peak atomic.Int64
	hold := make(chan struct{})
	s := serve(t, http2.Config{Limits: http2.Limits{Streams: most, Work: 1 << 40}, Handle: func(st *http2.Stream) {
		if n := running.Add(1); n > peak.Load() {
			peak.Store(n)
		}
		<-hold
		running.Add(-1)
		_ = st.Start(200, nil, 0)
	}})
	p := s.dial(t)
	next := uint32(1)
	for range size.Of(50, 1000) {
		for range most {
			p.ask(next, get...)
			next += 2
		}
		p.ok(p.WritePing(false, [8]byte{}))
		p.pong()
		for i := range uint32(most) {
			p.ok(p.WriteRSTStream(next-2*i-2, frames.ErrCodeCancel))
		}
	}
	for i := range uint32(most) {
		p.ask(next+2*i, get...)
	}
	p.ok(p.WritePing(false, [8]byte{}))
	p.pong()
	if running.Load() > most || peak.Load() > most {
		t.Errorf("%d handlers run, at most %d", running.Load(), peak.Load())
	}
	close(hold)
	for range most { // those that were not reset are answered
		if got := p.next(); !strings.HasSuffix(got, "200 content-length: 0 end") {
			t.Fatalf("got %q", got)
		}
	}
}

// TestManyGoodRequests is no flood: a client that uses what it asks for may go on for ever, resetting some of it.
func TestManyGoodRequests(t *testing.T) {
	s := serve(t, http2.Config{Handle: tell})
	p := s.dial(t)
	for n := range uint32(size.Of(5000, 50_000)) {
		p.ask(2*n+1, get...)
		p.wants(line(2*n+1, "200"), line(2*n+1, `"GET https example.com /" end`))
		p.ok(p.WriteWindowUpdate(0, 29))
		if n%5 == 0 {
			p.ok(p.WritePing(false, [8]byte{}))
			p.pong()
		}
	}
}
