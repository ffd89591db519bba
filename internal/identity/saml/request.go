package saml

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"net/url"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"postern/internal/fault"
)

// State is what must come back with the answer, bound to the browser that began the sign-in.
type State struct {
	ID       string    `json:"i"` // of our request, which the answer must name
	Relay    string    `json:"r"`
	Provider string    `json:"p"`
	Consumer string    `json:"c"`
	Fresh    bool      `json:"f,omitempty"`
	Started  time.Time `json:"t"`
}

// Ask says how somebody is to sign in. The zero value asks for nothing special.
type Ask struct {
	Fresh    bool     // the user must prove it now (ForceAuthn)
	Silent   bool     // nothing may be asked (IsPassive): who is not signed in there is told so by identity.ErrInteract
	Contexts []string // authentication contexts of which one must be used
}

// Sent is where a browser goes with a message of ours: to an address, or to it with a form.
type Sent struct {
	URL  string
	Form url.Values // nil: the address has all
}

// Begin gives where the browser goes at the provider, and the state that must come back. It goes by redirect where
// the provider takes that, else by a form.
func (p *Provider) Begin(ctx context.Context, ask Ask) (Sent, State, error) {
	m, err := p.meta(ctx)
	if err != nil {
		return Sent{}, State{}, err
	}
	to := m.signOn
	if to == "" {
		to = m.signOnForm
	}
	s := State{ID: newID(), Relay: newID(), Provider: m.entityID, Consumer: p.cfg.Consumer, Fresh: ask.Fresh && !ask.Silent, Started: p.cfg.Now().UTC()}
	request := element("samlp:AuthnRequest", "ID", s.ID, "Version", "2.0", "IssueInstant", stamp(s.Started), "Destination", to,
		"ProtocolBinding", bindingPost, "AssertionConsumerServiceURL", p.cfg.Consumer)
	switch {
	case ask.Silent:
		request.CreateAttr("IsPassive", "true")
	case ask.Fresh:
		request.CreateAttr("ForceAuthn", "true")
	}
	request.CreateElement("saml:Issuer").SetText(p.cfg.EntityID)
	if p.cfg.SubjectAttribute == "" {
		policy := request.CreateElement("samlp:NameIDPolicy")
		policy.CreateAttr("Format", formatPersistent)
		policy.CreateAttr("AllowCreate", "true")
	}
	if len(ask.Contexts) > 0 {
		contexts := request.CreateElement("samlp:RequestedAuthnContext")
		contexts.CreateAttr("Comparison", "exact")
		for _, c := range ask.Contexts {
			contexts.CreateElement("saml:AuthnContextClassRef").SetText(c)
		}
	}
	sign := p.cfg.SignRequests || m.wantsSigned && p.key != nil
	if m.signOn == "" {
		form, err := p.form(request, s.Relay, sign)
		return Sent{to, form}, s, err
	}
	address, err := p.redirect(to, "SAMLRequest", request, redirecting{relay: s.Relay, sign: sign})
	return Sent{URL: address}, s, err
}

// form gives the fields that carry a request by HTTP-POST (Bindings, section 3.5), signed in the document itself.
func (p *Provider) form(message *etree.Element, relay string, sign bool) (url.Values, error) {
	if sign {
		context := dsig.NewDefaultSigningContext(dsig.TLSCertKeyStore(tls.Certificate{Certificate: [][]byte{p.key.certificate}, PrivateKey: p.key.private}))
		context.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
		if err := context.SetSignatureMethod(dsig.RSASHA256SignatureMethod); err != nil {
			return nil, fault.Internal(err, "sign a message to the provider")
		}
		signature, err := context.ConstructSignature(message, true)
		if err != nil {
			return nil, fault.Internal(err, "sign a message to the provider")
		}
		message.InsertChildAt(1, signature) // behind the issuer, where the schema has it
	}
	doc := etree.NewDocument()
	doc.SetRoot(message)
	text, err := doc.WriteToBytes()
	if err != nil {
		return nil, fault.Internal(err, "write a message to the provider")
	}
	return url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString(text)}, "RelayState": {relay}}, nil
}
