package backend

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// TestMostStreams: no more requests are open than the backend allows, or we do, and whoever waits is told when there is room again.
func TestMostStreams(t *testing.T) {
	var changed atomic.Int64
	c, p := scripted(t, Config{Limits: Limits{Streams: 3}, Changed: func() { changed.Add(1) }}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 2})
	a, b := must(c.Open(get("/")))(t), must(c.Open(get("/")))(t)
	if _, err := c.Open(get("/")); err != ErrUnusable || c.Usable() || c.Gone() {
		t.Fatal(err)
	}
	before := changed.Load()
	p.wrote(p.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 100}))
	eventually(t, "the third is possible", func() bool { return c.Usable() && changed.Load() > before })
	d := must(c.Open(get("/")))(t)
	if c.Usable() {
		t.Error("our own limit does not hold")
	}
	before = changed.Load()
	await[*http2.MetaHeadersFrame](p)
	p.head(1, true, ":status", "204")
	eventually(t, "one is over", func() bool { return c.Usable() && changed.Load() > before })
	for _, s := range []*Stream{a, b, d} {
		s.Close()
	}
}

// TestResetsHoldTheirPlace (CVE-2023-44487): requests that were reset hold their place until the backend has noticed, so that clients who
// come and go at once do not make it work on more than it allows; and it is not pinged again without cause.
func TestResetsHoldTheirPlace(t *testing.T) {
	c, p := scripted(t, Config{Limits: Limits{Streams: 4}})
	for range 4 {
		must(c.Open(get("/")))(t).Close()
	}
	if c.Usable() || c.Active() != 0 {
		t.Fatal("places are free that the backend may still hold")
	}
	ping := await[*http2.PingFrame](p)
	p.wrote(p.WritePing(true, ping.Data))
	eventually(t, "places are free", c.Usable)
	for range 20 { // nothing of the backend's own came in between
		must(c.Open(get("/")))(t).Close()
	}
	s := must(c.Open(get("/last")))(t)
	defer s.Close()
	for {
		f, err := p.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if _, again := f.(*http2.PingFrame); again {
			t.Fatal("pinged twice without an answer of the backend in between, for which servers of gRPC hang up")
		}
		if h, ok := f.(*http2.MetaHeadersFrame); ok && h.PseudoValue("path") == "/last" {
			break
		}
	}
}

// TestAskingWithoutReading: a backend that asks for answers and does not read them is cut.
func TestAskingWithoutReading(t *testing.T) {
	for name, flood := range map[string]func(p *peer) error{
		"PING":     func(p *peer) error { return p.WritePing(false, [8]byte{}) },
		"SETTINGS": func(p *peer) error { return p.WriteSettings() },
	} {
		client, other := pair(t)
		p := &peer{Framer: http2.NewFramer(other, nil), t: t, conn: other}
		p.wrote(p.WriteSettings())
		c := dial(t, client, Config{})
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for flood(p) == nil {
			}
		}()
		<-c.Done()
		<-stop
		if c.err == nil || !strings.Contains(c.err.Error(), "without reading") && !errors.Is(c.err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", name, c.err)
		}
	}
}

// TestSilence: a backend that falls silent in the middle of a request is found out; one that thinks for long, but lives, is not cut.
func TestSilence(t *testing.T) {
	limits := Limits{Silence: 20 * time.Millisecond, Answer: 20 * time.Millisecond}
	c, p := scripted(t, Config{Limits: limits})
	s := must(c.Open(get("/")))(t)
	defer s.Close()
	_, err := s.Head()
	if timeout, ok := errors.AsType[*ConnError](err); !ok || !timeout.Timeout() {
		t.Error(err)
	}
	await[*http2.PingFrame](p)

	limits.Answer = patience
	c, p = scripted(t, Config{Limits: limits})
	s = must(c.Open(get("/")))(t)
	defer s.Close()
	ping := await[*http2.PingFrame](p)
	p.wrote(p.WritePing(true, ping.Data))
	p.head(1, true, ":status", "200")
	if h, err := s.Head(); err != nil || h.Status != 200 {
		t.Error(err)
	}
}

// TestLargeHeader: a header that takes several frames arrives; one that the backend does not take is not sent.
func TestLargeHeader(t *testing.T) {
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("X-Large"))
	}, Config{}, http.HTTP2Config{})
	r := get("/")
	large := strings.Repeat("large ", 8000)
	r.Fields = fields("X-Large", strings.TrimSpace(large))
	s := must(c.Open(r))(t)
	defer s.Close()
	if _, body, err := whole(s); err != nil || body != strings.TrimSpace(large) {
		t.Error(len(body), err)
	}
	c, _ = scripted(t, Config{}, http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: 1000})
	if _, err := c.Open(r); err != ErrHeaderTooLarge {
		t.Error(err)
	}
	if _, err := c.Open(get("/")); err != nil {
		t.Error(err)
	}
}

// TestRetire: a connection that is taken out of use finishes what is open, then says so and closes.
func TestRetire(t *testing.T) {
	release := make(chan struct{})
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		<-release
		_, _ = io.WriteString(w, "done")
	}, Config{}, http.HTTP2Config{})
	s := must(c.Open(get("/")))(t)
	c.Retire()
	if _, err := c.Open(get("/")); err != ErrUnusable || !c.Gone() {
		t.Error(err)
	}
	close(release)
	if _, body, err := whole(s); err != nil || body != "done" {
		t.Error(body, err)
	}
	s.Close()
	<-c.Done()
}

// TestManyIdle: an idle connection holds no buffer for writing.
func TestManyIdle(t *testing.T) {
	c := served(t, func(w http.ResponseWriter, r *http.Request) {}, Config{}, http.HTTP2Config{})
	s := must(c.Open(get("/")))(t)
	must(s.Head())(t)
	s.Close()
	eventually(t, "nothing is held", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.out == nil })
}

// TestNoTable: the first head says that there is no table, which decoders want to hear that allow none, and no later one uses any.
func TestNoTable(t *testing.T) {
	c, p := scripted(t, Config{}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
	p.Framer.ReadMetaHeaders = nil
	r := get("/")
	r.Fields = fields("X-Repeated", "value", "Authorization", "Bearer secret")
	var blocks []string
	for range 2 {
		must(c.Open(r))(t)
		blocks = append(blocks, string(await[*http2.HeadersFrame](p).HeaderBlockFragment()))
	}
	if blocks[0] != "\x20"+blocks[1] || !strings.Contains(blocks[1], "x-repeated\x05value") || !strings.Contains(blocks[1], "\x1f\x08\x0dBearer secret") {
		t.Errorf("%q", blocks)
	}
}
