package gateway

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// fleet makes links of connectors, with two tunnels each, of which nobody uses any.
func fleet(t testing.TB, connectors int, app access.Application) (*links, *access.Snapshot) {
	t.Helper()
	s := newLinks()
	content := access.Content{Version: 1, Applications: []*access.Application{&app},
		Groups: []*access.ConnectorGroup{{Meta: access.Meta{ID: "cgr_a"}, BackupGroup: "cgr_b"}, {Meta: access.Meta{ID: "cgr_b"}}}}
	for i := range connectors {
		c := &access.Connector{Meta: access.Meta{ID: access.ID(fmt.Sprintf("con_%d", i))}, GroupID: "cgr_a", Priority: i}
		if i == connectors-1 {
			c.GroupID = "cgr_b"
		}
		content.Connectors = append(content.Connectors, c)
		for range 2 {
			near, far := net.Pipe()
			t.Cleanup(func() { near.Close(); far.Close() })
			session, err := tunnel.New(tunnel.Config{Conn: near, Hello: tunnel.Hello{Instance: "i"}, Accept: func(*tunnel.Stream) {}})
			if err != nil {
				t.Fatal(err)
			}
			s.add(&link{connector: c.ID, session: session})
		}
	}
	return s, access.NewSnapshot(content)
}

func wiki(b access.Balancing) access.Application {
	return access.Application{Meta: access.Meta{ID: "app_wiki"}, GroupID: "cgr_a", Balancing: b}
}

// share counts what each connector gets of many exchanges, each of which is over before the next.
func share(s *links, snap *access.Snapshot, w wanted, times int) map[access.ID]int {
	got := map[access.ID]int{}
	for range times {
		if c := s.choose(snap, w); c.link != nil {
			got[c.link.connector]++
		}
	}
	return got
}

// TestChoose: who gets the exchanges, of three connectors and the one of the backup group.
func TestChoose(t *testing.T) {
	out := func(k *condition) { k.weight.Store(0) }
	tests := []struct {
		name      string
		balancing access.Balancing
		change    func(*links, *access.Snapshot)
		want      []access.ID // exactly these
	}{
		{"in turn", access.LeastLoaded, nil, []access.ID{"con_0", "con_1", "con_2"}},
		{"by priority", access.ByPriority, nil, []access.ID{"con_0"}},
		{"the first does not reach it", access.ByPriority, func(s *links, _ *access.Snapshot) { out(s.conditionOf("con_0", "app_wiki")) }, []access.ID{"con_1"}},
		{"another application of the first does not count", access.ByPriority, func(s *links, _ *access.Snapshot) { out(s.conditionOf("con_0", "app_other")) }, []access.ID{"con_0"}},
		{"the first drains", access.ByPriority, func(_ *links, snap *access.Snapshot) { snap.Connectors[0].Draining = true }, []access.ID{"con_1"}},
		{"one is slow", access.LeastLoaded, func(s *links, _ *access.Snapshot) { s.conditionOf("con_1", "app_wiki").weight.Store(weightOfOne * 3) }, []access.ID{"con_0", "con_2"}},
		{"one is loaded", access.LeastLoaded, func(s *links, _ *access.Snapshot) {
			for _, l := range s.of("con_2") {
				l.active.Store(9)
			}
		}, []access.ID{"con_0", "con_1"}},
		{"none of the group reaches it", access.LeastLoaded, func(s *links, _ *access.Snapshot) {
			for _, id := range []access.ID{"con_0", "con_1", "con_2"} {
				out(s.conditionOf(id, "app_wiki"))
			}
		}, []access.ID{"con_3"}},
		{"nobody reaches it: the own group is tried", access.ByPriority, func(s *links, _ *access.Snapshot) {
			for _, id := range []access.ID{"con_0", "con_1", "con_2", "con_3"} {
				out(s.conditionOf(id, "app_wiki"))
			}
		}, []access.ID{"con_0"}},
		{"all of the group are gone", access.LeastLoaded, func(s *links, _ *access.Snapshot) {
			for _, id := range []access.ID{"con_0", "con_1", "con_2"} {
				for _, l := range s.of(id) {
					s.remove(l)
				}
			}
		}, []access.ID{"con_3"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			app := wiki(test.balancing)
			s, snap := fleet(t, 4, app)
			if test.change != nil {
				test.change(s, snap)
			}
			got := share(s, snap, wanted{app: &app}, 60)
			for _, id := range test.want {
				if got[id] < 60/len(test.want)/2 {
					t.Errorf("%s gets %d of 60: %v", id, got[id], got)
				}
			}
			if len(got) != len(test.want) {
				t.Errorf("got %v, want only %v", got, test.want)
			}
		})
	}
}

// TestChooseSticks: everybody has a connector of their own; when it goes, only those who were there move.
func TestChooseSticks(t *testing.T) {
	app := wiki(access.StickyUser)
	s, snap := fleet(t, 5, app)
	home := map[string]access.ID{}
	count := map[access.ID]int{}
	for i := range 400 {
		who := fmt.Sprintf("usr_%d", i)
		got := share(s, snap, wanted{app: &app, who: who}, 3)
		for id := range got {
			home[who] = id
			count[id]++
		}
		if len(got) != 1 {
			t.Fatalf("%s is at %v", who, got)
		}
	}
	for id, n := range count {
		if n < 50 || n > 150 {
			t.Errorf("%s has %d of 400 users on four connectors", id, n)
		}
	}
	s.conditionOf("con_1", "app_wiki").weight.Store(0)
	for who, was := range home {
		now := s.choose(snap, wanted{app: &app, who: who}).link.connector
		if was == "con_1" && now == "con_1" || was != "con_1" && now != was {
			t.Errorf("%s was at %s and is at %s", who, was, now)
		}
	}
}

// TestSlowReturn: what comes back gets little at first, and its latency is believed for a while.
func TestSlowReturn(t *testing.T) {
	k := &condition{refusal: &wire.Refusal{Code: "x"}}
	g := &Gateway{links: newLinks(), peers: newPeers()}
	g.log = slog.New(slog.DiscardHandler)
	g.back(k)
	at := k.returned
	last := int64(1 << 60)
	for _, after := range []int{0, 2, 4, 6, 8} {
		done := k.weigh(at.Add(returnSlowly/8*time.Duration(after)), 0)
		if w := k.weight.Load(); w >= last || w < weightOfOne || done != (after == 8) {
			t.Errorf("after %d s: weight %d after %d, done %v", after, w, last, done)
		} else {
			last = w
		}
	}
	k.measure(measuredFor, 0)
	if k.weigh(at.Add(returnSlowly), 1); k.weight.Load() <= weightOfOne*100 {
		t.Errorf("a slow one weighs %d", k.weight.Load())
	}
	if k.weigh(at.Add(returnSlowly), measuredFor+1); k.weight.Load() != weightOfOne {
		t.Errorf("what was measured long ago counts: %d", k.weight.Load())
	}
}

// TestLatencyIsOfTheWay: slow pages of an application do not make a connector look slow; a slow connector does, and looks so for a while.
func TestLatencyIsOfTheWay(t *testing.T) {
	const fast, slow = time.Millisecond, 300 * time.Millisecond
	pages := func(n int, took ...time.Duration) (list []time.Duration) {
		for i := range n {
			list = append(list, took[i%len(took)])
		}
		return list
	}
	tests := []struct {
		name     string
		took     []time.Duration
		after    time.Duration // the last one
		from, to time.Duration
	}{
		{"a fast one", pages(1, fast), 0, fast / 40, fast},
		{"a slow one", pages(1, slow), 0, slow / 40, slow / 20},
		{"slow ones", pages(100, slow), 0, slow * 9 / 10, slow},
		{"slow ones, a while ago", pages(100, slow), 3 * fadesEvery, slow / 10, slow / 8},
		{"slow ones, long ago", pages(100, slow), measuredFor, 0, 0},
		{"one in five is slow", pages(100, slow, fast, fast, fast, fast), 0, fast, 10 * fast},
		{"one in five is fast", pages(1000, fast, slow, slow, slow, slow), 0, slow / 20, slow / 2},
		{"it becomes slow", append(pages(100, fast), pages(100, slow)...), 0, slow / 2, slow},
		{"it becomes fast", append(pages(100, slow), pages(8, fast)...), 0, fast, 4 * fast},
	}
	for _, test := range tests {
		k := &condition{}
		now := time.Duration(0)
		for _, took := range test.took {
			now += 10 * time.Millisecond
			k.measure(took, now)
		}
		if got := time.Duration(k.believed(now+test.after)) * time.Microsecond; got < test.from || got > test.to {
			t.Errorf("%s: %v, want %v to %v", test.name, got, test.from, test.to)
		}
	}
}

// TestChooseAllocatesNothing, since every request chooses.
func TestChooseAllocatesNothing(t *testing.T) {
	app := wiki(access.LeastLoaded)
	s, snap := fleet(t, 4, app)
	s.conditionOf("con_1", "app_wiki")
	if n := testing.AllocsPerRun(100, func() { s.choose(snap, wanted{app: &app}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkChoose is what each request pays.
func BenchmarkChoose(b *testing.B) {
	for _, n := range []int{2, 4, 9} {
		app := wiki(access.LeastLoaded)
		s, snap := fleet(b, n, app)
		for i := range n {
			s.conditionOf(access.ID(fmt.Sprintf("con_%d", i)), app.ID)
		}
		b.Run(fmt.Sprintf("%d", n-1), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.choose(snap, wanted{app: &app})
			}
		})
	}
}

// TestMistakesOfClientsPutNobodyOut: whoever sends what cannot be a body, over and over, takes no connector from others.
func TestMistakesOfClientsPutNobodyOut(t *testing.T) {
	g := &Gateway{links: newLinks(), peers: newPeers(), log: slog.New(slog.DiscardHandler), now: time.Now}
	l := &link{connector: "con_a"}
	for range 2 * failuresInRow {
		g.failed(l, "app_wiki", badRequest("its chunks are wrong"))
	}
	if k := g.links.conditions["app_wiki"]["con_a"]; k != nil && k.out() {
		t.Error("it is out")
	}
	for range failuresInRow {
		g.failed(l, "app_wiki", io.ErrUnexpectedEOF)
	}
	if k := g.links.conditions["app_wiki"]["con_a"]; k == nil || !k.out() {
		t.Error("a backend that fails is not noticed")
	}
}

// TestForgottenStaysForgotten: the answer about an application that was moved away meanwhile is nobody's business.
func TestForgottenStaysForgotten(t *testing.T) {
	g := &Gateway{links: newLinks(), peers: newPeers(), log: slog.New(slog.DiscardHandler), now: time.Now}
	k := g.links.conditionOf("con_a", "app_wiki")
	delete(g.links.conditions, "app_wiki")
	g.putOut(k, &wire.Refusal{Code: "x"}, "")
	if len(g.links.troubles()) != 0 {
		t.Error("it is looked at for ever")
	}
}
