package tunnel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fleet is a current session and those before it, and what their acceptors served.
type fleet struct {
	current atomic.Pointer[running]
	server  *running
	done    atomic.Int64
	next    atomic.Uint64

	mu     sync.Mutex
	served map[uint64]int // guarded by mu
}

// renew opens a new session, which becomes the current one.
func (f *fleet) renew(t *testing.T) {
	client, server := pair(t, func(st *Stream) {
		f.mu.Lock()
		f.served[bytesToID(st.Payload())]++
		f.mu.Unlock()
		echo(st)
	}, nil)
	f.server = server
	f.current.Store(client)
}

// load makes exchanges until stop is closed, each on another session as long as it is safe to retry.
func (f *fleet) load(t *testing.T, stop <-chan struct{}) {
	ctx := testContext(t)
	for {
		select {
		case <-stop:
			return
		default:
		}
		id := f.next.Add(1)
		for {
			retry, err := exchange(ctx, f.current.Load().Session, id)
			if err == nil {
				break
			}
			if !retry {
				t.Errorf("exchange %d: %v", id, err)
				return
			}
			runtime.Gosched()
		}
		f.done.Add(1)
	}
}

// TestDrainLosesNothing drains one session after the other under load. Every exchange either runs to its end, exactly,
// or was never begun and may be made elsewhere.
func TestDrainLosesNothing(t *testing.T) {
	f := &fleet{served: map[uint64]int{}}
	f.renew(t)
	stop := make(chan struct{})
	var load sync.WaitGroup
	for range 16 {
		load.Go(func() { f.load(t, stop) })
	}
	for round := range 8 {
		goal := f.done.Load() + 50
		eventually(t, "some exchanges", func() bool { return f.done.Load() >= goal })
		client, server := f.current.Load(), f.server
		f.renew(t)
		drainer := server // the ends take turns
		if round%2 == 0 {
			drainer = client
		}
		if err := drainer.Drain(testContext(t)); err != nil {
			t.Fatalf("Drain: %v; the client: %v, the server: %v", err, client.result(t), server.result(t))
		}
		if err := errors.Join(client.result(t), server.result(t)); err != nil {
			t.Fatalf("Run: %v", err)
		}
	}
	close(stop)
	load.Wait()
	for id, times := range f.served {
		if times != 1 {
			t.Errorf("exchange %d was served %d times", id, times)
		}
	}
	if len(f.served) != int(f.done.Load()) {
		t.Errorf("%d served, %d done", len(f.served), f.done.Load())
	}
}

func bytesToID(b []byte) (id uint64) {
	for _, c := range b {
		id = id<<8 | uint64(c)
	}
	return id
}

// exchange sends random bytes and compares what comes back. retry tells whether the peer did nothing.
func exchange(ctx context.Context, s *Session, id uint64) (retry bool, err error) {
	payload := make([]byte, 8)
	for i := range payload {
		payload[i] = byte(id >> (56 - 8*i))
	}
	st, err := s.Open(ctx, payload)
	if err != nil {
		return true, err
	}
	defer st.Close()
	sent := make([]byte, rand.IntN(100<<10))
	rand.NewChaCha8(sha256.Sum256(payload)).Read(sent)
	var writer sync.WaitGroup
	writer.Go(func() {
		st.Write(sent)
		st.CloseWrite()
	})
	defer writer.Wait()
	got, err := io.ReadAll(st)
	if err == nil && !bytes.Equal(got, sent) {
		return false, errors.New("other bytes came back")
	}
	var reset *ResetError
	return errors.As(err, &reset) && reset.Code.Retryable(), err
}

// TestDrainAnswersCrossingOpens: an OPEN that crosses GOAWAY is answered, and the drain waits for the peer's word
// that no more will come.
func TestDrainAnswersCrossingOpens(t *testing.T) {
	s, peer := hostile(t, nil)
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(context.Background()) }()
	peer.expect(frameGoaway, 0)
	peer.send(join(appendOpen(nil, 1, openFrame{startWindow, startWindow, nil}), appendData(nil, 1, []byte("lost?"))))
	if code, _, _ := decodeReset(peer.expect(frameReset, 1).payload); code != CodeNotProcessed {
		t.Fatalf("crossing OPEN: %s", code)
	}
	if _, err := s.Open(testContext(t), nil); !errors.Is(err, ErrDraining) {
		t.Fatalf("Open while draining: %v", err)
	}
	peer.send(appendGoaway(nil, 0, 0, ""))
	if f := peer.expect(frameGoaway, 0); f.flags != flagLast {
		t.Fatal("no last GOAWAY")
	}
	select {
	case err := <-drained:
		t.Fatalf("drained before the peer's last word: %v", err)
	default:
	}
	peer.send(appendGoaway(nil, flagLast, 0, ""))
	if err := errors.Join(<-drained, s.result(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.next(); err != io.EOF {
		t.Fatalf("the connection did not end cleanly: %v", err)
	}
}

// TestDrainEndsQuickly: the peer hears of a stream's end, and that of the session may follow, before whoever ended the stream here has forgotten it.
func TestDrainEndsQuickly(t *testing.T) {
	forget := make(chan struct{})
	s, peer := hostile(t, func(cfg *Config) {
		cfg.Accept = func(st *Stream) {
			st.Accept(nil)
			st.AtEnd(func() { <-forget })
			if _, err := io.Copy(io.Discard, st); err != nil {
				t.Error(err)
			}
			st.Close()
		}
	})
	peer.send(join(appendOpen(nil, 1, openFrame{startWindow, startWindow, nil}), appendFin(nil, 1)))
	peer.expect(frameOpened, 1)
	for finished := false; !finished; runtime.Gosched() {
		s.mu.Lock()
		st := s.streams[1]
		s.mu.Unlock()
		st.mu.Lock()
		finished = st.over
		st.mu.Unlock()
	}
	s.out.flush()
	peer.expect(frameFin, 1)
	peer.send(appendGoaway(nil, 0, 0, ""))
	if f := peer.expect(frameGoaway, 0); f.flags == flagLast {
		t.Fatal("the last GOAWAY came first")
	}
	peer.send(appendGoaway(nil, flagLast, 0, ""))
	for heard := false; !heard; runtime.Gosched() {
		s.mu.Lock()
		heard = s.goaway.receivedLast || s.cause != nil
		s.mu.Unlock()
	}
	close(forget)
	if f := peer.expect(frameGoaway, 0); f.flags != flagLast {
		t.Fatal("no last GOAWAY")
	}
	if err := s.result(t); err != nil {
		t.Fatal(err)
	}
}

// TestDrainWaits: an open stream keeps a drain waiting; the context ends the wait, not the drain.
func TestDrainWaits(t *testing.T) {
	client, server := pair(t, echo, nil)
	ctx := testContext(t)
	st, err := client.Open(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Opened(ctx); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := server.Drain(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Drain with an open stream: %v", err)
	}
	<-client.Going()
	if !server.Draining() || !client.Draining() {
		t.Error("not both ends drain")
	}
	st.Write([]byte("still here"))
	buf := make([]byte, 10)
	if _, err := io.ReadFull(st, buf); err != nil || string(buf) != "still here" {
		t.Fatalf("open stream while draining: %q, %v", buf, err)
	}
	st.CloseWrite()
	if _, err := st.Read(buf); err != io.EOF {
		t.Fatal(err)
	}
	if err := errors.Join(client.result(t), server.result(t)); err != nil {
		t.Fatal(err)
	}
}

// TestCloseEndsAll: streams, Accept calls and both Runs end when a session is closed, and the peer learns that it was meant.
func TestCloseEndsAll(t *testing.T) {
	client, server := pair(t, holdOpen, nil)
	ctx := testContext(t)
	for range 100 {
		st, err := client.Open(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		if _, err := st.Opened(ctx); err != nil { // or its answer meets a connection that is closed
			t.Fatal(err)
		}
	}
	client.Close()
	if err := client.result(t); !errors.Is(err, ErrClosed) {
		t.Errorf("Run: %v", err)
	}
	var rule *ConnError
	if err := server.result(t); !errors.As(err, &rule) || rule.Code != CodeClosed || !rule.Remote {
		t.Errorf("peer's Run: %v", err)
	}
	<-client.Done()
	if _, err := client.Open(ctx, nil); err == nil || errors.Is(err, ErrDraining) {
		t.Errorf("Open after Close: %v", err)
	}
}

// TestContextEndsRun: Run returns the cause of its context.
func TestContextEndsRun(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	s, err := New(Config{Conn: a, Limits: Limits{Linger: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(why)
	if err := s.Run(ctx); !errors.Is(err, why) {
		t.Fatalf("Run: %v", err)
	}
}

// TestDrainOfAStalledProcess: both ends stand still for longer than their last frames may take, with everything else in order. A
// drain is graceful nevertheless.
func TestDrainOfAStalledProcess(t *testing.T) {
	for range 20 {
		client, server := pair(t, echo, func(client, server *Config) { client.Limits.Linger, server.Limits.Linger = 1, 1 })
		if _, err := exchange(testContext(t), client.Session, 1); err != nil {
			t.Fatal(err)
		}
		err := client.Drain(testContext(t))
		if err := errors.Join(err, client.result(t), server.result(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStalledReadersStopNobody: 32 full and unread streams in both directions, and the others go on.
func TestStalledReadersStopNobody(t *testing.T) {
	client, _ := pair(t, func(st *Stream) {
		if string(st.Payload()) == "stall" {
			st.Accept(nil)
			go st.Write(make([]byte, 1<<20))
			<-st.Context().Done()
			st.Close()
			return
		}
		echo(st)
	}, nil)
	ctx := testContext(t)
	for range 32 {
		st, err := client.Open(ctx, []byte("stall"))
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		go st.Write(make([]byte, 1<<20))
	}
	for id := range uint64(200) {
		if _, err := exchange(ctx, client.Session, id); err != nil {
			t.Fatalf("exchange %d: %v", id, err)
		}
	}
}
