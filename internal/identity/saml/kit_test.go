package saml

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"postern/internal/fault"
	"postern/internal/identity"
)

const (
	idpName  = "https://idp.example.com/metadata"
	ourName  = "https://portal.example.com/upstreams/ups_1/metadata"
	consumer = "https://portal.example.com/upstreams/ups_1/callback"
	logout   = "https://portal.example.com/upstreams/ups_1/slo"
)

// keyPair is a key and its certificate.
type keyPair struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

func newPair(t *testing.T, until time.Time) keyPair {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "idp"},
		NotBefore: time.Now().Add(-365 * 24 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{key, cert}
}

func (k keyPair) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k.key)}))
}

// theirs and ours are made once: keys take long to make.
var pairs = struct {
	sync.Once
	theirs, ours, other keyPair
}{}

func setUp(t *testing.T) (theirs, ours, other keyPair) {
	pairs.Do(func() {
		pairs.theirs, pairs.ours, pairs.other = newPair(t, time.Now().Add(-time.Hour)), newPair(t, time.Now().Add(time.Hour)), newPair(t, time.Now().Add(time.Hour))
	})
	return pairs.theirs, pairs.ours, pairs.other
}

func metadataOf(certs ...*x509.Certificate) string {
	keys := ""
	for _, c := range certs {
		keys += `<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(c.Raw) +
			`</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`
	}
	return `<?xml version="1.0" encoding="UTF-8"?><!-- ours --><md:EntityDescriptor xmlns:md="` + nsMetadata + `" xmlns:ds="` + nsDSig + `" entityID="` + idpName + `">
<md:IDPSSODescriptor protocolSupportEnumeration="` + nsProtocol + `">` + keys + `
<md:SingleLogoutService Binding="` + bindingRedirect + `" Location="https://idp.example.com/slo" ResponseLocation="https://idp.example.com/slo-back"/>
<md:SingleSignOnService Binding="` + bindingPost + `" Location="https://idp.example.com/post"/>
<md:SingleSignOnService Binding="` + bindingRedirect + `" Location="https://idp.example.com/sso?tenant=1"/>
</md:IDPSSODescriptor></md:EntityDescriptor>`
}

// world is us and a provider of the tests' own, which signs whatever a test wants.
type world struct {
	t                   *testing.T
	us                  *Provider
	theirs, ours, other keyPair
	now                 time.Time
}

func newWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().UTC().Truncate(time.Millisecond)}
	w.theirs, w.ours, w.other = setUp(t)
	cfg := Config{Metadata: metadataOf(w.theirs.cert), EntityID: ourName, Consumer: consumer, Logout: logout, Secret: w.ours.pem(),
		Now: func() time.Time { return w.now }}
	if change != nil {
		change(&cfg)
	}
	var err error
	if w.us, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) begin() State {
	w.t.Helper()
	_, s, err := w.us.Begin(w.t.Context(), Ask{})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// assertion is a good one for a request, as XML.
func (w *world) assertion(request string) string {
	inResponse := ""
	if request != "" {
		inResponse = ` InResponseTo="` + request + `"`
	}
	at := func(d time.Duration) string { return stamp(w.now.Add(d)) }
	return `<saml:Assertion xmlns:saml="` + nsAssertion + `" ID="a1" Version="2.0" IssueInstant="` + at(0) + `"><saml:Issuer>` + idpName + `</saml:Issuer>` +
		`<saml:Subject><saml:NameID Format="` + formatPersistent + `" SPNameQualifier="` + ourName + `">ada-4711</saml:NameID>` +
		`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="` + at(5*time.Minute) +
		`" Recipient="` + consumer + `"` + inResponse + `/></saml:SubjectConfirmation></saml:Subject>` +
		`<saml:Conditions NotBefore="` + at(-time.Minute) + `" NotOnOrAfter="` + at(5*time.Minute) + `"><saml:AudienceRestriction><saml:Audience>` + ourName +
		`</saml:Audience></saml:AudienceRestriction></saml:Conditions>` +
		`<saml:AuthnStatement AuthnInstant="` + at(-time.Minute) + `" SessionIndex="s1"><saml:AuthnContext><saml:AuthnContextClassRef>` +
		`urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>` +
		`<saml:AttributeStatement><saml:Attribute Name="urn:oid:0.9.2342.19200300.100.1.3" FriendlyName="mail"><saml:AttributeValue>ada@example.com</saml:AttributeValue></saml:Attribute>` +
		`<saml:Attribute Name="groups"><saml:AttributeValue>staff</saml:AttributeValue><saml:AttributeValue>engineers</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>` +
		`</saml:Assertion>`
}

// response carries something to us.
func (w *world) response(request, inner string) string {
	inResponse := ""
	if request != "" {
		inResponse = ` InResponseTo="` + request + `"`
	}
	return `<samlp:Response xmlns:samlp="` + nsProtocol + `" xmlns:saml="` + nsAssertion + `" ID="r1" Version="2.0" IssueInstant="` + stamp(w.now) + `" Destination="` + consumer + `"` +
		inResponse + `><saml:Issuer>` + idpName + `</saml:Issuer><samlp:Status><samlp:StatusCode Value="` + statusSuccess + `"/></samlp:Status>` + inner + `</samlp:Response>`
}

func parse(t *testing.T, text string) *etree.Element {
	t.Helper()
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return doc.Root()
}

func write(t *testing.T, el *etree.Element) string {
	t.Helper()
	doc := etree.NewDocument()
	doc.SetRoot(el.Copy())
	text, err := doc.WriteToString()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// signed signs an element, with its signature where SAML wants it: behind the issuer.
func signed(t *testing.T, text string, with keyPair, methods ...string) string {
	t.Helper()
	el := parse(t, text)
	ctx := dsig.NewDefaultSigningContext(dsig.TLSCertKeyStore(tls.Certificate{Certificate: [][]byte{with.cert.Raw}, PrivateKey: with.key}))
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	method := dsig.RSASHA256SignatureMethod
	if len(methods) > 0 {
		method = methods[0]
	}
	if err := ctx.SetSignatureMethod(method); err != nil {
		t.Fatal(err)
	}
	signature, err := ctx.ConstructSignature(el, true)
	if err != nil {
		t.Fatal(err)
	}
	el.InsertChildAt(1, signature)
	return write(t, el)
}

// sealing says how an assertion is encrypted.
type sealing struct {
	block, key, digest, mgf string
	hash, mask              crypto.Hash
	beside                  bool
}

var usual = sealing{block: "http://www.w3.org/2001/04/xmlenc#aes256-cbc", key: oaepMGF1, hash: crypto.SHA1, mask: crypto.SHA1}

func encrypted(t *testing.T, plain string, to *x509.Certificate, how sealing) string {
	t.Helper()
	method := blockMethods()[how.block]
	secret := make([]byte, max(method.key, 16))
	rand.Read(secret)
	block, err := aes.NewCipher(secret)
	if err != nil {
		t.Fatal(err)
	}
	var sealed []byte
	if method.gcm {
		gcm, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			t.Fatal(err)
		}
		sealed = gcm.Seal(nil, nil, []byte(plain), nil)
	} else {
		padding := 16 - len(plain)%16
		text := append([]byte(plain), make([]byte, padding)...)
		text[len(text)-1] = byte(padding)
		sealed = make([]byte, 16+len(text))
		rand.Read(sealed[:16])
		cipher.NewCBCEncrypter(block, sealed[:16]).CryptBlocks(sealed[16:], text)
	}
	public := to.PublicKey.(*rsa.PublicKey)
	var wrapped []byte
	if how.hash == 0 {
		//lint:ignore SA1019 it must be refused
		wrapped, err = rsa.EncryptPKCS1v15(rand.Reader, public, secret)
	} else {
		wrapped, err = rsa.EncryptOAEPWithOptions(rand.Reader, public, secret, &rsa.OAEPOptions{Hash: how.hash, MGFHash: how.mask})
	}
	if err != nil {
		t.Fatal(err)
	}
	inner := ""
	if how.digest != "" {
		inner += `<ds:DigestMethod xmlns:ds="` + nsDSig + `" Algorithm="` + how.digest + `"/>`
	}
	if how.mgf != "" {
		inner += `<x:MGF xmlns:x="http://www.w3.org/2009/xmlenc11#" Algorithm="` + how.mgf + `"/>`
	}
	value := func(b []byte) string {
		return `<e:CipherData><e:CipherValue>` + base64.StdEncoding.EncodeToString(b) + `</e:CipherValue></e:CipherData>`
	}
	key := `<e:EncryptedKey xmlns:e="` + nsEnc + `"><e:EncryptionMethod Algorithm="` + how.key + `">` + inner + `</e:EncryptionMethod>` + value(wrapped) + `</e:EncryptedKey>`
	info, beside := `<ds:KeyInfo xmlns:ds="`+nsDSig+`">`+key+`</ds:KeyInfo>`, ""
	if how.beside {
		info, beside = "", key
	}
	return `<saml:EncryptedAssertion xmlns:saml="` + nsAssertion + `"><e:EncryptedData xmlns:e="` + nsEnc + `" Type="http://www.w3.org/2001/04/xmlenc#Element"><e:EncryptionMethod Algorithm="` +
		how.block + `"/>` + info + value(sealed) + `</e:EncryptedData>` + beside + `</saml:EncryptedAssertion>`
}

func form(s State, text string) url.Values {
	return url.Values{"SAMLResponse": {base64.StdEncoding.EncodeToString([]byte(text))}, "RelayState": {s.Relay}}
}

func (w *world) finish(s State, text string) (identity.Assertion, error) {
	return w.us.Finish(w.t.Context(), s, form(s, text))
}

// replace changes a text that must be there.
func replace(old, replacement string) func(string) string {
	return func(text string) string {
		if !strings.Contains(text, old) {
			return fmt.Sprintf("<no %q in it/>", old)
		}
		return strings.Replace(text, old, replacement, 1)
	}
}

func judge(t *testing.T, a identity.Assertion, err error, kind fault.Kind, want string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(err.Error(), want) || len(err.Error()) > 400 {
		t.Errorf("got %v (%s), want %s that says %q", err, fault.KindOf(err), kind, want)
	}
	if a.Subject != "" || a.Issuer != "" || a.Claims != nil || a.Renewal != nil {
		t.Errorf("it says something of %.40q all the same", a.Subject)
	}
}
