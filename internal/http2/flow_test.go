package http2_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	frames "golang.org/x/net/http2"

	"postern/internal/http2"
	"postern/test/size"
)

// client is x/net's, for this site.
func (s *site) client(t testing.TB) *http.Client {
	transport := &http.Transport{TLSClientConfig: s.trust(), ForceAttemptHTTP2: true, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 2 * within}
}

// TestSendWindow: no more is sent than the client takes, of the stream and of the connection, and the rest when it takes more.
func TestSendWindow(t *testing.T) {
	s := serve(t, http2.Config{Handle: func(st *http2.Stream) {
		_ = st.Start(200, nil, -1)
		_, _ = st.Write([]byte("0123456789"))
		_ = st.End(nil)
	}})
	p := s.dial(t, frames.Setting{ID: frames.SettingInitialWindowSize, Val: 3})
	p.ask(1, get...)
	p.wants("1 200", `1 "012"`)
	p.ok(p.WriteWindowUpdate(1, 2))
	p.wants(`1 "34"`)
	p.ok(p.WriteSettings(frames.Setting{ID: frames.SettingInitialWindowSize, Val: 1})) // the window is now -2
	p.ok(p.WriteWindowUpdate(1, 2))
	p.ok(p.WritePing(false, [8]byte{}))
	p.pong()
	p.ok(p.WriteWindowUpdate(1, 1))
	p.wants(`1 "5"`)
	p.ok(p.WriteSettings(frames.Setting{ID: frames.SettingInitialWindowSize, Val: 3}))
	p.wants(`1 "67"`)
	p.ok(p.WriteWindowUpdate(1, 100))
	p.wants(`1 "89" end`)
}

// TestConnectionWindow has the connection's window be what many streams share, a little of it at a time: they get it in turns.
func TestConnectionWindow(t *testing.T) {
	const each, streams, turn = 512 << 10, 5, 16 << 10
	var begun sync.WaitGroup
	begun.Add(streams)
	s := serve(t, http2.Config{Handle: func(st *http2.Stream) {
		_ = st.Start(200, nil, each)
		_ = st.Flush()
		begun.Done()
		begun.Wait()
		_, _ = st.Write(make([]byte, each))
		_ = st.End(nil)
	}})
	p := s.dial(t, frames.Setting{ID: frames.SettingInitialWindowSize, Val: 1 << 20})
	for i := range uint32(streams) {
		p.ask(2*i+1, get...)
	}
	got, ended := map[uint32]int{}, 0
	for ended < streams {
		f, err := p.ReadFrame()
		p.ok(err)
		data, ok := f.(*frames.DataFrame)
		if !ok {
			continue
		}
		n := len(data.Data())
		if n > turn {
			t.Fatalf("a turn of %d bytes", n)
		}
		got[data.StreamID] += n
		if data.StreamEnded() {
			ended++
		}
		if got[data.StreamID] == each && ended <= 1 { // the first to be done: all others had their turns
			for id, n := range got {
				if n < each/8 { // several turns: on a busy machine some begin later
					t.Errorf("stream %d had %d bytes when another had all", id, n)
				}
			}
		}
		if n > 0 {
			p.ok(p.WriteWindowUpdate(0, uint32(n)))
		}
	}
	for id, n := range got {
		if n != each {
			t.Errorf("stream %d had %d bytes", id, n)
		}
	}
}

// TestHeadsNeedNoWindow has content wait for the connection's window: the heads of other responses do not.
func TestHeadsNeedNoWindow(t *testing.T) {
	s := serve(t, http2.Config{Handle: func(st *http2.Stream) {
		if st.Request().Fields.Count("x") > 0 {
			_ = st.Start(204, nil, 0)
			return
		}
		_ = st.Start(200, nil, -1)
		_, _ = st.Write(make([]byte, 1<<20))
	}})
	p := s.dial(t, frames.Setting{ID: frames.SettingInitialWindowSize, Val: 1 << 20})
	p.ask(1, get...)
	p.ask(3, get...)
	for taken := 0; taken < 65535; {
		f, err := p.ReadFrame()
		p.ok(err)
		if data, ok := f.(*frames.DataFrame); ok {
			taken += len(data.Data())
		}
	}
	p.ask(5, with(get, "x: now")...)
	for got := p.next(); got != "5 204 end"; got = p.next() {
		if got == "closed" {
			t.Fatal("no head came")
		}
	}
}

// TestTransfer sends much up and down at once by an independent client. Sums must agree.
func TestTransfer(t *testing.T) {
	s := serve(t, http2.Config{Handle: func(st *http2.Stream) {
		sum := sha256.New()
		buf := make([]byte, 32<<10)
		_ = st.Start(200, nil, -1)
		for {
			n, err := st.Read(buf)
			sum.Write(buf[:n])
			if _, err := st.Write(buf[:n]); err != nil {
				t.Errorf("write: %v", err)
				return
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Errorf("read: %v", err)
				return
			}
		}
		_ = st.End(fieldsOf("X-Sum", fmt.Sprintf("%x", sum.Sum(nil))))
	}})
	client := s.client(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			content := make([]byte, size.Of(3<<20, 50<<20))
			for i := 0; i < len(content); i += 8 {
				content[i] = byte(rand.Uint32())
			}
			answer, err := client.Post("https://"+s.addr+"/", "", io.MultiReader(bytes.NewReader(content))) // of no known length
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			back, err := io.ReadAll(answer.Body)
			if err != nil || !bytes.Equal(back, content) {
				t.Errorf("%d of %d bytes came back: %v", len(back), len(content), err)
			}
			if want := fmt.Sprintf("%x", sha256.Sum256(content)); answer.Trailer.Get("X-Sum") != want {
				t.Errorf("the server's sum is %q", answer.Trailer.Get("X-Sum"))
			}
		})
	}
	all.Wait()
}

// TestUnreadUploads has as many streams as there may be send content that nobody reads, as much as they may. Others are not
// held up, and each was kept to its window.
func TestUnreadUploads(t *testing.T) {
	const streams = 30
	hold, begun := make(chan struct{}), make(chan struct{}, streams)
	s := serve(t, http2.Config{Limits: http2.Limits{Streams: streams + 1}, Handle: func(st *http2.Stream) {
		if st.Request().Fields.Count("x") > 0 {
			n, err := io.Copy(io.Discard, st)
			if err != nil || n != 4<<20 {
				t.Errorf("read %d: %v", n, err)
			}
			_ = st.Start(200, nil, 0)
			return
		}
		begun <- struct{}{}
		<-hold
	}})
	client := s.client(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	for range streams {
		all.Go(func() {
			q, _ := http.NewRequestWithContext(ctx, "POST", "https://"+s.addr+"/", bytes.NewReader(make([]byte, 4<<20)))
			if answer, err := client.Do(q); err == nil {
				_ = answer.Body.Close()
			}
		})
	}
	for range streams {
		<-begun
	}
	q, _ := http.NewRequest("POST", "https://"+s.addr+"/", bytes.NewReader(make([]byte, 4<<20)))
	q.Header.Set("X", "now")
	answer, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	cancel()
	close(hold)
	all.Wait()
}

// TestStalled has a client that takes nothing of a stream, or next to nothing: it is given up (CVE-2019-9517,
// CVE-2019-9511), and another stream is not.
func TestStalled(t *testing.T) {
	for name, window := range map[string]uint32{"takes nothing": 0, "takes some": 100} {
		t.Run(name, func(t *testing.T) {
			result := make(chan error, 1)
			s := serve(t, http2.Config{Limits: http2.Limits{Stall: time.Second}, Handle: func(st *http2.Stream) { // also the other stream's, on a slow machine
				if st.Request().Fields.Count("x") > 0 {
					_ = st.Start(200, nil, 0)
					return
				}
				_ = st.Start(200, nil, 1<<20)
				_, err := st.Write(make([]byte, 1<<20))
				result <- err
			}})
			p := s.dial(t, frames.Setting{ID: frames.SettingInitialWindowSize, Val: window})
			p.ask(1, get...)
			p.wants("1 200 content-length: 1048576")
			if window > 0 {
				p.next()
			}
			p.wants("1 reset CANCEL")
			if err := <-result; !errors.Is(err, http2.ErrStalled) {
				t.Errorf("got %v", err)
			}
			p.ask(3, with(get, "x: now")...)
			p.wants("3 200 content-length: 0 end")
			if s.count("stalled") != 1 {
				t.Errorf("counted %v", s.refused)
			}
		})
	}
}

// TestSlowNetworkIsShared has a hundred streams send over a network so slow that each has its turn in more than Stall: none is
// given up as long as the client takes something, and all are at most twice Stall after it does not.
func TestSlowNetworkIsShared(t *testing.T) {
	const streams, turn = 100, 16 << 10
	synctest.Test(t, func(t *testing.T) {
		var lost atomic.Int64
		server := http2.NewServer(http2.Config{Limits: http2.Limits{Stall: time.Minute, Streams: streams}, Handle: func(st *http2.Stream) {
			_ = st.Start(200, nil, -1)
			if _, err := st.Write(make([]byte, 1<<20)); err != nil {
				lost.Add(1)
			}
		}})
		defer server.Close()
		p := overPipe(t, server)
		p.ok(p.WriteSettings(frames.Setting{ID: frames.SettingInitialWindowSize, Val: 1 << 20}))
		for i := range uint32(streams) {
			p.ask(2*i+1, get...)
		}
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for range 3 * streams {
			<-second.C
			p.ok(p.WriteWindowUpdate(0, turn))
		}
		synctest.Wait()
		if n := lost.Load(); n > 0 {
			t.Errorf("%d streams were given up though the client takes what it can", n)
		}
		<-time.After(2*time.Minute + time.Second)
		synctest.Wait()
		if n := lost.Load(); n != streams {
			t.Errorf("%d streams were given up when the client took nothing", n)
		}
	})
}

// overPipe connects without TLS and without a kernel, says the preface, and reads all that comes.
func overPipe(t *testing.T, server *http2.Server) *peer {
	theirs, ours := net.Pipe()
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(t.Context(), theirs) }()
	p := newPeer(t, ours)
	p.ok(ours.SetDeadline(time.Time{}))
	go func() { _, _ = io.Copy(io.Discard, ours) }()
	p.raw(frames.ClientPreface)
	t.Cleanup(func() { _ = ours.Close(); <-served })
	return p
}

// TestClientDoesNotRead fills the connection with content that nobody takes from the socket. The connection is given up.
func TestClientDoesNotRead(t *testing.T) {
	result := make(chan error, 1)
	s := serve(t, http2.Config{Limits: http2.Limits{Stall: 200 * time.Millisecond}, Handle: func(st *http2.Stream) {
		_ = st.Start(200, nil, -1)
		for {
			if _, err := st.Write(make([]byte, 1<<20)); err != nil {
				result <- err
				return
			}
		}
	}})
	p := s.dial(t, frames.Setting{ID: frames.SettingInitialWindowSize, Val: 1<<31 - 1})
	p.ok(p.WriteWindowUpdate(0, 1<<30))
	p.ask(1, get...)
	if err := <-result; !errors.Is(err, http2.ErrStalled) && !errors.Is(err, http2.ErrLost) {
		t.Errorf("got %v", err)
	}
}
