//go:build !linux

package tun

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	device "golang.zx2c4.com/wireguard/tun"
)

// Mark does nothing where there is no TUN mode.
func Mark(_, _ string, _ syscall.RawConn) error { return nil }

func open(Config) (device.Device, system, error) {
	return nil, nil, fmt.Errorf("%w: %s", ErrUnsupported, missing())
}

// missing says what there is not on this system.
func missing() string {
	switch runtime.GOOS {
	case "windows":
		const need = "it needs wintun.dll (https://www.wintun.net) beside the program, and what sets routes and the rules for names (NRPT), which this version has not"
		if program, err := os.Executable(); err == nil {
			if _, err := os.Stat(filepath.Join(filepath.Dir(program), "wintun.dll")); err == nil {
				return "wintun.dll is there, but what sets routes and the rules for names (NRPT) is not in this version"
			}
		}
		return need
	case "darwin":
		return "it needs root for a utun interface, and what sets routes and scoped resolvers (/etc/resolver), which this version has not"
	}
	return "this system has no interface that it knows"
}
