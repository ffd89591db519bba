package system

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"postern/internal/posterntest"
	"postern/internal/posterntest/pg"
	"postern/test/size"
)

// backWithin is how soon pages are served again after what was gone has been started.
var backWithin = size.Within(5 * time.Second)

func greet(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	io.WriteString(w, "private")
}

// traffic asks for pages all the time, a little by each client, until end is called. What is not answered is counted; that
// a session is not known any more, or that something else answers, is never right.
type traffic struct {
	s      *site
	cancel context.CancelFunc
	each   sync.WaitGroup
	pages  atomic.Int64 // that were served
	lost   atomic.Int64 // requests that were not
}

func (s *site) traffic() *traffic {
	ctx, cancel := context.WithCancel(s.t.Context())
	f := &traffic{s: s, cancel: cancel}
	for _, c := range s.clients {
		for range 2 {
			f.each.Go(func() { f.ask(ctx, c) })
		}
	}
	return f
}

func (f *traffic) ask(ctx context.Context, c client) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		switch status, text := f.s.get(c, "/"); {
		case status == http.StatusOK && text == "private":
			f.pages.Add(1)
		case status == 0 || status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout:
			f.lost.Add(1)
		default:
			f.s.t.Errorf("%s: status %d: %.200s", c.name, status, text)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (f *traffic) end() {
	f.cancel()
	f.each.Wait()
}

// back waits until every client gets a page and fails the test if that takes too long.
func (s *site) back(what string, since time.Time) {
	s.t.Helper()
	for _, c := range s.clients {
		s.Await("a page after "+what, func() bool {
			status, _ := s.get(c, "/")
			return status == http.StatusOK
		})
	}
	took := time.Since(since).Round(time.Millisecond)
	if took > backWithin {
		s.t.Errorf("%s: pages were served again after %v, want %v", what, took, backWithin)
	}
	s.t.Logf("%s: back after %v", what, took)
}

// pause lets time pass in which something is away.
func pause(t *testing.T, d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// TestKilled: what is killed at any moment is back soon after it is started again, and nobody has
// to sign in anew.
func TestKilled(t *testing.T) {
	s := newWiki(t, 1, greet)
	f := s.traffic()
	defer f.end()
	for round := range size.Of(2, 20) {
		for _, p := range []*process{s.connectors[0], s.service} {
			before := f.pages.Load()
			s.Await("some traffic", func() bool { return f.pages.Load() > before+20 })
			p.kill()
			began := time.Now()
			p.start()
			s.back(fmt.Sprintf("%s was killed, round %d", p.name, round+1), began)
		}
	}
	f.end()
	t.Logf("%d pages, %d requests lost", f.pages.Load(), f.lost.Load())
}

// TestServiceAway: connectors come back by themselves soon after the service does, however it was away.
func TestServiceAway(t *testing.T) {
	short, long := []time.Duration{2 * time.Second}, []time.Duration{time.Second, 10 * time.Second, 30 * time.Second, time.Minute}
	s := newWiki(t, 1, greet)
	for _, away := range size.Of(short, long) {
		s.service.kill()
		pause(t, away)
		began := time.Now()
		s.service.start()
		s.back(fmt.Sprintf("the service was gone for %v", away), began)

		s.service.cmd.Process.Signal(syscall.SIGSTOP)
		pause(t, away)
		began = time.Now()
		s.service.cmd.Process.Signal(syscall.SIGCONT)
		s.back(fmt.Sprintf("the service stood still for %v", away), began)

		s.connectors[0].cmd.Process.Signal(syscall.SIGSTOP)
		pause(t, away)
		began = time.Now()
		s.connectors[0].cmd.Process.Signal(syscall.SIGCONT)
		s.back(fmt.Sprintf("the connector stood still for %v", away), began)
	}
}

// TestDatabaseKilled: while the database is away, pages that need nothing new of it may be served; soon after it is
// back everything is, and changes can be made.
func TestDatabaseKilled(t *testing.T) {
	database := pg.New(t)
	s := newSite(t, database.Database(t))
	s.connect()
	s.publish(posterntest.NewBackend(t, http.HandlerFunc(greet)).URL)
	f := s.traffic()
	defer f.end()
	for round := range size.Of(2, 10) {
		database.Kill(t)
		pause(t, size.Of(500*time.Millisecond, 5*time.Second))
		database.Start(t)
		began := time.Now()
		s.back(fmt.Sprintf("the database was killed, round %d", round+1), began)
		s.awaitChange()
		if took := time.Since(began); took > backWithin {
			t.Errorf("a change could be made after %v", took)
		}
	}
	f.end()
	t.Logf("%d pages, %d requests lost", f.pages.Load(), f.lost.Load())
}

// TestConnectorsRestart: while one connector after the other is restarted in order, no request fails, not even one
// that must not be repeated.
func TestConnectorsRestart(t *testing.T) {
	s := newWiki(t, 2, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
		io.Copy(w, r.Body)
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var load sync.WaitGroup
	var done atomic.Int64
	for i := range 16 {
		c, path := s.clients[i%2], []string{"/", "/slow"}[i/2%2]
		load.Go(func() {
			for ctx.Err() == nil {
				if err := s.post(c, path, "a body that must arrive once"); err != nil {
					t.Error(err)
				}
				done.Add(1)
			}
		})
	}
	for range size.Of(2, 10) {
		for _, c := range s.connectors {
			before := done.Load()
			if err := c.signal(syscall.SIGTERM); err != nil {
				t.Errorf("the connector ended with %v", err)
			}
			c.start()
			// Its own word, over its new tunnel: for a moment the service may still tell of the old one.
			s.Await("the connector to be back", func() bool { return c.logged("configuration in force") })
			s.awaitActive(2)
			s.Await("load between", func() bool { return done.Load() > before+100 })
		}
	}
	stop()
	load.Wait()
	t.Logf("%d requests", done.Load())
}

// post sends a body and says what is wrong with its echo, if anything.
func (s *site) post(c client, path, body string) error {
	ctx, cancel := context.WithTimeout(context.Background(), posterntest.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.wiki(path), strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || string(got) != body {
		return fmt.Errorf("%s: %s %.300q, %v", c.name, resp.Status, got, err)
	}
	return nil
}

// TestServiceStops: what is under way when the service is asked to stop is finished, and nothing new is begun.
func TestServiceStops(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	s := newWiki(t, 1, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/long" {
			return
		}
		w.Write(bytes.Repeat([]byte("a"), 100_000))
		http.NewResponseController(w).Flush()
		begun <- struct{}{}
		select {
		case <-finish:
		case <-r.Context().Done():
			return
		}
		w.Write(bytes.Repeat([]byte("b"), 100_000))
	})
	answers := make(chan error, len(s.clients))
	for _, c := range s.clients {
		go func() {
			status, text := s.get(c, "/long")
			if status != http.StatusOK || len(text) != 200_000 {
				answers <- fmt.Errorf("%s: status %d, %d bytes: %.100s", c.name, status, len(text), text)
				return
			}
			answers <- nil
		}()
		await(t, "the long answer to begin", begun)
	}
	s.service.cmd.Process.Signal(syscall.SIGTERM)
	s.Await("the service to take no more connections", func() bool {
		status, _ := s.get(client{"new", s.Browser().Client}, "/")
		return status == 0
	})
	close(finish)
	for range s.clients {
		if err := await(t, "the end of a long answer", answers); err != nil {
			t.Error(err)
		}
	}
	if err := s.service.ended(); err != nil {
		t.Errorf("the service ended with %v", err)
	}
	s.service.start()
	s.awaitActive(1)
}
