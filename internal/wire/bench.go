package wire

import "time"

// KindBench is a stream of a measurement that the connector itself has begun: its other end is a backend in the connector's own
// process. A connector that has begun none refuses it.
const KindBench Kind = "bench"

// QuestionBench asks the gateway that holds the tunnel to load the connector: AskBench → BenchResult. The service refuses it
// unless an administrator allowed this connector to measure.
const QuestionBench = "bench"

// The bounds of a measurement.
const (
	MaxBenchSize    = 1 << 20 // bytes of a reply
	MaxBenchStreams = 512
	MaxBenchTime    = 20 * time.Second
	BenchRequest    = 256 // bytes of each request; the first eight are the size of the reply, big endian
)

// AskBench asks for so many streams, each of which carries one transaction after the other.
type AskBench struct {
	Size    int           `json:"size"`    // bytes of each reply
	Streams int           `json:"streams"` // at once
	Time    time.Duration `json:"time"`    // nanoseconds
}

// BenchResult is what the gateway measured.
type BenchResult struct {
	Gateway      string        `json:"gateway"`
	Transactions uint64        `json:"transactions"`
	Failed       uint64        `json:"failed"` // streams that ended early
	Took         time.Duration `json:"took"`
	P50          time.Duration `json:"p50"`
	P99          time.Duration `json:"p99"`
}
