// Package counters publishes what a process counts as performance counters of Windows: Performance Monitor, typeperf, WMI
// and whatever else reads those find them without asking the process.
//
// A Set says which counters there are. Its Manifest is what lodctr registers on a machine, its Object is linked into the program
// and holds the names that people see, and a Provider holds the values. Nothing but the Provider needs Windows.
package counters

import (
	"encoding/xml"
	"fmt"
)

// Set is a set of counters. What a published one says never changes but by a new ID, which unregisters the one before.
type Set struct {
	Symbol      string // a word for programs
	Provider    string // GUID, in braces
	ID          string // GUID, in braces
	Name        string // what people look for
	Description string
	Counters    []Counter
}

// Counter is one counter of a set. Its number is its place in the set, from 1.
type Counter struct {
	Symbol      string // a word for programs
	Name        string
	Description string
	Kind        Kind
}

// Kind says what is shown of a counter's value.
type Kind int

// The kinds. A Mean is a sum, and the counter after it, a Count, of how much.
const (
	Value Kind = iota // as it is
	Rate              // how much more of it there is each second
	Mean              // of what was added since the look before
	Count             // for the Mean before it; nobody sees it
)

// kinds are what Windows calls them, in manifests and in winperf.h.
var kinds = map[Kind]struct {
	name string
	code uint32
	size uint32
}{
	Value: {"perf_counter_large_rawcount", 0x00010100, 8},
	Rate:  {"perf_counter_bulk_count", 0x10410500, 8},
	Mean:  {"perf_average_bulk", 0x40020500, 8},
	Count: {"perf_average_base", 0x40030402, 4},
}

// Strings gives the text resources by their numbers. The numbers are those that lodctr expects from a manifest without a base of
// its own: four for the set and four for each counter, of which the first is the name, the second the name that nobody
// translates and the third the description.
func (s Set) Strings() map[uint16]string {
	all := map[uint16]string{1: s.Name, 2: s.Name, 3: s.Description}
	for i, c := range s.Counters {
		if at := uint16(4*(i+1) + 1); c.Kind != Count {
			all[at], all[at+1], all[at+2] = c.Name, c.Name, c.Description
		}
	}
	return all
}

// The elements of a manifest.
type (
	manifest struct {
		XMLName  xml.Name         `xml:"http://schemas.microsoft.com/win/2004/08/events instrumentationManifest"`
		Counters manifestCounters `xml:"instrumentation>counters"`
	}
	manifestCounters struct {
		Namespace string           `xml:"xmlns,attr"`
		Version   string           `xml:"schemaVersion,attr"`
		Provider  manifestProvider `xml:"provider"`
	}
	manifestProvider struct {
		Symbol  string      `xml:"symbol,attr"`
		Program string      `xml:"applicationIdentity,attr"`
		Type    string      `xml:"providerType,attr"`
		Name    string      `xml:"providerName,attr"`
		ID      string      `xml:"providerGuid,attr"`
		Set     manifestSet `xml:"counterSet"`
	}
	manifestSet struct {
		Symbol      string            `xml:"symbol,attr"`
		ID          string            `xml:"guid,attr"`
		URI         string            `xml:"uri,attr"`
		Name        string            `xml:"name,attr"`
		Description string            `xml:"description,attr"`
		Instances   string            `xml:"instances,attr"`
		Counters    []manifestCounter `xml:"counter"`
	}
	manifestCounter struct {
		ID          int                 `xml:"id,attr"`
		URI         string              `xml:"uri,attr"`
		Name        string              `xml:"name,attr,omitempty"`
		Description string              `xml:"description,attr,omitempty"`
		Type        string              `xml:"type,attr"`
		Base        int                 `xml:"baseID,attr,omitempty"`
		Detail      string              `xml:"detailLevel,attr"`
		Attributes  []manifestAttribute `xml:"counterAttributes>counterAttribute"`
	}
	manifestAttribute struct {
		Name string `xml:"name,attr"`
	}
)

// Manifest gives the manifest by which lodctr registers the set. program is the name of the file that Object is linked into.
func (s Set) Manifest(program string) ([]byte, error) {
	m := manifest{Counters: manifestCounters{
		Namespace: "http://schemas.microsoft.com/win/2005/12/counters", Version: "1.1",
		Provider: manifestProvider{
			Symbol: s.Symbol + "Provider", Program: program, Type: "userMode", Name: s.Symbol, ID: s.Provider,
			Set: manifestSet{Symbol: s.Symbol + "Set", ID: s.ID, URI: s.Symbol, Name: s.Name, Description: s.Description, Instances: "multiple"},
		},
	}}
	for i, c := range s.Counters {
		kind, ok := kinds[c.Kind]
		if !ok {
			return nil, fmt.Errorf("counter %s is of no kind", c.Symbol)
		}
		entry := manifestCounter{ID: i + 1, URI: s.Symbol + "." + c.Symbol, Type: kind.name, Detail: "standard", Attributes: []manifestAttribute{{"reference"}}}
		switch c.Kind {
		case Mean:
			if i+1 == len(s.Counters) || s.Counters[i+1].Kind != Count {
				return nil, fmt.Errorf("counter %s has no count after it", c.Symbol)
			}
			entry.Base = i + 2
		case Count:
			entry.Attributes = append(entry.Attributes, manifestAttribute{"noDisplay"})
		}
		if c.Kind != Count {
			entry.Name, entry.Description = c.Name, c.Description
		}
		m.Counters.Provider.Set.Counters = append(m.Counters.Provider.Set.Counters, entry)
	}
	text, err := xml.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}
