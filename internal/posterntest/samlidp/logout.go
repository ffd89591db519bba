package samlidp

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
)

const signatureMethod = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"

// signOut takes the service provider's request to sign out, which must be signed, and sends the browser back.
func (p *Provider) signOut(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.URL.Query().Has("SAMLResponse") {
		_, _ = w.Write([]byte("signed out"))
		return
	}
	request, err := p.logoutRequest(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if request.SessionIndex != nil {
		p.ended = append(p.ended, request.SessionIndex.Value)
	}
	to := p.party.SPSSODescriptors[0].SingleLogoutServices[0].Location
	answer := saml.LogoutResponse{ID: "id-" + rand.Text(), InResponseTo: request.ID, Version: "2.0", IssueInstant: p.now(), Destination: to,
		Issuer: &saml.Issuer{Value: p.MetadataURL()}, Status: saml.Status{StatusCode: saml.StatusCode{Value: saml.StatusSuccess}}}
	address, err := p.redirect(to, "SAMLResponse", answer.Element())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, address, http.StatusSeeOther)
}

func (p *Provider) logoutRequest(r *http.Request) (request saml.LogoutRequest, err error) {
	signed, rest, _ := strings.Cut(r.URL.RawQuery, "&Signature=")
	text, err := url.QueryUnescape(rest)
	if err != nil {
		return request, err
	}
	signature, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return request, err
	}
	if err := p.verify(signed, signature); err != nil {
		return request, err
	}
	packed, err := base64.StdEncoding.DecodeString(r.URL.Query().Get("SAMLRequest"))
	if err != nil {
		return request, err
	}
	raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return request, err
	}
	return request, xml.Unmarshal(raw, &request)
}

// verify checks a query's signature with the service provider's certificates.
func (p *Provider) verify(signed string, signature []byte) error {
	sum := sha256.Sum256([]byte(signed))
	for _, k := range p.party.SPSSODescriptors[0].KeyDescriptors {
		for _, c := range k.KeyInfo.X509Data.X509Certificates {
			der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(c.Data), ""))
			if err != nil {
				return err
			}
			certificate, err := x509.ParseCertificate(der)
			if err != nil {
				return err
			}
			if key, ok := certificate.PublicKey.(*rsa.PublicKey); ok && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil {
				return nil
			}
		}
	}
	return errors.New("the signature of the request is wrong")
}

// LogoutURL gives where the provider sends a browser to sign somebody out at the service provider: of one session, or
// of all if it is empty.
func (p *Provider) LogoutURL(subject, session string) string {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	to := p.party.SPSSODescriptors[0].SingleLogoutServices[0].Location
	request := saml.LogoutRequest{ID: "id-" + rand.Text(), Version: "2.0", IssueInstant: p.now(), Destination: to, Issuer: &saml.Issuer{Value: p.MetadataURL()},
		NameID: &saml.NameID{Format: string(saml.PersistentNameIDFormat), Value: subject}}
	if session != "" {
		request.SessionIndex = &saml.SessionIndex{Value: session}
	}
	address, err := p.redirect(to, "SAMLRequest", request.Element())
	if err != nil {
		p.t.Fatal(err)
	}
	return address
}

func (p *Provider) redirect(to, name string, message *etree.Element) (string, error) {
	doc := etree.NewDocument()
	doc.SetRoot(message)
	text, err := doc.WriteToBytes()
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	writer, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := writer.Write(text); err != nil {
		return "", err
	}
	if err := writer.Close(); err != nil {
		return "", err
	}
	query := name + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(packed.Bytes())) + "&SigAlg=" + url.QueryEscape(signatureMethod)
	sum := sha256.Sum256([]byte(query))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.pairs[0].Key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return to + "?" + query + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature)), nil
}
