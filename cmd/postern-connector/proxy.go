package main

import (
	"github.com/spf13/pflag"

	"postern/internal/agent/proxyflags"
	"postern/internal/dial"
	"postern/internal/uplink"
)

// backendFlags say how the connector gets to applications.
type backendFlags struct {
	backend       string
	backendDirect string
}

func (p *backendFlags) add(f *pflag.FlagSet) {
	f.StringVar(&p.backend, "backend-proxy", "", "`URL` of a proxy before applications (http, socks5; default direct)")
	f.StringVar(&p.backendDirect, "backend-no-proxy", "", "`networks` that are connected to directly in spite of --backend-proxy, such as 10.0.0.0/8")
}

func (p *backendFlags) check() error {
	return proxyflags.NoPassword("--backend-proxy", p.backend, "set POSTERN_CONNECTOR_BACKEND_PROXY instead")
}

// backends gives how to connect to applications; nil: directly.
func (p *backendFlags) backends() (dial.One, error) {
	return uplink.Backends(p.backend, p.backendDirect)
}
