package system

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/posterntest/pg"
	"postern/test/size"
)

// collector is a destination that logs are sent to. While it is held, it reads a batch and does not answer:
// whoever sent it cannot know that it arrived.
type collector struct {
	t     *testing.T
	input api.ExportInput

	mu     sync.Mutex // guards the rest
	count  map[uint64]int
	newest uint64        // entries come in order; only the last ones come again
	broken string        // why it is not so
	held   chan struct{} // closed when batches are answered again; nil: they are
	taken  int           // batches while it was held
}

// hold makes it answer nothing until release.
func (c *collector) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held, c.taken = make(chan struct{}), 0
}

func (c *collector) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held != nil {
		close(c.held)
	}
	c.held = nil
}

func (c *collector) holds() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken > 0
}

// take notes entries and waits as long as they must not be answered or the sender is there.
func (c *collector) take(seqs []uint64, gone <-chan struct{}) {
	c.mu.Lock()
	for _, seq := range seqs {
		if seq > c.newest+1 && c.newest > 0 {
			c.broken = fmt.Sprintf("entry %d came after %d", seq, c.newest)
		}
		c.newest = max(c.newest, seq)
		c.count[seq]++
	}
	held := c.held
	c.taken++
	c.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-gone:
		}
	}
}

// newWebhook gives a collector that is a webhook.
func newWebhook(t *testing.T) *collector {
	c := &collector{t: t, count: map[uint64]int{}}
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var seqs []uint64
		for lines := json.NewDecoder(r.Body); ; {
			var entry struct{ Seq uint64 }
			if lines.Decode(&entry) != nil {
				break
			}
			seqs = append(seqs, entry.Seq)
		}
		c.take(seqs, r.Context().Done())
	}))
	t.Cleanup(func() { c.release(); server.Close() })
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	c.input = api.ExportInput{Name: "webhook", Kind: "webhook", URL: server.URL + "/logs", CA: string(authority)}
	return c
}

// newSyslog gives a collector that speaks syslog over TCP.
func newSyslog(t *testing.T) *collector {
	c := &collector{t: t, count: map[uint64]int{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				if data, err := io.ReadAll(conn); err == nil {
					// A killed sender's connection ends like any other: nothing tells, so nothing is waited for.
					c.take(frames(data), nil)
				}
			})
		}
	})
	t.Cleanup(func() { c.release(); l.Close(); all.Wait() })
	c.input = api.ExportInput{Name: "syslog", Kind: "syslog", URL: "tcp://" + l.Addr().String()}
	return c
}

// frames gives the numbers of the entries in counted frames; a frame that was cut off does not count.
func frames(data []byte) (seqs []uint64) {
	for from := bufio.NewReader(bytes.NewReader(data)); ; {
		text, err := from.ReadString(' ')
		n, _ := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n == 0 {
			return seqs
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(from, frame); err != nil {
			return seqs
		}
		_, rest, _ := strings.Cut(string(frame), `seq="`)
		number, _, _ := strings.Cut(rest, `"`)
		if seq, err := strconv.ParseUint(number, 10, 64); err == nil {
			seqs = append(seqs, seq)
		}
	}
}

// export makes the destination known, with all that is in the audit log.
func (s *site) export(c *collector) api.Export {
	s.t.Helper()
	c.input.Streams, c.input.AllowLoopback = []string{"audit"}, true
	return must(s.API.Exports.Create(s.t.Context(), api.ExportCreate{ExportInput: c.input, Beginning: true}))(s.t)
}

// delivered waits until the destination has everything, and fails the test unless each entry came, in its order.
func (s *site) delivered(c *collector, id string) {
	s.t.Helper()
	var state api.ExportState
	s.patiently("everything to be sent", func() bool {
		e, err := s.API.Exports.Show(s.t.Context(), id)
		if err != nil || len(e.States) != 1 {
			return false
		}
		state = e.States[0]
		return state.Waiting == 0 && state.Error == ""
	})
	if state.Missed > 0 {
		s.t.Errorf("%d entries are said to be missed", state.Missed)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	again := 0
	for seq := uint64(1); seq <= state.Seq; seq++ {
		if c.count[seq] == 0 {
			s.t.Errorf("entry %d of %d never arrived", seq, state.Seq)
		} else if c.count[seq] > 1 {
			again++
		}
	}
	if c.broken != "" || c.newest != state.Seq {
		s.t.Errorf("the newest entry is %d, the state says %d; %s", c.newest, state.Seq, c.broken)
	}
	s.t.Logf("%d entries arrived, %d of them more than once", state.Seq, again)
}

// patiently is Await for what a lease that has to run out is a part of.
func (s *site) patiently(what string, ready func() bool) {
	s.t.Helper()
	late := time.NewTimer(3 * time.Minute)
	defer late.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-tick.C:
		case <-late.C:
			s.t.Fatalf("waited 3 minutes for: %s", what)
		}
	}
}

// TestKilledWhileExporting kills the service when the destination has a batch and the service does not know it yet:
// nothing is lost, what comes again is only that batch, and the order stays.
func TestKilledWhileExporting(t *testing.T) {
	for _, test := range []struct {
		name        string
		destination func(*testing.T) *collector
		database    func(*testing.T) string
		kills       int
	}{
		{"a webhook, SQLite", newWebhook, func(*testing.T) string { return "" }, size.Of(3, 25)},
		{"syslog, PostgreSQL", newSyslog, func(t *testing.T) string { return pg.Start(t) }, size.Of(1, 10)}, // each waits until the lease has run out
	} {
		t.Run(test.name, func(t *testing.T) {
			s, c := newSite(t, test.database(t)), test.destination(t)
			e := s.export(c)
			for round := range test.kills {
				c.hold()
				for n := range 20 {
					must(s.API.Groups.Create(t.Context(), api.GroupInput{Name: fmt.Sprintf("group %d of round %d", n, round)}))(t)
				}
				s.patiently("a batch to be on its way", c.holds)
				s.service.kill()
				c.release()
				s.service.start()
				s.awaitChange()
			}
			s.delivered(c, e.ID)
			s.checkChain(0)
		})
	}
}

// leader gives the replica that said last that it does the regular jobs, of those that are asked.
func (r *replicas) leader(among ...int) int {
	for _, i := range among {
		if r.services[i].logged("this replica does the regular jobs now") {
			return i
		}
	}
	return -1
}

// TestLeaderKilled kills the replica that does the regular jobs while it exports: another one takes over when its lease
// has run out and goes on where it was. The one that comes back finds its place taken.
func TestLeaderKilled(t *testing.T) {
	r := newReplicas(t, 2)
	c := newWebhook(t)
	e := r.export(c)
	for round := range size.Of(1, 6) {
		leader := -1
		r.patiently("a replica to do the regular jobs", func() bool { leader = r.leader(0, 1); return leader >= 0 })
		c.hold()
		for n := range 20 {
			must(r.API.Groups.Create(t.Context(), api.GroupInput{Name: fmt.Sprintf("group %d of round %d", n, round)}))(t)
		}
		r.patiently("a batch to be on its way", c.holds)
		r.services[leader].kill()
		killed := time.Now()
		other := 1 - leader
		r.front.to(r.ports[other])
		c.release()
		r.patiently("the other to do the regular jobs", func() bool { return r.leader(other) == other })
		r.within("taking over the regular jobs", killed, size.Within(45*time.Second))
		r.delivered(c, e.ID)
		r.services[leader].start()
		r.awaitGateways(2)
		r.front.to(r.ports...)
		if r.leader(leader) == leader {
			t.Error("the one that came back does the regular jobs, too")
		}
	}
	r.checkChain(0)
}
