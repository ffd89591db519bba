package gateway

import (
	"maps"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"postern/internal/series"
	"postern/internal/wire"
)

// firstByteBuckets are those of the series, so that both say the same.
func firstByteBuckets() (bounds []float64) {
	for i := range series.Buckets {
		bounds = append(bounds, series.Bound(i).Seconds())
	}
	return bounds
}

// causes counts why exchanges failed. There is nothing to count while they do not.
type causes struct {
	mu sync.Mutex // guards by
	by map[string]uint64
}

func (c *causes) add(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]uint64{}
	}
	c.by[reason]++
}

func (c *causes) told() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.by)
}

// failed counts why an exchange failed that was given to a connector.
func (u *usage) failed(c *connectorUsage, r *wire.Record) {
	if r.Outcome == wire.OutcomeFailed && r.Reason != "" {
		c.causes.add(r.Reason)
		u.failures.WithLabelValues(r.Connector, r.Reason).Inc()
	}
}

// Counted gives what was counted since this process began, by the id of each application and each connector, and under "" of requests
// that belong to no application. The same numbers are in the metrics.
func (g *Gateway) Counted() map[string]series.Total {
	all := map[string]series.Total{}
	g.metrics.apps.Range(func(id, value any) bool {
		a := value.(*appMetrics)
		t := counted(a.classes, a.received, a.sent, a.latency)
		t.Causes = a.causes.told()
		all[id.(string)] = t
		return true
	})
	for app, n := range g.live.byApp() {
		t := all[string(app)]
		t.Values[series.UnderWay] = uint64(n)
		all[string(app)] = t
	}
	g.metrics.usage.connectors.Range(func(id, value any) bool {
		c := value.(*connectorUsage)
		t := counted(c.classes, c.received, c.sent, c.first)
		t.Causes = c.causes.told()
		all[id.(string)] = t
		return true
	})
	for _, l := range append(g.links.all(), g.links.allFar()...) {
		t := all[string(l.connector)]
		t.Values[series.UnderWay] += uint64(max(0, l.active.Load()))
		all[string(l.connector)] = t
	}
	return all
}

func counted(classes [6]prometheus.Counter, received, sent prometheus.Counter, first prometheus.Observer) (t series.Total) {
	v := &t.Values
	for i, class := range classes {
		n := valueOf(class)
		v[series.Requests] += n
		switch i {
		case 0:
			v[series.Unanswered] = n
		case 4:
			v[series.Status4xx] = n
		case 5:
			v[series.Status5xx] = n
		}
	}
	v[series.BytesReceived], v[series.BytesSent] = valueOf(received), valueOf(sent)
	var m dto.Metric
	if h, ok := first.(prometheus.Metric); !ok || h.Write(&m) != nil {
		return t
	}
	within := uint64(0)
	for i, b := range m.GetHistogram().GetBucket() { // each counts those before it, too
		v[series.FirstByte(i)] = b.GetCumulativeCount() - within
		within = b.GetCumulativeCount()
	}
	v[series.FirstByte(series.Buckets)] = m.GetHistogram().GetSampleCount() - within
	v[series.FirstByteSum] = uint64(math.Round(m.GetHistogram().GetSampleSum() * float64(time.Second/time.Microsecond)))
	return t
}

func valueOf(c prometheus.Counter) uint64 {
	var m dto.Metric
	if c.Write(&m) != nil {
		return 0 // a counter has a value
	}
	return uint64(m.GetCounter().GetValue())
}
