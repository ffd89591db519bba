package connector_test

import (
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/connector"
	"postern/internal/posterntest"
)

// TestBench measures through a real gateway, once an administrator has allowed it, and carries people's requests as before.
func TestBench(t *testing.T) {
	sys := posterntest.New(t)
	k := sys.Connector("hq-1")
	plan := connector.BenchPlan{Sizes: []int{1 << 10, 100 << 10}, Streams: []int{1, 8}, Time: 300 * time.Millisecond}
	sys.Await("the socket for questions", func() bool { _, err := connector.ReadRequirements(t.Context(), k.State); return err == nil })
	if _, err := connector.ReadCapacity(t.Context(), k.State, plan); err == nil || !strings.Contains(err.Error(), "nobody allowed") || !strings.Contains(err.Error(), "--bench 15m") {
		t.Fatalf("without being allowed: %v", err)
	}
	now, err := sys.API.Connectors.Show(t.Context(), string(k.ID))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sys.API.Connectors.Update(t.Context(), string(k.ID), now.Version, api.Patch{"benchUntil": time.Now().Add(time.Hour).UTC()}); err != nil {
		t.Fatal(err)
	}
	var found connector.Capacity
	sys.Await("a measurement in which every stream carried something", func() bool {
		if found, err = connector.ReadCapacity(t.Context(), k.State, plan); err != nil {
			return false // the gateway has not heard that it is allowed
		}
		for _, r := range found.Rows {
			if r.Rate == 0 {
				return false
			}
		}
		return true
	})
	if len(found.Rows) != 4 || len(found.Most) != 2 || found.Gateway == "" || found.Cores < 1 {
		t.Fatalf("%+v", found)
	}
	for _, r := range found.Rows {
		if r.Failed > 0 || r.P50 <= 0 || r.P99 < r.P50 {
			t.Errorf("%+v", r)
		}
	}
	bad := plan
	bad.Streams = []int{100_000}
	if _, err := connector.ReadCapacity(t.Context(), k.State, bad); err == nil || !strings.Contains(err.Error(), "streams") {
		t.Errorf("too many streams: %v", err)
	}
	sys.Await("no stream to be left", func() bool { return k.Status().Streams == 0 })
}
