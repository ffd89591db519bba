package http2_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	frames "golang.org/x/net/http2"

	"postern/internal/http2"
)

// tell answers with what was understood.
func tell(st *http2.Stream) {
	content, err := io.ReadAll(st)
	if err != nil {
		return
	}
	q := st.Request()
	text := fmt.Sprintf("%s %s %s %s", q.Method, q.Scheme, q.Authority, q.Path)
	if q.Protocol != nil {
		text += fmt.Sprintf(" %s", q.Protocol)
	}
	for _, f := range q.Fields {
		text += fmt.Sprintf("|%s=%s", f.Name, f.Value)
	}
	if len(content) > 0 {
		text += fmt.Sprintf(" %d %q", q.Length, content)
	}
	for _, f := range st.Trailer() {
		text += fmt.Sprintf("|%s=%s", f.Name, f.Value)
	}
	if st.Start(200, nil, -1) == nil {
		_, _ = st.Write([]byte(text))
		_ = st.End(nil)
	}
}

const malformed = "reset PROTOCOL_ERROR"

// requests are heads without content, and what becomes of each: what Handle understood, a status, or a reset.
var requests = []struct {
	name   string
	fields []string
	want   string
}{
	{"plain", get, "GET https example.com /"},
	{"any order", []string{":path: /a?b=c", ":authority: example.com", ":method: PUT", ":scheme: https"}, "PUT https example.com /a?b=c"},
	{"fields", with(get, "a: 1", "b: 2", "a: 3"), "GET https example.com /|a=1|b=2|a=3"},
	{"empty value", with(get, "a: "), "GET https example.com /|a="},
	{"tab and obs-text", with(get, "a: x\ty\xff"), "GET https example.com /|a=x\ty\xff"},
	{"host instead of authority", []string{":method: GET", ":scheme: https", ":path: /", "host: example.com"}, "GET https example.com /"},
	{"host the same", with(get, "a: 1", "host: EXAMPLE.com", "b: 2"), "GET https example.com /|a=1|b=2"},
	{"port", []string{":method: GET", ":scheme: https", ":path: /", ":authority: example.com:8443"}, "GET https example.com:8443 /"},
	{"IPv6", []string{":method: GET", ":scheme: https", ":path: /", ":authority: [::1]:8443"}, "GET https [::1]:8443 /"},
	{"te: trailers", with(get, "te: Trailers"), "GET https example.com /|te=Trailers"},
	{"options of all", []string{":method: OPTIONS", ":scheme: https", ":authority: example.com", ":path: *"}, "OPTIONS https example.com *"},
	{"crumbs", with(get, "cookie: a=1", "x: y", "cookie: b=2", "cookie: c=3"), "GET https example.com /|cookie=a=1; b=2; c=3|x=y"},
	{"one crumb", with(get, "x: y", "cookie: a=1; b=2"), "GET https example.com /|x=y|cookie=a=1; b=2"},
	{"length of nothing", with(get, "content-length: 0"), "GET https example.com /|content-length=0"},
	{"expectation", with(get, "expect: 100-continue"), "GET https example.com /|expect=100-continue"},
	{"websocket", []string{":method: CONNECT", ":protocol: websocket", ":scheme: https", ":authority: example.com", ":path: /chat"}, "CONNECT https example.com /chat websocket"},

	{"no method", get[1:], malformed},
	{"no scheme", []string{":method: GET", ":authority: example.com", ":path: /"}, malformed},
	{"no path", get[:3], malformed},
	{"empty path", with(get[:3], ":path: "), malformed},
	{"path without slash", with(get[:3], ":path: a"), malformed},
	{"star without options", with(get[:3], ":path: *"), malformed},
	{"no authority", []string{":method: GET", ":scheme: https", ":path: /"}, malformed},
	{"empty authority", []string{":method: GET", ":scheme: https", ":path: /", ":authority: "}, malformed},
	{"empty method", []string{":method: ", ":scheme: https", ":path: /", ":authority: example.com"}, malformed},
	{"method with blank", []string{":method: GET /", ":scheme: https", ":path: /", ":authority: example.com"}, malformed},
	{"method twice", with(get, ":method: GET"), malformed},
	{"path twice", with(get, ":path: /"), malformed},
	{"authority twice", with(get, ":authority: example.com"), malformed},
	{"scheme twice", with(get, ":scheme: https"), malformed},
	{"unknown pseudo", with(get, ":unknown: x"), malformed},
	{"status", with(get, ":status: 200"), malformed},
	{"pseudo late", with(get[:3], "a: b", ":path: /"), malformed},
	{"protocol without connect", with(get, ":protocol: websocket"), malformed},
	{"empty protocol", []string{":method: CONNECT", ":protocol: ", ":scheme: https", ":authority: example.com", ":path: /"}, malformed},
	{"websocket without path", []string{":method: CONNECT", ":protocol: websocket", ":scheme: https", ":authority: example.com"}, malformed},
	{"connect with path", []string{":method: CONNECT", ":authority: example.com:443", ":path: /"}, malformed},
	{"connect", []string{":method: CONNECT", ":authority: example.com:443"}, "501"},
	{"host differs", with(get, "host: other.com"), malformed},
	{"host twice", with(get, "host: example.com", "host: example.com"), malformed},
	{"upper case", with(get, "Accept: x"), malformed},
	{"name with blank", with(get, "a b: x"), malformed},
	{"name with colon", with(get, "a:b: x"), malformed},
	{"name with control", with(get, "a\x01: x"), malformed},
	{"name not ASCII", with(get, "\xe4: x"), malformed},
	{"value with NUL", with(get, "a: x\x00y"), malformed},
	{"value with CR", with(get, "a: x\ry"), malformed},
	{"value with LF", with(get, "a: x\ny"), malformed},
	{"value with line", with(get, "a: x\r\nb: y"), malformed},
	{"value with DEL", with(get, "a: \x7f"), malformed},
	{"value with blank before", with(get, "a:  x"), malformed},
	{"value with blank after", with(get, "a: x "), malformed},
	{"value with tab after", with(get, "a: x\t"), malformed},
	{"path with LF", with(get[:3], ":path: /\nx"), malformed},
	{"connection", with(get, "connection: close"), malformed},
	{"keep-alive", with(get, "keep-alive: 1"), malformed},
	{"proxy-connection", with(get, "proxy-connection: close"), malformed},
	{"transfer-encoding", with(get, "transfer-encoding: chunked"), malformed},
	{"upgrade", with(get, "upgrade: h2c"), malformed},
	{"te", with(get, "te: gzip"), malformed},
	{"te with more", with(get, "te: trailers, gzip"), malformed},
	{"length but no content", with(get, "content-length: 1"), malformed},
	{"length not a number", with(get, "content-length: +0"), malformed},
	{"length twice", with(get, "content-length: 0", "content-length: 0"), malformed},
	{"length a list", with(get, "content-length: 0, 0"), malformed},
	{"length empty", with(get, "content-length: "), malformed},

	{"path with blank", with(get[:3], ":path: /a b"), "400"},
	{"path with fragment", with(get[:3], ":path: /a#b"), "400"},
	{"path not ASCII", with(get[:3], ":path: /\xe4"), "400"},
	{"scheme", []string{":method: GET", ":scheme: ftp", ":authority: example.com", ":path: /"}, "400"},
	{"user in authority", []string{":method: GET", ":scheme: https", ":authority: u@example.com", ":path: /"}, "400"},
	{"slash in authority", []string{":method: GET", ":scheme: https", ":authority: example.com/x", ":path: /"}, "400"},
	{"comma in authority", []string{":method: GET", ":scheme: https", ":authority: example.com,other", ":path: /"}, "400"},
	{"port zero", []string{":method: GET", ":scheme: https", ":authority: example.com:0", ":path: /"}, "400"},
	{"port empty", []string{":method: GET", ":scheme: https", ":authority: example.com:", ":path: /"}, "400"},
	{"port too large", []string{":method: GET", ":scheme: https", ":authority: example.com:65536", ":path: /"}, "400"},
	{"long path", with(get[:3], ":path: /"+strings.Repeat("x", 8<<10)), "414"},
	{"long method", []string{":method: " + strings.Repeat("X", 33), ":scheme: https", ":authority: example.com", ":path: /"}, "501"},
	{"other expectation", with(get, "expect: wonders"), "417"},
	{"large head", with(get, "a: "+strings.Repeat("x", 32<<10)), "431"},
	{"many fields", with(get, strings.Split(strings.TrimSuffix(strings.Repeat("a: b\n", 129), "\n"), "\n")...), "431"},
}

// TestRequests sends each on one connection after the other, each followed by a good one: what is wrong with a request is
// no harm to the connection, and never reaches Handle.
func TestRequests(t *testing.T) {
	s := serve(t, http2.Config{Handle: tell, Limits: http2.Limits{Work: 1 << 20}})
	p := s.dial(t)
	id := uint32(1)
	for _, row := range requests {
		t.Run(row.name, func(t *testing.T) {
			p.t = t
			p.write(id, true, row.fields)
			got := strings.TrimPrefix(p.next(), fmt.Sprint(id, " "))
			switch {
			case row.want == malformed:
			case len(row.want) == 3:
				got, _, _ = strings.Cut(got, " ")
				p.next() // the text
			case got == "200":
				p.wants(line(id, fmt.Sprintf("%q end", row.want)))
				got = row.want
			}
			if got != row.want {
				t.Fatalf("got %s, want %s", got, row.want)
			}
			id += 2
			p.ask(id, get...)
			p.wants(fmt.Sprint(id, " 200"), fmt.Sprint(id, ` "GET https example.com /" end`))
		})
		id += 2
	}
	if n := s.count("head-too-large"); n != 2 {
		t.Errorf("large heads were counted %d times", n)
	}
}

// write sends a head of any size.
func (p *peer) write(id uint32, end bool, fields []string) {
	p.t.Helper()
	block := p.head(fields...)
	first := block[:min(len(block), 16<<10)]
	block = block[len(first):]
	p.ok(p.WriteHeaders(frames.HeadersFrameParam{StreamID: id, BlockFragment: first, EndStream: end, EndHeaders: len(block) == 0}))
	for len(block) > 0 {
		piece := block[:min(len(block), 16<<10)]
		block = block[len(piece):]
		p.ok(p.WriteContinuation(id, len(block) == 0, piece))
	}
}

// TestContent sends requests with content, in frames as the rows say, and trailers.
func TestContent(t *testing.T) {
	content := func(p *peer, end bool, pieces ...string) {
		for i, piece := range pieces {
			p.ok(p.WriteData(1, end && i == len(pieces)-1, []byte(piece)))
		}
	}
	trailers := func(p *peer, end bool, fields ...string) { p.write(1, end, fields) }
	for _, row := range []struct {
		name   string
		fields []string
		send   func(p *peer)
		want   []string
	}{
		{"one frame", post, func(p *peer) { content(p, true, "hello") }, []string{`1 200`, `1 "POST https example.com / -1 \"hello\"" end`}},
		{"more frames", post, func(p *peer) { content(p, true, "he", "llo", "") }, []string{`1 200`, `1 "POST https example.com / -1 \"hello\"" end`}},
		{"length", with(post, "content-length: 5"), func(p *peer) { content(p, true, "hel", "lo") }, []string{`1 200`, `1 "POST https example.com /|content-length=5 5 \"hello\"" end`}},
		{"padded", post, func(p *peer) { p.ok(p.WriteDataPadded(1, true, []byte("hello"), make([]byte, 200))) }, []string{`1 200`, `1 "POST https example.com / -1 \"hello\"" end`}},
		{"padding alone", with(post, "content-length: 0"), func(p *peer) { p.ok(p.WriteDataPadded(1, true, nil, make([]byte, 255))) }, []string{`1 200`, `1 "POST https example.com /|content-length=0" end`}},
		{"trailers", post, func(p *peer) { content(p, false, "hello"); trailers(p, true, "a: b", "c: d") }, []string{`1 200`, `1 "POST https example.com / -1 \"hello\"|a=b|c=d" end`}},
		{"length and trailers", with(post, "content-length: 5"), func(p *peer) { content(p, false, "hello"); trailers(p, true, "a: b") }, []string{`1 200`, `1 "POST https example.com /|content-length=5 5 \"hello\"|a=b" end`}},
		{"trailers alone", post, func(p *peer) { trailers(p, true, "a: b") }, []string{`1 200`, `1 "POST https example.com /|a=b" end`}},
		{"too long", with(post, "content-length: 4"), func(p *peer) { content(p, true, "hello") }, []string{"1 reset PROTOCOL_ERROR"}},
		{"too long later", with(post, "content-length: 4"), func(p *peer) { content(p, false, "hel", "lo") }, []string{"1 reset PROTOCOL_ERROR"}},
		{"too short", with(post, "content-length: 6"), func(p *peer) { content(p, true, "hello") }, []string{"1 reset PROTOCOL_ERROR"}},
		{"too short by an empty end", with(post, "content-length: 6"), func(p *peer) { content(p, true, "hello", "") }, []string{"1 reset PROTOCOL_ERROR"}},
		{"too short before trailers", with(post, "content-length: 6"), func(p *peer) { content(p, false, "hello"); trailers(p, true, "a: b") }, []string{"1 reset PROTOCOL_ERROR"}},
		{"trailers not last", post, func(p *peer) { trailers(p, false, "a: b") }, []string{"1 reset PROTOCOL_ERROR"}},
		{"pseudo in trailers", post, func(p *peer) { trailers(p, true, ":path: /") }, []string{"1 reset PROTOCOL_ERROR"}},
		{"upper case in trailers", post, func(p *peer) { trailers(p, true, "A: b") }, []string{"1 reset PROTOCOL_ERROR"}},
		{"connection in trailers", post, func(p *peer) { trailers(p, true, "connection: close") }, []string{"1 reset PROTOCOL_ERROR"}},
		{"large trailers", post, func(p *peer) { trailers(p, true, "a: "+strings.Repeat("x", 9<<10)) }, []string{"1 reset ENHANCE_YOUR_CALM"}},
		{"content after the end", post, func(p *peer) { content(p, true, ""); content(p, false, "x") }, []string{"1 reset STREAM_CLOSED"}},
		{"trailers after the end", post, func(p *peer) { content(p, true, ""); trailers(p, true, "a: b") }, []string{"1 reset STREAM_CLOSED"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			hold := make(chan struct{})
			s := serve(t, http2.Config{Handle: func(st *http2.Stream) { <-hold; tell(st) }})
			p := s.dial(t)
			p.begin(1, row.fields...)
			row.send(p)
			if !strings.Contains(row.want[0], "reset") {
				close(hold)
			}
			p.wants(row.want...)
			if strings.Contains(row.want[0], "reset") {
				close(hold)
			}
			p.ask(3, get...)
			p.wants("3 200", `3 "GET https example.com /" end`)
		})
	}
}
