//go:build linux

package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// BenchmarkConnections prints what a request costs whose client makes a connection for it alone, handshake included.
func BenchmarkConnections(b *testing.B) {
	sides := []Side{startNginx(b).Side, startPostern(b).Side}
	load := Load{Connections: 16, Duration: 2 * time.Second, Body: 1024}
	for b.Loop() {
		rounds, err := inTurn(rounds(), sides, func(side Side) (Round, error) { return connections(b.Context(), load, side) })
		if err != nil {
			b.Fatal(err)
		}
		fmt.Println()
		if err := Print(os.Stdout, sides, rounds); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(ratio(rounds[1], rounds[0], cpu), "x-nginx-cpu")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkOpenLoop prints how long answers take at 2,000 requests a second, whatever they take.
func BenchmarkOpenLoop(b *testing.B) {
	sides := []Side{startNginx(b).Side, startPostern(b).Side}
	load := Load{Connections: 64, Duration: 4 * time.Second, Body: 1024}
	p50 := func(l Latencies) float64 { return float64(l.P50.Microseconds()) }
	p99 := func(l Latencies) float64 { return float64(l.P99.Microseconds()) }
	for b.Loop() {
		rounds, err := inTurn(rounds(), sides, func(side Side) (Latencies, error) { return openLoop(b.Context(), load, side, 2000) })
		if err != nil {
			b.Fatal(err)
		}
		fmt.Println()
		for i, side := range sides {
			low50, middle50, high50 := spread(rounds[i], p50)
			low99, middle99, high99 := spread(rounds[i], p99)
			fmt.Printf("%16s  p50 %4.0f µs (%.0f–%.0f) ratio %.2f   p99 %5.0f µs (%.0f–%.0f) ratio %.2f\n", side.Name,
				middle50, low50, high50, ratio(rounds[i], rounds[0], p50), middle99, low99, high99, ratio(rounds[i], rounds[0], p99))
		}
		b.ReportMetric(ratio(rounds[1], rounds[0], p50), "x-nginx-p50")
		b.ReportMetric(ratio(rounds[1], rounds[0], p99), "x-nginx-p99")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkIdle prints the memory of the first hop for a connection that has had an answer and says nothing: each side
// fresh, since memory once taken is not given back at once.
func BenchmarkIdle(b *testing.B) {
	const count = 3000
	sides := []Side{startNginx(b).Side, startPostern(b).Side}
	for b.Loop() {
		for i, side := range sides {
			each, err := idle(b.Context(), side, 1024, count)
			if err != nil {
				b.Fatal(err)
			}
			fmt.Printf("%16s  %.1f KiB for each of %d idle connections\n", side.Name, each/1024, count)
			if i == 1 {
				b.ReportMetric(each/1024, "KiB/connection")
			}
		}
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkAllocations prints how many objects the service allocates for a request of a kept connection: by how much more a long
// round takes than a short one, since opening connections takes many.
func BenchmarkAllocations(b *testing.B) {
	startNginx(b)
	subject := startPostern(b)
	round := func(length time.Duration) (objects, requests float64) {
		before := mallocs(b, subject.metrics)
		round, err := measure(b.Context(), Load{Connections: 64, Duration: length, Body: 1024}, subject.Side)
		if err != nil {
			b.Fatal(err)
		}
		return mallocs(b, subject.metrics) - before, float64(round.Requests)
	}
	for b.Loop() {
		var counts []float64
		for range 1 + rounds() {
			short, few := round(500 * time.Millisecond)
			long, many := round(3 * time.Second)
			counts = append(counts, (long-short)/(many-few))
		}
		each := median(counts[1:]) // without what the first connections took
		fmt.Printf("%.1f allocations a request, of %v\n", each, counts[1:])
		b.ReportMetric(each, "allocs/request")
		b.ReportMetric(0, "ns/op")
	}
}

var mallocsLine = regexp.MustCompile(`(?m)^go_memstats_mallocs_total (\S+)$`)

func mallocs(b *testing.B, metrics string) float64 {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, metrics, nil)
	if err != nil {
		b.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	found := mallocsLine.FindSubmatch(text)
	if err != nil || found == nil {
		b.Fatalf("%s: %v: %.300s", metrics, err, text)
	}
	count, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return count
}

// BenchmarkApplications prints what a request costs at a service of 200 applications beside one that has one.
func BenchmarkApplications(b *testing.B) {
	startNginx(b)
	one, many := startPostern(b), startPostern(b)
	one.Name, many.Name = "one", "two hundred"
	for n := range 199 {
		many.system.Publish(fmt.Sprintf("other%03d", n), Backend+"/")
	}
	compare(b, []Side{one.Side, many.Side}, func(b *testing.B, rounds [][]Round) {
		b.ReportMetric(ratio(rounds[1], rounds[0], cpu), "x-one-cpu")
	})
}
