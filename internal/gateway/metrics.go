package gateway

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/wire"
)

// metrics are what the gateway counts: by application or by connector, never by both.
type metrics struct {
	requests   *prometheus.CounterVec   // by application and class of status
	bytes      *prometheus.CounterVec   // by application and direction
	latency    *prometheus.HistogramVec // by application: until the backend's header
	handshakes *prometheus.CounterVec   // by face and outcome
	refused    *prometheus.CounterVec   // by limit
	tunnels    *prometheus.GaugeVec     // by connector
	cut        *prometheus.CounterVec   // by reason
	moved      prometheus.Counter
	still      prometheus.Counter     // tunnels whose connector stood still
	forwarded  prometheus.Counter     // streams of other gateways
	flows      *prometheus.CounterVec // by application and outcome
	usage      *usage

	apps sync.Map // application → *appMetrics, found without hashing labels
}

type appMetrics struct {
	classes        [6]prometheus.Counter
	received, sent prometheus.Counter
	latency        prometheus.Observer
	seconds        prometheus.Observer
	causes         causes
}

func newMetrics(g *Gateway, registerer prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "postern", Subsystem: "gateway", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, value func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "postern", Subsystem: "gateway", Name: name, Help: help},
			func() float64 { return float64(value()) })
	}
	m := &metrics{
		requests:   counter("requests_total", "Requests answered, by application and class of status; flows by what became of them (2xx: they went, 4xx: refused, 5xx: they failed).", "application", "class"),
		bytes:      counter("body_bytes_total", "Bytes of bodies, WebSockets and flows, by application and direction.", "application", "direction"),
		handshakes: counter("handshakes_total", "TLS handshakes, by face and outcome.", "face", "outcome"),
		refused:    counter("refused_total", "What was refused because of a limit, by limit.", "limit"),
		cut:        counter("cut_total", "Exchanges cut because they are no longer allowed, by reason.", "reason"),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "postern", Subsystem: "gateway", Name: "first_byte_seconds",
			Help: "Time until the backend's response header, by application.", Buckets: firstByteBuckets()}, []string{"application"}),
		tunnels: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "postern", Subsystem: "gateway", Name: "tunnels",
			Help: "Open tunnels, by connector."}, []string{"connector"}),
	}
	moved := counter("moved_total", "Requests that were sent through another connector after one failed.")
	m.moved = moved.WithLabelValues()
	still := counter("still_total", "Times that a tunnel got nothing new for a while, since its connector did not answer.")
	m.still = still.WithLabelValues()
	forwarded := counter("forwarded_total", "Streams carried for other gateways.")
	m.forwarded = forwarded.WithLabelValues()
	var more []prometheus.Collector
	m.usage, more = newUsage(g)
	m.flows = counter("flows_total", "Flows of devices that are over, by application and what became of them.", "application", "outcome")
	if registerer == nil {
		return m, nil
	}
	var errs []error
	for _, c := range append(more, m.requests, m.bytes, m.latency, m.handshakes, m.refused, m.tunnels, m.cut, m.flows, moved, still, forwarded,
		gauge("connections", "Open connections.", g.census.size), gauge("exchanges", "Requests under way.", g.live.count),
		gauge("streams", "Open streams of all tunnels.", g.streams), gauge("peers", "Tunnels with other gateways.", func() int { return len(g.peers.all()) }), gauge("devices", "Tunnels of devices.", g.devices.count), gauge("flows", "Flows of devices under way.", g.devices.countFlows), gauge("forwards", "Streams that are carried for other gateways.", g.forwards.count),
		gauge("configuration_version", "Version of the snapshot in force.", g.version),
	) {
		errs = append(errs, registerer.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return m, nil
}

// of gives the metrics of an application; "" stands for requests that have none.
func (m *metrics) of(app string) *appMetrics {
	if known, ok := m.apps.Load(app); ok {
		return known.(*appMetrics)
	}
	a := &appMetrics{
		received: m.bytes.WithLabelValues(app, "received"), sent: m.bytes.WithLabelValues(app, "sent"), latency: m.latency.WithLabelValues(app),
		seconds: m.usage.seconds.WithLabelValues(app),
	}
	for i := range a.classes {
		a.classes[i] = m.requests.WithLabelValues(app, strconv.Itoa(i)+"xx")
	}
	m.apps.Store(app, a)
	return a
}

func (m *metrics) answered(app string, status int) {
	m.of(app).classes[max(0, min(status/100, 5))].Inc()
}

func (m *metrics) exchange(r *wire.Record) {
	m.usage.exchange(r)
	a := m.of(r.Application)
	a.seconds.Observe(r.Duration.Seconds())
	a.classes[max(0, min(r.Status/100, 5))].Inc()
	a.received.Add(float64(r.Received))
	a.sent.Add(float64(r.Sent))
	if r.FirstByte > 0 {
		a.latency.Observe(r.FirstByte.Seconds())
	}
	if r.Outcome == wire.OutcomeFailed && r.Reason != "" {
		a.causes.add(r.Reason)
	}
}

// flow counts a flow that is over.
func (m *metrics) flow(r *wire.Record) {
	m.flows.WithLabelValues(r.Application, string(r.Outcome)).Inc()
	a, class := m.of(r.Application), flowClasses[r.Outcome]
	a.classes[class].Inc()
	a.received.Add(float64(r.Received))
	a.sent.Add(float64(r.Sent))
	if r.FirstByte > 0 {
		a.latency.Observe(r.FirstByte.Seconds())
	}
	if r.Outcome == wire.OutcomeFailed && r.Reason != "" {
		a.causes.add(r.Reason)
	}
	m.usage.carried(r, class)
}

// flowClasses give flows the class that a request with the same end has, so that one series tells of both.
var flowClasses = map[wire.Outcome]int{wire.OutcomeForwarded: 2, wire.OutcomeRefused: 4, wire.OutcomeFailed: 5}

// keep forgets the series of applications and connectors that a view no longer has.
func (m *metrics) keep(before, after *view) {
	if before == nil {
		return
	}
	for id := range before.apps {
		if _, ok := after.apps[id]; !ok {
			m.apps.Delete(string(id))
			for _, vec := range []interface{ DeletePartialMatch(prometheus.Labels) int }{m.requests, m.bytes, m.flows, m.latency, m.usage.seconds} {
				vec.DeletePartialMatch(prometheus.Labels{"application": string(id)})
			}
		}
	}
	for _, c := range before.snap.Connectors {
		if _, ok := after.snap.Connector(c.ID); !ok {
			m.tunnels.DeleteLabelValues(string(c.ID))
			m.usage.forgetConnector(string(c.ID))
		}
	}
}

func (c *census) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open.all
}

func (g *Gateway) streams() int {
	n := 0
	for _, l := range g.links.all() {
		n += l.session.Streams()
	}
	return n
}

func (g *Gateway) version() int {
	if v := g.view.Load(); v != nil {
		return int(v.snap.Version)
	}
	return 0
}

// setWriteDeadline bounds a last word, where the connection knows deadlines.
func setWriteDeadline(to any) {
	if c, ok := to.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = c.SetWriteDeadline(time.Now().Add(lastWord)) // a closed connection needs none
	}
}

const lastWord = 100 * time.Millisecond
