package doctor

import (
	"fmt"
	"os"
)

// PortRange gives the ports that outbound connections may have.
func PortRange() (from, to int, ok bool) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0, 0, false
	}
	_, err = fmt.Sscan(string(text), &from, &to)
	return from, to, err == nil
}
