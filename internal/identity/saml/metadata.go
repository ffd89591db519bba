package saml

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/url"
	"strings"

	"github.com/beevik/etree"

	"postern/internal/fault"
)

// maxCertificates bounds with how many certificates a signature is tried.
const maxCertificates = 16

// metadata is what a provider says of itself.
type metadata struct {
	entityID     string
	signOn       string // where browsers are sent to sign in; empty if the provider takes no redirect
	signOnForm   string // where they are sent with a form
	logout       string // where they are sent to sign out; empty if there is none
	logoutBack   string // where an answer to its own request to sign out goes
	wantsSigned  bool
	certificates []*x509.Certificate // any of them may have signed; the dates in them say nothing (Metadata Interoperability Profile, section 2.6.1)
}

func bad(format string, args ...any) error {
	return fault.New(fault.KindUpstream, "the identity provider's metadata cannot be used: "+format, args...)
}

func (p *Provider) fetchMetadata(ctx context.Context) (*metadata, error) {
	a, err := p.cfg.Fetch.Get(ctx, p.cfg.MetadataURL)
	if err != nil {
		return nil, err
	}
	if !a.Is("application/samlmetadata+xml", "application/xml", "text/xml") {
		return nil, bad("it is not sent as XML")
	}
	return p.readMetadata(a.Body)
}

// readSigners reads the certificates of those who may sign metadata.
func readSigners(text string) (all []*x509.Certificate, err error) {
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil || !strong(c) {
			return nil, fault.Invalid("saml.metadataSigner", "must be certificates in PEM, with RSA keys of at least 2048 bits or elliptic ones")
		}
		all = append(all, c)
	}
	if len(all) == 0 || len(all) > maxCertificates {
		return nil, fault.Invalid("saml.metadataSigner", "must be 1 to %d certificates in PEM", maxCertificates)
	}
	return all, nil
}

// readMetadata reads the metadata of one identity provider, alone or in a list with service providers. Where it must
// be signed, only what the signature covers is read.
func (p *Provider) readMetadata(text []byte) (*metadata, error) {
	now := p.cfg.Now()
	root, err := readDocument(withoutComments(text))
	if err != nil {
		return nil, bad("it is no XML document, or one with declarations, or too large")
	}
	if len(p.signers) > 0 {
		if root, err = verified(root, p.signers); err != nil || root == nil {
			return nil, bad("it is not signed by one of the certificates that it must be signed by")
		}
	}
	entity, err := oneProvider(root)
	if err != nil {
		return nil, err
	}
	role := child(entity, nsMetadata, "IDPSSODescriptor")
	if role == nil {
		return nil, bad("it does not describe one identity provider (IDPSSODescriptor)")
	}
	for _, el := range []*etree.Element{root, entity, role} {
		if until := attr(el, "validUntil"); until != "" {
			if at, ok := instant(until); !ok || !now.Before(at) {
				return nil, bad("it was valid until %s", fault.Readable(until))
			}
		}
	}
	m := &metadata{entityID: attr(entity, "entityID"), wantsSigned: attr(role, "WantAuthnRequestsSigned") == "true"}
	if m.entityID == "" || len(m.entityID) > 1024 {
		return nil, bad("it names no entityID of at most 1024 bytes")
	}
	if m.signOn, _, err = service(role, "SingleSignOnService", bindingRedirect); err != nil {
		return nil, err
	}
	if m.signOnForm, _, err = service(role, "SingleSignOnService", bindingPost); err != nil && m.signOn == "" || m.signOn == "" && m.signOnForm == "" {
		return nil, bad("it names no address to sign in at by HTTP-Redirect or HTTP-POST that starts with https://")
	}
	if m.logout, m.logoutBack, err = service(role, "SingleLogoutService", bindingRedirect); err != nil {
		return nil, err
	}
	return m, m.readCertificates(role)
}

func oneProvider(root *etree.Element) (*etree.Element, error) {
	if is(root, nsMetadata, "EntityDescriptor") {
		return root, nil
	}
	var found []*etree.Element
	if is(root, nsMetadata, "EntitiesDescriptor") {
		for _, e := range children(root, nsMetadata, "EntityDescriptor") {
			if len(children(e, nsMetadata, "IDPSSODescriptor")) > 0 {
				found = append(found, e)
			}
		}
	}
	if len(found) != 1 {
		return nil, bad("it describes %d identity providers, not one", len(found))
	}
	return found[0], nil
}

// service gives the address of a service by a binding. One that is not https is an error: people are sent there.
func service(role *etree.Element, name, binding string) (address, response string, err error) {
	for _, el := range children(role, nsMetadata, name) {
		if attr(el, "Binding") != binding || address != "" {
			continue
		}
		address, response = attr(el, "Location"), attr(el, "ResponseLocation")
		if response == "" {
			response = address
		}
		for _, a := range []string{address, response} {
			u, err := url.Parse(a)
			if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" || len(a) > 2048 {
				return "", "", bad("its %s does not start with https://", name)
			}
		}
	}
	return address, response, nil
}

func (m *metadata) readCertificates(role *etree.Element) error {
	for _, descriptor := range children(role, nsMetadata, "KeyDescriptor") {
		if use := attr(descriptor, "use"); use != "" && use != "signing" {
			continue
		}
		for _, info := range children(descriptor, nsDSig, "KeyInfo") {
			for _, data := range children(info, nsDSig, "X509Data") {
				for _, el := range children(data, nsDSig, "X509Certificate") {
					der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text(el)), ""))
					if err != nil {
						return bad("a certificate in it cannot be read")
					}
					c, err := x509.ParseCertificate(der)
					if err != nil {
						return bad("a certificate in it cannot be read")
					}
					if strong(c) {
						m.certificates = append(m.certificates, c)
					}
				}
			}
		}
	}
	if len(m.certificates) == 0 || len(m.certificates) > maxCertificates {
		return bad("it names %d certificates to check signatures with; it must be 1 to %d, with RSA keys of at least 2048 bits or elliptic ones", len(m.certificates), maxCertificates)
	}
	return nil
}

func strong(c *x509.Certificate) bool {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= 2048 && key.N.BitLen() <= 8192
	case *ecdsa.PublicKey:
		return key.Curve.Params().BitSize >= 256
	}
	return false
}

// withoutComments takes comments out of metadata, where administrators and providers write them. No signature covers
// them (Exclusive XML Canonicalization), so one is as good without, and what is checked is what is read.
func withoutComments(text []byte) []byte {
	var kept []byte
	for {
		before, rest, ok := bytes.Cut(text, []byte("<!--"))
		kept = append(kept, before...)
		if !ok {
			return kept
		}
		if _, text, ok = bytes.Cut(rest, []byte("-->")); !ok {
			return append(kept, "<!--"...) // without an end: the reader refuses it
		}
	}
}
