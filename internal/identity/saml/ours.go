package saml

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"

	"github.com/beevik/etree"

	"postern/internal/fault"
)

// Metadata gives our own metadata, for the provider.
func (p *Provider) Metadata() ([]byte, error) {
	root := etree.NewElement("md:EntityDescriptor")
	root.CreateAttr("xmlns:md", nsMetadata)
	root.CreateAttr("xmlns:ds", nsDSig)
	root.CreateAttr("entityID", p.cfg.EntityID)
	role := root.CreateElement("md:SPSSODescriptor")
	role.CreateAttr("protocolSupportEnumeration", nsProtocol)
	role.CreateAttr("AuthnRequestsSigned", map[bool]string{true: "true", false: "false"}[p.cfg.SignRequests])
	role.CreateAttr("WantAssertionsSigned", "true")
	if p.key != nil {
		certificate := base64.StdEncoding.EncodeToString(p.key.certificate)
		for _, use := range []string{"signing", "encryption"} {
			key := role.CreateElement("md:KeyDescriptor")
			key.CreateAttr("use", use)
			key.CreateElement("ds:KeyInfo").CreateElement("ds:X509Data").CreateElement("ds:X509Certificate").SetText(certificate)
			if use == "encryption" {
				for _, method := range append(slices.Sorted(maps.Keys(blockMethods())), oaepMGF1, oaep11) {
					key.CreateElement("md:EncryptionMethod").CreateAttr("Algorithm", method)
				}
			}
		}
		for _, binding := range []string{bindingRedirect, bindingPost} {
			service := role.CreateElement("md:SingleLogoutService")
			service.CreateAttr("Binding", binding)
			service.CreateAttr("Location", p.cfg.Logout)
		}
	}
	if p.cfg.SubjectAttribute == "" {
		role.CreateElement("md:NameIDFormat").SetText(formatPersistent)
	}
	consumer := role.CreateElement("md:AssertionConsumerService")
	consumer.CreateAttr("Binding", bindingPost)
	consumer.CreateAttr("Location", p.cfg.Consumer)
	consumer.CreateAttr("index", "1")
	consumer.CreateAttr("isDefault", "true")
	doc := etree.NewDocument()
	doc.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
	doc.SetRoot(root)
	doc.Indent(2)
	out, err := doc.WriteToBytes()
	if err != nil {
		return nil, fault.Internal(err, "write our SAML metadata")
	}
	return out, nil
}

// Check asks for the provider's metadata.
func (p *Provider) Check(ctx context.Context) error {
	_, err := p.meta(ctx)
	return err
}
