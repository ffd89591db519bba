package tunnel

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// eventually waits until ok, which other goroutines make true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
		runtime.Gosched()
	}
}

func holdOpen(st *Stream) {
	st.Accept(nil)
	<-st.Context().Done()
	st.Close()
}

func wantRule(t *testing.T, s *running, code Code) {
	t.Helper()
	var rule *ConnError
	if err := s.result(t); !errors.As(err, &rule) || rule.Code != code {
		t.Fatalf("Run: %v; want %s", err, code)
	}
}

func wantLimit(t *testing.T, s *running, l Limit) {
	t.Helper()
	if s.Stats().Limits[l.String()] == 0 {
		t.Errorf("limit %s was not counted: %v", l, s.Stats().Limits)
	}
}

func TestLimitStreams(t *testing.T) {
	s, peer := hostile(t, func(cfg *Config) { cfg.Accept, cfg.Limits.Streams = holdOpen, 2 })
	peer.open(1)
	peer.open(3)
	peer.open(5)
	if code, _, _ := decodeReset(peer.expect(frameReset, 5).payload); code != CodeTooManyStreams || !code.Retryable() {
		t.Fatalf("third stream: %s", code)
	}
	wantLimit(t, s, limitStreams)
	peer.send(appendReset(nil, 1, CodeCancelled, nil))
	eventually(t, "a place is free again", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.accepted == 1 })
	peer.open(7)
	peer.expect(frameOpened, 7)
}

// TestLimitStreamsCountsHandlers: a peer that opens and resets in one breath must not make handlers pile up.
func TestLimitStreamsCountsHandlers(t *testing.T) {
	release := make(chan struct{})
	s, peer := hostile(t, func(cfg *Config) {
		cfg.Limits.Streams = 4
		cfg.Accept = func(st *Stream) { <-release; st.Reset(CodeInternal) }
	})
	for id := uint32(1); id < 200; id += 2 {
		peer.open(id)
		peer.send(appendReset(nil, id, CodeCancelled, nil))
	}
	peer.expect(frameReset, 199)
	s.mu.Lock()
	accepted := s.accepted
	s.mu.Unlock()
	if accepted != 4 {
		t.Errorf("%d handlers run, want 4", accepted)
	}
	close(release)
}

func TestLimitFlood(t *testing.T) {
	open := appendOpen(nil, 1, openFrame{startWindow, startWindow, nil})
	tests := []struct {
		name  string
		first []byte
		each  []byte
	}{
		{"PING", nil, appendPing(nil, 0, 1)},
		{"PING answers nobody waits for", nil, appendPing(nil, flagAnswer, 99)},
		{"WINDOW without news", open, appendWindow(nil, 1, startWindow)},
		{"WINDOW on the session", nil, appendWindow(nil, 0, 1)},
		{"empty DATA", open, appendData(nil, 1, nil)},
		{"ignorable frames", nil, frame(0x99, 0, 0, nil)},
		{"RESET of an ended stream", join(open, appendReset(nil, 1, CodeCancelled, nil)), appendReset(nil, 1, CodeCancelled, nil)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, peer := hostile(t, func(cfg *Config) { cfg.Accept, cfg.Limits.Flood = holdOpen, 100 })
			peer.send(test.first)
			go io.Copy(io.Discard, peer.conn)
			go func() {
				for {
					if _, err := peer.conn.Write(test.each); err != nil {
						return
					}
				}
			}()
			wantRule(t, s, CodeFlood)
			wantLimit(t, s, limitFlood)
		})
	}
}

// TestLimitControl: a peer that asks and does not read the answers is sent away, before the writer would time out.
func TestLimitControl(t *testing.T) {
	s, peer := hostile(t, func(cfg *Config) { cfg.Limits.Control, cfg.Limits.Flood, cfg.Accept = 4096, 1<<30, nil })
	go func() {
		pings := make([]byte, 0, 1<<16)
		for range 4096 {
			pings = appendPing(pings, 0, 1)
		}
		for {
			if _, err := peer.conn.Write(pings); err != nil {
				return
			}
		}
	}()
	wantRule(t, s, CodeFlood)
	wantLimit(t, s, limitControl)
}

// TestLimitPending: whatever senders want to send, the write buffer of a peer that does not read stays within its limit.
func TestLimitPending(t *testing.T) {
	s, _ := hostile(t, func(cfg *Config) { cfg.Limits.Pending = 64 << 10 })
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	go func() {
		for {
			st, err := s.Open(ctx, make([]byte, MaxMessage))
			if err != nil {
				return
			}
			defer st.Close()
			go func() { st.Write(make([]byte, startWindow)) }()
		}
	}()
	eventually(t, "senders wait", func() bool { return s.Stats().Limits[limitPending.String()] > 8 })
	s.out.mu.Lock()
	pending := len(s.out.pending)
	s.out.mu.Unlock()
	if pending > 64<<10+slot+1<<10 { // control frames, of which there are few, do not wait
		t.Errorf("%d bytes are pending", pending)
	}
	cancel()
	s.Close()
}

func TestLimitIDs(t *testing.T) {
	ctx := testContext(t)
	client, server := pair(t, echo, nil)
	if _, err := client.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*running{client, server} {
		s.mu.Lock()
		if s.dialler {
			s.nextID = maxID
		} else {
			s.peerNext = maxID
		}
		s.mu.Unlock()
	}
	st, err := client.Open(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Open(ctx, nil); !errors.Is(err, ErrExhausted) {
		t.Fatalf("Open beyond the last id: %v", err)
	}
	if !client.Draining() {
		t.Error("the session does not drain")
	}
	if _, err := st.Opened(ctx); err != nil {
		t.Errorf("the last stream: %v", err)
	}
	st.Close()
	wantLimit(t, client, limitIDs)
	if err := errors.Join(client.result(t), server.result(t)); err != nil {
		t.Fatal(err)
	}
}

func TestLimitTimes(t *testing.T) {
	tests := []struct {
		name  string
		hello bool
		reads bool
		talks bool
		err   error
		limit Limit
		after time.Duration
	}{
		{"no HELLO", false, true, false, ErrSilent, limitHello, 10 * time.Second},
		{"silence", true, true, false, ErrSilent, limitSilence, 15 * time.Second},
		{"talks and does not read", true, false, true, ErrStalled, limitStall, 30 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				s := run(t, Config{Conn: ours})
				begin := time.Now()
				if test.reads {
					go io.Copy(io.Discard, theirs)
				}
				if test.hello {
					go theirs.Write(appendHello(nil, helloFrame{Hello{Version: Version}, 0}))
					synctest.Wait()
				}
				var talker sync.WaitGroup
				if test.talks {
					talker.Go(func() {
						for {
							<-time.After(5 * time.Second)
							if _, err := theirs.Write(frame(0x90, 0, 0, nil)); err != nil {
								return
							}
						}
					})
				}
				if err := <-s.outcome; !errors.Is(err, test.err) {
					t.Fatalf("Run: %v; want %v", err, test.err)
				}
				if took := time.Since(begin); took < test.after || took > test.after+8*time.Second {
					t.Errorf("it took %v; want %v", took, test.after)
				}
				wantLimit(t, s, test.limit)
				theirs.Close()
				talker.Wait()
			})
		})
	}
}

// TestIdleSessionsStayAlive: two quiet ends keep each other alive with PINGs.
func TestIdleSessionsStayAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		client := run(t, Config{Conn: a, Dialler: true})
		server := run(t, Config{Conn: b})
		<-time.After(time.Hour)
		if client.Draining() || server.Draining() {
			t.Fatal("a session ended")
		}
		client.Close()
		<-client.outcome
		<-server.outcome
	})
}

func TestLimitDatagrams(t *testing.T) {
	client, server := pair(t, holdOpen, nil)
	ctx := testContext(t)
	st, err := client.Open(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for range 1000 {
		if err := st.SendDatagram(make([]byte, 200)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	dropped := client.Stats().DatagramsDropped + server.Stats().DatagramsDropped
	if dropped != 1000-64 {
		t.Errorf("%d dropped, want all but 64 of 1000", dropped)
	}
	if err := st.SendDatagram(make([]byte, MaxDatagram+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

// TestBudget: buffered bytes stay within the budget; the longest-unread stream is reset, with its own cause at both ends;
// new streams start small; others go on.
func TestBudget(t *testing.T) {
	const limit = 1 << 20
	budget := NewBudget(limit)
	accepted := make(chan *Stream, 1000)
	client, server := pair(t, func(st *Stream) {
		st.Accept(nil)
		accepted <- st
		<-st.Context().Done()
	}, func(_, server *Config) { server.Budget = budget })
	ctx := testContext(t)
	open := func() *Stream {
		st, err := client.Open(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		return st
	}
	first := open()
	its := <-accepted
	if _, err := first.Write(make([]byte, startWindow)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first stream's data arrived", func() bool { return budget.Buffered() >= startWindow })
	low := false
	for budget.Resets() == 0 {
		st := open()
		st.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)) // a small window may hold it up
		st.Write(make([]byte, startWindow))
		if _, err := client.Ping(ctx); err != nil {
			t.Fatal(err)
		}
		client.mu.Lock()
		low = low || client.credit == lowWindow
		client.mu.Unlock()
		if held := budget.Buffered(); held > limit+slot {
			t.Fatalf("%d bytes are buffered", held)
		}
	}
	if !low {
		t.Error("new streams were not told to start small")
	}
	var reset *ResetError
	if _, err := first.Read(make([]byte, 1)); !errors.As(err, &reset) || reset.Code != CodeBufferBudget || !reset.Remote {
		t.Errorf("the first stream at the sender: %v", err)
	}
	if _, err := its.Read(make([]byte, 1)); !errors.As(err, &reset) || reset.Code != CodeBufferBudget || reset.Remote {
		t.Errorf("the first stream at the receiver: %v", err)
	}
	if client.Draining() || server.Draining() {
		t.Error("a session ended")
	}
	server.Close()
	server.result(t)
	close(accepted)
	for st := range accepted {
		st.Close()
	}
	if held := budget.Buffered(); held != 0 {
		t.Errorf("%d bytes are charged after all streams were closed", held)
	}
}

// TestBudgetOfHandedOnData: data that WriteTo hands to a stalled destination counts as unread too.
func TestBudgetOfHandedOnData(t *testing.T) {
	const limit = 1 << 20
	budget := NewBudget(limit)
	client, _ := pair(t, func(st *Stream) {
		defer st.Close()
		st.Accept(nil)
		stalled, far := net.Pipe()
		defer far.Close()
		context.AfterFunc(st.Context(), func() { stalled.Close() })
		io.Copy(stalled, st)
	}, func(_, server *Config) { server.Budget = budget })
	ctx := testContext(t)
	var first *Stream
	for budget.Resets() == 0 {
		st, err := client.Open(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		if first == nil {
			first = st
		} else {
			st.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		}
		st.Write(make([]byte, startWindow))
		if _, err := client.Ping(ctx); err != nil {
			t.Fatal(err)
		}
		if held := budget.Buffered(); held > limit+slot {
			t.Fatalf("%d bytes are buffered", held)
		}
	}
	var reset *ResetError
	if _, err := first.Read(make([]byte, 1)); !errors.As(err, &reset) || reset.Code != CodeBufferBudget {
		t.Errorf("the longest-unread stream: %v", err)
	}
	client.Close()
	eventually(t, "nothing is charged", func() bool { return budget.Buffered() == 0 })
}

func TestLimitPings(t *testing.T) {
	s, _ := hostile(t, nil)
	eventually(t, "no more pings", func() bool { _, ok := s.ping(nil); return !ok })
	if _, err := s.Ping(testContext(t)); err == nil {
		t.Errorf("more than %d pings under way", maxPings)
	}
}

func TestLimitHeld(t *testing.T) {
	a, _ := net.Pipe()
	c := Coalesce(a).(*coalescer)
	c.own()
	piece := make([]byte, 1<<20)
	for range maxHeld >> 20 {
		if _, err := c.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Write(piece[:1]); !errors.Is(err, errHeld) {
		t.Errorf("Write beyond the limit: %v", err)
	}
}
