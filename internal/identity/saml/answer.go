package saml

import (
	"bytes"
	"encoding/base64"

	"github.com/beevik/etree"

	"postern/internal/fault"
	"postern/internal/identity"
)

// answer is a Response whose assertion is signed, by itself or with all of it.
type answer struct {
	response  *etree.Element
	signed    bool           // the signature covers the response
	assertion *etree.Element // read anew from what was signed
}

// openAnswer reads a Response and checks its signatures. Nothing that is not signed leaves it as an assertion.
func (p *Provider) openAnswer(encoded string, m *metadata) (answer, error) {
	if len(encoded) > maxDocument*4/3+4 {
		return answer{}, refused("it is longer than %d bytes", maxDocument)
	}
	raw, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields([]byte(encoded)), nil)))
	if err != nil || len(raw) == 0 {
		return answer{}, refused("it is missing or not in base64")
	}
	root, err := readDocument(raw)
	if err != nil {
		return answer{}, err
	}
	if err := shape(root); err != nil {
		return answer{}, err
	}
	a := answer{response: root}
	whole, err := verified(root, m.certificates)
	if err != nil {
		return answer{}, err
	}
	if whole != nil {
		a.response, a.signed = whole, true
	}
	if attr(child(child(a.response, nsProtocol, "Status"), nsProtocol, "StatusCode"), "Value") != statusSuccess {
		return a, nil // there is no assertion; the caller says what the status means
	}
	a.assertion, err = p.openAssertion(a, m)
	return a, err
}

// shape refuses documents that are built to mean different things to whoever checks and whoever reads: there is one
// assertion, in its one place, and no id two times.
func shape(root *etree.Element) error {
	if !is(root, nsProtocol, "Response") {
		return refused("it is no Response")
	}
	ids := map[string]bool{}
	assertions, err := 0, error(nil)
	walk(root, func(el *etree.Element) {
		parent := el.Parent()
		switch {
		case el.Tag == "Response" && el != root, el.Tag == "Signature" && parent != root && !is(parent, nsAssertion, "Assertion"):
			err = refused("it is not of the form that SAML prescribes")
		case el.Tag == "Assertion" || el.Tag == "EncryptedAssertion":
			assertions++
			if parent != root || el.NamespaceURI() != nsAssertion {
				err = refused("it is not of the form that SAML prescribes")
			}
		}
		for _, a := range el.Attr {
			if name := a.Key; a.Space == "" && (name == "ID" || name == "Id" || name == "id") || a.Space == "xml" && name == "id" {
				if ids[a.Value] || a.Value == "" {
					err = refused("it uses an id two times")
				}
				ids[a.Value] = true
			}
		}
	})
	if err == nil && assertions > 1 {
		err = refused("it holds %d assertions", assertions)
	}
	return err
}

// errUnreadable is the answer to everything that goes wrong with an encrypted assertion, whatever it is: who could
// tell one from the other could read what is encrypted, bit by bit.
var errUnreadable = refused("its encrypted assertion cannot be read or is not signed as it should be; does the provider have our present certificate?")

func (p *Provider) openAssertion(a answer, m *metadata) (*etree.Element, error) {
	if el := child(a.response, nsAssertion, "Assertion"); el != nil {
		return p.signedAssertion(el, a.signed, m)
	}
	el := child(a.response, nsAssertion, "EncryptedAssertion")
	if el == nil {
		return nil, refused("it holds no assertion")
	}
	if p.key == nil {
		return nil, refused("its assertion is encrypted, and we have no private key: give an RSA key in PEM as the secret, and the provider our metadata")
	}
	plain, err := decrypt(el, p.key.private)
	if err != nil {
		return nil, errUnreadable
	}
	assertion, err := p.signedAssertion(plain, a.signed, m)
	if err != nil {
		return nil, errUnreadable
	}
	return assertion, err
}

// signedAssertion gives what the signature of an assertion covers. One without is as good as the response that it
// came in: good if that is signed.
func (p *Provider) signedAssertion(el *etree.Element, covered bool, m *metadata) (*etree.Element, error) {
	signed, err := verified(el, m.certificates)
	switch {
	case err != nil:
		return nil, err
	case signed != nil:
		return signed, nil
	case !covered:
		return nil, refused("neither it nor its assertion is signed")
	}
	return el, nil
}

// statusError says why the provider did not sign somebody in (Core, section 3.2.2.2).
func statusError(response *etree.Element) error {
	code := child(child(response, nsProtocol, "Status"), nsProtocol, "StatusCode")
	if code == nil {
		return refused("it has no status")
	}
	if attr(code, "Value") == statusSuccess {
		return nil
	}
	why := attr(code, "Value")
	if second := child(code, nsProtocol, "StatusCode"); second != nil {
		why = attr(second, "Value")
	}
	const status = "urn:oasis:names:tc:SAML:2.0:status:"
	switch why {
	case status + "AuthnFailed", status + "RequestDenied":
		return fault.Forbidden("the identity provider did not let you in, or you cancelled it there")
	case status + "NoPassive":
		return fault.Forbidden("the identity provider needs you to sign in there first; please begin again").Because(identity.ErrInteract)
	case status + "NoAuthnContext":
		return fault.Forbidden("the identity provider cannot sign you in as strongly as is needed here: it has none of the authentication contexts that were asked for")
	case status + "InvalidNameIDPolicy":
		return fault.New(fault.KindUpstream, "the identity provider has no persistent NameID for us; configure one there, or give subjectAttribute")
	}
	return fault.New(fault.KindUpstream, "the identity provider refused the sign-in (%s)", fault.Readable(why))
}
