package posterntest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
)

// A crowd sends requests all the time and remembers those that fail.
type crowd struct {
	sent, failed atomic.Int64
	first        atomic.Pointer[string] // failure
	stop         context.CancelFunc
	all          sync.WaitGroup
}

func newCrowd(t *testing.T, s *posterntest.System, target string, people int) *crowd {
	ctx, cancel := context.WithCancel(context.Background())
	c := &crowd{stop: cancel}
	for range people {
		client := s.Browser().Client
		c.all.Go(func() {
			for ctx.Err() == nil {
				c.ask(ctx, client, target)
			}
		})
	}
	t.Cleanup(func() { cancel(); c.all.Wait() })
	return c
}

func (c *crowd) ask(ctx context.Context, client *http.Client, target string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	why := ""
	if err == nil {
		var resp *http.Response
		if resp, err = client.Do(req); err == nil {
			var body []byte
			body, err = io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				why = fmt.Sprintf("%s: %.500s", resp.Status, body)
			}
		}
	}
	if ctx.Err() != nil {
		return // it was told to stop
	}
	if err != nil {
		why = err.Error()
	}
	c.sent.Add(1)
	if why != "" {
		c.failed.Add(1)
		c.first.CompareAndSwap(nil, &why)
	}
}

// more waits until so many requests were answered since.
func (c *crowd) more(s *posterntest.System, times int64) {
	s.T.Helper()
	from := c.sent.Load()
	s.Await("requests to be answered", func() bool { return c.sent.Load() >= from+times })
}

// A stream is a response that goes on until it is told to end.
func streaming(t *testing.T) (*posterntest.Backend, func()) {
	end := make(chan struct{})
	b := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begun\n")
		if r.URL.Path != "/stream" {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-end:
		case <-r.Context().Done():
			return
		}
		_, _ = io.WriteString(w, "done\n")
	}))
	return b, sync.OnceFunc(func() { close(end) })
}

// TestFleetChangesUnderLoad: draining, moving away and back, reordering and a graceful restart of connectors lose no request, and what
// was running on a connector that drains or moves goes on to its end.
func TestFleetChangesUnderLoad(t *testing.T) {
	s := posterntest.New(t)
	backend, end := streaming(t)
	t.Cleanup(end)
	one, two := s.Connector("one"), s.Connector("two")
	other, err := s.API.ConnectorGroups.Create(t.Context(), api.ConnectorGroupInput{Name: "Other"})
	if err != nil {
		t.Fatal(err)
	}
	app := s.Publish("wiki", backend.URL, open)
	home := app.ConnectorGroup
	reachedBy(t, s, app, one.ID, "active")
	reachedBy(t, s, app, two.ID, "active")
	streams := startStreams(t, s, 4)
	load := newCrowd(t, s, s.URL("wiki", "/"), 6)
	load.more(s, 50)
	for _, step := range []struct {
		name string
		id   access.ID
		api.Patch
	}{
		{"drain", one.ID, api.Patch{"draining": true}}, {"resume", one.ID, api.Patch{"draining": false}},
		{"move away", two.ID, api.Patch{"connectorGroup": other.ID}}, {"move back", two.ID, api.Patch{"connectorGroup": home}},
		{"reorder", two.ID, api.Patch{"priority": 7}}, {"rename", one.ID, api.Patch{"name": "renamed"}},
	} {
		patch(t, s, step.id, step.Patch)
		load.more(s, 100)
		if why := load.first.Load(); why != nil {
			t.Fatalf("%s: %d of %d requests failed, the first: %s", step.name, load.failed.Load(), load.sent.Load(), *why)
		}
	}
	end()
	for i, stream := range streams {
		if body, err := io.ReadAll(stream); err != nil || string(body) != "done\n" {
			t.Errorf("stream %d ended with %q, %v", i, body, err)
		}
	}
	if err := one.Stop(); err != nil {
		t.Fatal(err)
	}
	load.more(s, 100)
	s.Run(one)
	load.more(s, 100)
	load.stop()
	load.all.Wait()
	if why := load.first.Load(); why != nil {
		t.Errorf("%d of %d requests failed, the first: %s", load.failed.Load(), load.sent.Load(), *why)
	}
	t.Logf("%d requests", load.sent.Load())
}

// startStreams begins responses that go on, and reads their beginning.
func startStreams(t *testing.T, s *posterntest.System, times int) (bodies []io.Reader) {
	t.Helper()
	for range times {
		resp, err := s.Browser().Client.Get(s.URL("wiki", "/stream"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		begun := make([]byte, len("begun\n"))
		if _, err := io.ReadFull(resp.Body, begun); err != nil {
			t.Fatalf("%s: %v", resp.Status, err)
		}
		bodies = append(bodies, resp.Body)
	}
	return bodies
}
