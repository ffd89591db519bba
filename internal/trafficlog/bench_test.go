package trafficlog

import (
	"testing"

	"postern/internal/wire"
)

// BenchmarkRecord is what a request pays: a copy into the queue.
func BenchmarkRecord(b *testing.B) {
	l, err := New(Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	rec := record(1)
	b.ReportAllocs()
	for b.Loop() {
		l.Record(rec)
		if l.queue.waits() == wakeAt {
			list, _ := l.queue.take()
			l.queue.give(list)
		}
	}
}

// BenchmarkRefused is what a hostile request pays.
func BenchmarkRefused(b *testing.B) {
	l, err := New(Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	rec := refused("198.51.100.7:4711")
	b.ReportAllocs()
	for b.Loop() {
		l.Record(rec)
	}
}

// BenchmarkWrite is what a record costs the one goroutine that writes.
func BenchmarkWrite(b *testing.B) {
	build, err := newBuilder()
	if err != nil {
		b.Fatal(err)
	}
	list := make([]wire.Record, 5000)
	for n := range list {
		list[n] = record(n)
	}
	var packed, n int
	b.ReportAllocs()
	for b.Loop() {
		build.add(&list[n%len(list)], uint64(n+1))
		if n++; len(build.raw) >= 256<<10 {
			block, _ := build.seal()
			packed += len(block)
		}
	}
	b.ReportMetric(float64(packed)/float64(n), "B/record")
}
