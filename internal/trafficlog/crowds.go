package trafficlog

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"postern/internal/wire"
)

// crowdsEvery is how long what is summed up is gathered before it is written.
const crowdsEvery = time.Minute

// A guest is who may have so many records of what was not carried.
type guest struct {
	network netip.Prefix
	user    string
}

// A crowd is what one summary tells of.
type crowd struct {
	guest
	application, reason, hop string
	outcome                  wire.Outcome
}

// crowds sums up what was not carried, after the first of a minute: anybody can make it, as often as the line
// allows. What it holds is bounded.
type crowds struct {
	limits Limits

	mu    sync.Mutex // guards the fields below
	since time.Time
	full  int // records of this minute that are kept one by one
	seen  map[guest]int
	sums  map[crowd]*wire.Record
}

func (c *crowds) init(l Limits) {
	c.limits = l
	c.since = time.Now()
	c.seen, c.sums = map[guest]int{}, map[crowd]*wire.Record{}
}

// admit reports whether a record is kept by itself. One that is not is counted.
func (c *crowds) admit(r *wire.Record) bool {
	who := guest{networkOf(r.Client), r.UserID}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.seen[who]; n < c.limits.Refusals && c.full < c.limits.AllRefusals {
		c.seen[who] = n + 1
		c.full++
		return true
	}
	key := crowd{who, r.Application, r.Reason, r.Hop, r.Outcome}
	sum, known := c.sums[key]
	if !known && len(c.sums) >= c.limits.Networks {
		key = crowd{reason: r.Reason, hop: r.Hop, outcome: r.Outcome} // all others together
		sum, known = c.sums[key]
	}
	if !known {
		sum = &wire.Record{Time: r.Time, Request: r.Request, Gateway: r.Gateway, Application: key.application, UserID: key.user,
			Outcome: r.Outcome, Action: r.Action, Reason: r.Reason, Hop: r.Hop, Complete: true}
		if key.network.IsValid() {
			sum.Client = key.network.String()
		}
		if key.user != "" {
			sum.User = r.User
		}
		c.sums[key] = sum
	}
	sum.Count += r.Requests()
	sum.Status = r.Status
	sum.Received += r.Received
	sum.Sent += r.Sent
	sum.Duration = max(sum.Duration, r.End().Sub(sum.Time))
	return false
}

// over gives the summaries when their minute is over, or at once.
func (c *crowds) over(atOnce bool) []wire.Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !atOnce && time.Since(c.since) < crowdsEvery {
		return nil
	}
	list := make([]wire.Record, 0, len(c.sums))
	for _, sum := range c.sums {
		list = append(list, *sum)
	}
	c.since, c.full = time.Now(), 0
	clear(c.seen)
	clear(c.sums)
	slices.SortFunc(list, func(a, b wire.Record) int { return a.Time.Compare(b.Time) })
	return list
}

// networkOf gives the network of a client: of IPv4 the first 24 bits, of IPv6 48, since whoever has one address
// there mostly has all.
func networkOf(client string) netip.Prefix {
	address := addressOf(client)
	network, _ := address.Prefix(networkBits(address)) // of no address none
	return network
}

func networkBits(address netip.Addr) int {
	if address.Is4() {
		return 24
	}
	return 48
}

// addressOf reads the address of a client, which comes with a port.
func addressOf(client string) netip.Addr {
	if at, err := netip.ParseAddrPort(client); err == nil {
		return at.Addr().Unmap().WithZone("")
	}
	address, err := netip.ParseAddr(client)
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}
