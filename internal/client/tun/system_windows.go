package tun

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	device "golang.zx2c4.com/wireguard/tun"
)

// DefaultName is what the interface is called if nobody says otherwise.
const DefaultName = "Postern"

// interfaceID is that of the interface, always the same: Windows keeps what it knows of a network by it.
var interfaceID = windows.GUID{Data1: 0x7a1c5f0e, Data2: 0x9057, Data3: 0x4c1e, Data4: [8]byte{0x8d, 0x7f, 0x3b, 0x0c, 0x52, 0x6e, 0x91, 0xa4}}

// Restore puts back what a client left that was killed. None may run with an interface.
func Restore(string) error { return sweep() }

func open(cfg Config) (device.Device, system, error) {
	names := &policyTable{}
	if !windows.GetCurrentProcessToken().IsElevated() {
		return nil, nil, errors.New("the TUN mode needs the rights of an administrator: start it in a window that was opened as administrator, or use the proxies (postern-client up --socks 1080)")
	}
	if err := names.sweep(); err != nil {
		return nil, nil, fmt.Errorf("put back what was left of the last time: %w", err)
	}
	if err := ready(); err != nil {
		return nil, nil, err
	}
	device.WintunTunnelType = "Postern"
	d, err := device.CreateTUNWithRequestedGUID(cfg.Name, &interfaceID, mtu)
	if err != nil {
		return nil, nil, fmt.Errorf("make the interface %s: %w", cfg.Name, err)
	}
	native, ok := d.(*device.NativeTun)
	if !ok {
		return nil, nil, errors.Join(fmt.Errorf("the interface %s is no interface of wintun.dll", cfg.Name), d.Close())
	}
	l := netLink{luid: native.LUID()}
	if err := l.raise(); err != nil {
		return nil, nil, errors.Join(err, d.Close())
	}
	return d, newRouted(cfg, l, names, d), nil
}

const driver = "wintun.dll" // https://www.wintun.net

// Beside gives the files that the interface needs beside the program.
func Beside() []string {
	system, err := windows.GetSystemDirectory()
	if err == nil {
		if _, err := os.Stat(filepath.Join(system, driver)); err == nil {
			return nil
		}
	}
	return []string{driver}
}

// ready says whether the driver is there.
func ready() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	for _, name := range Beside() {
		beside := filepath.Join(filepath.Dir(program), name)
		if _, err := os.Stat(beside); err != nil {
			return fmt.Errorf("the TUN mode needs %s (https://www.wintun.net) at %s: put it there, or use the proxies (postern-client up --socks 1080)", name, beside)
		}
	}
	return nil
}

// netLink is our interface, as Windows numbers it.
type netLink struct {
	luid  uint64
	index int
}

var (
	ipHelper          = windows.NewLazySystemDLL("iphlpapi.dll")
	setInterface      = ipHelper.NewProc("SetIpInterfaceEntry")
	initializeAddress = ipHelper.NewProc("InitializeUnicastIpAddressEntry")
	createAddress     = ipHelper.NewProc("CreateUnicastIpAddressEntry")
	initializeRoute   = ipHelper.NewProc("InitializeIpForwardEntry")
	createRoute       = ipHelper.NewProc("CreateIpForwardEntry2")
	deleteRoute       = ipHelper.NewProc("DeleteIpForwardEntry2")
	families          = []uint16{windows.AF_INET, windows.AF_INET6}
)

const (
	preferred = 4    // IpDadStatePreferred
	metric    = 5000 // of the interface
)

// raise gives the interface its addresses.
func (l *netLink) raise() error {
	for _, proc := range []*windows.LazyProc{setInterface, initializeAddress, createAddress, initializeRoute, createRoute, deleteRoute} {
		if err := proc.Find(); err != nil {
			return fmt.Errorf("this Windows cannot be told routes: %w", err)
		}
	}
	for i, addr := range []netip.Addr{server4.Next(), server6.Next()} {
		err := l.address(families[i], addr)
		if err != nil && addr.Is4() { // a machine may have no IPv6
			return fmt.Errorf("give the interface the address %s: %w", addr, err)
		}
	}
	return nil
}

func (l *netLink) address(family uint16, addr netip.Addr) error {
	about, err := l.about(family)
	if err != nil {
		return fmt.Errorf("look at the interface: %w", err)
	}
	l.index = int(about.InterfaceIndex)
	about.NlMtu, about.SitePrefixLength = mtu, 0                                         // which has to be 0 for IPv4
	about.UseAutomaticMetric, about.Metric, about.RouterDiscoveryBehavior = 0, metric, 0 // nothing that has no route of ours is to prefer it, such as multicast; nobody else is there
	about.DadTransmits = 0
	if err := result(setInterface.Call(uintptr(unsafe.Pointer(&about)))); err != nil {
		return fmt.Errorf("set the size of its packets: %w", err)
	}
	var row windows.MibUnicastIpAddressRow
	_, _, _ = initializeAddress.Call(uintptr(unsafe.Pointer(&row))) // it gives nothing back
	raw := rawAddr(addr)
	row.Address = *(*windows.RawSockaddrInet6)(unsafe.Pointer(&raw))
	row.InterfaceLuid, row.OnLinkPrefixLength, row.DadState = l.luid, uint8(addr.BitLen()), preferred
	err = result(createAddress.Call(uintptr(unsafe.Pointer(&row))))
	if errors.Is(err, windows.ERROR_OBJECT_ALREADY_EXISTS) {
		return nil
	}
	return err
}

// about reads what Windows knows of the interface in a family. After the driver made it, that may not be there for a moment; and never, in a
// family that the machine does not have.
func (l *netLink) about(family uint16) (windows.MibIpInterfaceRow, error) {
	wait := 15 * time.Second
	if family == windows.AF_INET6 {
		wait = 3 * time.Second
	}
	deadline, ticker := time.After(wait), time.NewTicker(100*time.Millisecond)
	defer ticker.Stop()
	for {
		row := windows.MibIpInterfaceRow{Family: family, InterfaceLuid: l.luid}
		err := windows.GetIpInterfaceEntry(&row)
		if !errors.Is(err, windows.ERROR_NOT_FOUND) && !errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
			return row, err
		}
		select {
		case <-ticker.C:
		case <-deadline:
			return row, err
		}
	}
}

// result is the error of a function that gives one back.
func result(code, _ uintptr, _ error) error {
	if code != 0 {
		return windows.Errno(code)
	}
	return nil
}

// route adds or takes away a route to our interface.
func (l *netLink) route(add bool, p netip.Prefix) error {
	var row windows.MibIpForwardRow2
	_, _, _ = initializeRoute.Call(uintptr(unsafe.Pointer(&row)))
	row.InterfaceLuid, row.Metric = l.luid, 0 // which is added to the interface's
	row.DestinationPrefix = windows.IpAddressPrefix{Prefix: rawAddr(p.Addr()), PrefixLength: uint8(p.Bits())}
	row.NextHop = rawAddr(unspecified(p.Addr()))
	if add {
		if err := result(createRoute.Call(uintptr(unsafe.Pointer(&row)))); !errors.Is(err, windows.ERROR_OBJECT_ALREADY_EXISTS) {
			return err
		}
		return nil
	}
	if err := result(deleteRoute.Call(uintptr(unsafe.Pointer(&row)))); !errors.Is(err, windows.ERROR_NOT_FOUND) {
		return err
	}
	return nil
}

func unspecified(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// rawAddr is an address as a SOCKADDR_INET.
func rawAddr(addr netip.Addr) (raw windows.RawSockaddrInet) {
	if addr.Is4() {
		v4 := (*windows.RawSockaddrInet4)(unsafe.Pointer(&raw))
		v4.Family, v4.Addr = windows.AF_INET, addr.As4()
		return raw
	}
	v6 := (*windows.RawSockaddrInet6)(unsafe.Pointer(&raw))
	v6.Family, v6.Addr = windows.AF_INET6, addr.As16()
	return raw
}

func ofRaw(raw *windows.RawSockaddrInet) netip.Addr {
	switch raw.Family {
	case windows.AF_INET:
		return netip.AddrFrom4((*windows.RawSockaddrInet4)(unsafe.Pointer(raw)).Addr)
	case windows.AF_INET6:
		return netip.AddrFrom16((*windows.RawSockaddrInet6)(unsafe.Pointer(raw)).Addr)
	}
	return netip.Addr{}
}

// hops gives the routes of the machine, with ours.
func hops() (list []hop, err error) {
	metrics, err := metrics()
	if err != nil {
		return nil, err
	}
	var table *windows.MibIpForwardTable2
	if err := windows.GetIpForwardTable2(windows.AF_UNSPEC, &table); err != nil {
		return nil, os.NewSyscallError("GetIpForwardTable2", err)
	}
	defer windows.FreeMibTable(unsafe.Pointer(table))
	for _, row := range table.Rows() {
		to := netip.PrefixFrom(ofRaw(&row.DestinationPrefix.Prefix), int(row.DestinationPrefix.PrefixLength))
		added, up := metrics[numbered{row.DestinationPrefix.Prefix.Family, row.InterfaceIndex}]
		if to.IsValid() && up {
			list = append(list, hop{to: to, link: int(row.InterfaceIndex), metric: row.Metric + added})
		}
	}
	return list, nil
}

type numbered struct {
	family uint16
	index  uint32
}

// metrics gives what is added to the metrics of routes, for the interfaces that are up.
func metrics() (map[numbered]uint32, error) {
	list := map[numbered]uint32{}
	err := adapters(func(a *windows.IpAdapterAddresses) {
		list[numbered{windows.AF_INET, a.IfIndex}], list[numbered{windows.AF_INET6, a.Ipv6IfIndex}] = a.Ipv4Metric, a.Ipv6Metric
	})
	return list, err
}

// bind has a socket send by an interface.
func bind(fd uintptr, v4 bool, index int) error {
	const unicastIf = 31 // IP_UNICAST_IF, IPV6_UNICAST_IF
	level, value := windows.IPPROTO_IPV6, index
	if v4 { // in the order of bytes of the network
		level, value = windows.IPPROTO_IP, int(bits.ReverseBytes32(uint32(index)))
	}
	return os.NewSyscallError("setsockopt", windows.SetsockoptInt(windows.Handle(fd), level, unicastIf, value))
}

// networkServers gives the name servers of the networks that the machine is in, but for those of our own interface.
func networkServers() (list []string) {
	err := adapters(func(a *windows.IpAdapterAddresses) {
		for s := a.FirstDnsServerAddress; s != nil && int64(a.IfIndex) != ourLink.Load() && len(list) < maxServers; s = s.Next {
			if addr, ok := netip.AddrFromSlice(s.Address.IP()); ok && !siteLocal.Contains(addr) && !addr.IsLinkLocalUnicast() {
				list = append(list, addr.Unmap().String())
			}
		}
	})
	if err != nil {
		return nil // as if there were no network
	}
	return list
}

// adapters shows the interfaces that are up.
func adapters(show func(*windows.IpAdapterAddresses)) error {
	const flags = windows.GAA_FLAG_SKIP_UNICAST | windows.GAA_FLAG_SKIP_ANYCAST | windows.GAA_FLAG_SKIP_MULTICAST | windows.GAA_FLAG_SKIP_FRIENDLY_NAME
	for size := uint32(16 << 10); ; { // it says how much it needs, which may be more by the next time
		buffer := make([]uint64, size/8+1) // as aligned as its pointers have to be
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&buffer[0]))
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC, flags, 0, first, &size)
		if errors.Is(err, windows.ERROR_BUFFER_OVERFLOW) && size <= 4<<20 {
			continue
		}
		if err != nil {
			return os.NewSyscallError("GetAdaptersAddresses", err)
		}
		for a := first; a != nil; a = a.Next {
			if a.OperStatus == windows.IfOperStatusUp {
				show(a)
			}
		}
		return nil
	}
}

// siteLocal are addresses that Windows gives to interfaces without a name server.
var siteLocal = netip.MustParsePrefix("fec0::/10")
