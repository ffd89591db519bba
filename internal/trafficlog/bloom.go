package trafficlog

import (
	"math/bits"
	"net/netip"
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// A bloom tells what a block certainly does not hold. It is filled at its full size, and halved as long as it is
// sparse: so nobody needs to know beforehand how much comes.
type bloom []uint64

const (
	bloomWords  = 1 << 10 // 64 Kibit
	bloomHashes = 4

	bloomRecords = 8 << 10 // fill half of it, if each has something of its own
)

func (b bloom) add(h uint64) {
	step := h>>33 | 1
	for range bloomHashes {
		bit := h & uint64(len(b)*64-1)
		b[bit>>6] |= 1 << (bit & 63)
		h += step
	}
}

func (b bloom) has(h uint64) bool {
	step := h>>33 | 1
	for range bloomHashes {
		bit := h & uint64(len(b)*64-1)
		if b[bit>>6]&(1<<(bit&63)) == 0 {
			return false
		}
		h += step
	}
	return true
}

// fold gives the smallest form in which about half of the bits are still zero. It changes b.
func (b bloom) fold() bloom {
	for len(b) > 1 {
		half := len(b) / 2
		ones := 0
		for i := range half {
			ones += bits.OnesCount64(b[i] | b[i+half])
		}
		if ones*2 > half*64 {
			break
		}
		for i := range half {
			b[i] |= b[i+half]
		}
		b = b[:half]
	}
	return b
}

// A term is a field with a value that a block may hold.
type term byte

// The terms. Their bytes stand in files: none is given to another.
const (
	termUser        term = 'u'
	termApplication term = 'a'
	termConnector   term = 'c'
	termGateway     term = 'g'
	termRequest     term = 'r'
	termHost        term = 'h'
	termNetwork     term = 'n' // of 24 bits, or of 48
	termMethod      term = 'm'
	termStatus      term = 's'
	termReason      term = 'x'
	termOutcome     term = 'o'
	termDevice      term = 'd'
)

func (t term) hash(value string) uint64 {
	return xxhash.Sum64String(value)*0x9e3779b97f4a7c15 + uint64(t)*0xff51afd7ed558ccd
}

// index adds by which texts a record can be found. same tells which of them the record before it had, too: those are there.
func (b bloom) index(list *texts, same uint64) {
	for i, t := range list {
		if same>>i&1 != 0 || *t.value == "" {
			continue
		}
		if t.field == fieldClient {
			b.network(*t.value)
		} else if term := terms[t.field]; term != 0 {
			b.add(term.hash(*t.value))
		}
	}
}

// terms are the texts by which a record can be found as they are.
var terms = [fieldsEnd]term{
	fieldUserID: termUser, fieldApplication: termApplication, fieldConnector: termConnector, fieldGateway: termGateway, fieldRequest: termRequest,
	fieldHost: termHost, fieldMethod: termMethod, fieldReason: termReason, fieldOutcome: termOutcome, fieldDevice: termDevice,
}

// network adds the network of an address, or the one that a summary has.
func (b bloom) network(client string) {
	address := addressOf(client)
	if !address.IsValid() { // of a summary, which has a network
		if network, err := netip.ParsePrefix(client); err == nil {
			b.add(networkHash(network))
		}
		return
	}
	network, _ := address.Prefix(networkBits(address))
	b.add(networkHash(network))
}

func statusHash(status int) uint64 { return termStatus.hash(strconv.Itoa(status)) }

func networkHash(network netip.Prefix) uint64 {
	raw := network.Addr().As16()
	return termNetwork.hash(string(raw[:])) + uint64(network.Bits())
}
