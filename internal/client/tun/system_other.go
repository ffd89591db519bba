//go:build !linux && !windows && !darwin

package tun

import (
	"errors"
	"syscall"

	device "golang.zx2c4.com/wireguard/tun"
)

// DefaultName names nothing here.
const DefaultName = ""

// Mark does nothing where there is no TUN mode.
func Mark(_, _ string, _ syscall.RawConn) error { return nil }

func open(Config) (device.Device, system, error) {
	return nil, nil, errors.New("there is no TUN mode for this operating system: use the proxies (postern-client up --socks 1080)")
}
