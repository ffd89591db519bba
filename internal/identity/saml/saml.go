// Package saml signs people in at a SAML 2.0 identity provider (Web Browser SSO and Single Logout profiles).
//
// It keeps no rows and no sessions: what it needs again later it hands out and takes back. It promises that an
// Assertion was signed by this very provider, for us, for this sign-in, just now; that only what the signature covers
// is read; and that whatever a browser brings is answered in bounded time with one clear error.
package saml

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"time"

	"github.com/beevik/etree"

	"postern/internal/fault"
	"postern/internal/fetch"
)

// Config holds what a Provider needs. Fields are required unless they say otherwise.
type Config struct {
	Metadata         string // the provider's, in XML; or
	MetadataURL      string // where it is, which also brings new certificates
	MetadataSigner   string // optional: certificates in PEM of which one must have signed the metadata
	EntityID         string // what we are called
	Consumer         string // our address that takes answers
	Logout           string // our address that takes logout
	Secret           string // optional: our RSA private key in PEM, to sign with and to read encrypted assertions
	SubjectAttribute string // what names users and never changes; the NameID, which must then be persistent, if empty
	GroupsAttribute  string // where groups are; the usual names if empty
	IdPInitiated     bool   // answers that nobody asked for are taken
	SignRequests     bool
	Fetch            *fetch.Client
	Now              func() time.Time // time.Now if nil
}

// The names of SAML and XML that we speak.
const (
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsMetadata  = "urn:oasis:names:tc:SAML:2.0:metadata"
	nsDSig      = "http://www.w3.org/2000/09/xmldsig#"
	nsEnc       = "http://www.w3.org/2001/04/xmlenc#"

	bindingRedirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	bindingPost     = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"

	statusSuccess = "urn:oasis:names:tc:SAML:2.0:status:Success"
	rsaSHA256     = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"

	formatPersistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
)

// How far clocks may be apart, and how long things are good.
const (
	skew       = 2 * time.Minute
	stateLife  = 15 * time.Minute
	answerAge  = 5 * time.Minute // of an answer from its making
	metaPause  = time.Minute
	metaFresh  = time.Hour
	mayBeStale = 24 * time.Hour
	maxState   = 80 // bytes of RelayState (Bindings, section 3.4.3)
)

// Provider is one identity provider. Its methods may be used by many goroutines.
type Provider struct {
	cfg      Config
	key      *ourKey
	signers  []*x509.Certificate // of the metadata; none: it may be unsigned
	metadata *fetch.Kept[*metadata]
}

// New checks and wires. It asks the provider nothing.
func New(cfg Config) (*Provider, error) {
	if cfg.EntityID == "" || cfg.Consumer == "" || cfg.Logout == "" || (cfg.Metadata == "") == (cfg.MetadataURL == "") || cfg.MetadataURL != "" && cfg.Fetch == nil {
		return nil, fault.New(fault.KindInvalid, "a SAML provider needs metadata and our own addresses")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := &Provider{cfg: cfg}
	if cfg.Secret != "" {
		var err error
		if p.key, err = readKey(cfg.Secret, cfg.EntityID); err != nil {
			return nil, err
		}
	}
	if cfg.SignRequests && p.key == nil {
		return nil, fault.New(fault.KindInvalid, "requests cannot be signed without a private key: give an RSA key in PEM as the secret")
	}
	if cfg.MetadataSigner != "" {
		var err error
		if p.signers, err = readSigners(cfg.MetadataSigner); err != nil {
			return nil, err
		}
	}
	load := p.fetchMetadata
	if cfg.Metadata != "" {
		m, err := p.readMetadata([]byte(cfg.Metadata))
		if err != nil {
			return nil, err
		}
		load = func(context.Context) (*metadata, error) { return m, nil }
	}
	p.metadata = fetch.NewKept(fetch.Keep{Fresh: metaFresh, Stale: mayBeStale, Pause: metaPause, Now: cfg.Now}, load)
	return p, nil
}

// element makes a message of ours with attributes in pairs of name and value.
func element(tag string, attributes ...string) *etree.Element {
	el := etree.NewElement(tag)
	el.CreateAttr("xmlns:samlp", nsProtocol)
	el.CreateAttr("xmlns:saml", nsAssertion)
	for i := 0; i+1 < len(attributes); i += 2 {
		el.CreateAttr(attributes[i], attributes[i+1])
	}
	return el
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// newID makes an xs:ID: it may not begin with a digit.
func newID() string {
	b := make([]byte, 20)
	rand.Read(b)
	return "p" + hex.EncodeToString(b)
}

type redirecting struct {
	relay string
	sign  bool
}

// redirect gives the address that carries a message to the provider (Bindings, section 3.4). What is signed is the
// query as it stands (section 3.4.4.1).
func (p *Provider) redirect(to, name string, message *etree.Element, how redirecting) (string, error) {
	u, err := url.Parse(to)
	if err != nil {
		return "", fault.Internal(err, "read an address of the provider")
	}
	doc := etree.NewDocument()
	doc.SetRoot(message)
	text, err := doc.WriteToBytes()
	if err != nil {
		return "", fault.Internal(err, "write a message to the provider")
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.DefaultCompression)
	if err != nil {
		return "", fault.Internal(err, "pack a message to the provider")
	}
	if _, err := w.Write(text); err != nil {
		return "", fault.Internal(err, "pack a message to the provider")
	}
	if err := w.Close(); err != nil {
		return "", fault.Internal(err, "pack a message to the provider")
	}
	query := name + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(packed.Bytes()))
	if how.relay != "" {
		query += "&RelayState=" + url.QueryEscape(how.relay)
	}
	if how.sign {
		query += "&SigAlg=" + url.QueryEscape(rsaSHA256)
		sum := sha256.Sum256([]byte(query))
		signature, err := rsa.SignPKCS1v15(rand.Reader, p.key.private, crypto.SHA256, sum[:])
		if err != nil {
			return "", fault.Internal(err, "sign a message to the provider")
		}
		query += "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature))
	}
	if u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	}
	u.RawQuery = query
	return u.String(), nil
}

func (p *Provider) meta(ctx context.Context) (*metadata, error) {
	m, _, err := p.metadata.Value(ctx)
	return m, err
}

// refused says that an answer of the provider is not good.
func refused(format string, args ...any) *fault.Error {
	return fault.New(fault.KindUpstream, "the identity provider's answer is not accepted: "+format, args...)
}
