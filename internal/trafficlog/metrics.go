package trafficlog

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	written prometheus.Counter
	summed  prometheus.Counter
	removed *prometheus.CounterVec // segments, by reason
}

func newMetrics(l *Log, registerer prometheus.Registerer) (*metrics, error) {
	opts := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "postern", Subsystem: "traffic_log", Name: name, Help: help}
	}
	m := &metrics{
		written: prometheus.NewCounter(opts("records_total", "Records that were written, summaries included.")),
		summed:  prometheus.NewCounter(opts("summed_total", "Requests that were not carried and have no record of their own: summaries count them.")),
		removed: prometheus.NewCounterVec(opts("segments_removed_total", "Segments that were removed, by reason: age or bytes."), []string{"reason"}),
	}
	if registerer == nil {
		return m, nil
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "postern", Subsystem: "traffic_log", Name: name, Help: help}, value)
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.written, m.summed, m.removed,
		prometheus.NewCounterFunc(opts("lost_total", "Requests that have no record because there was no room for it."), func() float64 { return float64(l.queue.lost.Load()) }),
		prometheus.NewCounterFunc(opts("damaged_total", "Blocks that could not be read."), func() float64 { return float64(l.damaged.Load()) }),
		gauge("waiting", "Records that wait to be written.", func() float64 { return float64(l.queue.waits()) }),
		gauge("bytes", "Size of the log on the disk.", func() float64 { return float64(l.bytes()) }),
		gauge("failing", "1 while the log cannot be written.", func() float64 {
			if l.Problem() != nil {
				return 1
			}
			return 0
		}),
	} {
		errs = append(errs, registerer.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return m, nil
}

// bytes gives the size of all segments.
func (l *Log) bytes() (n int64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, s := range l.segments {
		n += s.size
	}
	return n
}
