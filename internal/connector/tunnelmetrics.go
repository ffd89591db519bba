package connector

import (
	"maps"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/tunnel"
)

// carried is what tunnels have carried, those that have ended included.
type carried struct {
	made, lost, drained uint64 // tunnels
	bytesIn, bytesOut   uint64
	streams, dropped    uint64
	resets, limits      map[string]uint64
}

func (t *carried) add(s tunnel.Stats) {
	t.bytesIn, t.bytesOut = t.bytesIn+s.BytesIn, t.bytesOut+s.BytesOut
	t.streams, t.dropped = t.streams+s.Accepted, t.dropped+s.DatagramsDropped
	for cause, n := range s.Resets {
		t.resets[cause] += n
	}
	for limit, n := range s.Limits {
		t.limits[limit] += n
	}
}

// carried gives the sum over all tunnels there were and are. What ended meanwhile is in it once: it is added in the same
// moment that its tunnel goes.
func (f *fleet) carried() (carried, []*link) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sum := f.past
	sum.resets, sum.limits = maps.Clone(f.past.resets), maps.Clone(f.past.limits)
	var links []*link
	for l := range f.links {
		sum.add(l.session.Stats())
		links = append(links, l)
	}
	return sum, links
}

// tunnelMetrics are the series of the tunnels.
type tunnelMetrics struct {
	fleet                                        *fleet
	tunnels, bytes, streams, resets, limits, rtt *prometheus.Desc
	dropped                                      *prometheus.Desc
}

func newTunnelMetrics(f *fleet) *tunnelMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("postern_connector_"+name, help, labels, nil)
	}
	return &tunnelMetrics{
		fleet:   f,
		tunnels: desc("tunnels_total", "Tunnels by what became of them: made, drained in order, lost.", "what"),
		bytes:   desc("tunnel_bytes_total", "Bytes carried by tunnels, before encryption: in from gateways, out to them.", "direction"),
		streams: desc("streams_total", "Streams that gateways opened, questions included."),
		resets:  desc("stream_resets_total", "Streams that were cut, by the cause that either side gave.", "cause"),
		limits:  desc("tunnel_limits_total", "How often a limit of a tunnel was met.", "limit"),
		dropped: desc("datagrams_dropped_total", "Datagrams that had no room."),
		rtt:     desc("tunnel_round_trip_seconds", "Round trip of each tunnel; 0: not measured yet.", "gateway", "address"),
	}
}

// Describe names the series.
func (m *tunnelMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.tunnels, m.bytes, m.streams, m.resets, m.limits, m.dropped, m.rtt} {
		to <- d
	}
}

// Collect gives their values.
func (m *tunnelMetrics) Collect(to chan<- prometheus.Metric) {
	sum, links := m.fleet.carried()
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	count(m.tunnels, sum.made, "made")
	count(m.tunnels, sum.lost, "lost")
	count(m.tunnels, sum.drained, "drained")
	count(m.bytes, sum.bytesIn, "in")
	count(m.bytes, sum.bytesOut, "out")
	count(m.streams, sum.streams)
	count(m.dropped, sum.dropped)
	for cause, n := range sum.resets {
		count(m.resets, n, cause)
	}
	for limit, n := range sum.limits {
		count(m.limits, n, limit)
	}
	type way struct{ gateway, address string }
	best := map[way]float64{} // a gateway has several tunnels
	for _, l := range links {
		w, rtt := way{l.name(), l.address}, l.session.Stats().RTT.Seconds()
		if known, ok := best[w]; !ok || rtt > 0 && (known == 0 || rtt < known) {
			best[w] = rtt
		}
	}
	for w, rtt := range best {
		to <- prometheus.MustNewConstMetric(m.rtt, prometheus.GaugeValue, rtt, w.gateway, w.address)
	}
}
