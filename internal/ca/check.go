package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"slices"

	"postern/internal/fault"
	"postern/internal/wire"
)

// The extensions that a leaf has, all of them and no others (RFC 5280, section 4.2.1).
var leafExtensions = []asn1.ObjectIdentifier{
	{2, 5, 29, 15}, // key usage
	{2, 5, 29, 17}, // subject alternative name
	{2, 5, 29, 19}, // basic constraints
	{2, 5, 29, 35}, // authority key identifier
	{2, 5, 29, 37}, // extended key usage
}

// Check says whether a certificate is exactly what the profile issues, whoever signed it.
func Check(profile Profile, cert *x509.Certificate) error {
	rules, err := profile.rules()
	if err != nil {
		return err
	}
	deny := func(why string) error {
		return fault.Forbidden("the certificate is not a %s's: %s", string(profile), why)
	}
	key, ok := cert.PublicKey.(*ecdsa.PublicKey)
	switch {
	case !ok || key.Curve != elliptic.P256():
		return deny("its key is not ECDSA on P-256")
	case cert.Version != 3 || cert.SerialNumber.Sign() <= 0:
		return deny("its version or serial is wrong")
	case len(cert.Subject.Names) != 0:
		return deny("it has a subject, which nothing may rely on")
	case !cert.BasicConstraintsValid || cert.IsCA:
		return deny("it is an authority's")
	case cert.KeyUsage != x509.KeyUsageDigitalSignature:
		return deny("its key usage is another")
	case !slices.Equal(cert.ExtKeyUsage, rules.usages) || len(cert.UnknownExtKeyUsage) > 0:
		return deny("its extended key usage is another")
	case cert.NotAfter.Sub(cert.NotBefore) > rules.longest+backdate:
		return deny("its life is too long")
	case len(cert.EmailAddresses) > 0:
		return deny("it has a mail address")
	case !slices.EqualFunc(sorted(cert), leafExtensions, asn1.ObjectIdentifier.Equal):
		return deny("its extensions are others")
	}
	return checkNames(rules, cert, deny)
}

func checkNames(r rules, cert *x509.Certificate, deny func(string) error) error {
	named := len(cert.DNSNames)+len(cert.IPAddresses) > 0
	if named && !r.names {
		return deny("it has a host name")
	}
	if r.role == "" {
		if !named || len(cert.URIs) > 0 {
			return deny("it must have host names and no identity")
		}
		return nil
	}
	if len(cert.URIs) != 1 {
		return deny("it must have one identity")
	}
	id, err := wire.ParseIdentity(cert.URIs[0])
	if err != nil {
		return err
	}
	if id.Role != r.role {
		return deny("its role is " + string(id.Role))
	}
	return nil
}

// sorted gives the certificate's extensions in the order of leafExtensions.
func sorted(cert *x509.Certificate) []asn1.ObjectIdentifier {
	ids := make([]asn1.ObjectIdentifier, len(cert.Extensions))
	for i, e := range cert.Extensions {
		ids[i] = e.Id
	}
	slices.SortFunc(ids, func(a, b asn1.ObjectIdentifier) int { return slices.Compare(a, b) })
	return ids
}
