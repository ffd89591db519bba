package doctor

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"time"

	"postern/internal/credential"
	"postern/internal/fault"
	"postern/internal/uplink"
	"postern/internal/wire"
)

const (
	helloTime = 8 * time.Second
	skewMost  = time.Minute // beyond it the connector warns, too
)

// service goes the way that enrolling and renewing go.
func (x *exam) service(ctx context.Context, s section) {
	host, port := hostPort(x.url())
	if host == "" {
		if x.url() != "" {
			s.found("service-unreachable", x.url(), "the service's URL must start with https:// and name a host")
		}
		return // nobody knows of a service: not-enrolled says what to do
	}
	address := net.JoinHostPort(host, port)
	proxy, err := x.Dialer.Proxy(address)
	if err != nil {
		s.found("proxy-failed", address, "no proxy can be chosen: %s", err)
	}
	if proxy != "" {
		s.found("proxy", proxy, "for %s", address)
	}
	s.name(ctx, host, proxy != "")
	seen := &authority{}
	config, err := x.agentTLS(seen)
	if err != nil {
		s.found("state-unusable", x.State, "%s", err)
		return
	}
	service, err := x.Dialer.Service(x.url(), config)
	if err != nil {
		s.found("service-unreachable", address, "%s", err)
		return
	}
	if s.hello(ctx, service, address, seen) {
		s.large(ctx, service, address)
		s.revocations(ctx, host, port)
	}
}

// authority is what an unproven service showed.
type authority struct{ domain, fingerprint string }

// agentTLS gives whom to believe: the pinned authority, the token's, or, where there is neither, whoever says to be a
// service of Postern; such a service is asked for nothing but its clock.
func (x *exam) agentTLS(seen *authority) (*tls.Config, error) {
	switch {
	case x.cred != nil:
		return x.cred.AgentTLS()
	case x.Token != nil:
		return credential.EnrolTLS(*x.Token)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{wire.ProtocolAgent},
		InsecureSkipVerify: true, // nobody is known yet; VerifyConnection looks who it says it is
		VerifyConnection: func(cs tls.ConnectionState) error {
			certs := cs.PeerCertificates
			id, _, err := credential.PeerIdentity(cs)
			if err != nil || id.Role != wire.RoleGateway {
				return x509.UnknownAuthorityError{Cert: certs[0]}
			}
			sum := sha256.Sum256(certs[len(certs)-1].Raw)
			seen.domain, seen.fingerprint = id.TrustDomain, hex.EncodeToString(sum[:])
			return nil
		},
	}, nil
}

// hello asks for the clock, and says whether there is a way to the service.
func (s section) hello(ctx context.Context, service *uplink.Service, address string, seen *authority) bool {
	ctx, cancel := context.WithTimeout(ctx, helloTime)
	defer cancel()
	asked := s.x.Now()
	var answer wire.HelloAnswer
	err := service.Post(ctx, wire.PathHello, wire.Hello{}, &answer)
	took := s.x.Now().Sub(asked)
	old := fault.Is(err, fault.KindNotFound) // the service answers, and knows no such question
	if err != nil && !old {
		s.failed(address, err)
		return false
	}
	if seen.domain != "" {
		s.found("service-unproven", address, "it says that it is %s; its authority's fingerprint (SHA-256) is %s", seen.domain, seen.fingerprint)
	} else {
		s.found("service", address, "answered in %s", took.Round(time.Millisecond))
	}
	if way := service.Way(); way.Upgraded {
		s.found("opened-on-the-way", address, "the certificate on the outside is issued by %q", way.Issuer)
	}
	if old {
		s.found("service-old", address, "it does not tell its clock")
		return false
	}
	skew := asked.Add(took / 2).Sub(answer.Time) // it was read on the way
	code := "clock"
	if skew.Abs()-took/2 > skewMost {
		code = "clock-skewed"
	}
	s.found(code, "", "this machine's clock is %s, %s", s.x.Now().UTC().Format(time.RFC3339), describe(skew))
	if answer.Version != wire.Version {
		s.found("versions-differ", "", "the service speaks version %d, the connector version %d", answer.Version, wire.Version)
	} else {
		s.found("versions", "", "version %d; the service sees this machine at %s", answer.Version, answer.Address)
	}
	return true
}

func describe(skew time.Duration) string {
	switch r := skew.Round(100 * time.Millisecond); {
	case r > 0:
		return r.String() + " ahead of the service's"
	case r < 0:
		return r.Abs().String() + " behind the service's"
	}
	return "as the service's"
}

// failed says which step on the way to an address failed.
func (s section) failed(address string, err error) {
	if other, ok := errors.AsType[*uplink.Intercepted](err); ok {
		code := "intercepted"
		if other.Service != "" {
			code = "wrong-authority"
		}
		s.found(code, address, "%s", err)
		return
	}
	code := "service-answer"
	if e, ok := errors.AsType[*uplink.Error](err); ok {
		code = map[uplink.Step]string{uplink.StepProxy: "proxy-failed", uplink.StepTLS: "service-tls"}[e.Step]
		if code == "" {
			code = "service-unreachable"
		}
	} else if kind := fault.KindOf(err); kind == fault.KindTimeout || kind == fault.KindUnavailable {
		code = "service-unreachable"
	}
	s.found(code, address, "%s", err)
}

// large sends what needs packets of full size, both ways: where those are lost, handshakes work and nothing else does.
func (s section) large(ctx context.Context, service *uplink.Service, address string) {
	ctx, cancel := context.WithTimeout(ctx, helloTime)
	defer cancel()
	var answer wire.HelloAnswer
	err := service.Post(ctx, wire.PathHello, wire.Hello{Padding: strings.Repeat("x", wire.MaxHello), Want: wire.MaxHello}, &answer)
	switch kind := fault.KindOf(err); {
	case err == nil && len(answer.Padding) == wire.MaxHello:
		s.found("large-messages", address, "%d KiB went there and back", wire.MaxHello>>10)
	case err != nil && kind != fault.KindTimeout && kind != fault.KindUnavailable:
		s.found("service-answer", address, "%s", err)
	default:
		s.found("large-messages-lost", address, "a message of %d KiB did not go there and back within %s", wire.MaxHello>>10, helloTime)
	}
}
