//go:build unix

package tunnel

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"text/tabwriter"
	"time"
)

type row struct {
	name         string
	bar          string
	ours, theirs float64
	unit         string
	ratio        float64
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// versus measures both muxes in turns and returns the medians, ours first, and the median of the ratios of neighbours.
func versus(rounds int, measure func(muxMaker) float64) (ours, theirs, ratio float64) {
	var a, b, r []float64
	for range rounds {
		x, y := measure(oursMux), measure(yamuxMux)
		a, b, r = append(a, x), append(b, y), append(r, x/y)
	}
	return median(a), median(b), median(r)
}

// BenchmarkTable prints every bar beside its measurement.
func BenchmarkTable(b *testing.B) {
	for range b.N {
		rows := loopbackRows(b)
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "\nwhat\tours\tyamux\tunit\tratio\tbar")
		for _, r := range rows {
			fmt.Fprintf(w, "%s\t%.4g\t%.4g\t%s\t%.2f\t%s\n", r.name, r.ours, r.theirs, r.unit, r.ratio, r.bar)
			b.ReportMetric(r.ratio, r.name+"-ratio")
		}
		w.Flush()
	}
}

func loopbackRows(b *testing.B) []row {
	add := func(rows []row, name, unit, bar string, rounds int, measure func(muxMaker) float64) []row {
		r := row{name: name, unit: unit, bar: bar}
		r.ours, r.theirs, r.ratio = versus(rounds, measure)
		return append(rows, r)
	}
	var rows []row
	rows = add(rows, "exchange", "CPU µs", "<= 0.6", 5, func(m muxMaker) float64 {
		e := newExchangers(b, m, 64)
		defer e.close()
		e.run(b, during(100*time.Millisecond))
		before := cpuTime()
		n := e.run(b, during(time.Second))
		return float64((cpuTime() - before).Microseconds()) / float64(n)
	})
	rows = add(rows, "bulk", "MB/s", ">= 1.4", 7, func(m muxMaker) float64 {
		const size = 256 << 20
		dialled, accepted := tcpPair(b)
		x := m(b, dialled, accepted, sink(size))
		defer x.close()
		return bulk(b, x, size) / 1e6
	})
	addr := echoServer(b)
	rows = add(rows, "churn", "streams/s", ">= 1.4", 5, func(m muxMaker) float64 {
		dialled, accepted := tcpPair(b)
		x := m(b, dialled, accepted, relay(addr))
		defer x.close()
		return churn(b, x, 16, during(time.Second))
	})
	rows = add(rows, "idle", "KiB", "ours <= 20", 1, func(m muxMaker) float64 { return idleMemory(b, m, 4000) / 1024 })
	rows = add(rows, "stalled", "of free rate", "ours >= 0.8", 5, func(m muxMaker) float64 { return stalled(b, m, time.Second/2) })
	return rows
}
