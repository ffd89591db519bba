package connector

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"slices"

	"postern/internal/fault"
	"postern/internal/match"
	"postern/internal/wire"
)

// settings is a configuration that was checked and made ready for use. It is immutable.
type settings struct {
	wire.Configuration
	verifier wire.Verifier
	targets  map[string]*target // by application
	warnings []string           // targets that cannot be used, in words
}

// target is where streams of one application go.
type target struct {
	wire.Target
	host match.Host
	tls  *tls.Config // nil: plain TCP; it offers what the target's protocol says

	segments *match.Table // of a private application, which has no host of its own
	header   *proxyHeader // of a stream whose server is told the device's address
}

// newSettings checks a configuration. One that could cut this connector off from its service is refused as a
// whole; a target that is wrong in itself is left out, so that its streams are refused.
func newSettings(c wire.Configuration, connector, trustDomain string) (*settings, error) {
	if c.Connector != connector {
		return nil, fault.Forbidden("the configuration is for connector %q, this is %q", c.Connector, connector)
	}
	if u, err := url.Parse(c.ServiceURL); err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fault.Invalid("serviceUrl", "must be an https URL")
	}
	if !x509.NewCertPool().AppendCertsFromPEM(c.Roots) {
		return nil, fault.Invalid("roots", "must hold at least one certificate")
	}
	for i, g := range c.Gateways {
		if _, _, err := net.SplitHostPort(g.Address); err != nil || g.ID == "" {
			return nil, fault.Invalid(fmt.Sprintf("gateways[%d]", i), "must have an id and an address with a port")
		}
	}
	s := &settings{Configuration: c, targets: make(map[string]*target, len(c.Targets))}
	s.verifier = wire.Verifier{TrustDomain: trustDomain, Keys: map[string][]byte{}}
	for id, key := range c.GrantKeys {
		if len(key) != ed25519.PublicKeySize {
			return nil, fault.Invalid("grantKeys", "must hold Ed25519 public keys")
		}
		s.verifier.Keys[id] = key
	}
	for i := range c.Targets {
		s.addTarget(c.Targets[i])
	}
	return s, nil
}

// addTarget fails closed: of two targets for one application neither is used.
func (s *settings) addTarget(w wire.Target) {
	if _, twice := s.targets[w.Application]; twice {
		s.targets[w.Application] = nil
		s.warn(w, "is there twice")
		return
	}
	s.targets[w.Application] = nil
	if len(w.Segments) > 0 {
		s.addPrivate(w)
		return
	}
	host, err := match.ParseHost(w.Host)
	if err != nil {
		s.warn(w, fmt.Sprintf("has host %q, which %v", w.Host, err))
		return
	}
	if w.Port == 0 {
		s.warn(w, "has no port")
		return
	}
	t := &target{Target: w, host: host}
	if w.TLS {
		if t.tls, err = backendTLS(w, host); err != nil {
			s.warn(w, err.Error())
			return
		}
	}
	s.targets[w.Application] = t
}

func (s *settings) warn(w wire.Target, why string) {
	s.warnings = append(s.warnings, fmt.Sprintf("the target of application %s %s", w.Application, why))
}

// backendTLS makes the one TLS configuration of a target, so that its sessions resume.
func backendTLS(w wire.Target, host match.Host) (*tls.Config, error) {
	name := host.Name
	if host.Addr.IsValid() {
		name = host.Addr.String()
	}
	cfg := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         name,
		NextProtos:         offers(w.Protocol),
		ClientSessionCache: tls.NewLRUClientSessionCache(8),
		InsecureSkipVerify: w.SkipVerify, // an administrator's recorded choice; logged and told in Opened
	}
	if len(w.Roots) == 0 {
		return cfg, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a machine without roots of its own: the application's count alone
	}
	if !pool.AppendCertsFromPEM(w.Roots) {
		return nil, fault.Invalid("roots", "hold no certificate")
	}
	cfg.RootCAs = pool
	return cfg, nil
}

// The names of ALPN that backends are offered (RFC 7301).
const (
	alpnHTTP1 = "http/1.1"
	alpnHTTP2 = "h2"
)

// offers gives what a target of a protocol is offered where the opener of a stream says nothing.
func offers(protocol string) []string {
	switch protocol {
	case "http2":
		return []string{alpnHTTP2}
	case "auto":
		return []string{alpnHTTP2, alpnHTTP1}
	}
	return []string{alpnHTTP1}
}

// speaking gives the target as the opener of a stream wants to speak to it: the rest of its TLS, and the sessions that
// can be resumed, stay the target's.
func (t *target) speaking(alpn []string) *target {
	if t.tls == nil {
		return t
	}
	var known []string
	for _, name := range alpn {
		if (name == alpnHTTP1 || name == alpnHTTP2) && !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	if known == nil { // also of a service that is older than the question
		known = []string{alpnHTTP1}
	}
	if slices.Equal(known, t.tls.NextProtos) {
		return t
	}
	other := *t
	other.tls = t.tls.Clone()
	other.tls.NextProtos = known
	return &other
}

// sameConnection tells whether two configurations lead to the service in the same way.
func sameConnection(a, b wire.Configuration) bool {
	return a.ServiceURL == b.ServiceURL && bytes.Equal(a.Roots, b.Roots) && slices.Equal(a.Gateways, b.Gateways)
}
