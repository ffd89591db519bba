package series_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/series"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// at gives a point of a minute.
func at(source uint32, minute int, values map[series.Metric]uint64) series.Point {
	p := series.Point{Source: source, Seq: uint64(minute + 100), Start: noon.Add(time.Duration(minute) * time.Minute), Length: time.Minute}
	for m, v := range values {
		p.Values[m] = v
	}
	return p
}

func TestPointsComeBack(t *testing.T) {
	full := at(7, 3, nil)
	for m := range full.Values {
		full.Values[m] = rand.Uint64N(1 << 50)
	}
	full.Causes = map[string]uint64{"connect-refused": 3, "": 1, strings.Repeat("x", series.MaxCause): 1 << 40}
	early := at(1<<32-1, -5, map[series.Metric]uint64{series.Counted: 60})
	want := []series.Point{at(0, 0, nil), full, early}
	var text []byte
	for _, p := range want {
		text = series.Append(text, noon, p)
	}
	got, err := series.Parse(string(text), noon)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	idle := at(9, 0, map[series.Metric]uint64{series.Reported: 60, series.Opened: 12, series.TunnelIn: 1500, series.TunnelOut: 1400, series.CPU: 20,
		series.Memory: 22_000, series.Handles: 14, series.Tunnels: 2, series.Certificate: 600, series.RoundTripCount: 2, series.RoundTripSum: 3000,
		series.ShareMemory: 3, series.ShareHandles: 1})
	if n := len(series.Append(nil, noon, idle)); n > 64 {
		t.Errorf("a minute of an idle connector takes %d bytes", n)
	}
}

// TestDamagedPointsAreLeftOut: the others around them are not.
func TestDamagedPointsAreLeftOut(t *testing.T) {
	good := string(series.Append(nil, noon, at(1, 1, map[series.Metric]uint64{series.Requests: 5})))
	for _, bad := range []string{"!", "AQ", good[:len(good)-3], strings.Repeat("A", 5000), "AgAA"} {
		got, err := series.Parse(good+bad+"."+good, noon)
		if len(got) != 2 || err == nil {
			t.Errorf("%.20q: %d points, %v", bad, len(got), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(string(series.Append(nil, noon, at(1, 1, map[series.Metric]uint64{series.Requests: 5, series.Reported: 2}))))
	f.Fuzz(func(t *testing.T, text string) {
		points, _ := series.Parse(text, noon)
		var again []byte
		for _, p := range points {
			again = series.Append(again, noon, p)
		}
		same, err := series.Parse(string(again), noon)
		if err != nil || len(same) != len(points) {
			t.Errorf("%d points are %d, %v", len(points), len(same), err)
		}
	})
}

func TestSlots(t *testing.T) {
	counted := func(n uint64) map[series.Metric]uint64 {
		return map[series.Metric]uint64{series.Counted: 60, series.Requests: n, series.UnderWay: n}
	}
	half := at(2, 1, map[series.Metric]uint64{series.Reported: 30, series.Streams: 4, series.Tunnels: 2, series.Opened: 3})
	half.Length = 30 * time.Second
	after := at(3, 1, map[series.Metric]uint64{series.Reported: 30, series.Streams: 1, series.Tunnels: 1, series.Opened: 9})
	after.Start, after.Length = after.Start.Add(30*time.Second), 30*time.Second
	late := at(1, 2, counted(1))
	late.Start = late.Start.Add(20 * time.Second) // more of it is in this minute than in the next
	tests := []struct {
		name   string
		points []series.Point
		want   []map[series.Metric]uint64 // by slot
	}{
		{"none", nil, nil},
		{"twice the same", []series.Point{at(1, 0, counted(5)), at(1, 0, counted(5))}, []map[series.Metric]uint64{counted(5)}},
		{"two gateways", []series.Point{at(1, 0, counted(5)), at(2, 0, counted(6))},
			[]map[series.Metric]uint64{{series.Counted: 60, series.Requests: 11, series.UnderWay: 11}}},
		{"a worker after the other", []series.Point{after, half},
			[]map[series.Metric]uint64{{series.Reported: 60, series.Streams: 5, series.Tunnels: 3, series.Opened: 12}}},
		{"what a gateway counts says nothing of the connector", []series.Point{at(1, 1, counted(5)), half},
			[]map[series.Metric]uint64{{series.Counted: 60, series.Requests: 5, series.UnderWay: 5, series.Reported: 30, series.Streams: 4, series.Tunnels: 2, series.Opened: 3}}},
		{"by its middle", []series.Point{late}, []map[series.Metric]uint64{counted(1)}},
	}
	for _, tt := range tests {
		var got []map[series.Metric]uint64
		for _, s := range series.Slots(tt.points, series.Fine) {
			values := map[series.Metric]uint64{}
			for m, v := range s.Values {
				if v > 0 {
					values[series.Metric(m)] = v
				}
			}
			got = append(got, values)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// TestGapsStayGaps: a slot of which nobody told is none, and the fewest tunnels are those that were told.
func TestGapsStayGaps(t *testing.T) {
	reported := func(tunnels uint64) map[series.Metric]uint64 {
		return map[series.Metric]uint64{series.Reported: 60, series.Tunnels: tunnels, series.CPU: 10}
	}
	points := []series.Point{at(1, 0, reported(2)), at(1, 1, reported(2)), at(1, 25, reported(1)), at(2, 2, map[series.Metric]uint64{series.Counted: 60})}
	slots := series.Slots(points, series.Fine)
	if len(slots) != 4 {
		t.Errorf("%d slots", len(slots))
	}
	coarse := series.Fold(slots, series.Coarse)
	if len(coarse) != 2 || !coarse[1].Start.Equal(noon.Add(20*time.Minute)) {
		t.Fatalf("got %v", coarse)
	}
	first := coarse[0].Values
	if first[series.Reported] != 120 || first[series.Counted] != 60 || first[series.Tunnels] != 2 || first[series.CPU] != 20 {
		t.Errorf("got %v", first)
	}
}

// TestRollingUpLosesNothing: whatever is added up over the coarse slots is what the fine ones say.
func TestRollingUpLosesNothing(t *testing.T) {
	var points []series.Point
	total := uint64(0)
	for minute := range 300 {
		if minute%7 == 3 {
			continue // a gap
		}
		n := rand.Uint64N(100)
		p := at(uint32(minute/50), minute, map[series.Metric]uint64{series.Counted: 60, series.Requests: n, series.FirstByte(minute % 17): n})
		p.Causes = map[string]uint64{"timeout": n}
		points, total = append(points, p, p), total+n
	}
	var again []series.Point // as they are kept
	for _, s := range series.Fold(series.Slots(points, series.Fine), series.Coarse) {
		again = append(again, series.Point{Seq: uint64(s.Start.Unix()), Start: s.Start, Length: s.Length, Values: s.Values, Causes: s.Causes})
	}
	requests, causes, bytes := uint64(0), uint64(0), uint64(0)
	for _, s := range series.Fold(series.Slots(again, series.Coarse), time.Hour) {
		requests, causes, bytes = requests+s.Values[series.Requests], causes+s.Causes["timeout"], bytes+s.Values.FirstBytes()
	}
	if requests != total || causes != total || bytes != total {
		t.Errorf("%d requests, %d causes, %d first bytes of %d", requests, causes, bytes, total)
	}
}

func TestSum(t *testing.T) {
	one := series.Slots([]series.Point{at(1, 0, map[series.Metric]uint64{series.Reported: 60, series.Streams: 3, series.ShareCPU: 900, series.Certificate: 50})}, series.Fine)
	two := series.Slots([]series.Point{at(1, 0, map[series.Metric]uint64{series.Reported: 60, series.Streams: 4, series.ShareCPU: 100, series.Certificate: 90}),
		at(1, 1, map[series.Metric]uint64{series.Reported: 60, series.Streams: 1})}, series.Fine)
	if half := series.Sum(series.Fold(one, series.Coarse), series.Fold(one, series.Coarse)); half[0].Values[series.Reported] != 60 {
		t.Errorf("two that reported for the same minute of ten did so for %d s", half[0].Values[series.Reported])
	}
	got := series.Sum(one, two)
	if len(got) != 2 || got[0].Values[series.Streams] != 7 || got[0].Values[series.ShareCPU] != 900 || got[0].Values[series.Certificate] != 50 ||
		got[0].Values[series.Reported] != 60 || got[1].Values[series.Streams] != 1 {
		t.Errorf("got %v", got)
	}
}

func TestCausesAreBounded(t *testing.T) {
	var points []series.Point
	for i := range 40 {
		p := at(uint32(i), 0, map[series.Metric]uint64{series.Reported: 60})
		p.Causes = map[string]uint64{strings.Repeat("a", i+1): 1}
		points = append(points, p)
	}
	slots := series.Slots(points, series.Fine)
	if got := slots[0].Causes; len(got) != series.MaxCauses+1 || got[series.OtherCauses] != 24 {
		t.Errorf("%d causes: %v", len(got), got)
	}
}

func TestQuantile(t *testing.T) {
	values := func(buckets ...int) (v series.Values) {
		for _, b := range buckets {
			v[series.FirstByte(b)]++
		}
		return v
	}
	tests := []struct {
		name string
		v    series.Values
		q    float64
		want time.Duration
		ok   bool
	}{
		{"none", values(), 0.5, 0, false},
		{"the quickest", values(0), 1, time.Millisecond, true},
		{"the middle of a bucket", values(slices.Repeat([]int{5}, 10)...), 0.5, 24 * time.Millisecond, true},
		{"the slow one", values(0, 0, 0, 0, 0, 0, 0, 0, 0, 7), 0.95, 96 * time.Millisecond, true},
		{"later than all", values(16), 0.5, series.Bound(15), true},
	}
	for _, tt := range tests {
		if got, ok := tt.v.Quantile(tt.q); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %s %v, want %s", tt.name, got, ok, tt.want)
		}
	}
}
