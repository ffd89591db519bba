package connector

import (
	"maps"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"postern/internal/wire"
)

// metrics are the connector's series. Applications are not a label: the gateway counts those.
type metrics struct {
	refusals   *prometheus.CounterVec
	dials      prometheus.Counter
	connect    prometheus.Histogram
	dialErrors prometheus.Counter
	resolve    prometheus.Histogram
	streams    prometheus.Histogram

	mu    sync.Mutex // guards tally
	tally tally
}

func newMetrics(to prometheus.Registerer, c *Connector) (*metrics, error) {
	m := &metrics{
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_connector_refusals_total", Help: "Streams refused, by the phase they came to and the reason.",
		}, []string{"phase", "code"}),
		dials: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postern_connector_backend_connections_total", Help: "Backend connections made.",
		}),
		connect: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "postern_connector_backend_connect_seconds", Help: "Time to look up, connect and secure a backend connection.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10},
		}),
		dialErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postern_connector_tunnel_dial_errors_total", Help: "Attempts to make a tunnel that failed.",
		}),
		resolve: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "postern_connector_backend_resolve_seconds", Help: "Time to look up the name of a backend.",
			Buckets: []float64{.0005, .002, .01, .05, .2, 1, 5},
		}),
		streams: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "postern_connector_stream_seconds", Help: "How long streams to backends were open.",
			Buckets: []float64{.01, .1, 1, 10, 60, 600, 3600},
		}),
	}
	if to == nil {
		return m, nil
	}
	for _, collector := range append([]prometheus.Collector{m.refusals, m.dials, m.connect, m.dialErrors, m.resolve, m.streams}, gauges(c)...) {
		if err := to.Register(collector); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// gauges gives what is read off when somebody asks.
func gauges(c *Connector) []prometheus.Collector {
	return []prometheus.Collector{
		newTunnelMetrics(c.fleet), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "postern_connector_info", Help: "1; the version is a label.", ConstLabels: prometheus.Labels{"version": c.cfg.Host.Program},
		}, func() float64 { return 1 }),
		gauge("tunnels", "Tunnels that take streams.", func() float64 { return float64(len(c.fleet.live())) }),
		gauge("streams", "Streams that are open.", func() float64 { return float64(c.flows.count()) }),
		gauge("streams_limit", "Streams that may be open.", func() float64 { return float64(c.cfg.Limits.Streams) }),
		gauge("dials", "Backend connections under way.", func() float64 { return float64(len(c.dials)) }),
		gauge("dials_limit", "Backend connections that may be under way.", func() float64 { return float64(cap(c.dials)) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "postern_connector_log_entries_lost_total", Help: "Entries of Admin log and Session log that an output did not take.",
		}, func() float64 { return float64(c.cfg.Journal.Dropped()) }),
		headRoom{c.measuring, prometheus.NewDesc("postern_connector_resource_used", "How much is used: processors, bytes of memory, streams, ports towards one address, handles.", []string{"resource"}, nil),
			prometheus.NewDesc("postern_connector_resource_limit", "How much there is.", []string{"resource"}, nil),
			prometheus.NewDesc("postern_connector_head_room_ratio", "How much of it is left, of what was used for long in the last 5 minutes.", []string{"resource"}, nil)},
		gauge("buffered_bytes", "Bytes of streams that wait for a backend.", func() float64 { return float64(c.budget.Buffered()) }),
		gauge("certificate_expiry_seconds", "When the certificate expires, as Unix time.", func() float64 {
			return float64(c.identity().cred.Leaf.NotAfter.Unix())
		}),
		gauge("configuration_confirmed_seconds", "When the service last confirmed the configuration, as Unix time; 0: not yet.", func() float64 {
			_, confirmed := c.following.times()
			return float64(max(confirmed.Unix(), 0))
		}),
	}
}

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "postern_connector_" + name, Help: help}, value)
}

func (m *metrics) refused(phase wire.Phase, code string) {
	m.refusals.WithLabelValues(string(phase), code).Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tally.refusals == nil {
		m.tally.refusals = map[string]uint64{}
	}
	m.tally.refusals[code]++
}

func (m *metrics) opened(t *target, o wire.Opened) {
	took, named := o.Resolve+o.Connect+o.Handshake, !t.host.Addr.IsValid() // there was a name to look up
	m.dials.Inc()
	m.connect.Observe(took.Seconds())
	if named {
		m.resolve.Observe(o.Resolve.Seconds())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tally.connect.Count, m.tally.connect.Sum = m.tally.connect.Count+1, m.tally.connect.Sum+took
	if named {
		m.tally.resolve.Count, m.tally.resolve.Sum = m.tally.resolve.Count+1, m.tally.resolve.Sum+o.Resolve
	}
}

func (m *metrics) dialFailed() {
	m.dialErrors.Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tally.dialErrors++
}

// told gives what was counted for samples.
func (m *metrics) told() tally {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tally
	t.refusals = maps.Clone(t.refusals)
	return t
}

// headRoom are the series of what the connector uses.
type headRoom struct {
	measuring         *measuring
	used, limit, left *prometheus.Desc
}

// Describe names the series.
func (h headRoom) Describe(to chan<- *prometheus.Desc) {
	to <- h.used
	to <- h.limit
	to <- h.left
}

// Collect gives their values.
func (h headRoom) Collect(to chan<- prometheus.Metric) {
	load, _ := h.measuring.tell()
	if load == nil {
		return // nobody has looked yet
	}
	for _, r := range load.Resources {
		for desc, value := range map[*prometheus.Desc]float64{h.used: r.Used, h.limit: r.Limit, h.left: max(0, 1-r.Share())} {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, r.Name)
		}
	}
}
