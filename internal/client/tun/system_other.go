//go:build !linux

package tun

import (
	"syscall"

	device "golang.zx2c4.com/wireguard/tun"
)

// Mark does nothing where there is no TUN mode.
func Mark(_, _ string, _ syscall.RawConn) error { return nil }

func open(Config) (device.Device, system, error) { return nil, nil, ErrUnsupported }
