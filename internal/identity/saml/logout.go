package saml

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"hash"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"

	"postern/internal/fault"
)

// LogoutURL gives the address at which the browser signs out at the provider, with the Renewal of the user's
// Assertion. It is empty if the provider has none, or if we have no key: such a request must be signed. relay comes
// back with the provider's answer.
func (p *Provider) LogoutURL(ctx context.Context, renewal []byte, relay string) (string, error) {
	m, err := p.meta(ctx)
	if err != nil || m.logout == "" || p.key == nil || len(renewal) == 0 {
		return "", err
	}
	var s session
	if err := json.Unmarshal(renewal, &s); err != nil || s.Name == "" {
		return "", nil // signed in by an attribute, without a NameID: the provider could not tell who it is
	}
	now := p.cfg.Now()
	request := element("samlp:LogoutRequest", "ID", newID(), "Version", "2.0", "IssueInstant", stamp(now), "Destination", m.logout,
		"NotOnOrAfter", stamp(now.Add(answerAge)))
	request.CreateElement("saml:Issuer").SetText(p.cfg.EntityID)
	name := request.CreateElement("saml:NameID")
	for key, value := range map[string]string{"Format": s.Format, "NameQualifier": s.Qualifier, "SPNameQualifier": s.SPQualifier} {
		if value != "" {
			name.CreateAttr(key, value)
		}
	}
	name.SetText(s.Name)
	if s.Index != "" {
		request.CreateElement("samlp:SessionIndex").SetText(s.Index)
	}
	return p.redirect(m.logout, "SAMLRequest", request, redirecting{relay: relay, sign: true})
}

// Ended is whom the provider signed out.
type Ended struct {
	Subject  string   // as in the Assertion, unless an attribute names users; then only the sessions count
	Sessions []string // all of the subject if empty
	ID       string   // of the request, which is taken once
	Expires  time.Time
	reply    string // what to answer
}

// LogoutRequest takes a request of the provider to sign somebody out, which a browser brings in its query or in a
// form. query is the raw query of the address, which is what is signed there.
func (p *Provider) LogoutRequest(ctx context.Context, query string, form url.Values) (e Ended, err error) {
	err = p.withCertificates(ctx, func(m *metadata) error {
		root, relay, err := p.openMessage("SAMLRequest", query, form, m)
		if err != nil {
			return err
		}
		if e, err = p.ended(root, m); err != nil {
			return err
		}
		e.reply, err = p.logoutReply(root, relay, m)
		return err
	})
	if err != nil {
		return Ended{}, err
	}
	return e, nil
}

// Reply gives where to send the browser with our answer; empty if the provider has no address for it or we no key.
func (e Ended) Reply() string { return e.reply }

func (p *Provider) ended(root *etree.Element, m *metadata) (Ended, error) {
	now := p.cfg.Now()
	issued, ok := instant(attr(root, "IssueInstant"))
	bad := func(format string, args ...any) (Ended, error) {
		return Ended{}, fault.Invalid("SAMLRequest", format, args...)
	}
	expires := issued.Add(answerAge + skew)
	switch {
	case !is(root, nsProtocol, "LogoutRequest") || attr(root, "Version") != "2.0" || attr(root, "ID") == "" || len(attr(root, "ID")) > 512:
		return bad("is no request to sign out")
	case text(child(root, nsAssertion, "Issuer")) != m.entityID:
		return bad("comes from another provider (Issuer)")
	case attr(root, "Destination") != "" && attr(root, "Destination") != p.cfg.Logout:
		return bad("was made for another address (Destination)")
	case !ok || issued.After(now.Add(skew)) || now.After(expires):
		return bad("was not made just now (IssueInstant)")
	}
	if until, ok := instant(attr(root, "NotOnOrAfter")); ok && !now.Before(until.Add(skew)) {
		return bad("has expired (NotOnOrAfter)")
	}
	e := Ended{ID: attr(root, "ID"), Expires: expires}
	if p.cfg.SubjectAttribute == "" {
		e.Subject = text(child(root, nsAssertion, "NameID"))
	}
	for _, el := range children(root, nsProtocol, "SessionIndex") {
		if s := text(el); s != "" && len(e.Sessions) < 100 {
			e.Sessions = append(e.Sessions, s)
		}
	}
	if e.Subject == "" && len(e.Sessions) == 0 {
		return bad("names nobody whom we could tell (NameID, SessionIndex)")
	}
	return e, nil
}

func (p *Provider) logoutReply(request *etree.Element, relay string, m *metadata) (string, error) {
	if m.logoutBack == "" || p.key == nil {
		return "", nil
	}
	reply := element("samlp:LogoutResponse", "ID", newID(), "Version", "2.0", "IssueInstant", stamp(p.cfg.Now()), "Destination", m.logoutBack,
		"InResponseTo", attr(request, "ID"))
	reply.CreateElement("saml:Issuer").SetText(p.cfg.EntityID)
	reply.CreateElement("samlp:Status").CreateElement("samlp:StatusCode").CreateAttr("Value", statusSuccess)
	return p.redirect(m.logoutBack, "SAMLResponse", reply, redirecting{relay: relay, sign: true})
}

// openMessage reads a message and checks its signature, in the query or in the document. All that is taken by these
// bindings is signed.
func (p *Provider) openMessage(name, query string, form url.Values, m *metadata) (root *etree.Element, relay string, err error) {
	if len(form[name]) > 0 {
		if len(form[name]) > 1 || len(form["RelayState"]) > 1 || len(form.Get(name)) > maxDocument {
			return nil, "", fault.Invalid(name, "must be given once")
		}
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(form.Get(name)), ""))
		if err != nil {
			return nil, "", fault.Invalid(name, "must be in base64")
		}
		if root, err = readDocument(raw); err != nil {
			return nil, "", err
		}
		if root, err = verified(root, m.certificates); err == nil && root == nil {
			err = refused("it is not signed")
		}
		return root, form.Get("RelayState"), err
	}
	signed, values, err := signedQuery(name, query)
	if err != nil {
		return nil, "", err
	}
	signature, err := base64.StdEncoding.DecodeString(values["Signature"])
	if err != nil || !checkQuery(m.certificates, values["SigAlg"], signed, signature) {
		return nil, "", errSignature
	}
	packed, err := base64.StdEncoding.DecodeString(values[name])
	if err != nil {
		return nil, "", fault.Invalid(name, "must be in base64")
	}
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxDocument+1))
	if err != nil {
		return nil, "", fault.Invalid(name, "must be packed with DEFLATE")
	}
	root, err = readDocument(raw)
	return root, values["RelayState"], err
}

// signedQuery gives the part of a query that its signature covers, exactly as it was sent (Bindings, section
// 3.4.4.1), and the values in it, each of which may stand there once.
func signedQuery(name, query string) (signed string, values map[string]string, err error) {
	raw := map[string]string{}
	values = map[string]string{}
	if len(query) > maxDocument {
		return "", nil, fault.Invalid(name, "is too long")
	}
	for part := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "SAMLRequest", "SAMLResponse", "RelayState", "SigAlg", "Signature":
		default:
			continue
		}
		plain, err := url.QueryUnescape(value)
		if _, twice := raw[key]; twice || err != nil {
			return "", nil, fault.Invalid(key, "must be given once, percent-encoded")
		}
		raw[key], values[key] = value, plain
	}
	if values[name] == "" || values["Signature"] == "" || values["SigAlg"] == "" {
		return "", nil, fault.Invalid(name, "must be given and signed")
	}
	signed = name + "=" + raw[name]
	if relay, ok := raw["RelayState"]; ok {
		signed += "&RelayState=" + relay
	}
	return signed + "&SigAlg=" + raw["SigAlg"], values, nil
}

func checkQuery(certificates []*x509.Certificate, algorithm, signed string, signature []byte) bool {
	hashes := map[string]struct {
		id   crypto.Hash
		make func() hash.Hash
	}{"256": {crypto.SHA256, sha256.New}, "384": {crypto.SHA384, sha512.New384}, "512": {crypto.SHA512, sha512.New}}
	kind, size, ok := strings.Cut(strings.TrimPrefix(algorithm, "http://www.w3.org/2001/04/xmldsig-more#"), "-sha")
	how, known := hashes[size]
	if !ok || !known || !strings.HasPrefix(algorithm, "http://www.w3.org/2001/04/xmldsig-more#") {
		return false
	}
	h := how.make()
	h.Write([]byte(signed))
	sum := h.Sum(nil)
	for _, c := range certificates {
		switch key := c.PublicKey.(type) {
		case *rsa.PublicKey:
			if kind == "rsa" && rsa.VerifyPKCS1v15(key, how.id, sum, signature) == nil {
				return true
			}
		case *ecdsa.PublicKey:
			if kind == "ecdsa" && ecdsa.VerifyASN1(key, sum, signature) {
				return true
			}
		}
	}
	return false
}
