package counters

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"encoding/xml"
	"maps"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// sample is a set with a counter of each kind, and more strings than one resource holds.
func sample() Set {
	return Set{
		Symbol: "Sample", Provider: "{11111111-2222-3333-4444-555555555555}", ID: "{66666666-7777-8888-9999-aaaaaaaaaaaa}",
		Name: "Sample & Söhne", Description: "Counters of a <test>.",
		Counters: []Counter{
			{"Open", "Open", "What is open.", Value},
			{"Done", "Done/sec", "What was done.", Rate},
			{"Took", "Took", "How long it took.", Mean},
			{"TookCount", "", "", Count},
			{"Last", "Last", "The last one 𝄞.", Value},
		},
	}
}

// TestStrings holds the numbers, which are those of ctrpp, Microsoft's own tool: 1, 2, 3; 5, 6, 7; and so on.
func TestStrings(t *testing.T) {
	want := map[uint16]string{
		1: "Sample & Söhne", 2: "Sample & Söhne", 3: "Counters of a <test>.",
		5: "Open", 6: "Open", 7: "What is open.", 9: "Done/sec", 10: "Done/sec", 11: "What was done.",
		13: "Took", 14: "Took", 15: "How long it took.", 21: "Last", 22: "Last", 23: "The last one 𝄞.",
	}
	if diff := cmp.Diff(want, sample().Strings()); diff != "" {
		t.Error(diff)
	}
}

func TestManifest(t *testing.T) {
	text, err := sample().Manifest("sample.exe")
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := xml.Unmarshal(text, &m); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	provider := m.Counters.Provider
	if provider.Program != "sample.exe" || provider.ID != sample().Provider || provider.Set.ID != sample().ID || provider.Set.Name != "Sample & Söhne" {
		t.Errorf("the provider is %+v", provider)
	}
	reference := []manifestAttribute{{"reference"}}
	want := []manifestCounter{
		{ID: 1, URI: "Sample.Open", Name: "Open", Description: "What is open.", Type: "perf_counter_large_rawcount", Detail: "standard", Attributes: reference},
		{ID: 2, URI: "Sample.Done", Name: "Done/sec", Description: "What was done.", Type: "perf_counter_bulk_count", Detail: "standard", Attributes: reference},
		{ID: 3, URI: "Sample.Took", Name: "Took", Description: "How long it took.", Type: "perf_average_bulk", Base: 4, Detail: "standard", Attributes: reference},
		{ID: 4, URI: "Sample.TookCount", Type: "perf_average_base", Detail: "standard", Attributes: append(reference, manifestAttribute{"noDisplay"})},
		{ID: 5, URI: "Sample.Last", Name: "Last", Description: "The last one 𝄞.", Type: "perf_counter_large_rawcount", Detail: "standard", Attributes: reference},
	}
	if diff := cmp.Diff(want, provider.Set.Counters); diff != "" {
		t.Error(diff)
	}
	for _, words := range []string{`<instrumentationManifest xmlns="http://schemas.microsoft.com/win/2004/08/events">`,
		`<counters xmlns="http://schemas.microsoft.com/win/2005/12/counters" schemaVersion="1.1">`} {
		if !strings.Contains(string(text), words) {
			t.Errorf("no %s in\n%s", words, text)
		}
	}
	for _, wrong := range []Set{
		{Symbol: "X", Counters: []Counter{{"A", "A", "", Mean}}},
		{Symbol: "X", Counters: []Counter{{"A", "A", "", Mean}, {"B", "B", "", Value}}},
		{Symbol: "X", Counters: []Counter{{"A", "A", "", Kind(9)}}},
	} {
		if _, err := wrong.Manifest("x.exe"); err == nil {
			t.Errorf("%+v has a manifest", wrong)
		}
	}
}

// TestObject reads the strings as Windows does: type, number, language, then the block of sixteen.
func TestObject(t *testing.T) {
	for arch, relocation := range map[string]uint16{"amd64": 3, "arm64": 2} {
		data, err := sample().Object(arch)
		if err != nil {
			t.Fatal(err)
		}
		file, err := pe.NewFile(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", arch, err)
		}
		section := file.Section(".rsrc")
		raw, err := section.Data()
		if err != nil {
			t.Fatal(err)
		}
		r := reader{t, raw}
		types := r.directory(0)
		got, entries := map[uint16]string{}, map[uint32]bool{}
		for number, languages := range r.directory(types[stringTable] &^ toDirectory) {
			entry := r.directory(languages &^ toDirectory)[english]
			entries[entry] = true
			maps.Copy(got, r.block(number, entry))
		}
		if diff := cmp.Diff(sample().Strings(), got); diff != "" {
			t.Errorf("%s: %s", arch, diff)
		}
		if len(section.Relocs) != len(entries) || len(types) != 1 {
			t.Errorf("%s: %d addresses for %d blocks of %d types", arch, len(section.Relocs), len(entries), len(types))
		}
		for _, place := range section.Relocs {
			if !entries[place.VirtualAddress] || place.Type != relocation || file.COFFSymbols[place.SymbolTableIndex].SectionNumber != 1 {
				t.Errorf("%s: the address %+v", arch, place)
			}
		}
	}
	if _, err := sample().Object("s390x"); err == nil {
		t.Error("there is an object file for a mainframe")
	}
}

// reader reads a section of resources.
type reader struct {
	t   *testing.T
	raw []byte
}

func (r reader) word(at uint32) uint32 { return binary.LittleEndian.Uint32(r.raw[at:]) }

// directory gives what leads where.
func (r reader) directory(at uint32) map[uint32]uint32 {
	all := map[uint32]uint32{}
	for i := range r.word(at+12) >> 16 {
		all[r.word(at+16+8*i)] = r.word(at + 20 + 8*i)
	}
	return all
}

// block gives the strings of a resource.
func (r reader) block(number, entry uint32) map[uint16]string {
	all := map[uint16]string{}
	data := r.raw[r.word(entry):][:r.word(entry+4)]
	for i := range uint16(perBlock) {
		size := binary.LittleEndian.Uint16(data)
		units := make([]uint16, size)
		if _, err := binary.Decode(data[2:], binary.LittleEndian, units); err != nil {
			r.t.Fatal(err)
		}
		if size > 0 {
			all[uint16(number-1)*perBlock+i] = string(utf16.Decode(units))
		}
		data = data[2+2*size:]
	}
	if len(data) != 0 {
		r.t.Errorf("%d bytes are left of block %d", len(data), number)
	}
	return all
}
