package process

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	tableOwnerPIDAll = 5 // TCP_TABLE_OWNER_PID_ALL
	tableOwnerPID    = 1 // UDP_TABLE_OWNER_PID
	maxTable         = 8 << 20
)

// shape says where in a row of a table of iphlpapi.dll something stands.
type shape struct {
	size, local, localPort, remote, remotePort, pid int
	address                                         int // bytes of one
}

// find asks the system for its table of sockets with their processes.
func (f *Finder) find(s Socket, until time.Time) string {
	family, row, call, class := uint32(windows.AF_INET), shape{24, 4, 8, 12, 16, 20, 4}, "GetExtendedTcpTable", uintptr(tableOwnerPIDAll)
	v6 := s.Local.Addr().Is6()
	if v6 {
		family, row = windows.AF_INET6, shape{56, 0, 20, 24, 44, 52, 16}
	}
	if s.Network == "udp" {
		call, class, row = "GetExtendedUdpTable", tableOwnerPID, shape{12, 0, 4, -1, -1, 8, 4}
		if v6 {
			row = shape{28, 0, 20, -1, -1, 24, 16}
		}
	}
	proc := windows.NewLazySystemDLL("iphlpapi.dll").NewProc(call)
	if proc.Find() != nil {
		return ""
	}
	size := uint32(64 << 10)
	for time.Now().Before(until) && size <= maxTable {
		table := make([]byte, size)
		code, _, _ := proc.Call(uintptr(unsafe.Pointer(&table[0])), uintptr(unsafe.Pointer(&size)), 0, uintptr(family), class, 0)
		switch windows.Errno(code) {
		case 0:
			return programOf(row.find(table, s))
		case windows.ERROR_INSUFFICIENT_BUFFER:
			size += size / 4 // it may grow meanwhile
		default:
			return ""
		}
	}
	return ""
}

// find gives the process that holds a socket, 0 if none does.
func (r shape) find(table []byte, s Socket) int {
	count := int(binary.LittleEndian.Uint32(table))
	is := func(row []byte, at, portAt int, want netip.AddrPort) bool {
		addr, _ := netip.AddrFromSlice(row[at : at+r.address])
		return binary.BigEndian.Uint16(row[portAt:]) == want.Port() && (addr == want.Addr() || addr.IsUnspecified())
	}
	for at := 4; count > 0 && at+r.size <= len(table); at, count = at+r.size, count-1 {
		row := table[at : at+r.size]
		if is(row, r.local, r.localPort, s.Local) && (r.remote < 0 || is(row, r.remote, r.remotePort, s.Remote)) {
			return int(binary.LittleEndian.Uint32(row[r.pid:]))
		}
	}
	return 0
}

// programOf gives the path of a process's program.
func programOf(pid int) string {
	if pid == 0 {
		return ""
	}
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return ""
	}
	defer windows.CloseHandle(process) // nothing is left to be told
	name := make([]uint16, windows.MAX_LONG_PATH)
	size := uint32(len(name))
	if windows.QueryFullProcessImageName(process, 0, &name[0], &size) != nil {
		return ""
	}
	return windows.UTF16ToString(name[:size])
}
