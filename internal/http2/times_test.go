package http2_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	frames "golang.org/x/net/http2"

	"postern/internal/http2"
)

// ended waits until the first connection is over, and gives how.
func (s *site) ended(t *testing.T) error {
	t.Helper()
	until(t, "the connection is over", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.ends) > 0 })
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ends[0]
}

// TestTimes has clients stop in the middle of everything, and says what becomes of them.
func TestTimes(t *testing.T) {
	soon := 50 * time.Millisecond
	hang := func(st *http2.Stream) {
		gone := make(chan struct{})
		st.OnGone(func(error) { close(gone) })
		<-gone
	}
	for _, row := range []struct {
		name   string
		limits http2.Limits
		do     func(p *peer)
		says   []string
		reason string
	}{
		{"no preface", http2.Limits{Preface: soon}, func(*peer) {}, []string{"goaway 0 SETTINGS_TIMEOUT"}, "preface-timeout"},
		{"half a preface", http2.Limits{Preface: soon}, func(p *peer) { p.raw(frames.ClientPreface[:10]) }, []string{"goaway 0 SETTINGS_TIMEOUT"}, "preface-timeout"},
		{"no settings", http2.Limits{Preface: soon}, func(p *peer) { p.raw(frames.ClientPreface) }, []string{"goaway 0 SETTINGS_TIMEOUT"}, "preface-timeout"},
		{"half settings", http2.Limits{Preface: soon}, func(p *peer) { p.raw(frames.ClientPreface + "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00") }, []string{"goaway 0 SETTINGS_TIMEOUT"}, "preface-timeout"},
		{"idle", http2.Limits{Idle: soon}, func(p *peer) { p.ok(p.WriteSettings()) }, []string{"goaway 0 NO_ERROR"}, ""},
		{"half a header", http2.Limits{Frame: soon}, func(p *peer) { p.ok(p.WriteSettings()); p.raw("\x00\x00") }, []string{"goaway 0 PROTOCOL_ERROR"}, "frame-timeout"},
		{"half a frame", http2.Limits{Frame: soon}, func(p *peer) { p.ok(p.WriteSettings()); p.raw("\x00\x00\x08\x06\x00\x00\x00\x00\x00123") }, []string{"goaway 0 PROTOCOL_ERROR"}, "frame-timeout"},
		{"half a head", http2.Limits{Frame: soon}, func(p *peer) { p.ok(p.WriteSettings()); p.raw(frame(1, 1, 1, "\x82")) }, []string{"goaway 0 PROTOCOL_ERROR"}, "frame-timeout"},
		{"half a large DATA", http2.Limits{Frame: soon}, func(p *peer) {
			p.ok(p.WriteSettings())
			p.begin(1, post...)
			p.raw("\x00\x40\x00\x00\x00\x00\x00\x00\x01abc")
		}, []string{"goaway 1 PROTOCOL_ERROR"}, "frame-timeout"},
		{"silent with a stream", http2.Limits{Silence: soon, Pong: soon, Idle: soon}, func(p *peer) { p.raw(frame(4, 0, 0, "") + frame(1, 5, 1, good)) }, []string{"goaway 1 NO_ERROR"}, "silent"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serve(t, http2.Config{Limits: row.limits, Handle: hang})
			p := s.dialRaw(t)
			if row.limits.Preface == 0 {
				p.raw(frames.ClientPreface)
			}
			row.do(p)
			p.wants(append(row.says, "closed")...)
			_ = p.conn.Close()
			if err := s.ended(t); connReason(err) != row.reason || row.reason == "" && err != nil {
				t.Errorf("ended with %v, want %q", err, row.reason)
			}
		})
	}
}

// TestBusyIsNotIdle keeps a connection open as long as it has a stream and the client answers pings, and closes it after.
func TestBusyIsNotIdle(t *testing.T) {
	soon := 20 * time.Millisecond
	finish := make(chan struct{})
	s := serve(t, http2.Config{Limits: http2.Limits{Idle: soon, Silence: soon, Pong: within}, Handle: func(st *http2.Stream) {
		<-finish
		_ = st.Start(200, nil, 0)
	}})
	p := s.dialRaw(t)
	p.raw(frames.ClientPreface + frame(4, 0, 0, "") + frame(1, 5, 1, good)) // at once, or it is idle between the two
	for pings := 0; pings < 5; {                                            // each comes after a time in which an idle connection would be closed
		f, err := p.ReadFrame()
		p.ok(err)
		if ping, ok := f.(*frames.PingFrame); ok && !ping.IsAck() {
			p.ok(p.WritePing(true, ping.Data))
			pings++
		}
	}
	close(finish)
	p.wants("1 200 content-length: 0 end", "goaway 1 NO_ERROR", "closed")
}

// TestDrain ends connections gracefully: what has begun is finished, what comes before the client knows too, and what comes
// later is left to another connection.
func TestDrain(t *testing.T) {
	finish := make(chan struct{})
	s := serve(t, http2.Config{Limits: http2.Limits{Linger: within}, Handle: func(st *http2.Stream) { <-finish; tell(st) }})
	p := s.dial(t)
	p.ask(1, get...)
	p.ok(p.WritePing(false, [8]byte{}))
	p.pong()
	s.Drain()
	p.wants("goaway 2147483647 NO_ERROR")
	p.ask(3, get...)
	var data [8]byte
	for {
		f, err := p.ReadFrame()
		p.ok(err)
		if ping, ok := f.(*frames.PingFrame); ok && !ping.IsAck() {
			data = ping.Data
			break
		}
	}
	p.ok(p.WritePing(true, data))
	p.wants("goaway 3 NO_ERROR")
	p.ask(5, get...) // nobody will answer that
	p.ok(p.WritePing(false, [8]byte{}))
	p.pong()
	close(finish)
	got := map[string]string{}
	for said := p.next(); said != "closed"; said = p.next() {
		id, rest, _ := strings.Cut(said, " ")
		got[id] += strings.TrimSuffix(rest, " end")
	}
	for _, id := range []string{"1", "3"} {
		if said := strings.TrimSuffix(got[id], `""`); said != `200"GET https example.com /"` {
			t.Errorf("stream %s was answered %s", id, said)
		}
	}
	_ = p.conn.Close()
	if err := s.ended(t); err != nil {
		t.Errorf("ended with %v", err)
	}
	p = s.dial(t) // a connection after Drain ends at once
	if f, err := p.ReadFrame(); err != nil || f.Header().Type != frames.FrameSettings {
		t.Errorf("the first frame is %v, %v", f, err)
	}
	p.wants("goaway 2147483647 NO_ERROR")
}

// TestDrainLosesNothing has an independent client ask all the time while its connections are drained: every request is
// answered, on one connection or another.
func TestDrainLosesNothing(t *testing.T) {
	var sites [3]*site
	for i := range sites {
		sites[i] = serve(t, http2.Config{Handle: tell})
	}
	for _, s := range sites {
		client, begun := s.client(t), make(chan struct{}, 100)
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					answer, err := client.Get("https://" + s.addr + "/")
					if err != nil {
						t.Errorf("request %d: %v", n, err)
						return
					}
					_ = answer.Body.Close()
					if answer.StatusCode != 200 {
						t.Errorf("status %d", answer.StatusCode)
					}
					if n == 10 {
						begun <- struct{}{}
					}
				}
			})
		}
		for range 8 {
			<-begun
		}
		s.Leave()
		for range 3 {
			if answer, err := client.Get("https://" + s.addr + "/"); err != nil {
				t.Errorf("after a drain: %v", err)
			} else {
				_ = answer.Body.Close()
			}
		}
		stop()
		all.Wait()
	}
}

// TestContextCuts ends the context of Serve: everything is cut, and Serve returns when handlers have.
func TestContextCuts(t *testing.T) {
	gone := make(chan error, 1)
	server := http2.NewServer(http2.Config{Handle: func(st *http2.Stream) {
		_, err := st.Read(make([]byte, 1))
		gone <- err
	}})
	defer server.Close()
	ours, theirs := pipe(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, ours) }()
	p := newPeer(t, theirs)
	p.raw(frames.ClientPreface)
	p.ok(p.WriteSettings())
	p.begin(1, post...)
	p.ok(p.WritePing(false, [8]byte{}))
	p.pong()
	why := errors.New("enough")
	cancel(why)
	if err := <-gone; !errors.Is(err, http2.ErrLost) {
		t.Errorf("the handler was told %v", err)
	}
	if err := <-done; !errors.Is(err, why) {
		t.Errorf("Serve returned %v", err)
	}
}
