package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"postern/internal/api"
)

// TestPrintSeries: gaps are seen, what nobody measured is a dash, and the curve has a place for every step.
func TestPrintSeries(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)
	left := 0.25
	s := api.Series{From: noon, To: noon.Add(10 * time.Minute), Step: 60, Points: []api.SeriesPoint{
		{Time: noon, Counted: 60, Requests: &api.SeriesRequests{Count: 70, Errors: 3, Received: 1536, Sent: 5 << 20, UnderWay: 2,
			FirstByte: &api.SeriesTimes{P50: 12, P95: 1530}}},
		{Time: noon.Add(time.Minute), Counted: 60, Reported: 60, Requests: &api.SeriesRequests{Count: 10},
			Connector: &api.SeriesConnector{Streams: 4, Tunnels: 2, CPU: 1.5, Memory: 21 << 20, HeadRoom: &left, Narrowest: "cpu"}},
		{Time: noon.Add(4 * time.Minute), Reported: 60, Connector: &api.SeriesConnector{Tunnels: 2}},
	}}
	var out, said bytes.Buffer
	c := &cobra.Command{}
	c.SetOut(&out)
	c.SetErr(&said)
	if err := printSeries(c, s, true); err != nil {
		t.Fatal(err)
	}
	want := `
FROM    REQUESTS   ERRORS   P50     P95     RECEIVED   SENT      UNDER WAY   STREAMS   TUNNELS   CPU    MEMORY     HEAD-ROOM
12:00   70         3        12 ms   1.5 s   1.5 KiB    5.0 MiB   2           -         -         -      -          -
12:01   10         0        -       -       0 B        0 B       0           4         2         1.50   21.0 MiB   25 % (cpu)
…       …          …        …       …       …          …         …           …         …         …      …          …
12:04   -          -        -       -       -          -         -           0         2         0.00   0 B        -

█▂
80 requests, 3 errors; at most 70 in a step of 1m.
`
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	out.Reset()
	if err := printSeries(c, api.Series{}, false); err != nil || out.Len() > 0 || !strings.Contains(said.String(), "Nothing is known") {
		t.Errorf("of nothing: %q %q, %v", out.String(), said.String(), err)
	}
	users := uint64(5)
	s.Points = []api.SeriesPoint{{Time: noon, Counted: 60, Requests: &api.SeriesRequests{Users: &users}}}
	if err := printSeries(c, s, false); err != nil || !strings.Contains(out.String(), "USERS") {
		t.Errorf("of the service: %q, %v", out.String(), err)
	}
}

func TestShortSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{time.Minute: "1m", 10 * time.Minute: "10m", 2 * time.Hour: "2h", 90 * time.Minute: "90m", 90 * time.Second: "1m30s"} {
		if got := shortSpan(d); got != want {
			t.Errorf("%s is %q", d, got)
		}
	}
}
