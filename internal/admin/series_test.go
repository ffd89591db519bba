package admin

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/series"
)

// TestShowSeries: what is not known is left out, what is nothing is told as nothing, and no figure is made up.
func TestShowSeries(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	slot := func(minute int, values map[series.Metric]uint64, causes map[string]uint64) series.Slot {
		s := series.Slot{Start: noon.Add(time.Duration(minute) * time.Minute), Length: time.Minute, Causes: causes}
		for m, v := range values {
			s.Values[m] = v
		}
		return s
	}
	given := control.Series{From: noon, To: noon.Add(time.Hour), Step: time.Minute, Slots: []series.Slot{
		slot(0, map[series.Metric]uint64{series.Counted: 60}, nil),
		slot(1, map[series.Metric]uint64{series.Counted: 60, series.Requests: 10, series.Status4xx: 1, series.Status5xx: 2, series.Unanswered: 1,
			series.BytesReceived: 5, series.BytesSent: 6, series.UnderWay: 3, series.FirstByte(3): 10, series.FirstByteSum: 60_000, series.Users: 4,
			series.Reported: 30, series.Streams: 7, series.CPU: 45_000, series.Memory: 2, series.Tunnels: 2, series.ResolveCount: 2, series.ResolveSum: 3000,
			series.Certificate: 36, series.ShareCPU: 750, series.ShareStreams: 100},
			map[string]uint64{"backend-refused": 2, "c:connection-refused": 3}),
		slot(2, nil, nil),
		slot(3, map[series.Metric]uint64{series.Reported: 60, series.ShareMemory: 1500}, nil),
	}}
	ms := func(v float64) *float64 { return &v }
	none := uint64(0)
	users := uint64(4)
	want := api.Series{From: noon, To: noon.Add(time.Hour), Step: 60, Points: []api.SeriesPoint{
		{Time: noon, Counted: 60, Requests: &api.SeriesRequests{Users: &none}},
		{Time: noon.Add(time.Minute), Counted: 60, Reported: 30,
			Requests: &api.SeriesRequests{Count: 10, Errors: 3, Status4xx: 1, Status5xx: 2, Unanswered: 1, Received: 5, Sent: 6, UnderWay: 3, Users: &users,
				FirstByte: &api.SeriesTimes{Mean: 6, P50: 6, P95: 7.8, P99: 7.96}, Causes: map[string]uint64{"backend-refused": 2}},
			Connector: &api.SeriesConnector{Streams: 7, CPU: 1.5, Memory: 2048, Tunnels: 2, Resolve: ms(1.5), Certificate: 1.5, HeadRoom: ms(0.25), Narrowest: "cpu",
				Refusals: map[string]uint64{"connection-refused": 3}}},
		{Time: noon.Add(3 * time.Minute), Reported: 60, Connector: &api.SeriesConnector{HeadRoom: ms(0), Narrowest: "memory"}},
	}}
	if diff := cmp.Diff(want, showSeries(given, true)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
