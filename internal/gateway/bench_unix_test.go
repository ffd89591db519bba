//go:build unix

package gateway_test

import (
	"io"
	"net/http"
	"syscall"
	"testing"
)

// BenchmarkRequest is the whole path of a 1 KiB request with session, policy and record: client,
// gateway, connector and backend in one process. cpu-µs/op is of all of them.
func BenchmarkRequest(b *testing.B) {
	for _, proto := range []struct {
		name   string
		change func(*http.Transport)
	}{{"h1", nil}, {"h2", http2}} {
		b.Run(proto.name, func(b *testing.B) {
			w := newWorld(b)
			body := make([]byte, 1024)
			backend := newBackend(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) }))
			w.connect("a")
			w.publish("https://wiki.test/", backend.URL, nil)
			client := w.client(func(tr *http.Transport) {
				tr.MaxIdleConnsPerHost = 64
				if proto.change != nil {
					proto.change(tr)
				}
			})
			b.ReportAllocs()
			b.SetParallelism(16)
			before := cpu(b)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req, _ := http.NewRequest("GET", "https://wiki.test/", nil)
					req.Header.Set("Cookie", signedIn)
					res, err := client.Do(req)
					if err != nil {
						b.Error(err)
						return
					}
					io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			})
			b.StopTimer()
			b.ReportMetric((cpu(b)-before)/float64(b.N), "cpu-µs/op")
		})
	}
}

// cpu gives the microseconds of processor time that this process has used.
func cpu(b *testing.B) float64 {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1000
}
