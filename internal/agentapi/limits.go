package agentapi

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"postern/internal/match"
)

// maxAddresses bounds how many addresses are remembered; the one unseen for longest is forgotten.
// Who can send from so many to be forgotten has to send from as many at the same time.
const maxAddresses = 16 << 10

// limits is a token bucket for each address.
type limits struct {
	rate  float64 // tokens a second
	burst float64

	mu      sync.Mutex                     // guards what follows
	buckets map[netip.Prefix]*list.Element // of *bucket
	order   *list.List                     // most recently seen first
}

type bucket struct {
	key    netip.Prefix
	tokens float64
	seen   time.Time
}

func newLimits(rate float64, burst int) *limits {
	return &limits{rate: rate, burst: float64(burst), buckets: map[netip.Prefix]*list.Element{}, order: list.New()}
}

// take takes a token of the address, or says how long until there is one.
func (l *limits) take(address string, now time.Time) time.Duration {
	addr, _ := netip.ParseAddr(address) // all that cannot be read share one
	key := match.Network(addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	element, ok := l.buckets[key]
	if !ok {
		if l.order.Len() >= maxAddresses {
			oldest := l.order.Back()
			l.order.Remove(oldest)
			delete(l.buckets, oldest.Value.(*bucket).key)
		}
		element = l.order.PushFront(&bucket{key, l.burst, now})
		l.buckets[key] = element
	}
	l.order.MoveToFront(element)
	b := element.Value.(*bucket)
	if passed := now.Sub(b.seen); passed > 0 { // clocks may step back
		b.tokens = min(l.burst, b.tokens+passed.Seconds()*l.rate)
	}
	b.seen = now
	if b.tokens < 1 {
		return max(time.Duration((1-b.tokens)/l.rate*float64(time.Second)), time.Millisecond)
	}
	b.tokens--
	return 0
}
