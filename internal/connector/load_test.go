package connector

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/wire"
)

// TestSustained: a peak is none, what lasts is one, and what is not known has no say.
func TestSustained(t *testing.T) {
	looks := func(cpu ...float64) (all []look) {
		for _, used := range cpu {
			all = append(all, look{used: map[string]float64{wire.ResourceCPU: used, wire.ResourceStreams: 10}})
		}
		return all
	}
	busy := slices.Repeat([]float64{0.5}, 30)
	peak := slices.Clone(busy)
	peak[7] = 2
	lasting := append(slices.Repeat([]float64{0.1}, 27), 1.8, 1.9, 1.9)
	tests := []struct {
		name   string
		looks  []look
		limits map[string]float64
		want   []wire.Resource
	}{
		{"none", nil, map[string]float64{wire.ResourceCPU: 2}, nil},
		{"steady", looks(busy...), map[string]float64{wire.ResourceCPU: 2, wire.ResourceStreams: 100},
			[]wire.Resource{{Name: wire.ResourceCPU, Limit: 2, Used: 0.5, Sustained: 0.5}, {Name: wire.ResourceStreams, Limit: 100, Used: 10, Sustained: 10}}},
		{"a peak", looks(peak...), map[string]float64{wire.ResourceCPU: 2}, []wire.Resource{{Name: wire.ResourceCPU, Limit: 2, Used: 0.5, Sustained: 0.5}}},
		{"for half a minute", looks(lasting...), map[string]float64{wire.ResourceCPU: 2}, []wire.Resource{{Name: wire.ResourceCPU, Limit: 2, Used: 1.9, Sustained: 1.9}}},
		{"no limit is known", looks(busy...), map[string]float64{wire.ResourceMemory: 5}, nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, loadOf(tt.looks, tt.limits, wire.LoadWindow).Resources); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestHeadRoomIsOfTheNarrowest(t *testing.T) {
	load := &wire.Load{Resources: []wire.Resource{{Name: wire.ResourceCPU, Limit: 2, Sustained: 0.5}, {Name: wire.ResourceStreams, Limit: 100, Sustained: 80}}}
	left, ok := load.HeadRoom()
	narrowest, _ := load.Narrowest()
	if !ok || fmt.Sprintf("%.2f", left) != "0.20" || narrowest.Name != wire.ResourceStreams {
		t.Errorf("%v %v %v", left, ok, narrowest)
	}
	load.Resources[1].Sustained = 300
	if left, _ := load.HeadRoom(); left != 0 {
		t.Errorf("left of what is overused: %v", left)
	}
	for _, none := range []*wire.Load{nil, {}} {
		if _, ok := none.HeadRoom(); ok {
			t.Error("nothing is known, and head-room is")
		}
	}
}

func TestCausesOfASampleAreBounded(t *testing.T) {
	now, before := map[string]uint64{"same": 5, "rare": 1}, map[string]uint64{"same": 5}
	for i := range wire.MaxSampleCauses {
		now[fmt.Sprintf("often-%02d", i)] = 10
	}
	got := mostOf(now, before)
	if len(got) != wire.MaxSampleCauses || got["rare"] > 0 || got["same"] > 0 || got["often-00"] != 10 {
		t.Errorf("got %v", got)
	}
}

// TestSamplesAreToldUntilTheyAreConfirmed: each interval is the same whenever it is told, none is missing, and together they say what
// was carried.
func TestSamplesAreToldUntilTheyAreConfirmed(t *testing.T) {
	w := newWorld(t, 1)
	w.publish(wire.Target{Application: app, Host: "127.0.0.1", Port: newBackend(t, echo).port})
	w.allow("allow 127.0.0.1\n")
	w.lost = 3
	registry := prometheus.NewPedanticRegistry()
	r := w.start(func(c *Config) { c.Sample, c.Registerer = 100*time.Millisecond, registry })
	w.ready(r)
	const size, streams = 50_000, 4
	for range streams {
		st, _, err := w.gateways[0].dial(w.open(app))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		_ = st.CloseWrite()
		if n, err := io.Copy(io.Discard, st); err != nil || n != size {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	if _, _, err := w.gateways[0].dial(w.open("app_other")); err == nil {
		t.Fatal("a stream to nowhere was opened")
	}
	var samples map[uint64]wire.Sample
	eventually(t, "samples of all that was carried", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		samples = map[uint64]wire.Sample{}
		var out uint64
		refused := uint64(0)
		for _, report := range w.reports {
			for _, s := range report.Samples {
				if before, known := samples[s.Seq]; known {
					if diff := cmp.Diff(before, s); diff != "" {
						t.Fatalf("a sample changed (-first +then):\n%s", diff)
					}
					continue
				}
				samples[s.Seq] = s
				out += s.BytesOut
				for _, n := range s.Refusals {
					refused += n
				}
			}
		}
		return out >= streams*size && refused == 1 && w.lost <= 0
	})
	seqs := slices.Sorted(maps.Keys(samples))
	if seqs[0] != 1 || int(seqs[len(seqs)-1]) != len(seqs) {
		t.Errorf("samples are missing: %v", seqs)
	}
	var connects, opened, made uint64
	for _, s := range samples {
		connects, opened, made = connects+s.Connect.Count, opened+s.Opened, made+s.TunnelsMade
		if s.Length <= 0 || s.Length > time.Minute || s.End.IsZero() || s.Certificate.IsZero() {
			t.Errorf("a sample that is none: %+v", s)
		}
	}
	if connects != streams || opened < streams {
		t.Errorf("%d connections and %d streams, want %d", connects, opened, streams)
	}
	w.mu.Lock()
	last := w.reports[len(w.reports)-1]
	w.mu.Unlock()
	if last.Instance == "" || last.Load == nil || !slices.ContainsFunc(last.Load.Resources, func(r wire.Resource) bool {
		return r.Name == wire.ResourceCPU && r.Limit > 0
	}) {
		t.Errorf("the load was told as %+v", last.Load)
	}
	text := gathered(t, registry)
	for _, name := range []string{"postern_connector_resource_used", "postern_connector_resource_limit", "postern_connector_head_room_ratio"} {
		if !strings.Contains(text, name) {
			t.Errorf("no metric %s", name)
		}
	}
}

func gathered(t *testing.T, from prometheus.Gatherer) string {
	t.Helper()
	all, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, family := range all {
		names = append(names, family.GetName())
	}
	return strings.Join(names, " ")
}

// TestSamplesWait: what the service was not told waits, and not without end.
func TestSamplesWait(t *testing.T) {
	w := newWorld(t, 1)
	r := w.start(nil)
	w.ready(r)
	m := newMeasuring(r.Connector)
	now := time.Now()
	for i := range 3 * samplesKept {
		m.begin(m.counted(), now, now)
		m.look(m.use(), m.limits(), now.Add(30*time.Second))
		now = now.Add(time.Minute)
		if i%2 == 0 && !m.due(now, now) {
			t.Fatal("a minute is over and the interval is not")
		}
		m.end(m.counted(), now, now)
	}
	_, told := m.tell()
	if len(told) != wire.MaxSamples || told[0].Seq != 2*samplesKept+1 {
		t.Fatalf("%d are told, from %d on", len(told), told[0].Seq)
	}
	m.confirmed(told)
	if _, told = m.tell(); len(told) != samplesKept-wire.MaxSamples || told[0].Seq != 2*samplesKept+wire.MaxSamples+1 {
		t.Errorf("then %d", len(told))
	}
	if n := len(m.looks); n > 12 { // one in each minute
		t.Errorf("%d looks are kept", n)
	}
	if n := len(wire.Encode(wire.Report{Samples: told})); n > wire.MaxAsk {
		t.Errorf("a report is of %d bytes", n)
	}
}
