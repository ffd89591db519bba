package counters

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	byReference  = 1   // PERF_ATTRIB_BY_REFERENCE of perflib.h: Windows reads the value where it lies
	notDisplayed = 2   // PERF_ATTRIB_NO_DISPLAYABLE
	novice       = 100 // PERF_DETAIL_NOVICE
	multiple     = 2   // PERF_COUNTERSET_MULTI_INSTANCES
)

// setInfo and counterInfo are PERF_COUNTERSET_INFO and PERF_COUNTER_INFO of perflib.h.
type (
	setInfo struct {
		set, provider  windows.GUID
		count, several uint32
	}
	counterInfo struct {
		id, kind      uint32
		attributes    uint64
		size, detail  uint32
		scale, offset int32
	}
)

// Provider publishes the values of a set.
type Provider struct {
	handle uintptr
	values []uint64 // read by Windows at any time
	pinned runtime.Pinner
}

var (
	advapi         = windows.NewLazySystemDLL("advapi32.dll")
	startProvider  = advapi.NewProc("PerfStartProvider")
	stopProvider   = advapi.NewProc("PerfStopProvider")
	setCounters    = advapi.NewProc("PerfSetCounterSetInfo")
	createInstance = advapi.NewProc("PerfCreateInstance")
	setReference   = advapi.NewProc("PerfSetCounterRefValue")
)

// Start publishes a set that is registered on this machine, under the name of an instance. All values are 0.
func Start(s Set, instance string) (*Provider, error) {
	provider, err := windows.GUIDFromString(s.Provider)
	if err != nil {
		return nil, fmt.Errorf("read the provider's GUID: %w", err)
	}
	set, err := windows.GUIDFromString(s.ID)
	if err != nil {
		return nil, fmt.Errorf("read the set's GUID: %w", err)
	}
	name, err := windows.UTF16PtrFromString(instance)
	if err != nil {
		return nil, fmt.Errorf("name the instance: %w", err)
	}
	for _, proc := range []*windows.LazyProc{startProvider, stopProvider, setCounters, createInstance, setReference} {
		if err := proc.Find(); err != nil {
			return nil, err // an old or an odd Windows
		}
	}
	p := &Provider{values: make([]uint64, len(s.Counters))}
	if code, _, _ := startProvider.Call(uintptr(unsafe.Pointer(&provider)), 0, uintptr(unsafe.Pointer(&p.handle))); code != 0 {
		return nil, fmt.Errorf("start the provider: %w", windows.Errno(code))
	}
	p.pinned.Pin(&p.values[0])
	if err := p.publish(s, set, provider, name); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// publish says which counters there are and where their values lie.
func (p *Provider) publish(s Set, set, provider windows.GUID, instance *uint16) error {
	template := make([]byte, unsafe.Sizeof(setInfo{})+uintptr(len(s.Counters))*unsafe.Sizeof(counterInfo{}))
	*(*setInfo)(unsafe.Pointer(&template[0])) = setInfo{set: set, provider: provider, count: uint32(len(s.Counters)), several: multiple}
	for i, c := range s.Counters {
		info := counterInfo{id: uint32(i + 1), kind: kinds[c.Kind].code, attributes: byReference, size: kinds[c.Kind].size, detail: novice}
		if c.Kind == Count {
			info.attributes |= notDisplayed
		}
		*(*counterInfo)(unsafe.Pointer(&template[unsafe.Sizeof(setInfo{})+uintptr(i)*unsafe.Sizeof(info)])) = info
	}
	if code, _, _ := setCounters.Call(p.handle, uintptr(unsafe.Pointer(&template[0])), uintptr(len(template))); code != 0 {
		return fmt.Errorf("describe the counters: %w", windows.Errno(code))
	}
	// Two processes of one service are there while one hands over to the other: each is an instance.
	block, _, err := createInstance.Call(p.handle, uintptr(unsafe.Pointer(&set)), uintptr(unsafe.Pointer(instance)), uintptr(os.Getpid()))
	if block == 0 {
		return fmt.Errorf("make an instance of the counters: %w", err)
	}
	for i, c := range s.Counters {
		if code, _, _ := setReference.Call(p.handle, block, uintptr(i+1), uintptr(unsafe.Pointer(&p.values[i]))); code != 0 {
			return fmt.Errorf("publish the counter %s: %w", c.Symbol, windows.Errno(code))
		}
	}
	return nil
}

// Tell publishes values, in the order of the set's counters.
func (p *Provider) Tell(values []uint64) {
	for i := range min(len(values), len(p.values)) {
		atomic.StoreUint64(&p.values[i], values[i])
	}
}

// Close ends it. Its instance is gone then.
func (p *Provider) Close() {
	stopProvider.Call(p.handle) // with what it published; there is nothing to do if it fails
	p.pinned.Unpin()
}
