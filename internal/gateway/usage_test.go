package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"

	"postern/internal/wire"
)

// labelled gives the counters of a name by the values of their labels, and of a histogram how often it was observed.
func (w *world) labelled(name string) map[string]float64 {
	w.t.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.Metric {
			key := ""
			for _, l := range m.Label {
				key += l.GetValue() + " "
			}
			if n := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount()); n != 0 {
				values[key] = n
			}
		}
	}
	return values
}

// TestEveryRequestIsCountedOnce: what came is what was forwarded, refused, failed and served; each but pages of our own has a record
// that says the same.
func TestEveryRequestIsCountedOnce(t *testing.T) {
	w := newWorld(t)
	backend := newRecorder(t)
	w.connect("a")
	app := w.publish("https://wiki.test/", "http://"+backend.address, nil)
	w.publish("https://slow.test/", "http://127.0.0.1:1", passthrough)
	const good = "Cookie: " + signedIn + "\r\nUser-Agent: probe\r\n"
	tests := []struct {
		name, host, request string
		status              int
		outcome             wire.Outcome
		reason              string
	}{
		{"answered", "wiki.test", "GET /a HTTP/1.1\r\nHost: wiki.test\r\n" + good, 200, wire.OutcomeForwarded, ""},
		{"nobody signed in", "wiki.test", "GET /a HTTP/1.1\r\nHost: wiki.test\r\n", 401, wire.OutcomeRefused, "sign-in-required"},
		{"an ambiguous path", "wiki.test", "GET /a/../b HTTP/1.1\r\nHost: wiki.test\r\n" + good, 400, wire.OutcomeRefused, "bad-request"},
		{"no backend", "slow.test", "GET / HTTP/1.1\r\nHost: slow.test\r\n", 502, wire.OutcomeFailed, "connect"},
		{"nothing published", "wiki.test", "GET / HTTP/1.1\r\nHost: nothing.test\r\n", 0, wire.OutcomeRefused, ""},
		{"a method of none", "wiki.test", "TRACE / HTTP/1.1\r\nHost: wiki.test\r\n", 405, wire.OutcomeRefused, "method"},
		{"a page of ours", "wiki.test", "GET /.postern/sign-out HTTP/1.1\r\nHost: wiki.test\r\n" + good, 200, wire.OutcomeServed, ""},
	}
	want := map[string]float64{}
	for _, test := range tests {
		c := w.tls(test.host)
		if _, err := io.WriteString(c, test.request+"Connection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		reference := res.Header.Get("Postern-Reference")
		if test.status != 0 && res.StatusCode != test.status {
			t.Errorf("%s: %d", test.name, res.StatusCode)
		}
		want[string(test.outcome)+" "]++
		w.until(test.name+" is recorded", func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.ContainsFunc(w.records, func(r wire.Record) bool {
				return (reference == "" || r.Request == reference) && r.Outcome == test.outcome && (test.reason == "" || r.Reason == test.reason) && r.Status == res.StatusCode &&
					r.Client != "" && r.Host != ""
			})
		})
	}
	w.mu.Lock()
	first := w.records[0]
	w.mu.Unlock()
	if first.UserAgent != "probe" || first.UserID == "" || first.User == "" || first.Path != "/a" {
		t.Errorf("%+v", first)
	}
	if got := w.labelled("postern_gateway_outcomes_total"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("outcomes %v, want %v", got, want)
	}
	if n := w.metric("postern_gateway_arrived_total"); n != float64(len(tests)) {
		t.Errorf("%v came", n)
	}
	if n := w.labelled("postern_gateway_request_seconds")[string(app.ID)+" "]; n != 2 { // the others were answered before it was known which application they were for
		t.Errorf("%v requests were timed", n)
	}
	connector := first.Connector
	if got := w.labelled("postern_gateway_connector_requests_total"); got["2xx "+connector+" "] != 1 || got["5xx "+connector+" "] != 1 || len(got) != 2 {
		t.Errorf("by connector: %v", got)
	}
	if got := w.labelled("postern_gateway_connector_first_byte_seconds"); got[connector+" "] != 1 {
		t.Errorf("first bytes by connector: %v", got)
	}
}
