package tun

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Synthetic addresses are of 198.18.0.0/15, which no network uses: it is for measuring (RFC 2544, section C.2.2). A name that has
// IPv6 addresses gets one of a private prefix of ours, made at random (RFC 4193).
var (
	pool4   = netip.MustParsePrefix("198.18.0.0/15")
	pool6   = netip.MustParsePrefix("fd5e:b07a:6c1d:5e::/112")
	server4 = netip.MustParseAddr("198.18.0.1") // answers for names
	server6 = netip.MustParseAddr("fd5e:b07a:6c1d:5e::1")
)

const (
	firstName = 16     // addresses before are ours
	maxNames  = 60_000 // names that have an address at once; pool6 has 65,536
)

// names gives each private name an address, and the same one again: by its hash, so that it stays over a restart too unless another
// name had that place. Names that were not asked for the longest make room.
type names struct {
	mu      sync.Mutex // guards the fields below
	byName  map[string]uint32
	byPlace map[uint32]*named
	clock   uint64
}

type named struct {
	name  string
	used  uint64
	known []netip.Addr // that a connector found
	asked time.Time
}

// Name is a private name that a program asked for.
type Name struct {
	Name  string
	Given []netip.Addr // the synthetic addresses
	Known []netip.Addr // what a connector found, when it was asked last
	Asked time.Time
}

// list gives the names that have addresses, the one that was asked for last first.
func (n *names) list() []Name {
	n.mu.Lock()
	var all []Name
	for at, one := range n.byPlace {
		four, six := synthetic(at)
		all = append(all, Name{one.name, []netip.Addr{four, six}, one.known, one.asked})
	}
	n.mu.Unlock()
	slices.SortFunc(all, func(a, b Name) int { return cmp.Or(b.Asked.Compare(a.Asked), strings.Compare(a.Name, b.Name)) })
	return all
}

func newNames() *names {
	return &names{byName: map[string]uint32{}, byPlace: map[uint32]*named{}}
}

// place gives a name's place, the same for both families.
func (n *names) place(name string) uint32 {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clock++
	if at, ok := n.byName[name]; ok {
		n.byPlace[at].used = n.clock
		return at
	}
	if len(n.byName) >= maxNames {
		n.makeRoom()
	}
	sum := sha256.Sum256([]byte(name))
	const places = 1<<16 - firstName
	at := binary.BigEndian.Uint32(sum[:]) % places
	for n.byPlace[at+firstName] != nil {
		at = (at + 1) % places
	}
	n.byName[name], n.byPlace[at+firstName] = at+firstName, &named{name: name, used: n.clock}
	return at + firstName
}

// makeRoom drops the older half.
func (n *names) makeRoom() {
	for at, one := range n.byPlace {
		if one.used+maxNames/2 < n.clock {
			delete(n.byPlace, at)
			delete(n.byName, one.name)
		}
	}
	if len(n.byName) >= maxNames { // all are in use: none is old
		clear(n.byName)
		clear(n.byPlace)
	}
}

// addresses gives a name's synthetic addresses, and notes what is known of it.
func (n *names) addresses(name string, known []netip.Addr) (four, six netip.Addr) {
	at := n.place(name)
	n.mu.Lock()
	if one := n.byPlace[at]; one != nil {
		one.asked = time.Now()
		if len(known) > 0 && known[0].IsValid() {
			one.known = known
		}
	}
	n.mu.Unlock()
	return synthetic(at)
}

func synthetic(at uint32) (four, six netip.Addr) {
	a4 := pool4.Addr().As4()
	binary.BigEndian.PutUint32(a4[:], binary.BigEndian.Uint32(a4[:])+at)
	a6 := pool6.Addr().As16()
	binary.BigEndian.PutUint16(a6[14:], uint16(at))
	return netip.AddrFrom4(a4), netip.AddrFrom16(a6)
}

// name gives whose a synthetic address is, and whether it is a synthetic one at all.
func (n *names) name(addr netip.Addr) (name string, synthetic bool) {
	var at uint32
	switch {
	case pool4.Contains(addr):
		a := addr.As4()
		first := pool4.Addr().As4()
		at = binary.BigEndian.Uint32(a[:]) - binary.BigEndian.Uint32(first[:])
	case pool6.Contains(addr):
		a := addr.As16()
		at = uint32(binary.BigEndian.Uint16(a[14:]))
	default:
		return "", false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if one := n.byPlace[at]; one != nil {
		n.clock++
		one.used = n.clock
		return one.name, true
	}
	return "", true
}
