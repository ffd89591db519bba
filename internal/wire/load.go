package wire

import "time"

// The resources that a connector may run short of.
const (
	ResourceCPU     = "cpu"     // processors
	ResourceMemory  = "memory"  // bytes
	ResourceStreams = "streams" // open at once
	ResourcePorts   = "ports"   // of its own, towards the one address that takes most
	ResourceHandles = "handles" // open files and sockets
)

// Load is how much of what it has a connector uses.
type Load struct {
	// Window is what Sustained is taken over. It is shorter than LoadWindow while the process is young.
	Window    time.Duration `json:"window"`
	Resources []Resource    `json:"resources"`
}

// LoadWindow is how long something lasts that is no peak.
const LoadWindow = 5 * time.Minute

// Resource is how much a connector uses of one thing.
type Resource struct {
	Name      string  `json:"name"`
	Limit     float64 `json:"limit"`
	Used      float64 `json:"used"`      // at the last look
	Sustained float64 `json:"sustained"` // what it used for at most a twentieth of Window more than (95th percentile)
}

// Share is how much of the resource is used for long, from 0 to 1 and beyond.
func (r Resource) Share() float64 {
	if r.Limit <= 0 {
		return 0
	}
	return r.Sustained / r.Limit
}

// Narrowest gives the resource of which the least is left; false if none is known.
func (l *Load) Narrowest() (Resource, bool) {
	if l == nil || len(l.Resources) == 0 {
		return Resource{}, false
	}
	most := l.Resources[0]
	for _, r := range l.Resources[1:] {
		if r.Share() > most.Share() {
			most = r
		}
	}
	return most, true
}

// HeadRoom is how much more of its narrowest resource a connector has, from 0 to 1; false if it is not known.
func (l *Load) HeadRoom() (float64, bool) {
	narrowest, ok := l.Narrowest()
	return min(1, max(0, 1-narrowest.Share())), ok
}

// Sample is what a connector measured of itself in one interval, as a rule a minute. It never changes: it is told until the service
// has it, and the report's Instance with Seq says that it is the same one.
type Sample struct {
	Seq    uint64        `json:"seq"`    // counts the intervals of this instance, from 1
	End    time.Time     `json:"end"`    // by the connector's clock
	Length time.Duration `json:"length"` // by a clock that does not jump

	// Counted in the interval.
	Opened      uint64            `json:"opened,omitempty"` // streams, questions included
	BytesIn     uint64            `json:"bytesIn,omitempty"`
	BytesOut    uint64            `json:"bytesOut,omitempty"`
	TunnelsMade uint64            `json:"tunnelsMade,omitempty"`
	TunnelsLost uint64            `json:"tunnelsLost,omitempty"`
	DialErrors  uint64            `json:"dialErrors,omitempty"` // of tunnels
	Refusals    map[string]uint64 `json:"refusals,omitempty"`   // streams, by the code of the refusal
	Resolve     Timing            `json:"resolve,omitzero"`     // names of backends
	Connect     Timing            `json:"connect,omitzero"`     // backend connections
	CPU         time.Duration     `json:"cpu,omitempty"`

	// The highest at any look in the interval.
	Streams int                `json:"streams,omitempty"`
	Memory  uint64             `json:"memory,omitempty"` // bytes
	Handles int                `json:"handles,omitempty"`
	Shares  map[string]float64 `json:"shares,omitempty"` // of each resource

	// The fewest at any look in the interval.
	Tunnels int `json:"tunnels,omitempty"`

	// At its end.
	RoundTrips  Timing    `json:"roundTrips,omitzero"` // of the tunnels
	Certificate time.Time `json:"certificate"`         // when it expires
}

// Timing is how often something was measured, and how long it took in all.
type Timing struct {
	Count uint64        `json:"count"`
	Sum   time.Duration `json:"sum"`
}

// MaxSamples bounds the samples of one report, MaxSampleCauses the codes of one sample.
const (
	MaxSamples      = 30
	MaxSampleCauses = 16
)
