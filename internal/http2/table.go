package http2

import "golang.org/x/net/http2/hpack"

// staticTable is the table of RFC 7541 appendix A; index 0 is none.
var staticTable = readStaticTable()

const staticSize = 61

type pair struct{ name, value string }

// readStaticTable has x/net's decoder tell its table: it is not exported, and written down once is enough.
func readStaticTable() (table [staticSize + 1]pair) {
	n := 0
	d := hpack.NewDecoder(0, func(f hpack.HeaderField) {
		n++
		table[n] = pair{f.Name, f.Value}
	})
	for i := range staticSize {
		_, _ = d.Write([]byte{0x80 | byte(i+1)}) // it cannot fail
	}
	return table
}

// staticNames gives the first index of a name in the static table.
var staticNames = indexNames()

func indexNames() map[string]byte {
	names := map[string]byte{}
	for i := staticSize; i > 0; i-- {
		names[staticTable[i].name] = byte(i)
	}
	return names
}

// tableSize is how large a dynamic table is that nobody spoke about (RFC 9113 section 6.5.2). We never offer another.
const tableSize = 4096

// A dynamicTable is a decoder's (RFC 7541 section 2.3.2). Names and values lie in one buffer, oldest first.
type dynamicTable struct {
	most    int // what the client lets it grow to: at most tableSize
	size    int // as RFC 7541 section 4.1 counts
	data    []byte
	entries []entry // oldest first, from first
	first   int     // of the entries that were not evicted
}

type entry struct{ at, name, value int32 } // where in data, and the lengths

func (e entry) size() int { return int(e.name) + int(e.value) + 32 }

func (t *dynamicTable) count() int { return len(t.entries) - t.first }

// get gives the i-th newest entry from 1. It is good until something is added.
func (t *dynamicTable) get(i int) (name, value []byte) {
	e := t.entries[len(t.entries)-i]
	at := int(e.at)
	return t.data[at : at+int(e.name)], t.data[at+int(e.name) : at+int(e.name)+int(e.value)]
}

// resize is a dynamic table size update.
func (t *dynamicTable) resize(most int) {
	t.most = most
	t.evict(0)
	t.compact()
}

func (t *dynamicTable) evict(room int) {
	for t.count() > 0 && t.size+room > t.most {
		t.size -= t.entries[t.first].size()
		t.first++
	}
}

// add adds an entry, whose name may be one of the table's own.
func (t *dynamicTable) add(name, value []byte) {
	need := len(name) + len(value) + 32
	if need > t.most { // that empties the table (RFC 7541 section 4.4)
		t.evict(need)
		t.compact()
		return
	}
	at := len(t.data)
	t.data = append(append(t.data, name...), value...) // before the name may be evicted
	t.evict(need)
	t.entries = append(t.entries, entry{int32(at), int32(len(name)), int32(len(value))})
	t.size += need
	if len(t.data) > 2*tableSize || t.first > 2*tableSize/32 {
		t.compact()
	}
}

// compact moves what is left to the front.
func (t *dynamicTable) compact() {
	if t.count() == 0 {
		t.data, t.entries, t.first = t.data[:0], t.entries[:0], 0
		return
	}
	from := t.entries[t.first].at
	t.data = t.data[:copy(t.data, t.data[from:])]
	t.entries = t.entries[:copy(t.entries, t.entries[t.first:])]
	for i := range t.entries {
		t.entries[i].at -= from
	}
	t.first = 0
}
