package access

import (
	"time"

	"postern/internal/match"
)

// Discovered is a destination that Quick Access carried.
type Discovered struct {
	Destination string // host:port/protocol; what names it
	Users       int    // different ones
	Devices     int    // different ones
	Flows       int64
	Received    int64 // bytes from devices
	Sent        int64 // bytes to devices
	First, Last time.Time
}

// DiscoveredUse is one user's use of a destination from one device on one day.
type DiscoveredUse struct {
	Destination  string
	User, Device ID
	Day          time.Time // when it began, UTC
	Flows        int64
	Received     int64
	Sent         int64
	First, Last  time.Time
}

// Bounds of what is discovered.
const (
	DiscoveryDays = 30      // that it is kept
	MaxDiscovered = 200_000 // uses that are kept
)

// DestinationOf reads what names a discovered destination, as the segment that it would be.
func DestinationOf(text string) (Segment, match.Host, error) {
	s, err := ParseSegment(text)
	if err != nil {
		return s, match.Host{}, err
	}
	host, err := match.ParseHost(s.Destination)
	return s, host, err
}
