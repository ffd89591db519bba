// Package samlidp is a SAML identity provider for tests: real TLS, real signatures and encryption (crewjam/saml), a
// user who is always ready to sign in. It does what a provider must and can be told to do it otherwise.
package samlidp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"html/template"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
)

// User is somebody the provider knows. Attributes are told under their names.
type User struct {
	ID         string // persistent
	Attributes map[string][]string
}

// Behaviour is what providers do differently. The zero value is one that does all that it is asked.
type Behaviour struct {
	PostOnly  bool                  // takes requests by form alone
	SignedOut bool                  // has to ask who it is, which IsPassive forbids
	Refuses   string                // the status that it answers with, such as RequestDenied
	Stubborn  bool                  // never asks again, whatever it is asked
	Ago       time.Duration         // when the user proved who they are, where it does not ask again
	Contexts  []string              // what it can do beside a password
	Lasts     time.Duration         // how long its own session is good; not said if zero
	Spoil     func(*saml.Assertion) // changes what it says before it is signed
}

// Provider is a running one.
type Provider struct {
	t      testing.TB
	server *httptest.Server

	mu        sync.Mutex // guards the rest
	pairs     []Pair     // the first signs; all are in the metadata
	party     *saml.EntityDescriptor
	user      User
	behaviour Behaviour
	ahead     time.Duration
	asked     saml.AuthnRequest
	asks      int
	sessions  int
	ended     []string // the SessionIndex of each request to sign out
}

// Pair is a key and its certificate.
type Pair struct {
	Key         *rsa.PrivateKey
	Certificate *x509.Certificate
}

// NewPair makes one.
func NewPair(t testing.TB) Pair {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "idp"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return Pair{key, certificate}
}

// PEM gives the private key, as a service provider keeps its own.
func (p Pair) PEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(p.Key)}))
}

// CertificatePEM gives the certificate.
func (p Pair) CertificatePEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate.Raw}))
}

// New starts a provider that ends with the test.
func New(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{t: t, pairs: []Pair{NewPair(t)}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metadata", p.metadata)
	mux.HandleFunc("/sso", p.signOn)
	mux.HandleFunc("GET /slo", p.signOut)
	p.server = httptest.NewTLSServer(mux)
	t.Cleanup(p.server.Close)
	return p
}

// MetadataURL gives where its metadata is, which is also its name.
func (p *Provider) MetadataURL() string { return p.server.URL + "/metadata" }

// CA gives the certificate to trust, PEM.
func (p *Provider) CA() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw}))
}

// Know tells the provider of its one service provider, by that one's metadata.
func (p *Provider) Know(metadata []byte) {
	p.t.Helper()
	var party saml.EntityDescriptor
	if err := xml.Unmarshal(metadata, &party); err != nil || len(party.SPSSODescriptors) != 1 {
		p.t.Fatalf("the service provider's metadata: %v in %s", err, metadata)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.party = &party
}

// Put makes somebody the one to sign in next.
func (p *Provider) Put(u User) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.user = u
}

// Behave changes how the provider behaves from now on.
func (p *Provider) Behave(b Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behaviour = b
}

// Keys makes the provider sign with the first; its metadata names all.
func (p *Provider) Keys(pairs ...Pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pairs = pairs
}

// Pairs gives what it has now.
func (p *Provider) Pairs() []Pair {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pairs
}

// Ahead sets how far the provider's clock is ahead.
func (p *Provider) Ahead(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ahead = d
}

// Asked gives the last request to sign in, and how many there were.
func (p *Provider) Asked() (saml.AuthnRequest, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked, p.asks
}

// Ended gives the sessions that the service provider asked to end.
func (p *Provider) Ended() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

func (p *Provider) now() time.Time { return time.Now().Add(p.ahead).UTC() }

func (p *Provider) metadata(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="%s"><md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">`, p.MetadataURL())
	for _, pair := range p.pairs {
		fmt.Fprintf(&b, `<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`,
			base64.StdEncoding.EncodeToString(pair.Certificate.Raw))
	}
	fmt.Fprintf(&b, `<md:SingleLogoutService Binding="%s" Location="%s/slo"/><md:SingleSignOnService Binding="%s" Location="%[2]s/sso"/>`, saml.HTTPRedirectBinding, p.server.URL, saml.HTTPPostBinding)
	if !p.behaviour.PostOnly {
		fmt.Fprintf(&b, `<md:SingleSignOnService Binding="%s" Location="%s/sso"/>`, saml.HTTPRedirectBinding, p.server.URL)
	}
	b.WriteString(`</md:IDPSSODescriptor></md:EntityDescriptor>`)
	w.Header().Set("Content-Type", "application/samlmetadata+xml")
	_, _ = w.Write([]byte(b.String()))
}

// idp gives the library's provider, with the key of now.
func (p *Provider) idp() *saml.IdentityProvider {
	base, err := url.Parse(p.server.URL)
	if err != nil {
		p.t.Error(err)
	}
	return &saml.IdentityProvider{Key: p.pairs[0].Key, Certificate: p.pairs[0].Certificate, SignatureMethod: dsig.RSASHA256SignatureMethod,
		MetadataURL: *base.JoinPath("metadata"), SSOURL: *base.JoinPath("sso"), ServiceProviderProvider: knows{p.party}}
}

// knows finds the one service provider.
type knows struct{ party *saml.EntityDescriptor }

func (k knows) GetServiceProvider(_ *http.Request, id string) (*saml.EntityDescriptor, error) {
	if k.party == nil || id != k.party.EntityID {
		return nil, os.ErrNotExist
	}
	return k.party, nil
}

var page = template.Must(template.New("").Parse(`<form method="post" action="{{.Action}}">{{range $n, $v := .Form}}<input type="hidden" name="{{$n}}" value="{{index $v 0}}">{{end}}</form>`))

// Sent is a form that the provider sends a browser on with.
type Sent struct {
	Action string
	Form   url.Values
}

func (p *Provider) signOn(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	req, err := saml.NewIdpAuthnRequest(p.idp(), r)
	if err == nil {
		req.Now = p.now()
		err = req.Validate()
	}
	if err == nil && p.behaviour.PostOnly && r.Method != http.MethodPost {
		err = fmt.Errorf("a request by %s", r.Method)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.asked, p.asks = req.Request, p.asks+1
	answer, err := p.answer(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if relay := r.FormValue("RelayState"); relay != "" {
		answer.Set("RelayState", relay)
	}
	_ = page.Execute(w, Sent{req.ACSEndpoint.Location, answer}) // who has gone reads nothing
}

// Unasked gives an answer to nobody's request.
func (p *Provider) Unasked() Sent {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	req := &saml.IdpAuthnRequest{IDP: p.idp(), HTTPRequest: httptest.NewRequest(http.MethodGet, "/", nil), Now: p.now(), ServiceProviderMetadata: p.party,
		SPSSODescriptor: &p.party.SPSSODescriptors[0], ACSEndpoint: &p.party.SPSSODescriptors[0].AssertionConsumerServices[0]}
	form, err := p.answer(req)
	if err != nil {
		p.t.Fatal(err)
	}
	return Sent{req.ACSEndpoint.Location, form}
}

// answer gives the form with which a browser is sent back.
func (p *Provider) answer(req *saml.IdpAuthnRequest) (url.Values, error) {
	b := p.behaviour
	passive := req.Request.IsPassive != nil && *req.Request.IsPassive
	switch {
	case b.Refuses != "":
		return p.refusal(req, b.Refuses)
	case passive && b.SignedOut:
		return p.refusal(req, "NoPassive")
	}
	at := p.now()
	if forced := req.Request.ForceAuthn; b.Stubborn || forced == nil || !*forced {
		at = at.Add(-b.Ago)
	}
	p.sessions++
	who := &saml.Session{CreateTime: at, Index: fmt.Sprintf("s-%d", p.sessions), NameID: p.user.ID, NameIDFormat: string(saml.PersistentNameIDFormat)}
	for name, values := range p.user.Attributes {
		attribute := saml.Attribute{Name: name}
		for _, v := range values {
			attribute.Values = append(attribute.Values, saml.AttributeValue{Type: "xs:string", Value: v})
		}
		who.CustomAttributes = append(who.CustomAttributes, attribute)
	}
	if err := (saml.DefaultAssertionMaker{}).MakeAssertion(req, who); err != nil {
		return nil, err
	}
	p.say(req)
	if err := req.MakeResponse(); err != nil {
		return nil, err
	}
	return encoded(req.ResponseEl)
}

// say completes an assertion.
func (p *Provider) say(req *saml.IdpAuthnRequest) {
	a, b := req.Assertion, p.behaviour
	a.IssueInstant = req.Now
	a.Conditions.NotBefore = req.Now.Add(-time.Minute)
	statement := &a.AuthnStatements[0]
	if b.Lasts > 0 {
		until := req.Now.Add(b.Lasts)
		statement.SessionNotOnOrAfter = &until
	}
	if wanted := req.Request.RequestedAuthnContext; wanted != nil {
		for _, can := range b.Contexts {
			if can == wanted.AuthnContextClassRef {
				statement.AuthnContext.AuthnContextClassRef.Value = can
			}
		}
	}
	if b.Spoil != nil {
		b.Spoil(a)
	}
}

// refusal answers with a status, signed.
func (p *Provider) refusal(req *saml.IdpAuthnRequest, status string) (url.Values, error) {
	response := &saml.Response{Destination: req.ACSEndpoint.Location, ID: "id-" + rand.Text(), InResponseTo: req.Request.ID, IssueInstant: req.Now, Version: "2.0",
		Issuer: &saml.Issuer{Value: p.MetadataURL()}, Status: saml.Status{StatusCode: saml.StatusCode{Value: "urn:oasis:names:tc:SAML:2.0:status:Responder",
			StatusCode: &saml.StatusCode{Value: "urn:oasis:names:tc:SAML:2.0:status:" + status}}}}
	el := response.Element()
	context := dsig.NewDefaultSigningContext(dsig.TLSCertKeyStore(tls.Certificate{Certificate: [][]byte{p.pairs[0].Certificate.Raw}, PrivateKey: p.pairs[0].Key}))
	context.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	if err := context.SetSignatureMethod(dsig.RSASHA256SignatureMethod); err != nil {
		return nil, err
	}
	signed, err := context.SignEnveloped(el)
	if err != nil {
		return nil, err
	}
	return encoded(signed)
}

func encoded(el *etree.Element) (url.Values, error) {
	doc := etree.NewDocument()
	doc.SetRoot(el)
	text, err := doc.WriteToBytes()
	return url.Values{"SAMLResponse": {base64.StdEncoding.EncodeToString(text)}}, err
}
