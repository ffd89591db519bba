package control

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// healthMetrics tells what ends when, and how many findings there are, as of the last inspection.
type healthMetrics struct {
	c        *Control
	expiry   *prometheus.Desc
	findings *prometheus.Desc
}

// maxExpirySeries bounds the series: the earliest tell enough.
const maxExpirySeries = 500

func (c *Control) registerHealth() error {
	if c.cfg.Registerer == nil {
		return nil
	}
	m := &healthMetrics{c,
		prometheus.NewDesc("postern_expiry_seconds", "Seconds until something ends: certificates, API keys; negative when it has.", []string{"kind", "name"}, nil),
		prometheus.NewDesc("postern_health_findings", "What is wrong or will be; postern health names it.", []string{"code", "severity"}, nil)}
	if err := c.cfg.Registerer.Register(m); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

// Describe names the metrics.
func (m *healthMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.expiry
	to <- m.findings
}

// Collect gives them.
func (m *healthMetrics) Collect(to chan<- prometheus.Metric) {
	f := &findings{now: m.c.now()}
	m.c.findAuthority(f)
	m.c.findUpstreams(f)
	m.c.findSetting(f)
	if stored := m.c.inspected.Load(); stored != nil {
		f.list, f.expiry = append(f.list, stored.list...), append(f.expiry, stored.expiry...)
	}
	seen := map[[2]string]bool{}
	for _, e := range f.expiry {
		if key := [2]string{e.kind, e.name}; !seen[key] && len(seen) < maxExpirySeries {
			seen[key] = true
			to <- prometheus.MustNewConstMetric(m.expiry, prometheus.GaugeValue, e.at.Sub(f.now).Seconds(), e.kind, e.name)
		}
	}
	counts := map[[2]string]int{}
	for _, one := range f.list {
		counts[[2]string{one.Code, string(one.Severity)}]++
	}
	for key, count := range counts {
		to <- prometheus.MustNewConstMetric(m.findings, prometheus.GaugeValue, float64(count), key[0], key[1])
	}
}
