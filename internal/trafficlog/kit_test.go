package trafficlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/internal/wire"
)

var began = time.Date(2026, 11, 1, 12, 0, 0, 123456000, time.UTC)

// record gives the nth record of a made-up day.
func record(n int) wire.Record {
	return wire.Record{
		Time: began.Add(time.Duration(n) * time.Millisecond), Request: fmt.Sprintf("req%06d", n), Gateway: "gwy_1", Application: fmt.Sprintf("app_%d", n%3),
		Connector: "con_1", User: fmt.Sprintf("user%d", n%5), UserID: fmt.Sprintf("usr_%d", n%5), Session: "ses_1", Client: fmt.Sprintf("203.0.%d.9:4711", n%250),
		UserAgent: "Mozilla/5.0", Protocol: "HTTP/2.0", Method: "GET", Host: "wiki.example.com", Path: fmt.Sprintf("/pages/%d", n), Status: 200 + n%2*204,
		Outcome: wire.OutcomeForwarded, Action: "allow", Received: int64(n), Sent: 1024, Open: 0, FirstByte: 3 * time.Millisecond, Duration: 4 * time.Millisecond, Complete: true,
	}
}

// refused gives a record that anybody can make.
func refused(client string) wire.Record {
	r := record(1)
	r.Client, r.User, r.UserID, r.Session, r.Outcome, r.Action, r.Reason, r.Status = client, "", "", "", wire.OutcomeRefused, "deny", "not-published", 404
	return r
}

// running is a log that is written.
type running struct {
	*Log
	t    testing.TB
	stop func()
}

func start(t testing.TB, dir string, change ...func(*Config)) *running {
	t.Helper()
	cfg := Config{Dir: dir}
	for _, c := range change {
		c(&cfg)
	}
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Log: l, t: t}
	run(t, r)
	return r
}

// run has the log written until the test ends, or stop.
func run(t testing.TB, r *running) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.stop = func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		r.stop = func() {}
	}
	t.Cleanup(func() { r.stop() })
}

// add records the records from one number to another, and has them written.
func (r *running) add(from, to int) {
	r.t.Helper()
	for n := from; n < to; n++ {
		r.Record(record(n))
	}
	r.flush()
}

func (r *running) flush() {
	r.t.Helper()
	if err := r.Flush(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// all searches until nothing is left.
func (r *running) all(f wire.TrafficFilter, limit int) (list []wire.TrafficRecord) {
	r.t.Helper()
	ask := wire.AskTraffic{Filter: f, Limit: limit}
	for {
		out, err := r.Search(r.t.Context(), ask)
		if err != nil {
			r.t.Fatal(err)
		}
		list = append(list, out.Records...)
		if out.Before == 0 {
			return list
		}
		ask.Before = map[string]uint64{out.Log: out.Before}
	}
}

// places gives the places of records, and fails if they do not go down.
func places(t testing.TB, list []wire.TrafficRecord) (out []uint64) {
	t.Helper()
	for i, r := range list {
		if i > 0 && r.Place >= list[i-1].Place {
			t.Fatalf("place %d behind %d", r.Place, list[i-1].Place)
		}
		out = append(out, r.Place)
	}
	return out
}

func files(t testing.TB, dir, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func bytesIn(t testing.TB, dir string) (n int64) {
	t.Helper()
	for _, path := range files(t, dir, "*") {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		n += info.Size()
	}
	return n
}
