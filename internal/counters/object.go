package counters

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"unicode/utf16"
)

// The machines that Object knows, by Go's names: the machine of the object file and its relocation that is relative to the image.
var machines = map[string]struct{ machine, relocation uint16 }{
	"amd64": {0x8664, 3},
	"arm64": {0xaa64, 2},
}

const (
	stringTable   = 6      // RT_STRING of winuser.h
	english       = 0x0409 // what every Windows falls back to
	perBlock      = 16     // strings in a resource
	initialized   = 0x40000040
	directorySize = 16
	entrySize     = 8
	dataSize      = 16
	toDirectory   = 1 << 31 // of an entry: it leads to another directory
)

// block is one resource: sixteen strings, those that are not there empty.
type block struct {
	id   uint32
	data []byte
}

// blocks packs strings into resources, in their order.
func (s Set) blocks() []block {
	all := s.Strings()
	var blocks []block
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if n := uint32(id/perBlock) + 1; len(blocks) == 0 || blocks[len(blocks)-1].id != n {
			blocks = append(blocks, block{id: n})
		}
	}
	for i := range blocks {
		var data []byte
		for k := range uint16(perBlock) {
			text := utf16.Encode([]rune(all[uint16(blocks[i].id-1)*perBlock+k]))
			data = binary.LittleEndian.AppendUint16(data, uint16(len(text)))
			for _, unit := range text {
				data = binary.LittleEndian.AppendUint16(data, unit)
			}
		}
		blocks[i].data = data
	}
	return blocks
}

// Object gives an object file with the set's texts as resources, which Go links into a program where it lies beside its source as a
// .syso file. arch is Go's name of a processor.
func (s Set) Object(arch string) ([]byte, error) {
	m, ok := machines[arch]
	if !ok {
		return nil, fmt.Errorf("no object files are known for %s", arch)
	}
	section, places := s.section()
	const header, sectionHeader, relocationSize = 20, 40, 10
	var out bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&out, binary.LittleEndian, v) // a buffer takes what has a fixed size
		}
	}
	raw := uint32(header + sectionHeader)
	relocations := raw + uint32(len(section))
	symbols := relocations + relocationSize*uint32(len(places))
	put(m.machine, uint16(1), uint32(0), symbols, uint32(1), uint16(0), uint16(0))
	put([8]byte{'.', 'r', 's', 'r', 'c'}, uint32(0), uint32(0), uint32(len(section)), raw, relocations, uint32(0), uint16(len(places)), uint16(0),
		uint32(initialized))
	put(section)
	for _, place := range places {
		put(place, uint32(0), m.relocation)
	}
	put([8]byte{'.', 'r', 's', 'r', 'c'}, uint32(0), int16(1), uint16(0), uint8(3), uint8(0)) // the section itself, static
	put(uint32(4))                                                                            // no long names
	return out.Bytes(), nil
}

// section gives the tree of resources (type, number, language), then the data, and where in it addresses are that the linker
// completes.
func (s Set) section() (section []byte, places []uint32) {
	blocks := s.blocks()
	n := uint32(len(blocks))
	numbers := uint32(directorySize + entrySize)
	languages := numbers + directorySize + n*entrySize
	entries := languages + n*(directorySize+entrySize)
	data := entries + n*dataSize
	put := func(values ...uint32) {
		for _, v := range values {
			section = binary.LittleEndian.AppendUint32(section, v)
		}
	}
	directory := func(children uint32) { put(0, 0, 0, children<<16) } // none by name
	directory(1)
	put(stringTable, toDirectory|numbers)
	directory(n)
	for i, b := range blocks {
		put(b.id, toDirectory|(languages+uint32(i)*(directorySize+entrySize)))
	}
	for i := range n {
		directory(1)
		put(english, entries+i*dataSize)
	}
	at := data
	for _, b := range blocks {
		places = append(places, uint32(len(section)))
		put(at, uint32(len(b.data)), 0, 0)
		at += aligned(len(b.data))
	}
	for _, b := range blocks {
		section = append(section, b.data...)
		section = append(section, make([]byte, int(aligned(len(b.data)))-len(b.data))...)
	}
	return section, places
}

func aligned(size int) uint32 { return uint32(size+7) &^ 7 }
