//go:build linux

package bench

import (
	"os"
	"testing"
	"time"

	"postern/internal/posterntest"
)

// BenchmarkInProcess carries requests through service and connector in this process: `make profile` has it profiled, and what is
// built is optimised for what that finds.
func BenchmarkInProcess(b *testing.B) {
	startNginx(b) // its second hop's backend is what is published
	system := posterntest.New(b)
	system.Connector("bench")
	system.Assign(system.Publish("bench", Backend+"/"), system.User("ada"))
	side := Side{Name: "postern", URL: system.URL("bench", "/1k"), Address: system.Address(), PIDs: []int{os.Getpid()},
		Headers: []string{"cookie: " + signIn(b, system)}}
	for b.Loop() {
		for _, load := range []Load{
			{Connections: 64, Duration: 10 * time.Second, Rounds: 1, Body: 1024},
			{HTTP2: true, Connections: 8, Streams: 8, Duration: 10 * time.Second, Rounds: 1, Body: 1024},
		} {
			if _, err := Compare(b.Context(), load, side); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(0, "ns/op")
	}
}
