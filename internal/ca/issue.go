package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/wire"
)

// Profile says what a leaf certificate is for.
type Profile string

// The profiles.
const (
	ProfileConnector Profile = "connector" // client of the tunnel face: SPIFFE URI, no other name
	ProfileGateway   Profile = "gateway"   // tunnel and agent faces, and client of other gateways: SPIFFE URI and host names
	ProfileClient    Profile = "client"    // client of the tunnel face, a device: SPIFFE URI, no other name
	ProfileServer    Profile = "server"    // public faces without a certificate of their own: host names, no identity
)

// maxNames bounds the host names of one certificate.
const maxNames = 100

// rules is what a profile's certificates are like.
type rules struct {
	role     wire.Role // of the identity; empty: no identity
	usages   []x509.ExtKeyUsage
	names    bool // may have host names
	lifetime time.Duration
	longest  time.Duration
}

func (p Profile) rules() (rules, error) {
	const day = 24 * time.Hour
	client, server := x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth
	switch p {
	case ProfileConnector:
		return rules{wire.RoleConnector, []x509.ExtKeyUsage{client}, false, 30 * day, 90 * day}, nil
	case ProfileGateway:
		return rules{wire.RoleGateway, []x509.ExtKeyUsage{server, client}, true, 30 * day, 90 * day}, nil
	case ProfileClient:
		return rules{wire.RoleClient, []x509.ExtKeyUsage{client}, false, 30 * day, 90 * day}, nil
	case ProfileServer:
		return rules{"", []x509.ExtKeyUsage{server}, true, 90 * day, 397 * day}, nil // 397: what browsers accept
	}
	return rules{}, fault.New(fault.KindInternal, "there is no certificate profile %q", string(p))
}

// Request is all that an issued certificate depends on.
type Request struct {
	Profile  Profile
	Serial   *big.Int         // from NewSerial, reserved before
	Public   crypto.PublicKey // ECDSA on P-256
	Identity wire.Identity    // of all but ProfileServer
	Names    []string         // DNS names and IP addresses; of ProfileGateway (may be empty) and ProfileServer
	Now      time.Time
	Lifetime time.Duration // 0: the profile's default
}

// Issue signs a certificate and gives its DER. The certificate starts five minutes before now, for
// clocks that are behind, and never outlives its issuer: read NotAfter from it.
func (i Issuer) Issue(req Request) ([]byte, error) {
	rules, err := req.Profile.rules()
	if err != nil {
		return nil, err
	}
	if req.Now.Before(i.Cert.NotBefore) || !req.Now.Before(i.Cert.NotAfter) {
		return nil, fault.Unavailable("the issuing certificate is not in force at %s", req.Now.UTC().Format(time.RFC3339))
	}
	template, err := req.template(rules, i.TrustDomain())
	if err != nil {
		return nil, err
	}
	template.NotAfter = earlier(template.NotAfter, i.Cert.NotAfter)
	der, err := x509.CreateCertificate(rand.Reader, template, i.Cert, req.Public, i.Key)
	if err != nil {
		return nil, fault.Internal(err, "sign a certificate")
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fault.Internal(err, "read a signed certificate")
	}
	if err := Check(req.Profile, cert); err != nil {
		return nil, fault.Internal(err, "a certificate did not become what its profile says")
	}
	return der, nil
}

// template checks the request and makes of it what is signed.
func (req Request) template(r rules, domain string) (*x509.Certificate, error) {
	var p fault.Problems
	if key, ok := req.Public.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		p.Add("key", "must be ECDSA on P-256")
	}
	if req.Serial == nil || req.Serial.Sign() <= 0 || req.Serial.BitLen() > 159 {
		p.Add("serial", "must be positive and fit in 20 octets")
	}
	lifetime := req.Lifetime
	if lifetime == 0 {
		lifetime = r.lifetime
	}
	if lifetime < 0 || lifetime > r.longest {
		p.Add("lifetime", "must be at most %s", r.longest)
	}
	template := &x509.Certificate{
		SerialNumber:          req.Serial,
		NotBefore:             req.Now.Add(-backdate).UTC(),
		NotAfter:              req.Now.Add(lifetime).UTC(),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           r.usages,
		BasicConstraintsValid: true,
	}
	switch {
	case r.role == "" && req.Identity != wire.Identity{}:
		p.Add("identity", "must be empty for this profile")
	case r.role != "" && (req.Identity.Role != r.role || req.Identity.TrustDomain != domain || !pathSegment.MatchString(req.Identity.ID)):
		p.Add("identity", "must be a %s of %s", string(r.role), domain)
	case r.role != "":
		template.URIs = []*url.URL{req.Identity.URL()}
	}
	addNames(template, req.Names, &p)
	switch named := len(req.Names) > 0; {
	case named && !r.names:
		p.Add("names", "must be empty for this profile")
	case !named && r.role == "":
		p.Add("names", "must not be empty for this profile")
	}
	return template, p.Err()
}

// pathSegment is a segment of a SPIFFE ID's path (standard, section 2.2) that is not "." or "..".
var pathSegment = regexp.MustCompile(`^[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,127}$`)

// label is a part of a host name (RFC 5890, section 2.3.1), in lower case.
var label = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)

func addNames(template *x509.Certificate, names []string, p *fault.Problems) {
	if len(names) > maxNames {
		p.Add("names", "must be at most %d", maxNames)
		return
	}
	for _, name := range names {
		if addr, err := netip.ParseAddr(name); err == nil && addr.Zone() == "" {
			template.IPAddresses = append(template.IPAddresses, net.IP(addr.Unmap().AsSlice()))
			continue
		}
		if !hostName(name) {
			p.Add("names", "has %q, which is neither a host name in lower case nor an address", name)
			continue
		}
		template.DNSNames = append(template.DNSNames, name)
	}
}

// hostName reports whether the name may stand in a certificate: labels in lower case, the first
// possibly "*" when at least two follow.
func hostName(name string) bool {
	if len(name) > 253 {
		return false
	}
	if rest, wild := strings.CutPrefix(name, "*."); wild {
		return strings.Contains(rest, ".") && hostName(rest)
	}
	labels := strings.Split(name, ".")
	return !slices.ContainsFunc(labels, func(l string) bool { return !label.MatchString(l) })
}
