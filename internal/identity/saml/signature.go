package saml

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

// What a signature may be made of. SHA-1 is not among it, nor is any transform that chooses parts of a document.
var (
	signatureMethods = []string{
		"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
		"http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
		"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
	}
	digestMethods = []string{
		"http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384", "http://www.w3.org/2001/04/xmlenc#sha512",
	}
	canonical = []string{"http://www.w3.org/2001/10/xml-exc-c14n#"}
)

const enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"

// signatureOf gives the signature of an element, which must be its direct child and cover it, all of it and nothing
// else; nil if there is none.
func signatureOf(el *etree.Element) (*etree.Element, error) {
	all := children(el, nsDSig, "Signature")
	if len(all) == 0 {
		return nil, nil
	}
	wrong := refused("its signature is not of the form that SAML prescribes")
	if len(all) > 1 {
		return nil, wrong
	}
	info := child(all[0], nsDSig, "SignedInfo")
	reference := child(info, nsDSig, "Reference")
	if reference == nil || len(children(info, nsDSig, "Reference")) != 1 || attr(el, "ID") == "" || attr(reference, "URI") != "#"+attr(el, "ID") {
		return nil, wrong
	}
	if !slices.Contains(canonical, algorithm(info, "CanonicalizationMethod")) || !slices.Contains(signatureMethods, algorithm(info, "SignatureMethod")) ||
		!slices.Contains(digestMethods, algorithm(reference, "DigestMethod")) {
		return nil, refused("its signature uses an algorithm that we do not accept, such as SHA-1")
	}
	transforms := child(reference, nsDSig, "Transforms")
	if transforms == nil {
		return nil, wrong
	}
	var names []string
	for _, t := range transforms.ChildElements() {
		names = append(names, attr(t, "Algorithm"))
	}
	if len(names) != 2 || names[0] != enveloped || !slices.Contains(canonical, names[1]) {
		return nil, wrong
	}
	return all[0], nil
}

func algorithm(parent *etree.Element, tag string) string {
	if el := child(parent, nsDSig, tag); el != nil {
		return attr(el, "Algorithm")
	}
	return ""
}

// verified gives what the signature of an element covers, read anew from what was signed; nil if it has none. The
// keys are the provider's: what the signature says of its key counts for nothing.
func verified(el *etree.Element, certificates []*x509.Certificate) (*etree.Element, error) {
	if s, err := signatureOf(el); err != nil || s == nil {
		return nil, err
	}
	detached, err := detach(el)
	if err != nil {
		return nil, err
	}
	for _, s := range children(detached, nsDSig, "Signature") {
		for _, info := range children(s, nsDSig, "KeyInfo") {
			s.RemoveChild(info)
		}
	}
	for _, c := range certificates {
		check := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{c}})
		check.IdAttribute = "ID"
		check.Clock = dsig.NewFakeClockAt(c.NotBefore.Add(time.Second)) // the key counts, not the dates beside it
		if signed, err := check.Validate(detached.Copy()); err == nil && signed != nil && signed.Tag == el.Tag && attr(signed, "ID") == attr(el, "ID") {
			return signed, nil
		}
	}
	return nil, errSignature
}

var errSignature = refused("its signature is wrong, or made with a key that is not in the provider's metadata")

// detach copies an element out of its document together with the names that it uses.
func detach(el *etree.Element) (*etree.Element, error) {
	names, err := etreeutils.NSBuildParentContext(el)
	if err != nil {
		return nil, refused("its XML cannot be read")
	}
	if names, err = names.SubContext(el); err != nil {
		return nil, refused("its XML cannot be read")
	}
	detached, err := etreeutils.NSDetatch(names, el)
	if err != nil {
		return nil, refused("its XML cannot be read")
	}
	return detached, nil
}

// withCertificates runs a check with the provider's certificates, and once more with newer ones if its metadata has
// changed since: it may sign with a new key from one moment to the next.
func (p *Provider) withCertificates(ctx context.Context, check func(m *metadata) error) error {
	m, loaded, err := p.metadata.Value(ctx)
	if err != nil {
		return err
	}
	err = check(m)
	if p.cfg.MetadataURL == "" || !errors.Is(err, errSignature) && !errors.Is(err, errUnreadable) {
		return err
	}
	newer, away := p.metadata.Newer(ctx, loaded)
	if away != nil {
		return err // these are the keys that we know it by, and the next fetch comes soon enough
	}
	return check(newer)
}
