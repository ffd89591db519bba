package cli_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/wire"
)

// TestTrafficCommands prints what a gateway recorded, in every form.
func TestTrafficCommands(t *testing.T) {
	here, s := newDeskOf(t)
	at := time.Now().UTC().Add(-time.Hour).Truncate(time.Microsecond)
	put := func(from, to int) {
		t.Helper()
		for n := from; n < to; n++ {
			s.traffic.Record(wire.Record{Time: at.Add(time.Duration(n) * time.Second), Request: fmt.Sprint("ref", n), User: "ada", UserID: "usr_" + strings.Repeat("0", 26),
				Client: "203.0.113.9:4711", UserAgent: "=cmd()", Method: "GET", Host: "wiki.example.com", Path: fmt.Sprint("/", n), Status: 200, ConnectorName: "site",
				Outcome: wire.OutcomeForwarded, Action: "allow", Duration: 1500 * time.Millisecond, Complete: true})
		}
		if err := s.traffic.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	put(0, 1200) // more than a page
	list := here.must("traffic", "list", "--limit", "2")
	for _, want := range []string{"WHEN", "REFERENCE", "ada", "203.0.113.9:4711", "GET wiki.example.com/1199", "200", "forwarded", "site", "1.5s", "ref1199"} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	if n := strings.Count(list, "\n"); n != 3 {
		t.Errorf("%d lines", n)
	}
	var all []api.Traffic
	if err := json.Unmarshal([]byte(here.must("traffic", "list", "--limit", "0", "-o", "json")), &all); err != nil || len(all) != 1200 || all[1199].Request != "ref0" {
		t.Errorf("%d records, %v", len(all), err)
	}
	if show := here.must("traffic", "show", "ref700"); !strings.Contains(show, "path:") || !strings.Contains(show, "/700") {
		t.Error(show)
	}
	rows, err := csv.NewReader(strings.NewReader(here.must("traffic", "export", "--format", "csv", "--path", "/11"))).ReadAll()
	if err != nil || len(rows) != 1+1+10+100 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, name := range rows[0] {
		if got := rows[1][i]; name == "userAgent" && got != "'=cmd()" || name == "request" && got != "ref1199" {
			t.Errorf("%s: %q", name, got)
		}
	}
	lines := strings.Split(strings.TrimSpace(here.must("traffic", "export", "--user", "usr_"+strings.Repeat("0", 26))), "\n")
	var last api.Traffic
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(lines) != 1200 || last.Request != "ref0" || !last.Time.Equal(at) {
		t.Errorf("%d lines, %+v, %v", len(lines), last, err)
	}
	follow(t, put)
}

// follow sees what comes while it is followed, once, and nothing else.
func follow(t *testing.T, put func(from, to int)) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	root := postern()
	root.SetArgs([]string{"traffic", "list", "--follow", "--limit", "3", "-o", "name"})
	out, in := io.Pipe()
	var errs bytes.Buffer
	root.SetOut(in)
	root.SetErr(&errs)
	done := make(chan error, 1)
	go func() { err := root.ExecuteContext(ctx); in.Close(); done <- err }()
	seen := map[string]bool{}
	next := func() (id string) {
		t.Helper()
		if _, err := fmt.Fscanln(out, &id); err != nil {
			t.Fatal(err, errs.String())
		}
		if seen[id] {
			t.Errorf("%s twice", id)
		}
		seen[id] = true
		return id
	}
	for want := 1198; want <= 1200; want++ {
		if id := next(); !strings.HasSuffix(id, fmt.Sprint("-", want)) {
			t.Errorf("%s, want %d", id, want)
		}
	}
	put(1200, 1205)
	for want := 1201; want <= 1205; want++ {
		if id := next(); !strings.HasSuffix(id, fmt.Sprint("-", want)) {
			t.Errorf("%s, want %d", id, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
