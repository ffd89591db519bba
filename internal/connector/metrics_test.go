package connector

import (
	"io"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/wire"
)

// TestMetrics holds that what was carried is counted, and stays counted when its tunnel is gone.
func TestMetrics(t *testing.T) {
	w := newWorld(t, 1)
	w.publish(wire.Target{Application: app, Host: "127.0.0.1", Port: newBackend(t, echo).port})
	w.allow("allow 127.0.0.1\n")
	registry := prometheus.NewPedanticRegistry()
	r := w.start(func(c *Config) { c.Registerer = registry })
	w.ready(r)
	value := func(name string, labels map[string]string) float64 {
		t.Helper()
		all, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range all {
			if family.GetName() != name {
				continue
			}
			for _, m := range family.GetMetric() {
				fits := true
				for _, l := range m.GetLabel() {
					if want, asked := labels[l.GetName()]; asked && want != l.GetValue() {
						fits = false
					}
				}
				switch {
				case !fits:
				case m.GetCounter() != nil:
					return m.GetCounter().GetValue()
				case m.GetGauge() != nil:
					return m.GetGauge().GetValue()
				case m.GetHistogram() != nil:
					return float64(m.GetHistogram().GetSampleCount())
				}
			}
		}
		return -1
	}
	st, _, err := w.gateways[0].dial(w.open(app))
	if err != nil {
		t.Fatal(err)
	}
	const size = 100_000
	if _, err := st.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	_ = st.CloseWrite()
	if got, err := io.ReadAll(st); err != nil || len(got) != size {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	_ = st.Close()
	counted := func(when string) {
		t.Helper()
		for _, direction := range []string{"in", "out"} {
			if n := value("postern_connector_tunnel_bytes_total", map[string]string{"direction": direction}); n < size {
				t.Errorf("%s: %v bytes %s", when, n, direction)
			}
		}
		if n := value("postern_connector_streams_total", nil); n < 1 {
			t.Errorf("%s: %v streams", when, n)
		}
	}
	counted("while the tunnels are up")
	if n := value("postern_connector_tunnels_total", map[string]string{"what": "made"}); n != tunnelsPerGateway {
		t.Errorf("%v tunnels were made", n)
	}
	if n := value("postern_connector_backend_connect_seconds", nil); n != 1 {
		t.Errorf("%v connections were timed", n)
	}
	if n := value("postern_connector_backend_resolve_seconds", nil); n != 0 {
		t.Errorf("%v look-ups of an address", n)
	}
	eventually(t, "the stream to be over", func() bool { return value("postern_connector_stream_seconds", nil) == 1 })
	for _, name := range []string{"go_goroutines", "postern_connector_tunnel_round_trip_seconds", "postern_connector_info"} {
		if value(name, nil) < 0 {
			t.Errorf("no %s", name)
		}
	}
	w.gateways[0].cut()
	eventually(t, "the tunnels to be gone", func() bool {
		return value("postern_connector_tunnels_total", map[string]string{"what": "lost"}) >= tunnelsPerGateway
	})
	counted("when the tunnels are gone")
}
