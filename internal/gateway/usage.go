package gateway

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/access"
	"postern/internal/wire"
)

// usage counts every request once when it comes and once when it is over, by what became of it; and what applications and
// connectors carry, never by both.
type usage struct {
	arrived  prometheus.Counter
	outcomes map[wire.Outcome]prometheus.Counter

	seconds  *prometheus.HistogramVec // by application: until the end
	requests *prometheus.CounterVec   // by connector and class of status
	bytes    *prometheus.CounterVec   // by connector and direction
	first    *prometheus.HistogramVec // by connector: until the backend's header
	failures *prometheus.CounterVec   // by connector and reason

	connectors sync.Map // connector → *connectorUsage, found without hashing labels
}

type connectorUsage struct {
	classes        [6]prometheus.Counter
	received, sent prometheus.Counter
	first          prometheus.Observer
	causes         causes
}

// newUsage makes the counters, and what is to be registered.
func newUsage(g *Gateway) (*usage, []prometheus.Collector) {
	opts := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "postern", Subsystem: "gateway", Name: name, Help: help}
	}
	histogram := func(name, help, label string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "postern", Subsystem: "gateway", Name: name, Help: help,
			Buckets: buckets}, []string{label})
	}
	outcomes := prometheus.NewCounterVec(opts("outcomes_total", "Requests that are over, by what became of them. Together with those under way they are those that came."), []string{"outcome"})
	u := &usage{
		arrived:  prometheus.NewCounter(opts("arrived_total", "Requests that came, of browsers and programs, to whatever host.")),
		outcomes: map[wire.Outcome]prometheus.Counter{},
		seconds:  histogram("request_seconds", "Time until the end of the reply, by application.", "application", prometheus.ExponentialBuckets(0.001, 3, 12)),
		requests: prometheus.NewCounterVec(opts("connector_requests_total", "Requests that went to a connector, by connector and class of status."), []string{"connector", "class"}),
		bytes:    prometheus.NewCounterVec(opts("connector_body_bytes_total", "Bytes of bodies and WebSockets, by connector and direction."), []string{"connector", "direction"}),
		first:    histogram("connector_first_byte_seconds", "Time until the backend's response header, by connector.", "connector", firstByteBuckets()),
		failures: prometheus.NewCounterVec(opts("connector_failures_total", "Requests that a connector was chosen for and that failed, by connector and reason."), []string{"connector", "reason"}),
	}
	for _, o := range wire.Outcomes() {
		if o != wire.OutcomeUnrecorded {
			u.outcomes[o] = outcomes.WithLabelValues(string(o))
		}
	}
	return u, []prometheus.Collector{u.arrived, outcomes, u.seconds, u.requests, u.bytes, u.first, u.failures, &underWay{
		g: g,
		apps: prometheus.NewDesc("postern_gateway_application_exchanges", "Requests and flows under way, by application.",
			[]string{"application"}, nil),
		connectors: prometheus.NewDesc("postern_gateway_connector_exchanges", "Requests under way, by connector.", []string{"connector"}, nil),
	}}
}

func (u *usage) of(connector string) *connectorUsage {
	if known, ok := u.connectors.Load(connector); ok {
		return known.(*connectorUsage)
	}
	c := &connectorUsage{received: u.bytes.WithLabelValues(connector, "received"), sent: u.bytes.WithLabelValues(connector, "sent"),
		first: u.first.WithLabelValues(connector)}
	for i := range c.classes {
		c.classes[i] = u.requests.WithLabelValues(connector, strconv.Itoa(i)+"xx")
	}
	u.connectors.Store(connector, c)
	return c
}

// exchange counts an exchange that is over for its connector.
func (u *usage) exchange(r *wire.Record) {
	u.outcomes[r.Outcome].Inc()
	u.carried(r, max(0, min(r.Status/100, 5)))
}

// carried counts an exchange or a flow that is over for its connector.
func (u *usage) carried(r *wire.Record, class int) {
	if r.Connector == "" {
		return
	}
	c := u.of(r.Connector)
	c.classes[class].Inc()
	c.received.Add(float64(r.Received))
	c.sent.Add(float64(r.Sent))
	if r.FirstByte > 0 {
		c.first.Observe(r.FirstByte.Seconds())
	}
	u.failed(c, r)
}

// forgetConnector forgets the series of a connector that is no more.
func (u *usage) forgetConnector(id string) {
	u.connectors.Delete(id)
	for _, vec := range []interface{ DeletePartialMatch(prometheus.Labels) int }{u.requests, u.bytes, u.first, u.failures} {
		vec.DeletePartialMatch(prometheus.Labels{"connector": id})
	}
}

// underWay counts what is under way when somebody asks.
type underWay struct {
	g                *Gateway
	apps, connectors *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (u *underWay) Describe(to chan<- *prometheus.Desc) { to <- u.apps; to <- u.connectors }

// Collect implements prometheus.Collector.
func (u *underWay) Collect(to chan<- prometheus.Metric) {
	apps := u.g.live.byApp()
	u.g.devices.byApp(apps)
	for app, n := range apps {
		to <- prometheus.MustNewConstMetric(u.apps, prometheus.GaugeValue, float64(n), string(app))
	}
	active := map[access.ID]int64{}
	for _, l := range append(u.g.links.all(), u.g.links.allFar()...) {
		active[l.connector] += l.active.Load()
	}
	for connector, n := range active {
		to <- prometheus.MustNewConstMetric(u.connectors, prometheus.GaugeValue, float64(n), string(connector))
	}
}

// outcome says what became of an exchange that is over.
func outcome(r *wire.Record) wire.Outcome {
	switch {
	case r.FirstByte > 0:
		return wire.OutcomeForwarded
	case r.Action == "deny", r.Reason == notPublished.reason, r.Hop == hopYou && r.Reason != reasonClientGone:
		return wire.OutcomeRefused
	case r.Reason == "":
		return wire.OutcomeServed
	}
	return wire.OutcomeFailed
}

const (
	reasonClientGone = "client-gone"
	maxAgent         = 512 // bytes of what a client calls itself
)

// bounded cuts what a client calls itself.
func bounded(agent string) string { return agent[:min(len(agent), maxAgent)] }

// turnedAway counts and records a request that was answered before there was an exchange: no application is known of it.
func (g *Gateway) turnedAway(r wire.Record, f *failure) {
	g.metrics.answered("", f.status)
	r.Time, r.Gateway, r.Status, r.Reason, r.Hop, r.Complete = g.now().UTC(), g.cfg.ID, f.status, f.reason, f.hop, true
	r.Action, r.Outcome = "deny", wire.OutcomeRefused
	if f.reason == notReady.reason {
		r.Outcome, r.Action = wire.OutcomeFailed, "allow"
	}
	g.metrics.usage.outcomes[r.Outcome].Inc()
	if g.cfg.Recorder != nil {
		g.cfg.Recorder.Record(r)
	}
}

func (s *live) byApp() map[access.ID]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make(map[access.ID]int, len(s.apps))
	for app, n := range s.apps {
		list[app] = n
	}
	return list
}
