package connector

import (
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"postern/internal/counters"
	"postern/internal/wire"
)

// TestPerformance holds that the performance counters of Windows tell what was carried, by their names.
func TestPerformance(t *testing.T) {
	w := newWorld(t, 1)
	w.publish(wire.Target{Application: app, Host: "127.0.0.1", Port: newBackend(t, echo).port})
	w.allow("allow 127.0.0.1\n")
	r := w.start(nil)
	w.ready(r)
	figure := func(symbol string) uint64 {
		t.Helper()
		at := slices.IndexFunc(figures, func(f struct {
			counters.Counter
			of func(standing) uint64
		}) bool {
			return f.Symbol == symbol
		})
		if at < 0 {
			t.Fatalf("no counter %s", symbol)
		}
		return r.figure()[at]
	}
	st, _, err := w.gateways[0].dial(w.open(app))
	if err != nil {
		t.Fatal(err)
	}
	const size = 100_000
	if _, err := st.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	for symbol, want := range map[string]uint64{"Streams": 1, "Tunnels": tunnelsPerGateway, "TunnelsMade": tunnelsPerGateway, "TunnelsLost": 0,
		"ConnectCount": 1, "Connections": 1, "LookupCount": 0, "StreamsRefused": 0, "LogLost": 0} {
		if got := figure(symbol); got != want {
			t.Errorf("%s is %d, not %d", symbol, got, want)
		}
	}
	_ = st.CloseWrite()
	if got, err := io.ReadAll(st); err != nil || len(got) != size {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	_ = st.Close()
	for symbol, least := range map[string]uint64{"BytesIn": size, "BytesOut": size, "StreamsOpened": 1, "ConnectTime": 1, "Memory": 1 << 20, "Handles": 3} {
		if got := figure(symbol); got < least {
			t.Errorf("%s is %d, less than %d", symbol, got, least)
		}
	}
	left := time.Until(r.identity().cred.Leaf.NotAfter)
	if got := figure("CertificateDays"); got > uint64(left/(24*time.Hour)) {
		t.Errorf("the certificate has %d days, of %v", got, left)
	}
	if got := figure("HeadRoom"); got > 100 {
		t.Errorf("%d percent are left", got)
	}
	if _, _, err := w.gateways[0].dial(w.open(wire.Target{Application: "nothing"}.Application)); err == nil {
		t.Error("an application that is not there was opened")
	}
	eventually(t, "the refusal to be counted", func() bool { return figure("StreamsRefused") == 1 })
	w.gateways[0].cut()
	eventually(t, "the tunnels to be lost", func() bool { return figure("TunnelsLost") >= tunnelsPerGateway })
}

// TestPerformanceIsPublished holds that a system without performance counters has a connector all the same, and that each of them has its texts.
func TestPerformanceIsPublished(t *testing.T) {
	w := newWorld(t, 1)
	r := w.start(func(c *Config) { c.Counters = "postern-connector" })
	w.ready(r)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.publish(ctx) // warns, and comes back
	if manifest, err := Performance().Manifest("postern-connector.exe"); err != nil || len(manifest) == 0 {
		t.Errorf("no manifest: %v", err)
	}
	for i, c := range Performance().Counters {
		if (c.Name == "" || c.Description == "") != (c.Kind == counters.Count) {
			t.Errorf("counter %d, %s, has no name or no description", i+1, c.Symbol)
		}
	}
}
